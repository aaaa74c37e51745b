"""Which module may import which: the borders in docs/architecture.md."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

# What each room never imports.
BORDERS = {
    "config": {"aws_cdk", "boto3", "stacks", "ops", "cdk_nag"},
    "stacks": {"boto3", "ops", "os", "pathlib", "io", "cdk_nag", "yaml"},
    "ops": {"aws_cdk", "stacks", "cdk_nag"},
    "services": {"config", "stacks", "ops", "tests", "aws_cdk"},
}


# Modules that depend on services; the shared stacks do not import them.
SERVICE_MODULES = {"config.service", "config.catalog", "stacks.workload", "stacks.state", "stacks.registry"}
SHARED_STACKS = ("stacks.foundation", "stacks.network", "stacks.ecs.cluster", "stacks.eks.cluster")
# Stacks that gather one service's constructs; only stacks.environment imports them.
SERVICE_STACKS = {"stacks.ecs.service", "stacks.eks.service"}
LONGEST_MODULE = 300
REASON = "# Over 300 lines: "  # followed by why it is still one module


@cache
def imported_modules(file: Path) -> set[str]:
    """Every name after `import` or `from ... import`, in full: `from a import b` gives a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def imported(file: Path) -> set[str]:
    return {name.split(".")[0] for name in imported_modules(file)}


@cache
def stack_modules() -> dict[str, set[str]]:
    """The imports of each module of stacks/."""
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts): imported_modules(file)
        for file in files("stacks")
        if file.name != "__init__.py"
    }


def reached(start: str) -> set[str]:
    """What a module of stacks/ imports, directly or through other modules of stacks/."""
    modules = stack_modules()
    seen: set[str] = set()
    ahead = set(modules[start])
    while ahead:
        name = ahead.pop()
        seen.add(name)
        ahead |= modules.get(name, set()) - seen
    return seen


def files(room: str) -> list[Path]:
    """Its modules; extra.py of a service is CDK code, though it lives beside the service."""
    found = (ROOT / room).rglob("*.py")
    return [
        file
        for file in found
        if "tests" not in file.relative_to(ROOT / room).parts and f"{room}/{file.name}" != "services/extra.py"
    ]


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


@pytest.mark.parametrize("module", ["stacks.registry", "stacks.state", "stacks.workload"])
def test_modules_that_both_platforms_use_import_neither(module):
    assert [other for other in reached(module) if other.startswith(("stacks.ecs", "stacks.eks"))] == []


@pytest.mark.parametrize("stack", SHARED_STACKS)
def test_the_shared_stacks_do_not_depend_on_services(stack):
    assert reached(stack) & (SERVICE_MODULES | SERVICE_STACKS) == set()


def test_only_the_environment_imports_the_stacks_of_services():
    users = {name for name, imports in stack_modules().items() if imports & SERVICE_STACKS}
    assert users == {"stacks.environment"}


@pytest.mark.parametrize("module", stack_modules())
def test_stacks_have_no_import_cycle(module):
    assert module not in reached(module)


@pytest.mark.parametrize(
    ("room", "beyond"),
    [
        ("ecs", ("stacks.eks", "stacks.kubernetes")),
        ("eks", ("stacks.ecs",)),
        ("kubernetes", ("stacks.ecs", "stacks.eks")),
    ],
)
def test_a_platform_never_imports_the_other(room, beyond):
    own = [name for name in stack_modules() if name.startswith(f"stacks.{room}.")]
    assert own
    for name in own:
        assert [other for other in reached(name) if other.startswith(beyond)] == [], name


def test_kubernetes_objects_are_made_without_cdk():
    objects = [name for name in stack_modules() if name.startswith("stacks.kubernetes.")]
    assert objects
    for name in objects:
        assert {other.split(".")[0] for other in reached(name)} & {"aws_cdk", "constructs", "jsii"} == set(), name


def test_stacks_never_branch_on_the_kind():
    """A kind is a type there: one table per platform picks its construct."""
    assert [name for name, imports in stack_modules().items() if "config.service.Kind" in imports] == []


@pytest.mark.parametrize("room", ["app.py", "config", "stacks", "ops"])
def test_a_module_above_300_lines_says_why(room):
    modules = [ROOT / room] if room.endswith(".py") else files(room)
    lines = {str(file.relative_to(ROOT)): file.read_text("utf-8").splitlines() for file in modules}
    long = {name: text for name, text in lines.items() if len(text) > LONGEST_MODULE}
    assert [name for name, text in long.items() if not any(line.startswith(REASON) for line in text)] == []
