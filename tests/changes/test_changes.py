"""docs/changes.md is current, and no row hides what CloudFormation would refuse or what would be lost."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache

import pytest

from config.service import manifest_fields
from config.settings import Settings
from config.validation import visible_fields
from ops.assembly import Stack
from ops.changes.command import answer, answer_to
from ops.changes.matrix import Row
from ops.changes.model import BLOCKING, LOSES_DATA, Kind
from tests.changes.account import Account, RefusedError
from tests.changes.rows import DOCUMENT, FILE, SECTIONS, as_text, document, groups, stored
from tests.changes.runner import ENVIRONMENTS, Compared, Runner
from tests.changes.scenarios import State, fields_of_manifest, scenarios, setting_fields
from tests.conftest import ROOT, shared_folder

# Tests of one group share what they synthesize, so they run on one worker.
GROUPS = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in groups()]
pytestmark = pytest.mark.changes


@dataclass(frozen=True)
class Outcome:
    """What the tests need of a scenario in an environment."""

    row: Row
    exit_code: int | None
    """Of the command before a deployment; None if the loader refuses the change."""
    refusals: tuple[str, ...]
    """What the account says, for each order in which the CLI may deploy."""


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(ROOT, tmp_path_factory.mktemp("changes"), shared_folder(tmp_path_factory) / "changes")


@pytest.fixture(scope="session")
def outcomes(runner: Runner):
    @cache
    def of(name: str) -> list[Outcome]:
        return [_outcome(runner.run(one, environment)) for one in groups()[name] for environment in ENVIRONMENTS]

    return of


def _outcome(compared: Compared) -> Outcome:
    if compared.result is None:
        return Outcome(compared.row, None, ())
    if compared.destroyed:
        remaining = [stack for stack in compared.before if stack.id not in compared.destroyed]
        code = answer(remaining, compared.after, environment=compared.environment).exit_code
    else:  # the command compares what has just been compared
        before, after, result = compared.before, compared.after, compared.result
        code = answer_to(result, before, after, environment=compared.environment).exit_code
    if any(finding.blocks and finding.stack in compared.destroyed for finding in compared.result.findings):
        code = 2  # the user typed `cdk destroy`, which asks
    return Outcome(compared.row, code, tuple(_refusals(compared)))


def _refusals(compared: Compared) -> Iterator[str]:
    for stacks in _orders(compared.after):
        account = Account(compared.before if _is_one_place([*compared.before, *stacks]) else [])
        account.destroy(stack.name for stack in compared.before if stack.id in compared.destroyed)
        try:
            account.deploy(stacks)
        except RefusedError as refused:
            yield str(refused)


def _is_one_place(stacks: list[Stack]) -> bool:
    """Whether all are in one account and region, as far as they name them."""
    return len({stack.place for stack in stacks if "unknown" not in stack.place}) < 2


def _orders(stacks: list[Stack]) -> Iterator[list[Stack]]:
    """Two orders that the dependencies allow: of stacks that may be deployed at the same time, either can be first."""
    for candidates in (stacks, stacks[::-1]):
        done: list[Stack] = []
        while len(done) < len(candidates):
            ids = {stack.id for stack in done}
            done.append(next(s for s in candidates if s.id not in ids and s.needs <= ids))
        yield done


# --- the document ----------------------------------------------------------------------------------------------------


def test_every_setting_and_every_manifest_field_has_a_row():
    """A new one gets its rows from its type or its examples; if those are not enough, add it to scenarios.py."""
    subjects = {(scenario.section, scenario.subject) for scenario in scenarios()}
    # The only version of Kubernetes with a kubectl layer has none to go to.
    without = {("settings", "eks_version")} - subjects
    wanted = {("settings", name) for name in setting_fields()} | {("manifest", name) for name in fields_of_manifest()}
    assert wanted - subjects - without == set()
    assert set(visible_fields(Settings)) <= set(setting_fields())
    assert set(manifest_fields()) - set(fields_of_manifest()) == {"kind"}


def test_no_two_rows_are_about_the_same_change():
    keys = [(s.section, s.subject, s.change) for s in scenarios()]
    assert [key for key in keys if keys.count(key) > 1] == []


@pytest.mark.parametrize("name", GROUPS)
def test_the_rows_are_current(name, outcomes):
    """`make changes` writes them."""
    known = {row.key: row for row in stored()}
    for outcome in outcomes(name):
        assert known.get(outcome.row.key) == outcome.row


def test_no_row_is_about_a_change_that_is_gone():
    wanted = {(s.section, s.subject, s.change, environment) for s in scenarios() for environment in ENVIRONMENTS}
    assert {row.key for row in stored()} - wanted == set()


def test_the_document_is_what_the_rows_say():
    text = (ROOT / DOCUMENT).read_text("utf-8")
    assert document(text, stored()) == text
    assert as_text(stored()) == FILE.read_text("utf-8")
    assert all(any(row.section == section for row in stored()) for section in SECTIONS)


# --- no surprise -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GROUPS)
def test_what_is_refused_or_lost_is_said_and_guarded(name, outcomes):
    for outcome in outcomes(name):
        row = outcome.row
        guarded = row.guard and (outcome.exit_code == 2 if row.guard == "make deploy" else outcome.exit_code is None)
        assert guarded or not row.blocking, row.key
        assert not row.blocking or set(row.blocking) <= {kind.value for kind in BLOCKING}
        if {kind.value for kind in LOSES_DATA} & set(row.blocking):
            assert "data" in row.interruption, row.key
        if set(row.blocking) - {kind.value for kind in LOSES_DATA}:
            assert row.collisions or row.exports or row.quotas, row.key


@pytest.mark.parametrize("name", GROUPS)
def test_a_second_opinion_refuses_nothing_that_a_row_calls_harmless(name, outcomes):
    for outcome in outcomes(name):
        assert not outcome.refusals or outcome.row.blocking, (outcome.row.key, outcome.refusals)


# --- deliberate mistakes ---------------------------------------------------------------------------------------------


def found(runner, environment, mistake):
    """Findings of an unchanged project whose new templates have a mistake, as (kind, stack)."""
    before = runner.stacks(State(), environment)
    after = [replace(stack, template=deepcopy(stack.template)) for stack in before]
    mistake({stack.id: stack.template for stack in after})
    result = answer(before, after)
    assert result.exit_code == 2
    return {line.split("[")[-1].split("/")[0] for line in result.lines if "[" in line}


def resources(template, kind):
    return [body["Properties"] for body in template["Resources"].values() if body["Type"] == kind]


def test_a_dropped_export_is_found(runner):
    def drop(templates):
        templates["Network"]["Outputs"] = {}

    assert f"{Kind.EXPORT_GONE.value}:Network" in found(runner, "production", drop)


def test_a_dropped_output_that_is_still_read_is_found(runner):
    def drop(templates):
        templates["Network"]["Outputs"] = {}

    assert {f"{Kind.OUTPUT_MISSING.value}:{stack}" for stack in ("Ecs", "Eks")} <= found(runner, "sandbox", drop)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_replaced_named_resource_is_found(runner, environment):
    def encrypt(templates):
        for repository in resources(templates["Registry"], "AWS::ECR::Repository"):
            repository["EncryptionConfiguration"] = {"EncryptionType": "AES256"}

    assert f"{Kind.NAMED_REPLACED.value}:Registry" in found(runner, environment, encrypt)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_swapped_priorities_are_found(runner, environment):
    def swap(templates):
        [shop], [stock] = (
            resources(templates[f"Ecs-{n}"], "AWS::ElasticLoadBalancingV2::ListenerRule") for n in ("shop", "stock")
        )
        shop["Priority"], stock["Priority"] = stock["Priority"], shop["Priority"]

    assert f"{Kind.CLASH.value}:Ecs-stock" in found(runner, environment, swap)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_moved_subnet_range_is_found(runner, environment):
    def move(templates):
        first, second, *_ = resources(templates["Network"], "AWS::EC2::Subnet")
        second["CidrBlock"] = f"{first['CidrBlock'].partition('/')[0]}/24"

    assert f"{Kind.OVERLAP.value}:Network" in found(runner, environment, move)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_replaced_table_is_found(runner, environment):
    def rekey(templates):
        [table] = resources(templates["State"], "AWS::DynamoDB::Table")
        table["KeySchema"] = [{"AttributeName": "other", "KeyType": "HASH"}]

    kinds = found(runner, environment, rekey)
    assert kinds & {f"{kind.value}:State" for kind in (*LOSES_DATA, Kind.EXPORT_CHANGED)}
