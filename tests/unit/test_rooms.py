"""Who may import whom: the borders of docs/architecture.md."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

# A room to what it never imports.
BORDERS = {
    "config": {"aws_cdk", "boto3", "stacks", "ops", "cdk_nag"},
    "stacks": {"boto3", "ops", "os", "pathlib", "io", "cdk_nag", "yaml"},
    "ops": {"aws_cdk", "stacks", "cdk_nag"},
    "services": {"config", "stacks", "ops", "tests", "aws_cdk"},
}


def imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


def files(room: str) -> list[Path]:
    return [file for file in (ROOT / room).rglob("*.py") if "tests" not in file.relative_to(ROOT / room).parts]


@pytest.mark.parametrize("room", BORDERS)
def test_a_room_imports_nothing_beyond_its_borders(room):
    assert files(room)
    trespass = {str(file.relative_to(ROOT)): imported(file) & BORDERS[room] for file in files(room)}
    assert {file: names for file, names in trespass.items() if names} == {}


def test_stacks_open_no_file_and_read_no_environment_variable():
    calls = {
        (str(file.relative_to(ROOT)), node.func.id)
        for file in files("stacks")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"open", "getenv"}
    }
    assert calls == set()


def test_stacks_never_branch_on_the_environments_name():
    compared = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in files("stacks")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Compare)
        and any(
            isinstance(part, ast.Attribute) and part.attr == "environment" for part in [node.left, *node.comparators]
        )
    ]
    assert compared == []
