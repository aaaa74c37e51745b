"""Stacks in the emulator are found and deleted."""

from types import SimpleNamespace

import pytest

from config.settings import Platform
from ops.errors import OpsError
from ops.local import cloudformation
from ops.local.cdk import TOOLKIT_STACK
from tests.fakes.aws import CloudFormation, FakeTarget

SETTINGS = SimpleNamespace(prefix="app-sandbox", platforms=(Platform.ECS, Platform.EKS))
CATALOG = SimpleNamespace(on=lambda _: (SimpleNamespace(name="web"),))


def over(*names, **known):
    return FakeTarget(cloudformation=CloudFormation(*names, **known))


def test_stacks_of_services_that_are_gone_are_found_and_no_others():
    target = over(
        "app-sandbox-Ecs", "app-sandbox-Ecs-web", "app-sandbox-Ecs-old", "app-sandbox-Eks-old", "other-Ecs-old"
    )
    gone = cloudformation.stacks_of_gone_services(target, SETTINGS, CATALOG)
    assert gone == ["app-sandbox-Ecs-old", "app-sandbox-Eks-old"]


def test_stacks_that_left_the_app_are_deleted():
    target = over("app-sandbox-Ecs-old", "app-sandbox-Ecs-web")
    cloudformation.delete_stacks(target, ["app-sandbox-Ecs-old"])
    assert cloudformation.stack_names(target) == ["app-sandbox-Ecs-web"]


def test_a_stack_that_cannot_be_deleted_is_named(monkeypatch):
    monkeypatch.setattr(cloudformation, "GONE_SECONDS", 0.05)
    target = over("app-sandbox-Ecs-old")
    target.cloudformation.delete_stack = lambda **_: None
    with pytest.raises(OpsError, match="app-sandbox-Ecs-old: could not be deleted"):
        cloudformation.delete_stacks(target, ["app-sandbox-Ecs-old"])


def test_outputs_are_known_by_stack_and_key():
    outputs = {("app-State", "Table"): "t-1"}
    assert cloudformation.stack_outputs(over("app-State", outputs=outputs)) == outputs


def test_repositories_are_those_of_our_own_stacks():
    repositories = {"Registry": "app/web", TOOLKIT_STACK: "cdk-assets"}
    resources = {stack: [(cloudformation.REPOSITORY, name), ("X", "y")] for stack, name in repositories.items()}
    assert cloudformation.repositories_of_stacks(over(**resources)) == {"app/web"}


def test_a_stack_that_is_not_there_holds_nothing():
    assert cloudformation.physical_ids(over(), "app-none", "X") == []
