"""One service: the typed form of services/<name>/service.yaml, after its environment's overrides.

Each kind is a type (`HttpService`, `Worker`, `Job`) on a common base, so a service has only fields that apply to it. The loader
picks the type by the manifest's `kind`; `KINDS` is the only list of them.
"""

# Over 300 lines: every key of one file with its rule, its description and an example, looked up in one place.
from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from config import network_rules
from config import service_rules as rules
from config.fields.alarms import Alarms, AlarmThresholds, QueueAlarms
from config.fields.buckets import Bucket
from config.fields.commands import BeforeDeploy
from config.fields.egress import Destination, check_destinations
from config.fields.health import HEALTH_PATH, CommandHealth, HttpHealth
from config.fields.image import Build, check_image
from config.fields.network import LONGEST_STICKY, Host, PathPrefix, Protocol
from config.fields.process import TMP, Words, check_folders, check_user, user_and_group
from config.fields.queue import Queue
from config.fields.rights import Statement
from config.fields.scaling import HttpScaling, Scaling, WorkerScaling
from config.fields.secrets import SecretSource, check_sources
from config.fields.sidecars import Sidecar, check_names
from config.fields.tables import Table, check_table_names
from config.limits import HIGHEST_PORT, LARGEST_STORAGE, LOWEST_PORT, LOWEST_PRIORITY, WRITABLE_GIB
from config.model import NOT_EMPTY, UNIQUE, Meaning, Model, OrText, Pattern, Rule, fault
from config.routing import Route, routes
from config.settings import Platform, ServiceName

# The user that an image runs as if the manifest names no other; numeric, so Kubernetes can verify that it is not root.
USER_ID: Final = 65532
# The least CPU units, and MiB of memory, of a service's own container.
LEAST: Final = 64


class Kind(StrEnum):
    HTTP = "http"
    WORKER = "worker"
    JOB = "job"


