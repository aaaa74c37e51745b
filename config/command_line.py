"""What every command of the project does the same way: `-c KEY=VALUE`, a fault as one line, a quiet end when nobody reads on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from config.errors import ConfigError, UserError

COMMAND_LINE: Final = "cdk -c"
"""What messages name as the file of a setting that came from the command line."""

# What a shell reports for a command that SIGPIPE ended, as it ends `ls | head`.
PIPE_CLOSED = 128 + 13


def context_from(texts: Iterable[str]) -> dict[str, str]:
    """The context that options `-c KEY=VALUE` give, the last one of a key winning. Raises ConfigError without a `=`."""
    return dict(_pair(text) for text in texts)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(COMMAND_LINE, key, "has no value", f"write -c {key}=VALUE")
    return key, value


def run(command: Callable[[], int], *, before: str = "") -> int:
    """Run a command and return its exit code. A fault that the user can mend is one line on the error output.

    A closed pipe ends a command that only prints as well as one that has to clean up first: it arrives as an exception.

    Args:
        command: returns the exit code of a run without a fault.
        before: printed in front of a fault's line, but for those that begin with a file's name.
    """
    try:
        try:
            return command()
        finally:  # here and not at the interpreter's end, where nobody can catch it; --help leaves by SystemExit
            sys.stdout.flush()
    except UserError as error:
        print(error if isinstance(error, ConfigError) else f"{before}{error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        _let_nobody_read()
        return PIPE_CLOSED


def printable(text: str) -> str:
    """The text with what the terminal's encoding lacks escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _let_nobody_read() -> None:
    """Without this the interpreter complains at its end that it could not write what is left in the buffer."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
