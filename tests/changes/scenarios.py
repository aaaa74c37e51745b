"""Every change that docs/changes.md has a row for.

Fields come from the models: a new one gets a row from its type (each other value of an enumeration or a boolean) or from the
examples beside it. What needs more than that is in SETTINGS and MANIFEST. A test fails for a field without a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from config.fields.keys import KEY_EXAMPLE
from config.model import Model
from config.service import KINDS, Kind, manifest_fields
from config.settings import KUBECTL_LAYERS, Settings
from config.strict_yaml import flow
from config.validation import strip, visible_fields

REGION = "eu-central-1"
ACCOUNT = "123456789012"
ADMIN = f"arn:aws:iam::{ACCOUNT}:role/admin"
OTHER_ADMIN = f"arn:aws:iam::{ACCOUNT}:role/other"
DOMAIN = {"name": "harbour.example.com", "hosted_zone_id": "Z0123456789ABCDEFGHIJ"}
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012"
NAMED_ZONES = [f"{REGION}a", f"{REGION}b"]

SERVICES: dict[str, dict[str, Any]] = {
    "shop": {
        "kind": "http",
        "description": "Sells",
        "port": 8080,
        "path": "/shop",
        "health": "/healthz",
        "cpu": 256,
        "memory": 1024,
        "scaling": {"min": 1, "max": 4, "cpu_target": 60},
        "environment": {"LOG_LEVEL": "info"},
        "secrets": {"API_KEY": {"ssm": "/harbour/key"}},
        "table": {"partition_key": "id"},
        "calls": ["stock"],
    },
    "stock": {
        "kind": "http",
        "description": "Counts",
        "port": 8080,
        "path": "/stock",
        "health": "/healthz",
        "cpu": 256,
        "memory": 512,
    },
    "mailer": {"kind": "worker", "description": "Sends", "cpu": 256, "memory": 1024},
    "report": {"kind": "job", "description": "Sums up", "cpu": 256, "memory": 1024, "schedule": "0 6 * * *"},
}
OF_KIND = {Kind.HTTP: "shop", Kind.WORKER: "mailer", Kind.JOB: "report"}
GONE = object()
"""A key that a manifest does not have."""


@dataclass(frozen=True)
class State:
    """A project: settings that differ from the environment's file, and the services."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    services: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: SERVICES)
    code: str = ""
    """A line in every image."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A change of a running project.

    Attributes:
        section: settings, manifest or services.
        subject: the field or the operation.
        change: from what to what, or what is done.
        before: what runs.
        after: what is deployed.
        destroyed: services whose stacks are destroyed first.
    """

    section: str
    subject: str
    change: str
    before: State = State()
    after: State
    destroyed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """A field's way from one value to another; `with_` are values of other fields, on both sides."""

    before: Any
    after: Any
    with_: Mapping[str, Any] = field(default_factory=dict)
    also: Mapping[str, Any] = field(default_factory=dict)
    """Values of other fields that change too, since the new value needs them."""
    kinds: tuple[Kind, ...] = tuple(Kind)
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of a manifest's field: settings that it needs, on both sides."""


class _Base:
    """Stands for the value that the environment's file, or the manifest above, has."""


BASE = _Base()
PINNED = {"region": REGION}

_VPC = {
    "id": "vpc-0123456789abcdef0",
    "cidr": "10.50.0.0/16",
    "zones": NAMED_ZONES,
    "public_subnets": ["subnet-0aaaaaaaaaaaaaaa1", "subnet-0aaaaaaaaaaaaaaa2"],
    "public_cidrs": ["10.50.0.0/24", "10.50.1.0/24"],
    "private_subnets": ["subnet-0bbbbbbbbbbbbbbb1", "subnet-0bbbbbbbbbbbbbbb2"],
}
_NOT_OURS = {**PINNED, "vpc": _VPC, "vpc_cidr": "null", "zones": "null", "egress": "null"}
_INTERNAL = {"internal_load_balancer": True}

