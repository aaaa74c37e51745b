"""`before_deploy` on Kubernetes: a Job, with a name of its own, so that nothing takes its pod for one of the service's."""

from __future__ import annotations

from dataclasses import replace

from config.fields.commands import BeforeDeploy
from config.reserved import BEFORE_DEPLOY
from config.settings import Settings
from stacks.kubernetes.objects import KubernetesObject, labels, meta
from stacks.kubernetes.pod import Pod

# Seconds that a Job that has ended stays, for a look at it.
_KEEP_SECONDS = 86400


def migration_name(service: str) -> str:
    """The name of the objects around the Job, and the label of its pod."""
    return f"{service}.{BEFORE_DEPLOY}"


def migration_policy(settings: Settings, service: str, reachable: list[KubernetesObject]) -> KubernetesObject:
    """What the Job's pod reaches: what the service does, but not what it calls, as ECS has no names for a task by itself."""
    name = migration_name(service)
    beyond = [rule for rule in reachable if not any("podSelector" in peer for peer in rule["to"])]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta(settings, name),
        "spec": {
            "podSelector": {"matchLabels": labels(name)},
            "policyTypes": ["Ingress", "Egress"],
            "egress": beyond,
        },
    }


def migration_account(settings: Settings, service: str) -> KubernetesObject:
    """The Job's own account, which is there before the service's."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": meta(settings, migration_name(service)),
        "automountServiceAccountToken": False,
    }


def migration_job(settings: Settings, before: BeforeDeploy, pod: Pod) -> KubernetesObject:
    """The Job. It is tried once, as on ECS; whoever creates it adds to its name what makes each attempt another Job.

    Args:
        settings: the environment.
        before: the command and its limit.
        pod: the service's pod, without what only a service has.
    """
    service = pod.spec.name
    name = migration_name(service)
    own = replace(
        pod,
        restart_policy="Never",
        # The last lines of its log become the reason why it failed.
        of_container={"args": list(before.command), "terminationMessagePolicy": "FallbackToLogsOnError"},
        of_pod={"serviceAccountName": name},
    )
    template = own.template()
    template["metadata"]["labels"] = meta(settings, name)["labels"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta(settings, service, labels=meta(settings, name)["labels"]),
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": before.timeout,
            "ttlSecondsAfterFinished": _KEEP_SECONDS,
            "template": template,
        },
    }
