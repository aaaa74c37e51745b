"""NIST 800-53 R5 over production: each finding is fixed, or has a row in the table of decisions."""

import json
import re

import pytest
from aws_cdk import App
from cdk_nag import NIST80053R5Checks

from app import ROOT, build

DECISIONS = ROOT / "docs" / "decisions" / "0007-nist-800-53-r5.md"
PREFIX = "NIST.800.53.R5-"


def decided() -> dict[str, str]:
    rows = re.findall(r"^\| (\w+) \| (.+) \|$", DECISIONS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {rule: reason for rule, reason in rows if rule != "rule"}


def findings(tmp_path_factory: pytest.TempPathFactory, **settings: str) -> dict[str, list[str]]:
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    outdir = str(tmp_path_factory.mktemp("nist"))
    app = App(context={**context, "env": "production", **settings}, outdir=outdir, analytics_reporting=False)
    build(app)
    report = NIST80053R5Checks(app).validate_scope(app)
    found: dict[str, list[str]] = {}
    for violation in report.violations:
        resources = [resource.resource_logical_id for resource in violation.violating_resources]
        found.setdefault(violation.rule_name.removeprefix(PREFIX), []).extend(resources)
    return found


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return findings(tmp_path_factory)


@pytest.mark.xdist_group("nist")
def test_every_finding_on_production_has_a_decision(production):
    undecided = {rule: where for rule, where in production.items() if rule not in decided()}
    assert undecided == {}


@pytest.mark.xdist_group("nist")
def test_no_decision_outlives_its_finding(production):
    assert sorted(set(decided()) - set(production)) == []


@pytest.mark.xdist_group("nist")
def test_a_domain_settles_the_redirect(tmp_path_factory):
    found = findings(
        tmp_path_factory, **{"domain.name": "harbour.example.com", "domain.hosted_zone_id": "Z0123456789ABCDEFGHIJ"}
    )
    assert "ALBHttpToHttpsRedirection" not in found
    assert set(found) < set(decided())
