"""Rules of one service with the platforms that it runs on and the environment's load balancers."""

from __future__ import annotations

from config import limits
from config.discovery import SERVICES, manifest_file
from config.errors import ConfigError
from config.fields.network import Protocol, private_discovery_name
from config.service import HttpService, Job, ScaledService, ServiceSpec, Worker
from config.settings import Egress, Platform, Settings, settings_file


def check_name(spec: ServiceSpec) -> None:
    """A folder's name is already a DNS label (63 characters); ECR, log groups and alarms allow that with any prefix."""
    if isinstance(spec, Job) and Platform.EKS in spec.platforms and len(spec.name) > limits.CRON_JOB_NAME:
        problem = f"gives a CronJob a name of {len(spec.name)} characters, and Kubernetes allows {limits.CRON_JOB_NAME}"
        remedy = f"rename the folder to {limits.CRON_JOB_NAME} characters or fewer, or set platforms: [ecs]"
        raise ConfigError(f"{SERVICES}/{spec.name}", "folder", problem, remedy)
    if isinstance(spec, HttpService) and spec.private_port is not None and Platform.ECS in spec.platforms:
        length, most = len(private_discovery_name(spec.name)), limits.DISCOVERY_NAME
        excess = length - most
        if excess > 0:
            problem = f"is registered under a name of {length} characters, and ECS allows {most}"
            remedy = f"rename the folder to {len(spec.name) - excess} characters or fewer, or set platforms: [eks]"
            raise ConfigError(manifest_file(spec.name), "private_port", problem, remedy)
    migrates = isinstance(spec, ScaledService) and spec.before_deploy is not None
    if migrates and Platform.EKS in spec.platforms and len(spec.name) > limits.MIGRATING_NAME:
        problem = (
            f"gives before_deploy's objects a name that is too long for Kubernetes: {len(spec.name)} characters here"
        )
        remedy = f"rename the folder to {limits.MIGRATING_NAME} characters or fewer, or set platforms: [ecs]"
        raise ConfigError(f"{SERVICES}/{spec.name}", "folder", problem, remedy)


def check_platforms(spec: ServiceSpec) -> None:
    """Refuses what a platform that the service runs on does not have. Raises ConfigError."""
    file = manifest_file(spec.name)
    if Platform.ECS in spec.platforms and not limits.is_fargate_pair(spec.cpu, spec.memory):
        cpu, memory = limits.nearest_fargate_pair(spec.cpu, spec.memory)
        wrong = "memory" if spec.cpu in limits.FARGATE_MEMORY else "cpu"
        problem = f"is {getattr(spec, wrong)}; Fargate has no task of cpu {spec.cpu} and memory {spec.memory}"
        raise ConfigError(file, wrong, problem, f"write cpu: {cpu} and memory: {memory}")
    if Platform.EKS in spec.platforms and (spec.storage or 0) > limits.LARGEST_STORAGE_OF_A_POD:
        problem = f"is {spec.storage}, more than a node of eks gives one pod"
        remedy = f"write {limits.LARGEST_STORAGE_OF_A_POD} or less, or set platforms: [ecs]"
        raise ConfigError(file, "storage", problem, remedy)
    by_requests = isinstance(spec, HttpService) and spec.scaling.requests_target is not None
    if Platform.EKS in spec.platforms and by_requests:
        problem = "cannot be measured on eks, where this service also runs"
        raise ConfigError(file, "scaling.requests_target", problem, "set platforms: [ecs], or use cpu_target")
    by_backlog = isinstance(spec, Worker) and spec.scaling.backlog_target is not None
    if Platform.EKS in spec.platforms and by_backlog:
        problem = "cannot be measured on eks, where this service also runs"
        raise ConfigError(file, "scaling.backlog_target", problem, "set platforms: [ecs], or use cpu_target")
    if Platform.EKS in spec.platforms and isinstance(spec, ScaledService) and spec.scaling.schedule:
        # A HorizontalPodAutoscaler has no schedule, and by default it never goes to 0.
        problem = "cannot be had on eks, where this service also runs"
        raise ConfigError(file, "scaling.schedule", problem, "set platforms: [ecs], or remove it")
    _check_sidecars(spec)
    if isinstance(spec, HttpService):
        _check_health(spec)
    if Platform.ECS in spec.platforms and isinstance(spec, Job) and spec.calls:
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect.html: only services resolve names
        problem = "cannot be resolved on ecs, where a scheduled task has no Service Connect"
        raise ConfigError(file, "calls", problem, "set platforms: [eks], or remove it")


def check_entrance(spec: ServiceSpec, settings: Settings) -> None:
    """What a service needs of the load balancers that only the environment can give it."""
    if not isinstance(spec, HttpService) or not spec.routed:
        return
    file, environment = manifest_file(spec.name), settings_file(settings.environment)
    if spec.internal and not settings.internal_load_balancer:
        problem = f"is true, and {settings.environment} has no internal load balancer"
        remedy = f"write internal_load_balancer: true in {environment}, or remove it"
        raise ConfigError(file, "internal", problem, remedy)
    if spec.protocol is Protocol.GRPC and not settings.domain:
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html#target-group-protocol-version
        problem = f"is grpc, which a load balancer takes only over HTTPS, and {settings.environment} has no domain"
        where = "path" if spec.path else "hosts"
        raise ConfigError(file, "protocol", problem, f"set domain in {environment}, or remove {where}")
    if spec.hosts and settings.domain and not settings.certificates:
        own = " and ".join(f"{platform.value}.{settings.domain.name}" for platform in spec.platforms)
        problem = f"holds {spec.hosts[0]}, and {settings.environment} has certificates only for {own}"
        raise ConfigError(file, "hosts", problem, f"add the ARN of its certificate to certificates in {environment}")


def check_streams(spec: ServiceSpec, settings: Settings) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/privatelink-streams.html: no gateway endpoint has them."""
    fields = {"table": spec.table, **{f"tables.{name}": table for name, table in spec.tables.items()}}
    for name, table in fields.items():
        if table and table.stream and settings.egress is Egress.ENDPOINTS:
            problem = f"cannot be read in {settings.environment}, where egress is endpoints: they do not reach streams"
            remedy = "remove it, or change the setting egress"
            raise ConfigError(manifest_file(spec.name), f"{name}.stream", problem, remedy)


def _check_sidecars(spec: ServiceSpec) -> None:
    """A pod is not ready without any one of its sidecars, and Kubernetes starts each again that ends."""
    for name, sidecar in spec.sidecars.items():
        if Platform.EKS in spec.platforms and not sidecar.essential:
            problem = "is false, which eks, where this service also runs, does not know"
            remedy = "remove it, or set platforms: [ecs]"
            raise ConfigError(manifest_file(spec.name), f"sidecars.{name}.essential", problem, remedy)


def _check_health(spec: HttpService) -> None:
    file, health = manifest_file(spec.name), spec.check
    if Platform.EKS in spec.platforms and health.codes != limits.HEALTHY_CODES:
        # https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/#define-a-liveness-http-request
        problem = f"is {health.codes}, and on eks a kubelet counts {limits.HEALTHY_CODES}, which cannot be changed"
        raise ConfigError(file, "health.codes", problem, "set platforms: [ecs], or remove it")
    if Platform.ECS in spec.platforms and health.liveness:
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-healthcheck.html
        problem = "cannot be told apart on ecs, which replaces a task that fails the load balancer's check"
        raise ConfigError(file, "health.liveness", problem, "set platforms: [eks], or remove it")
