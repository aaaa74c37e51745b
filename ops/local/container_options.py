"""Translates a container definition into options of the container engine.

The emulator starts real containers but passes only the image, variables and ports. This adds the other settings (command,
user, read-only root, capabilities, init process, memory, health check), so that an image that would break on Fargate also
breaks locally. A folder is writable where the image declares a volume, as on Fargate.

Keys arrive in CloudFormation's spelling or in the API's (`ReadonlyRootFilesystem`, `readonlyRootFilesystem`): both are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STOP_TIMEOUT_LABEL = "container-services.stop-timeout"
DEFAULT_STOP_TIMEOUT = 30  # seconds; ECS's own default
MEBIBYTE = 1024 * 1024
SECOND = 1_000_000_000  # the engine counts health check times in nanoseconds


def field(holder: Mapping[str, Any], name: str, default: Any = None) -> Any:
    """A field by its CloudFormation name, whichever case its first letter has."""
    if name in holder:
        return holder[name]
    return holder.get(name[0].lower() + name[1:], default)


def options(container: Mapping[str, Any], task: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments for the Docker SDK's `containers.run`, from one container definition and its task definition."""
    found: dict[str, Any] = {"read_only": _true(field(container, "ReadonlyRootFilesystem", False))}
    if field(container, "User"):
        found["user"] = str(field(container, "User"))
    found |= _process(container)
    memory = field(container, "Memory") or field(task, "Memory")
    if memory:
        found["mem_limit"] = int(memory) * MEBIBYTE
    found |= _linux(field(container, "LinuxParameters") or {})
    security = field(container, "DockerSecurityOptions")
    if security:
        found["security_opt"] = list(security)
    check = field(container, "HealthCheck")
    if check:
        found["healthcheck"] = _health_check(check)
    return found


def labels(container: Mapping[str, Any]) -> dict[str, str]:
    """Labels that record how the definition wants the container stopped."""
    return {STOP_TIMEOUT_LABEL: str(field(container, "StopTimeout") or DEFAULT_STOP_TIMEOUT)}


def stop_timeout(given: Mapping[str, str]) -> int:
    """Seconds between SIGTERM and SIGKILL, from a container's labels."""
    return int(given.get(STOP_TIMEOUT_LABEL, DEFAULT_STOP_TIMEOUT))


def secrets(container: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The definition's secrets in the API's spelling, which is the only one that the emulator resolves."""
    return [
        {"name": field(secret, "Name"), "valueFrom": field(secret, "ValueFrom")}
        for secret in field(container, "Secrets") or []
    ]


def _process(container: Mapping[str, Any]) -> dict[str, Any]:
    """What runs. Whoever starts one task may name another command, and always in the API's spelling."""
    command = container.get("command") or container.get("Command")
    entrypoint = field(container, "EntryPoint")
    found: dict[str, Any] = {"command": list(command)} if command else {}
    return found | ({"entrypoint": list(entrypoint)} if entrypoint else {})


def command_check(container: Mapping[str, Any]) -> tuple[list[str], float] | None:
    """The command of the definition's health check, and the seconds that a start may take; None if it has none."""
    check = field(container, "HealthCheck")
    if not check:
        return None
    how, *words = field(check, "Command")
    found = _health_check(check)
    each = (found["interval"] + found["timeout"]) / SECOND
    return ["sh", "-c", *words] if how == "CMD-SHELL" else words, found["start_period"] / SECOND + found[
        "retries"
    ] * each


def _linux(parameters: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if _true(field(parameters, "InitProcessEnabled", False)):
        found["init"] = True
    dropped = field(field(parameters, "Capabilities") or {}, "Drop")
    if dropped:
        found["cap_drop"] = list(dropped)
    shared_memory = field(parameters, "SharedMemorySize")
    if shared_memory:
        found["shm_size"] = int(shared_memory) * MEBIBYTE
    return found


def _health_check(check: Mapping[str, Any]) -> dict[str, Any]:
    # Defaults of ECS: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
    return {
        "test": list(field(check, "Command")),
        "interval": int(field(check, "Interval") or 30) * SECOND,
        "timeout": int(field(check, "Timeout") or 5) * SECOND,
        "retries": int(field(check, "Retries") or 3),
        "start_period": int(field(check, "StartPeriod") or 0) * SECOND,
    }


def _true(value: Any) -> bool:
    return str(value).lower() == "true"
