"""A service before it is written: the fields of service.yaml, and what a reader must know about them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import PydanticCustomError

from config import limits, reserved
from config.service_rules import check_values, check_variables
from config.settings import SERVICE_NAME
from ops.importing.ledger import Ledger, Path, View
from ops.importing.values import is_template

_HEALTHY: Final = limits.HEALTHY_CODES
_SECRET: Final = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_KEY|CREDENTIAL", re.IGNORECASE)
_OF_THE_SYSTEM: Final = (
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/proc",
    "/run/secrets",
    "/sbin",
    "/sys",
    "/usr/bin",
    "/usr/lib",
)
_URL_WITH_PASSWORD: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/@:\s]*:[^/@\s]+@", re.IGNORECASE)


@dataclass
class Draft:
    """One service.

    Attributes:
        name: of the folder.
        origin: what it was in the file, for the first line of the manifest.
        fields: of service.yaml, as plain values.
        comments: per field, what was guessed about it.
        overrides: per environment of this project, the fields that differ.
        asides: environments that this project does not have, with the overrides for them.
        files: folders that the image is built from.
        scope: the beginnings of the paths in the file that belong to this service.
    """

    name: str
    origin: str
    ledger: Ledger
    fields: dict[str, Any] = field(default_factory=dict)
    comments: dict[str, list[str]] = field(default_factory=dict)
    overrides: dict[str, dict[str, Any]] = field(default_factory=dict)
    asides: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    scope: list[Path] = field(default_factory=lambda: [()])

    def owns(self, path: Path) -> bool:
        """Whether a note on this path belongs to this service."""
        return any(path[: len(beginning)] == beginning for beginning in self.scope)

    def set(self, name: str, value: Any) -> None:
        self.fields[name] = value

    def guess(self, name: str, value: Any, why: str) -> None:
        self.fields[name] = value
        self.say(name, why)

    def say(self, name: str, why: str) -> None:
        """Comment on a field."""
        said = self.comments.setdefault(name, [])
        if why not in said:
            said.append(why)

    def add(self, name: str, *values: Any) -> None:
        """Add to a field that is a list."""
        known = self.fields.setdefault(name, [])
        known.extend(value for value in values if value not in known)

    def put(self, name: str, key: str, value: Any) -> None:
        """Set one key of a field that is a mapping."""
        self.fields.setdefault(name, {})[key] = value


def set_variable(draft: Draft, name: str, view: View, value: Any) -> None:
    """An environment variable with a value from the file, to `environment` or, if it looks like one, to `secrets`."""
    if not isinstance(value, str):
        view.lose("is not text", f"write environment: {{{name}: value}}")
        return
    problem = _fault_of(name, value)
    if name == "PORT" and value in (str(draft.fields.get("port", value)), ""):
        view.carry()  # the platform sets it from `port`
    elif problem:
        view.lose(*problem)
    elif is_template(value):
        unknown_variable(draft, name, view)
    elif value and (_SECRET.search(name) or _URL_WITH_PASSWORD.match(value)) and not _harmless(value):
        view.guess()
        draft.put("secrets", name, {"secrets_manager": f"{draft.name}/{name}"})
        draft.say(
            "secrets", f"{name} was plain text in the file: create the secret, and change the value that was there"
        )
    else:
        view.carry()
        draft.put("environment", name, value)


def _harmless(value: str) -> bool:
    """A switch, a number, a file or an address is no secret, whatever its variable is called."""
    return value.lower() in ("true", "false", "yes", "no") or bool(
        re.fullmatch(r"\d{1,6}|(https?:/)?/[\w./:-]+", value)
    )


def unknown_variable(draft: Draft, name: str, view: View) -> None:
    """A variable whose value is filled in when the other tool runs."""
    if _SECRET.search(name) or re.search(r"DATABASE_URL|DB_URI|_DSN$", name):
        put_secret(
            draft, name, view, {"secrets_manager": f"{draft.name}/{name}"}, guess=f"create the secret for {name}"
        )
    else:
        view.lose(f"{name} is filled in from outside the file", "write its value under environment")


def set_health(draft: Draft, found: dict[str, Any]) -> None:
    """An http service's check, within what a load balancer can do:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
    """
    _bound(draft, found, {"interval": (5, 300), "timeout": (2, 120), "healthy": (2, 10), "unhealthy": (2, 10)})
    interval = found.get("interval", 10)
    if found.get("timeout", 0) >= interval:
        draft.say("health", f"interval was {interval}, not longer than timeout")
        found["interval"] = found["timeout"] + 1
    if found.get("codes", _HEALTHY) != _HEALTHY:
        only_ecs(draft, "health.codes")
    draft.set("health", found if len(found) > 1 else found["path"])


def set_command_health(draft: Draft, view: View, found: dict[str, Any]) -> None:
    """A worker's check, within what ECS can do: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html"""
    if draft.fields["kind"] == "job":
        view.lose("is a check, and a job is judged by its exit code", "nothing")
        return
    _bound(draft, found, {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "start": (0, 300)})
    draft.set("health", found)


