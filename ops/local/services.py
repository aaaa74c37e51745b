"""Finds each service on the emulator's ECS, waits for it, and explains its failures.

CloudFormation reports CREATE_COMPLETE before a single task answers. Here a service is up once its rollout is over, the desired
number of tasks run, they run the version in the template, and the path answers through the load balancer.
"""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from config.catalog import Catalog
from config.fields.network import Protocol
from config.names import stack_id, stack_name
from config.reserved import BEFORE_DEPLOY
from config.service import HttpService, Job, ScaledService, ServiceSpec, Worker
from config.settings import Platform, Settings
from ops.errors import OpsError
from ops.local import cloudformation
from ops.local.engine import FREE_SPACE, NO_SPACE, Engine
from ops.local.outcome import JobRun, Outcome, Tasks
from ops.local.sidecars import SIDECAR_ENDED
from ops.local.target import Target

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef, TaskTypeDef

FAILED_TASKS = 3  # after as many, ECS's circuit breaker gives up on a small service
POLL_SECONDS = 0.3
ROLLOUT_SECONDS = 90.0  # on top of the grace period of each task that may fail
JOB_SECONDS = 120.0
JOB_STARTED_BY = "local-up"
# How the engine's client library wraps the engine's message.
ENGINE_ERROR = re.compile(r'\d{3} (?:Server|Client) Error for \S+: [^(]*\("(.*)"\)', re.DOTALL)
LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
BALANCER_SERVER = "awselb"  # the Server header of the load balancer's own answers


@dataclass(frozen=True)
class Placement:
    """Where a service's parts are: cluster, the task definition in the template, and the ECS service (None for a job)."""

    spec: ServiceSpec
    cluster: str
    task_definition: str
    service: str | None


