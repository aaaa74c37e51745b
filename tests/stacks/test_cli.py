"""What a user of the real CDK CLI sees."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
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
    return run(project, "node", "node_modules/aws-cdk/bin/cdk", *arguments)


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command under a shell environment as strict as some companies have it."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AWS_", "CDK_"))
    }
    return subprocess.run(
        command, cwd=project, env={**environment, "CI": "true", "PYTHONSAFEPATH": "1", "CDK_VALIDATION": "false"},
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
    assert len(lines) <= 2, lines  # the second line is the CLI's: the app exited with 2


def test_the_cli_warns_of_nothing_needs_no_credentials_and_synthesizes_what_the_app_does_by_itself(project):
    done = cdk(project, "synth", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert said[0].startswith("Successfully synthesized to ")
    assert [line for line in said[1:] if not line.startswith("Supply a stack id ")] == []
    assert (project / "cdk.out" / "manifest.json").is_file()

    made_by_cli = templates(project)
    alone = run(project, sys.executable, "-O", "app.py")
    assert (alone.returncode, alone.stderr) == (0, "")
    assert alone.stdout == f"Synthesized sandbox into {project}/cdk.out; `cdk synth -c env=NAME` picks another\n"
    assert templates(project) == made_by_cli


def templates(project: Path) -> dict[str, str]:
    """Templates and asset manifests; removed, so that the next run's are not mistaken for them."""
    found = {file.name: file.read_text("utf-8") for file in (project / "cdk.out").glob("*.*.json")}
    shutil.rmtree(project / "cdk.out")
    return {name: text for name, text in found.items() if name.endswith((".template.json", ".assets.json"))}


def test_where_the_home_folder_cannot_be_written_jsii_unpacks_into_the_project(monkeypatch):
    import app

    for home in ("/none", "/dev/null"):
        monkeypatch.setenv("HOME", home)
        monkeypatch.delenv("JSII_RUNTIME_PACKAGE_CACHE_ROOT", raising=False)
        monkeypatch.setattr(sys, "path", [])
        monkeypatch.setattr(os, "access", lambda path, _: not str(path).startswith(("/none", "/dev/null")))
        app.prepare()
        assert os.environ["JSII_RUNTIME_PACKAGE_CACHE_ROOT"] == str(app.ROOT / ".venv" / "cache" / "jsii")
    gc.enable()
