"""The Kubernetes objects of the templates: those that all services share, those of each service, and what a local run adds."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any

from config.settings import Platform
from ops.assembly import Assembly, Stack
from ops.local import addresses
from ops.references import Known

Object = dict[str, Any]

MANIFEST_TYPE = "Custom::AWSCDK-EKS-KubernetesResource"
# The Job of before_deploy, in the same form.
JOB_TYPE = "Custom::BeforeDeployOnKubernetes"
# On every object that a local run applies, so that it finds them again and deletes nothing else.
LOCAL_LABEL = "container-services/local"  # value: the namespace
SERVICE_LABEL = "container-services/service"
# CDK marks every object for its handler; in a cluster, such an object is a deployment's on AWS.
CDK_LABEL = "aws.cdk.eks/"
# Kinds that the templates can contain; of these, a local run deletes those that are no longer wanted.
KINDS = (
    "ConfigMap",
    "CronJob",
    "ClusterRole",
    "ClusterRoleBinding",
    "Deployment",
    "HorizontalPodAutoscaler",
    "Ingress",
    "IngressClass",
    "IngressClassParams",
    "Job",
    "LimitRange",
    "NetworkPolicy",
    "NodeClass",
    "NodePool",
    "PodDisruptionBudget",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "SecretProviderClass",
    "Service",
    "ServiceAccount",
)
_WITH_PODS = {"Deployment", "Job", "CronJob"}
# Objects of this group, and those that refer to it, mean nothing on other clusters.
EKS_GROUP = "eks.amazonaws.com"
_RBAC_GROUP = "rbac.authorization.k8s.io"  # permissions of EKS's add-ons


def of_stack(stack: Stack, known: Known) -> list[Object]:
    """The Kubernetes objects in a stack's template, with references resolved and without CDK's own labels."""
    found: list[Object] = []
    for resource in [*stack.of_type(MANIFEST_TYPE), *stack.of_type(JOB_TYPE)]:
        found.extend(json.loads(known.text(resource["Properties"]["Manifest"])))
    for entry in found:
        metadata = entry.get("metadata", {})
        if "labels" in metadata:
            labels = metadata["labels"].items()
            metadata["labels"] = {key: value for key, value in labels if not key.startswith(CDK_LABEL)}
    return found


def shared(assembly: Assembly, known: Known) -> list[Object]:
    """The objects that all services share, the Namespace first."""
    services = {stack.id for stack in assembly.of_services(Platform.EKS).values()}
    stacks = [stack for stack in assembly.stacks if stack.id not in services]
    found = [entry for stack in stacks for entry in of_stack(stack, known)]
    return sorted(found, key=lambda entry: entry["kind"] != "Namespace")


def only_for_eks(entry: Mapping[str, Any]) -> bool:
    """True for a shared object of a core kind that means something only on EKS."""
    if str(entry["apiVersion"]).startswith(_RBAC_GROUP):
        return True
    if entry["kind"] == "IngressClass":
        return str(entry["spec"]["controller"]).startswith(EKS_GROUP)
    # The entrance keeps EKS's load balancer; elsewhere nothing knows its backend, which is an annotation.
    return entry["kind"] == "Ingress" and "use-annotation" in json.dumps(entry["spec"])


def owned(objects: Iterable[Object], *, namespace: str, service: str = "") -> list[Object]:
    """Copies of the objects with the labels by which a local run finds them again."""
    labels = {LOCAL_LABEL: namespace, **({SERVICE_LABEL: service} if service else {})}
    copies = copy.deepcopy(list(objects))
    for entry in copies:
        entry["metadata"]["labels"] = {**entry["metadata"].get("labels", {}), **labels}
    return copies


def pod_spec(entry: Mapping[str, Any]) -> Object:
    """The pod spec in a Deployment, Job or CronJob; empty for other objects."""
    spec = entry.get("spec") or {}
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    template = spec.get("template") if isinstance(spec, dict) else None
    found: Object = (template or {}).get("spec", {}) if entry["kind"] in _WITH_PODS else {}
    return found


def with_variables(objects: Iterable[Object], variables: Mapping[str, str], *, endpoint: str = "") -> list[Object]:
    """Copies of the objects with variables added to every container, so that pods find the emulator.

    Args:
        objects: the objects.
        variables: what is added.
        endpoint: the emulator's address on this machine; addresses on it, such as a queue's, become those that pods reach.
    """
    copies = copy.deepcopy(list(objects))
    reachable = variables.get("AWS_ENDPOINT_URL", "")
    for entry in copies:
        for container in pod_spec(entry).get("containers", []):
            for variable in container.get("env", []) if endpoint and reachable else []:
                if isinstance(value := variable.get("value"), str):
                    variable["value"] = addresses.reachable(value, here=endpoint, from_container=reachable)
            container.setdefault("env", []).extend({"name": key, "value": value} for key, value in variables.items())
    return copies


def images(objects: Iterable[Object]) -> set[str]:
    """Names of the images that pods run."""
    return {container["image"] for entry in objects for container in pod_spec(entry).get("containers", [])}