SETTINGS: dict[str, list[Step]] = {
    "vpc": [
        Step(
            "null",
            _VPC,
            PINNED,
            {"vpc_cidr": ("10.50.0.0/16", "null"), "zones": (NAMED_ZONES, "null"), "egress": ("single-nat", "null")},
        )
    ],
    "vpc.id": [Step(_VPC["id"], "vpc-0cccccccccccccccc", _NOT_OURS)],
    "vpc.cidr": [Step(_VPC["cidr"], "10.50.0.0/17", _NOT_OURS)],
    "vpc.zones": [Step(_VPC["zones"], NAMED_ZONES[::-1], _NOT_OURS)],
    "vpc.public_subnets": [
        Step(_VPC["public_subnets"], ["subnet-0aaaaaaaaaaaaaaa1", "subnet-0aaaaaaaaaaaaaaa3"], _NOT_OURS)
    ],
    "vpc.public_cidrs": [Step(_VPC["public_cidrs"], ["10.50.0.0/24", "10.50.2.0/24"], _NOT_OURS)],
    "vpc.private_subnets": [
        Step(_VPC["private_subnets"], ["subnet-0bbbbbbbbbbbbbbb1", "subnet-0bbbbbbbbbbbbbbb3"], _NOT_OURS)
    ],
    "internal_cidrs": [Step([], ["10.0.0.0/8"], _INTERNAL), Step(["10.0.0.0/8"], [], _INTERNAL)],
    "app": [Step(BASE, "quay")],
    "account": [
        Step("null", ACCOUNT, PINNED),
        Step(ACCOUNT, "null", PINNED),
        Step(ACCOUNT, "210987654321", PINNED),
    ],
    "region": [Step("null", REGION), Step(REGION, "null"), Step(REGION, "us-east-1")],
    "allowed_accounts": [Step([], [ACCOUNT]), Step([ACCOUNT], [])],
    "platforms": [
        Step(["ecs", "eks"], ["ecs"]),
        Step(["ecs", "eks"], ["eks"]),
        Step(["ecs"], ["ecs", "eks"]),
        Step(["eks"], ["ecs", "eks"]),
    ],
    "vpc_cidr": [Step(BASE, "10.60.0.0/16"), Step("10.60.0.0/16", "10.60.0.0/17")],
    "zones": [
        Step(2, 3),
        Step(3, 2),
        Step(2, 4),
        Step(2, NAMED_ZONES, PINNED),
        Step(NAMED_ZONES, NAMED_ZONES[::-1], PINNED),
    ],
    "spot_weight": [Step(BASE, 50), Step(50, 0), Step(50, 100)],
    "load_balancer_cidrs": [
        Step(["0.0.0.0/0"], ["198.51.100.0/24"]),
        Step(["198.51.100.0/24"], ["198.51.100.0/24", "203.0.113.0/24"]),
        Step(["198.51.100.0/24", "203.0.113.0/24"], ["198.51.100.0/24"]),
    ],
    "log_retention_days": [Step(BASE, 30), Step(30, 1)],
    "image_retention_count": [Step(BASE, 20), Step(20, 3)],
    "alarm_email": [
        Step("null", "ops@example.com"),
        Step("ops@example.com", "other@example.com"),
        Step("ops@example.com", "null"),
    ],
    "eks_version": [
        Step(one, other) for one in sorted(KUBECTL_LAYERS) for other in sorted(KUBECTL_LAYERS) if one != other
    ],
    "eks_admins": [
        Step([], [ADMIN]),
        Step([ADMIN], []),
        Step([ADMIN], [ADMIN, OTHER_ADMIN]),
        Step([ADMIN, OTHER_ADMIN], [OTHER_ADMIN]),
        Step([ADMIN, OTHER_ADMIN], [OTHER_ADMIN, ADMIN]),
    ],
    "eks_endpoint_access": [
        Step("private", "public-and-private", also={"eks_endpoint_cidrs": ([], ["203.0.113.0/24"])}),
        Step("public-and-private", "private", also={"eks_endpoint_cidrs": (["203.0.113.0/24"], [])}),
    ],
    "eks_endpoint_cidrs": [
        Step(before, after, {"eks_endpoint_access": "public-and-private"})
        for before, after in (
            (["203.0.113.0/24"], ["198.51.100.7/32"]),
            (["203.0.113.0/24"], ["203.0.113.0/24", "198.51.100.7/32"]),
            (["203.0.113.0/24", "198.51.100.7/32"], ["203.0.113.0/24"]),
        )
    ],
    "domain": [Step("null", DOMAIN), Step(DOMAIN, "null")],
    "domain.name": [
        Step("harbour.example.com", "quay.example.com", {"domain.hosted_zone_id": DOMAIN["hosted_zone_id"]})
    ],
    "domain.hosted_zone_id": [Step(DOMAIN["hosted_zone_id"], "Z9876543210ABCDEFGHIJ", {"domain.name": DOMAIN["name"]})],
    "certificates": [
        Step([], [CERTIFICATE], {**PINNED, "domain": DOMAIN}),
        Step([CERTIFICATE], [], {**PINNED, "domain": DOMAIN}),
    ],
    "base_registry": [Step(BASE, "mirror.example.com/library")],
    "keep_repositories": [Step([], ["oldname"]), Step(["oldname"], [])],
    "quotas": [Step({}, {"listener_rules": 150}), Step({"listener_rules": 150}, {})],
    "tags": [
        Step({"project": "harbour"}, {"project": "harbour", "team": "quay"}),
        Step({"project": "harbour"}, {"project": "quay"}),
        Step({"project": "harbour"}, {}),
    ],
}

