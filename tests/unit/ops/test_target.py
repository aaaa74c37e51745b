"""The endpoint is loopback or nothing starts, and children and clients see the emulator only."""

import os
import socket

import pytest

from ops.errors import OpsError
from ops.local.target import Target, require_loopback
from ops.local.workspace import Workspace


@pytest.mark.parametrize(
    "endpoint", ["http://localhost:4566", "http://127.0.0.1:1", "http://127.9.9.9:80", "http://[::1]:4566"]
)
def test_loopback_is_accepted(endpoint):
    require_loopback(endpoint)


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
        require_loopback("http://both.example:4566")


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


@pytest.mark.parametrize("name", ["cloudformation", "ecr", "ecs", "logs"])
def test_a_client_is_made_once(name):
    target = Target()
    assert getattr(target, name) is getattr(target, name)
