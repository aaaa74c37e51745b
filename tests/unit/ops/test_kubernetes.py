"""Manifests are applied where there is a cluster and validated where there is none, and which of the two is said."""

import json
import os

import pytest

from ops.errors import OpsError
from ops.local import kubernetes
from ops.local.filter import Stack, read_stacks

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p"},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
CUSTOM = {"apiVersion": "eks.amazonaws.com/v1", "kind": "NodeClass", "metadata": {"name": "n"}}


def stack(manifest):
    resource = {"Type": kubernetes.MANIFEST_TYPE, "Properties": {"Manifest": manifest}}
    return Stack("Eks-web", "app-Eks-web", "x", {"Resources": {"Objects": resource}})


def test_references_in_a_manifest_are_filled_in():
    image = {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/app/web:eks-1"}
    table = {"Fn::GetStackOutput": {"StackName": "app-State", "OutputName": "Table"}}
    parts = [
        '[{"image":"',
        image,
        '","table":"',
        table,
        '","region":"',
        {"Ref": "AWS::Region"},
        '","other":"',
        {"Ref": "X"},
        '"}]',
    ]
    [found] = kubernetes.objects(stack({"Fn::Join": ["", parts]}), {("app-State", "Table"): "t-1"}, "localhost:1")
    assert found == {"image": "localhost:1/app/web:eks-1", "table": "t-1", "region": "us-east-1", "other": "stand-in"}


def test_without_a_cluster_the_outcome_says_so_and_counts():
    said = kubernetes.describe_validation([POD, CUSTOM], "1.36")
    assert said == "no cluster: 1 manifests valid for 1.36, 1 custom without a schema"


def test_a_manifest_that_breaks_its_schema_is_one_line():
    with pytest.raises(OpsError) as told:
        kubernetes.validate([{**POD, "spec": {"containers": "none"}}], "1.36")
    assert told.value.message.startswith("Kubernetes 1.36 would refuse Pod/p: ")
    assert "\n" not in told.value.message


def test_a_misspelt_field_is_refused_too():
    with pytest.raises(OpsError):
        kubernetes.validate([{**POD, "specc": {}}], "1.36")


def test_every_manifest_of_the_sandbox_is_valid(sandbox):
    stacks = [entry for entry in read_stacks(sandbox.directory) if entry.artifact.startswith("Eks-")]
    assert stacks
    for entry in stacks:
        assert "manifests valid for 1.36" in kubernetes.describe_validation(
            kubernetes.objects(entry, {}, "localhost:1"), "1.36"
        )


class TestWithACluster:
    @pytest.fixture
    def kubectl(self, tmp_path):
        """A kubectl that notes its calls and its input."""

        def write(*, rollout=0, apply=0, versions=0):
            script = tmp_path / "kubectl"
            script.write_text(
                f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\ncase "$3" in\n'
                f"api-versions) printf 'v1\\napps/v1\\n'; exit {versions};;\n"
                f"apply) cat > {tmp_path}/input; echo refused >&2; exit {apply};;\n"
                f"*) echo 'timed out' >&2; exit {rollout};; esac\n"
            )
            script.chmod(0o755)
            return {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}

        return write

    @pytest.fixture(autouse=True)
    def on_path(self, kubectl, monkeypatch):
        monkeypatch.setenv("PATH", kubectl()["PATH"])

    def apply(self, env):
        return kubernetes.apply([DEPLOYMENT, CUSTOM], namespace="harbour", kubeconfig="/k", env=env)

    def test_manifests_are_applied_waited_for_and_said(self, kubectl, tmp_path):
        said = self.apply(kubectl())
        assert said == "applied to the cluster: 1 Deployment; 1 of kinds this cluster does not know were left out"
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
    def test_each_fault_is_one_line(self, kubectl, fault, said):
        with pytest.raises(OpsError, match=said):
            self.apply(kubectl(**fault))


def test_pods_of_the_emulators_own_cluster_are_told_where_it_is():
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
    with pytest.raises(OpsError, match="there is no such file") as told:
        kubernetes.kubeconfig({"KUBECONFIG": str(tmp_path / "none")})
    assert told.value.exit_code == 2