_SECRET = {"API_KEY": {"ssm": "/harbour/key"}}
_TABLE = {"partition_key": "id"}
_INDEX = {"by_customer": {"partition_key": "customer"}}
_RIGHT = {"actions": ["sqs:SendMessage"], "resources": ["arn:{partition}:sqs:{region}:{account}:orders"]}
_EKS = {"platforms": ["eks"]}  # only there can a job call a service
_ECS = {"platforms": ["ecs"]}  # only ECS has a metric of requests
_INNER = {"path": GONE}  # a load balancer takes no TCP, and gRPC only with a domain
_HOST = "shop.example.com"
_AUTO = {"min": 1, "max": 4, "cpu_target": 60}
_QUEUE = {"tries": 5}
_QUEUED = {"queue": _QUEUE, **_ECS}  # and of what waits in a queue
_ALARMS = {"errors_percent": 1, "latency_ms": 5000}
_NIGHT = {"cron": "0 20 * * *", "min": 0, "max": 0}
_HOURS = [{"cron": "0 8 * * MON-FRI", "min": 2, "max": 6}, _NIGHT]
_PROXY = {"image": "public.ecr.aws/nginx/nginx:1.29", "cpu": 64, "memory": 128}
_CHECK = {"path": "/healthz"}
_ALIVE = {"command": ["alive"]}
_MIGRATE = {"command": ["shop", "migrate"]}
_HTTP = (Kind.HTTP,)
_JOB = (Kind.JOB,)
_RUNNING = (Kind.HTTP, Kind.WORKER)
MANIFEST: dict[str, list[Step]] = {
    "description": [Step(BASE, "Said in other words")],
    "platforms": [
        Step(["ecs", "eks"], ["ecs"]),
        Step(["ecs", "eks"], ["eks"]),
        Step(["ecs"], ["ecs", "eks"]),
        Step(["eks"], ["ecs", "eks"]),
    ],
    "cpu": [Step(256, 512), Step(512, 256)],
    "memory": [Step(1024, 2048), Step(1024, 512)],
    "environment": [
        Step({}, {"LOG_LEVEL": "info"}),
        Step({"LOG_LEVEL": "info"}, {"LOG_LEVEL": "debug"}),
        Step({"LOG_LEVEL": "info"}, {}),
    ],
    "secrets": [
        Step({}, _SECRET),
        Step(_SECRET, {**_SECRET, "TOKEN": {"ssm": "/harbour/token"}}),
        Step(_SECRET, {"API_KEY": {"secrets_manager": "harbour/key"}}),
        Step(_SECRET, {}),
    ],
    "table": [Step(GONE, {"partition_key": "id"}), Step({"partition_key": "id"}, GONE)],
    "table.partition_key": [Step({"partition_key": "id"}, {"partition_key": "owner"})],
    "table.sort_key": [
        Step({"partition_key": "id"}, {"partition_key": "id", "sort_key": "at"}),
        Step({"partition_key": "id", "sort_key": "at"}, {"partition_key": "id"}),
    ],
    "table.ttl": [
        Step({"partition_key": "id"}, {"partition_key": "id", "ttl": "expires"}),
        Step({"partition_key": "id", "ttl": "expires"}, {"partition_key": "id", "ttl": "until"}),
        Step({"partition_key": "id", "ttl": "expires"}, {"partition_key": "id"}),
    ],
    "table.existing": [Step(_TABLE, {**_TABLE, "existing": "orders-prod"})],
    "table.indexes": [Step(_TABLE, {**_TABLE, "indexes": _INDEX}), Step({**_TABLE, "indexes": _INDEX}, _TABLE)],
    "table.stream": [Step(_TABLE, {**_TABLE, "stream": True}), Step({**_TABLE, "stream": True}, _TABLE)],
    "table.kms_key": [
        Step({**_TABLE, "existing": "orders-prod"}, {**_TABLE, "existing": "orders-prod", "kms_key": KEY_EXAMPLE})
    ],
    "tables": [Step({}, {"events": _TABLE}), Step({"events": _TABLE}, {})],
    "bucket": [Step(GONE, {"expire_days": 30}), Step({"expire_days": 30}, GONE)],
    "bucket.existing": [Step({}, {"existing": "orders-archive"})],
    "bucket.versions": [Step({}, {"versions": False}), Step({"versions": False}, {})],
    "bucket.expire_days": [Step({}, {"expire_days": 30}), Step({"expire_days": 30}, {"expire_days": 7})],
    "bucket.kms_key": [Step({"existing": "orders-archive"}, {"existing": "orders-archive", "kms_key": KEY_EXAMPLE})],
    "rights": [Step([], [_RIGHT]), Step([_RIGHT], [])],
    "calls": [
        *(Step(before, after, kinds=(Kind.HTTP, Kind.WORKER)) for before, after in (([], ["stock"]), (["stock"], []))),
        *(Step(before, after, _EKS, kinds=(Kind.JOB,)) for before, after in (([], ["stock"]), (["stock"], []))),
    ],
    "sends": [Step([], ["sorter"]), Step(["sorter"], [])],
    "queue": [Step(GONE, _QUEUE), Step(_QUEUE, GONE)],
    "queue.visibility_timeout": [Step(_QUEUE, {**_QUEUE, "visibility_timeout": 300})],
    "queue.retention_days": [Step(_QUEUE, {**_QUEUE, "retention_days": 1})],
    "queue.tries": [Step(_QUEUE, {"tries": 2})],
    "queue.fifo": [Step(_QUEUE, {**_QUEUE, "fifo": True}), Step({**_QUEUE, "fifo": True}, _QUEUE)],
    "queue.existing": [Step({}, {"existing": "orders-prod"}), Step({"existing": "orders-prod"}, {})],
    "queue.kms_key": [Step({"existing": "orders-prod"}, {"existing": "orders-prod", "kms_key": KEY_EXAMPLE})],
    "alarms": [
        Step(BASE, _ALARMS, kinds=(Kind.HTTP,)),
        Step(BASE, {"backlog_age": 300}, {"queue": _QUEUE}, kinds=(Kind.WORKER,)),
        Step(BASE, "none"),
        Step("none", GONE),
    ],
    "alarms.runbook": [Step(GONE, {"runbook": "https://wiki.example/tracking"})],
    "alarms.backlog_age": [Step({"backlog_age": 300}, {"backlog_age": 600}, {"queue": _QUEUE})],
    "sidecars": [
        Step({}, {"proxy": _PROXY}),
        Step({"proxy": _PROXY}, {"proxy": {**_PROXY, "image": "public.ecr.aws/nginx/nginx:1.30"}}),
        Step({"proxy": _PROXY}, {"proxy": {**_PROXY, "starts": "after"}}, kinds=(Kind.HTTP, Kind.WORKER)),
        Step({"proxy": _PROXY}, {}),
    ],
    "stop_timeout": [Step(30, 60)],
    "scaling": [Step(GONE, _AUTO), Step(_AUTO, GONE), Step(_AUTO, {"min": 6, "max": 6})],
    "scaling.min": [Step(_AUTO, {**_AUTO, "min": 2})],
    "scaling.max": [Step(_AUTO, {**_AUTO, "max": 8}), Step(_AUTO, {**_AUTO, "max": 2})],
    "scaling.cpu_target": [Step(_AUTO, {**_AUTO, "cpu_target": 50})],
    "scaling.memory_target": [
        Step(_AUTO, {**_AUTO, "memory_target": 70}),
        Step({**_AUTO, "memory_target": 70}, _AUTO),
        Step({**_AUTO, "memory_target": 70}, {**_AUTO, "memory_target": 80}),
    ],
    "scaling.cooldowns": [
        Step(_AUTO, {**_AUTO, "cooldowns": {"up": 60, "down": 600}}),
        Step({**_AUTO, "cooldowns": {"up": 60, "down": 600}}, _AUTO),
    ],
    "scaling.schedule": [
        Step(_AUTO, {**_AUTO, "schedule": _HOURS}, _ECS),
        Step({**_AUTO, "schedule": _HOURS}, _AUTO, _ECS),
        Step({"schedule": [_NIGHT]}, GONE, _ECS),
    ],
    "scaling.timezone": [
        Step({**_AUTO, "schedule": _HOURS}, {**_AUTO, "schedule": _HOURS, "timezone": "Europe/Paris"}, _ECS)
    ],
    "scaling.requests_target": [
        Step(_AUTO, {**_AUTO, "requests_target": 1000}, _ECS),
        Step({**_AUTO, "requests_target": 1000}, _AUTO, _ECS),
        Step({**_AUTO, "requests_target": 1000}, {**_AUTO, "requests_target": 500}, _ECS),
    ],
    "scaling.backlog_target": [
        Step(_AUTO, {**_AUTO, "backlog_target": 20}, _QUEUED),
        Step({**_AUTO, "backlog_target": 20}, _AUTO, _QUEUED),
        Step({**_AUTO, "backlog_target": 20}, {**_AUTO, "backlog_target": 10}, _QUEUED),
    ],
    "port": [Step(8080, 9090)],
    "protocol": [
        *(
            Step(before, after, _INNER, also={"health": ("/healthz", GONE) if before == "http" else (GONE, "/healthz")})
            for before, after in (("http", "grpc"), ("grpc", "http"), ("http", "tcp"), ("tcp", "http"))
        ),
        Step("grpc", "tcp", {**_INNER, "health": GONE}),
    ],
    "private_port": [Step(GONE, 9090), Step(9090, 9091), Step(9090, GONE)],
    "path": [
        *(Step(before, after) for before, after in (("/shop", "/store"), ("/shop", "/"), ("/", "/shop"))),
        *(Step(before, after) for before, after in (("/shop", GONE), (GONE, "/shop"))),
    ],
    "paths": [Step(GONE, ["/store"]), Step(["/store"], ["/store", "/mall"]), Step(["/store"], GONE)],
    "hosts": [
        Step(GONE, [_HOST]),
        Step([_HOST], [_HOST, f"*.{_HOST}"]),
        Step([f"*.{_HOST}", _HOST], [_HOST, f"*.{_HOST}"]),
        Step([_HOST], GONE),
    ],
    "sticky": [Step(GONE, 3600), Step(3600, 60), Step(3600, GONE)],
    "internal": [
        Step(False, True, settings=_INTERNAL),
        Step(True, False, settings=_INTERNAL),
    ],
    "health": [
        Step("/healthz", "/ready", kinds=_HTTP),
        Step(GONE, _ALIVE, kinds=(Kind.WORKER,)),
        Step(_ALIVE, GONE, kinds=(Kind.WORKER,)),
    ],
    "health.path": [Step(_CHECK, {"path": "/ready"}, kinds=_HTTP)],
    "health.codes": [Step(_CHECK, {**_CHECK, "codes": "200"}, _ECS, kinds=_HTTP)],
    "health.interval": [Step(_CHECK, {**_CHECK, "interval": 30}, kinds=_HTTP)],
    "health.timeout": [Step(_CHECK, {**_CHECK, "timeout": 8}, kinds=_HTTP)],
    "health.healthy": [Step(_CHECK, {**_CHECK, "healthy": 3}, kinds=_HTTP)],
    "health.unhealthy": [Step(_CHECK, {**_CHECK, "unhealthy": 5}, kinds=_HTTP)],
    "health.liveness": [Step(_CHECK, {**_CHECK, "liveness": "/livez"}, _EKS, kinds=_HTTP)],
    "health.command": [Step(_ALIVE, {"command": ["alive", "--all"]}, kinds=(Kind.WORKER,))],
    "health.retries": [Step(_ALIVE, {**_ALIVE, "retries": 5}, kinds=(Kind.WORKER,))],
    "health.start": [Step(_ALIVE, {**_ALIVE, "start": 120}, kinds=(Kind.WORKER,))],
    "before_deploy": [Step(GONE, _MIGRATE, kinds=_RUNNING), Step(_MIGRATE, GONE, kinds=_RUNNING)],
    "before_deploy.command": [Step(_MIGRATE, {"command": ["shop", "migrate", "--all"]}, kinds=_RUNNING)],
    "before_deploy.timeout": [Step(_MIGRATE, {**_MIGRATE, "timeout": 300}, kinds=_RUNNING)],
    "timeout": [Step(GONE, 3600, kinds=_JOB), Step(3600, 7200, kinds=_JOB), Step(3600, GONE, kinds=_JOB)],
    "retries": [Step(0, 2, kinds=_JOB), Step(2, 0, kinds=_JOB)],
    "health_grace": [Step(60, 120)],
    "priority": [Step(GONE, 100), Step(100, 200), Step(100, GONE)],
    "schedule": [
        Step("0 6 * * *", "30 6 * * MON-FRI"),
        Step("0 6 * * *", GONE, kinds=_JOB),
        Step(GONE, "0 6 * * *", kinds=_JOB),
    ],
    "timezone": [Step("Etc/UTC", "Europe/Paris")],
}


