"""What a user of the real CDK CLI sees."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Path:
    """A copy of the project that may be broken."""
    for name in ("app.py", "cdk.json"):
        shutil.copy(root / name, tmp_path)
    for name in ("config", "stacks", "services"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".venv", "node_modules"):
        if not (root / name).exists():
            pytest.skip(f"{name} is not set up; `make setup` does")
        (tmp_path / name).symlink_to(root / name)
    return tmp_path


def cdk(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AWS_"))}
    return subprocess.run(
        ["node", "node_modules/aws-cdk/bin/cdk", *arguments],
        cwd=project, env={**environment, "CI": "true", "CDK_VALIDATION": "false"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_a_bad_manifest_is_one_line_through_the_real_cli(project):
    manifest = project / "services" / "tracking" / "service.yaml"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("port: 8080", "port: 80"), encoding="utf-8")
    done = cdk(project, "synth", "--quiet")
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert done.returncode != 0
    assert lines[0].startswith("services/tracking/service.yaml: port: is 80")
    assert "Traceback" not in done.stdout + done.stderr
    assert len(lines) <= 2, lines  # the second one is the CLI's own: that the app ended with 2


def test_synth_through_the_real_cli_warns_of_nothing_and_needs_no_credentials(project):
    done = cdk(project, "synth", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert said[0].startswith("Successfully synthesized to ")
    assert [line for line in said[1:] if not line.startswith("Supply a stack id ")] == []
    assert (project / "cdk.out" / "manifest.json").is_file()
