"""A service on ECS, read from its stack."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from config.schedule import eventbridge_cron
from ops.review.ecs_traffic import health, network, traffic
from ops.review.workload import (
    Facts,
    Resources,
    Workload,
    at,
    check_command,
    each,
    first,
    listed,
    number,
    one,
    parsed,
    seconds,
    secret,
    text,
    whole,
    words,
)

_DISK: Final = (
    20  # GiB that every task has: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html
)
_TARGETS: Final = {
    "ECSServiceAverageCPUUtilization": ("cpu_target", "%"),
    "ECSServiceAverageMemoryUtilization": ("memory_target", "%"),
    "ALBRequestCountPerTarget": ("requests_target", "a minute"),
}
_ARCHITECTURES: Final = {"X86_64": "x86_64", "ARM64": "arm64"}
_SECRET: Final = re.compile(r"^.*?:(secret:|parameter)")
_WORKDAYS: Final = re.compile(r"(?<![A-Z,])MON,TUE,WED,THU,FRI(?![,A-Z])")
_EXEC: Final = "exec-"  # begins the names of volumes that ECS Exec needs (stacks/ecs/exec.py)


TYPES: Final = (
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CloudWatch::Alarm",
    "AWS::EC2::SecurityGroup",
    "AWS::ECS::Service",
    "AWS::ECS::TaskDefinition",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::Logs::LogGroup",
    "AWS::Scheduler::Schedule",
    "AWS::StepFunctions::StateMachine",
    "Custom::BeforeDeploy",
)
"""What a card is read from."""


def ecs_workload(service: str, resources: Resources, callees: Collection[str] = ()) -> Workload | None:
    """The service, from its stack's resources of TYPES; None if the stack runs none.

    Values of another form than ECS's are left out. `callees` are the services that it calls.
    """
    task = one(resources, "AWS::ECS::TaskDefinition")
    if task is None:
        return None
    containers = list(each(task, "ContainerDefinitions"))
    own = first(containers, "Name", service) or next(iter(containers), {})
    others = [container for container in containers if container is not own]
    kind = _kind(resources, own)
    facts: Facts = {"kind": kind}
    facts |= _size(task, own) | traffic(resources, own) | health(resources, own)
    facts |= _copies(resources) | _runs(resources) | _process(own) | network(resources, callees)
    facts["sidecars"] = listed(at(container, "Name") for container in others)
    variables = _variables(own)
    for container in others:
        name = f"{text(at(container, 'Name'))}: "
        facts |= {f"{name}{key}": value for key, value in _sidecar(container).items()}
        variables |= {f"{name}{key}": value for key, value in _variables(container).items()}
    images = {text(at(container, "Name")): text(at(container, "Image")) for container in (own, *others) if container}
    return Workload(kind, images, facts | variables)


def _kind(resources: Resources, own: Mapping[str, Any]) -> str:
    if not resources.get("AWS::ECS::Service"):
        return "job"
    return "http" if own.get("PortMappings") else "worker"


def _size(task: Mapping[str, Any], own: Mapping[str, Any]) -> Facts:
    architecture = text(at(task, "RuntimePlatform", "CpuArchitecture"))
    return {
        "cpu": text(task.get("Cpu")),
        "memory": text(task.get("Memory"), "MiB") if task.get("Memory") else "",
        "storage": text(at(task, "EphemeralStorage", "SizeInGiB") or _DISK, "GiB"),
        "architecture": _ARCHITECTURES.get(architecture, architecture),
        "writable": listed(_written(own)),
    }


def _written(container: Mapping[str, Any]) -> Iterator[Any]:
    for mount in each(container, "MountPoints"):
        if not mount.get("ReadOnly") and not str(mount.get("SourceVolume", "")).startswith(_EXEC):
            yield mount.get("ContainerPath")


def _process(own: Mapping[str, Any]) -> Facts:
    stop = own.get("StopTimeout")
    return {
        "entrypoint": words(own.get("EntryPoint")),
        "command": words(own.get("Command")),
        "user": text(own.get("User")),
        "init": text(at(own, "LinuxParameters", "InitProcessEnabled")),
        "stop_timeout": text(stop, "s") if stop is not None else "",
        "read-only root": text(own.get("ReadonlyRootFilesystem")),
    }


def _variables(container: Mapping[str, Any]) -> Facts:
    plain = {text(entry.get("Name")): _value(entry.get("Value")) for entry in each(container, "Environment")}
    secrets = {text(entry.get("Name")): _source(entry.get("ValueFrom")) for entry in each(container, "Secrets")}
    return {name: value for name, value in sorted({**plain, **secrets}.items()) if name}


def _value(value: Any) -> str:
    """An empty variable is there, which an empty fact is not."""
    return text(value) or '""'


def _source(arn: Any) -> str:
    rest = _SECRET.sub(r"\1", text(arn))
    if rest.startswith("secret:"):
        name, key, stage, version, *_ = f"{rest.removeprefix('secret:')}:::".split(":")
        return secret(name, key, stage, version)
    return secret(rest.removeprefix("parameter"), parameter=True)


def _sidecar(container: Mapping[str, Any]) -> Facts:
    memory = container.get("Memory")
    return {
        "cpu": text(container.get("Cpu")),
        "memory": text(memory, "MiB") if memory else "",
        "health": words(check_command(container)),
        "writable": listed(_written(container)),
        **{key: value for key, value in _process(container).items() if key not in {"init", "stop_timeout"}},
    }


# --- how many copies, and when ---------------------------------------------------------------------------------------


def _copies(resources: Resources) -> Facts:
    service = one(resources, "AWS::ECS::Service")
    if service is None:
        return {}
    target = one(resources, "AWS::ApplicationAutoScaling::ScalableTarget")
    count = service.get("DesiredCount")
    facts = {
        "scaling.min": text(target.get("MinCapacity") if target else count),
        "scaling.max": text(target.get("MaxCapacity") if target else count),
    }
    for policy in resources.get("AWS::ApplicationAutoScaling::ScalingPolicy", ()):
        facts |= _target(at(policy, "TargetTrackingScalingPolicyConfiguration"))
    actions = [_planned(action) for action in each(target, "ScheduledActions")]
    facts["scaling.schedule"] = "; ".join(action for action in actions if action)
    facts["capacity"] = ", ".join(
        f"{text(entry.get('CapacityProvider'))} {text(entry.get('Weight'))}".strip()
        for entry in each(service, "CapacityProviderStrategy")
    )
    return facts


def _target(policy: Any) -> Facts:
    metric = text(at(policy, "PredefinedMetricSpecification", "PredefinedMetricType"))
    name, unit = _TARGETS.get(metric, ("backlog_target", "messages a copy"))
    facts = {f"scaling.{name}": text(at(policy, "TargetValue"), unit)} if at(policy, "TargetValue") is not None else {}
    waits = [("up", at(policy, "ScaleOutCooldown")), ("down", at(policy, "ScaleInCooldown"))]
    cooldowns = ", ".join(f"{way} {text(wait)} s" for way, wait in waits if wait is not None)
    return {**facts, "scaling.cooldowns": cooldowns}


def _planned(action: Mapping[str, Any]) -> str:
    low, high = (text(at(action, "ScalableTargetAction", part)) for part in ("MinCapacity", "MaxCapacity"))
    return f"{_cron(action.get('Schedule'))} {text(action.get('Timezone'))}: {low} to {high}"


def _cron(expression: Any) -> str:
    """EventBridge's expression as a manifest has it, without a year."""
    return text(expression).removeprefix("cron(").removesuffix(")").removesuffix(" *").replace("?", "*")