class Kinded(Model):
    """The one key that decides which others are allowed."""

    kind: Annotated[
        Kind,
        Meaning(
            ecs="http: service that others reach; worker: service; job: scheduled task",
            eks="http, worker: Deployment; job: CronJob",
        ),
    ] = Field(
        description="http: answers requests; worker: runs continuously, nothing calls it; job: runs on a schedule, or on demand, "
        "and ends.",
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
    image: Annotated[
        Annotated[str, Rule(check_image)] | None,
        Meaning(ecs="copied to the service's repository", eks="copied to the service's repository"),
    ] = Field(
        None,
        description="An existing image instead of a build, with a digest or a version; the folder then has only service.yaml.",
        examples=["public.ecr.aws/nginx/nginx:1.29"],
    )
    build: Annotated[Build | None, Meaning(ecs="image of the container", eks="image of the container")] = Field(
        None,
        description="How the image is built, if not from the folder's own Dockerfile and files alone.",
        examples=[{"context": "../..", "target": "runtime"}],
    )
    entrypoint: Annotated[Words | None, Meaning(ecs="entryPoint", eks="command")] = Field(
        None,
        description="Program and its first arguments, instead of the image's ENTRYPOINT and CMD.",
        examples=[["/usr/bin/python3", "-m"]],
    )
    command: Annotated[Words | None, Meaning(ecs="command", eks="args")] = Field(
        None,
        description="Arguments, instead of the image's CMD.",
        examples=[["serve", "--verbose"]],
    )
    init: Annotated[
        bool,
        Meaning(ecs="initProcessEnabled", eks="no init process in any case: the image's own process has number 1"),
    ] = Field(
        True,
        description="Whether a small init process reaps zombies and forwards signals; false for an image with its own.",
        examples=[False],
    )
    user: Annotated[
        int | str,
        Rule(check_user),
        Meaning(ecs="user of the container", eks="runAsUser, runAsGroup and fsGroup"),
    ] = Field(
        USER_ID,
        description="Number of the container's user, or text with user and group; never root, whatever the image says.",
        examples=["1000:1000"],
    )
    writable: Annotated[
        tuple[str, ...],
        UNIQUE,
        Rule(check_folders),
        Meaning(ecs="volume of the task that the user owns", eks="emptyDir of the user's group"),
    ] = Field(
        (),
        description="Folders besides /tmp that the container may write to; what it writes is gone with it.",
        examples=[["/var/cache/nginx"]],
    )
    tmp_size: Annotated[
        int | None,
        Meaning(ecs="no limit of its own: /tmp shares the task's storage", eks="sizeLimit of /tmp's emptyDir"),
    ] = Field(
        None,
        ge=1,
        le=LARGEST_STORAGE * 1024,
        description="MiB that /tmp may hold; a pod that exceeds it is replaced.",
        examples=[256],
    )
    storage: Annotated[
        int | None,
        Meaning(ecs="ephemeral storage of the task, the image included", eks="request and limit of ephemeral-storage"),
    ] = Field(
        None,
        ge=WRITABLE_GIB,
        le=LARGEST_STORAGE,
        description="GiB of disk for /tmp and writable folders together; Fargate has 20 unless more is asked for.",
        examples=[40],
    )
    cpu: Annotated[
        int,
        Meaning(ecs="CPU of the task, shared with Service Connect's proxy; only Fargate's values", eks="CPU request"),
    ] = Field(
        ge=LEAST,
        le=16384,
        description="CPU units; 1024 is one vCPU. Add 256 on ECS for a busy service that calls or is called.",
        examples=[256],
    )
    memory: Annotated[
        int, Meaning(ecs="memory of the task; only what Fargate allows for the CPU", eks="memory request and limit")
    ] = Field(ge=LEAST, le=122880, description="Memory in MiB.", examples=[512])
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
        description="What else the service may do in AWS.",
        examples=[[{"actions": ["sqs:SendMessage"], "resources": ["arn:{partition}:sqs:{region}:{account}:orders"]}]],
    )
    calls: Annotated[
        tuple[ServiceName, ...],
        UNIQUE,
        Meaning(ecs="Service Connect and a security group rule", eks="Service name and a NetworkPolicy"),
    ] = Field(
        (),
        description="Services that this one calls; each sets <NAME>_URL, or <NAME>_ADDRESS, and opens only that network path.",
        examples=[["tracking"]],
    )
    egress: Annotated[
        tuple[Destination, ...],
        Rule(check_destinations),
        Meaning(ecs="outbound rules of the service's security group", eks="egress of the service's NetworkPolicy"),
    ] = Field(
        (),
        description="Outside systems, such as a database, that the service connects to on a port other than 443.",
        examples=[[{"name": "orders database", "port": 5432, "cidrs": ["10.9.0.0/16"]}]],
    )
    sends: Annotated[
        tuple[ServiceName, ...],
        UNIQUE,
        Meaning(ecs="right to send, of the task role", eks="right to send, by Pod Identity"),
    ] = Field(
        (),
        description="Workers to whose queue this service sends messages; each sets <NAME>_QUEUE_URL.",
        examples=[["notices"]],
    )
    stop_timeout: Annotated[int, Meaning(ecs="stopTimeout", eks="terminationGracePeriodSeconds")] = Field(
        30, ge=1, le=120, description="Seconds between SIGTERM and SIGKILL; Fargate allows 120.", examples=[30]
    )

    sidecars: Annotated[
        dict[str, Sidecar],
        Rule(check_names),
        Meaning(
            ecs="containers of the task, restarted on their own", eks="native sidecars; with starts: after, containers"
        ),
    ] = Field(
        {},
        description="Containers that run beside the service's own, by name; their cpu and memory are part of the service's.",
        examples=[{"proxy": {"image": "public.ecr.aws/nginx/nginx:1.29", "cpu": 64, "memory": 128}}],
    )

    @property
    def own_cpu(self) -> int:
        """CPU units that the sidecars leave to the service's own container."""
        return self.cpu - sum(sidecar.cpu for sidecar in self.sidecars.values())

    @property
    def own_memory(self) -> int:
        """MiB that the sidecars leave to the service's own container."""
        return self.memory - sum(sidecar.memory for sidecar in self.sidecars.values())

    @property
    def env_name(self) -> str:
        """The name as used in variables: hello-world is HELLO_WORLD."""
        return env_name(self.name)

    @property
    def user_and_group(self) -> tuple[int, int]:
        """Numbers of the user and of the group that the container runs as."""
        return user_and_group(self.user)

    @property
    def volumes(self) -> dict[str, str]:
        """The folders that the container may write to, by the names of their volumes."""
        return {"tmp": TMP, **{f"writable-{number}": folder for number, folder in enumerate(self.writable, start=1)}}

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
    def holds_state(self) -> bool:
        """Whether the stack State holds anything of this service."""
        return self.keeps_data

    @property
    def queues(self) -> tuple[str, ...]:
        """The workers whose queues this service uses: a worker's own, if it has one, and those that it sends to."""
        return self.sends

    @property
    def needs_role(self) -> bool:
        """Whether its code, or whoever fetches its secrets, needs rights in AWS."""
        return bool(self.secrets or self.all_tables or self.bucket or self.rights or self.queues)

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
    def _check_image_and_storage(self) -> Self:
        if self.image and self.build:
            raise fault("is set beside image", "keep one of the two", field="build")
        if self.tmp_size and self.tmp_size > (self.storage or WRITABLE_GIB) * 1024:
            held = self.storage or WRITABLE_GIB
            raise fault(
                f"is {self.tmp_size}, more than storage ({held} GiB)", "lower it, or raise storage", field="tmp_size"
            )
        return self

    @model_validator(mode="after")
    def _check_variable_names(self) -> Self:
        # Those of calls are in config.catalog: only the service that is called tells which they are.
        taken = {queue_variable(name): "queue" if name == self.name else f"sends: [{name}]" for name in self.queues}
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

    @model_validator(mode="after")
    def _check_sidecars(self) -> Self:
        if self.name in self.sidecars:
            raise fault("is the service's own name", "write another name", field=f"sidecars.{self.name}")
        for name, sidecar in self.sidecars.items():
            for secret in sidecar.secrets:
                if secret not in self.secrets:
                    raise fault(
                        f"names {secret}, which is not a secret of the service",
                        "add it under secrets, or remove it",
                        field=f"sidecars.{name}.secrets",
                    )
        for what, left in (("cpu", self.own_cpu), ("memory", self.own_memory)):
            if self.sidecars and left < LEAST:
                whole = getattr(self, what)
                raise fault(
                    f"take {whole - left} of {what} {whole}, which leaves the service less than {LEAST}",
                    f"lower theirs, or write {what}: {whole - left + LEAST} or more",
                    field="sidecars",
                )
        return self


