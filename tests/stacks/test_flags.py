"""cdk.json follows the pinned version of CDK."""

import json
import re
import tarfile
from importlib.resources import files

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def recommended() -> dict[str, object]:
    packed = next(entry for entry in files("aws_cdk._jsii").iterdir() if entry.name.startswith("aws-cdk-lib@"))
    with packed.open("rb") as file, tarfile.open(fileobj=file) as package:
        flags = package.extractfile("package/recommended-feature-flags.json")
        assert flags is not None
        return json.load(flags)


def test_every_recommended_feature_flag_of_the_pinned_version_is_set(recommended):
    context = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
    assert {flag: context.get(flag) for flag in recommended} == recommended


def test_references_are_weak_unless_an_environment_says_otherwise():
    context = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
    assert context["@aws-cdk/core:defaultCrossStackReferences"] == "weak"


def test_cdks_own_rules_run_before_a_deployment_to_aws():
    """They are switched off only where docs/decisions/0012 says so."""
    without = re.findall(
        r"^(.*): export CDK_VALIDATION := false$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE
    )
    assert [line.split() for line in without] == [["bootstrap", "synth", "destroy", "docs"]]
    assert "builtin_cloud_formation_validation" not in (ROOT / "app.py").read_text("utf-8")
