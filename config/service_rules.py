"""Rules for fields of service.yaml beyond their types. Each check raises a fault that says what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic_core import PydanticCustomError

from config import reserved
from config.errors import nearest, shown
from config.model import fault
from config.schedule import ScheduleError, parse

_IN_THE_DOCKERFILE = ("is not a key here", "set it in the Dockerfile")
_SIDECARS = ("is not a key here", "write sidecars: {proxy: {image: NAME:TAG, cpu: 64, memory: 128}}")
_BEFORE = (
    "is not a key here: nothing runs to its end before a container starts",
    "do it when the service starts, or write sidecars",
)
_COUNT = ("is not a key here", "write scaling: {min: 2, max: 2}")
_ONE_PORT = ("is not a key here", "write port: 8080, and private_port for a second one")

ELSEWHERE: Final = {
    **dict.fromkeys(("workdir", "working_dir"), _IN_THE_DOCKERFILE),
    "args": ("is not a key here", "write command: [WORDS], or build: {args: {NAME: value}}"),
    **dict.fromkeys(("context", "dockerfile", "target"), ("is not a key here", "write it under build")),
    **dict.fromkeys(("runAsUser", "run_as_user"), ("is not a key here", "write user: 1000")),
    **dict.fromkeys(("ephemeral_storage", "ephemeralStorage"), ("is not a key here", "write storage: 40")),
    **dict.fromkeys(("containers", "sidecar"), _SIDECARS),
    **dict.fromkeys(("init_containers", "initContainers"), _BEFORE),
    **dict.fromkeys(("count", "desired_count", "replicas"), _COUNT),
    **dict.fromkeys(("container_port", "expose", "ports", "targetPort"), _ONE_PORT),
    **dict.fromkeys(("env", "variables", "vars"), ("is not a key here", "write environment: {NAME: value}")),
    **dict.fromkeys(("depends_on", "links", "requires"), ("is not a key here", "write calls: [name]")),
    **dict.fromkeys(("health_check", "healthcheck", "readiness"), ("is not a key here", "write health: /healthz")),
    **dict.fromkeys(
        ("liveness", "livenessProbe"), ("is not a key here", "write health: {path: /healthz, liveness: /livez}")
    ),
    **dict.fromkeys(
        ("migrate", "migration", "migrations", "pre_deploy", "release"),
        ("is not a key here", "write before_deploy: {command: [program, argument]}"),
    ),
    **dict.fromkeys(
        ("dead_letter", "queues", "sqs", "subscribe"), ("is not a key here", "write queue: {tries: 5} in a worker")
    ),
    **dict.fromkeys(("publish", "topics"), ("is not a key here", "write sends: [name], of a worker with a queue")),
    **dict.fromkeys(("cron", "rate"), ("is not a key here", 'write schedule: "30 6 * * MON-FRI"')),
    **dict.fromkeys(
        ("mounts", "tmpfs", "volume", "volumes"),
        (
            "is not a key here",
            "write writable: [/FOLDER] for files that may be lost, and keep data in a table or a bucket",
        ),
    ),
    **dict.fromkeys(
        ("outbound", "security_group", "security_groups"),
        ("is not a key here", "write egress: [{name: database, port: 5432, cidrs: [10.9.0.0/16]}]"),
    ),
    **dict.fromkeys(("buckets", "s3"), ("is not a key here: a service has one bucket", "write bucket: {}")),
    **dict.fromkeys(("dynamodb",), ("is not a key here", "write table: {partition_key: id}")),
    **dict.fromkeys(
        ("iam", "permissions", "policies", "policy", "task_role"),
        ("is not a key here", "write rights: [{actions: [...], resources: [...]}]"),
    ),
    **dict.fromkeys(("alias", "domain", "host", "hostname"), ("is not a key here", "write hosts: [shop.example.com]")),
    **dict.fromkeys(
        ("additional_rules", "additionalRules", "routes"),
        ("is not a key here", "write path: /name, and paths for more"),
    ),
    **dict.fromkeys(("sticky_sessions", "stickiness"), ("is not a key here", "write sticky: 3600, in seconds")),
}
"""Keys from other tools' files that service.yaml does not have: the problem, and what to write instead."""

# Text that CloudFormation or CDK would replace on the way to the container: the problem, and what to write.
_INTERPRETED: Final = {
    "{{resolve:": ("CloudFormation would replace", "put the value under secrets"),
    "${AWS::": ("CloudFormation could replace", "write the value itself; the region is in AWS_REGION"),
    "${Token[": ("CDK would read as a token", "write it differently"),
    "#{Token[": ("CDK would read as a token", "write it differently"),
}


def check_text(text: str) -> None:
    """Text must reach the container, or the reader, as written. Any other {} or ${} is harmless."""
    for beginning, (reader, remedy) in _INTERPRETED.items():
        if beginning in text:
            raise fault(f"contains {beginning}, which {reader}", remedy)


def check_schedule(schedule: str) -> None:
    try:
        parse(schedule)
    except ScheduleError as error:
        raise fault(error.problem, error.remedy) from None


def check_optional_schedule(schedule: str | None) -> None:
    if schedule is not None:
        check_schedule(schedule)


def check_timezone(timezone: str) -> None:
    # The pattern excludes paths and "localtime", which depends on the machine.
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


def check_secret_name(name: str) -> None:
    if name.startswith("arn:"):
        raise fault("is an ARN", "write only the secret's name")
    if re.search(r"-[A-Za-z0-9]{6}$", name):
        raise fault(
            f"is {shown(name)}; a hyphen and six characters look like the suffix that Secrets Manager adds",
            "rename the secret",
        )


def check_parameter_name(name: str) -> None:
    if name.startswith("arn:"):
        raise fault("is an ARN", "write the parameter's name, e.g. /harbour/key")
    if re.match(r"/(aws|ssm)", name, re.IGNORECASE):
        raise fault(
            f"is {shown(name)}; names that begin with /aws or /ssm belong to AWS",
            "write another name, e.g. /harbour/key",
        )
    if name.count("/") > 15:
        raise fault(f"has {name.count('/')} levels", "use 15 or fewer")


def check_variables(variables: dict[str, object]) -> None:
    """Variables of the service's own container."""
    _check_names(variables, reserved.VARIABLES)


def check_own_variables(variables: dict[str, object]) -> None:
    """Variables of a container in which the platform sets none of its own."""
    _check_names(variables, {k: why for k, why in reserved.VARIABLES.items() if k not in reserved.OF_THE_SERVICE})


def _check_names(variables: Iterable[str], taken: Mapping[str, str]) -> None:
    for name in variables:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", name):
            raise fault(
                "is not a valid variable name", "use letters, digits and _, a letter first, e.g. LOG_LEVEL", field=name
            )
        if name in taken:
            raise fault(taken[name], "remove it", field=name)


def check_values(variables: dict[str, str]) -> None:
    for name, value in variables.items():
        try:
            check_text(value)
        except PydanticCustomError as error:
            found = error.context or {}
            raise fault(found["problem"], found["remedy"], field=name) from None
        if "\0" in value:
            raise fault("contains a NUL character", "write text", field=name)
        if "$$" in value or "$(" in value:
            raise fault(
                "contains $$ or $(, which Kubernetes would expand and ECS would not",
                "assemble the value in the service",
                field=name,
            )
