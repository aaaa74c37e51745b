"""The endpoint is loopback or nothing starts, and children see the emulator alone."""

import os
import socket
import subprocess
import sys

import pytest

from ops.errors import OpsError
from ops.local import emulator
from ops.local.emulator import Target
from ops.local.engine import Engine
from ops.local.workspace import Workspace


@pytest.mark.parametrize(
    "endpoint", ["http://localhost:4566", "http://127.0.0.1:1", "http://127.9.9.9:80", "http://[::1]:4566"]
)
def test_loopback_is_accepted(endpoint):
    emulator.require_loopback(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://ecs.us-east-1.amazonaws.com",
        "http://ecs.us-east-1.amazonaws.com:80",
        "http://10.0.0.1:4566",
        "http://0.0.0.0:4566",
        "https://localhost:4566",
        "http://localhost",
        "http://localhost:99999",
        "http://user:word@localhost:4566",
        "http://localhost:4566/path",
        "localhost:4566",
        "",
    ],
)
def test_anything_else_is_refused_in_one_line(endpoint, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", _resolve)
    with pytest.raises(OpsError) as refused:
        Target(endpoint=endpoint)
    assert refused.value.exit_code == 2
    assert "\n" not in refused.value.message
    assert "write http://localhost:PORT" in refused.value.message


def test_a_name_that_also_leads_elsewhere_is_refused(monkeypatch):
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", 1)), (2, 1, 6, "", ("10.0.0.1", 1))]
    )
    with pytest.raises(OpsError):
        emulator.require_loopback("http://both.example:4566")


def _resolve(host, port, **_):
    address = {"localhost": "127.0.0.1", "ecs.us-east-1.amazonaws.com": "52.1.1.1"}.get(host, host)
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]


def test_a_child_sees_no_account_profile_or_endpoint_of_the_users(monkeypatch, tmp_path):
    for name in (
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_ROLE_ARN",
        "AWS_ENDPOINT_URL_ECS",
        "CDK_DEFAULT_ACCOUNT",
        "AWS_CA_BUNDLE",
    ):
        monkeypatch.setenv(name, "the-users")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://real")
    environment = Target().child_environment(Workspace(tmp_path))
    assert "the-users" not in environment.values()
    assert environment["AWS_ACCESS_KEY_ID"] == "000000000000"
    assert environment["AWS_ENDPOINT_URL"] == "http://localhost:4566"
    assert environment["HOME"] == str(tmp_path / ".local" / "home")
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == environment["AWS_CONFIG_FILE"] == os.devnull


def test_the_command_itself_keeps_the_users_environment(tmp_path):
    before = dict(os.environ)
    Target().child_environment(Workspace(tmp_path))
    assert dict(os.environ) == before


def test_a_client_speaks_to_the_emulator_whatever_the_user_has_set(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://real")
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the-users")
    client = Target().ecs
    credentials = client._get_credentials()
    assert client.meta.endpoint_url == "http://localhost:4566"
    assert (credentials.access_key, credentials.token) == ("000000000000", None)


@pytest.fixture
def engine(tmp_path):
    client = tmp_path / "docker"
    client.write_text("#!/bin/sh\nexit 1\n")
    client.chmod(0o755)
    return Engine(client, "unix:///nowhere", "1", "amd64", needs_buildkit_flag=False)


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_another_program_has_is_named_with_one_to_take_instead(tmp_path, engine, taken_port):
    with pytest.raises(OpsError, match=rf"port {taken_port} is taken.*ENDPOINT=http://localhost:{taken_port + 1}"):
        emulator.launch(Target(endpoint=f"http://localhost:{taken_port}"), Workspace(tmp_path), engine)


@pytest.mark.parametrize(
    "content", ["", "no number", str(2**22 + 1), str(os.getpid()), "1"], ids=["empty", "words", "beyond", "own", "init"]
)
def test_a_stale_pid_is_nobodys_emulator(tmp_path, content):
    workspace = Workspace(tmp_path)
    workspace.prepare()
    (workspace.pids / emulator.PID_NAME).write_text(content)
    assert emulator.running_pid(Target(endpoint="http://localhost:4999"), workspace) is None


def test_an_emulator_is_found_without_its_state_folder_however_narrow_the_terminal(tmp_path, monkeypatch):
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


def test_an_emulator_that_ends_at_once_is_told_with_its_last_words(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.prepare()
    workspace.log("emulator").write_text("first\nport in use\n\n")
    workspace.write_pid(emulator.PID_NAME, 2**22 + 1)
    with pytest.raises(OpsError, match="did not start: port in use"):
        emulator.wait_until_ready(Target(endpoint="http://localhost:1"), workspace)


def test_shutting_down_nothing_is_fine(tmp_path):
    emulator.shut_down(Target(endpoint="http://localhost:4999"), Workspace(tmp_path), None)


def test_the_wrapped_functions_exist_in_the_installed_emulator():
    from ops.local.emulator_process import HOOKED

    module = pytest.importorskip("ministack.services.ecs")
    assert [name for name in HOOKED if not callable(getattr(module, name, None))] == []
    assert "ministack.services.ecs" in sys.modules
