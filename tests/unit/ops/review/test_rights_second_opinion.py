"""The CDK's own comparison of IAM agrees on what gets wider.

@aws-cdk/cloudformation-diff is what `cdk diff --fail-on broadening` asks. It compares statements as they are written, of one
template at a time, so it speaks up where a statement is only split, and does not know what others cover: DIFFERENT says why.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ops.assembly import Assembly, Stack
from ops.review.model import Gate
from ops.review.pair import Pair, Side
from ops.review.rights import rights
from tests.fakes.stacks import att, ref, resource, stack

SCRIPT = Path(__file__).parent / "iam_opinion.cjs"
TRUST = {
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]
}
READ = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "arn:aws:s3:::b/*"}
WRITE = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/*"}
DENY = {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::secret/*"}
IF = {"Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}}


def role(*statements, **more):
    return {
        "Role": resource("AWS::IAM::Role", AssumeRolePolicyDocument=TRUST, **more),
        "Policy": resource("AWS::IAM::Policy", PolicyDocument={"Statement": list(statements)}, Roles=[ref("Role")]),
    }


def queue(*statements):
    return {
        "Queue": resource("AWS::SQS::Queue"),
        "Policy": resource(
            "AWS::SQS::QueuePolicy", Queues=[ref("Queue")], PolicyDocument={"Statement": list(statements)}
        ),
    }


SEND = {
    "Effect": "Allow",
    "Principal": {"AWS": "999999999999"},
    "Action": "sqs:SendMessage",
    "Resource": att("Queue", "Arn"),
}
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
FUNCTION = resource("AWS::Lambda::Function", Role=att("Role", "Arn"))
INVOKE = resource(
    "AWS::Lambda::Permission",
    FunctionName=ref("Function"),
    Action="lambda:InvokeFunction",
    Principal="s3.amazonaws.com",
)
MANAGED = resource("AWS::IAM::ManagedPolicy", PolicyDocument={"Statement": [READ]}, Roles=[ref("Role")])

AGREED = {
    "nothing": (role(READ), role(READ)),
    "an allow": (role(READ), role(READ, WRITE)),
    "an action": (role(READ), role({**READ, "Action": ["s3:GetObject", "s3:ListBucket", "s3:PutObject"]})),
    "a wildcard": (role(READ), role({**READ, "Action": "s3:*"})),
    "a resource": (role(READ), role({**READ, "Resource": "*"})),
    "a deny": (role(READ, DENY), role(READ)),
    "a condition": (role({**READ, **IF}), role(READ)),
    "order": (role(READ, WRITE), role(WRITE, READ)),
    "a role": ({}, role(READ)),
    "a managed policy": (role(READ), role(READ, ManagedPolicyArns=[ADMIN])),
    "a policy of these templates": (role(), {**role(), "Managed": MANAGED}),
    "trust": (
        role(),
        role() | {"Role": resource("AWS::IAM::Role", AssumeRolePolicyDocument={"Statement": [*TRUST["Statement"], {
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "999999999999"}}]})},
    ),
    "a key": (
        {"Key": resource("AWS::KMS::Key", KeyPolicy={"Statement": []})},
        {"Key": resource("AWS::KMS::Key", KeyPolicy={"Statement": [{**WRITE, "Principal": {"AWS": "999999999999"}}]})},
    ),
    "a queue": (queue(), queue(SEND)),
    "a principal": (queue(SEND), queue({**SEND, "Principal": "*"})),
    "a function": ({**role(), "Function": FUNCTION}, {**role(), "Function": FUNCTION, "Invoke": INVOKE}),
}  # fmt: skip

# Pairs of which it says that rights get wider though nobody may do more, or that none do though somebody may.
DIFFERENT = {
    "split": (role(READ), role({**READ, "Action": "s3:GetObject"}, {**READ, "Action": "s3:ListBucket"})),
    "covered": (role({**READ, "Action": "s3:*"}), role({**READ, "Action": "s3:*"}, WRITE)),
    "an action less is another statement": (role(READ), role({**READ, "Action": "s3:GetObject"})),
    "one more condition is another statement": (role(READ), role({**READ, **IF})),
    "it takes NotAction for a Deny": (
        role(READ),
        role(READ, {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
    ),
    "a boundary that goes": (role(READ, PermissionsBoundary=ADMIN), role(READ)),
}


def opinions(pairs, root):
    """One process for all pairs."""
    templates = [[one.template, other.template] for one, other in pairs]
    done = subprocess.run(
        ["node", SCRIPT], input=json.dumps(templates), env={**os.environ, "NODE_PATH": str(root / "node_modules")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def says(pair: tuple[Stack, Stack]):
    """Whether something gets wider, and whether anything changes."""
    items = rights(Pair(Side("then", [pair[0]]), Side("now", [pair[1]])))
    return {"wider": any(item.gate is Gate.WIDER_RIGHTS for item in items), "anything": bool(items)}


def stacks(resources):
    return tuple(stack("X", copy.deepcopy(side)) for side in resources)


@pytest.fixture(scope="module")
def real(sandbox, production):
    """Each stack of the sandbox with that of production, as if it were the same."""
    sides = [{one.id: one for one in Assembly(side.directory).stacks} for side in (sandbox, production)]
    return [
        tuple(replace(side[name], name=name) for side in sides) for name in sorted(sides[0].keys() & sides[1].keys())
    ]


@pytest.fixture(scope="module")
def asked(root, real):
    """Pairs with what each side says of the way there and of the way back; one process answers all."""
    pairs = [*(stacks(pair) for pair in (AGREED | DIFFERENT).values()), *real]
    names = [*AGREED, *DIFFERENT, *(one.id for one, _ in real)]
    found = opinions([*pairs, *(pair[::-1] for pair in pairs)], root)
    ways = zip(found[: len(pairs)], found[len(pairs) :], strict=True)
    return {name: (pair, *way) for name, pair, way in zip(names, pairs, ways, strict=True)}


def test_it_agrees_on_what_gets_wider_and_on_what_changes(asked):
    for name in asked.keys() - DIFFERENT.keys():
        pair, there, back = asked[name]
        assert says(pair)["wider"] is there["broadened"], name
        # What is added on the way there goes on the way back, and each is said.
        assert says(pair)["anything"] is bool(there["added"] or there["removed"]), name
        assert says(pair[::-1])["anything"] is bool(back["added"] or back["removed"]), name


def test_it_differs_where_the_spelling_changes_and_the_meaning_does_not(asked):
    for name in DIFFERENT:
        pair, there, _ = asked[name]
        assert says(pair)["wider"] is not there["broadened"], name
