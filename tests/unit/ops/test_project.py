"""A project's local deployment: one command at a time, and faults with what to do."""

import fcntl

import pytest

from config.errors import ConfigError
from ops.errors import OpsError
from ops.local.project import Project
from tests.fakes.aws import ENDPOINT


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path, "sandbox", ENDPOINT)


def test_only_one_command_runs_in_a_folder(project):
    project.workspace.prepare()
    with (project.workspace.folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with (
            pytest.raises(OpsError, match="another `make up` or `make down` is running in this folder"),
            project.locked(),
        ):
            pass


def test_the_lock_is_free_again_after_a_failure(project):
    for _ in range(2):
        with pytest.raises(RuntimeError), project.locked():
            raise RuntimeError


def test_a_wrong_manifest_is_its_own_line_and_exit_code_2(project):
    with pytest.raises(ConfigError, match=r"^config/environments: ") as caught:
        project.read("amd64")
    assert caught.value.exit_code == 2


def test_a_deployment_that_is_not_up_says_what_to_run(project):
    with pytest.raises(OpsError, match="the local deployment is not up; run `make up`"):
        project.running_engine()
