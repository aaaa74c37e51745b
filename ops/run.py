"""`python -m ops run NAME`: runs a job now, follows it to its end, and prints the last lines that it wrote.

With a state machine (a job with a timeout or retries) the run is an execution of it, so both hold; else it is one task. The local
emulator's state machines do not notice that a task failed, so there this module sees to both. What it needs is in the outputs of
the job's stack.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from config.catalog import Catalog
from config.errors import did_you_mean
from config.fields.sidecars import STOPPED_EXIT_CODES
from config.names import stack_id, stack_name
from config.service import Job
from config.settings import Platform, Settings
from ops.errors import OpsError
from ops.say import Say

POLL_SECONDS = 2.0
LAST_LINES = 20
STARTED_BY = "ops-run"
Clients = Callable[[str], Any]


@dataclass(frozen=True)
class _Ended:
    ok: bool
    how: str


def run(spec: Job, settings: Settings, clients: Clients, say: Say, *, local: bool = False) -> bool:
    """Runs the job; True if it succeeded. On EKS alone it prints what to run with kubectl, and is True.

    Args:
        spec: the job's manifest.
        settings: the environment.
        clients: boto3's clients, by the name of their service.
        say: for progress.
        local: whether this is the emulator.

    Raises:
        OpsError: the job is not deployed, or AWS refuses to start it.
    """
    if Platform.EKS in spec.platforms and not (local and Platform.ECS in spec.platforms):
        _say_kubectl(spec, settings, say)
    if Platform.ECS not in spec.platforms:
        return True
    try:
        outputs = _outputs(spec.name, settings, clients)
        since = int(time.time() * 1000)
        ended = _run_attempts(spec, outputs, clients, say) if local else _run_once(spec, outputs, clients, say)
        _print_last_lines(outputs, clients, since, say)
    except (BotoCoreError, ClientError) as error:
        raise OpsError(f"{spec.name}: {error}") from error
    say.line(f"{spec.name}: {ended.how}")
    return ended.ok


def job_named(name: str, catalog: Catalog) -> Job:
    """The job with this name. Raises OpsError if there is no such service, or it is of another kind."""
    jobs = sorted(spec.name for spec in catalog.services if isinstance(spec, Job))
    listed = f"write one of {', '.join(jobs)}" if jobs else "this environment has no job"
    try:
        spec = catalog.service(name)
    except KeyError:
        raise OpsError(
            f"{name}: there is no such service; {did_you_mean(name, jobs, else_say=listed)}", exit_code=2
        ) from None
    if not isinstance(spec, Job):
        raise OpsError(f"{name}: is kind {spec.kind.value}, not a job; {listed}", exit_code=2)
    return spec


def _say_kubectl(spec: Job, settings: Settings, say: Say) -> None:
    run_name = f"{spec.name}-{int(time.time())}"
    say.line(f"on EKS:  kubectl create job --namespace {settings.app} --from=cronjob/{spec.name} {run_name}")
    say.line(f"         kubectl logs --namespace {settings.app} --follow job/{run_name}")


def _outputs(name: str, settings: Settings, clients: Clients) -> dict[str, str]:
    """The outputs of the job's stack, without the hashes that CDK adds to their keys."""
    stack = stack_name(settings, stack_id(Platform.ECS, name))
    try:
        [found] = clients("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise OpsError(f"{name}: its stack {stack} is not deployed") from None
    keys = ("JobRunTask", "JobStateMachineArn", "JobLogGroupName")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    known = {key: value for key in keys for output, value in outputs.items() if output.startswith(key)}
    if "JobRunTask" not in known:
        raise OpsError(f"{name}: its stack {stack} does not say how to run it; deploy it again")
    return known


def _run_once(spec: Job, outputs: dict[str, str], clients: Clients, say: Say) -> _Ended:
    machine = outputs.get("JobStateMachineArn")
    if machine is None:
        return _run_task(spec, outputs, clients, say)
    states = clients("stepfunctions")
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    say.line(f"{spec.name}: started {execution}")
    return _follow_execution(states, execution)


def _run_attempts(spec: Job, outputs: dict[str, str], clients: Clients, say: Say) -> _Ended:
    for attempt in range(spec.retries + 1):
        if attempt:
            say.note(f"attempt {attempt + 1} of {spec.retries + 1}")
        ended = _run_task(spec, outputs, clients, say, seconds=spec.timeout)
        if ended.ok:
            break
    return ended


def _run_task(
    spec: Job, outputs: dict[str, str], clients: Clients, say: Say, *, seconds: float | None = None
) -> _Ended:
    ecs, asked = clients("ecs"), json.loads(outputs["JobRunTask"])
    answer = ecs.run_task(**asked, startedBy=STARTED_BY)
    if not answer["tasks"]:
        why = answer["failures"][0].get("reason", "no reason given") if answer.get("failures") else "no reason given"
        raise OpsError(f"{spec.name}: could not start: {why}")
    task = answer["tasks"][0]["taskArn"]
    say.line(f"{spec.name}: started {task}")
    stopped = _follow_task(ecs, asked["cluster"], task, say, seconds)
    return _Ended(False, f"did not end within {seconds:g} s") if stopped is None else _how_it_ended(stopped, spec)


def _follow_task(ecs: Any, cluster: str, arn: str, say: Say, seconds: float | None) -> Any:
    """The task once it has stopped; None if it was stopped here, after these seconds."""
    last, deadline = "", time.monotonic() + (seconds or float("inf"))
    while time.monotonic() < deadline:
        # A task that has just started may not be known yet.
        found = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
        if found and found[0]["lastStatus"] != last:
            last = found[0]["lastStatus"]
            say.note(last.lower())
        if last == "STOPPED":
            return found[0]
        time.sleep(POLL_SECONDS)
    ecs.stop_task(cluster=cluster, task=arn, reason="it took too long")
    return None


def _how_it_ended(task: Any, spec: Job) -> _Ended:
    """By the job's own container, and by sidecars that were not just stopped at its end, as for the alarm on failed runs."""
    codes = {container["name"]: container.get("exitCode") for container in task["containers"]}
    code = codes.get(spec.name)
    if code is None:
        return _Ended(False, f"failed: {task.get('stoppedReason', 'it stopped')}")
    if code:
        return _Ended(False, f"failed: exit code {code}")
    for sidecar in spec.sidecars:
        if codes.get(sidecar) not in {None, *STOPPED_EXIT_CODES}:
            return _Ended(False, f"failed: exit code {codes[sidecar]} of sidecar {sidecar}")
    return _Ended(True, "ended with exit code 0")


def _follow_execution(states: Any, arn: str) -> _Ended:
    while True:
        found = states.describe_execution(executionArn=arn)
        status = found["status"]
        if status == "SUCCEEDED":
            return _Ended(True, "succeeded")
        if status not in {"RUNNING", "PENDING_REDRIVE"}:
            why = found.get("error", "")
            return _Ended(False, f"{status.lower().replace('_', ' ')}{f': {why}' if why else ''}")
        time.sleep(POLL_SECONDS)


def _print_last_lines(outputs: dict[str, str], clients: Clients, since: int, say: Say) -> None:
    """All attempts of this run; other runs at the same time write to the same log."""
    if "JobLogGroupName" not in outputs:
        return
    pages = (
        clients("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=outputs["JobLogGroupName"], startTime=since)
    )
    events = sorted((event for page in pages for event in page["events"]), key=lambda event: event["timestamp"])
    for event in events[-LAST_LINES:]:
        say.line(event["message"].rstrip())
