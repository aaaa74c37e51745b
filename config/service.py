"""One service: the typed form of services/<name>/service.yaml, after its environment's overrides.

Each kind is a type (`HttpService`, `Worker`, `Job`) on a common base, so a service has only fields that apply to it. The loader
picks the type by the manifest's `kind`; `KINDS` is the only list of them.
"""

# Over 300 lines: every key of one file with its rule, its description and an example, looked up in one place.
from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator
from pydantic.fields import FieldInfo

from config import service_rules as rules
from config.fields.alarms import AlarmThresholds
from config.fields.buckets import Bucket
from config.fields.rights import Statement
from config.fields.scaling import HttpScaling, Scaling
from config.fields.secrets import SecretSource, check_sources
from config.fields.tables import Table, check_table_names
from config.limits import HIGHEST_PORT, LOWEST_PORT, LOWEST_PRIORITY
from config.model import NOT_EMPTY, UNIQUE, Meaning, Model, Pattern, Rule, fault
from config.routing import derived_priority, path_patterns
from config.settings import Platform, ServiceName

# The user that every image runs as; numeric, so Kubernetes can verify that it is not root.
USER_ID: Final = 65532


class Kind(StrEnum):
    HTTP = "http"
    WORKER = "worker"
    JOB = "job"


class Kinded(Model):
    """The one key that decides which others are allowed."""

    kind: Annotated[
        Kind,
        Meaning(
            ecs="http: service behind the load balancer; worker: service; job: scheduled task",
            eks="http, worker: Deployment; job: CronJob",
        ),
    ] = Field(
        description="http: answers requests; worker: runs continuously, nothing calls it; job: runs on a schedule and ends.",
        examples=["http"],
    )


