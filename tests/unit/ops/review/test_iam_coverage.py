"""Statements are compared by what they mean: held against an evaluator that tries every request of a small world."""

from __future__ import annotations

import random
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from ops.review.iam_coverage import difference
from ops.review.iam_statements import statements

ACTIONS = {
    "*": {"s3:GetObject", "s3:GetAcl", "s3:PutObject", "sqs:SendMessage", "ec2:Any"},
    "s3:*": {"s3:GetObject", "s3:GetAcl", "s3:PutObject"},
    "s3:Get*": {"s3:GetObject", "s3:GetAcl"},
    "s3:GETOBJECT": {"s3:GetObject"},
    "s3:GetObject": {"s3:GetObject"},
    "sqs:SendMessage": {"sqs:SendMessage"},
}
RESOURCES = {
    "*": {"b/x", "b/yy", "c", "other"},
    "b/*": {"b/x", "b/yy"},
    "b/?": {"b/x"},
    "c": {"c"},
}
PRINCIPALS = {"*": {"1", "2", "other"}, "1": {"1"}, "2": {"2"}}
COLOURS = ("", "red", "blue", "green")
SECURE = ("", "true", "false")

some_actions = st.lists(st.sampled_from(sorted(ACTIONS)), min_size=1, max_size=2)
some_resources = st.lists(st.sampled_from(sorted(RESOURCES)), min_size=1, max_size=2)
some_principals = st.lists(st.sampled_from(sorted(PRINCIPALS)), min_size=1, max_size=2)
conditions = st.fixed_dictionaries(
    {},
    optional={
        "StringEquals": st.fixed_dictionaries(
            {"colour": st.lists(st.sampled_from(COLOURS[1:3]), min_size=1, max_size=2)}
        ),
        "Bool": st.fixed_dictionaries({"secure": st.just("true")}),
    },
)


@st.composite
def written(draw):
    """A statement as people write it."""
    found = {
        "Effect": draw(st.sampled_from(("Allow", "Allow", "Deny"))),
        draw(st.sampled_from(("Action", "Action", "NotAction"))): draw(some_actions),
        draw(st.sampled_from(("Resource", "Resource", "NotResource"))): draw(some_resources),
        draw(st.sampled_from(("Principal", "Principal", "NotPrincipal"))): {"AWS": draw(some_principals)},
    }
    condition = draw(conditions)
    return {**found, "Condition": condition} if condition else found


documents = st.lists(written(), max_size=4)


def compared(before, after):
    return difference(statements({"Statement": before}), statements({"Statement": after}))


# --- every request of a small world ----------------------------------------------------------------------------------

REQUESTS = list(product(ACTIONS["*"], RESOURCES["*"], PRINCIPALS["*"], COLOURS, SECURE))


def named(statement, name, known, value, unwrap=False):
    for key, negated in ((name, False), (f"Not{name}", True)):
        if key in statement:
            patterns = statement[key]["AWS"] if unwrap else statement[key]
            return any(value in known[pattern] for pattern in patterns) is not negated
    raise AssertionError(name)


def applies(statement, request):
    action, resource, principal, colour, secure = request
    condition = statement.get("Condition", {})
    return (
        named(statement, "Action", ACTIONS, action)
        and named(statement, "Resource", RESOURCES, resource)
        and named(statement, "Principal", PRINCIPALS, principal, unwrap=True)
        and ("StringEquals" not in condition or colour in condition["StringEquals"]["colour"])
        and ("Bool" not in condition or secure == "true")
    )


def verdicts(document):
    """0 where a request is forbidden, 1 where others decide, 2 where it is allowed."""
    found = []
    for request in REQUESTS:
        effects = {statement["Effect"] for statement in document if applies(statement, request)}
        found.append(0 if "Deny" in effects else 2 if "Allow" in effects else 1)
    return found


@settings(max_examples=60)
@given(documents, documents)
def test_rights_are_wider_where_some_request_gets_more_and_only_then(before, after):
    old, new = verdicts(before), verdicts(after)
    found = compared(before, after)
    assert found.is_wider is any(b > a for a, b in zip(old, new, strict=True))
    assert found.is_narrower is any(b < a for a, b in zip(old, new, strict=True))


@given(documents, documents)
def test_the_way_back_undoes_what_the_way_there_does(before, after):
    there, back = compared(before, after), compared(after, before)
    assert (there.allowed, there.unforbidden) == (back.disallowed, back.forbidden)
    assert (there.disallowed, there.forbidden) == (back.allowed, back.unforbidden)


def split(statement):
    """One statement for each action and resource, where that means the same."""
    if "NotAction" in statement or "NotResource" in statement:
        return [statement]
    return [
        {**statement, "Action": action, "Resource": resource}
        for action, resource in product(statement["Action"], statement["Resource"])
    ]


@given(documents, st.randoms())
def test_shuffled_split_and_repeated_statements_mean_the_same(document, chance: random.Random):
    other = [piece for statement in document for piece in split(statement)] + document[:1]
    chance.shuffle(other)
    found = compared(document, other)
    assert not found.is_wider
    assert not found.is_narrower


@given(documents, written())
def test_one_more_allow_never_narrows_and_one_more_deny_never_widens(document, more):
    found = compared(document, [*document, more])
    assert not (found.is_narrower if more["Effect"] == "Allow" else found.is_wider)


def one(**more):
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **more}


def test_values_of_a_condition_are_alternatives():
    both = one(Condition={"StringEquals": {"k": ["1", "2"]}})
    apart = [one(Condition={"StringEquals": {"k": value}}) for value in ("1", "2")]
    assert not compared([both], apart).is_wider
    assert not compared(apart, [both]).is_wider
    assert compared(apart[:1], [both]).is_wider
    assert not compared([both], apart[:1]).is_wider


def test_values_of_a_negated_condition_add_up():
    strict = one(Condition={"StringNotEquals": {"k": ["1", "2"]}})
    lax = one(Condition={"StringNotEquals": {"k": "1"}})
    assert compared([strict], [lax]).is_wider
    assert not compared([lax], [strict]).is_wider


def test_a_laxer_operator_widens_and_one_that_means_the_same_does_not():
    def condition(operator, value="1"):
        return [one(Condition={operator: {"aws:PrincipalArn": value}})]

    assert compared(condition("StringEquals"), condition("StringEqualsIfExists")).is_wider
    assert not compared(condition("StringEqualsIfExists"), condition("StringEquals")).is_wider
    assert not compared(condition("StringEquals"), condition("StringLike")).is_wider
    assert compared(condition("StringEquals"), condition("StringLike", "1*")).is_wider
    equal, like = condition("ArnEquals"), condition("ArnLike")
    assert not compared(equal, like).is_wider
    assert not compared(like, equal).is_wider


def test_a_pattern_of_many_stars_takes_no_time():
    pattern = "s3:" + "*a" * 400
    found = compared([one(Action=pattern)], [one(Action=pattern + "b"), one(Action="s3:" + "a" * 5000)])
    assert found.is_wider


def test_statements_longer_than_aws_accepts_are_compared_as_they_are_written():
    many = [f"svc:Do{index}" for index in range(30_000)]
    found = compared([one(Action=many[1:])], [one(Action=many)])
    assert found.is_wider
    assert not compared([one(Action=many)], [one(Action=many[::-1])]).is_wider
