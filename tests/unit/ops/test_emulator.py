"""The emulator is started once and found again, and the reason why it ended is shown."""

import os
import socket
import subprocess
import sys

import pytest

from ops.errors import OpsError
from ops.local import emulator
from ops.local.target import Target
from ops.local.workspace import Workspace
from tests.fakes.engine import FakeEngine


@pytest.fixture
def engine(tmp_path):
    return FakeEngine(tmp_path / "engine").engine


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_named_with_an_alternative(tmp_path, engine, taken_port):
    with pytest.raises(OpsError, match=rf"port {taken_port} is taken.*ENDPOINT=http://localhost:{taken_port + 1}"):
        emulator.launch(Target(endpoint=f"http://localhost:{taken_port}"), Workspace(tmp_path), engine)


@pytest.mark.parametrize(
    "content", ["", "no number", str(2**22 + 1), str(os.getpid()), "1"], ids=["empty", "words", "beyond", "own", "init"]
)
def test_a_stale_pid_is_not_taken_for_the_emulator(tmp_path, content):
    workspace = Workspace(tmp_path)
    workspace.prepare()
    (workspace.pids / emulator.PID_NAME).write_text(content)
    assert emulator.running_pid(Target(endpoint="http://localhost:4999"), workspace) is None


def test_an_emulator_is_found_without_its_workspace_however_narrow_the_terminal(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    workspace = Workspace(tmp_path / ("a" * 60))
    target = Target(endpoint="http://localhost:4998")
    argv = [emulator.PROCESS, "--port", str(target.port), "--workspace", str(workspace.folder)]
    command = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)", "-m", *argv]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as stand_in:
        try:
            stand_in.stdout.readline()
            assert emulator.running_pid(target, workspace) == stand_in.pid
        finally:
            stand_in.kill()


def test_an_emulator_that_ends_at_once_is_reported_with_its_last_line(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.prepare()
    workspace.log("emulator").write_text("first\nport in use\n\n")
    workspace.write_pid(emulator.PID_NAME, 2**22 + 1)
    with pytest.raises(OpsError, match="did not start: port in use"):
        emulator.wait_until_ready(Target(endpoint="http://localhost:1"), workspace)


def test_shutting_down_nothing_is_fine(tmp_path):
    emulator.shut_down(Target(endpoint="http://localhost:4999"), Workspace(tmp_path), None)
