"""`make status`, `logs` and `prune` on a deployment of one service, on fakes of the emulator and the engine."""

import io
from types import SimpleNamespace

import pytest

from config.catalog import Catalog
from config.settings import load_settings
from ops.errors import OpsError
from ops.local import commands
from ops.local.project import Project
from ops.local.services import LOAD_BALANCER
from ops.say import Say
from tests.conftest import ROOT
from tests.fakes.aws import ENDPOINT, CloudFormation, Ecs, FakeTarget
from tests.fakes.engine import FakeEngine
from tests.fakes.specs import http, worker

DEFINITION = "arn:x:task-definition/web:1"


class Running(Project):
    """A project whose deployment is up."""

    def __init__(self, root, engine, target, *specs):
        super().__init__(root, "sandbox", ENDPOINT)
        self.__dict__ |= {"_engine": engine, "target": target, "_specs": specs}

    def is_up(self):
        return True

    def running_engine(self):
        return self.__dict__["_engine"]

    def read(self, architecture):
        return load_settings(ROOT, "sandbox", {"architecture": architecture}), Catalog(self.__dict__["_specs"])


class Logs:
    def get_paginator(self, _):
        return SimpleNamespace(paginate=lambda logGroupName, startTime: [{"events": self._events(logGroupName)}])  # noqa: N803

    def _events(self, group):
        return [{"timestamp": 2, "message": f"{group}: second\n"}, {"timestamp": 1, "message": f"{group}: first\n"}]


@pytest.fixture
def deployed(tmp_path):
    """Gives the project with these services, each with so many tasks, and the stacks beside them."""

    def build(*specs, running=1, left=()):
        parts = [("AWS::ECS::TaskDefinition", DEFINITION), ("AWS::ECS::Service", "s"), (commands.LOG_GROUP, "/web")]
        stacks = {f"harbour-sandbox-Ecs-{spec.name}": parts for spec in specs}
        stacks["harbour-sandbox-Ecs"] = [(LOAD_BALANCER, "arn:x:loadbalancer/app/b/1")]
        ecs = Ecs({"taskDefinition": DEFINITION, "runningCount": running, "desiredCount": 1})
        target = FakeTarget(cloudformation=CloudFormation(*left, **stacks), ecs=ecs, logs=Logs())
        return Running(tmp_path, FakeEngine(tmp_path / "engine").engine, target, *specs)

    return build


@pytest.fixture
def say():
    return Say(io.StringIO())


@pytest.mark.parametrize(
    ("spec", "running", "well", "said"),
    [
        (worker("mailer"), 1, True, "mailer   ecs  1 of 1 running"),
        (worker("mailer"), 0, False, "mailer   ecs  0 of 1 running"),
        (http("web"), 1, False, "web      ecs  1 of 1 running, does not answer"),
    ],
    ids=["runs", "does not run", "runs and does not answer"],
)
def test_status_returns_a_fact_and_prints_it_in_words(deployed, say, spec, running, well, said):
    assert commands.status(deployed(spec, running=running), say) is well
    assert said in say.out.getvalue()


def test_log_lines_come_in_their_order_with_the_services_name(deployed, say):
    commands.logs(deployed(worker("mailer")), say, service=None, follow=False)
    assert say.out.getvalue() == "mailer  /web: first\nmailer  /web: second\n"


def test_the_logs_of_a_service_that_is_not_there_are_refused(deployed, say):
    with pytest.raises(OpsError, match="SERVICE=web: there is no such service on ECS; write one of mailer") as told:
        commands.logs(deployed(worker("mailer")), say, service="web", follow=False)
    assert told.value.exit_code == 2


def test_stacks_of_services_that_are_gone_are_pruned(deployed, say):
    project = deployed(worker("mailer"), left=["harbour-sandbox-Ecs-old"])
    commands.prune(project, say)
    assert "delete harbour-sandbox-Ecs-old" in say.out.getvalue()
    assert project.target.cloudformation.status["harbour-sandbox-Ecs-old"] == "DELETE_COMPLETE"
    commands.prune(project, say)
    assert say.out.getvalue().endswith("Nothing to prune: every service stack has its folder.\n")
