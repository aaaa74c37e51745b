"""Refuses whatever would exceed an AWS quota before anything is synthesized: one line, with the quota and what to do.

config/sizes.py has the sizes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from config import quotas
from config.discovery import SERVICES, manifest_file
from config.errors import ConfigError
from config.quotas import Quota
from config.service import HttpService, Job, ScaledService, ServiceSpec, Worker
from config.settings import Platform, Settings, settings_file
from config.sizes import (
    data_size,
    kubectl_event_size,
    policy_size,
    queues_size,
    rights_size,
    secrets_size,
    task_definition_size,
)

REGISTRY_OWN: Final = 2
"""Resources of Registry other than repositories: the publisher's role and its policy."""
STATE_OWN: Final = 3
"""Resources of State that all its buckets share: the function that empties buckets, its role and its log group."""
BUCKET_RESOURCES: Final = 3
"""A bucket, its policy, and what empties it where the environment is disposable."""
SHARED_ROLES: Final = 20
"""An upper bound for the roles of the shared stacks."""
QUEUE_RESOURCES: Final = 6
"""Resources of State for a queue: it and its dead-letter queue, a policy and an alarm for each."""
_OUTPUTS: Final = {"table": 1, "stream": 1, "bucket": 1, "queue": 2}
"""Outputs of State for each: a name or an ARN, for a queue its name and its address. The alarm on an existing queue has none."""


def check_quotas(services: Sequence[ServiceSpec], settings: Settings) -> None:
    """Checks an environment's services, as placed on its platforms. Raises ConfigError for the first fault."""
    for (platform, _), routed in per_load_balancer(services).items():
        _check_load_balancer(routed, platform, settings)
    _check_shared_stacks(services, settings)
    on_ecs = [spec for spec in services if Platform.ECS in spec.platforms]
    _check_security_groups(on_ecs, _ports(services), settings)
    for spec in services:
        _check_sizes(spec, services)


def per_load_balancer(services: Iterable[ServiceSpec]) -> dict[tuple[Platform, bool], list[HttpService]]:
    """The http services behind each load balancer, by its platform and whether it is the internal one."""
    routed = [spec for spec in services if isinstance(spec, HttpService) and spec.routed]
    return {
        (platform, internal): [s for s in routed if platform in s.platforms and s.internal is internal]
        for platform in Platform
        for internal in (False, True)
    }


# --- all services together -------------------------------------------------------------------------------------------


def _check_load_balancer(routed: Sequence[HttpService], platform: Platform, settings: Settings) -> None:
    routes = sum(len(spec.routes) for spec in routed)
    count = f"{len(routed)} http services on {platform.value}"
    if routes > len(routed):
        count += f" with {routes} paths and hosts"
    fewer = "move some off this platform, or make them workers"
    feeds = "a load balancer feeds {} target groups"
    # Each Ingress has one of its own, and each route is an Ingress.
    groups = routes if platform is Platform.EKS else len(routed)
    _refuse(groups, quotas.TARGET_GROUPS, settings, holds=count, has=feeds, remedy=fewer)
    needed, note = _listener_rules(routes, platform, settings)
    rules = "a load balancer has {} rules" + note
    _refuse(needed, quotas.LISTENER_RULES, settings, holds=count, has=rules, remedy=fewer)
    # A pod is a target of each of its Ingresses.
    copies = sum(spec.scaling.max * (len(spec.routes) if platform is Platform.EKS else 1) for spec in routed)
    holds = f"http services that scale to {copies} copies on {platform.value}"
    _refuse(
        copies, quotas.TARGETS, settings, holds=holds, has="a load balancer has {} targets", remedy="lower scaling.max"
    )


def _listener_rules(routes: int, platform: Platform, settings: Settings) -> tuple[int, str]:
    """How many rules this many paths and hosts take, and what a message says about that."""
    if platform is Platform.ECS:
        # The 404 for unknown paths is the listener's default action, which is not counted.
        return (2 * routes, ", and each takes two with a domain") if settings.domain else (routes, "")
    # On Kubernetes the 404 and the redirect to HTTPS are rules.
    if not routes:
        return 0, ""
    if settings.domain:
        return routes + 2, ", one of them for unknown paths and one for the redirect to HTTPS"
    return routes + 1, ", one of them for unknown paths"


