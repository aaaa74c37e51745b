"""How an http service is reached: what it speaks, and on which hosts."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from config.model import Pattern

LONGEST_PATH: Final = 126
"""A rule's pattern for everything below a path has two characters more, and a condition's value at most 128:
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_PathPatternConditionConfig.html"""
LONGEST_HOST: Final = 128
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_HostHeaderConditionConfig.html"""
LONGEST_STICKY: Final = 604_800
"""Seconds of a load balancer's own cookie, which are seven days:
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html"""

_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"

PathPrefix = Annotated[
    str,
    Pattern(
        r"/|(/[a-z0-9][a-z0-9._~-]*)+", "/ or lower-case segments without a / at the end", "/tracking", LONGEST_PATH
    ),
]
# What a load balancer's condition and an Ingress both take: the last label is of letters, and one * stands for the first label.
Host = Annotated[
    str,
    Pattern(
        rf"(\*\.)?({_LABEL}\.)+[a-z]{{2,63}}",
        "a lower-case host name, or *. and a domain",
        "shop.example.com",
        LONGEST_HOST,
    ),
]


class Protocol(StrEnum):
    """What a service speaks on its port."""

    HTTP = "http"
    GRPC = "grpc"
    TCP = "tcp"
