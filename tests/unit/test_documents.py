"""Tests, links and commands that the documents name exist."""

import re

import pytest

from tests.conftest import ROOT

DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "services").glob("*/README.md")])


@pytest.fixture(scope="module")
def tests_by_name() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_a_document_names_exists(document, tests_by_name):
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", document.read_text("utf-8")))
    assert named - tests_by_name == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(document):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", document.read_text("utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_target_that_a_document_names_exists(document):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    text = document.read_text("utf-8")
    named = set(re.findall(r"(?:`|^    |^\$ )make ([a-z]+)", text, re.MULTILINE))
    assert named - targets == set()


def test_every_public_thread_has_an_answer():
    rows = [line for line in (ROOT / "docs" / "complaints.md").read_text("utf-8").splitlines() if line.startswith("| ")]
    answers = {row.split("|")[1].strip(): row.split("|")[3].strip() for row in rows[1:]}
    assert len(answers) > 25
    assert [complaint for complaint, answer in answers.items() if not answer] == []
