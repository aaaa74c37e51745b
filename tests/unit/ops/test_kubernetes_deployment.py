"""What `make up` applies to a cluster, what it deletes there, and what it leaves to others."""

import json

import pytest

from ops.assembly import Assembly
from ops.errors import OpsError
from ops.local.kubernetes import objects
from ops.local.outcome import LeftOut, OnCluster, Scheduled, Validated
from ops.references import Known
from tests.fakes.kubectl import CORE, EKS, SECRETS_STORE, FakeCluster
from tests.fakes.kubernetes import (
    APP,
    PART_OF,
    LocalRun,
    autoscaler,
    deployment,
    namespace,
    policy,
    thing,
)
from tests.fakes.specs import http, job

ENFORCE = "pod-security.kubernetes.io/enforce"
SHARED = [namespace(**{ENFORCE: "restricted"}), policy("default-deny")]
SERVICE = thing("Service", "web", labels=PART_OF, spec={"ports": [{"port": 8080}]})
ONLY_FOR_EKS = [
    {"apiVersion": "eks.amazonaws.com/v1", "kind": "NodeClass", "metadata": {"name": "shared"}},
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": "shared"},
        "spec": {"controller": "eks.amazonaws.com/alb"},
    },
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "secret-syncing"}},
]
VOLUME = {"name": "secrets", "csi": {"driver": "secrets-store.csi.k8s.io"}}
PROVIDER = thing("SecretProviderClass", "web", version="secrets-store.csi.x-k8s.io/v1", labels=PART_OF)
WITH_SECRETS = [deployment("web", volumes=[VOLUME]), PROVIDER]
CDK = {"aws.cdk.eks/prune-1": ""}


def test_pods_and_addresses_are_reported(local):
    [found] = local.up(SHARED, web=[deployment(), SERVICE])
    assert found.found == OnCluster(1, 1, "http://web.harbour:8080 (inside the cluster)")


def test_the_address_of_an_ingress_comes_first(local, cluster):
    rule = {"http": {"paths": [{"path": "/web"}]}}
    ingress = thing("Ingress", "web", version="networking.k8s.io/v1", labels=PART_OF, spec={"rules": [rule]})
    local.up(SHARED, web=[deployment(), SERVICE, ingress])
    objects = cluster.read()["objects"]
    for entry in objects:
        if entry["kind"] == "Ingress":
            entry["status"] = {"loadBalancer": {"ingress": [{"ip": "10.0.0.9"}]}}
    cluster.write(objects=objects)
    [found] = local.up(SHARED, web=[deployment(), SERVICE, ingress])
    assert found.found.address == "http://10.0.0.9/web"


def test_a_job_is_reported_as_scheduled_and_not_run(tmp_path, cluster):
    local = LocalRun(tmp_path / "project", cluster, job("hello"))
    cron = thing("CronJob", "hello", version="batch/v1", labels=PART_OF, spec={"schedule": "0 1 * * *"})
    [found] = local.up(SHARED, hello=[cron])
    assert found.found == Scheduled("0 1 * * *")


class TestNamespace:
    def test_a_new_one_gets_the_labels_of_the_template(self, local, cluster):
        local.up(SHARED, web=[deployment()])
        assert cluster.object("Namespace", APP)["metadata"]["labels"] == {**PART_OF, ENFORCE: "restricted"}

    def test_labels_of_others_stay(self, local, cluster):
        theirs = {ENFORCE: "baseline", "team": "ports"}
        cluster.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": APP, "labels": theirs}})
        for _ in range(2):
            local.up(SHARED, web=[deployment()])
            assert cluster.object("Namespace", APP)["metadata"]["labels"] == {**PART_OF, **theirs}

    def test_a_later_run_changes_the_labels_of_a_namespace_that_it_created(self, local, cluster):
        local.up(SHARED, web=[deployment()])
        local.up([namespace(**{ENFORCE: "baseline"})], web=[deployment()])
        assert cluster.object("Namespace", APP)["metadata"]["labels"] == {**PART_OF, ENFORCE: "baseline"}


