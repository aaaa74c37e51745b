"""Names between services: what Service Connect does on AWS, with the container engine's own networks.

A service that others call gets a network of its own, where its Service Connect alias is its name; each caller that declares
it joins that network. So `http://tracking:8080` resolves where `calls:` says so and nowhere else, as on AWS. What a name
serves and who calls whom is read from the synthesized templates, written to one file, and read again at each container's
start, so that a second `make up` needs no restart of the emulator.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

DEFAULT_GRACE = 60  # seconds
URL_HOST = re.compile(r"^[a-z][a-z0-9+.-]*://([a-z0-9-]+)(?::\d+)?(?:/.*)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Membership:
    """One service's place: the names it answers to, the names it calls, and the seconds it may take to get healthy."""

    serves: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    grace: int = DEFAULT_GRACE


@dataclass(frozen=True)
class Mesh:
    """Every service's membership, by the name of its container."""

    members: Mapping[str, Membership] = field(default_factory=dict)

    def of(self, container: str) -> Membership:
        return self.members.get(container, Membership())

    def called(self) -> set[str]:
        """Names that at least one service calls: the only ones that need a network."""
        return {name for member in self.members.values() for name in member.calls}

    def save(self, path: Path) -> None:
        content = {key: asdict(value) for key, value in sorted(self.members.items())}
        path.write_text(json.dumps(content, indent=2) + "\n")

    @staticmethod
    def load(path: Path) -> Mesh:
        """The mesh as last written; empty when there is none or it is damaged, since the next `make up` writes it anew."""
        try:
            content = json.loads(path.read_text())
            return Mesh(
                {
                    key: Membership(tuple(value["serves"]), tuple(value["calls"]), int(value["grace"]))
                    for key, value in content.items()
                }
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return Mesh()


def from_templates(templates: Iterable[Mapping[str, Any]]) -> Mesh:
    """Read aliases and calls from the templates of the ECS service stacks.

    An alias is what a service's ServiceConnectConfiguration publishes; a call is an environment variable whose value is a URL
    with an alias as its host.
    """
    serving: dict[str, tuple[str, ...]] = {}
    graces: dict[str, int] = {}
    hosts: dict[str, set[str]] = {}
    for template in templates:
        resources = template.get("Resources", {}).values()
        aliases = tuple(
            alias["DnsName"]
            for resource in resources
            if resource.get("Type") == "AWS::ECS::Service"
            for published in resource["Properties"].get("ServiceConnectConfiguration", {}).get("Services", [])
            for alias in published.get("ClientAliases", [])
            if isinstance(alias.get("DnsName"), str)
        )
        for container in _containers(resources):
            serving[container["Name"]] = aliases
            hosts[container["Name"]] = set(_url_hosts(container))
            graces[container["Name"]] = _grace(resources)
    known = {alias for aliases in serving.values() for alias in aliases}
    return Mesh(
        {
            name: Membership(aliases, tuple(sorted((hosts[name] & known) - set(aliases))), graces[name])
            for name, aliases in serving.items()
        }
    )


def _containers(resources: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    for resource in resources:
        if resource.get("Type") == "AWS::ECS::TaskDefinition":
            yield from resource["Properties"].get("ContainerDefinitions", [])


def _grace(resources: Iterable[Mapping[str, Any]]) -> int:
    """The service's health check grace period, which the emulator does not keep."""
    found = (resource["Properties"] for resource in resources if resource.get("Type") == "AWS::ECS::Service")
    return next(
        (int(properties.get("HealthCheckGracePeriodSeconds", DEFAULT_GRACE)) for properties in found), DEFAULT_GRACE
    )


def _url_hosts(container: Mapping[str, Any]) -> Iterable[str]:
    for variable in container.get("Environment", []):
        match = URL_HOST.match(variable["Value"]) if isinstance(variable.get("Value"), str) else None
        if match:
            yield match[1]
