"""Borders inside ops/: tasks that belong to one module, and no import cycles."""

import ast

import pytest

from tests.conftest import ROOT

MODULES = {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in (ROOT / "ops").rglob("*.py")}


def literals(file):
    nodes = ast.walk(ast.parse(file.read_text("utf-8")))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def imports(file):
    """Modules of ops/ that a module imports when it is loaded, not later inside a function."""
    found = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & set(MODULES)


@pytest.mark.parametrize(
    ("marks", "home"),
    [
        (lambda text: text == "manifest.json", "ops.assembly"),
        (lambda text: text in {"aws:cloudformation:stack", "cdk:asset-manifest"}, "ops.assembly"),
        (lambda text: text.startswith("Fn::") and "\n" not in text, "ops.references"),
    ],
    ids=["the assembly's manifest", "its artifacts", "references"],
)
def test_one_thing_is_read_in_one_place(marks, home):
    assert [name for name, file in sorted(MODULES.items()) if any(map(marks, literals(file)))] == [home]


def test_no_stack_name_is_spelled_out():
    typed = {
        name for name, file in MODULES.items() if any(text.startswith(("Ecs-", "Eks-")) for text in literals(file))
    }
    assert typed == set()


def test_python_m_ops_is_the_only_command():
    entry_points = {name for name, file in MODULES.items() if "__main__" in literals(file)}
    others = {
        "ops.local.emulator_process": "a process of `up`",
        "ops.review.lint_process": "processes of `review`",
        "ops.setup": "what make runs on a bare Python",
    }
    assert entry_points == {"ops.__main__", *others}


def test_ops_has_no_import_cycle():
    graph = {name: imports(file) for name, file in MODULES.items()}
    while leaves := {name for name, needed in graph.items() if not needed & set(graph)}:
        graph = {name: needed for name, needed in graph.items() if name not in leaves}
    assert graph == {}