class Services:
    """The services of one environment on the emulator's ECS."""

    def __init__(self, target: Target, settings: Settings, catalog: Catalog, engine: Engine) -> None:
        self._target = target
        self._settings = settings
        self._specs = catalog.on(Platform.ECS)
        self._engine = engine
        self._ecs = target.ecs

    def placements(self) -> list[Placement]:
        """Every service's parts, read from its stack. Raises OpsError if a stack lacks one."""
        return [self._placement(spec) for spec in self._specs]

    def _placement(self, spec: ServiceSpec) -> Placement:
        stack = stack_id(Platform.ECS, spec.name)
        found = {
            entry["ResourceType"]: entry.get("PhysicalResourceId", "")
            for entry in cloudformation.parts(self._target, stack_name(self._settings, stack))
        }
        task_definition = found.get("AWS::ECS::TaskDefinition")
        service = found.get("AWS::ECS::Service")
        if task_definition is None or (service is None and not isinstance(spec, Job)):
            raise OpsError(f"{spec.name}: its stack {stack} is not deployed; run `make up`")
        return Placement(spec, self._settings.prefix, task_definition, service)

    def settle(self, placement: Placement) -> None:
        """Make ECS run the version and number of tasks that CloudFormation assumes; after a rollback or a stop they differ."""
        if placement.service is None:
            return
        found = self._describe(placement)
        wanted = placement.spec.scaling.min if isinstance(placement.spec, ScaledService) else 0
        changes: dict[str, Any] = {}
        if found["taskDefinition"] != placement.task_definition and _primary(found)["rolloutState"] != "IN_PROGRESS":
            changes["taskDefinition"] = placement.task_definition
        if found["desiredCount"] == 0 and wanted > 0:
            changes["desiredCount"] = wanted
        if changes:
            self._ecs.update_service(cluster=placement.cluster, service=placement.service, **changes)

    def wait(self, placement: Placement, since: float) -> None:
        """Return once the service runs as its template says; raises OpsError with the reason if it fails to.

        `since` is a Unix time; tasks that failed before it are ignored.
        """
        name = placement.spec.name
        grace = _grace(placement.spec)
        seconds = ROLLOUT_SECONDS + FAILED_TASKS * grace
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self._describe(placement)
            primary = _primary(found)
            same = found["taskDefinition"] == placement.task_definition
            settled = primary.get("rolloutState") == "COMPLETED" and len(_live(found)) == 1
            if same and settled and found["runningCount"] == found["desiredCount"]:
                return
            failures = self._failures(placement, since)
            if any(_disk_was_full(task) for task in failures):
                raise OpsError(f"the container engine's disk is full and no container starts; {FREE_SPACE}")
            if not same and settled:
                raise OpsError(
                    f"{name}: the new version was rolled back: {_reason(failures)}; the earlier version keeps running. "
                    f"See `make logs SERVICE={name}`"
                )
            if same and len(failures) >= FAILED_TASKS and len(_live(found)) == 1:
                raise OpsError(f"{name}: its tasks do not start: {_reason(failures)}. See `make logs SERVICE={name}`")
            if not self._engine.run("version", timeout=20).ok:
                raise OpsError("the container engine stopped answering; start it and run `make up` again")
            time.sleep(POLL_SECONDS)
        raise OpsError(f"{name}: not running after {seconds:g} s: {_reason(self._failures(placement, since))}")

    def halt(self, placement: Placement) -> None:
        """Stop a service that cannot start, so that it does not retry forever."""
        if placement.service is not None:
            self._ecs.update_service(cluster=placement.cluster, service=placement.service, desiredCount=0)

    def earlier_version_runs(self, placement: Placement) -> bool:
        return placement.service is not None and self._describe(placement)["runningCount"] > 0

    def _describe(self, placement: Placement) -> ServiceTypeDef:
        answer = self._ecs.describe_services(cluster=placement.cluster, services=[placement.service or ""])
        if not answer["services"]:
            raise OpsError(f"{placement.spec.name}: the emulator lost its ECS service; run `make down`, then `make up`")
        return answer["services"][0]

    def tasks(self, placement: Placement, status: str) -> list[TaskTypeDef]:
        """Tasks of the service's family with that desired status (RUNNING or STOPPED)."""
        family = placement.task_definition.rpartition("/")[2].rpartition(":")[0]
        listed = self._ecs.list_tasks(cluster=placement.cluster, family=family, desiredStatus=status)["taskArns"]  # type: ignore[arg-type]
        if not listed:
            return []
        return self._ecs.describe_tasks(cluster=placement.cluster, tasks=listed)["tasks"]

    def _failures(self, placement: Placement, since: float) -> list[TaskTypeDef]:
        return [
            task
            for task in self.tasks(placement, "STOPPED")
            if task["taskDefinitionArn"] == placement.task_definition
            and task.get("startedBy") != BEFORE_DEPLOY
            and task.get("stopCode") in {"TaskFailedToStart", "EssentialContainerExited"}
            and task["createdAt"].timestamp() >= since
        ]

    def run_job(self, placement: Placement) -> None:
        """Run a job once, unless this version has already succeeded. Raises OpsError if its exit code is not 0."""
        name = placement.spec.name
        for task in self.tasks(placement, "STOPPED"):
            if task["taskDefinitionArn"] == placement.task_definition and _succeeded(task, name):
                return
        started = self._ecs.run_task(
            cluster=placement.cluster, taskDefinition=placement.task_definition, startedBy=JOB_STARTED_BY
        )["tasks"][0]["taskArn"]
        deadline = time.monotonic() + JOB_SECONDS
        while time.monotonic() < deadline:
            task = self._ecs.describe_tasks(cluster=placement.cluster, tasks=[started])["tasks"][0]
            if task["lastStatus"] == "STOPPED":
                if _succeeded(task, name):
                    return
                code = None if _ended_by_sidecar(task) else _exit_code(task, name)
                ended = _reason([task]) if code is None else f"exit code {code}"
                raise OpsError(f"{name}: the job failed: {ended}. See `make logs SERVICE={name}`")
            time.sleep(POLL_SECONDS)
        self._ecs.stop_task(cluster=placement.cluster, task=started)
        raise OpsError(f"{name}: the job did not end within {JOB_SECONDS:g} s. See `make logs SERVICE={name}`")

    def base_url(self) -> str:
        """Address of the shared load balancer, as this machine reaches it."""
        shared = stack_name(self._settings, stack_id(Platform.ECS))
        arns = cloudformation.physical_ids(self._target, shared, LOAD_BALANCER)
        name = arns[0].split("/")[-2] if arns and arns[0].count("/") >= 2 else ""
        return f"{self._target.endpoint}/_alb/{name}"

    def outcome(self, placement: Placement, base_url: str) -> Outcome:
        """The outcome of one service."""
        spec, containers = placement.spec, tuple(self._containers(placement))
        if isinstance(spec, Job):
            ran = any(_succeeded(task, spec.name) for task in self.tasks(placement, "STOPPED"))
            job = JobRun(ran, spec.schedule)
            return Outcome(spec.name, Platform.ECS.value, job, self._image(placement.task_definition, spec), containers)
        found = self._describe(placement)
        url = self.url(spec, base_url)
        status = answer(url, host_of(spec)) if url else 0
        tasks = Tasks(found["runningCount"], found["desiredCount"], url, status, host_of(spec))
        return Outcome(spec.name, Platform.ECS.value, tasks, self._image(found["taskDefinition"], spec), containers)

    def url(self, spec: ServiceSpec, base_url: str) -> str | None:
        """A service's address on this machine; None if only other services call it, or no HTTP/1.1 reaches it."""
        if not isinstance(spec, HttpService) or spec.address is None or spec.protocol is not Protocol.HTTP:
            return None
        return f"{base_url}{spec.address.path}"

    def _image(self, task_definition: str, spec: ServiceSpec) -> str:
        described = self._ecs.describe_task_definition(taskDefinition=task_definition)
        containers = described["taskDefinition"].get("containerDefinitions", [])
        return next((c.get("image", "") for c in containers if c.get("name") == spec.name), "")

    def _containers(self, placement: Placement) -> Iterable[str]:
        listed = self._engine.run(
            "ps", "--format", "{{.Names}}", "--filter", f"label=ministack.instance={self._target.instance}",
            "--filter", f"label=com.amazonaws.ecs.container-name={placement.spec.name}",
        )  # fmt: skip
        running = {task["taskArn"].rpartition("/")[2][:8] for task in self.tasks(placement, "RUNNING")}
        return sorted(name for name in listed.out.split() if any(task in name for task in running))


