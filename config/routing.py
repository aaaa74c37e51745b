"""In which order the load balancers try paths: the deeper one first, and no service ever moves another's place."""

from __future__ import annotations

import hashlib
from typing import Final

from config.limits import LOWEST_PRIORITY

_BANDS: Final = {1: (15001, 49999), 2: (5001, 15000), 3: (1, 5000)}
"""Listener rule priorities by number of path segments (three stands for more): the deeper path is asked first."""


def priority_band(path: str) -> tuple[int, int]:
    """First and last priority that is derived for paths as deep as this one."""
    return _BANDS[min(3, path.count("/"))]


def derived_priority(path: str) -> int:
    """A priority that depends on the path and on nothing else, so that a new service never moves another's."""
    if path == "/":
        return LOWEST_PRIORITY
    low, high = priority_band(path)
    digest = int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "big")
    return low + digest % (high - low + 1)


def path_patterns(path: str) -> tuple[str, ...]:
    """What a listener rule matches for a path: the path itself and all below it."""
    return ("/*",) if path == "/" else (path, f"{path}/*")
