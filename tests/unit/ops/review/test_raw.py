"""The raw difference of templates: what differs, line by line, and nothing that only moved."""

import copy
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.review.line_diff import unified
from ops.review.model import Status
from ops.review.normalise import lines
from ops.review.pair import Pair, Side
from ops.review.raw import templates
from tests.fakes.stacks import att, output, ref, resource, stack, weak

HASH, OTHER_HASH = "a" * 64, "b" * 64
QUEUE = {
    "Q": resource(
        "AWS::SQS::Queue", VisibilityTimeout=30, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    )
}


def pair(before, after):
    return Pair(Side("then", before), Side("now", after))


def only(before, after):
    """The one difference of two sets of resources."""
    [template] = templates(pair([stack("State", before)], [stack("State", after)]))
    [found] = template.resources
    return found


def changed(*, kind="AWS::SQS::Queue", before=None, after=None, **both):
    """The signed lines of a resource whose properties differ."""
    old, new = ({"R": resource(kind, **{**both, **(own or {})})} for own in (before, after))
    return ["".join(line) for line in only(old, new).lines if line[0] in "+-"]


def test_a_changed_value_is_shown_with_three_lines_around_it():
    many = {f"P{number}": number for number in range(9)}
    found = only({"R": resource("X", **many)}, {"R": resource("X", **{**many, "P4": 40})})
    assert (found.name, found.type, found.status) == ("R", "X", Status.CHANGED)
    assert found.lines == (
        ("…", ""), (" ", "  P1: 1"), (" ", "  P2: 2"), (" ", "  P3: 3"), ("-", "  P4: 4"), ("+", "  P4: 40"),
        (" ", "  P5: 5"), (" ", "  P6: 6"), (" ", "  P7: 7"), ("…", ""),
    )  # fmt: skip


def test_the_same_templates_differ_in_nothing():
    assert templates(pair([stack("State", QUEUE)], [stack("State", copy.deepcopy(QUEUE))])) == ()


def test_new_and_removed_resources_and_templates_are_shown_whole():
    before, after = (
        [stack("Old", QUEUE), stack("State", QUEUE)],
        [stack("State", {"P": QUEUE["Q"]}), stack("New", QUEUE)],
    )
    found = templates(pair(before, after))
    assert [(t.stack, t.status) for t in found] == [
        ("State", Status.CHANGED), ("New", Status.ADDED), ("Old", Status.REMOVED),
    ]  # fmt: skip
    assert [(r.name, r.status) for r in found[0].resources] == [("P", Status.ADDED), ("Q", Status.REMOVED)]
    assert {sign for sign, _ in found[0].resources[1].lines} == {"-"}
    assert ("+", "  VisibilityTimeout: 30") in found[1].resources[0].lines


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"Image": f"1.ecr/app:ecs-{HASH}"}, {"Image": f"1.ecr/app:ecs-{OTHER_HASH}"}),
        ({"Image": f"1.ecr/app:eks-sidecar.x.{HASH}"}, {"Image": f"1.ecr/app:eks-sidecar.x.{OTHER_HASH}"}),
        ({"S3Key": f"{HASH}.zip"}, {"S3Key": f"{OTHER_HASH}.zip"}),
        ({"PruneLabel": f"aws.cdk.eks/prune-c8{HASH[:40]}"}, {"PruneLabel": f"aws.cdk.eks/prune-c8{OTHER_HASH[:40]}"}),
        ({"Tags": QUEUE["Q"]["Properties"]["Tags"]}, {"Tags": QUEUE["Q"]["Properties"]["Tags"][::-1]}),
        ({"A": 1, "B": 2}, {"B": 2, "A": 1}),
        ({"M": '[{"a":1,"b":2}]'}, {"M": '[{"b": 2, "a": 1}]'}),
    ],
)  # fmt: skip
def test_what_differs_in_a_hash_or_in_order_is_counted(before, after):
    both = [stack("State", {"R": resource("X", **properties), "Q": QUEUE["Q"]}) for properties in (before, after)]
    [found] = templates(pair(both[:1], both[1:]))
    assert (found.resources, found.moved) == ((), 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HASH, OTHER_HASH), (f"sha256:{HASH}", f"sha256:{OTHER_HASH}"), ("release20260101", "release20260102"),
        (["a", "b"], ["b", "a"]),
    ],
)  # fmt: skip
def test_what_only_looks_like_a_hash_or_an_order_is_shown(before, after):
    assert changed(before={"Value": before}, after={"Value": after})