# --- fields ----------------------------------------------------------------------------------------------------------


def setting_fields() -> list[str]:
    """Every setting, and the keys of those that are maps of their own."""
    return _dotted(visible_fields(Settings))


def fields_of_manifest() -> list[str]:
    """Every manifest field, likewise; `kind` and `overrides` are changes of services."""
    first = _dotted(manifest_fields())
    further = {name for model in KINDS.values() for name in _dotted(visible_fields(model))} - set(first)
    return [name for name in (*first, *sorted(further)) if name != "kind"]


def _dotted(fields: Mapping[str, Any]) -> list[str]:
    found = []
    for name, info in fields.items():
        found.append(name)
        model = _model(info.annotation)
        found += [f"{name}.{inner}" for inner in visible_fields(model)] if model else []
    return found


def _model(annotation: Any) -> type[Model] | None:
    kind = strip(annotation)
    return kind if isinstance(kind, type) and issubclass(kind, Model) else None


def _steps(name: str, known: Mapping[str, list[Step]], fields: Mapping[str, Any]) -> list[Step]:
    """The field's own steps, or those that its type and its examples give."""
    if name in known:
        return known[name]
    top, _, inner = name.partition(".")
    if inner:
        model = _model(fields[top].annotation)
        assert model is not None
        examples = visible_fields(model)[inner].examples or []
        return [Step(GONE, {inner: example}) for example in examples]
    info = fields[name]
    kind = strip(info.annotation)
    if kind is bool:
        return [Step(False, True), Step(True, False)]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return [Step(one.value, other.value) for one in kind for other in kind if one is not other]
    return [Step(BASE, example) for example in info.examples or []]


