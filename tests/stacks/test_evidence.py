"""docs/evidence.md is current, and what it says of each checker is still true."""

from __future__ import annotations

import importlib.metadata

import pytest

from tests.conftest import ROOT
from tests.evidence import checks, document, record
from tests.rights.evaluator import EVALUATED

DOCUMENT = ROOT / "docs" / "evidence.md"


@pytest.fixture(scope="module")
def assemblies(synthesis):
    return [synthesis.assembly(name) for name in record.ASSEMBLIES]


@pytest.fixture(scope="module")
def types(assemblies):
    return {resource.type for assembly in assemblies for resource in assembly.resources()}


@pytest.fixture(scope="module")
def objects(assemblies):
    return [item for assembly in assemblies for item in assembly.objects()]


@pytest.fixture(scope="module")
def type_checks(types):
    return checks.of_types(types, evaluated=EVALUATED)


@pytest.fixture(scope="module")
def kind_checks(objects, assemblies):
    return checks.of_kinds(objects, assemblies[0].settings.eks_version)


def test_the_document_is_current(types, type_checks, objects, kind_checks, request):
    wanted = document.render(types, type_checks, {item["kind"] for item in objects}, kind_checks)
    if request.config.getoption("--update-snapshots"):
        DOCUMENT.write_text(wanted, encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == wanted, "run `make snapshots`, and `make evidence` for a new type"


def test_what_fewer_than_two_checkers_have_seen_has_a_reason_and_no_reason_is_left_over(
    types, type_checks, objects, kind_checks
):
    few = document.few(types, type_checks) | document.few({item["kind"] for item in objects}, kind_checks)
    reasons = checks.few_reasons()
    assert {document.reason_for(name, reasons) for name in few} == set(reasons.values())


def test_recorded_rules_are_those_of_the_versions_in_use():
    """Other versions have other rules: run `make evidence`."""
    for package in ("cdk-nag", "aws-cdk-lib"):
        assert checks.recorded()[package]["version"] == importlib.metadata.version(package)


def test_every_recorded_finding_is_answered_and_every_answer_still_needed():
    found = {finding.split(" ")[0] for finding in checks.recorded()["checkov"]["findings"]}
    assert found == set(checks.accepted())
    assert all(checks.accepted().values())


def test_a_type_that_no_checker_has_seen_is_listed_and_needs_a_reason(type_checks):
    assert document.few(["AWS::Unheard::Of"], type_checks) == {"AWS::Unheard::Of": []}
    with pytest.raises(LookupError, match=r"few\.yaml"):
        document.reason_for("AWS::Unheard::Of", checks.few_reasons())


def test_two_checkers_with_the_same_source_count_as_one():
    schemas = [checks.Check(name, "", frozenset({"T"}), source="schemas") for name in ("one", "other")]
    assert document.few(["T"], schemas) == {"T": ["one", "other"]}
    assert document.few(["T"], [*schemas, checks.Check("scanner", "", frozenset({"T"}))]) == {}
