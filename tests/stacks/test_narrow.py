"""A value from CDK has the type that we expect, or the synth stops."""

from __future__ import annotations

import ast

import pytest

from stacks.narrow import narrow
from tests.conftest import ROOT


def test_a_value_of_the_type_is_returned():
    value = [1]
    assert narrow(value, list) is value


def test_a_value_of_another_type_is_an_error_with_both_types():
    with pytest.raises(TypeError, match="expected str, found int: 3"):
        narrow(3, str)


def test_nothing_in_stacks_relies_on_an_assert():
    """`python -O`, which cdk.json runs, removes them."""
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in (ROOT / "stacks").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Assert)
    ]
    assert found == []
