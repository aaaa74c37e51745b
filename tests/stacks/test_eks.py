"""The cluster: access, encryption, logs and nodes."""

from __future__ import annotations

import json

from config.reserved import SERVICE_NAMES
from config.settings import EKS_SERVICE_CIDR, EndpointAccess, Platform
from stacks.eks.control_plane import admin_id
from tests.stacks.templates import KUBERNETES, Assembly, Resource

AUTO_NODE_POLICY = "AmazonEKSAutoNodePolicy"
ADMIN_POLICY = "AmazonEKSClusterAdminPolicy"


def cluster(assembly: Assembly) -> Resource:
    return assembly.one("AWS::EKS::Cluster", stack="Eks")


def access(assembly: Assembly) -> dict[str, list[str]]:
    """Access policies by principal."""
    return {
        entry["PrincipalArn"]: [policy["PolicyArn"].rsplit("/", 1)[-1] for policy in entry.get("AccessPolicies", [])]
        for entry in assembly.resources("AWS::EKS::AccessEntry", stack="Eks")
    }


def test_only_access_entries_grant_access_and_the_creator_has_none(assembly):
    config = cluster(assembly)["AccessConfig"]
    assert config["AuthenticationMode"] == "API"
    assert config["BootstrapClusterCreatorAdminPermissions"] is False


def test_administrators_are_those_of_the_settings_and_the_handler_that_applies_manifests(assembly):
    admins = {principal for principal, policies in access(assembly).items() if ADMIN_POLICY in policies}
    handler = next(r for r in assembly.roles() if r.stack == "Eks" and r.id.startswith("KubectlRole"))
    assert admins == {*assembly.settings.eks_admins, handler.att("Arn")}


def test_the_corners_settings_name_administrators(corners):
    assert len(corners.settings.eks_admins) == 2


def test_nodes_join_through_their_own_access_entry(assembly):
    entries = [e for e in assembly.resources("AWS::EKS::AccessEntry", stack="Eks") if e.get("Type") == "EC2"]
    assert len(entries) == 1
    role = assembly.by_reference(entries[0]["PrincipalArn"])
    assert access(assembly)[entries[0]["PrincipalArn"]] == [AUTO_NODE_POLICY]
    assert assembly.object("Eks", "NodeClass")["spec"]["role"] == role.ref


def test_all_control_plane_logs_are_kept(assembly):
    types = [t["Type"] for t in cluster(assembly)["Logging"]["ClusterLogging"]["EnabledTypes"]]
    assert sorted(types) == ["api", "audit", "authenticator", "controllerManager", "scheduler"]


def test_kubernetes_secrets_are_encrypted_under_the_clusters_own_key(assembly):
    config = cluster(assembly)["EncryptionConfig"]
    key = assembly.one("AWS::KMS::Key", stack="Eks")
    assert config == [{"Provider": {"KeyArn": key.att("Arn")}, "Resources": ["secrets"]}]


def private_subnets(assembly: Assembly) -> list[str]:
    return [s.ref for s in assembly.resources("AWS::EC2::Subnet", stack="Network") if "PrivateSubnet" in s.id]


def test_a_zone_can_be_added_since_the_control_plane_is_always_in_the_first_two(assembly):
    """EKS refuses subnets in other zones than those it was created with."""
    assert cluster(assembly)["ResourcesVpcConfig"]["SubnetIds"] == private_subnets(assembly)[:2]


def test_nodes_sit_in_all_private_subnets(assembly):
    private = set(private_subnets(assembly))
    assert len(private) == assembly.settings.zone_count
    terms = assembly.object("Eks", "NodeClass")["spec"]["subnetSelectorTerms"]
    assert {term["id"] for term in terms} == private


def test_the_endpoint_is_as_open_as_the_setting(assembly):
    config = cluster(assembly)["ResourcesVpcConfig"]
    public = assembly.settings.eks_endpoint_access is EndpointAccess.PUBLIC_AND_PRIVATE
    assert config["EndpointPrivateAccess"] is True
    assert config["EndpointPublicAccess"] is public
    assert config.get("PublicAccessCidrs", []) == list(assembly.settings.eks_endpoint_cidrs)


def test_auto_mode_runs_without_the_built_in_pools(assembly):
    """The built-in pools run only amd64, and leave NetworkPolicy off."""
    assert cluster(assembly)["ComputeConfig"]["Enabled"] is True
    assert cluster(assembly)["ComputeConfig"].get("NodePools", []) == []
    assert cluster(assembly)["StorageConfig"]["BlockStorage"]["Enabled"] is True
    network = cluster(assembly)["KubernetesNetworkConfig"]
    assert network["ElasticLoadBalancing"]["Enabled"] is True
    assert network["ServiceIpv4Cidr"] == EKS_SERVICE_CIDR


def requirements(assembly: Assembly) -> dict[str, list[str]]:
    """Values of each requirement of the pool; all of them are `In`."""
    found = assembly.object("Eks", "NodePool")["spec"]["template"]["spec"]["requirements"]
    assert {r["operator"] for r in found} == {"In"}
    return {r["key"]: r["values"] for r in found}


def test_auto_modes_own_policy_admits_the_nodes(assembly):
    """AmazonEKSComputePolicy starts no instance with a tag of ours, and the cluster role has no statement that would.

    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonEKSComputePolicy.html
    """
    assert "tags" not in assembly.object("Eks", "NodeClass")["spec"]
    role = next(r for r in assembly.roles() if r.stack == "Eks" and r.id.startswith("ClusterRole"))
    assert any("AmazonEKSComputePolicy" in str(arn) for arn in role["ManagedPolicyArns"])


