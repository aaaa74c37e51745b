"""services/<name>/extra.py: what it adds is part of the service's stack, on both platforms."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, aws_ec2

from config.errors import ConfigError
from config.extras import Hooks, load_extras
from config.settings import Platform
from stacks.extra import Added, ExtraService
from tests.stacks.kubernetes import pod_template, workloads
from tests.stacks.templates import Assembly
from tests.unit.config.project import HTTP, Project

STACKS = ["Ecs-odd", "Eks-odd"]
FILE = "services/tracking/extra.py"


@pytest.fixture(scope="module")
def extended(synthesis) -> Assembly:
    return synthesis.assembly("extended")


def variables(assembly: Assembly, stack: str) -> dict[str, Any]:
    if stack.startswith("Ecs"):
        container = assembly.one("AWS::ECS::TaskDefinition", stack=stack)["ContainerDefinitions"][0]
        return {entry["Name"]: entry["Value"] for entry in container["Environment"]}
    container = pod_template(workloads(assembly.objects(stack))[0])["spec"]["containers"][0]
    return {entry["name"]: entry["value"] for entry in container["env"]}


@pytest.mark.parametrize("stack", STACKS)
def test_a_resource_of_extra_is_in_the_services_own_stack_and_its_variable_in_the_container(extended, stack):
    topic = extended.one("AWS::SNS::Topic", stack=stack)
    assert topic.id in json.dumps(variables(extended, stack)["SHIPPED_TOPIC"])


@pytest.mark.parametrize("stack", STACKS)
def test_a_statement_of_extra_is_on_the_role_of_the_container_and_on_no_other(extended, stack):
    policies = [
        policy
        for policy in extended.resources("AWS::IAM::Policy", stack=stack)
        if "sns:Publish" in json.dumps(policy["PolicyDocument"])
    ]
    assert len(policies) == 1
    (role,) = policies[0]["Roles"]
    assert role.startswith(f"<{stack}/TaskDefinitionTaskRole" if stack.startswith("Ecs") else f"<{stack}/Role")


def test_a_property_that_extra_changes_is_changed_on_that_platform(extended):
    assert extended.one("AWS::ECS::TaskDefinition", stack="Ecs-odd")["EnableFaultInjection"] is True
    others = [
        definition.get("EnableFaultInjection")
        for stack in extended.stacks
        if stack.startswith("Ecs-") and stack != "Ecs-odd"
        for definition in extended.resources("AWS::ECS::TaskDefinition", stack=stack)
    ]
    assert others == [None] * len(others)


def test_what_extra_adds_is_checked_like_all_else(extended):
    """cdk-nag and CDK's own rules saw the topic, and had no finding."""
    assert extended.findings() == []


def test_other_services_are_as_they_were(extended, sandbox):
    assert [extended.text(stack) for stack in sandbox.stacks if stack.startswith(("Ecs-", "Eks-"))] == [
        sandbox.text(stack) for stack in sandbox.stacks if stack.startswith(("Ecs-", "Eks-"))
    ]


def hooks(folder: Any, code: str) -> dict[str, Hooks]:
    project = Project.at(folder)
    project.service("tracking", HTTP)
    (folder / FILE).write_text(code, encoding="utf-8")
    return load_extras(folder, ["tracking"])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "",
            f"{FILE}: file: defines neither add nor change; define add(service) or change(service), as docs/extra.md shows",
        ),
        ("add = 1\n", f"{FILE}: file: defines neither add nor change; "),
        ("\nimport nowhere\n", f"{FILE}: line 2: raises ModuleNotFoundError: No module named 'nowhere'; correct it"),
        ("def add(service)\n    pass\n", f"{FILE}: line 1: raises SyntaxError: "),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line_with_its_place(tmp_path, code, said):
    with pytest.raises(ConfigError) as caught:
        hooks(tmp_path, code)
    assert str(caught.value).startswith(said)


