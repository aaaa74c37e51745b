"""Durations. Each is created once: creating one is a call to Node, and services share most of them."""

from __future__ import annotations

from functools import cache

from aws_cdk import Duration


@cache
def seconds(count: int) -> Duration:
    """A duration in whole seconds."""
    return Duration.seconds(count)
