"""The engine is chosen by trying clients, which here are small scripts that answer as real ones do."""

import json
import os

import pytest

from ops.errors import OpsError
from ops.local import engine
from ops.local.workspace import Workspace
from ops.say import Say


def client(folder, name="docker", *, version="28.0.0", server="28.0.0", buildx=False, architecture="amd64"):
    """A client with or without a server behind it, and with or without buildx."""
    folder.mkdir(exist_ok=True)
    facts = {"Client": {"Version": version}, "Server": {"Version": server, "Arch": architecture} if server else None}
    script = folder / name
    script.write_text(
        "#!/bin/sh\n"
        f"case \"$1\" in version) echo '{json.dumps(facts)}' ; exit {0 if server else 1};;\n"
        f"buildx) exit {0 if buildx else 1};;\n"
        f"--remote) echo '{server or ''} {architecture}'; exit {0 if server else 1};;\n"
        "context) echo unix:///nowhere.sock;; esac\n"
    )
    script.chmod(0o755)
    return script


@pytest.fixture
def no_system_client(monkeypatch, tmp_path):
    monkeypatch.setattr(engine, "DEBIAN_CLIENT", tmp_path / "none")


def environ(*folders, host="tcp://127.0.0.1:1"):
    return {"PATH": os.pathsep.join(map(str, folders)), "DOCKER_HOST": host, "HOME": "/nonexistent"}


@pytest.mark.usefixtures("no_system_client")
class TestChoice:
    def test_a_client_without_buildx_is_passed_over_for_one_that_builds(self, tmp_path):
        client(tmp_path / "first")
        second = client(tmp_path / "second", buildx=True)
        found = engine.find(environ(tmp_path / "first", tmp_path / "second"))
        assert found is not None
        assert found.client == second
        assert "DOCKER_BUILDKIT" not in found.environment

    def test_an_older_client_builds_with_the_flag(self, tmp_path):
        client(tmp_path / "old", version="20.10.24+dfsg1")
        found = engine.find(environ(tmp_path / "old"))
        assert found is not None
        assert found.environment["DOCKER_BUILDKIT"] == "1"
        assert found.environment["CDK_DOCKER"] == str(tmp_path / "old" / "docker")

    def test_the_debian_client_is_tried_though_it_is_not_on_path(self, tmp_path, monkeypatch):
        hidden = client(tmp_path / "usr-bin", version="20.10.24")
        monkeypatch.setattr(engine, "DEBIAN_CLIENT", hidden)
        client(tmp_path / "first")
        found = engine.find(environ(tmp_path / "first"))
        assert found is not None
        assert found.client == hidden

    def test_podman_is_tried_too_and_gets_its_own_variable(self, tmp_path):
        client(tmp_path / "pods", "podman", server="5.0.0", architecture="arm64")
        found = engine.find(environ(tmp_path / "pods"))
        assert found is not None
        assert found.architecture == "arm64"
        assert found.environment["CONTAINER_HOST"] == "tcp://127.0.0.1:1"

    def test_a_client_with_no_engine_behind_it_is_none(self, tmp_path):
        client(tmp_path / "lonely", server="", buildx=True)
        assert engine.find(environ(tmp_path / "lonely")) is None

    def test_no_client_at_all_is_none(self, tmp_path):
        assert engine.find(environ(tmp_path)) is None

    def test_a_client_that_prints_nonsense_is_none(self, tmp_path):
        script = client(tmp_path / "odd")
        script.write_text("#!/bin/sh\necho '[1]'\n")
        assert engine.find(environ(tmp_path / "odd")) is None

    def test_the_users_docker_host_is_the_only_one_tried(self, tmp_path, monkeypatch):
        one = client(tmp_path / "one", buildx=True)
        monkeypatch.setattr(engine, "DEFAULT_SOCKET", one)  # there is something at the usual place
        found = engine.find(environ(tmp_path / "one", host="tcp://127.0.0.1:7"))
        assert found is not None
        assert found.host == "tcp://127.0.0.1:7"
        assert list(engine.hosts(environ(host="tcp://127.0.0.1:7"), [one])) == ["tcp://127.0.0.1:7"]

    def test_a_docker_host_that_does_not_answer_is_named_and_nothing_is_installed(self, tmp_path, monkeypatch):
        monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:7")
        monkeypatch.setattr(engine, "find", lambda: None)
        monkeypatch.setattr(engine, "_install", lambda _: pytest.fail("installed"))
        with pytest.raises(OpsError, match=r"DOCKER_HOST=tcp://127\.0\.0\.1:7: no engine that can build answers there"):
            engine.ensure(Workspace(tmp_path), Say())

    def test_if_nothing_may_be_installed_one_line_says_what_to_start(self, tmp_path, monkeypatch):
        monkeypatch.delenv("DOCKER_HOST", raising=False)
        monkeypatch.setattr(engine, "find", lambda: None)
        monkeypatch.setattr(engine, "_may_install", lambda: False)
        with pytest.raises(OpsError) as caught:
            engine.ensure(Workspace(tmp_path), Say())
        assert "start Docker Desktop" in caught.value.message
        assert "\n" not in caught.value.message