class TestShared:
    def test_policies_of_the_clusters_stack_are_applied(self, local, cluster):
        local.up([*SHARED, policy("allow-dns")], web=[deployment()])
        assert cluster.names("NetworkPolicy") == ["allow-dns", "default-deny"]

    @pytest.mark.parametrize(("served", "there"), [(CORE, False), (CORE + EKS, True)], ids=["elsewhere", "EKS's kinds"])
    def test_what_only_eks_has_is_applied_only_where_its_kinds_exist(self, tmp_path, served, there):
        cluster = FakeCluster(tmp_path / "cluster", served=served)
        LocalRun(tmp_path / "project", cluster, http("web")).up([*SHARED, *ONLY_FOR_EKS], web=[deployment()])
        for entry in ONLY_FOR_EKS:
            assert (entry["metadata"]["name"] in cluster.names(entry["kind"])) is there, entry

    @pytest.mark.parametrize("served", [CORE, CORE + EKS], ids=["elsewhere", "EKS's kinds"])
    def test_other_namespaces_are_not_touched(self, tmp_path, served):
        cluster = FakeCluster(tmp_path / "cluster", served=served)
        entry = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cni", "namespace": "kube-system"}}
        LocalRun(tmp_path / "project", cluster, http("web")).up([*SHARED, entry], web=[deployment()])
        assert cluster.names("ConfigMap") == []

    def test_one_that_someone_else_has_made_stays_as_it_is(self, local, cluster):
        theirs = {**policy("default-deny"), "spec": {"podSelector": {"matchLabels": {"a": "b"}}}}
        cluster.add(theirs)
        local.up(SHARED, web=[deployment()])
        assert cluster.object("NetworkPolicy", "default-deny") == theirs
        assert "NetworkPolicy/default-deny is there already, from someone else" in local.printed


class TestPrune:
    def test_an_autoscaler_that_is_no_longer_wanted_is_deleted(self, local, cluster):
        local.up(SHARED, web=[deployment(), autoscaler()])
        assert cluster.names("HorizontalPodAutoscaler") == ["web"]
        local.up(SHARED, web=[deployment(replicas=6)])
        assert cluster.names("HorizontalPodAutoscaler") == []
        assert cluster.object("Deployment", "web")["spec"]["replicas"] == 6

    def test_objects_of_a_service_that_is_gone_are_deleted(self, local, cluster, tmp_path):
        local.up(SHARED, web=[deployment()], old=[deployment("old"), thing("ServiceAccount", "old", labels=PART_OF)])
        local.folder = tmp_path / "without"
        local.up(SHARED, web=[deployment()])
        assert cluster.names("Deployment") == ["web"]
        assert cluster.names("ServiceAccount") == []

    def test_objects_of_others_stay(self, local, cluster):
        theirs = deployment("theirs", replicas=1)
        theirs["metadata"]["uid"] = "of theirs"
        cluster.add(autoscaler("theirs"), theirs)
        local.up(SHARED, web=[deployment()])
        assert cluster.names("HorizontalPodAutoscaler") == ["theirs"]
        assert cluster.names("Deployment") == ["theirs", "web"]


def test_every_kind_of_object_in_the_templates_is_pruned(assembly):
    known = Known({}, "localhost:1", "000000000000", "us-east-1")
    found = [o for stack in Assembly(assembly.directory).stacks for o in objects.of_stack(stack, known)]
    assert found
    assert {entry["kind"] for entry in found} - {"Namespace"} <= set(objects.KINDS)


def test_a_deployment_of_cdk_is_not_replaced(local, cluster):
    theirs = deployment()
    theirs["metadata"]["labels"] |= CDK
    cluster.add(theirs)
    with pytest.raises(OpsError, match="already has Deployment/web from another deployment"):
        local.up(SHARED, web=[deployment()])
    assert cluster.object("Deployment", "web") == theirs


def test_labels_of_cdk_are_not_applied(local, cluster):
    ours = deployment()
    ours["metadata"]["labels"] |= CDK
    for _ in range(2):
        local.up(SHARED, web=[ours])
    assert not CDK.keys() & cluster.object("Deployment", "web")["metadata"]["labels"].keys()


def test_every_refusal_of_the_api_is_reported(local, cluster):
    cluster.refuse(Deployment="exceeded quota", Service="spec.ports: Required value")
    with pytest.raises(OpsError) as caught:
        local.up(SHARED, web=[deployment(), SERVICE])
    assert 'Deployment "web": exceeded quota; Service "web": spec.ports: Required value' in caught.value.message
    assert "\n" not in caught.value.message


class TestSecretsDriver:
    def test_a_service_is_left_out_where_the_kind_is_unknown_and_others_run(self, local, cluster):
        local.catalog = type(local.catalog)((http("web"), http("other")))
        found = {o.service: o.found for o in local.up(SHARED, web=WITH_SECRETS, other=[deployment("other")])}
        assert found["web"] == LeftOut("the cluster does not know SecretProviderClass (secrets-store.csi.x-k8s.io/v1)")
        assert found["other"].ready == 1
        assert cluster.names("Deployment") == ["other"]

    def test_or_where_no_node_has_the_driver(self, tmp_path):
        cluster = FakeCluster(tmp_path / "cluster", served=CORE + SECRETS_STORE)
        local = LocalRun(tmp_path / "project", cluster, http("web"))
        [found] = local.up(SHARED, web=WITH_SECRETS)
        assert found.found == LeftOut("the cluster lacks the volume driver secrets-store.csi.k8s.io")
        cluster.add(
            {"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": "secrets-store.csi.k8s.io"}}
        )
        [found] = local.up(SHARED, web=WITH_SECRETS)
        assert found.found.ready == 1


