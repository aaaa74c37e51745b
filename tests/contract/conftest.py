"""Makes the harness's fixtures known to every contract test."""

from __future__ import annotations

from tests.contract.harness import engine, network  # noqa: F401  (pytest finds fixtures by name)
