"""What one service is: the typed form of services/<name>/service.yaml, after its environment's overrides."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import Field, model_validator

from config.errors import nearest, shown
from config.limits import LOWEST_PRIORITY
from config.model import NOT_EMPTY, UNIQUE, Meaning, Model, Pattern, Rule, fault
from config.schedule import ScheduleError, parse
from config.settings import Platform, ServiceName

HTTP: Final = ("http",)
SCALED: Final = ("http", "worker")
JOB: Final = ("job",)

_BANDS: Final = {1: (15001, 49999), 2: (5001, 15000), 3: (1, 5000)}
"""Listener rule priorities by number of path segments (three stands for more): the deeper path is asked first."""

SET_FOR_EVERY_CONTAINER: Final = frozenset({"PORT", "BASE_PATH", "SERVICE_NAME", "DEPLOY_ENVIRONMENT"})


# The user that every image runs as; numeric, so that Kubernetes can prove that it is not root.
USER_ID: Final = 65532


class Kind(StrEnum):
    HTTP = "http"
    WORKER = "worker"
    JOB = "job"


def _check_schedule(schedule: str) -> None:
    try:
        parse(schedule)
    except ScheduleError as error:
        raise fault(error.problem, error.remedy) from None


def _check_timezone(timezone: str) -> None:
    # The pattern keeps out paths and "localtime", which is the machine's own.
    if re.fullmatch(r"[A-Z][\w+-]*(/[\w+-]+)*", timezone):
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
        else:
            return
    raise fault(f"is {shown(timezone)}, not a time zone", f"write {_nearest_timezone(timezone)}")


def _nearest_timezone(timezone: str) -> str:
    by_lower = {name.lower(): name for name in available_timezones()}
    close = nearest(timezone, by_lower)
    return by_lower[close] if close else "a name of the IANA database, e.g. Europe/Paris"


def _check_secret_name(name: str) -> None:
    if name.startswith("arn:"):
        raise fault("is an ARN", "write the secret's name alone")
    if re.search(r"-[A-Za-z0-9]{6}$", name):
        raise fault(
            f"is {shown(name)}; a hyphen and six characters look like the suffix that Secrets Manager adds",
            "rename the secret",
        )


def _check_parameter_name(name: str) -> None:
    if name.startswith("arn:"):
        raise fault("is an ARN", "write the parameter's name, e.g. /harbour/key")
    if re.match(r"/(aws|ssm)", name, re.IGNORECASE):
        raise fault(
            f"is {shown(name)}; names that begin with /aws or /ssm belong to AWS",
            "write another name, e.g. /harbour/key",
        )
    if name.count("/") > 15:
        raise fault(f"has {name.count('/')} levels", "use 15 or fewer")


def _check_variables(variables: dict[str, object]) -> None:
    for name in variables:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", name):
            raise fault(
                "is no name for a variable", "use letters, digits and _, a letter first, e.g. LOG_LEVEL", field=name
            )
        if name in SET_FOR_EVERY_CONTAINER:
            raise fault("is set by the platform", "take it out and read it in the container", field=name)
        if name.upper().startswith("AWS_"):
            raise fault("begins with AWS_, which the platform sets", "choose another name", field=name)


def _check_values(variables: dict[str, str]) -> None:
    for name, value in variables.items():
        if "\0" in value:
            raise fault("holds a NUL character", "write text", field=name)
        if "$$" in value or "$(" in value:
            raise fault(
                "holds $$ or $(, which Kubernetes would expand and ECS would not",
                "put the value together in the service",
                field=name,
            )


ATTRIBUTE = Pattern(r"[A-Za-z_][A-Za-z0-9_.-]*", "an attribute's name", "id", 255)


class Scaling(Model):
    """How many copies run; fixed while max equals min."""

    min: int = Field(1, ge=1, le=1000, description="Fewest copies.", examples=[2])
    max: int = Field(1, ge=1, le=1000, description="Most copies; more than min turns scaling on.", examples=[10])
    cpu_target: int | None = Field(
        None, ge=10, le=90, description="Average CPU to keep, in percent of cpu.", examples=[60]
    )
    requests_target: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Requests a minute and copy to keep; ECS alone has such a metric.",
        examples=[1000],
    )

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.max < self.min:
            raise fault(f"is {self.max}, less than min ({self.min})", f"write {self.min} or more", field="max")
        if self.max > self.min and self.cpu_target is None and self.requests_target is None:
            raise fault("leaves room to scale but no target to scale by", "add cpu_target: 60")
        return self


class SecretSource(Model):
    """Exactly one of the two: the name of a Secrets Manager secret, or of an SSM SecureString parameter."""

    secrets_manager: (
        Annotated[str, Rule(_check_secret_name), Pattern(r"[A-Za-z0-9/_+=.@-]+", "a secret's name", "harbour/db", 512)]
        | None
    ) = Field(None, description="Name of a Secrets Manager secret.", examples=["harbour/db"])
    ssm: (
        Annotated[
            str,
            Rule(_check_parameter_name),
            Pattern(r"(/[A-Za-z0-9_.-]+)+", "a parameter's full name", "/harbour/key", 900),
        ]
        | None
    ) = Field(None, description="Name of an SSM SecureString parameter.", examples=["/harbour/key"])

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if self.secrets_manager and self.ssm:
            raise fault("names two sources", "keep secrets_manager or ssm")
        if not self.secrets_manager and not self.ssm:
            raise fault("names no source", "write {secrets_manager: NAME} or {ssm: /NAME}")
        return self


class Table(Model):
    """A DynamoDB table of the service's own; keys are strings."""

    partition_key: Annotated[str, ATTRIBUTE] = Field(
        description="Attribute that the items are spread by.", examples=["id"]
    )
    sort_key: Annotated[str, ATTRIBUTE] | None = Field(
        None, description="Attribute that orders items of one partition.", examples=["at"]
    )
    ttl: Annotated[str, ATTRIBUTE] | None = Field(
        None, description="Attribute with the second (Unix time) an item expires.", examples=["expires"]
    )

    @model_validator(mode="after")
    def _check_distinct(self) -> Self:
        if self.sort_key == self.partition_key:
            raise fault("is the partition key too", "name another attribute", field="sort_key")
        if self.ttl and self.ttl in (self.partition_key, self.sort_key):
            raise fault("is a key, which is text, while an expiry is a number", "name another attribute", field="ttl")
        return self


