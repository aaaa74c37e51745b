"""A task gets the keys and the versions of its secrets that its definition names."""

import json

import pytest

from ops.local import secret_values

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:harbour/db"
PARAMETER = "arn:aws:ssm:eu-west-1:123456789012:parameter/key"
ID = "01234567-89ab-cdef-0123-456789abcdef"
VALUES = {
    ("AWSPREVIOUS", None): json.dumps({"password": "old"}),
    ("TEXT", None): "no JSON",
    ("AWSCURRENT", ID): json.dumps({"password": "pinned", "port": 5432}),
}


def resolve(**values_from: str) -> dict[str, str]:
    return secret_values.resolve(
        {"Secrets": [{"Name": name, "ValueFrom": value} for name, value in values_from.items()]},
        current=lambda container: {secret["name"]: f"current {secret['valueFrom']}" for secret in container["secrets"]},
        parameter={PARAMETER: "in the clear"}.get,
        version=lambda arn, version_stage, version_id: VALUES.get((version_stage, version_id)) if arn == ARN else None,
    )


def test_what_names_no_version_is_left_to_the_emulator():
    found = resolve(WHOLE=ARN, KEY=f"{ARN}:password::")
    assert found == {"WHOLE": f"current {ARN}", "KEY": f"current {ARN}:password::"}


def test_a_parameter_arrives_in_the_clear():
    """The emulator would hand out what it keeps: text that begins with ENCRYPTED."""
    assert resolve(A=PARAMETER) == {"A": "in the clear"}


def test_a_version_is_found_by_its_stage_or_its_id():
    found = resolve(
        A=f"{ARN}:password:AWSPREVIOUS:", B=f"{ARN}:password::{ID}", C=f"{ARN}::AWSPREVIOUS:", D=f"{ARN}:port::{ID}"
    )
    assert found == {"A": "old", "B": "pinned", "C": VALUES["AWSPREVIOUS", None], "D": "5432"}


@pytest.mark.parametrize(
    ("value_from", "says"),
    [
        (f"{ARN}::NEXT:", f"{ARN} has no version NEXT"),
        (f"{PARAMETER}/other", f"{PARAMETER}/other does not exist"),
        (f"{ARN}:user:TEXT:", f"{ARN} has no key user in its version TEXT"),
        (f"{ARN}:user:AWSPREVIOUS:", f"{ARN} has no key user in its version AWSPREVIOUS"),
    ],
)
def test_what_is_missing_is_named(value_from, says):
    with pytest.raises(LookupError, match=says):
        resolve(A=value_from)
