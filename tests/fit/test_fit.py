"""The numbers of docs/fit.md are those of the manifests beside this file, as the project's own models load them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from config.errors import ConfigError
from config.strict_yaml import read_mapping
from tests.conftest import ROOT
from tests.unit.config.project import Project

HERE = Path(__file__).parent
APPLICATIONS = yaml.safe_load((HERE / "applications.yaml").read_text("utf-8"))
DOCUMENT = (ROOT / "docs" / "fit.md").read_text("utf-8")


def manifests(application: str) -> dict[str, Path]:
    return {file.stem: file for file in sorted((HERE / application).glob("*.yaml"))}


def needs_shell(file: Path) -> bool:
    """Whether a line of shell stands in for something that service.yaml does not have."""
    return read_mapping(file, file.name).get("entrypoint", [""])[0] == "/bin/sh"


def row(application: str) -> list[str]:
    """The table's cells: services, fit as they are, with a line of shell, do not fit."""
    title = re.escape(APPLICATIONS[application]["title"]) if application in APPLICATIONS else application
    return re.search(rf"^\| {title} \|(.+)\|$", DOCUMENT, re.MULTILINE)[1].replace("|", " ").split()[:4]


def counted(application: str) -> list[int]:
    described = manifests(application)
    shell = sum(map(needs_shell, described.values()))
    misfits = len(APPLICATIONS[application]["misfits"])
    return [len(described) + misfits, len(described) - shell, shell, misfits]


@pytest.mark.parametrize("application", APPLICATIONS)
def test_every_described_service_of_an_application_loads_beside_the_others(application, tmp_path):
    project = Project.at(tmp_path)
    for name, file in manifests(application).items():
        folder = project.root / "services" / name
        folder.mkdir()
        shutil.copy(file, folder / "service.yaml")
        if "image" not in read_mapping(file, name):
            (folder / "Dockerfile").write_text("FROM scratch AS flags\n")
            (folder / ".dockerignore").write_text("*\n!Dockerfile\n")
    try:
        loaded = {spec.name for spec in project.catalog().services}
    except ConfigError as fault:
        pytest.fail(str(fault))
    assert loaded == set(manifests(application))


@pytest.mark.parametrize("application", APPLICATIONS)
def test_the_documents_numbers_are_those_of_the_manifests(application):
    assert row(application) == [str(number) for number in counted(application)]


def test_nine_of_ten_services_fit():
    services, plain, shell, misfits = (sum(numbers) for numbers in zip(*map(counted, APPLICATIONS), strict=True))
    assert row("all") == [str(number) for number in (services, plain, shell, misfits)]
    assert plain + shell >= 0.9 * services


@pytest.mark.parametrize("application", APPLICATIONS)
def test_what_does_not_fit_and_what_is_apart_is_in_the_document(application):
    found = APPLICATIONS[application]
    assert [name for name in (*found["misfits"], *found["apart"]) if f"`{name}`" not in DOCUMENT] == []
    assert not set(found["misfits"]) & set(manifests(application))