def test_another_version_of_a_function_is_the_same_resource():
    names = [f"HandlerCurrentVersion93FB80BF{digest[:32]}" for digest in (HASH, OTHER_HASH)]
    both = [stack("State", {name: resource("AWS::Lambda::Version", FunctionName="f")}) for name in names]
    [found] = templates(pair(both[:1], both[1:]))
    assert (found.resources, found.moved) == ((), 1)


def test_metadata_of_cdk_is_left_out_and_other_metadata_is_not():
    before = {"R": resource("X") | {"Metadata": {"aws:cdk:path": "a", "cdk_nag": {}}}}
    moved = {"R": resource("X") | {"Metadata": {"aws:cdk:path": "b"}}}
    [found] = templates(pair([stack("State", before)], [stack("State", moved)]))
    assert (found.resources, found.moved) == ((), 1)
    other = {"R": resource("X") | {"Metadata": {"AWS::CloudFormation::Init": {"config": 1}}}}
    assert ("+", "  AWS::CloudFormation::Init:") in only(before, other).lines


def test_references_read_as_what_they_point_to():
    network = stack("Network", {"Vpc8378EB38": resource("AWS::EC2::VPC")}, outputs={"Id": output(ref("Vpc8378EB38"))})
    before = [network, stack("Ecs", {"R": resource("X", VpcId=weak("Network", "Id"), Arn=att("Q1234ABCD", "Arn"))})]
    [found] = templates(pair(before, [network, stack("Ecs", {})]))
    texts = [text for _, text in found.resources[0].lines]
    assert "  VpcId: <Network/Vpc>" in texts
    assert "  Arn: <Ecs/Q.Arn>" in texts


