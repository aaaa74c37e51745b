"""`python -m tracking`: what the image's ENTRYPOINT runs.

The first thing it does is to take SIGTERM: as process 1 of a container it would otherwise ignore a stop that comes
while the imports below still run, and be killed when the stop timeout is over.
"""

import gc
import signal
import sys

gc.disable()  # while modules load nothing becomes garbage; main() switches it on
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

from tracking.server import main  # noqa: E402  (see above)

if __name__ == "__main__":
    sys.exit(main())
