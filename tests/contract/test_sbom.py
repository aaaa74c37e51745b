"""The bill of materials that `make sbom` writes lists what is really in an image."""

from __future__ import annotations

import json
import re

import pytest

import ops.__main__ as command
from tests.contract.harness import ROOT

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("engine")]


@pytest.fixture(scope="module")
def bills(engine, tmp_path_factory) -> dict[str, dict[str, str]]:
    """Packages and their versions, by service."""
    folder = tmp_path_factory.mktemp("sbom")
    assert command.main(["sbom", "--root", str(ROOT), "--output", str(folder)]) == 0
    documents = {file.name.removesuffix(".spdx.json"): json.loads(file.read_text()) for file in folder.iterdir()}
    return {
        service: {package["name"]: package.get("versionInfo", "") for package in document["packages"]}
        for service, document in documents.items()
    }


def test_every_image_has_one(bills):
    assert set(bills) == {file.parent.name for file in (ROOT / "services").glob("*/service.yaml")}


def test_it_names_what_the_image_runs_on(bills):
    assert re.match(r"2\.4\.", bills["web"]["apache2-bin"])
    assert re.match(r"25\.", bills["quotes"]["openjdk"])
    assert "starlette" in bills["tracking"]
    assert all("libc6" in bill for bill in bills.values())


def test_packages_removed_from_the_image_are_not_in_it(bills):
    assert not [name for name in bills["web"] if name.startswith(("perl-modules", "libperl"))]
    assert not [name for name in bills["quotes"] if "jdk-headless" in name]


def test_a_service_that_does_not_exist_is_one_line(capsys):
    assert command.main(["sbom", "--root", str(ROOT), "no-such-service"]) == 2
    assert capsys.readouterr().err.startswith("error: no-such-service: not a service; write one of ")
