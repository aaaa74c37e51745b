"""The add-ons: pinned, able to run beside Pod Security `restricted`, and with the rights that they need."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from config import add_ons
from config.settings import KUBECTL_LAYERS, Insights
from tests.stacks.templates import KUBERNETES, Assembly, Resource

DRIVER = [{"kind": "ServiceAccount", "name": "secrets-store-csi-driver", "namespace": "aws-secrets-manager"}]


def installed(assembly: Assembly) -> dict[str, Resource]:
    return {a["AddonName"]: a for a in assembly.resources("AWS::EKS::Addon", stack="Eks")}


def configuration(assembly: Assembly, name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(installed(assembly)[name]["ConfigurationValues"])
    return values


def test_metrics_secrets_and_logs_are_installed_in_every_environment(assembly):
    assert set(installed(assembly)) == {add_ons.METRICS, add_ons.SECRETS, add_ons.OBSERVABILITY}


def test_every_add_on_has_the_version_of_the_table(assembly):
    versions = {name: add_on["AddonVersion"] for name, add_on in installed(assembly).items()}
    assert versions == add_ons.VERSIONS[assembly.settings.eks_version]


def test_the_table_has_every_cluster_version_and_whole_add_on_versions():
    assert set(add_ons.VERSIONS) == set(KUBECTL_LAYERS)
    for versions in add_ons.VERSIONS.values():
        assert set(versions) == {add_ons.METRICS, add_ons.SECRETS, add_ons.OBSERVABILITY}
        assert all(re.fullmatch(r"v\d+\.\d+\.\d+-eksbuild\.\d+", version) for version in versions.values())


def test_add_ons_wait_for_nodes(assembly):
    nodes = next(r for r in assembly.resources(KUBERNETES, stack="Eks") if '"kind":"NodePool"' in r["Manifest"])
    for add_on in installed(assembly).values():
        assert nodes.id in add_on.depends_on


# --- observability ----------------------------------------------------------------------------------------------------


def test_nothing_is_injected_into_pods(assembly):
    """Application Signals adds an init container that Pod Security `restricted` refuses, at each Deployment's next change."""
    signals = configuration(assembly, add_ons.OBSERVABILITY)["manager"]["applicationSignals"]
    assert signals["autoMonitor"]["monitorAllServices"] is False


def test_pods_logs_are_kept_in_every_environment_and_metrics_where_insights_are_on(assembly):
    values = configuration(assembly, add_ons.OBSERVABILITY)
    assert values["containerLogs"]["enabled"] is True
    assert values["containerInsights"]["enabled"] is (assembly.settings.container_insights is not Insights.DISABLED)
    assert values["otelContainerInsights"]["enabled"] is False


def test_the_log_shipper_has_its_role_when_it_starts(assembly):
    add_on = installed(assembly)[add_ons.OBSERVABILITY]
    (identity,) = add_on["PodIdentityAssociations"]
    role = assembly.by_reference(identity["RoleArn"])
    assert identity["ServiceAccount"] == "cloudwatch-agent"
    assert any("CloudWatchAgentServerPolicy" in str(arn) for arn in role["ManagedPolicyArns"])


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ClusterRole", "Role"])
def test_the_secrets_driver_is_bound_to_its_rights(assembly, kind):
    role, binding = assembly.object("Eks", kind), assembly.object("Eks", f"{kind}Binding")
    assert binding["subjects"] == DRIVER
    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": kind,
        "name": role["metadata"]["name"],
    }
    assert binding["metadata"] == role["metadata"]
    assert [(r["apiGroups"], r["resources"]) for r in role["rules"]] == [([""], ["secrets"])]


def test_the_secrets_driver_can_do_what_syncing_needs_and_writes_only_in_our_namespace(assembly):
    """What the driver's chart grants for `syncSecret`, which the add-on does not pass on."""
    everywhere = set(assembly.object("Eks", "ClusterRole")["rules"][0]["verbs"])
    here = assembly.object("Eks", "Role")
    assert here["metadata"]["namespace"] == assembly.settings.app
    assert everywhere == {"get", "list", "watch"}
    assert everywhere | set(here["rules"][0]["verbs"]) == {
        "create", "delete", "get", "list", "patch", "update", "watch",
    }  # fmt: skip


def test_nothing_relies_on_a_value_that_the_add_on_drops(assembly):
    assert "syncSecret" not in str(configuration(assembly, add_ons.SECRETS))
