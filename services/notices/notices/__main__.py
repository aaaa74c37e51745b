"""`python -m notices`: listens to SIGTERM before it loads anything large, as process 1 of a container would ignore it."""

import signal
import sys
import threading


def main() -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    from notices.start import run  # noqa: PLC0415  (loads botocore)

    return run(stop)


if __name__ == "__main__":
    sys.exit(main())
