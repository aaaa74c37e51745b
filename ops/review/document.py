"""A review as JSON, for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

from ops.review.model import Review

FORMAT: Final = 1
"""Raised when a key changes its meaning or goes away."""


def document(review: Review) -> str:
    """The JSON. Drawings are left out: they show what `exposure` says."""
    content: dict[str, Any] = {"format": FORMAT, "empty": review.is_empty, **asdict(review)}
    for picture in content["pictures"]:
        del picture["svg"]
    # Surrogates that a template may hold alone cannot be written as UTF-8; \u escapes can.
    return json.dumps(content, indent=1, ensure_ascii=True) + "\n"
