"""`make status` and `prune` on a deployment of one service, on fakes of the emulator and the engine."""

import io

import pytest

from ops.local import commands
from ops.local.services import LOAD_BALANCER
from ops.say import Say
from tests.fakes.aws import CloudFormation, Ecs, FakeTarget
from tests.fakes.engine import FakeEngine
from tests.fakes.project import FakeProject
from tests.fakes.specs import http, worker

DEFINITION = "arn:x:task-definition/web:1"


@pytest.fixture
def deployed(tmp_path):
    """Gives the project with these services, each with so many tasks, and the stacks beside them."""

    def build(*specs, running=1, left=()):
        parts = [("AWS::ECS::TaskDefinition", DEFINITION), ("AWS::ECS::Service", "s")]
        stacks = {f"harbour-sandbox-Ecs-{spec.name}": parts for spec in specs}
        stacks["harbour-sandbox-Ecs"] = [(LOAD_BALANCER, "arn:x:loadbalancer/app/b/1")]
        ecs = Ecs({"taskDefinition": DEFINITION, "runningCount": running, "desiredCount": 1})
        target = FakeTarget(cloudformation=CloudFormation(*left, **stacks), ecs=ecs)
        return FakeProject(tmp_path, target, *specs, engine=FakeEngine(tmp_path / "engine").engine)

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


def test_stacks_of_services_that_are_gone_are_pruned(deployed, say):
    project = deployed(worker("mailer"), left=["harbour-sandbox-Ecs-old"])
    commands.prune(project, say)
    assert "delete harbour-sandbox-Ecs-old" in say.out.getvalue()
    assert project.target.cloudformation.status["harbour-sandbox-Ecs-old"] == "DELETE_COMPLETE"
    commands.prune(project, say)
    assert say.out.getvalue().endswith("Nothing to prune: every service stack has its folder.\n")
