"""One way to report what is wrong: a single line, with what to do instead.

- `UserError`: a fault that the user can fix. Every command prints its line and exits with its code.
- `ConfigError(UserError)`: an unusable setting or manifest: file, field, fault and what to write instead. Code 2.
- `OpsError(UserError)` in ops/errors.py: an operator's command failed. Code 1, or 2 for a wrong request.
- `AccountRefusedError(OpsError)` in ops/account.py: the environment does not allow the account of these credentials. Code 2.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

_PLAIN_FIELD = re.compile(r"[\w.<>,() \[\]-]+")
_LONGEST_SHOWN = 60
_CLOSE = 0.7  # of difflib's 0 to 1: helth is health (0.91) and prot is port (0.75); sidecars is not secrets (0.67)


class UserError(Exception):
    """A fault that the user can fix. `str()` is one line; the command exits with `exit_code`."""

    exit_code: int = 1


class ConfigError(UserError):
    """An unusable setting or manifest. `str()` is one line; `file` is relative to the project's root."""

    exit_code = 2

    def __init__(self, file: str, field: str, problem: str, remedy: str) -> None:
        self.file = one_line(file)
        self.field = field if _PLAIN_FIELD.fullmatch(field) else one_line(shown(field))
        self.problem = one_line(problem)
        self.remedy = one_line(remedy)
        super().__init__(f"{self.file}: {self.field}: {self.problem}; {self.remedy}")


def one_line(text: str) -> str:
    """The text with everything unprintable escaped, line ends included."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shown(value: object) -> str:
    """A value as messages quote it: as YAML would write it, shortened."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "null"
    text = repr(str(value)) if isinstance(value, str) else repr(value)  # an enumeration is text too
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def nearest(word: str, choices: Collection[str]) -> str | None:
    """The choice that the writer most likely meant; None when none is close."""
    lower = word.lower()
    by_beginning = [
        c for c in sorted(choices) if min(len(c), len(lower)) > 2 and (c.startswith(lower) or lower.startswith(c))
    ]
    if by_beginning:
        return min(by_beginning, key=lambda c: abs(len(c) - len(lower)))
    swapped = [c for c in choices if sorted(c) == sorted(lower)]  # esk for eks, which difflib finds far apart
    if swapped:
        return min(swapped)
    found = difflib.get_close_matches(lower, sorted(choices), n=1, cutoff=_CLOSE)
    return found[0] if found else None


def did_you_mean(word: str, choices: Collection[str], *, else_say: str) -> str:
    """The remedy for an unknown name: the nearest valid one, or `else_say`."""
    close = nearest(word, choices)
    return f"did you mean {close}?" if close else else_say