class ServiceSpec(Kinded):
    """The fields of every kind. Rules between services, or between a service and its environment, are in config.catalog."""

    given_by_loader: ClassVar[frozenset[str]] = frozenset({"name", "folder"})

    name: ServiceName
    folder: Path
    description: Annotated[
        str,
        Pattern(r"[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*", "one line of text", "Tracks shipments", 200),
        Rule(rules.check_text),
        Meaning(ecs="description of the stack", eks="description of the stack"),
    ] = Field(description="The service's purpose, in one line.", examples=["Tracks shipments"])
    platforms: Annotated[
        tuple[Platform, ...], NOT_EMPTY, UNIQUE, Meaning(ecs="runs on Fargate", eks="runs on Kubernetes")
    ] = Field(
        (Platform.ECS, Platform.EKS),
        description="Where the service runs, if the environment has that platform.",
        examples=[["ecs", "eks"]],
    )
    cpu: Annotated[
        int,
        Meaning(ecs="CPU of the task, shared with Service Connect's proxy; only Fargate's values", eks="CPU request"),
    ] = Field(
        ge=64,
        le=16384,
        description="CPU units; 1024 is one vCPU. Add 256 on ECS for a busy service that calls or is called.",
        examples=[256],
    )
    memory: Annotated[
        int, Meaning(ecs="memory of the task; only what Fargate allows for the CPU", eks="memory request and limit")
    ] = Field(ge=64, le=122880, description="Memory in MiB.", examples=[512])
    environment: Annotated[
        dict[str, str],
        Rule(rules.check_variables),
        Rule(rules.check_values),
        Meaning(ecs="container environment", eks="container environment"),
    ] = Field({}, description="Variables and their values, as text.", examples=[{"LOG_LEVEL": "info"}])
    secrets: Annotated[
        dict[str, SecretSource],
        Rule(rules.check_variables),
        Rule(check_sources),
        Meaning(ecs="secrets of the task definition", eks="Secret that the pod reads"),
    ] = Field(
        {},
        description="Variables whose values come from Secrets Manager or SSM.",
        examples=[{"API_KEY": {"ssm": "/harbour/key"}}],
    )
    table: Annotated[
        Table | None,
        Meaning(ecs="one DynamoDB table for both; task role", eks="one DynamoDB table for both; Pod Identity"),
    ] = Field(
        None,
        description="The service's own DynamoDB table; <NAME>_TABLE holds its name.",
        examples=[{"partition_key": "id"}],
    )
    tables: Annotated[
        dict[str, Table],
        Rule(check_table_names),
        Meaning(
            ecs="further DynamoDB tables for both; task role", eks="further DynamoDB tables for both; Pod Identity"
        ),
    ] = Field(
        {},
        description="Further tables by name, each written as table is; <NAME>_EVENTS_TABLE holds the name of the table events.",
        examples=[{"events": {"partition_key": "id", "sort_key": "at"}}],
    )
    bucket: Annotated[
        Bucket | None,
        Meaning(ecs="one S3 bucket for both; task role", eks="one S3 bucket for both; Pod Identity"),
    ] = Field(
        None,
        description="The service's own S3 bucket; <NAME>_BUCKET holds its name.",
        examples=[{"expire_days": 30}],
    )
    rights: Annotated[
        tuple[Statement, ...], Meaning(ecs="statements of the task role", eks="statements of Pod Identity's role")
    ] = Field(
        (),
        description="What the service may do in AWS beside that.",
        examples=[[{"actions": ["sqs:SendMessage"], "resources": ["arn:{partition}:sqs:{region}:{account}:orders"]}]],
    )
    calls: Annotated[
        tuple[ServiceName, ...],
        UNIQUE,
        Meaning(ecs="Service Connect and a security group rule", eks="Service name and a NetworkPolicy"),
    ] = Field(
        (),
        description="Services that this one calls; each sets <NAME>_URL and opens only that network path.",
        examples=[["tracking"]],
    )
    stop_timeout: Annotated[int, Meaning(ecs="stopTimeout", eks="terminationGracePeriodSeconds")] = Field(
        30, ge=1, le=120, description="Seconds between SIGTERM and SIGKILL; Fargate allows 120.", examples=[30]
    )

    @property
    def env_name(self) -> str:
        """The name as used in variables: hello-world is HELLO_WORLD."""
        return env_name(self.name)

    @property
    def table_variable(self) -> str:
        """The variable with the name of this service's table."""
        return f"{self.env_name}_TABLE"

    def variable_of_table(self, name: str) -> str:
        """The variable with the name of one of `tables`."""
        return f"{self.env_name}_{env_name(name)}_TABLE"

    @property
    def all_tables(self) -> dict[str, Table]:
        """The service's tables by the variables that hold their names, existing ones included."""
        first = {self.table_variable: self.table} if self.table else {}
        return first | {self.variable_of_table(name): table for name, table in self.tables.items()}

    @property
    def bucket_variable(self) -> str:
        """The variable with the name of this service's bucket."""
        return f"{self.env_name}_BUCKET"

    @property
    def keeps_data(self) -> bool:
        """Whether anything is made for the service that holds data."""
        return any(not kept.existing for kept in (*self.all_tables.values(), self.bucket) if kept)

    @property
    def needs_rights(self) -> bool:
        """Whether the service calls AWS with a role of its own, or something fetches its secrets with it."""
        return bool(self.secrets or self.all_tables or self.bucket or self.rights)

    @classmethod
    def words_for_unknown(cls, key: str) -> tuple[str, str] | None:
        takers = [kind.value for kind, model in KINDS.items() if key in model.model_fields]
        if not takers:
            return rules.ELSEWHERE.get(key)
        return (
            f"means nothing for kind {_kind_of(cls)}",
            f"remove it; {' and '.join(takers)} services have it",
        )

    @classmethod
    def words_for_missing(cls, key: str) -> str | None:
        return None if key in ServiceSpec.model_fields else f"is missing, and kind {_kind_of(cls)} needs it"

    @model_validator(mode="after")
    def _check_variable_names(self) -> Self:
        taken = {env_name(name) + "_URL": f"calls: [{name}]" for name in self.calls}
        fields = {self.variable_of_table(name): f"tables.{name}" for name in self.tables}
        for variable, table in self.all_tables.items():
            taken[variable] = fields.get(variable, "table")
            if table.stream:
                taken[f"{variable}_STREAM"] = taken[variable]
        if self.bucket:
            taken[self.bucket_variable] = "bucket"
        for field, names in (("environment", self.environment), ("secrets", self.secrets)):
            for name in names:
                if name in taken:
                    raise fault(f"is set by {taken[name]}", "remove it", field=f"{field}.{name}")
        for name in self.secrets:
            if name in self.environment:
                raise fault("is in environment too", "keep one of the two", field=f"secrets.{name}")
        return self


class ScaledService(ServiceSpec):
    """A service that runs until it is stopped, in one copy or several."""

    scaling: Annotated[Scaling, Meaning(ecs="Application Auto Scaling", eks="HorizontalPodAutoscaler")] = Field(
        Scaling(), description="How many copies run.", examples=[{"min": 2, "max": 6, "cpu_target": 60}]
    )

    @property
    def autoscaled(self) -> bool:
        """True if the platform chooses the number of tasks, which a deployment must then not reset."""
        return self.scaling.max > self.scaling.min


