"""The life of the cluster's stack: the order of creation, of which deletion is the reverse, and what a failure leaves behind."""

from __future__ import annotations

import json

import pytest

from config.settings import Removal
from tests.stacks.templates import KUBERNETES, Assembly, Resource

VALUE = "Custom::AWSCDK-EKS-KubernetesObjectValue"
PATCH = "Custom::AWSCDK-EKS-KubernetesPatch"
PROTECTION = "Custom::EksDeletionProtection"
LEFTOVER = "Custom::LeftoverLogGroup"
SHARED = ("Nodes", "Namespace", "IngressClass", "Entrance")


def applied(assembly: Assembly, name: str) -> Resource:
    """The custom resource of the Eks stack that applies these shared objects."""
    return next(r for r in assembly.resources(KUBERNETES, stack="Eks") if r.id.startswith(f"Clustermanifest{name}"))


def created_before(assembly: Assembly, resource: Resource) -> set[str]:
    """Ids of everything in its stack that a resource waits for: by DependsOn or by a reference, at any distance."""
    everything = {r.id: r for r in assembly.resources(stack=resource.stack)}
    seen: set[str] = set()
    ahead = {resource.id}
    while ahead:
        current = everything[ahead.pop()]
        text = json.dumps(current.properties)
        near = {other for other in everything if f"<{resource.stack}/{other}>" in text or f"/{other}." in text}
        near |= set(current.depends_on) - {current.id}
        ahead |= near - seen - {resource.id}
        seen |= near
    return seen - {resource.id}


# --- order ------------------------------------------------------------------------------------------------------------


def test_shared_objects_are_applied_and_not_created(assembly):
    """An attempt after one that failed halfway finds some of them there."""
    for name in SHARED:
        assert applied(assembly, name)["Overwrite"] is True
    assert len(assembly.resources(KUBERNETES, stack="Eks")) == len(SHARED)


def test_nodes_wait_until_the_cluster_knows_their_kinds(assembly):
    kinds = next(v for v in assembly.resources(VALUE, stack="Eks") if v["ObjectType"] == "customresourcedefinition")
    assert kinds["ObjectName"] == "nodepools.karpenter.sh"
    assert kinds.id in applied(assembly, "Nodes").depends_on


def test_nodes_are_drained_before_they_lose_their_access(assembly):
    entry = next(e for e in assembly.resources("AWS::EKS::AccessEntry", stack="Eks") if e.get("Type") == "EC2")
    assert entry.id in applied(assembly, "Nodes").depends_on


def test_kubernetes_deletes_its_load_balancer_before_what_the_deletion_needs(assembly):
    entrance = applied(assembly, "Entrance")
    assert applied(assembly, "IngressClass").id in entrance.depends_on
    assert applied(assembly, "Namespace").id in entrance.depends_on
    assert applied(assembly, "Nodes").id in applied(assembly, "Namespace").depends_on
    assert applied(assembly, "Namespace").id in applied(assembly, "IngressClass").depends_on
    address = next(v for v in assembly.resources(VALUE, stack="Eks") if v["ObjectType"] == "ingress")
    assert entrance.id in address.depends_on
    for service in assembly.resources(KUBERNETES):
        if service.stack != "Eks":
            assert "Eks" in assembly.stacks[service.stack]["dependencies"]


def test_the_bucket_is_emptied_when_the_load_balancer_no_longer_writes_to_it(assembly):
    before = created_before(assembly, applied(assembly, "IngressClass"))
    for kind in ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Custom::S3AutoDeleteObjects"):
        assert {r.id for r in assembly.resources(kind, stack="Eks")} <= before


def test_a_log_group_is_deleted_after_everything_that_writes_to_it(assembly):
    """A late event would bring it back, without retention, and the next creation would find its name taken."""
    writers = [
        assembly.one("AWS::EKS::Cluster", stack="Eks"),
        *assembly.resources("AWS::Lambda::Function", stack="Eks"),
    ]
    groups = {g.id for g in assembly.resources("AWS::Logs::LogGroup", stack="Eks")}
    for writer in writers:
        own = {g for g in groups & created_before(assembly, writer) if not g.startswith("ControlPlane")}
        assert own or writer.type == "AWS::EKS::Cluster", writer.id
    control_plane = next(g for g in groups if g.startswith("ControlPlane"))
    assert control_plane in created_before(assembly, writers[0])
    for group in assembly.resources("AWS::Logs::LogGroup", stack="Eks"):
        if group.id != control_plane:
            assert created_before(assembly, group) == set(), "a group that refers to its writer is deleted first"


