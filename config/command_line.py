"""What all commands of the project share: `-c KEY=VALUE`, one line per fault, and a quiet end when the output pipe closes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from config.errors import ConfigError, UserError

COMMAND_LINE: Final = "cdk -c"
"""The "file" that messages name for a setting from the command line."""

# The exit code that a shell reports for a command ended by SIGPIPE, as in `ls | head`.
PIPE_CLOSED = 128 + 13


def context_from(texts: Iterable[str]) -> dict[str, str]:
    """The context from options `-c KEY=VALUE`; the last one of a key wins. Raises ConfigError without a `=`."""
    return dict(_pair(text) for text in texts)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(COMMAND_LINE, key, "has no value", f"write -c {key}=VALUE")
    return key, value


def run(command: Callable[[], int], *, before: str = "") -> int:
    """Run a command and return its exit code. A fault that the user can fix is one line on standard error.

    That includes what the file system refuses.

    A closed pipe arrives as an exception, so a command can clean up before it ends.

    Args:
        command: returns the exit code of a run without a fault.
        before: printed in front of a fault's line, unless that begins with a file's name.
    """
    try:
        try:
            return command()
        finally:  # here, since at interpreter exit an error cannot be caught; --help leaves by SystemExit
            sys.stdout.flush()
    except UserError as error:
        print(error if isinstance(error, ConfigError) else f"{before}{error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        _discard_output()
        return PIPE_CLOSED
    except OSError as error:
        said = _of_the_file_system(error)
        if said is None:
            raise
        print(f"{before}{said}", file=sys.stderr)
        return 1


def _of_the_file_system(error: OSError) -> str | None:
    """A full disk, or a file that may not be read or written, in one line; None for any other error of the system."""
    if error.errno == errno.ENOSPC:
        return f"the disk is full ({error.filename or 'writing'}); free some space and run it again"
    if error.filename is None:
        return None
    return f"{error.filename}: {(error.strerror or 'cannot be used').lower()}; correct that and run it again"


def printable(text: str) -> str:
    """The text, with characters that the terminal's encoding lacks escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _discard_output() -> None:
    """Without this the interpreter complains at exit that it could not flush the buffer."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
