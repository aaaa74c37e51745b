"""Objects are applied if there is a cluster and validated if there is none, and the outcome shows which."""

import json
import os
from types import SimpleNamespace

import pytest

from config.settings import Platform
from ops.assembly import Assembly
from ops.errors import OpsError
from ops.local import kubernetes
from ops.local.outcome import Applied, Validated
from ops.local.workspace import Workspace
from ops.references import Known
from tests.fakes.assembly import REGISTRY, write_assembly
from tests.fakes.aws import CloudFormation, FakeTarget
from tests.fakes.engine import FakeEngine

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p"},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}
KNOWN = Known({}, "localhost:1", "000000000000", "us-east-1")
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
CUSTOM = {"apiVersion": "eks.amazonaws.com/v1", "kind": "NodeClass", "metadata": {"name": "n"}}


def stack(manifest):
    resource = {"Type": kubernetes.MANIFEST_TYPE, "Properties": {"Manifest": manifest}}
    return {"Resources": {"Objects": resource}}


def test_references_in_objects_are_resolved(tmp_path):
    parts = ['[{"image":"', {"Fn::Sub": f"{REGISTRY}/app/web:eks-1"}, '"}]']
    [it] = write_assembly(tmp_path, stacks={"Eks-web": stack({"Fn::Join": ["", parts]})}).stacks
    assert kubernetes.objects_of(it, KNOWN) == [{"image": "localhost:1/app/web:eks-1"}]


def test_objects_with_and_without_a_schema_are_counted():
    assert kubernetes.validate([POD, CUSTOM], "1.36") == Validated("1.36", checked=1, without_schema=1)


def test_an_object_that_breaks_its_schema_is_one_line():
    with pytest.raises(OpsError) as caught:
        kubernetes.validate([{**POD, "spec": {"containers": "none"}}], "1.36")
    assert caught.value.message.startswith("Kubernetes 1.36 would refuse Pod/p: ")
    assert "\n" not in caught.value.message


def test_a_misspelt_field_is_refused_too():
    with pytest.raises(OpsError):
        kubernetes.validate([{**POD, "specc": {}}], "1.36")


def test_every_object_of_the_sandbox_is_valid(sandbox):
    stacks = Assembly(sandbox.directory).of_services(Platform.EKS)
    assert stacks
    for entry in stacks.values():
        assert kubernetes.validate(kubernetes.objects_of(entry, KNOWN), "1.36").checked


