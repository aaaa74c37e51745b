"""Gives every contract test the harness's fixtures."""

from __future__ import annotations

from tests.contract.harness import engine, network  # noqa: F401  (pytest finds fixtures by name)
