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