def test_objects_inside_of_text_are_structure():
    objects = [{"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 1}}]
    later = [{"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 2}}]
    found = changed(before={"Manifest": json.dumps(objects)}, after={"Manifest": json.dumps(later)})
    assert found == ["-        replicas: 1", "+        replicas: 2"]
    joined = {
        "Fn::Join": ["", ['[{"kind":"Deployment","metadata":{"name":"web"},"image":"', ref("AWS::Region"), '"}]']]
    }
    found = changed(before={"Manifest": json.dumps(objects)}, after={"Manifest": joined})
    assert "+      image: <AWS::Region>" in found


def test_what_is_not_a_resource_is_shown_by_section():
    before = stack("Ecs", QUEUE, outputs={"Url": output("http://a")}, parameters={"P": {"Type": "String"}})
    after = stack("Ecs", QUEUE, outputs={"Url": output("http://b")}, parameters={})
    [found] = templates(pair([before], [after]))
    assert [(r.name, r.type, r.status) for r in found.resources] == [
        ("Outputs", "", Status.CHANGED), ("Parameters", "", Status.REMOVED),
    ]  # fmt: skip


def test_a_long_line_is_cut_to_where_it_differs():
    start = "x" * 5000
    minus, plus = changed(before={"V": f"{start}a{start}"}, after={"V": f"{start}b{start}"})
    assert minus.startswith("-(4,8")
    assert "characters before) …xxx" in minus
    assert "xa" in minus
    assert "xb" in plus
    assert "more characters)" in plus
    assert len(plus) < 2200


def test_invisible_characters_are_shown_by_their_codes():
    [_, line] = changed(before={"V": "ab"}, after={"V": "a\u202eb\ud800\x00\u200b"})
    assert line == r'+  V: "a\u202eb\ud800\u0000\u200b"'


def test_text_that_yaml_would_read_as_something_else_is_quoted():
    values = {"a": "true", "b": "0123", "c": "x: y", "d": "", "e": "* all", "f": "a:b", "g": True, "h": None, "i": "x "}
    assert lines(values) == [
        'a: "true"', 'b: "0123"', 'c: "x: y"', 'd: ""', 'e: "* all"', "f: a:b", "g: true", "h: null", 'i: "x "',
    ]  # fmt: skip
    assert lines({"a": [{"b": 1, "c": [2]}, [], {}], "d": "one\ntwo"}) == [
        "a:", "  - b: 1", "    c:", "      - 2", "  - []", "  - {}", "d: |", "  one", "  two",
    ]  # fmt: skip


TEXTS = st.lists(st.sampled_from("abcdefgh"), max_size=40)


@given(TEXTS, TEXTS)
def test_the_lines_of_a_difference_make_one_side_into_the_other(before, after):
    shown = unified(before, after)
    minus = [text for sign, text in shown if sign in "- "]
    plus = [text for sign, text in shown if sign in "+ "]
    assert is_part(minus, before)
    assert is_part(plus, after)
    assert [x for x in shown if x[0] in "+-"] == [] if before == after else shown
    gone, come = sum(sign == "-" for sign, _ in shown), sum(sign == "+" for sign, _ in shown)
    assert len(before) - gone == len(after) - come


def is_part(some, whole):
    rest = iter(whole)
    return all(item in rest for item in some)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from([HASH, "[1]", "{}", '{"a":[1]}'])
)
REFERENCES = st.one_of(
    st.fixed_dictionaries({"Ref": SCALARS}),
    st.fixed_dictionaries({"Fn::GetAtt": st.lists(SCALARS, max_size=3) | SCALARS}),
    st.fixed_dictionaries({"Fn::Join": st.lists(SCALARS, max_size=3) | SCALARS}),
    st.fixed_dictionaries({"Fn::Sub": st.lists(SCALARS, max_size=3) | SCALARS}),
    st.fixed_dictionaries({"Fn::ImportValue": SCALARS}),
)
ANYTHING = st.recursive(
    SCALARS | REFERENCES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
RESOURCES = st.dictionaries(
    st.sampled_from("ABC"), st.fixed_dictionaries({"Type": st.just("X"), "Properties": ANYTHING}) | ANYTHING, max_size=3
)
MIRROR = {Status.ADDED: Status.REMOVED, Status.REMOVED: Status.ADDED, Status.CHANGED: Status.CHANGED}


@settings(max_examples=60)
@given(RESOURCES, RESOURCES)
def test_any_templates_mirror_each_other(one, other):
    there = templates(pair([stack("S", one)], [stack("S", other)]))
    back = templates(pair([stack("S", other)], [stack("S", one)]))
    shape = [(t.stack, t.moved, [(r.name, MIRROR[r.status]) for r in t.resources]) for t in there]
    assert shape == [(t.stack, t.moved, [(r.name, r.status) for r in t.resources]) for t in back]
    assert templates(pair([stack("S", one)], [stack("S", copy.deepcopy(one))])) == ()
    json.dumps([[r.lines for r in t.resources] for t in there]).encode()


HUGE = {
    "one long text": lambda seed: {"R": resource("X", V="a" * 2_500_000 + str(seed) + "b" * 2_500_000)},
    "many resources": lambda seed: {f"R{n}": resource("X", V=[n * seed] * 5, W="w" * 900) for n in range(5000)},
    "one of many lines": lambda seed: {"R": resource("X", V=[f"{n * seed % 99991}-{'x' * 60}" for n in range(70_000)])},
    "few different lines": lambda seed: {
        "R": resource("X", V=[["y", "z" * 50, str(n % (seed + 3))] for n in range(70_000)])
    },
}


@pytest.mark.parametrize("shape", HUGE)
def test_five_megabytes_take_seconds_and_are_cut(shape):
    both = pair(*([stack("S", HUGE[shape](seed))] for seed in (1, 2)))
    start = time.process_time()
    [found] = templates(both)
    assert time.process_time() - start < 10  # half a second to two on an idle machine
    assert 0 < sum(len(text) for r in found.resources for _, text in r.lines) < 10_000_000
    if shape == "many resources":
        assert found.resources[-1].lines == (("…", "14 lines, left out: the template has too many"),)
