"""Makes the harness importable by its plain name, and its fixtures known to every contract test."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from harness import engine, network  # noqa: F401  (pytest finds fixtures by name)
