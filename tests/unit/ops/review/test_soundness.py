"""What CloudFormation would refuse for its shape is left out of a review, and said."""

import pytest

from ops.review.pair import Pair, Side
from ops.review.soundness import sound
from tests.fakes.stacks import resource, stack

BUCKET = resource("AWS::S3::Bucket", Tags=[{"Key": "a", "Value": "b"}])


def nested(levels):
    value: object = "end"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("Odd", 1, "State: Odd in Resources has no shape that CloudFormation accepts and is left out"),
        ("Odd", {"Type": 1}, "State: Odd in Resources has no shape that CloudFormation accepts and is left out"),
        ("Deep", resource("X", V=nested(20_000)), "State: Deep in Resources is nested too deeply and is left out"),
    ],
)
def test_it_is_left_out_and_said(name, body, said):
    pair = Pair(Side("then", [stack("State", {"B": BUCKET})]), Side("now", [stack("State", {"B": BUCKET, name: body})]))
    assert pair.notes == (said,)
    assert pair.sides.after["State"].resources == {"B": BUCKET}
    assert pair.result.changes == ()


def test_an_attribute_of_another_shape_is_left_out_alone():
    ((found,), said) = sound([stack("State", {"B": {**BUCKET, "DependsOn": 1, "Metadata": []}})])
    assert found.resources == {"B": BUCKET}
    assert said == ()


def test_whatever_is_in_place_of_a_section_is_no_resource():
    one = stack("State", {})
    one.template["Resources"] = "text"
    ((found,), said) = sound([one])
    assert found.resources == {}
    assert said == ("State: Resources is no mapping and is left out",)


def test_a_sound_template_stays_as_it_is():
    one = stack("State", {"B": BUCKET, "C": resource("X", V=nested(100))}, outputs={"O": {"Value": 1}})
    assert sound([one]) == ([one], ())
