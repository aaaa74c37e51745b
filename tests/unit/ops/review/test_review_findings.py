"""Findings of the checkers and acknowledgements: what is new, what is gone, and which reasons changed."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.assembly import Assembly, Violation
from ops.review import linting
from ops.review.findings import findings, findings_note
from ops.review.lint_findings import lint_differing
from ops.review.linting import Fault, lint, stored
from ops.review.model import Evidence, Weight
from ops.review.naming import service_of_stack
from ops.review.pair import Pair, Side
from tests.fakes.assembly import write_assembly

QUEUE = {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {}}}}
STACKS = ("Network", "Ecs-web", "Ecs-api")


def made(folder, *, found=(), acknowledged=(), templates=None):
    """An assembly with findings (rule, construct) and acknowledgements (rule, construct, reason)."""
    assembly = write_assembly(folder, stacks={**dict.fromkeys(STACKS, QUEUE), **(templates or {})})
    violations = [
        {"ruleName": rule, "description": f"{rule} says no.", "violatingConstructs": [{"constructPath": path}]}
        for rule, path in found
    ]
    report = {"pluginReports": [{"pluginName": "nag", "violations": violations}]}
    (folder / "validation-report.json").write_text(json.dumps(report))
    metadata = {name: {} for name in STACKS}
    for rule, path, reason in acknowledged:
        stack = path.partition("/")[0]
        entries = metadata[stack].setdefault(f"/{path}", [])
        entries.append({"type": "aws:cdk:acknowledged-rules", "data": {f"Annotation::{rule}": reason}})
        metadata[stack][f"/{path}/Resource"] = [{"type": "aws:cdk:logicalId", "data": "Q"}]
    for name, entries in metadata.items():
        (folder / f"{name}.metadata.json").write_text(json.dumps(entries))
    return assembly


def pair(before, after):
    return Pair(Side("then", before.stacks, before), Side("now", after.stacks, after))


@pytest.fixture
def items(tmp_path):
    """(weight, text) of each item, from what the two sides have."""

    def read(before, after):
        both = [made(tmp_path / name, **given) for name, given in (("a", before), ("b", after))]
        return [(item.weight, item.text) for item in findings(pair(*both))]

    return read


def test_new_findings_come_first_and_gone_ones_are_notes(items):
    assert items({"found": [("R1", "Network/Vpc/Resource")]}, {"found": [("R2", "Ecs-web/Task/Resource")]}) == [
        (Weight.CAUTION, "R2 objects to Ecs-web/Task: R2 says no"),
        (Weight.NOTE, "R1 no longer objects to Network/Vpc"),
    ]


def test_acknowledgements_are_told_with_their_reasons(items):
    before = {"acknowledged": [("R1", "Network/A", "Old."), ("R2", "Network/A", "Gone."), ("R4", "Network/A", "Same.")]}
    after = {
        "acknowledged": [("R1", "Network/A", "New."), ("R3", "Network/B", "It is so."), ("R4", "Network/A", "Same.")]
    }
    assert items(before, after) == [
        (Weight.CAUTION, "R3 is acknowledged on Network/B: It is so"),
        (Weight.NOTE, "R2 is no longer acknowledged on Network/A"),
        (Weight.NOTE, "R1 is acknowledged on Network/A with another reason: New"),
    ]


def test_one_rule_with_one_reason_is_one_item(tmp_path):
    many = [("R", f"Ecs-web/C{number}", "Why.") for number in range(12)]
    before, after = made(tmp_path / "a"), made(tmp_path / "b", acknowledged=many)
    [item] = findings(pair(before, after))
    assert item.text == "R is acknowledged on 12 constructs: Why"
    assert item.service == "web"
    assert len(item.evidence) == 12
    assert item.evidence[0] == Evidence(stack="Ecs-web", name="Q", after="R: Why.")
    fewer = made(tmp_path / "c", acknowledged=many[:11])
    assert findings(pair(before, fewer))[0].id != item.id


def test_what_every_service_has_acknowledged_is_a_note_of_a_new_one(items):
    before = {"acknowledged": [("R", "Ecs-web/Task", "As always.")]}
    after = {"acknowledged": [("R", "Ecs-web/Task", "As always."), ("R", "Ecs-api/Task", "As always.")]}
    assert items(before, after) == [(Weight.NOTE, "R is acknowledged on Ecs-api/Task, as on others before: As always")]


def test_a_finding_that_was_acknowledged_is_said_once(items):
    found = {"found": [("R", "Network/A/Policy/Resource")]}
    acknowledged = {"acknowledged": [("R", "Network/A", "Why.")]}
    assert items(acknowledged, found) == [(Weight.CAUTION, "R objects to Network/A/Policy: R says no")]
    assert items(found, acknowledged) == [(Weight.CAUTION, "R is acknowledged on Network/A: Why")]


def test_ids_name_rule_and_construct_without_spaces(tmp_path):
    before, after = made(tmp_path / "a"), made(tmp_path / "b", found=[("R[a b]", "Ecs-web/Task/Resource")])
    assert [item.id for item in findings(pair(before, after))] == ["finding:R[a.b]:Ecs-web/Task"]


def test_what_is_deployed_has_no_findings_and_that_is_said(tmp_path):
    assembly = made(tmp_path, found=[("R", "Network/A")])
    deployed = Pair(Side("what is deployed", assembly.stacks), Side("now", assembly.stacks, assembly))
    assert findings(deployed) == ()
    assert (
        findings_note(deployed)
        == "findings and acknowledgements are not compared: they are not known of what is deployed"
    )
    assert findings_note(pair(assembly, assembly)) == ""


def test_the_assembly_reads_findings_and_acknowledgements(tmp_path):
    assembly = made(tmp_path, found=[("R", "Network/A")], acknowledged=[("R2", "Network/B", "Why.")])
    assert assembly.findings() == (Violation("R", "Network/A", "R says no."),)
    assert assembly.acknowledgements() == {"Network/B": {"R2": "Why."}}
    assert assembly.logical_ids() == {"Network/B/Resource": "Q"}


JUNK = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["pluginReports", "violations", "violatingConstructs", "type", "data", "/A"]), inner
        )
    ),
)


@settings(max_examples=25)
@given(JUNK, JUNK)
def test_strange_files_say_nothing(tmp_path_factory, report, metadata):
    folder = tmp_path_factory.mktemp("junk")
    assembly = made(folder)
    (folder / "validation-report.json").write_text(json.dumps(report))
    (folder / "Network.metadata.json").write_text(json.dumps(metadata))
    assert findings(pair(assembly, Assembly(folder))) == ()


PLACES = st.sets(st.tuples(st.sampled_from(["R1", "R2"]), st.sampled_from(["Network/A", "Network/A/B", "Ecs-web/A"])))


@settings(max_examples=25)
@given(PLACES, PLACES, PLACES, PLACES)
def test_findings_mirror_each_other(tmp_path_factory, found, later, noted, noted_later):
    folder = tmp_path_factory.mktemp("both")
    one, other = (
        made(folder / name, found=sorted(violations), acknowledged=[(*place, "Why.") for place in sorted(reasons)])
        for name, violations, reasons in (("a", found, noted), ("b", later, noted_later))
    )
    there, back = findings(pair(one, other)), findings(pair(other, one))
    assert findings(pair(one, one)) == ()
    assert len({item.id for item in there}) == len(there)
    assert {e.stack for item in there for e in item.evidence} == {e.stack for item in back for e in item.evidence}


# --- cfn-lint --------------------------------------------------------------------------------------------------------

WRONG = {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"Colour": "red"}}}}


@pytest.fixture
def checked(monkeypatch):
    """The files that cfn-lint was asked about; it objects to red queues."""
    asked = []

    def answer(templates, region):
        asked.extend(path.name for path in templates)
        fault = Fault("E3002", "Resources/Q/Properties/Colour", "'Colour' was unexpected.")
        return {path: (fault,) if "red" in path.read_text() else () for path in templates}

    monkeypatch.setattr(linting, "_checked", answer)
    return asked


def test_cfn_lint_is_asked_about_what_differs_and_once(tmp_path, checked):
    store = tmp_path / "deep" / "store.json"
    one = pair(made(tmp_path / "a"), made(tmp_path / "b", templates={"Ecs-web": WRONG}))
    both = Pair(one.before, one.after, store=store)
    assert findings(both) == ()
    lint_differing(both)
    assert checked == ["Ecs-web.template.json"] * 2
    [item] = findings(both)
    assert (item.weight, item.text, item.service) == (
        Weight.CAUTION, "Ecs-web: cfn-lint reports E3002: 'Colour' was unexpected", "web",
    )  # fmt: skip
    assert item.evidence[0].name == "Q"
    assert " " not in item.id
    lint_differing(both)
    assert len(checked) == 2
    [gone] = findings(Pair(both.after, both.before, store=store))
    assert (gone.weight, gone.text) == (
        Weight.NOTE,
        "Ecs-web: cfn-lint no longer reports E3002: 'Colour' was unexpected",
    )


def test_a_template_that_only_one_side_has_checked_says_nothing(tmp_path, checked):
    store = tmp_path / "store.json"
    one = pair(made(tmp_path / "a"), made(tmp_path / "b", templates={"Ecs-web": WRONG}))
    both = Pair(one.before, one.after, store=store)
    lint({"x": tmp_path / "b" / "Ecs-web.template.json"}, region="eu-west-1", store=store)
    assert checked == ["Ecs-web.template.json"]
    assert findings(both) == ()


def test_a_broken_store_or_a_large_template_is_no_error(tmp_path, checked):
    template = tmp_path / "a.json"
    template.write_text(json.dumps(WRONG))
    asked = {"region": "eu-west-1", "store": tmp_path / "store.json"}
    asked["store"].write_text("[1]")
    assert lint({"a": template, "gone": tmp_path / "gone.json"}, **asked)["a"][0].rule == "E3002"
    assert stored({"a": template}, **asked).keys() == {"a"}
    template.write_text("x" * 1_000_001)
    assert lint({"a": template}, **asked) == {}


def test_cfn_lint_itself_reports_a_wrong_property_and_survives_a_broken_file(tmp_path):
    wrong, broken = tmp_path / "wrong.json", tmp_path / "broken.json"
    wrong.write_text(json.dumps(WRONG))
    broken.write_text("{")
    found = lint({"wrong": wrong, "broken": broken}, region="eu-west-1", store=tmp_path / "store.json")
    assert [(fault.rule, fault.path) for fault in found["wrong"]] == [("E3002", "Resources/Q/Properties/Colour")]


def test_a_service_is_known_by_its_stack():
    assert [service_of_stack(name) for name in ("Ecs-web", "Eks-api", "Ecs", "Network")] == [
        "web",
        "api",
        "",
        "",
    ]
