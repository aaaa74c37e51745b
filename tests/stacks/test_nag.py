"""cdk-nag: every finding is acknowledged, and every acknowledgement matches a finding."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import aws_cdk
import pytest

from stacks.acknowledgements import acknowledge
from tests.stacks.synthesis import VARIANTS, context

# The real app with one acknowledgement fewer than it needs.
_APP = """
import stacks.acknowledgements
stacks.acknowledgements.acknowledge = lambda construct, findings: None
import sys, app
sys.exit(app.main())
"""


def test_nothing_is_found_that_is_not_acknowledged(assembly):
    """No error and no warning, of cdk-nag or of CDK itself."""
    assert assembly.findings() == []


@pytest.mark.parametrize("name", ["sandbox", "production", "corners"])
def test_every_acknowledgement_matches_a_finding(synthesis, name):
    assembly = synthesis.assembly(f"{name}-unacknowledged")
    found = assembly.findings()
    unused = [
        (path, finding)
        for path, finding in assembly.acknowledged()
        if not any(rule == _bare(finding) and f"{where}/".startswith(f"{path}/") for where, rule in found)
    ]
    assert len(assembly.acknowledged()) > 10
    assert unused == []


def _bare(finding: str) -> str:
    """The rule's name as in the report, without the plugin's name, with which CloudFormation's own rules are acknowledged."""
    return finding.removeprefix("CloudFormation-Validate::")


def test_a_finding_fails_the_app_with_readable_lines_and_no_traceback(root, tmp_path):
    # CDK prints its report only if it does not detect a test run.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {
        "CDK_CONTEXT_JSON": json.dumps({**context(root, VARIANTS["sandbox"]), "platforms": "ecs"}),
        "CDK_OUTDIR": str(tmp_path),
        "CDK_VALIDATION": "false",
    }
    done = subprocess.run(
        [sys.executable, "-OO", "-c", _APP],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "ERROR The IAM entity contains wildcard permissions" in done.stderr
    assert "   Registry/ImagePublisher/DefaultPolicy/Resource" in done.stderr


def test_no_acknowledgement_covers_a_whole_stack():
    stack = aws_cdk.Stack(aws_cdk.App(), "Whole")
    with pytest.raises(TypeError, match="is a stack"):
        acknowledge(stack, {"AwsSolutions-IAM5[Resource::*]": "everything"})


@pytest.mark.parametrize("name", ["sandbox", "production", "corners"])
def test_every_wildcard_is_acknowledged_by_name(synthesis, name):
    """A bare `AwsSolutions-IAM5` would cover any wildcard that is added later."""
    for path, finding in synthesis.assembly(f"{name}-unacknowledged").acknowledged():
        assert finding not in {"AwsSolutions-IAM4", "AwsSolutions-IAM5"}, path
