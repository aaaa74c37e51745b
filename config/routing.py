"""The order in which the load balancers try paths: deeper ones first, and no service changes another's place."""

from __future__ import annotations

import hashlib
from typing import Final

from config.limits import LOWEST_PRIORITY

_BANDS: Final = {1: (15001, 49999), 2: (5001, 15000), 3: (1, 5000)}
"""Listener rule priorities by number of path segments (three means three or more): deeper paths are tried first."""


def priority_band(path: str) -> tuple[int, int]:
    """First and last priority that can be derived for paths of this depth."""
    return _BANDS[min(3, path.count("/"))]


def derived_priority(path: str) -> int:
    """A priority that depends only on the path, so a new service never changes another's."""
    if path == "/":
        return LOWEST_PRIORITY
    low, high = priority_band(path)
    digest = int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "big")
    return low + digest % (high - low + 1)


def path_patterns(path: str) -> tuple[str, ...]:
    """What a listener rule matches for a path: the path itself and everything below it."""
    return ("/*",) if path == "/" else (path, f"{path}/*")