def _grace(spec: ServiceSpec) -> int:
    """Seconds that one task may take to get healthy."""
    if isinstance(spec, HttpService):
        return spec.health_grace
    return spec.health.start_seconds if isinstance(spec, Worker) and spec.health else 0


def _primary(found: ServiceTypeDef) -> DeploymentTypeDef:
    """The deployment that ECS works towards; after a rollback that is an earlier one, not the first in the list."""
    return next(entry for entry in found["deployments"] if entry["status"] == "PRIMARY")


def _live(found: ServiceTypeDef) -> list[Any]:
    """Deployments that still have tasks or are still under way; a failed one only stays as a record."""
    return [
        deployment
        for deployment in found["deployments"]
        if deployment["status"] == "PRIMARY" or deployment["runningCount"] or deployment["pendingCount"]
    ]


def _reason(failures: list[TaskTypeDef]) -> str:
    if not failures:
        return "no task has failed; they are still starting"
    latest = max(failures, key=lambda task: task["createdAt"])
    text = latest.get("stoppedReason", "it stopped").removeprefix("ResourceInitializationError: ")
    return ENGINE_ERROR.sub(r"\1", text.removeprefix("unable to pull image or start container: "))


def _exit_code(task: TaskTypeDef, name: str) -> int | None:
    """How the service's own container ended, whatever its sidecars did."""
    return next((container.get("exitCode") for container in task["containers"] if container.get("name") == name), None)


def _ended_by_sidecar(task: TaskTypeDef) -> bool:
    return task.get("stoppedReason", "").startswith(SIDECAR_ENDED)


def _succeeded(task: TaskTypeDef, name: str) -> bool:
    return _exit_code(task, name) == 0 and not _ended_by_sidecar(task)


def _disk_was_full(task: TaskTypeDef) -> bool:
    # Only the engine's own message counts: a service that reports a full disk has filled its own /tmp.
    said = ENGINE_ERROR.search(task.get("stoppedReason", ""))
    return bool(said and NO_SPACE.search(said[1]))


def host_of(spec: ServiceSpec) -> str:
    """The host that a request to a service must name; empty if any will do."""
    address = spec.address if isinstance(spec, HttpService) else None
    return (address.host or "") if address else ""


def answer(url: str, host: str = "") -> int:
    """The status of a service's own answer to a GET; 0 if only the load balancer answers, or nothing does.

    Args:
        url: where the request goes.
        host: what it names as its host, if that is not the URL's.
    """
    headers = {"Accept": "*/*", **({"Host": host} if host else {})}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - loopback http
    try:
        with urllib.request.urlopen(request, timeout=10) as got:  # noqa: S310
            return 0 if str(got.headers.get("Server", "")).startswith(BALANCER_SERVER) else int(got.status)
    except urllib.error.HTTPError as error:
        return 0 if str(error.headers.get("Server", "")).startswith(BALANCER_SERVER) else error.code
    except OSError:
        return 0


def wait_for_answer(url: str, name: str, *, host: str = "", seconds: float = 30.0) -> int:
    """The status of the first answer below 500; OpsError if there is none in time."""
    deadline, status = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        status = answer(url, host)
        if 0 < status < 500:
            return status
        time.sleep(POLL_SECONDS)
    what = f"answers {status}" if status else "does not answer"
    raise OpsError(f"{name}: runs, but {url} {what}. See `make logs SERVICE={name}`")
