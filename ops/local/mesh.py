"""Service discovery, which Service Connect does on AWS, with the container engine's networks.

Each service that others call gets its own network, in which its Service Connect alias is its name; callers that declare it
join that network. So `http://tracking:8080` resolves only for services that declare it in `calls`, as on AWS. The mesh comes
from the catalog and is written to a file that is read at each start of a container, so that a second `make up` needs no
restart of the emulator.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from config.catalog import Catalog
from config.fields.network import Protocol
from config.service import HttpService, ServiceSpec
from config.settings import Platform

DEFAULT_GRACE = 60  # seconds


@dataclass(frozen=True)
class Membership:
    """One service's part in the mesh.

    Attributes:
        serves: the names by which others call it.
        calls: the names that it calls.
        grace: seconds that it has to become healthy.
        port: where its health is checked, if not by a target group that this machine can stand in for; else 0.
        health: the path of that check; empty if a connection is enough.
    """

    serves: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    grace: int = DEFAULT_GRACE
    port: int = 0
    health: str = ""


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
        """The mesh as last written; empty if the file is missing or damaged, as the next `make up` rewrites it."""
        try:
            content = json.loads(path.read_text())
            return Mesh(
                {
                    key: Membership(
                        tuple(value["serves"]),
                        tuple(value["calls"]),
                        int(value["grace"]),
                        int(value["port"]),
                        str(value["health"]),
                    )
                    for key, value in content.items()
                }
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return Mesh()


def from_catalog(catalog: Catalog) -> Mesh:
    """The mesh of the services on ECS: an http service serves its own name, and every service calls what it declares."""
    return Mesh({spec.name: _membership(spec) for spec in catalog.on(Platform.ECS)})


def _membership(spec: ServiceSpec) -> Membership:
    calls = tuple(sorted(set(spec.calls) - {spec.name}))
    if not isinstance(spec, HttpService):
        return Membership(calls=calls)
    behind_load_balancer = spec.routed and spec.protocol is Protocol.HTTP
    port = 0 if behind_load_balancer else spec.port
    path = spec.health.path if port and spec.health else ""
    return Membership((spec.name,), calls, spec.health_grace, port, path)