class HttpService(ScaledService):
    """Answers requests from the load balancer and from the services that call it."""

    kind: Literal[Kind.HTTP]
    port: Annotated[int, Meaning(ecs="container port and target group", eks="containerPort and Service")] = Field(
        ge=LOWEST_PORT,
        le=HIGHEST_PORT,
        description="Port that the container listens on, passed as PORT; not a privileged one.",
        examples=[8080],
    )
    path: Annotated[
        str,
        Pattern(r"/|(/[a-z0-9][a-z0-9._~-]*)+", "/ or lower-case segments without a / at the end", "/tracking", 126),
        Meaning(ecs="listener rule", eks="Ingress path"),
    ] = Field(
        description="Prefix that the load balancers route here, passed as BASE_PATH; it is not stripped. To move one to another "
        "service, see docs/changes.md.",
        examples=["/tracking"],
    )
    health: Annotated[
        str,
        Pattern(r"/[A-Za-z0-9_.~/-]*", "a path that begins with /", "/healthz", 255),
        Meaning(ecs="target group's health check", eks="startup, readiness and liveness probes"),
    ] = Field(
        description="Path of the health check inside the container, without the prefix; 200 to 399 is healthy.",
        examples=["/healthz"],
    )
    health_grace: Annotated[int, Meaning(ecs="health check grace period", eks="startup probe's failure threshold")] = (
        Field(
            60,
            ge=1,
            le=1800,
            description="Seconds to start before a failing health check counts.",
            examples=[60],
        )
    )
    priority: Annotated[int | None, Meaning(ecs="listener rule priority", eks="order of the Ingress")] = Field(
        None,
        ge=1,
        le=LOWEST_PRIORITY - 1,
        description="Listener rule priority; derived from path by default.",
        examples=[100],
    )
    call_timeout: Annotated[
        int, Meaning(ecs="Service Connect's request timeout", eks="no limit: calls go straight to the pod")
    ] = Field(
        60,
        ge=1,
        le=3600,
        description="Seconds that a call from another service may take; the load balancer's own limit is 60.",
        examples=[60],
    )
    alarms: Annotated[
        AlarmThresholds, Meaning(ecs="errors and latency alarms", eks="none: Kubernetes names its load balancer")
    ] = Field(
        AlarmThresholds(),
        description="Where the alarms on errors and latency go off.",
        examples=[{"errors_percent": 1, "latency_ms": 5000}],
    )
    scaling: Annotated[HttpScaling, Meaning(ecs="Application Auto Scaling", eks="HorizontalPodAutoscaler")] = Field(
        HttpScaling(), description="How many copies run.", examples=[{"min": 2, "max": 6, "cpu_target": 60}]
    )

    @property
    def url_variable(self) -> str:
        """The variable with this service's address, in the services that call it."""
        return f"{self.env_name}_URL"

    @property
    def path_patterns(self) -> tuple[str, ...]:
        """The patterns that the load balancers match."""
        return path_patterns(self.path)

    @property
    def drain_seconds(self) -> int:
        """Deregistration delay of the target group, in seconds: over before SIGKILL."""
        return max(1, self.stop_timeout // 2)

    @property
    def listener_priority(self) -> int:
        """The manifest's priority, or one that depends only on the path, so no other service ever changes it."""
        return derived_priority(self.path) if self.priority is None else self.priority

    @model_validator(mode="after")
    def _check_drain(self) -> Self:
        if self.drain_seconds >= self.stop_timeout:
            raise fault(
                f"is {self.stop_timeout}, which leaves no time to drain", "write 2 or more", field="stop_timeout"
            )
        return self

    @model_validator(mode="after")
    def _check_priority(self) -> Self:
        if self.path == "/" and self.priority is not None:
            raise fault("cannot be set for path /, which is always tried last", "remove it", field="priority")
        return self


class Worker(ScaledService):
    """Runs continuously; nothing calls it."""

    kind: Literal[Kind.WORKER]


class Job(ServiceSpec):
    """Runs on a schedule and ends."""

    kind: Literal[Kind.JOB]
    schedule: Annotated[
        str, Rule(rules.check_schedule), Meaning(ecs="EventBridge Scheduler", eks="CronJob schedule")
    ] = Field(
        description="When the job runs: minute hour day-of-month month day-of-week.", examples=["30 6 * * MON-FRI"]
    )
    timezone: Annotated[
        str, Rule(rules.check_timezone), Meaning(ecs="schedule's time zone", eks="CronJob timeZone")
    ] = Field("Etc/UTC", description="Time zone of the schedule.", examples=["Europe/Paris"])


KINDS: Final[dict[Kind, type[HttpService] | type[Worker] | type[Job]]] = {
    Kind.HTTP: HttpService,
    Kind.WORKER: Worker,
    Kind.JOB: Job,
}


def _kind_of(model: type[ServiceSpec]) -> str:
    return next(kind.value for kind, known in KINDS.items() if known is model)


def kinds_with(field: str) -> tuple[Kind, ...]:
    """The kinds that have a field."""
    return tuple(kind for kind, model in KINDS.items() if field in model.model_fields)


def manifest_fields() -> dict[str, FieldInfo]:
    """All manifest fields, the shared ones first; a field of several kinds as the first kind defines it."""
    found: dict[str, FieldInfo] = {}
    for model in (ServiceSpec, *KINDS.values()):
        for name, info in model.model_fields.items():
            if name not in model.given_by_loader:
                found.setdefault(name, info)
    return found


def meaning_of(field: str) -> Meaning:
    """A manifest field's meaning on both platforms. Raises KeyError for an unknown field."""
    return next(m for m in manifest_fields()[field].metadata if isinstance(m, Meaning))


def env_name(name: str) -> str:
    """A service's name as used in variables."""
    return name.upper().replace("-", "_")