def test_the_cluster_may_reorder_the_rules_of_its_own_load_balancer_only(assembly):
    role = next(r for r in assembly.roles() if r.stack == "Eks" and r.id.startswith("ClusterRole"))
    assert [s.actions for s in assembly.statements(role)] == [("elasticloadbalancing:SetRulePriorities",)]
    statement = assembly.statements(role)[0]
    assert statement.resources[0].endswith(":listener-rule/app/*")
    assert statement.conditions == {"StringEquals": {"aws:ResourceTag/eks:eks-cluster-name": assembly.settings.prefix}}
    assert role["Policies"], "part of the role, so that the cluster never has the role without it"


def test_no_node_is_older_than_nitro(assembly):
    assert requirements(assembly)["eks.amazonaws.com/instance-hypervisor"] == ["nitro"]


def test_the_clusters_support_is_the_settings_and_never_silently_the_paid_one(assembly):
    wanted = {"standard": "STANDARD", "extended": "EXTENDED"}[assembly.settings.eks_support.value]
    assert cluster(assembly)["UpgradePolicy"] == {"SupportType": wanted}


def test_an_administrators_entry_does_not_depend_on_the_others(corners):
    def entries(admins: list[str]) -> dict[str, str]:
        return {admin_id(arn): arn for arn in admins}

    admins = list(corners.settings.eks_admins)
    assert entries(admins[1:]).items() <= entries(admins).items()
    ids = [e.id for e in corners.resources("AWS::EKS::AccessEntry", stack="Eks") if e["PrincipalArn"] in admins]
    assert len(ids) == len(admins)
    assert all(any(admin_id(arn) in logical_id for logical_id in ids) for arn in admins)


def test_the_pool_takes_spot_nodes_only_where_the_setting_has_spot(assembly):
    assert requirements(assembly)["karpenter.sh/capacity-type"] == (
        ["spot", "on-demand"] if assembly.settings.spot_weight else ["on-demand"]
    )


def test_the_pools_size_and_the_age_of_its_nodes_are_limited(assembly):
    spec = assembly.object("Eks", "NodePool")["spec"]
    assert set(spec["limits"]) == {"cpu", "memory"}
    assert int(spec["template"]["spec"]["expireAfter"].removesuffix("h")) < 21 * 24


def test_the_version_is_the_settings_and_kubectl_has_the_same_minor(assembly):
    assert cluster(assembly)["Version"] == assembly.settings.eks_version
    assert assembly.resources("AWS::Lambda::LayerVersion", stack="Eks")


def test_every_version_that_the_settings_take_has_a_kubectl():
    from config.settings import KUBECTL_LAYERS
    from stacks.eks.kubectl_provider import KUBECTL_BY_VERSION

    assert set(KUBECTL_BY_VERSION) == set(KUBECTL_LAYERS)
    for version, layer in KUBECTL_BY_VERSION.items():
        assert layer.__name__ == f"KubectlV{version.split('.')[1]}Layer"


def test_objects_that_leave_a_manifest_leave_the_cluster(assembly):
    for service in assembly.resources(KUBERNETES):
        if service.stack != "Eks":
            label = service["PruneLabel"]
            assert label
            assert all(label in o["metadata"]["labels"] for o in json.loads(service["Manifest"]))


def test_the_handler_that_applies_manifests_reaches_the_private_endpoint_and_little_else(assembly):
    role = next(r for r in assembly.roles() if r.stack == "Eks" and r.id.startswith("KubectlRole"))
    actions = {a for s in assembly.statements(role) for a in s.actions}
    assert {a.split(":")[0] for a in actions} == {"ec2", "eks", "logs"}
    assert role.get("ManagedPolicyArns", []) == []
    handlers = [f for f in assembly.resources("AWS::Lambda::Function", stack="Eks") if f["Role"] == role.att("Arn")]
    assert len(handlers) == 1
    assert handlers[0]["VpcConfig"]["SubnetIds"] == private_subnets(assembly)[:2]


def test_alarms_of_a_workload_watch_its_pods_where_there_are_metrics(assembly):
    alarms = [a for a in assembly.resources("AWS::CloudWatch::Alarm") if a.stack.startswith("Eks-")]
    if assembly.settings.container_insights.value == "disabled":
        assert alarms == []
        return
    stacks = {f"Eks-{spec.name}" for spec in assembly.services(Platform.EKS) if spec.alarms.wanted}
    assert {alarm.stack for alarm in alarms} == stacks
    for alarm in alarms:
        dimensions = str(alarm.properties)
        assert assembly.settings.prefix in dimensions
        assert alarm.stack.removeprefix("Eks-") in dimensions


def test_no_service_can_take_the_name_of_what_all_services_share(assembly):
    """A service's objects carry its name: with one of these names, two stacks would own the same object."""
    namespace = assembly.settings.app
    shared = {o["metadata"]["name"] for o in assembly.objects("Eks") if o["metadata"].get("namespace") == namespace}
    backends = {
        path["backend"]["service"]["name"]
        for o in assembly.objects("Eks")
        if o["kind"] == "Ingress"
        for rule in o["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    assert len(shared) > 2
    assert backends
    assert shared | backends <= set(SERVICE_NAMES)