class TestAws:
    def test_a_service_that_uses_aws_says_so_where_pods_cannot_reach_the_emulator(self, tmp_path, cluster):
        table = {"partition_key": "id"}
        local = LocalRun(tmp_path / "project", cluster, http("web", table=table), http("plain"))
        found = {o.service: o.found for o in local.up(SHARED, web=[deployment()], plain=[deployment("plain")])}
        assert "pods cannot reach the emulator" in found["web"].no_aws
        assert found["plain"].no_aws == ""
        assert "AWS_ENDPOINT_URL" not in json.dumps(cluster.object("Deployment", "web"))

    def test_an_address_that_the_user_names_goes_to_every_pod_and_through_the_policies(self, local, cluster):
        local.environ["KUBERNETES_ENDPOINT"] = "http://10.1.2.3:4566"
        [found] = local.up(SHARED, web=[deployment()])
        [container] = cluster.object("Deployment", "web")["spec"]["template"]["spec"]["containers"]
        assert {"name": "AWS_ENDPOINT_URL", "value": "http://10.1.2.3:4566"} in container["env"]
        assert {"name": "PORT", "value": "1"} in container["env"]
        [rule] = cluster.object("NetworkPolicy", "local-emulator")["spec"]["egress"]
        assert rule["to"] == [{"ipBlock": {"cidr": "10.1.2.3/32"}}]
        assert rule["ports"] == [{"protocol": "TCP", "port": 4566}]
        assert found.found.no_aws == ""

    def test_an_address_on_the_emulator_is_the_one_that_pods_reach(self, local, cluster):
        local.environ["KUBERNETES_ENDPOINT"] = "http://10.1.2.3:4566"
        with_queue = deployment()
        [own] = with_queue["spec"]["template"]["spec"]["containers"]
        own["env"] = [
            {"name": "WEB_QUEUE_URL", "value": f"{local.target.endpoint}/0/q"},
            {"name": "ORDERS_QUEUE_URL", "value": "https://sqs.us-east-1.amazonaws.com/000000000000/orders-prod"},
        ]
        local.up(SHARED, web=[with_queue])
        [container] = cluster.object("Deployment", "web")["spec"]["template"]["spec"]["containers"]
        assert {"name": "WEB_QUEUE_URL", "value": "http://10.1.2.3:4566/0/q"} in container["env"]
        existing = "http://10.1.2.3:4566/000000000000/orders-prod"
        assert {"name": "ORDERS_QUEUE_URL", "value": existing} in container["env"]

    @pytest.mark.parametrize("reaches", [True, False])
    def test_nodes_in_the_engine_are_asked_whether_they_reach_it(self, local, cluster, reaches, monkeypatch):
        cluster.add(
            {"kind": "Node", "metadata": {"name": "test-control-plane"}, "spec": {"providerID": "kind://docker/test/n"}}
        )
        del local.environ["KUBERNETES_REGISTRY"]
        (cluster.folder / "kind").write_text("#!/bin/sh\n")
        (cluster.folder / "kind").chmod(0o755)
        local.engine.answers("exec", "exit 0" if reaches else "exit 1")
        local.engine.answers("network", "echo 172.17.0.0/16")
        monkeypatch.setenv("PATH", local.environ["PATH"])
        local.up(SHARED, web=[deployment()])
        there = "http://172.17.0.1:4999" in json.dumps(cluster.object("Deployment", "web"))
        assert there is reaches
        [asked] = local.engine.calls("exec")
        assert "test-control-plane" in asked


def test_without_a_cluster_everything_is_validated(local, tmp_path):
    del local.environ["KUBECONFIG"]
    local.engine.answers("ps", "exit 0")
    valid = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    [found] = local.up([], web=[valid])
    assert found.found == Validated("1.36", 1)


def test_the_emulators_own_cluster_may_refuse_and_the_outcome_has_the_reason(local, cluster):
    del local.environ["KUBECONFIG"]
    local.engine.answers("ps", "echo k3s")
    local.engine.answers("exec", "echo 'server: https://10.0.0.1:6443'")
    local.engine.answers("port", "echo 127.0.0.1:40000")
    valid = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": APP}}
    cluster.refuse(Service="no")
    [found] = local.up([], web=[valid])
    assert found.found == Validated("1.36", 1, refused_by_own='kubectl apply: Service "web": no')