# --- scenarios -------------------------------------------------------------------------------------------------------


def scenarios() -> Iterator[Scenario]:
    """All of them, in the order of the document."""
    yield from _settings()
    yield from _manifest()
    yield from _services()


def _settings() -> Iterator[Scenario]:
    fields = visible_fields(Settings)
    for name in setting_fields():
        for step in _steps(name, SETTINGS, fields):
            before = {} if step.before is BASE else {name: step.before}
            changing = {key: values[0] for key, values in step.also.items()}
            changed = {key: values[1] for key, values in step.also.items()}
            yield Scenario(
                section="settings",
                subject=name,
                change=f"{_shown(step.before)} to {_shown(step.after)}",
                before=State({**step.with_, **before, **changing}),
                after=State({**step.with_, name: step.after, **changed}),
            )


def _manifest() -> Iterator[Scenario]:
    for name in fields_of_manifest():
        top, _, inner = name.partition(".")
        for kind, model in KINDS.items():
            if top not in model.model_fields or (inner and not _has(model, top, inner)):
                continue
            for step in _steps(name, MANIFEST, visible_fields(model)):
                if kind not in step.kinds:
                    continue
                service = OF_KIND[kind]
                changing = {key: values[0] for key, values in step.also.items()}
                changed = {key: values[1] for key, values in step.also.items()}
                yield Scenario(
                    section="manifest",
                    subject=name,
                    change=f"{_shown(step.before, inner)} to {_shown(step.after, inner)}, {kind.value}",
                    before=replace(
                        _with(service, {**step.with_, top: step.before, **changing}), settings=step.settings
                    ),
                    after=replace(_with(service, {**step.with_, top: step.after, **changed}), settings=step.settings),
                )


