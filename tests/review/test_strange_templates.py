"""Whatever a template holds, a review is made, and what it holds stays inert text."""

from __future__ import annotations

import copy
import html
import json
import random
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops.assembly import Assembly, Stack
from ops.review.command import review
from ops.review.document import document
from ops.review.markdown import LONGEST, markdown
from ops.review.model import Review
from ops.review.page import page
from ops.review.pair import Pair, Side
from ops.review.sources import Sources
from tests.fakes.stacks import ref, resource, stack

pytestmark = pytest.mark.xdist_group("reviews")

CHOSEN = {"State", "Registry", "Ecs", "Ecs-tracking", "Ecs-notices", "Eks-tracking", "Network"}
STRANGE = [
    None, 1, True, "", [], {}, "x" * 50, -1.5, [[]], [None], {"a": None}, "*", {"AWS": "*"}, "\ud800", "\u202e", "<b>",
    {"Ref": "Nope"}, {"Ref": 1}, {"Fn::GetAtt": "a"}, {"Fn::GetAtt": []}, {"Fn::GetAtt": [1, 2]}, {"Fn::Join": ["", 1]},
    {"Fn::Join": []}, {"Fn::Sub": 1}, {"Fn::Sub": []}, {"Fn::Sub": ["a"]}, {"Fn::GetStackOutput": "x"},
    {"Fn::GetStackOutput": {}}, {"Fn::ImportValue": 1}, {"Fn::If": ["a", "b"]}, {"Fn::If": "x"}, {"Fn::Select": [0]},
]  # fmt: skip


def reviewed(before: list[Stack], after: list[Stack]) -> Review:
    both = Sources(Side("then", before), Side("now", after))
    return review(Pair(both.before, both.after), both, "sandbox")


def places(node, path=()):
    """Every place in a template."""
    for key, inner in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*path, key)
        yield from places(inner, (*path, key))


def spoiled(stacks: list[Stack], seed: int) -> list[Stack]:
    """The stacks with something strange in a few places."""
    chance = random.Random(seed)  # noqa: S311 - the same for the same seed
    found = [replace(one, template=copy.deepcopy(one.template)) for one in stacks]
    for _ in range(chance.randint(0, 5)):
        template = chance.choice(found).template
        *above, last = chance.choice(list(places(template)))
        node = template
        for key in above:
            node = node[key]
        node[last] = copy.deepcopy(chance.choice(STRANGE))
    return found


class Stacks(list[Stack]):
    """Stacks whose templates do not fill the screen when a test fails."""

    def __repr__(self) -> str:
        return f"{len(self)} stacks"


@pytest.fixture(scope="module")
def real(synthesis) -> Stacks:
    return Stacks(one for one in Assembly(synthesis.assembly("sandbox").directory).stacks if one.id in CHOSEN)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seeds=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)))
def test_nothing_in_a_template_breaks_it(real, seeds):
    before, after = (spoiled(real, seed) for seed in seeds)
    found = reviewed(before, after)
    assert len(markdown(found).splitlines()) < LONGEST
    assert json.loads(document(found))["format"] == 1
    page(found).encode("utf-8")


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6))
def test_what_is_strange_on_both_sides_is_no_change(real, seed):
    found = reviewed(spoiled(real, seed), spoiled(real, seed))
    assert found.is_empty, markdown(found)


SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
MARKUP = f"{SCRIPT} [x](javascript:alert(3)) @everyone #1 ![i](https://example.com/i.png) `<b>` \u202e\x00"


class Tags(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, {key: value or "" for key, value in attrs}))


def hostile(text: str) -> list[Stack]:
    """Services whose every text is hostile."""
    policy = {"Statement": [{"Effect": "Allow", "Action": f"s3:{text}", "Resource": text, "Sid": text}]}
    container = {"Name": text, "Image": text, "Environment": [{"Name": text, "Value": text}], "Command": [text]}
    objects = json.dumps([{"apiVersion": "v1", "kind": text, "metadata": {"name": text}, "spec": {text: text}}])
    task = {
        text: resource("AWS::ECS::TaskDefinition", ContainerDefinitions=[container], Family=text),
        "Role": resource("AWS::IAM::Role", RoleName=text, AssumeRolePolicyDocument=policy),
        "Policy": resource("AWS::IAM::Policy", PolicyDocument=policy, Roles=[ref("Role")]),
        "Table": resource(
            "AWS::DynamoDB::Table", TableName=text, KeySchema=[{"AttributeName": text, "KeyType": "HASH"}]
        ),
        "Group": resource(
            "AWS::EC2::SecurityGroup",
            GroupDescription=text,
            SecurityGroupIngress=[
                {"CidrIp": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "Description": text}
            ],
        ),
        "Odd": resource(text, Value=text),
    }
    applied = resource("Custom::AWSCDK-EKS-KubernetesResource", Manifest=objects)
    return [stack(f"Ecs-{text}", task), stack(f"Eks-{text}", {"Objects": applied})]


@pytest.mark.parametrize("sides", [([], hostile(MARKUP)), (hostile(MARKUP), []), (hostile("a"), hostile(MARKUP))])
def test_hostile_text_stays_text(sides):
    found = reviewed(*sides)
    shown = page(found)
    assert html.escape(SCRIPT)[:20] in shown
    tags = Tags()
    tags.feed(shown)
    assert [name for name, _ in tags.found].count("script") == 1  # ours
    assert not {"img", "iframe", "object", "embed", "link", "base", "form"} & {name for name, _ in tags.found}
    assert not [key for _, attributes in tags.found for key in attributes if key.startswith("on")]
    assert all(attributes["href"].startswith("#") for _, attributes in tags.found if "href" in attributes)
    text = markdown(found)
    assert "<script" not in text
    assert not re.search(r"(?<!\\)\[x\]|(?<![\w&])@everyone|!\[", text)


def test_a_template_of_five_megabytes_is_reviewed():
    huge = {
        f"R{n}": resource("AWS::S3::Bucket", BucketName=f"b{n}", Tags=[{"Key": "k", "Value": "v" * 900}])
        for n in range(5000)
    }
    changed = {
        **huge,
        "R7": resource("AWS::S3::Bucket", BucketName="other", Tags=[{"Key": "k", "Value": "w" * 4_000_000}]),
    }
    found = reviewed([stack("State", huge)], [stack("State", changed)])
    assert any("R7" in item.id for item in found.data)
    assert len(page(found)) < 2_000_000
    assert len(markdown(found).splitlines()) < LONGEST
