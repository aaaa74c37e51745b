"""`python -m ops new`: a folder of each kind that loads, has a test that passes, and meets the linters of this project."""

import shutil
import subprocess
import sys

import pytest

from config.service import Kind
from ops.__main__ import main
from tests.conftest import ROOT
from tests.unit.config.project import Project

KINDS = [kind.value for kind in Kind]


@pytest.fixture
def project(tmp_path) -> Project:
    return Project.at(tmp_path)


def new(project: Project, name: str, like: str) -> int:
    return main(["new", name, "--like", like, "--root", str(project.root)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_service_loads_in_every_environment(project, kind):
    assert new(project, "night-shift", kind) == 0
    for environment in ("sandbox", "production"):
        spec = project.catalog(environment).service("night-shift")
        assert spec.kind == kind
        assert len(spec.platforms) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_tests_pass(project, kind):
    new(project, "night-shift", kind)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "services/night-shift"]
    ended = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert " passed" in ended.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_written_as_the_linters_want_it(project, kind):
    new(project, "night-shift", kind)
    shutil.copy(ROOT / "pyproject.toml", project.root)  # its rules for tests go by their place in the project
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "services"]
        ended = subprocess.run(ruff, cwd=project.root, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout
    lint = [str(ROOT / ".venv/bin/hadolint"), "services/night-shift/Dockerfile"]
    ended = subprocess.run(lint, cwd=project.root, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_the_image_needs_is_in_its_context(project, kind):
    new(project, "night-shift", kind)
    image = project.catalog().images["night-shift"]
    assert [entry.path for entry in image.context.entries if entry.path.endswith((".py", ".md", ".yaml"))] == [
        {"http": "server.py", "worker": "worker.py", "job": "job.py"}[kind]
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_no_placeholder_is_left(project, kind):
    new(project, "night-shift", kind)
    for file in (project.root / "services/night-shift").rglob("*"):
        assert "NAME" not in file.name
        if file.is_file():
            assert "NAME" not in file.read_text("utf-8").replace("SERVICE_NAME", "")


def test_two_of_a_kind_live_side_by_side(project):
    assert [new(project, name, "http") for name in ("one", "two")] == [0, 0]
    assert {spec.name for spec in project.catalog().services} == {"one", "two"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("My_Service", "services/My_Service: folder: is not a valid service name: "),
        ("kubernetes", "services/kubernetes: folder: has a name that is taken "),
        ("a" * 64, "has a name of 64 characters, more than 63; shorten it"),
        ("taken", "error: services/taken: is there already; choose another name"),
        ("../out", "is not a valid service name"),
    ],
)
def test_a_name_that_cannot_be_is_refused_in_one_line_and_nothing_is_left(project, capsys, name, said):
    (project.root / "services/taken").mkdir()
    assert new(project, name, "job") == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert [path.name for path in (project.root / "services").iterdir()] == ["taken"]
    assert sorted(path.name for path in project.root.iterdir()) == ["config", "services"]