def _check_shared_stacks(services: Sequence[ServiceSpec], settings: Settings) -> None:
    elsewhere = "move services to a project with another app"
    kept = len(settings.keep_repositories)
    holds = f"{len(services)} services" + (f" and {kept} repositories to keep" if kept else "")
    repositories = len(services) + kept + REGISTRY_OWN
    has = f"the stack Registry has {{}} resources, {REGISTRY_OWN} of them the publisher's"
    _refuse(repositories, quotas.STACK_RESOURCES, settings, holds=holds, has=has, remedy=elsewhere)
    _check_state(services, settings, elsewhere)
    jobs = sum(isinstance(spec, Job) and Platform.ECS in spec.platforms for spec in services)
    has = "an event bus has {} rules, and each takes one"
    remedy = "set platforms: [eks] in some of them"
    _refuse(jobs, quotas.BUS_RULES, settings, holds=f"{jobs} jobs on ecs", has=has, remedy=remedy)
    roles = SHARED_ROLES + sum(map(_roles, services))
    holds = f"services that need {roles} IAM roles, the shared stacks' included"
    _refuse(roles, quotas.ROLES, settings, holds=holds, has="an account has {}", remedy="run fewer on both platforms")


def _check_state(services: Sequence[ServiceSpec], settings: Settings, remedy: str) -> None:
    """What both platforms share of a service; its stack finds each by outputs of State."""
    counts = _in_state(services)
    holds = " and ".join(f"{count} {what}s" for what, count in counts.items() if count)
    outputs = " and ".join(f"{'two' if each == 2 else 'one'} per {w}" for w, each in _OUTPUTS.items() if counts[w])
    has = f"the stack State has {{}} outputs, {outputs}"
    _refuse(state_outputs(services), quotas.STACK_OUTPUTS, settings, holds=holds, has=has, remedy=remedy)
    buckets = f", up to {BUCKET_RESOURCES} per bucket" if counts["bucket"] else ""
    watched = " (one per existing queue)" if counts["existing queue"] else ""
    has = f"the stack State has {{}} resources, one per table{buckets} and {QUEUE_RESOURCES} per queue{watched}"
    _refuse(state_resources(services), quotas.STACK_RESOURCES, settings, holds=holds, has=has, remedy=remedy)


def _in_state(services: Iterable[ServiceSpec]) -> dict[str, int]:
    """How many of each the stack State holds; only what it makes, and of existing queues those that it watches."""
    specs = list(services)
    workers = [spec for spec in specs if isinstance(spec, Worker)]
    own = [table for spec in specs for table in spec.all_tables.values() if not table.existing]
    return {
        "table": len(own),
        "stream": sum(table.stream for table in own),
        "bucket": sum(1 for spec in specs if spec.bucket and not spec.bucket.existing),
        "queue": sum(spec.makes_queue for spec in workers),
        "existing queue": sum(spec.watches_existing_queue for spec in workers),
    }


def state_outputs(services: Iterable[ServiceSpec]) -> int:
    """Outputs of the stack State: the name of each table and bucket, the ARN of each stream, the name and address of a queue."""
    counts = _in_state(services)
    return sum(each * counts[what] for what, each in _OUTPUTS.items())


def state_resources(services: Iterable[ServiceSpec]) -> int:
    """Upper bound for the resources of the stack State."""
    counts = _in_state(services)
    buckets = BUCKET_RESOURCES * counts["bucket"] + (STATE_OWN if counts["bucket"] else 0)
    return counts["table"] + buckets + QUEUE_RESOURCES * counts["queue"] + counts["existing queue"]


def _roles(spec: ServiceSpec) -> int:
    """At most: on ECS a task role, an execution role, and what starts and supervises a job; on Kubernetes one if it needs
    any permission; on both that of the function of `before_deploy`.
    """
    migrates = isinstance(spec, ScaledService) and spec.before_deploy is not None
    of_job = 1 + spec.supervised if isinstance(spec, Job) else 0
    ecs = 2 + of_job + migrates if Platform.ECS in spec.platforms else 0
    return ecs + (spec.needs_role + migrates if Platform.EKS in spec.platforms else 0)


def _refuse(count: int, quota: Quota, settings: Settings, *, holds: str, has: str, remedy: str) -> None:
    limit = settings.quota(quota)
    if count > limit:
        raise ConfigError(
            SERVICES, "folder", f"holds {holds}, and {has.format(limit)}", _or_raise_it(remedy, quota, settings)
        )


