"""`make down` and `make prune` delete from a cluster what `make up` applied, and nothing else."""

import pytest

from ops.errors import OpsError
from ops.local.kubernetes import cluster as clusters
from tests.fakes.kubectl import FakeCluster
from tests.fakes.kubernetes import APP, PART_OF, autoscaler, deployment, namespace, policy, thing

SHARED = [namespace(team="ports"), policy("default-deny")]


def up(local):
    local.up(SHARED, web=[deployment(), autoscaler()], old=[deployment("old")])


def all_names(cluster):
    return sorted(f"{entry['kind']}/{entry['metadata']['name']}" for entry in cluster.read()["objects"])


def test_down_leaves_nothing_that_up_applied(local, cluster):
    up(local)
    assert local.removal.down(APP) == []
    assert all_names(cluster) == []
    assert clusters.recorded(local.workspace) == []


def test_down_works_in_a_shell_without_kubeconfig(local, cluster):
    up(local)
    del local.environ["KUBECONFIG"]
    assert local.removal.down(APP) == []
    assert all_names(cluster) == []


def test_down_works_without_the_record_where_kubeconfig_is_set(local, cluster):
    up(local)
    clusters.forget(local.workspace)
    assert local.removal.down(APP) == []
    assert all_names(cluster) == []


def test_a_namespace_that_was_there_before_stays_with_its_own_labels(local, cluster):
    cluster.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": APP, "labels": {"a": "b"}}})
    up(local)
    assert local.removal.down(APP) == []
    assert all_names(cluster) == [f"Namespace/{APP}"]
    assert cluster.object("Namespace", APP)["metadata"]["labels"] == {"a": "b"}
    assert "left in the cluster: namespace harbour, which `make up` did not create" in local.printed


def test_a_namespace_that_holds_something_of_others_stays_with_it(local, cluster):
    up(local)
    owned = thing("Secret", "made")
    owned["metadata"]["ownerReferences"] = [{"uid": "x"}]
    cluster.add(
        thing("Secret", "theirs"), owned, thing("ServiceAccount", "default"), thing("ConfigMap", "kube-root-ca.crt")
    )
    assert local.removal.down(APP) == []
    assert "Secret/theirs" in all_names(cluster)
    assert "Deployment/web" not in all_names(cluster)
    assert "left in the cluster: namespace harbour, which holds Secret/theirs\n" in local.printed


def test_a_cluster_that_does_not_answer_is_reported_as_not_clean(local, cluster):
    up(local)
    cluster.write(down="The connection to the server was refused")
    [left] = local.removal.down(APP)
    assert left.startswith(
        "what `make up` applied to the cluster of kind-test (the cluster of kind-test does not answer"
    )
    assert clusters.recorded(local.workspace), "the next make down tries again"


@pytest.mark.parametrize("gone", ["file", "context"])
def test_a_cluster_that_the_user_has_deleted_needs_no_cleaning(local, cluster, gone):
    up(local)
    del local.environ["KUBECONFIG"]
    if gone == "file":
        cluster.kubeconfig.unlink()
    else:
        cluster.write(context="another")
    assert local.removal.down(APP) == []
    assert "the cluster of kind-test is gone" in local.printed


def test_prune_deletes_the_objects_of_services_that_are_gone(local, cluster):
    up(local)
    cluster.add(thing("ServiceAccount", "theirs", labels=PART_OF))
    assert local.removal.prune(APP, ["web"]) == ["deployments.apps/old"]
    assert cluster.names("Deployment") == ["web"]
    assert cluster.names("ServiceAccount") == ["theirs"]
    assert cluster.names("NetworkPolicy") == ["default-deny"]
    assert local.removal.prune(APP, ["web"]) == []


def test_down_cleans_every_cluster_that_was_used(local, cluster, tmp_path):
    up(local)
    other = FakeCluster(tmp_path / "other", context="kind-other")
    local.environ["KUBECONFIG"] = str(other.kubeconfig)
    up(local)
    assert [record.context for record in clusters.recorded(local.workspace)] == ["kind-test", "kind-other"]
    assert local.removal.down(APP) == []
    assert all_names(cluster) == all_names(other) == []


def test_down_does_not_fail_for_a_cluster_that_was_never_used(local, cluster):
    cluster.write(down="refused")
    assert local.removal.down(APP) == []
    assert "nothing was looked for there" in local.printed


def test_down_does_not_fail_for_a_wrong_kubeconfig(local):
    local.environ["KUBECONFIG"] = "/nowhere"
    assert local.removal.down(APP) == []
    assert "there is no such file" in local.printed


def test_a_namespace_that_a_failed_run_left_empty_goes_too(local, cluster):
    cluster.refuse(Deployment="no", NetworkPolicy="no", HorizontalPodAutoscaler="no")
    with pytest.raises(OpsError):
        up(local)
    assert cluster.names("Namespace") == [APP]
    assert local.removal.down(APP) == []
    assert cluster.names("Namespace") == []


def test_down_without_any_cluster_does_nothing(local):
    del local.environ["KUBECONFIG"]
    assert local.removal.used(APP) == []
