"""`make verify-kubernetes` says in one line what it lacks, cleans up whatever happens, and has one line per step."""

from pathlib import Path

import pytest
import yaml

from ops.errors import OpsError
from tests.conftest import ROOT
from tests.e2e.local import Run
from tests.kubernetes import __main__ as command
from tests.kubernetes import walk
from tests.kubernetes.on_cluster import OnCluster
from tests.kubernetes.walk import StepError, Walk


def test_without_kind_and_without_kubeconfig_it_is_one_line_and_exit_code_2():
    with pytest.raises(OpsError, match=r"^no cluster to verify on: install kind .* or set KUBECONFIG") as caught:
        command.verify({"PATH": "/nowhere"})
    assert caught.value.exit_code == 2


def test_without_an_engine_it_is_one_line_and_exit_code_2(monkeypatch):
    monkeypatch.setattr(command.engines, "find", lambda: None)
    with pytest.raises(OpsError, match="no container engine") as caught:
        command.verify({"PATH": "/nowhere", "KUBECONFIG": "x"})
    assert caught.value.exit_code == 2


class Stub(OnCluster):
    """Every command succeeds, and is remembered."""

    def __init__(self):
        super().__init__(Path(), 1, None)
        self.__dict__["commands"] = []

    def ops(self, *arguments):
        self.__dict__["commands"].append(arguments)
        return Run(0, "a\nb\n", "")


STEPS = ("up", "pods", "namespace", "answers", "jobs", "again", "fixed", "ranged", "bad_image", "removed", "down")


@pytest.fixture
def steps(monkeypatch):
    """Steps that do nothing; a test makes one of them fail."""
    for name in STEPS:
        monkeypatch.setattr(Walk, name, lambda _: "")
    return monkeypatch


def test_every_step_is_one_line(steps):
    lines = []
    assert Walk(Stub(), lines.append).run() == 0
    assert len(lines) == len(STEPS) + 1
    assert all(line.startswith("ok  ") for line in lines[:-1])


@pytest.mark.parametrize("fault", [StepError("no pods\nat all"), KeyError("x")], ids=["expected", "unexpected"])
def test_after_a_failed_step_only_the_clean_up_runs(steps, fault):
    def fail(_):
        raise fault

    steps.setattr(Walk, "pods", fail)
    lines, local = [], Stub()
    assert Walk(local, lines.append).run() == 1
    assert [line[:4] for line in lines] == ["ok  ", "FAIL", "ok  ", "not "]
    assert not any("\n" in line for line in lines)
    assert local.commands[-1] == ("down", "--images")


def test_what_is_left_fails_the_walk(steps):
    steps.setattr(Walk, "down", lambda _: walk._check(False, "left: Service"))
    assert Walk(Stub(), lambda _: None).run() == 1


def test_the_workflow_runs_the_same_command():
    workflow = yaml.safe_load((ROOT / ".github/workflows/kubernetes.yml").read_text("utf-8"))
    [job] = workflow["jobs"].values()
    assert job["steps"][-1]["run"] == "make verify-kubernetes"
    assert workflow["permissions"] == {"contents": "read"}