def _bound(draft: Draft, found: dict[str, Any], bounds: dict[str, tuple[int, int]]) -> None:
    for name, (low, high) in bounds.items():
        if name in found and not low <= found[name] <= high:
            draft.say("health", f"{name} was {found[name]}; it is {low} to {high} here")
            found[name] = min(high, max(low, found[name]))


def put_secret(draft: Draft, name: str, view: View, source: dict[str, str], *, guess: str = "") -> None:
    """A variable whose value the file takes from elsewhere. `guess` says what is not sure about its source."""
    problem = _fault_of(name, "")
    if problem:
        view.lose(*problem)
        return
    draft.put("secrets", name, source)
    if guess:
        view.guess()
        draft.say("secrets", f"guessed: {guess}")
    else:
        view.carry()


def _fault_of(name: str, value: str) -> tuple[str, str] | None:
    if name in reserved.VARIABLES:
        return reserved.VARIABLES[name], "leave it out, or read another variable"
    try:
        check_variables({name: value})
        check_values({name: value})
    except PydanticCustomError as error:
        found = error.context or {}
        return str(found["problem"]), str(found["remedy"])
    return None


def set_size(draft: Draft, cpu: int | None, memory: int | None) -> None:
    """CPU units and memory (MiB): the nearest size that Fargate has, with a comment where it is not the file's."""
    size = limits.nearest_fargate_pair(cpu or 0, memory or 0)
    draft.set("cpu", size[0])
    draft.set("memory", size[1])
    for name, asked, got in (("cpu", cpu, size[0]), ("memory", memory, size[1])):
        if asked is None:
            draft.say(name, "guessed: the file does not say")
        elif asked != got:
            draft.say(name, f"the file has {asked}{' MiB' if name == 'memory' else ''}; this is Fargate's next size")


def add_writable(draft: Draft, view: View, folder: str, *, sure: bool = True) -> None:
    """A folder that the container may write to. /tmp always is one."""
    plain = re.sub(r"^/var/run(?=/|$)", "/run", folder.rstrip("/"))  # a link in most images
    if plain == "/tmp" or plain.startswith("/tmp/"):  # noqa: S108
        view.carry()
    elif not re.fullmatch(r"(/[A-Za-z0-9_.@+-]+)+", plain) or plain.startswith(_OF_THE_SYSTEM):
        view.lose(
            f"{folder or 'it'} belongs to the system or the engine", "write writable: with the folder that it writes to"
        )
    else:
        draft.add("writable", plain)
        _ = view.carry() if sure else view.guess()


def set_scaling(draft: Draft, scaling: dict[str, Any]) -> None:
    """How many copies run, within what both platforms can do."""
    for name in ("cpu_target", "memory_target"):
        if name in scaling and not 10 <= scaling[name] <= 90:
            draft.say("scaling", f"{name} was {scaling[name]}; it is 10 to 90 here")
            scaling[name] = min(90, max(10, scaling[name]))
    if scaling.get("min", 1) >= scaling.get("max", 1):
        for name in ("cooldowns", "cpu_target", "memory_target", "requests_target", "backlog_target"):
            scaling.pop(name, None)
    for name in ("requests_target", "backlog_target"):
        if name in scaling:
            only_ecs(draft, f"scaling.{name}")
    draft.set("scaling", scaling)


def only_ecs(draft: Draft, what: str) -> None:
    """Say that only ECS has something."""
    draft.guess("platforms", ["ecs"], f"guessed: {what} is only on ecs")


def set_port(draft: Draft, view: View, *, what: str = "port") -> bool:
    """A port that the container listens on. False, with a note, for one that needs privileges or is no number."""
    if not re.fullmatch(r"\d{1,5}", view.text):
        view.lose("is not a number", f"write {what}: 8080")
        return False
    number = int(view.text)
    if number < limits.LOWEST_PORT:
        view.lose(
            f"is {number}, and a container without privileges cannot listen below {limits.LOWEST_PORT}",
            "let the service listen on PORT, or on 8080",
        )
        draft.guess(what, 8080, f"guessed: {number} needs privileges")
        return False
    draft.set(what, int(view.carry()))
    return True


def service_name(text: str) -> str:
    """The nearest valid name of a service."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-").lstrip("-0123456789")
    return words[: SERVICE_NAME.longest].strip("-") or "service"
