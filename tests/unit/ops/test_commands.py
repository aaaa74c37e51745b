"""`make status` and `prune` on a deployment of one service, on fakes of the emulator and the engine."""

import io
import os

import pytest

from ops.errors import OpsError
from ops.local import commands
from ops.local.services import LOAD_BALANCER
from ops.say import Say
from tests.fakes.aws import CloudFormation, Ecs, FakeTarget
from tests.fakes.engine import FakeEngine
from tests.fakes.kubectl import FakeCluster
from tests.fakes.kubernetes import LocalRun, deployment, namespace
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


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    monkeypatch.delenv("KUBECONFIG", raising=False)


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


class TestCluster:
    """A deployment whose services also run on a Kubernetes cluster."""

    @pytest.fixture
    def cluster(self, tmp_path, monkeypatch):
        cluster = FakeCluster(tmp_path / "cluster")
        LocalRun(tmp_path, cluster, http("web")).up([namespace()], web=[deployment()], old=[deployment("old")])
        monkeypatch.setenv("PATH", f"{cluster.folder}{os.pathsep}{os.environ['PATH']}")
        return cluster

    def test_status_shows_its_pods(self, deployed, say, cluster):
        commands.status(deployed(http("web")), say)
        assert "web      kubernetes  1 of 1 pods ready" in say.out.getvalue()

    def test_prune_deletes_what_services_that_are_gone_have_there(self, deployed, say, cluster):
        commands.prune(deployed(http("web")), say)
        assert "Deleted from the cluster: deployments.apps/old." in say.out.getvalue()
        assert cluster.names("Deployment") == ["web"]

    @pytest.fixture
    def down(self, tmp_path, monkeypatch, deployed, say):
        fake = FakeEngine(tmp_path / "engine")
        monkeypatch.setattr(commands.engines, "find", lambda: fake.engine)
        project = deployed(http("web"))
        project.__dict__["up"] = False
        return lambda: commands.down(project, say, remove_images=False)

    def test_down_cleans_it_before_it_says_that_nothing_is_left(self, down, say, cluster):
        down()
        assert cluster.names("Deployment") == []
        assert cluster.names("Namespace") == []
        assert "Down: no stack, repository, container or network is left." in say.out.getvalue()

    def test_down_never_says_so_if_the_cluster_does_not_answer(self, down, say, cluster):
        cluster.write(down="refused")
        with pytest.raises(OpsError, match=r"^left behind: what `make up` applied to the cluster of kind-test"):
            down()
        assert "is left." not in say.out.getvalue()
