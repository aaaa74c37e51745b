"""Every quantity of an environment against its quota, at 10, 60, 100, 200 and 400 services, from the templates.

Each size synthesizes the shared stacks whole, since only they grow with the number of services, and one service of each group
that has the same resources (kind, with a role or without). That is enough: a service's template depends on its own manifest
and its peers' names (test_assembly holds that a new service changes no other), so an account holds the shared stacks' number
of a resource, and each group's number times the group's size. What one service's stacks hold at most does not depend on the
size, so only the largest project has the services at the loader's bounds: most callers, callees, variables and secrets. State
publishes the names of tables and queues only where a stack reads them, so one more stack reads all, as the services' own
would.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from config import quotas
from config.catalog import Catalog
from config.fields.queue import Queue
from config.fields.secrets import SecretSource
from config.image import ImageSource
from config.quota_checks import (
    REGISTRY_OWN,
    SHARED_ROLES,
    check_quotas,
    state_outputs,
    state_resources,
)
from config.quotas import Quota
from config.service import Kind, ServiceSpec
from config.settings import Platform, Settings, load_settings
from config.sizes import kubectl_event_size, policy_size, task_definition_size
from tests.conftest import ROOT
from tests.stacks.templates import KUBERNETES, Assembly, Resource
from tests.unit.config.project import JOB, WORKER, Project, http

SIZES = (10, 60, 100, 200, 400)
# The settings with the most resources: endpoints and a domain; production has a key and strong references. A group has fewer
# rules than AWS's 60, so that fewer stacks fill one.
MOST: dict[str, object] = {
    "quotas.group_rules": 20,
    "quotas.listener_rules": 196,  # two for each http service, with a domain
    "egress": "endpoints",
    "domain.name": "harbour.example.com",
    "domain.hosted_zone_id": "Z0123456789ABCDEFGHIJ",
}
# Longer than any ARN or name that a reference resolves to, except a table's name: up to 255, in practice about 80.
LONGEST_REFERENCE = "r" * 150
Group = tuple[Kind, bool, bool]


@dataclass(frozen=True)
class Sized:
    """A project of some size: its services, and those whose stacks represent all."""

    services: tuple[ServiceSpec, ...]
    sample: dict[Platform, tuple[ServiceSpec, ...]]
    settings: Settings


def _project(folder: Path, size: int) -> Sized:
    settings = load_settings(ROOT, "production", MOST)
    project = Project.at(folder)
    bases = {Kind.HTTP: http("/x"), Kind.WORKER: WORKER, Kind.JOB: JOB}
    loaded = {kind: project.spec(manifest, "production") for kind, manifest in bases.items()}
    fields = {
        "table": {"partition_key": "id", "stream": True},
        "tables": {"events": {"partition_key": "id", "indexes": {"by_kind": {"partition_key": "kind"}}}},
        "bucket": {},
        "rights": [{"actions": ["sqs:SendMessage"], "resources": ["arn:{partition}:sqs:{region}:{account}:orders"]}],
        "secrets": {"KEY": {"ssm": "/harbour/key"}},
    }
    with_rights = project.spec({**WORKER, **fields}, "production")
    rights = {name: getattr(with_rights, name) for name in fields}
    queue = {"queue": Queue()}
    quantity = {Kind.HTTP: min(size // 4, 98), Kind.JOB: size // 8}
    quantity[Kind.WORKER] = size - sum(quantity.values())

    def make(kind: Kind, number: int) -> ServiceSpec:
        more: dict[str, Any] = {"name": f"{'service' * 4}-{kind.value}-{number:03}"[-38:]}
        if kind is Kind.HTTP:
            more |= {"path": f"/{number}", "priority": number + 1}
        if number % 10 == 1:
            more |= rights | (queue if kind is Kind.WORKER and number % 20 == 1 else {})
        return loaded[kind].model_copy(update=more)

    services = [make(kind, number) for kind, count in quantity.items() for number in range(count)]
    at_the_bounds: list[ServiceSpec] = []
    if size == SIZES[-1]:
        services, at_the_bounds = _at_the_bounds(services, settings)
    special = {spec.name for spec in at_the_bounds}
    groups = {_group(spec): spec for spec in services if spec.name not in special}
    # On ECS the rules between services are in their stacks; a Kubernetes policy needs no other service's stack.
    sample = {
        Platform.ECS: (*groups.values(), *at_the_bounds),
        Platform.EKS: (*groups.values(), *(spec for spec in at_the_bounds if len(spec.calls) != 1)),
    }
    return Sized(tuple(services), sample, settings)


def _at_the_bounds(services: list[ServiceSpec], settings: Settings) -> tuple[list[ServiceSpec], list[ServiceSpec]]:
    """The services, some of them at the loader's bounds, and those that are at a bound or bring another to one."""
    plain = [spec for spec in services if not spec.table]
    hub, *others = [spec for spec in plain if spec.kind is Kind.HTTP][: settings.quota(quotas.GROUP_RULES)]
    wide, stuffed, secretive = [spec for spec in plain if spec.kind is Kind.WORKER][:3]
    changed = [other.model_copy(update={"calls": (hub.name,)}) for other in others]
    changed += [wide.model_copy(update={"calls": tuple(other.name for other in others)}), _stuffed(stuffed)]
    changed += [hub, _secretive(secretive)]
    by_name = {spec.name: spec for spec in (*services, *changed)}
    return list(by_name.values()), changed


