"""`make up` with services of the tests' own: on a host, without a path, over plain TCP, on a second port."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ops.local import engine as engines
from tests.e2e.local import Local, Run

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e-ways")]

OWN = Path(__file__).parent / "services"


@pytest.fixture(scope="module")
def local(root: Path, tmp_path_factory: pytest.TempPathFactory, engine: engines.Engine) -> Iterator[Local]:
    copy = Local.copy(root, tmp_path_factory.mktemp("e2e") / "project", engine)
    shutil.rmtree(copy.folder / "services")
    shutil.copytree(OWN, copy.folder / "services")
    yield copy
    copy.ops("down", "--images")


def row(up: Run, service: str) -> str:
    assert up.code == 0, up.out + up.err
    [found] = [line for line in up.out.splitlines() if line.split()[:2] == [service, "ecs"]]
    return found


def test_a_service_on_a_host_shows_it_beside_its_address_and_others_have_none(up):
    assert row(up, "shop").endswith("(Host: shop.example.com)")
    assert "answers 200" in row(up, "shop")
    for service in ("ledger", "echo"):
        assert row(up, service).endswith("1 of 1 running")


@pytest.mark.parametrize("host", ["shop.example.com", "eu.shop.example.com"])
def test_a_service_on_hosts_reaches_those_that_only_others_call(local, up, host):
    assert row(up, "shop")
    answer = requests.get(local.url("/any/path"), headers={"Host": host}, timeout=30)
    assert answer.json() == {
        "host": host,
        "path": "/any/path",
        "base": "/",
        "ledger": "PORT",
        "ledger_private": "PRIVATE_PORT",
        "echo": "over tcp",
    }


@pytest.mark.parametrize("host", ["other.example.com", "localhost"])
def test_other_hosts_reach_nothing(local, up, host):
    assert row(up, "shop")
    assert requests.get(local.url("/"), headers={"Host": host}, timeout=30).status_code == 404


def test_a_service_that_never_listens_is_rolled_back(local, up):
    """No target group checks it, so the emulator does by the mesh."""
    assert row(up, "echo")
    code = local.folder / "services" / "echo" / "main.py"
    code.write_text("import time\ntime.sleep(600)\n")
    manifest = local.folder / "services" / "echo" / "service.yaml"
    manifest.write_text(manifest.read_text() + "health_grace: 3\n")
    done = local.ops("up")
    assert done.code != 0
    assert "echo: the new version was rolled back: echo never passed its health check on port 7007" in done.last_line
