"""`make up` on a cluster runs the Job of before_deploy to its end before it changes the Deployment that waits for it."""

import json

import pytest

from ops.errors import OpsError
from ops.local.kubernetes import migration, objects
from ops.local.kubernetes.objects import JOB_TYPE
from ops.references import Known
from tests.fakes.assembly import write_assembly
from tests.fakes.kubernetes import PART_OF, deployment, namespace, thing

SHARED = [namespace()]


def migrate(command="migrate", seconds=60):
    container = {"name": "web", "image": "localhost:4999/harbour/web:eks-1", "args": [command]}
    spec = {"activeDeadlineSeconds": seconds, "template": {"spec": {"containers": [container]}}}
    return thing("Job", "web", version="batch/v1", labels=PART_OF, spec=spec)


def applied(cluster):
    return [call for call in cluster.calls if " apply -f" in call]


def test_the_deployment_comes_after_the_job(local, cluster):
    local.up(SHARED, web=[deployment(), migrate()])
    [name] = cluster.names("Job")
    assert name.startswith("web-")
    assert cluster.names("Deployment") == ["web"]
    assert len(applied(cluster)) == 2


def test_a_job_that_fails_leaves_the_deployment_as_it_is(local, cluster):
    local.up(SHARED, web=[deployment(replicas=1), migrate()])
    cluster.write(jobs="Failed")
    said = "web: before_deploy failed in the cluster: last words; its Deployment is as before"
    with pytest.raises(OpsError, match=said):
        local.up(SHARED, web=[deployment(replicas=3), migrate("another")])
    assert cluster.object("Deployment", "web")["spec"]["replicas"] == 1


def test_a_job_that_failed_runs_again(local, cluster):
    cluster.write(jobs="Failed")
    with pytest.raises(OpsError):
        local.up(SHARED, web=[deployment(), migrate()])
    cluster.write(jobs="Complete")
    local.up(SHARED, web=[deployment(), migrate()])
    assert cluster.names("Deployment") == ["web"]


def test_a_job_that_does_not_end_is_given_up(local, cluster, monkeypatch):
    cluster.write(jobs="Suspended")
    monkeypatch.setattr(migration, "SLACK_SECONDS", 0)
    monkeypatch.setattr(migration, "POLL_SECONDS", 0)
    with pytest.raises(OpsError, match="web: before_deploy did not end within 0 s in the cluster"):
        local.up(SHARED, web=[deployment(), migrate(seconds=0)])


def test_a_later_version_is_another_job_and_the_earlier_one_goes(local, cluster):
    local.up(SHARED, web=[deployment(), migrate()])
    earlier = cluster.names("Job")
    local.up(SHARED, web=[deployment(), migrate()])
    assert cluster.names("Job") == earlier
    local.up(SHARED, web=[deployment(), migrate("another")])
    [later] = cluster.names("Job")
    assert [later] != earlier


def test_the_job_is_read_from_the_resource_that_runs_it(tmp_path):
    resource = {"Type": JOB_TYPE, "Properties": {"Manifest": json.dumps([migrate()])}}
    assembly = write_assembly(tmp_path, stacks={"Eks-web": {"Resources": {"Run": resource}}})
    [stack] = assembly.stacks
    known = Known({}, "localhost:4999", "000000000000", "us-east-1")
    assert [entry["kind"] for entry in objects.of_stack(stack, known)] == ["Job"]
