"""Who may send to whom: `sends` names workers that have a queue and run in the environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from config.discovery import SERVICES, manifest_file
from config.errors import ConfigError, did_you_mean, shown
from config.service import ServiceSpec, Worker


def check_sends(declared: Iterable[ServiceSpec]) -> None:
    """Checks every service of the project against all others. Raises ConfigError for the first fault."""
    by_name = {spec.name: spec for spec in declared}
    for spec in by_name.values():
        for index, name in enumerate(spec.sends):
            fault = _fault_of_receiver(spec, name, by_name)
            if fault:
                raise ConfigError(manifest_file(spec.name), f"sends[{index}]", *fault)


def _fault_of_receiver(spec: ServiceSpec, name: str, by_name: Mapping[str, ServiceSpec]) -> tuple[str, str] | None:
    if fault := fault_of_name(spec, name, by_name):
        return fault
    receiver = by_name[name]
    if not isinstance(receiver, Worker):
        return (
            f"is {name}, of kind {receiver.kind.value}, and only a worker has a queue",
            "remove it, or send to a worker",
        )
    if receiver.queue is None:
        return f"is {name}, a worker without a queue", f"add queue: {{}} to {manifest_file(name)}"
    return None


def check_receivers_run(services: Iterable[ServiceSpec]) -> None:
    """Checks the services that run in an environment. Both platforms share a queue, so its worker may run on either.

    Raises ConfigError for the first fault.
    """
    running = {spec.name: spec for spec in services}
    for spec in running.values():
        for index, name in enumerate(spec.sends):
            if name not in running:
                problem = f"is {name}, which does not run in this environment, so nobody would take the messages"
                remedy = f"add a platform of the environment to the platforms of {name}, or remove it in overrides"
                raise ConfigError(manifest_file(spec.name), f"sends[{index}]", problem, remedy)


def fault_of_name(spec: ServiceSpec, name: str, by_name: Mapping[str, ServiceSpec]) -> tuple[str, str] | None:
    """What is wrong with the name of another service in a manifest, and what to write instead, if anything is."""
    if name == spec.name:
        return "is the service itself", "remove it"
    if name not in by_name:
        others = [n for n in by_name if n != spec.name]
        remedy = did_you_mean(name, others, else_say=f"remove it, or add {SERVICES}/{name}/")
        return f"is {shown(name)}, which is not a service", remedy
    return None
