"""Availability zones where a platform does not run, by their ids: a zone's name is another one in each account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from config.settings import Platform

_WITHOUT_EKS: Final = frozenset({"use1-az3", "usw1-az2", "cac1-az3"})
"""https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html#network-requirements-subnets"""

_WITH_FARGATE: Final = {
    "usw1": frozenset({"usw1-az1", "usw1-az3"}),
    "apne1": frozenset({"apne1-az1", "apne1-az2", "apne1-az4"}),
    "cnn1": frozenset({"cnn1-az1", "cnn1-az2"}),
}
"""Regions where Fargate does not run in every zone:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html"""


def missing_in(zone_id: str, platforms: tuple[Platform, ...]) -> Iterator[str]:
    """What the platforms need and a zone does not have."""
    if Platform.EKS in platforms and zone_id in _WITHOUT_EKS:
        yield "EKS"
    everywhere = frozenset({zone_id})
    if Platform.ECS in platforms and zone_id not in _WITH_FARGATE.get(zone_id.partition("-")[0], everywhere):
        yield "Fargate"
