"""`python -m ops review` as a person runs it: in a git checkout, with the real CDK CLI."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tests.conftest import ROOT

# The tests share a checkout, so they run on one worker.
pytestmark = pytest.mark.xdist_group("review-command")
COPIED = (
    "app.py",
    "cdk.json",
    "config",
    "docs",
    "ops",
    "services",
    "stacks",
    "requirements.txt",
    "package-lock.json",
    ".gitignore",
)
KEY = ("sort_key: sk", "sort_key: at")
ACCEPTED = """accepted:
  - id: data:data-lost:State/TabletrackingA563C38D
    reason: The shipments of the sandbox are made up
    expires: 2999-12-31
"""


def git(folder, *arguments):
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The project in a repository of its own, with another key for a table that is not committed."""
    folder = tmp_path_factory.mktemp("review") / "project"
    folder.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    (folder / ".venv").mkdir()
    for part in (ROOT / ".venv").iterdir():
        if part.name != "review":
            (folder / ".venv" / part.name).symlink_to(part)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "as it is")
    manifest = folder / "services" / "tracking" / "service.yaml"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(*KEY), encoding="utf-8")
    return folder


def reviewed(folder, *options):
    command = [folder / ".venv" / "bin" / "python", "-m", "ops", "review", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def first(checkout):
    return reviewed(checkout, "--fail-on", "data-loss,cost>10")


def test_a_change_that_is_not_committed_is_compared_with_main_and_fails_the_gate(checkout, first):
    assert first.returncode == 1, first.stderr
    assert "State: DynamoDB Table tracking is replaced, and its items are deleted" in first.stdout
    assert "fails on data-loss: 1 finding that .review.yaml does not accept" in first.stdout
    assert [file.name for file in sorted((checkout / "review").iterdir())] == [
        "sandbox.html",
        "sandbox.json",
        "sandbox.md",
    ]
    found = json.loads((checkout / "review" / "sandbox.json").read_text(encoding="utf-8"))
    assert found["before"].startswith("main at ")
    assert [(item["gate"], item["service"]) for item in found["data"] if item["gate"]] == [("data-loss", "tracking")]


def test_it_leaves_the_checkout_as_it_was(checkout, first):
    assert git(checkout, "status", "--porcelain").split() == ["M", "services/tracking/service.yaml"]
    assert git(checkout, "worktree", "list", "--porcelain").count("worktree ") == 1


def test_an_accepted_finding_passes_and_what_was_synthesized_is_used_again(checkout, first):
    (checkout / ".review.yaml").write_text(ACCEPTED)
    again = reviewed(checkout, "--fail-on", "data-loss", "--assembly", ".venv/review/sandbox-after")
    (checkout / ".review.yaml").unlink()
    assert again.returncode == 0, again.stderr
    assert "Synthesizing" not in again.stdout
    assert "accepted: The shipments of the sandbox are made up" in (checkout / "review" / "sandbox.md").read_text(
        "utf-8"
    )


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--base", "nowhere"), "error: --base nowhere: is neither a git ref nor a folder with an output of cdk synth"),
        (("--fail-on", "data"), "error: --fail-on data: is nothing a review can fail on"),
        (("--env", "sandbax"), "config/environments: env: 'sandbax' has no file here; did you mean sandbox?"),
        (("--assembly", "docs"), "error: docs: holds no cloud assembly"),
    ],
)
def test_a_wrong_request_is_one_line(checkout, options, line):
    done = reviewed(checkout, *options)
    assert done.returncode == 2
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1