def test_a_group_that_an_earlier_cluster_left_behind_is_no_obstacle(assembly):
    """EKS creates it again for its last events. Where logs are kept, the group itself is still there instead."""
    leftovers = assembly.resources(LEFTOVER, stack="Eks")
    assert len(leftovers) == int(assembly.settings.removal is Removal.DISPOSABLE)
    for leftover in leftovers:
        name = f"/aws/eks/{assembly.settings.prefix}/cluster"
        group = next(g for g in assembly.resources("AWS::Logs::LogGroup") if g.get("LogGroupName") == name)
        assert leftover.id in created_before(assembly, group)
        assert set(leftover.properties) & {"Create", "Update", "Delete"} == {"Create"}
        call = json.loads(leftover["Create"])
        assert (call["action"], call["parameters"]) == ("deleteLogGroup", {"logGroupName": name})


def test_a_group_with_our_tags_is_never_taken_for_a_leftover(sandbox):
    role = next(r for r in sandbox.roles() if r.stack == "Eks" and r.id.startswith("LeftoverLogsRole"))
    (deletion,) = (s for s in sandbox.statements(role) if "logs:DeleteLogGroup" in s.actions)
    assert deletion.conditions == {"Null": {"aws:ResourceTag/environment": "true"}}
    assert deletion.resources[0].endswith(":log-group:/aws/eks/harbour-sandbox/cluster:*")
    assert "environment" in sandbox.stacks["Eks"]["properties"]["tags"]


def test_the_handler_has_its_rights_before_it_applies_anything(assembly):
    before = created_before(assembly, applied(assembly, "Nodes"))
    role = next(r for r in assembly.roles() if r.stack == "Eks" and r.id.startswith("KubectlRole"))
    policies = [p.id for p in assembly.resources("AWS::IAM::Policy", stack="Eks") if role.ref in p["Roles"]]
    assert policies
    assert set(policies) <= before
    handler_entry = [
        e.id for e in assembly.resources("AWS::EKS::AccessEntry", stack="Eks") if e["PrincipalArn"] == role.att("Arn")
    ]
    assert set(handler_entry) <= before


# --- failure ----------------------------------------------------------------------------------------------------------


def test_only_data_outlives_a_cluster(assembly):
    """A function, an object or a cluster that is kept would be billed, without the roles that it needs."""
    kept = {r.type for r in assembly.resources(stack="Eks") if str(r.deletion_policy).startswith("Retain")}
    assert kept <= {"AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::KMS::Key"}


def test_a_failed_first_creation_can_be_rolled_back(assembly):
    """EKS refuses to delete a protected cluster, so protection is neither a property nor earlier than what can fail."""
    assert "DeletionProtection" not in assembly.one("AWS::EKS::Cluster", stack="Eks").properties
    parameters = assembly.object("Eks", "IngressClassParams")["spec"]["loadBalancerAttributes"]
    assert "deletion_protection.enabled" not in {p["key"] for p in parameters}
    for protection in assembly.resources(PROTECTION, stack="Eks"):
        others = {r.id for r in assembly.resources(stack="Eks")} - {protection.id}
        assert others - created_before(assembly, protection) == set()


# --- protection -------------------------------------------------------------------------------------------------------


def test_a_kept_cluster_and_its_load_balancer_are_protected_from_deletion(assembly):
    kept = assembly.settings.removal is Removal.KEPT
    assert len(assembly.resources(PROTECTION, stack="Eks")) == int(kept)
    assert len(assembly.resources(PATCH, stack="Eks")) == int(kept)


def test_protection_is_switched_on_last_and_off_first(production):
    protection = production.one(PROTECTION, stack="Eks")
    for event, protected in (("Create", True), ("Update", True), ("Delete", False)):
        call = json.loads(protection[event])
        assert (call["service"], call["action"]) == ("eks", "updateClusterConfig")
        assert call["parameters"] == {"name": "harbour-production", "deletionProtection": protected}
    patch = production.one(PATCH, stack="Eks")
    assert patch["ResourceName"] == "ingress/entrance"
    for name, protected in (("ApplyPatchJson", "true"), ("RestorePatchJson", "false")):
        annotations = json.loads(patch[name])["metadata"]["annotations"]
        attribute = f"deletion_protection.enabled={protected}"
        assert annotations == {"alb.ingress.kubernetes.io/load-balancer-attributes": attribute}
    assert patch.id in protection.depends_on


def test_the_function_that_switches_protection_can_do_nothing_else(production):
    role = next(r for r in production.roles() if r.stack == "Eks" and r.id.startswith("ProtectionRole"))
    actions = {a for s in production.statements(role) for a in s.actions if not a.startswith(("ec2:", "logs:"))}
    assert actions == {"eks:UpdateClusterConfig"}
    updates = next(s for s in production.statements(role) if "eks:UpdateClusterConfig" in s.actions)
    assert updates.resources[0].endswith(":cluster/harbour-production")
    assert role.get("ManagedPolicyArns", []) == []


@pytest.mark.parametrize("name", ["sandbox", "corners"])
def test_a_disposable_cluster_is_destroyed_without_another_step(synthesis, name):
    eks = synthesis.assembly(name)
    assert {r.deletion_policy for r in eks.resources(stack="Eks")} <= {None, "Delete"}
