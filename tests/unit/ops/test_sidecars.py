"""In which order the emulator starts the containers of a task, and what it is told about them."""

import pytest

from ops.assembly import Stack
from ops.local.sidecars import in_start_order, prepare


def container(name, *, after=(), healthy=(), essential=True):
    waits = [{"ContainerName": on, "Condition": "HEALTHY" if on in healthy else "START"} for on in (*after, *healthy)]
    return {"Name": name, "Essential": essential, **({"DependsOn": waits} if waits else {})}


@pytest.mark.parametrize(
    ("given", "order"),
    [
        ([container("web", after=["a"]), container("a")], "a web"),
        ([container("web", after=["b"]), container("a"), container("b", after=["a"])], "a b web"),
        ([container("web"), container("late", after=["web"])], "web late"),
        ([container("web", after=["a"]), container("a", essential=False)], "web a"),
        ([container("web", after=["b"]), container("a", essential=False), container("b", after=["a"])], "b a web"),
    ],
    ids=["before", "chain", "after", "one that may end is not first", "an essential one is first"],
)
def test_a_container_starts_after_what_it_depends_on_and_the_first_one_is_essential(given, order):
    assert [one["Name"] for one in in_start_order(given)] == order.split()


def test_each_container_is_told_its_service_and_whether_it_is_awaited():
    definitions = [container("web", healthy=["proxy"]), container("proxy"), container("late", after=["web"])]
    task = {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": definitions}}
    prepare(Stack("Ecs-web", "app-Ecs-web", "x", {"Resources": {"Task": task}}))
    labels = {one["Name"]: one["DockerLabels"] for one in task["Properties"]["ContainerDefinitions"]}
    assert [*labels] == ["proxy", "web", "late"]
    assert {one["container-services.service"] for one in labels.values()} == {"web"}
    assert [name for name, one in labels.items() if "container-services.awaited" in one] == ["proxy"]


def test_a_task_of_one_container_stays_as_it_is():
    task = {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": [container("web")]}}
    prepare(Stack("Ecs-web", "app-Ecs-web", "x", {"Resources": {"Task": task}}))
    assert task["Properties"]["ContainerDefinitions"] == [container("web")]
