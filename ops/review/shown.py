"""Text of templates as a page may show it: nothing invisible, nothing endless, and ids that anchors can name."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

_NOT_PLAIN: Final = re.compile(r"[^\n\t\x20-\x7e]")
_NOT_IN_AN_ID: Final = re.compile(r"[^A-Za-z0-9_-]+")
# Control, format, surrogate, private, unassigned; line and paragraph separators; spaces other than the usual one.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
# Letters and marks that are drawn as nothing: fillers, the blank of Braille, variation selectors.
_BLANK: Final = re.compile(
    "[\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u034f\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
_LONGEST_ID: Final = 60


def visible(text: str) -> str:
    """The text with each character that cannot be seen, or that reorders others, as its code: ⟨U+202E⟩.

    The result holds no control character, so it is valid in HTML, SVG and UTF-8, whatever the text was.
    """
    return _NOT_PLAIN.sub(_code, text)


def _code(match: re.Match[str]) -> str:
    character = match[0]
    if unicodedata.category(character) in _UNSEEN or _BLANK.match(character):
        return f"⟨U+{ord(character):04X}⟩"
    return character


def cut(text: str, longest: int) -> str:
    """The text, shortened; how much is left out is said."""
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text) - longest:,} more characters)"


def shortened(text: str, longest: int) -> str:
    """The text on one line with its middle left out, as two names often differ only at the end."""
    line = " ".join(text[: 50 * longest].split())
    if len(line) <= longest:
        return line
    half = (longest - 1) // 2
    return f"{line[: longest - 1 - half]}…{line[-half:]}"


def slug(*parts: str) -> str:
    """An id for HTML that says what it is, and that differs wherever the parts differ."""
    plain = "-".join(parts)
    kept = _NOT_IN_AN_ID.sub("-", plain)[:_LONGEST_ID]
    if kept == plain:
        return kept
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{kept}-{digest[:8]}"