def _has(model: type[Model], top: str, inner: str) -> bool:
    nested = _model(model.model_fields[top].annotation)
    return nested is not None and inner in nested.model_fields


def _services() -> Iterator[Scenario]:
    for kind, name in OF_KIND.items():
        without = State(services={n: _plain(m) for n, m in SERVICES.items() if n != name})
        new = {**_plain(SERVICES[name]), **({"path": "/new"} if kind is Kind.HTTP else {})}
        added = State(services={**without.services, "new": new})
        for change, before, after, destroyed in (
            (f"add a service: {kind}", without, added, ()),
            (f"remove a service: {kind}", added, without, ("new",)),
            (f"remove the folder of a service that runs: {kind}", added, without, ()),
            (f"rename a service: {kind}", added, _renamed(added), ("new",)),
            (f"rename the folder of a service that runs: {kind}", added, _renamed(added), ()),
        ):
            yield _service(change, before, after, destroyed)
    yield _service("another image, of every service", State(), State(code="# another line\n"))
    base = {name: _plain(manifest) for name, manifest in SERVICES.items()}
    for one, other in ((Kind.HTTP, Kind.WORKER), (Kind.WORKER, Kind.JOB), (Kind.JOB, Kind.HTTP)):
        before = State(services={**base, "new": _fresh(one)})
        yield _service(
            f"change a service's kind: {one} to {other}", before, State(services={**base, "new": _fresh(other)})
        )
    shop, stock = base["shop"], base["stock"]

    def both(**paths: Mapping[str, Any]) -> State:
        return State(services={**base, "shop": {**shop, **paths["shop"]}, "stock": {**stock, **paths["stock"]}})

    ranked = both(shop={"priority": 100}, stock={"priority": 200})
    yield _service(
        "hand a path over to another service",
        both(shop={}, stock={}),
        both(shop={"path": "/old"}, stock={"path": "/shop"}),
    )
    yield _service(
        "swap the paths of two services",
        both(shop={}, stock={}),
        both(shop={"path": "/stock"}, stock={"path": "/shop"}),
    )
    yield _service("swap the priorities of two services", ranked, both(shop={"priority": 200}, stock={"priority": 100}))
    yield _service(
        "hand a priority over to another service", ranked, both(shop={"priority": 300}, stock={"priority": 100})
    )
    apart = {name: {k: v for k, v in manifest.items() if k != "calls"} for name, manifest in base.items()}
    calls = State(services={**apart, "shop": {**apart["shop"], "calls": ["stock"]}})
    yield _service("add a call", State(services=apart), calls)
    yield _service("drop a call", calls, State(services=apart))
    turned = State(services={**apart, "stock": {**apart["stock"], "calls": ["shop"]}})
    yield _service("turn a call around", calls, turned)
    table = {"partition_key": "id"}
    yield _service(
        "hand a table's declaration over to another service",
        State(services={**base, "shop": {**shop, "table": table}}),
        State(services={**base, "stock": {**stock, "table": table}}),
    )
    overridden = {**shop, "overrides": {"sandbox": {"memory": 2048}, "production": {"memory": 2048}}}
    yield _service(
        "override a field in an environment", State(services=base), State(services={**base, "shop": overridden})
    )


