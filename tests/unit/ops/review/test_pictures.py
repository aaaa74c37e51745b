"""The pictures: what is drawn, with which marks, as valid SVG whose texts are inert, and without Node."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import pytest
from defusedxml import ElementTree

from ops.review.drawing import order
from ops.review.graph import around, folded, merged
from ops.review.layout import LayoutError, placed
from ops.review.model import Edge, Exposure, Node, NodeKind, Reach, Status
from ops.review.page import page
from ops.review.pictures import MOST_SERVICES, described, pictures
from tests.unit.ops.review.samples import ATTACK, everything, exposure, fresh, hostile, many

ELEMENTS = {"svg", "title", "desc", "g", "rect", "path", "text", "circle"}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def drawn():
    review = everything()
    return {picture.id: picture for picture in pictures(review.exposure, review.services)}


def texts(picture, kind):
    root = ElementTree.fromstring(picture.svg)
    return [
        (group.get("class").split()[-1], "".join(group.find(f"{SVG}title").itertext()))
        for group in root.iter(f"{SVG}g")
        if group.get("class").startswith(kind)
    ]


def graph_of(review):
    return merged(review.exposure, {card.service: card.status for card in review.services})


def test_the_environment_and_every_service_that_changes_are_drawn(drawn):
    assert [*drawn] == [
        "picture-environment",
        "picture-of-hello",
        "picture-of-notices",
        "picture-of-quotes",
        "picture-of-tracking",
    ]
    assert "web" not in [name for _, name in texts(drawn["picture-of-notices"], "node")]


def test_what_changes_is_marked_and_what_stays_is_not(drawn):
    nodes = texts(drawn["picture-environment"], "node")
    assert ("added", "quotes (added)") in nodes
    assert nodes.count(("removed", "hello (removed)")) == 2
    assert ("same", "web") in nodes
    edges = texts(drawn["picture-environment"], "edge")
    assert ("added", "notices (ECS) → the internet: new: tcp 443") in edges
    assert ("removed", "quotes (EKS) → tracking (EKS): gone: tcp 8080") in edges
    changed = "load balancer (ECS) → tracking (ECS): as before: /tracking on tcp 8080; new: /shipments on tcp 8080"
    assert ("changed", changed) in edges
    assert ("same", "tracking (ECS) → table tracking: as before: reads, writes") in edges
    assert drawn["picture-environment"].svg.count('class="mark"') == sum(status != "same" for status, _ in nodes)


def test_an_arrow_ends_at_its_target():
    graph = graph_of(everything())
    sizes = order(graph, wordy=True).sizes
    [place] = placed([order(graph, wordy=True)])
    numbers = {spot.node.id: number for number, spot in enumerate(graph.spots)}
    for link, curve in zip(graph.links, place.edges, strict=True):
        for end, (x, y) in ((link.target, curve.tip), (link.source, curve.points[0])):
            middle, (width, height) = place.nodes[numbers[end]], sizes[numbers[end]]
            assert abs(x - middle[0]) <= width / 2 + 2
            assert abs(y - middle[1]) <= height / 2 + 2


@pytest.mark.parametrize("make", [hostile, fresh, many])
def test_each_picture_is_valid_svg_with_a_title_and_a_description(make):
    review = make()
    for picture in pictures(review.exposure, review.services):
        if not picture.svg:
            assert picture.id == "picture-more"
            continue
        root = ElementTree.fromstring(picture.svg)
        assert root.get("role") == "img"
        assert [part.tag for part in root][:2] == [f"{SVG}title", f"{SVG}desc"]
        assert {part.tag.removeprefix(SVG) for part in root.iter()} <= ELEMENTS
        assert not re.search(r"\son|href|style", " ".join(name for part in root.iter() for name in part.attrib))


def test_a_hundred_services_fold_into_one_box_and_those_that_change_stay():
    graph = folded(graph_of(many()))
    labels = [spot.node.label for spot in graph.spots]
    assert labels.count("96 unchanged services") == 2
    assert "34 unchanged tables" in labels
    assert [label for label in labels if label.startswith("service-")] == [
        f"service-{n:03}" for n in (0, 25, 50, 75)
    ] * 2
    assert len(graph.spots) < 20


def test_a_new_environment_folds_too_and_says_how_many_services_are_not_drawn_one_by_one():
    review = fresh()
    assert [spot.node.label for spot in folded(graph_of(review)).spots].count("100 new services") == 2
    found = pictures(review.exposure, review.services)
    assert len(found) == MOST_SERVICES + 2
    assert found[-1].title == "88 more services change"


def test_a_services_picture_goes_from_the_internet_through_its_callers_to_its_data():
    graph = around(graph_of(everything()), "tracking")
    ids = {spot.node.id for spot in graph.spots}
    assert {"internet", "ecs/load-balancer", "ecs/quotes", "ecs/tracking", "table/tracking", "queue/notices"} <= ids
    assert {"ecs/web", "ecs/hello", "secret/carrier", "bucket/quotes"} & ids == set()


def test_without_node_the_review_has_a_note_in_place_of_each_picture():
    review = everything()
    found = pictures(review.exposure, review.services, node="/nowhere/node")
    assert [picture.svg for picture in found] == [""] * 5
    assert found[0].description.startswith("Not drawn: the layout engine cannot be run (/nowhere/node: No such file")
    assert "From notices (ECS) to the internet, new: tcp 443." in found[0].description
    assert "Not drawn: the layout engine" in page(replace(review, pictures=found))


def test_a_layout_that_fails_is_a_note_too():
    found = pictures(exposure(), node=shutil.which("true"))
    assert found[0].description.startswith("Not drawn: the layout engine cannot be run (the layout cannot be read")
    with pytest.raises(LayoutError):
        placed([], shutil.which("false"))


def test_no_text_of_a_template_reaches_the_layout_engine():
    graph = graph_of(hostile())
    assert ATTACK[:20] in "".join(spot.node.label for spot in graph.spots)
    assert all(isinstance(part, int | float) for edge in order(graph, wordy=True).edges for part in edge)


def test_an_edge_to_a_node_that_is_not_listed_is_drawn():
    reach = Reach((), (Edge(source="sg-1", target="sg-1", what=()),))
    [picture] = pictures(Exposure(Reach((), ()), reach, (), ()))
    assert texts(picture, "edge") == [("added", "sg-1 → sg-1: new: anything")]
    assert pictures(Exposure(Reach((), ()), Reach((), ()), (), ())) == ()


def test_a_description_says_what_changes_and_counts_the_rest():
    web = Node(id="web", kind=NodeKind.SERVICE, label="web", platform="ecs")
    table = Node(id="table", kind=NodeKind.TABLE, label="ships")
    reads, writes = (Edge(source="web", target="table", what=(what,)) for what in ("reads", "writes"))
    both = (web, table)
    graph = merged(Exposure(Reach(both, (reads,)), Reach(both, (reads, writes)), (), ()), {"web": Status.SAME})
    assert described(graph) == "From web (ECS) to table ships, new: writes."
    same = merged(Exposure(Reach(both, (reads,)), Reach(both, (reads,)), (), ()), {})
    assert described(same) == "1 connection stays as before."