class ServiceSpec(Model):
    """One service in one environment. Rules between services and with the environment are in config.catalog."""

    given_by_loader: ClassVar[frozenset[str]] = frozenset({"name", "folder"})

    name: ServiceName
    folder: Path
    kind: Annotated[
        Kind,
        Meaning(
            ecs="http: service behind the load balancer; worker: service; job: scheduled task",
            eks="http, worker: Deployment; job: CronJob",
        ),
    ] = Field(
        description="http answers requests, a worker runs on without being called, a job runs on a schedule and ends.",
        examples=["http"],
    )
    description: Annotated[
        str,
        Pattern(r"[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*", "one line of text", "Tracks shipments", 200),
        Meaning(ecs="description of the stack", eks="description of the stack"),
    ] = Field(description="What the service is for, in one line.", examples=["Tracks shipments"])
    platforms: Annotated[
        tuple[Platform, ...], NOT_EMPTY, UNIQUE, Meaning(ecs="runs on Fargate", eks="runs on Kubernetes")
    ] = Field(
        (Platform.ECS, Platform.EKS),
        description="Where it runs, of those that the environment has.",
        examples=[["ecs", "eks"]],
    )
    cpu: Annotated[int, Meaning(ecs="CPU of the task; Fargate's values alone", eks="CPU request")] = Field(
        ge=64, le=16384, description="CPU units; 1024 are one vCPU.", examples=[256]
    )
    memory: Annotated[
        int, Meaning(ecs="memory of the task; what Fargate pairs with cpu", eks="memory request and limit")
    ] = Field(ge=64, le=122880, description="Memory in MiB.", examples=[512])
    environment: Annotated[
        dict[str, str],
        Rule(_check_variables),
        Rule(_check_values),
        Meaning(ecs="container environment", eks="container environment"),
    ] = Field({}, description="Variables and their values, as text.", examples=[{"LOG_LEVEL": "info"}])
    secrets: Annotated[
        dict[str, SecretSource],
        Rule(_check_variables),
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
        description="A DynamoDB table of the service's own; its name is in <NAME>_TABLE.",
        examples=[{"partition_key": "id"}],
    )
    calls: Annotated[
        tuple[ServiceName, ...],
        UNIQUE,
        Meaning(ecs="Service Connect and a security group rule", eks="Service name and a NetworkPolicy"),
    ] = Field(
        (),
        description="Services that it calls; each gives <NAME>_URL and opens that path alone.",
        examples=[["tracking"]],
    )
    stop_timeout: Annotated[int, Meaning(ecs="stopTimeout", eks="terminationGracePeriodSeconds")] = Field(
        30, ge=1, le=120, description="Seconds between SIGTERM and SIGKILL; Fargate allows 120.", examples=[30]
    )
    # http only
    port: Annotated[
        int | None, Meaning(ecs="container port and target group", eks="containerPort and Service", kinds=HTTP)
    ] = Field(
        None,
        ge=1024,
        le=65535,
        description="Port that the container listens on, given as PORT; not a privileged one.",
        examples=[8080],
    )
    path: Annotated[
        Annotated[
            str,
            Pattern(
                r"/|(/[a-z0-9][a-z0-9._~-]*)+", "/ or lower-case segments without a / at the end", "/tracking", 126
            ),
        ]
        | None,
        Meaning(ecs="listener rule", eks="Ingress path", kinds=HTTP),
    ] = Field(
        None,
        description="Prefix that the load balancers route here, given as BASE_PATH; it is not stripped.",
        examples=["/tracking"],
    )
    health: Annotated[
        Annotated[str, Pattern(r"/[A-Za-z0-9_.~/-]*", "a path that begins with /", "/healthz", 255)] | None,
        Meaning(ecs="target group's health check", eks="startup, readiness and liveness probes", kinds=HTTP),
    ] = Field(
        None,
        description="Path of the health check as the container serves it, without the prefix.",
        examples=["/healthz"],
    )
    health_grace: Annotated[
        int, Meaning(ecs="health check grace period", eks="startup probe's patience", kinds=HTTP)
    ] = Field(
        60,
        ge=1,
        le=1800,
        description="Seconds that a start may take before a failing health check counts.",
        examples=[60],
    )
    priority: Annotated[int | None, Meaning(ecs="listener rule priority", eks="order of the Ingress", kinds=HTTP)] = (
        Field(
            None,
            ge=1,
            le=LOWEST_PRIORITY - 1,
            description="Listener rule priority; left out, derived from path.",
            examples=[100],
        )
    )
    # http and worker
    scaling: Annotated[
        Scaling, Meaning(ecs="Application Auto Scaling", eks="HorizontalPodAutoscaler", kinds=SCALED)
    ] = Field(Scaling(), description="How many copies run.", examples=[{"min": 2, "max": 6, "cpu_target": 60}])
    # job only
    schedule: Annotated[
        Annotated[str, Rule(_check_schedule)] | None,
        Meaning(ecs="EventBridge Scheduler", eks="CronJob schedule", kinds=JOB),
    ] = Field(
        None, description="When a job runs: minute hour day-of-month month day-of-week.", examples=["30 6 * * MON-FRI"]
    )
    timezone: Annotated[
        Annotated[str, Rule(_check_timezone)], Meaning(ecs="schedule's time zone", eks="CronJob timeZone", kinds=JOB)
    ] = Field("Etc/UTC", description="Time zone of the schedule.", examples=["Europe/Paris"])

    @property
    def autoscaled(self) -> bool:
        """True where the number of tasks is the platform's to choose, so that a deployment must not reset it."""
        return self.scaling.max > self.scaling.min

    @property
    def env_name(self) -> str:
        """The name as variables hold it: hello-world is HELLO_WORLD."""
        return env_name(self.name)

    @property
    def url_variable(self) -> str:
        """The variable that tells a caller where this service is."""
        return f"{self.env_name}_URL"

    @property
    def table_variable(self) -> str:
        """The variable that tells this service its table's name."""
        return f"{self.env_name}_TABLE"

    @property
    def path_patterns(self) -> tuple[str, ...]:
        """What the load balancers match. Raises ValueError where the kind has no path."""
        path = self._path()
        return ("/*",) if path == "/" else (path, f"{path}/*")

    @property
    def drain_seconds(self) -> int:
        """Deregistration delay of the target group, in seconds: over before SIGKILL comes."""
        return max(1, self.stop_timeout // 2)

    @property
    def listener_priority(self) -> int:
        """The manifest's priority, or one that depends on the path alone, so that no other service ever moves it.

        Raises ValueError where the kind has no path.
        """
        path = self._path()
        if path == "/":
            return LOWEST_PRIORITY
        if self.priority is not None:
            return self.priority
        low, high = priority_band(path)
        digest = int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "big")
        return low + digest % (high - low + 1)

    def _path(self) -> str:
        if self.path is None:
            raise ValueError(f"{self.name} is a {self.kind.value} and has no path")
        return self.path

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        for field in sorted(self.model_fields_set):
            meaning = meaning_of(field)
            if meaning and self.kind.value not in meaning.kinds:
                takers = " and ".join(meaning.kinds)
                raise fault(
                    f"means nothing for kind {self.kind.value}", f"take it out; {takers} services have it", field=field
                )
        for field in REQUIRED[self.kind]:
            if getattr(self, field) is None:
                example = type(self).model_fields[field].examples
                raise fault(
                    f"is missing, and kind {self.kind.value} needs it",
                    f"write it, e.g. {field}: {example[0] if example else ''}",
                    field=field,
                )
        return self

    @model_validator(mode="after")
    def _check_drain(self) -> Self:
        if self.kind is Kind.HTTP and self.drain_seconds >= self.stop_timeout:
            raise fault(
                f"is {self.stop_timeout}, which leaves no time to drain", "write 2 or more", field="stop_timeout"
            )
        return self

    @model_validator(mode="after")
    def _check_scaling(self) -> Self:
        if self.scaling.requests_target is not None and self.kind is not Kind.HTTP:
            raise fault(f"means nothing for kind {self.kind.value}", "use cpu_target", field="scaling.requests_target")
        return self

    @model_validator(mode="after")
    def _check_priority(self) -> Self:
        if self.path == "/" and self.priority is not None:
            raise fault("cannot be set for path /, which is always asked last", "take it out", field="priority")
        return self

    @model_validator(mode="after")
    def _check_variable_names(self) -> Self:
        taken = {env_name(name) + "_URL": f"calls: [{name}]" for name in self.calls}
        if self.table:
            taken[self.table_variable] = "table"
        for field, names in (("environment", self.environment), ("secrets", self.secrets)):
            for name in names:
                if name in taken:
                    raise fault(f"is set by {taken[name]}", "take it out", field=f"{field}.{name}")
        for name in self.secrets:
            if name in self.environment:
                raise fault("is in environment too", "keep one of the two", field=f"secrets.{name}")
        return self


REQUIRED: Final = {Kind.HTTP: ("port", "path", "health"), Kind.WORKER: (), Kind.JOB: ("schedule",)}


def env_name(name: str) -> str:
    """A service's name as variables hold it."""
    return name.upper().replace("-", "_")


def priority_band(path: str) -> tuple[int, int]:
    """First and last priority that is derived for paths as deep as this one."""
    return _BANDS[min(3, path.count("/"))]


def meaning_of(field: str) -> Meaning | None:
    """What a manifest's field means on the platforms."""
    return next((m for m in ServiceSpec.model_fields[field].metadata if isinstance(m, Meaning)), None)