def _service(change: str, before: State, after: State, destroyed: tuple[str, ...] = ()) -> Scenario:
    return Scenario(
        section="services", subject="services", change=change, before=before, after=after, destroyed=destroyed
    )


def _fresh(kind: Kind) -> dict[str, Any]:
    manifest = _plain(SERVICES[OF_KIND[kind]])
    return {**manifest, "path": "/new"} if kind is Kind.HTTP else manifest


def _plain(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return deepcopy(dict(manifest))


def _renamed(state: State) -> State:
    services = {("newer" if name == "new" else name): manifest for name, manifest in state.services.items()}
    return replace(state, services=services)


def _with(service: str, values: Mapping[str, Any]) -> State:
    """The project with other values in one manifest."""
    manifest = {**SERVICES[service], **{key: value for key, value in values.items() if value is not BASE}}
    receiver = {"sorter": {**SERVICES["mailer"], "queue": {}}} if "sends" in values else {}
    return State(
        services={**SERVICES, **receiver, service: {key: value for key, value in manifest.items() if value is not GONE}}
    )


def _shown(value: Any, inner: str = "") -> str:
    if inner and isinstance(value, dict):
        value = value.get(inner, GONE)
    if value is BASE:
        return "the file's value"
    if value in ("null", GONE) or value == []:
        return "none"
    return flow(value) if value != {} else "none"
