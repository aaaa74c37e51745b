"""What reaches what in the sample app, as it is synthesized."""

import pytest

from ops.assembly import Assembly
from ops.changes.sides import Sides
from ops.review.exposure import exposure
from ops.review.model import NodeKind
from ops.review.pair import Pair, Side
from ops.review.reach import reach

SERVICES = ("hello", "notices", "quotes", "tracking", "web")


@pytest.fixture(scope="module")
def stacks(sandbox):
    return Assembly(sandbox.directory).stacks


@pytest.fixture(scope="module")
def found(stacks):
    sides = Sides([], stacks)
    return reach(sides.after, sides.will_be)


@pytest.fixture(scope="module")
def edges(found):
    return {(edge.source, edge.target): edge.what for edge in found.edges}


@pytest.mark.parametrize("platform", ["ecs", "eks"])
class TestPlatform:
    def test_the_internet_reaches_services_only_through_the_load_balancer(self, edges, platform):
        balancer = f"{platform}/load-balancer"
        assert {target for source, target in edges if source == "internet"} == {
            "ecs/load-balancer",
            "eks/load-balancer",
        }
        assert edges["internet", balancer] == ("http 80",)
        behind = {target: what for (source, target), what in edges.items() if source == balancer}
        assert behind == {
            f"{platform}/web": ("http /",),
            f"{platform}/tracking": ("http /tracking",),
            f"{platform}/quotes": ("http /quotes",),
        }

    def test_only_its_callers_and_the_load_balancer_reach_tracking(self, edges, platform):
        sources = {source: what for (source, target), what in edges.items() if target == f"{platform}/tracking"}
        assert sources == {
            f"{platform}/load-balancer": ("http /tracking",),
            f"{platform}/quotes": ("tcp 8080",),
            f"{platform}/web": ("tcp 8080",),
        }

    def test_data_is_reached_by_whom_it_is_for(self, edges, platform):
        data = {
            (source, target): what
            for (source, target), what in edges.items()
            if source.startswith(platform) and target.startswith(("table", "queue"))
        }
        assert data == {
            (f"{platform}/tracking", "table/tracking"): ("reads", "writes"),
            (f"{platform}/tracking", "queue/notices"): ("sends",),
            (f"{platform}/notices", "queue/notices"): ("receives",),
        }


def test_both_platforms_open_the_same(edges):
    """The routes and calls of each service, its ways out and its data."""

    def of(platform):
        shown = {}
        for (source, target), what in edges.items():
            ends = (source, target)
            if any(end.startswith(f"{platform}/") and end != "eks/cluster" for end in ends):
                shown[tuple(end.removeprefix(f"{platform}/") for end in ends)] = what
        return shown

    assert of("ecs") == of("eks")


def test_no_node_has_a_hash(found):
    assert {node.label for node in found.nodes if node.kind is NodeKind.SERVICE} == set(SERVICES)
    assert {node.id for node in found.nodes if node.kind is NodeKind.TABLE} == {"table/tracking"}


def test_every_edge_rests_on_resources_that_exist(found, stacks):
    known = {(stack.id, name) for stack in stacks for name in stack.resources}
    assert all(edge.evidence and set(edge.evidence) <= known for edge in found.edges)


def test_it_says_nothing_of_itself(stacks):
    assert exposure(Pair(Side("then", stacks), Side("now", stacks))).items == ()