def test_whatever_a_hook_raises_is_one_line_with_its_place(tmp_path):
    found = hooks(tmp_path, "def add(service):\n    helper()\n\ndef helper():\n    raise ValueError('no\\nway')\n")
    with pytest.raises(ConfigError) as caught:
        found["tracking"].run("add", object())
    assert str(caught.value) == f"{FILE}: line 5: raises ValueError: no; correct it"


def test_a_file_that_a_hook_may_not_read_is_not_taken_for_its_own(tmp_path):
    found = hooks(tmp_path, "def add(service):\n    raise PermissionError(13, 'Permission denied', '/x')\n")
    with pytest.raises(ConfigError) as caught:
        found["tracking"].run("add", object())
    said = "raises PermissionError: [Errno 13] Permission denied: '/x'; correct it"
    assert str(caught.value) == f"{FILE}: line 2: {said}"


def test_a_hook_that_is_not_defined_does_nothing(tmp_path):
    hooks(tmp_path, "def add(service):\n    pass\n")["tracking"].run("change", object())


def test_reading_the_file_leaves_nothing_in_the_build_context(tmp_path):
    before = hooks(tmp_path, "def add(service):\n    pass\n") and sorted((tmp_path / "services/tracking").iterdir())
    assert before
    assert not (tmp_path / "services/tracking/__pycache__").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SHIPPED TOPIC", "SHIPPED TOPIC: is not a valid variable name; "),
        ("SERVICE_NAME", "SERVICE_NAME: is set already; choose another name"),
        ("AWS_REGION", "AWS_REGION: "),
    ],
)
def test_a_variable_that_cannot_be_set_is_one_line(tmp_path, name, said):
    with pytest.raises(ConfigError) as caught:
        extra_service(tmp_path).set_variable(name, "x")
    assert str(caught.value).startswith(f"{FILE}: {said}")


@pytest.mark.parametrize("call", ["set_variable('A', 'x')", "allow()"])
def test_what_would_reach_no_container_any_more_is_refused(tmp_path, call):
    code = f"def add(service):\n    service.{call}\n\nchange = add\n"
    service = extra_service(tmp_path / "other", hooks(tmp_path / "own", code)["tracking"])
    service.run("add")
    method = call.partition("(")[0]
    with pytest.raises(ConfigError) as caught:
        service.run("change")
    assert str(caught.value) == f"{FILE}: {method}: does nothing once the container is described; call it in add"


def extra_service(folder: Path, found: Hooks | None = None) -> ExtraService:
    stack: Any = Stack(App(), "Ecs-tracking")
    project = Project.at(folder)
    project.service("tracking", HTTP)
    return ExtraService(
        stack=stack,
        platform=Platform.ECS,
        spec=project.catalog().service("tracking"),
        settings=project.settings(),
        vpc=aws_ec2.Vpc(stack, "Vpc"),
        security_group_id=None,
        hooks=found or Hooks(FILE, {}),
        added=Added(),
        taken=frozenset({"SERVICE_NAME"}),
    )


def test_an_exception_in_extra_reaches_the_user_as_one_line(tmp_path, root):
    """Through the real app, in a process of its own."""
    shutil.copytree(root / "config/environments", tmp_path / "config/environments")
    shutil.copytree(root / "tests/stacks/extended/odd", tmp_path / "services/odd")
    (tmp_path / "services/odd/extra.py").write_text("def change(service):\n    service.nothing()\n", encoding="utf-8")
    code = (
        "import sys, pathlib, app\nbuild = app.build\n"
        f"app.build = lambda made: build(made, pathlib.Path({str(tmp_path)!r}))\nsys.exit(app.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={"PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "HOME": str(tmp_path), "CDK_OUTDIR": str(tmp_path / "out"),
             "CDK_CONTEXT_JSON": json.dumps({"env": "sandbox"})},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "services/odd/extra.py: line 2: raises AttributeError: 'ExtraService' object has no attribute 'nothing'; correct it"
    )