def _runs(resources: Resources) -> Facts:
    schedule = one(resources, "AWS::Scheduler::Schedule")
    attempt = at(_machine(resources), "States", "Attempt")
    again = [number(entry.get("MaxAttempts")) or 0 for entry in each(attempt, "Retry")]
    run = one(resources, "Custom::BeforeDeploy")
    overrides = at(parsed(at(run, "Task")), "overrides", "containerOverrides", 0, "command")
    return {
        "schedule": _WORKDAYS.sub("MON-FRI", _cron(at(schedule, "ScheduleExpression"))),
        "timezone": text(at(schedule, "ScheduleExpressionTimezone")),
        "timeout": seconds(at(attempt, "TimeoutSeconds")),
        "retries": whole(sum(again)) if again else "",
        "before_deploy": words(overrides),
    }


def cron_days(cron: str) -> str:
    """An expression as both platforms can have it: EventBridge takes names of days, each on its own."""
    try:
        expression = _cron(eventbridge_cron(cron)) if cron else ""
    except (ValueError, KeyError, IndexError):
        expression = cron
    return _WORKDAYS.sub("MON-FRI", expression)


def _machine(resources: Resources) -> Any:
    machine = one(resources, "AWS::StepFunctions::StateMachine")
    return parsed(at(machine, "DefinitionString"))