@pytest.fixture
def kubectl(tmp_path, monkeypatch):
    """A kubectl on PATH that records its calls and input; returns the environment to call it in."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def write(*, rollout=0, apply=0, versions=0):
        script = tmp_path / "kubectl"
        script.write_text(
            f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\ncase "$3" in\n'
            f"api-versions) printf 'v1\\napps/v1\\n'; exit {versions};;\n"
            f"apply) cat > {tmp_path}/input; echo refused >&2; exit {apply};;\n"
            f"*) echo 'timed out' >&2; exit {rollout};; esac\n"
        )
        script.chmod(0o755)
        return dict(os.environ)

    return write


def apply(env):
    return kubernetes.apply([DEPLOYMENT, CUSTOM], namespace="harbour", kubeconfig="/k", env=env)


def test_objects_are_applied_waited_for_and_counted(kubectl, tmp_path):
    assert apply(kubectl()) == Applied({"Deployment": 1}, left_out=1)
    applied = json.loads((tmp_path / "input").read_text())["items"]
    assert [entry["kind"] for entry in applied] == ["Namespace", "Deployment"]
    assert "--kubeconfig /k --namespace harbour rollout status deployment/web" in (tmp_path / "calls").read_text()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"apply": 1}, "kubectl apply failed: refused"),
        ({"rollout": 1}, "deployment/web did not become ready in the cluster: timed out"),
        ({"versions": 1}, "the cluster of KUBECONFIG does not answer"),
    ],
)
def test_each_fault_of_a_cluster_is_one_line(kubectl, fault, said):
    with pytest.raises(OpsError, match=said):
        apply(kubectl(**fault))


def test_pods_of_the_emulators_own_cluster_get_its_address():
    pod = {"template": {"spec": {"containers": [{"name": "c", "env": [{"name": "A", "value": "1"}]}]}}}
    job = {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "c"}]}}}}}
    before = [{"kind": "Deployment", "spec": pod}, {"kind": "CronJob", "spec": job}, {"kind": "Service"}]
    found = kubernetes.with_variables(before, {"B": "2"})
    added = {"name": "B", "value": "2"}
    assert found[0]["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "A", "value": "1"}, added]
    assert found[1]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["env"] == [added]
    assert len(pod["template"]["spec"]["containers"][0]["env"]) == 1, "the original stays"


def test_a_kubeconfig_that_is_not_there_is_refused(tmp_path):
    assert kubernetes.kubeconfig({}) is None
    with pytest.raises(OpsError, match="there is no such file") as caught:
        kubernetes.kubeconfig({"KUBECONFIG": str(tmp_path / "none")})
    assert caught.value.exit_code == 2


class TestOutcomes:
    """Two services on a machine that has no cluster, the user's, or the emulator's own."""

    @pytest.fixture
    def outcomes(self, tmp_path, monkeypatch):
        monkeypatch.delenv("KUBECONFIG", raising=False)
        fake = FakeEngine(tmp_path / "engine")
        workspace = Workspace(tmp_path)
        workspace.prepare()
        stacks = dict.fromkeys(["Eks-a", "Eks-b"], stack(json.dumps([SERVICE])))
        assembly = write_assembly(tmp_path / "cdk.out", stacks=stacks)

        def run(*, given=False, own=False):
            if given:
                (tmp_path / "given").write_text("")
                monkeypatch.setenv("KUBECONFIG", str(tmp_path / "given"))
            fake.answers("ps", "echo k3s" if own else "exit 0")
            fake.answers("exec", "echo 'server: https://10.0.0.1:6443'")
            fake.answers("port", "echo 127.0.0.1:40000")
            found = kubernetes.outcomes(
                assembly,
                target=FakeTarget(cloudformation=CloudFormation()),
                workspace=workspace,
                settings=SimpleNamespace(app="harbour", eks_version="1.36"),
                engine=fake.engine,
            )
            assert [(outcome.service, outcome.platform) for outcome in found] == [
                ("a", "kubernetes"),
                ("b", "kubernetes"),
            ]
            return [outcome.found for outcome in found]

        return run

    @pytest.fixture
    def calls(self, tmp_path):
        def count(verb):
            file = tmp_path / "calls"
            return sum(f" {verb} " in line for line in file.read_text().splitlines()) if file.exists() else 0

        return count

    def test_without_a_cluster_they_are_validated(self, outcomes, kubectl, calls):
        kubectl()
        assert outcomes() == [Validated("1.36", 1)] * 2
        assert calls("apply") == 0

    @pytest.mark.parametrize("cluster", ["given", "own"])
    def test_with_a_cluster_they_are_applied(self, outcomes, kubectl, calls, cluster):
        kubectl()
        assert outcomes(**{cluster: True}) == [Applied({"Service": 1})] * 2
        assert calls("apply") == 2

    def test_the_users_cluster_must_take_them(self, outcomes, kubectl):
        kubectl(apply=1)
        with pytest.raises(OpsError, match="refused"):
            outcomes(given=True)

    def test_the_emulators_own_cluster_may_refuse_once_and_the_outcome_has_the_reason(self, outcomes, kubectl, calls):
        kubectl(apply=1)
        found = outcomes(own=True)
        assert found == [Validated("1.36", 1, refused_by_own="kubectl apply failed: refused")] * 2
        assert calls("apply") == 1
