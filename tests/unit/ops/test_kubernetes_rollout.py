"""A pod that does not start is explained with what Kubernetes knows, and is waited for as long as it may still start."""

import io

import pytest

from ops.errors import OpsError
from ops.local.kubernetes import rollout
from ops.local.kubernetes.kubectl import Kubectl
from ops.local.kubernetes.ownership import PART_OF
from ops.say import Say
from tests.fakes.kubernetes import APP, LocalRun, deployment, namespace
from tests.fakes.specs import http

PULL = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "localhost:4566/harbour/web:eks-1"'}


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(rollout, "time", clock)
    monkeypatch.setattr(rollout, "POLL_SECONDS", 29.0)
    return clock


@pytest.fixture
def up(tmp_path, cluster, clock):
    """Brings up services of which some wait; returns the fault and what was printed before it."""

    def run(*, deadline=360, **waiting):
        cluster.pods(**waiting)
        local = LocalRun(tmp_path / "project", cluster, *[http(name) for name in waiting])
        with pytest.raises(OpsError) as caught:
            local.up([namespace()], **{name: [deployment(name, deadline=deadline)] for name in waiting})
        return caught.value.message, local.printed

    return run


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        (PULL, "ImagePullBackOff: Back-off pulling image"),
        ({"reason": "CreateContainerConfigError", "message": 'secret "web" not found'}, 'secret "web" not found'),
        (
            {"refused": 'pods "web-1" is forbidden: violates PodSecurity "restricted"'},
            'violates PodSecurity "restricted"',
        ),
        ({"refused": "exceeded quota: pods=4"}, "FailedCreate: exceeded quota: pods=4"),
        ({"unscheduled": "0/1 nodes are available: insufficient memory"}, "Unschedulable: 0/1 nodes are available"),
        ({"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}, "CrashLoopBackOff: back-off 5m0s"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("reason", "refused"),
)
def test_the_reason_why_a_pod_waits_is_in_the_error_and_was_printed_at_once(up, waiting, said):
    message, printed = up(web=waiting)
    assert message.startswith("web did not get ready in the cluster: ")
    assert said in message
    assert said in printed
    assert printed.count("web waits") == 1, "once, not at every look"


def test_a_volume_that_cannot_be_mounted_is_explained_by_the_events(up, cluster):
    meta = {"name": "e", "namespace": APP}
    message = "driver name secrets-store.csi.k8s.io not found in the list of registered CSI drivers"
    event = {"kind": "Event", "metadata": meta, "type": "Warning", "reason": "FailedMount", "message": message}
    event["involvedObject"] = {"kind": "Pod", "name": "web-1-a"}
    cluster.write(events=[event])
    said, _ = up(web={"reason": "ContainerCreating"})
    assert f"ContainerCreating: FailedMount: {message}" in said


def test_every_service_that_fails_is_named(up):
    message, _ = up(web=PULL, other={"refused": "exceeded quota"})
    assert "web did not get ready" in message
    assert "other did not get ready" in message


def test_the_wait_is_as_long_as_the_deployments_own_deadline(up, clock):
    up(web={"reason": "CreateContainerConfigError", "message": "no secret"}, deadline=900)
    assert clock.now >= 900


@pytest.mark.parametrize(
    ("waiting", "seconds"), [(PULL, 120), ({"refused": "violates PodSecurity"}, 90)], ids=["pull", "refusal"]
)
def test_what_waiting_cannot_cure_ends_sooner(up, clock, waiting, seconds):
    up(web=waiting)
    assert clock.now <= seconds


def test_a_deployment_that_kubernetes_had_given_up_before_gets_another_chance(up, clock):
    given_up = {"given_up": "has timed out progressing", "reason": "CrashLoopBackOff", "message": "back-off"}
    up(web=given_up)
    assert rollout.GIVEN_UP_SECONDS <= clock.now < 360


def test_old_pods_still_there_mean_that_a_rollout_is_not_over(cluster, clock):
    entry = deployment()
    entry["metadata"] |= {"uid": "u", "labels": {PART_OF: APP}}
    entry["spec"]["replicas"] = 2
    entry["status"] = {"replicas": 3, "updatedReplicas": 2, "availableReplicas": 3, "observedGeneration": 1}
    cluster.add(entry)
    kubectl = Kubectl(cluster.program, {"KUBECONFIG": "x"})
    assert rollout.states(kubectl, namespace=APP)["web"].complete is False
    assert rollout.wait(kubectl, [deployment(deadline=60)], namespace=APP, say=Say(io.StringIO()))["web"]
