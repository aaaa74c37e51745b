"""Files that change a tag but not the image get a notice, since nothing is excluded silently."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.project import WORKER, Project


@pytest.fixture
def service(project: Project) -> Path:
    folder = project.service("mail", WORKER)
    for name in ("app/code.py", "app/__pycache__/code.pyc", "tests/test_a.py", "README.md"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_the_line_says_what_to_write_and_writing_it_silences_it(project, service):
    ignore = service / ".dockerignore"
    ignore.write_text("")
    assert project.catalog().notices == (
        "services/mail/.dockerignore lets in files that change the image's tag and are of no use in it: "
        "add service.yaml tests **/__pycache__, one per line (or !service.yaml, to keep it)",
    )
    ignore.write_text("service.yaml\ntests\n**/__pycache__\n")
    assert project.catalog().notices == ()


@pytest.mark.parametrize("line", ["!app", "!app/**", "!app/*"])
def test_an_allow_list_gets_a_notice_about_what_it_lets_in(project, service, line):
    (service / ".dockerignore").write_text(f"*\n{line}\n")
    (notice,) = project.catalog().notices
    assert notice.endswith(": add **/__pycache__, one per line (or !**/__pycache__, to keep it)")


@pytest.mark.parametrize("line", ["!tests", "!tests/**", "!/tests/", "!tests/test_a.py", "!**/tests"])
def test_entries_included_by_name_are_wanted(project, service, line):
    (service / ".dockerignore").write_text(f"service.yaml\n**/__pycache__\n{line}\n")
    assert project.catalog().notices == ()


def test_documents_get_no_notice(project, service):
    """A Python package may name README.md as its description."""
    (service / ".dockerignore").write_text("*\n!app/code.py\n!README.md\n")
    assert project.catalog().notices == ()