class ScaledService(ServiceSpec):
    """A service that runs until it is stopped, in one copy or several."""

    scaling: Annotated[Scaling, Meaning(ecs="Application Auto Scaling", eks="HorizontalPodAutoscaler")] = Field(
        Scaling(), description="How many copies run.", examples=[{"min": 2, "max": 6, "cpu_target": 60}]
    )

    before_deploy: Annotated[
        BeforeDeploy | None,
        Meaning(
            ecs="task that the stack runs before its service changes; it reaches no calls",
            eks="Job that the stack runs before its Deployment changes; it reaches no calls",
        ),
    ] = Field(
        None,
        description="A command, such as a migration, that each new version runs once before it starts. If it fails, the "
        "previous version keeps running.",
        examples=[{"command": ["python3", "-m", "tracking.migrate"]}],
    )

    @property
    def autoscaled(self) -> bool:
        """True if the platform chooses the number of tasks, which a deployment must then not reset."""
        return self.scaling.changes


class HttpService(ScaledService):
    """Answers requests: from the services that call it and, if it has a path or hosts, from the load balancer."""

    model_config = ConfigDict(json_schema_extra=network_rules.HEALTH_UNLESS_NOT_HTTP)

    kind: Literal[Kind.HTTP]
    port: Annotated[int, Meaning(ecs="container port and target group", eks="containerPort and Service")] = Field(
        ge=LOWEST_PORT,
        le=HIGHEST_PORT,
        description="Port that the container listens on, passed as PORT; not a privileged one.",
        examples=[8080],
    )
    protocol: Annotated[
        Protocol,
        Meaning(
            ecs="appProtocol of Service Connect; protocol version of the target group",
            eks="probes; backend protocol version of the Ingress",
        ),
    ] = Field(
        Protocol.HTTP,
        description="What the service speaks on its port; grpc needs HTTPS on a load balancer, and tcp is only for callers.",
        examples=["grpc"],
    )
    private_port: Annotated[
        int | None,
        Meaning(ecs="second container port and Service Connect service", eks="second containerPort and Service port"),
    ] = Field(
        None,
        ge=LOWEST_PORT,
        le=HIGHEST_PORT,
        description="Second port, for metrics or administration over HTTP, passed as PRIVATE_PORT. Only callers reach it, at "
        "<NAME>_PRIVATE_URL.",
        examples=[9090],
    )
    path: Annotated[PathPrefix | None, Meaning(ecs="listener rule", eks="Ingress path")] = Field(
        None,
        description="Prefix that the load balancers route here, passed as BASE_PATH; it is not stripped. Without it only other "
        "services reach this one. To move one to another service, see docs/changes.md.",
        examples=["/tracking"],
    )
    paths: Annotated[
        tuple[PathPrefix, ...], NOT_EMPTY, UNIQUE, Meaning(ecs="one listener rule each", eks="one Ingress each")
    ] = Field((), description="Further prefixes, besides path.", examples=[["/parcels", "/returns"]])
    hosts: Annotated[
        tuple[Host, ...],
        NOT_EMPTY,
        UNIQUE,
        Meaning(ecs="host condition of the listener rule", eks="host of the Ingress"),
    ] = Field(
        (),
        description="Host names for which the load balancers route here, instead of all; path is / unless written. Their DNS "
        "records are yours.",
        examples=[["shop.example.com"]],
    )
    sticky: Annotated[
        int | None, Meaning(ecs="stickiness of the target group", eks="stickiness of the target group")
    ] = Field(
        None,
        ge=1,
        le=LONGEST_STICKY,
        description="Seconds for which the load balancer's cookie keeps a browser on the same copy.",
        examples=[3600],
    )
    health: Annotated[
        HttpHealth | None,
        OrText("path", HEALTH_PATH),
        Meaning(
            ecs="target group's health check; of a worker: container health check",
            eks="startup, readiness and liveness probes, and the load balancer's health check",
        ),
    ] = Field(
        None,
        description="Path of the health check inside the container, without the prefix; 200 to 399 is healthy. Or a map. "
        "Required for protocol http. Of a worker: a command.",
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
    internal: Annotated[
        bool, Meaning(ecs="rule on the internal load balancer", eks="Ingress of the internal load balancer's class")
    ] = Field(
        False,
        description="Whether the service is behind the internal load balancer instead of the public one. Needs the environment's "
        "setting internal_load_balancer.",
        examples=[True],
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
        AlarmThresholds,
        Meaning(
            ecs="alarms on errors, latency and what does not run; a worker's are on its queue, once for both platforms",
            eks="none on errors and latency, since Kubernetes names its load balancer; the others alike",
        ),
    ] = Field(
        AlarmThresholds(),
        description="When the alarms on errors and latency, or on a worker's queue, go off; none: no alarms at all.",
        examples=[{"errors_percent": 1, "latency_ms": 5000}],
    )
    scaling: Annotated[HttpScaling, Meaning(ecs="Application Auto Scaling", eks="HorizontalPodAutoscaler")] = Field(
        HttpScaling(), description="How many copies run.", examples=[{"min": 2, "max": 6, "cpu_target": 60}]
    )

    @property
    def check(self) -> HttpHealth:
        """How often it is checked, and where. A protocol other than http has a check of its own, which needs no path."""
        return self.health or HttpHealth(path="/")

    @property
    def addresses(self) -> dict[str, str]:
        """The variables with this service's addresses, in the services that call it."""
        address = f"{self.name}:{self.port}"
        found = {f"{self.env_name}_ADDRESS": address}
        if self.protocol is Protocol.HTTP:
            found = {f"{self.env_name}_URL": f"http://{address}"}
        if self.private_port is not None:
            found[f"{self.env_name}_PRIVATE_URL"] = f"http://{self.name}:{self.private_port}"
        return found

    @property
    def ports(self) -> tuple[int, ...]:
        """All ports that the container listens on: the one for requests, then the private one."""
        return (self.port,) if self.private_port is None else (self.port, self.private_port)

    @property
    def routed(self) -> bool:
        """Whether load balancers reach the service; otherwise only other services do."""
        return bool(self.path or self.hosts)

    @property
    def base_path(self) -> str:
        """The prefix of the service's own links."""
        return self.path or "/"

    @property
    def routes(self) -> tuple[Route, ...]:
        """What the load balancers send here."""
        return routes((self.base_path, *self.paths), self.hosts, self.priority) if self.routed else ()

    def is_own(self, route: Route) -> bool:
        """Whether a route is `path` on all hosts: what it creates has the service's name, without anything of the route's."""
        return route.host is None and route.path == self.path

    @property
    def address(self) -> Route | None:
        """The route to show to a reader; None if there is none, or only for hosts with a `*`."""
        return next((route for route in self.routes if route.one_host), None)

    @property
    def drain_seconds(self) -> int:
        """Deregistration delay of the target group, in seconds: over before SIGKILL."""
        return max(1, self.stop_timeout // 2)

    @model_validator(mode="after")
    def _check_drain(self) -> Self:
        if self.drain_seconds >= self.stop_timeout:
            raise fault(
                f"is {self.stop_timeout}, which leaves no time to drain", "write 2 or more", field="stop_timeout"
            )
        return self

    @model_validator(mode="after")
    def _check_network(self) -> Self:
        network_rules.check_network(self)
        return self


class Worker(ScaledService):
    """Runs continuously; nothing calls it."""

    kind: Literal[Kind.WORKER]
    health: Annotated[
        CommandHealth | None,
        Meaning(ecs="container health check", eks="startup, readiness and liveness probes"),
    ] = Field(
        None,
        description="A command that shows whether a copy is healthy.",
        examples=[{"command": ["python3", "-m", "mailer.alive"]}],
    )
    queue: Annotated[
        Queue | None,
        Meaning(ecs="one SQS queue for both; task role", eks="one SQS queue for both; Pod Identity"),
    ] = Field(
        None,
        description="The worker's own SQS queue and its dead letters, or one that exists; <NAME>_QUEUE_URL is its address.",
        examples=[{"tries": 5}],
    )
    scaling: Annotated[WorkerScaling, Meaning(ecs="Application Auto Scaling", eks="HorizontalPodAutoscaler")] = Field(
        WorkerScaling(), description="How many copies run.", examples=[{"min": 1, "max": 6, "backlog_target": 20}]
    )
    alarms: Annotated[QueueAlarms, Meaning(ecs="alarm on the queue", eks="alarm on the queue")] = Field(
        QueueAlarms(), description="When the alarm on the queue goes off.", examples=[{"backlog_age": 300}]
    )

    @property
    def queues(self) -> tuple[str, ...]:
        return (self.name, *self.sends) if self.queue else self.sends

    @property
    def holds_state(self) -> bool:
        return super().holds_state or self.makes_queue or self.watches_existing_queue

    @property
    def makes_queue(self) -> bool:
        """Whether the queue, with its dead-letter queue, is made for this worker."""
        return self.queue is not None and not self.queue.existing

    @property
    def watches_existing_queue(self) -> bool:
        """Whether an alarm is on a queue that somebody else owns."""
        return self.queue is not None and bool(self.queue.existing) and self.alarms.wanted

    @model_validator(mode="after")
    def _check_queue(self) -> Self:
        if self.queue is None and self.scaling.backlog_target is not None:
            raise fault("needs a queue to measure", "add queue: {}, or use cpu_target", field="scaling.backlog_target")
        if self.queue is None and "backlog_age" in self.alarms.model_fields_set:
            raise fault(
                "is of the worker's queue, and it has none", "add queue: {}, or remove it", field="alarms.backlog_age"
            )
        return self


class Job(ServiceSpec):
    """Runs on a schedule or on demand, and ends."""

    kind: Literal[Kind.JOB]

    schedule: Annotated[
        str | None,
        Rule(rules.check_optional_schedule),
        Meaning(
            ecs="EventBridge Scheduler; without one, only its task", eks="CronJob schedule; without one, suspended"
        ),
    ] = Field(
        None,
        description="When the job runs: minute hour day-of-month month day-of-week. Without one it runs only on demand: "
        "python -m ops run NAME.",
        examples=["30 6 * * MON-FRI"],
    )
    timeout: Annotated[
        int | None,
        Meaning(ecs="TimeoutSeconds of a Step Functions task", eks="activeDeadlineSeconds of the pod"),
    ] = Field(
        None,
        ge=10,
        le=604_800,
        description="Seconds after which an attempt is stopped and counts as failed; a week at most.",
        examples=[3600],
    )
    retries: Annotated[int, Meaning(ecs="Retry of a Step Functions task", eks="backoffLimit")] = Field(
        0, ge=0, le=10, description="Further attempts after one that failed, each after a longer pause.", examples=[2]
    )
    timezone: Annotated[
        str, Rule(rules.check_timezone), Meaning(ecs="schedule's time zone", eks="CronJob timeZone")
    ] = Field("Etc/UTC", description="Time zone of the schedule.", examples=["Europe/Paris"])
    alarms: Annotated[Alarms, Meaning(ecs="alarms on failed runs", eks="alarm on failed runs")] = Field(
        Alarms(), description="What the alarms say; none: no alarms at all.", examples=["none"]
    )

    @property
    def supervised(self) -> bool:
        """True if a run is more than one attempt without a limit, which ECS alone does not look after."""
        return self.timeout is not None or self.retries > 0

    @model_validator(mode="after")
    def _check_timezone_is_used(self) -> Self:
        if self.schedule is None and "timezone" in self.model_fields_set:
            raise fault("means nothing without a schedule", "remove it, or add a schedule", field="timezone")
        return self

    @model_validator(mode="after")
    def _check_starts(self) -> Self:
        for name, sidecar in self.sidecars.items():
            if not sidecar.starts_before:
                # On Kubernetes such a container would keep a run from ending.
                raise fault("is after, which a job cannot have", "remove it", field=f"sidecars.{name}.starts")
        return self


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


def alarms_of(spec: ServiceSpec) -> Alarms:
    """What a service of any kind says about its alarms. Raises TypeError for what is not of a kind."""
    if isinstance(spec, HttpService | Worker | Job):
        return spec.alarms
    raise TypeError(type(spec))


def queue_variable(name: str) -> str:
    """The variable with the address of a worker's queue, in the worker and in the services that send to it."""
    return f"{env_name(name)}_QUEUE_URL"


def env_name(name: str) -> str:
    """A service's name as used in variables."""
    return name.upper().replace("-", "_")
