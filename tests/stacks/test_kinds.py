"""Every kind of service is implemented on both platforms."""

from __future__ import annotations

import pytest

from config.service import KINDS
from stacks.ecs import service as ecs
from stacks.eks import service as eks


@pytest.mark.parametrize("platform", [ecs, eks])
def test_every_kind_has_a_construct_of_its_own(platform):
    assert set(platform.KINDS) == set(KINDS.values())
    assert len(set(platform.KINDS.values())) == len(KINDS)