def _stuffed(spec: ServiceSpec) -> ServiceSpec:
    """As many characters in variables as fit, all of them ones that JSON escapes."""
    filled = spec
    for count in range(1, 10_000):
        more = spec.model_copy(update={"environment": {f"V{n:04}": '"text"' * 30 for n in range(count)}})
        if (
            task_definition_size(more) > quotas.TASK_DEFINITION.value
            or kubectl_event_size(more, 0) > quotas.KUBECTL_EVENT.value
        ):
            break
        filled = more
    return filled


def _secretive(spec: ServiceSpec) -> ServiceSpec:
    """As many secrets as fit a role's policies, with names longer than CDK assumes when it splits a policy."""
    filled = spec
    for count in range(1, 1000):
        sources = {f"KEY_{n:03}": SecretSource(secrets_manager=f"{'a' * 160}-{n:03}") for n in range(count)}
        more = spec.model_copy(update={"secrets": sources})
        if policy_size(more) > quotas.ROLE_INLINE_POLICIES.value:
            break
        filled = more
    return filled


def _group(spec: ServiceSpec) -> Group:
    return spec.kind, spec.needs_role, bool(spec.queues)


def _synthesize(sized: Sized, out: Path) -> Assembly:
    from aws_cdk import App, CfnOutput, CfnWaitConditionHandle, Stack

    from stacks.environment import build_stacks

    flags = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    references = {"@aws-cdk/core:defaultCrossStackReferences": sized.settings.references.value}
    app = App(analytics_reporting=False, tree_metadata=False, outdir=str(out), context={**flags, **references})
    source = ImageSource.of(ROOT, ROOT / "services" / "hello", sized.settings)
    catalog = Catalog(sized.services, {spec.name: source for spec in sized.services})
    catalog._orders.update({platform: Catalog(sample).on(platform) for platform, sample in sized.sample.items()})
    build_stacks(app, sized.settings, catalog, {})
    reader = Stack(app, "Reader")
    CfnWaitConditionHandle(reader, "Nothing")  # a stack needs a resource
    for name, tables in app.node.find_child("State").tables.items():
        for variable, table in tables.items():
            CfnOutput(reader, f"{name}-{variable}", value=table.table_name)
            if table.table_stream_arn:
                CfnOutput(reader, f"{name}-{variable}-stream", value=table.table_stream_arn)
    for name, queue in app.node.find_child("State").queues.items():
        CfnOutput(reader, f"Queue-{name}", value=queue.queue_url)
        CfnOutput(reader, f"QueueName-{name}", value=queue.queue_name)
    app.synth(skip_validation=True)
    return Assembly(out, sized.settings, catalog)


# --- what is counted -------------------------------------------------------------------------------------------------


