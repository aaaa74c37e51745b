"""Stack names: stacks that are already deployed must keep theirs."""

from types import SimpleNamespace

import pytest

from config.names import platform_of, service_of, stack_id, stack_name
from config.settings import Platform


def test_a_service_has_a_stack_per_platform_and_the_services_of_a_platform_share_one():
    assert [stack_id(platform) for platform in Platform] == ["Ecs", "Eks"]
    assert [stack_id(platform, "web") for platform in Platform] == ["Ecs-web", "Eks-web"]


def test_a_stack_name_carries_app_and_environment():
    assert stack_name(SimpleNamespace(prefix="harbour-sandbox"), "Ecs-web") == "harbour-sandbox-Ecs-web"


@pytest.mark.parametrize(
    ("identifier", "platform"),
    [("Ecs", Platform.ECS), ("Eks-web", Platform.EKS), ("Network", None), ("Ecsology", None)],
)
def test_the_platform_follows_from_a_stack_id(identifier, platform):
    assert platform_of(identifier) is platform


def test_the_service_follows_from_a_stack_id():
    assert service_of("Ecs-shipment-search", Platform.ECS) == "shipment-search"
    assert service_of("Ecs-web", Platform.EKS) is None
    assert service_of("Ecs", Platform.ECS) is None
