"""Commands that only print end quietly when their reader goes away, as in `make synth | head`."""

from __future__ import annotations

import signal


def end_with_the_reader() -> None:
    """Lets a closed pipe end the process as it ends any other command, without a traceback."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
