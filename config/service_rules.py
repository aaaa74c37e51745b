"""What a field of service.yaml must be beyond its type. Each check raises a fault that says what to write instead."""

from __future__ import annotations

import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from config.errors import nearest, shown
from config.model import fault
from config.schedule import ScheduleError, parse

SET_FOR_EVERY_CONTAINER: Final = frozenset({"PORT", "BASE_PATH", "SERVICE_NAME", "DEPLOY_ENVIRONMENT"})


def check_schedule(schedule: str) -> None:
    try:
        parse(schedule)
    except ScheduleError as error:
        raise fault(error.problem, error.remedy) from None


def check_timezone(timezone: str) -> None:
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


def check_secret_name(name: str) -> None:
    if name.startswith("arn:"):
        raise fault("is an ARN", "write the secret's name alone")
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
    for name in variables:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", name):
            raise fault(
                "is no name for a variable", "use letters, digits and _, a letter first, e.g. LOG_LEVEL", field=name
            )
        if name in SET_FOR_EVERY_CONTAINER:
            raise fault("is set by the platform", "take it out and read it in the container", field=name)
        if name.upper().startswith("AWS_"):
            raise fault("begins with AWS_, which the platform sets", "choose another name", field=name)


def check_values(variables: dict[str, str]) -> None:
    for name, value in variables.items():
        if "\0" in value:
            raise fault("holds a NUL character", "write text", field=name)
        if "$$" in value or "$(" in value:
            raise fault(
                "holds $$ or $(, which Kubernetes would expand and ECS would not",
                "put the value together in the service",
                field=name,
            )
