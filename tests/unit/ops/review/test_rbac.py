"""Rights inside the cluster: RBAC, service accounts, access entries, roles of IAM."""

from __future__ import annotations

import json

import pytest

from ops.review.model import Gate, Weight
from ops.review.pair import Pair, Side
from ops.review.rights import rights
from tests.fakes.stacks import att, ref, resource, stack

RBAC = "rbac.authorization.k8s.io/v1"


def role(*rules, kind="Role", name="watcher", namespace="quay"):
    return {"apiVersion": RBAC, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "rules": list(rules)}


def rule(*verbs, resources=("pods",), groups=("",), **more):
    return {"verbs": list(verbs), "apiGroups": list(groups), "resources": list(resources), **more}


def binding(*subjects, kind="RoleBinding", role_kind="Role", name="watcher", namespace="quay"):
    return {
        "apiVersion": RBAC,
        "kind": kind,
        "metadata": {"name": "b", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "namespace": "quay", "name": subject} for subject in subjects],
    }


def account(name="web", **more):
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "quay"}, **more}


WEB = account(automountServiceAccountToken=False)


def cluster(*objects, **resources):
    applied = resource("Custom::AWSCDK-EKS-KubernetesResource", Manifest=json.dumps(objects))
    return stack("Eks-web", {"Objects": applied, **resources})


def reviewed(before, after):
    return rights(Pair(Side("then", [before]), Side("now", [after])))


def only(before, after):
    [item] = reviewed(before, after)
    return item.text, item.weight, item.gate


@pytest.mark.parametrize(
    ("before", "after", "text", "weight"),
    [
        (
            [role(rule("get")), binding("web")],
            [role(rule("get", "list")), binding("web")],
            "web on EKS may also list pods in the namespace quay",
            Weight.CAUTION,
        ),
        (
            [role(rule("get")), binding("web")],
            [role(rule("get")), binding("web", "other")],
            "the service account other of the namespace quay may get pods in the namespace quay",
            Weight.CAUTION,
        ),
        (
            [],
            [binding("web", kind="ClusterRoleBinding", role_kind="ClusterRole", name="cluster-admin")],
            "web on EKS may do everything with every kind of object in every namespace",
            Weight.DANGER,
        ),
        (
            [],
            [binding("web", role_kind="ClusterRole", name="view")],
            "web on EKS has the rights of the ClusterRole view in the namespace quay",
            Weight.CAUTION,
        ),
        (
            [role(rule("get", resources=("secrets",), resourceNames=["token"])), binding("web")],
            [role(rule("get", resources=("secrets",))), binding("web")],
            "web on EKS may also get secrets in the namespace quay",
            Weight.CAUTION,
        ),
        (
            [role(rule("get", resources=("*",), groups=("*",))), binding("web")],
            [role(rule("get", resources=("deployments",), groups=("apps",))), binding("web")],
            "web on EKS may no longer get every kind of object in the namespace quay",
            Weight.NOTE,
        ),
        (
            [role(rule("get"))],
            [role(rule("get", "escalate"))],
            "whoever is given the Role watcher may also escalate pods in the namespace quay",
            Weight.DANGER,
        ),
        (
            [],
            [role({"verbs": ["get"], "nonResourceURLs": ["/metrics"]}, kind="ClusterRole", namespace="")],
            "whoever is given the ClusterRole watcher may get the address /metrics",
            Weight.CAUTION,
        ),
    ],
)
def test_a_change_of_rbac_is_said_of_those_who_are_bound(before, after, text, weight):
    gate = Gate.WIDER_RIGHTS if weight > Weight.NOTE else None
    assert only(cluster(WEB, *before), cluster(WEB, *after)) == (text, weight, gate)


def test_rules_that_mean_the_same_are_no_change():
    one = cluster(WEB, role(rule("get", "list", resources=("pods", "services"))), binding("web"))
    other = cluster(
        WEB,
        role(
            rule("list", resources=("services", "pods")),
            rule("get", resources=("pods",)),
            rule("get", resources=("services",)),
        ),
        binding("web"),
    )
    assert reviewed(one, other) == ()
    assert reviewed(other, one) == ()


def test_a_role_that_loses_its_last_subject_gives_nobody_more():
    [item] = reviewed(cluster(WEB, role(rule("get")), binding("web")), cluster(WEB, role(rule("get"))))
    assert (item.text, item.gate) == ("web on EKS may no longer get pods in the namespace quay", None)


def test_pods_that_get_a_token_of_the_api():
    text = "web on EKS gets a token for the cluster's API in its pods"
    assert only(cluster(WEB), cluster(account())) == (text, Weight.CAUTION, Gate.WIDER_RIGHTS)
    assert only(cluster(account()), cluster(WEB))[1:] == (Weight.NOTE, None)


def test_a_service_account_that_acts_as_another_role():
    def side(name):
        association = resource(
            "AWS::EKS::PodIdentityAssociation",
            Namespace="quay",
            ServiceAccount="web",
            RoleArn=f"arn:aws:iam::999999999999:role/{name}",
        )
        return cluster(WEB, Identity=association)

    wider, narrower = reviewed(side("one"), side("two"))
    assert wider.text == "web on EKS acts as the role two of the account 999999999999"
    assert (wider.gate, narrower.gate) == (Gate.WIDER_RIGHTS, None)
    assert narrower.text == "web on EKS no longer acts as the role one of the account 999999999999"


def test_the_annotation_of_a_service_account_names_a_role_too():
    after = account(automountServiceAccountToken=False)
    after["metadata"]["annotations"] = {"eks.amazonaws.com/role-arn": "arn:aws:iam::999999999999:role/one"}
    text = "web on EKS acts as the role one of the account 999999999999"
    assert only(cluster(WEB), cluster(after)) == (text, Weight.CAUTION, Gate.WIDER_RIGHTS)


def entry(policy, **scope):
    return resource(
        "AWS::EKS::AccessEntry",
        ClusterName=ref("Cluster"),
        PrincipalArn=att("Operators", "Arn"),
        AccessPolicies=[
            {
                "PolicyArn": f"arn:aws:eks::aws:cluster-access-policy/{policy}",
                "AccessScope": scope or {"Type": "cluster"},
            }
        ],
    )


@pytest.mark.parametrize(
    ("before", "after", "text", "weight"),
    [
        (
            [],
            [entry("AmazonEKSClusterAdminPolicy")],
            "the role Operators of web on EKS has the rights of AmazonEKSClusterAdminPolicy in every namespace of the cluster",
            Weight.DANGER,
        ),
        (
            [entry("AmazonEKSViewPolicy", Type="namespace", Namespaces=["quay"])],
            [entry("AmazonEKSViewPolicy", Type="namespace", Namespaces=["quay", "kube-system"])],
            "the role Operators of web on EKS also has the rights of AmazonEKSViewPolicy in the namespace kube-system",
            Weight.CAUTION,
        ),
        (
            [entry("AmazonEKSViewPolicy")],
            [entry("AmazonEKSViewPolicy", Type="namespace", Namespaces=["quay"])],
            "the role Operators of web on EKS no longer has the rights of AmazonEKSViewPolicy in every namespace",
            Weight.NOTE,
        ),
    ],
)
def test_who_may_use_the_cluster(before, after, text, weight):
    operators, spare = (resource("AWS::IAM::Role") for _ in range(2))

    def side(entries):
        return cluster(
            Operators=operators,
            Spare=spare,
            Cluster=resource("AWS::EKS::Cluster"),
            **dict(zip("ABC", entries, strict=False)),
        )

    found, found_weight, _ = only(side(before), side(after))
    assert found.startswith(text)
    assert found_weight is weight
