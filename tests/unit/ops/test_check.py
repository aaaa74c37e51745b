"""`python -m ops check` reports at once what a synth would report later."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ops.__main__ import main
from tests.unit.config.project import HTTP, JOB, ROOT, WORKER, Project, http, without


@pytest.fixture
def right(project: Project) -> Project:
    project.service("tracking", HTTP)
    project.service("quotes", http("/quotes", calls=["tracking"]))
    project.service("hello", JOB)
    project.service("mailer", {**WORKER, "platforms": ["eks"]})
    return project


def test_every_service_has_a_line_and_the_exit_code_is_0(right, capsys):
    assert main(["check", "--root", str(right.root), "--env", "sandbox"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.splitlines() == [
        "sandbox: 4 services on ecs and eks",
        "  hello     job, ecs+eks, */5 * * * * Etc/UTC, cpu 256, memory 512",
        "  mailer    worker, eks, cpu 256, memory 512",
        "  quotes    http, ecs+eks, /quotes at priority 33788, cpu 256, memory 512, calls tracking",
        "  tracking  http, ecs+eks, /tracking at priority 20563, cpu 256, memory 512",
    ]


def test_a_line_says_whom_a_service_sends_to(right, capsys):
    right.service("hello", {**JOB, "sends": ["mailer"]})
    right.service("mailer", {**WORKER, "queue": {}})
    assert main(["check", "--root", str(right.root), "--env", "sandbox"]) == 0
    assert "cpu 256, memory 512, sends to mailer\n" in capsys.readouterr().out


def test_every_host_and_path_of_a_service_has_its_priority(project, capsys):
    project.service("web", http("/web", paths=["/shop/x"], hosts=["a.com"], calls=["ledger"], priority=7))
    project.service("ledger", without(HTTP, "path"))
    assert main(["check", "--root", str(project.root), "--env", "sandbox"]) == 0
    printed = capsys.readouterr().out
    assert "web     http, ecs+eks, a.com/web at priority 8, a.com/shop/x at priority 7, cpu" in printed
    assert "ledger  http, ecs+eks, only for its callers, cpu" in printed


def test_without_a_name_every_environment_is_checked(right, capsys):
    assert main(["check", "--root", str(right.root)]) == 0
    heads = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert heads == ["production: 4 services on ecs and eks", "sandbox: 4 services on ecs and eks"]


def test_settings_on_the_command_line_count_as_for_cdk(right, capsys):
    assert main(["check", "--root", str(right.root), "-c", "env=sandbox", "-c", "platforms=ecs"]) == 0
    printed = capsys.readouterr().out
    assert "sandbox: 3 services on ecs\n" in printed
    assert "  note: services/mailer does not run in sandbox, which has none of its platforms\n" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--env", "prod"], "config/environments: env: 'prod' has no file here; did you mean production?\n"),
        (["-c", "zonez=3"], "cdk -c: zonez: is not a setting; did you mean zones?\n"),
        (["-c", "zones"], "cdk -c: zones: has no value; write -c zones=VALUE\n"),
    ],
)
def test_a_fault_is_one_line_on_stderr_and_the_exit_code_is_2(right, capsys, arguments, message):
    assert main(["check", "--root", str(right.root), *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.err == message
    assert "Traceback" not in printed.out


def test_the_command_never_loads_the_cdk_or_boto3():
    code = (
        "import sys;"
        "import ops.__main__; ops.__main__.main(['check']);"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'aws_cdk', 'boto3', 'jsii', 'botocore'}))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"