def _or_raise_it(remedy: str, quota: Quota, settings: Settings) -> str:
    if not quota.adjustable:
        return remedy
    return f"{remedy}, or ask AWS to raise it and set quotas.{quota.name} in {settings_file(settings.environment)}"


# --- security groups -------------------------------------------------------------------------------------------------


def _ports(services: Sequence[ServiceSpec]) -> dict[str, int]:
    """How many ports callers reach, by http service."""
    return {spec.name: len(spec.ports) for spec in services if isinstance(spec, HttpService)}


def _check_security_groups(on_ecs: Sequence[ServiceSpec], ports: Mapping[str, int], settings: Settings) -> None:
    quota, limit = quotas.GROUP_RULES, settings.quota(quotas.GROUP_RULES)
    callers: dict[str, int] = {}
    for spec in on_ecs:
        _check_outbound_rules(spec, ports, settings)
        for index, name in enumerate(spec.calls):
            callers[name] = callers.get(name, 0) + 1
            if ports[name] * callers[name] + 1 > limit:
                problem = (
                    f"is {name}, which {callers[name] - 1} others call on ecs, and a security group has {limit} inbound "
                    "rules, one for the load balancer"
                )
                remedy = _or_raise_it("remove it", quota, settings)
                raise ConfigError(manifest_file(spec.name), f"calls[{index}]", problem, remedy)


def _check_outbound_rules(spec: ServiceSpec, ports: Mapping[str, int], settings: Settings) -> None:
    quota, limit = quotas.GROUP_RULES, settings.quota(quotas.GROUP_RULES)
    outside = sum(destination.rules for destination in spec.egress)
    inside = sum(ports[name] for name in spec.calls)
    if inside + outside + 1 <= limit:
        return
    if inside + 1 > limit:
        listed = f"{len(spec.calls)} services" + (f" with {inside} ports" if inside > len(spec.calls) else "")
        problem = f"lists {listed}, and a security group has {limit} outbound rules, one for HTTPS"
        field, fewer = "calls", "call fewer"
    else:
        others = f"one for HTTPS and {inside} for calls"
        problem = f"makes {outside} outbound rules, and a security group has {limit}, {others}"
        field, fewer = "egress", "name larger ranges"
    raise ConfigError(manifest_file(spec.name), field, problem, _or_raise_it(fewer, quota, settings))


# --- sizes of one service --------------------------------------------------------------------------------------------


def _check_sizes(spec: ServiceSpec, services: Sequence[ServiceSpec]) -> None:
    _check_policy(spec, services)
    if Platform.ECS in spec.platforms:
        says = "makes a task definition of about {} bytes, and ECS allows {}"
        _refuse_size(spec, task_definition_size(spec), quotas.TASK_DEFINITION, says)
    if Platform.EKS in spec.platforms:
        says = "makes Kubernetes objects of about {} bytes, as CloudFormation passes them on, and Lambda allows {}"
        callers = sum(spec.name in other.calls and Platform.EKS in other.platforms for other in services)
        _refuse_size(spec, kubectl_event_size(spec, callers), quotas.KUBECTL_EVENT, says)


def _check_policy(spec: ServiceSpec, services: Sequence[ServiceSpec]) -> None:
    size, limit = policy_size(spec, services), quotas.ROLE_INLINE_POLICIES.value
    if size <= limit:
        return
    remedies = {
        "secrets": (len(spec.secrets), secrets_size(spec), "keep several values in one secret, or shorten the names"),
        "tables": (len(spec.tables), data_size(spec), "keep items of several kinds in one table, or remove indexes"),
        "rights": (len(spec.rights), rights_size(spec), "name fewer resources"),
        "sends": (len(spec.sends), queues_size(spec, services), "send to fewer workers"),
    }
    if spec.table and not spec.tables:
        remedies["table.indexes"] = (len(spec.table.indexes), data_size(spec), "remove some, or shorten their names")
        del remedies["tables"]
    field, (count, _, remedy) = max(remedies.items(), key=lambda item: item[1][1])
    verb = "lists" if field == "sends" else "holds"
    problem = f"{verb} {count}, which make a policy of about {size} characters, and IAM allows {limit}"
    raise ConfigError(manifest_file(spec.name), field, problem, remedy)


def _refuse_size(spec: ServiceSpec, size: int, quota: Quota, says: str) -> None:
    if size > quota.value:
        remedy = "keep large values in the image or in a table"
        raise ConfigError(manifest_file(spec.name), "environment", says.format(size, quota.value), remedy)
