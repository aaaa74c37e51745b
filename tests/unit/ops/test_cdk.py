"""The CLI's output is reduced to the one line that matters."""

from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.local import cdk
from ops.local.target import Target
from ops.local.workspace import Workspace
from ops.process import Finished


def test_a_project_without_the_cli_says_what_to_run(tmp_path):
    with pytest.raises(OpsError, match="run `make setup`"):
        cdk.Cli(tmp_path, Workspace(tmp_path), Target(), None)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            "services/web/service.yaml: kind: is x; write y\napp.py: Subprocess exited with error 2\n",
            "services/web/service.yaml: kind: is x; write y",
        ),
        ("❌  app-Ecs failed to deploy\nmore\n", "app-Ecs failed to deploy (log: {log})"),
        ("odd\n", "odd (log: {log})"),
        ("", "exit code 1 (log: {log})"),
    ],
    ids=["manifest", "stack", "other", "silent"],
)
def test_the_line_that_matters_is_picked(output, said):
    log = Path("/log")
    assert cdk._reason(Finished(1, output, ""), log) == said.format(log=log)


EVENT = (
    "{at} | {status} | Custom::BeforeDeploy | Ecs-shop/Default/BeforeDeploy/Run/Default (BeforeDeployRun51) {reason}"
)


@pytest.mark.parametrize(
    ("status", "left"),
    [("UPDATE_FAILED    ", "the earlier version keeps running"), ("CREATE_FAILED    ", "nothing of it runs")],
)
def test_a_command_that_fails_before_the_deployment_is_said_once(status, left):
    line = EVENT.format(
        at="app-Ecs-shop | 12 | 4:05:42", status=status, reason="before_deploy ended with exit code 1: no"
    )
    done = Finished(1, f"{line}\nFailed resources:\n{line}\n❌  app-Ecs-shop failed to deploy\n", "")
    said = f"shop: before_deploy ended with exit code 1: no; {left}. See `make logs SERVICE=shop`"
    assert cdk._failed_before_deploy(done) == said


def test_another_resource_that_fails_is_not_taken_for_it():
    line = "app-Ecs-shop | 12 | 4:05:42 | UPDATE_FAILED | AWS::ECS::Service | Ecs-shop/Default/Service (Service9571FDD8) no"
    assert cdk._failed_before_deploy(Finished(1, line, "")) == ""