class Quantities:
    """The quantities of an assembly and of the services that it represents."""

    def __init__(self, sized: Sized, assembly: Assembly) -> None:
        self._sized = sized
        self._assembly = assembly

    def all(self) -> dict[Quota, int]:
        """The largest quantity for each quota, over all stacks, roles, groups and so on."""
        return {
            **self._templates(),
            **self._roles(),
            **self._network(),
            **self._load_balancers(),
            **self._ecs(),
            **self._eks(),
            **self._account(),
        }

    def _templates(self) -> dict[Quota, int]:
        templates = {name: t for name, t in self._assembly.templates.items() if name != "Reader"}

        def longest(section: str) -> int:
            return max(len(template.get(section, {})) for template in templates.values())

        texts = [template["Description"] for template in templates.values()]
        texts += [o.get("Description", "") for t in templates.values() for o in t.get("Outputs", {}).values()]
        return {
            quotas.STACK_RESOURCES: longest("Resources"),
            quotas.STACK_OUTPUTS: longest("Outputs"),
            quotas.STACK_PARAMETERS: longest("Parameters"),
            quotas.STACK_MAPPINGS: longest("Mappings"),
            quotas.TEMPLATE_DESCRIPTION: max(len(text.encode()) for text in texts),
            quotas.TEMPLATE_SIZE: max(len(self._assembly.text(name).encode()) for name in templates),
        }

    def _roles(self) -> dict[Quota, int]:
        inline, managed, attached, trust = [0], [0], [0], [0]
        for role in self._assembly.roles():
            own = [p["PolicyDocument"] for p in role.get("Policies", [])]
            own += [p["PolicyDocument"] for p in self._policies("AWS::IAM::Policy", role)]
            overflow = self._policies("AWS::IAM::ManagedPolicy", role)
            inline.append(sum(map(_characters, own)))
            managed += [_characters(p["PolicyDocument"]) for p in overflow]
            attached.append(len(overflow) + len(role.get("ManagedPolicyArns", [])))
            trust.append(_characters(role["AssumeRolePolicyDocument"]))
        return {
            quotas.ROLE_INLINE_POLICIES: max(inline),
            quotas.MANAGED_POLICY: max(managed),
            quotas.ATTACHED_POLICIES: max(attached),
            quotas.TRUST_POLICY: max(trust),
            quotas.KEY_POLICY: max(_characters(key["KeyPolicy"]) for key in self._assembly.resources("AWS::KMS::Key")),
        }

    def _policies(self, kind: str, role: Resource) -> list[Resource]:
        return [policy for policy in self._of(kind) if role.ref in policy.get("Roles", [])]

    @cached_property
    def _by_type(self) -> dict[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for resource in self._assembly.resources():
            found.setdefault(resource.type, []).append(resource)
        return found

    def _of(self, kind: str) -> list[Resource]:
        return self._by_type.get(kind, [])

    def _network(self) -> dict[Quota, int]:
        rules: Counter[tuple[str, str]] = Counter()
        for group in self._of("AWS::EC2::SecurityGroup"):
            for direction in ("Ingress", "Egress"):
                rules[direction, group.att("GroupId")] += len(group.get(f"SecurityGroup{direction}", []))
        for direction in ("Ingress", "Egress"):
            for rule in self._of(f"AWS::EC2::SecurityGroup{direction}"):
                rules[direction, rule["GroupId"]] += 1
        settings = self._sized.settings
        entrance = len(settings.load_balancer_cidrs) * 2  # Kubernetes creates its load balancer's group
        interfaces = [s["NetworkConfiguration"]["AwsvpcConfiguration"] for s in self._of("AWS::ECS::Service")]
        return {
            quotas.GROUP_RULES: max(*rules.values(), entrance),
            quotas.INTERFACE_GROUPS: max(len(i["SecurityGroups"]) for i in interfaces),
            quotas.ADDRESSES: len(self._of("AWS::EC2::EIP")),
            quotas.SUBNETS: len(self._of("AWS::EC2::Subnet")),
            quotas.INTERFACE_ENDPOINTS: sum(
                e.get("VpcEndpointType") == "Interface" for e in self._of("AWS::EC2::VPCEndpoint")
            ),
            quotas.ENDPOINT_CIDRS: len(settings.eks_endpoint_cidrs),
        }

    def _load_balancers(self) -> dict[Quota, int]:
        kind = "AWS::ElasticLoadBalancingV2"
        ecs_rules = self._in_all(f"{kind}::ListenerRule", Platform.ECS)
        ingresses = self._in_all_objects("Ingress")
        answered = 2 if self._sized.settings.domain else 1  # by the load balancer itself, without a target group
        conditions = [r["Conditions"] for r in self._of(f"{kind}::ListenerRule")]
        copies = [s.scaling.max for s in self._sized.services if s.kind is Kind.HTTP]
        return {
            quotas.LISTENER_RULES: max(ecs_rules, ingresses),
            quotas.TARGET_GROUPS: max(self._in_all(f"{kind}::TargetGroup", Platform.ECS), ingresses - answered),
            quotas.TARGETS: sum(copies),
            quotas.CONDITION_VALUES: max(sum(map(_values, condition)) for condition in conditions),
            quotas.CERTIFICATES: max(len(ls.get("Certificates", [])) for ls in self._of(f"{kind}::Listener")),
        }

    def _ecs(self) -> dict[Quota, int]:
        tasks = self._of("AWS::ECS::TaskDefinition")
        patterns = [_characters(rule["EventPattern"]) for rule in self._of("AWS::Events::Rule")]
        policies = [r["LifecyclePolicy"]["LifecyclePolicyText"] for r in self._of("AWS::ECR::Repository")]
        return {
            quotas.ECS_SERVICES: self._in_all("AWS::ECS::Service"),
            quotas.TASK_DEFINITION: max(_characters(task.properties) for task in tasks),
            quotas.TASK_CONTAINERS: max(len(task["ContainerDefinitions"]) for task in tasks),
            quotas.EVENT_PATTERN: max(patterns, default=0),
            quotas.LIFECYCLE_POLICY: max(map(len, policies)),
        }

    def _eks(self) -> dict[Quota, int]:
        applied = self._of(KUBERNETES)
        objects = [o for resource in applied for o in json.loads(resource["Manifest"])]
        return {
            quotas.KUBECTL_EVENT: max(2 * _characters(resource.properties) for resource in applied),
            quotas.ANNOTATIONS: max(
                _characters(o) + _characters(o["metadata"].get("annotations", {})) for o in objects
            ),
            quotas.POD_IDENTITIES: self._in_all("AWS::EKS::PodIdentityAssociation"),
        }

    def _account(self) -> dict[Quota, int]:
        return {
            quotas.STACKS: len(_shared(self._assembly)) + sum(len(s.platforms) for s in self._sized.services),
            quotas.ROLES: self._in_all("AWS::IAM::Role"),
            quotas.SECURITY_GROUPS: self._in_all("AWS::EC2::SecurityGroup"),
            quotas.BUS_RULES: self._in_all("AWS::Events::Rule"),
            quotas.SCHEDULES: self._in_all("AWS::Scheduler::Schedule"),
            quotas.ALARMS: self._in_all("AWS::CloudWatch::Alarm"),
            quotas.TABLES: self._in_all("AWS::DynamoDB::Table"),
            quotas.REPOSITORIES: self._in_all("AWS::ECR::Repository"),
        }

    def _in_all(self, kind: str, *platforms: Platform) -> int:
        """Resources of a type in the stacks of all services on some platforms, or in all stacks."""
        stacks = Counter(resource.stack for resource in self._of(kind))
        return self._sum(stacks, platforms or tuple(Platform)) + (
            0 if platforms else sum(stacks[name] for name in _shared(self._assembly))
        )

    def _in_all_objects(self, kind: str) -> int:
        stacks: Counter[str] = Counter()
        for resource in self._of(KUBERNETES):
            stacks[resource.stack] += sum(o["kind"] == kind for o in json.loads(resource["Manifest"]))
        return self._sum(stacks, (Platform.EKS,)) + stacks["Eks"]

    def _sum(self, stacks: Counter[str], platforms: Iterable[Platform]) -> int:
        return sum(
            members * max(stacks[f"{platform.value.title()}-{name}"] for name in names)
            for platform in platforms
            for members, names in self._groups(platform)
        )

    def _groups(self, platform: Platform) -> Iterator[tuple[int, list[str]]]:
        members = Counter(_group(spec) for spec in self._sized.services)
        for group, count in members.items():
            yield count, [spec.name for spec in self._sized.sample[platform] if _group(spec) == group]


def _shared(assembly: Assembly) -> list[str]:
    return [name for name in assembly.stacks if "-" not in name and name != "Reader"]


def _characters(value: Any) -> int:
    """Characters of a document as AWS counts them: without white space, references at their longest."""
    text = json.dumps(value, separators=(",", ":"))
    return len(re.sub(r"<AWS::[^<>]*>", "ap-southeast-1", re.sub(r"<(?!AWS::)[^<>]*>", LONGEST_REFERENCE, text)))


# --- the tests -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_every_quantity_stays_within_its_quota(size, tmp_path):
    sized = _project(tmp_path / "project", size)
    check_quotas(sized.services, sized.settings)  # the loader accepts it
    assembly = _synthesize(sized, tmp_path / "out")
    found = Quantities(sized, assembly).all()
    assert set(found) == {*quotas.REFUSED, *quotas.KEPT}
    assert {q.name: n for q, n in found.items() if n > sized.settings.quota(q)} == {}
    _loader_counts_what_templates_hold(sized, assembly, found)
    if size == SIZES[-1]:
        _bounds_are_reached(sized.settings, found)
        _registry_fits_a_template_at_its_most(assembly, size)


def _loader_counts_what_templates_hold(sized: Sized, assembly: Assembly, found: dict[Quota, int]) -> None:
    """The loader's numbers are never too small, or a template would fail though its manifest was accepted."""
    state = assembly.templates["State"]
    assert found[quotas.TABLES] == sum(len(spec.all_tables) for spec in sized.services)
    assert len(state["Outputs"]) == state_outputs(sized.services)
    assert len(state["Resources"]) <= state_resources(sized.services)
    registry = assembly.resources(stack="Registry")
    assert len(registry) == len(sized.services) + REGISTRY_OWN
    shared_roles = [role for role in assembly.roles() if role.stack in _shared(assembly)]
    assert len(shared_roles) <= SHARED_ROLES
    for spec in sized.sample[Platform.ECS]:
        task = assembly.one("AWS::ECS::TaskDefinition", stack=f"Ecs-{spec.name}")
        assert _characters(task.properties) <= task_definition_size(spec), spec.name
    for spec in sized.sample[Platform.EKS]:
        callers = len(assembly.catalog.callers(spec.name, Platform.EKS))
        for resource in assembly.resources(KUBERNETES, stack=f"Eks-{spec.name}"):
            assert 2 * _characters(resource.properties) <= kubectl_event_size(spec, callers), spec.name
    for stack, spec in ((f"{p.value.title()}-{s.name}", s) for p, specs in sized.sample.items() for s in specs):
        roles = [role for role in assembly.roles() if role.stack == stack]
        for role in roles:
            kinds = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
            policies = [p for kind in kinds for p in assembly.resources(kind, stack=stack) if role.ref in p["Roles"]]
            assert sum(_characters(p["PolicyDocument"]) for p in policies) <= policy_size(spec, sized.services), stack


def _bounds_are_reached(settings: Settings, found: dict[Quota, int]) -> None:
    """The project is as large as the loader allows, or the sizes above would prove nothing."""
    assert found[quotas.GROUP_RULES] == settings.quota(quotas.GROUP_RULES)
    assert (found[quotas.LISTENER_RULES], found[quotas.TARGET_GROUPS]) == (196, 98)
    for quota in (quotas.TASK_DEFINITION, quotas.ROLE_INLINE_POLICIES, quotas.KUBECTL_EVENT):
        assert found[quota] > 0.7 * quota.value, (quota.name, found[quota])


def _registry_fits_a_template_at_its_most(assembly: Assembly, repositories: int) -> None:
    longer = 4 * 63  # each repository contains its name of 63 characters a few times
    each = len(assembly.text("Registry").encode()) / repositories + longer
    assert each * (quotas.STACK_RESOURCES.value - REGISTRY_OWN) <= quotas.TEMPLATE_SIZE.value


def _values(condition: dict[str, Any]) -> int:
    held = [condition[key]["Values"] for key in ("PathPatternConfig", "HostHeaderConfig") if key in condition]
    return sum(map(len, held))
