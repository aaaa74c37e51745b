"""Rules between the fields of one http service that say how it is reached. Each raises a fault with what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from config.fields.network import Protocol
from config.limits import LOWEST_PRIORITY
from config.model import fault
from config.reserved import PRIVATE_PORT
from config.routing import covers

if TYPE_CHECKING:
    from config.service import HttpService

HEALTH_UNLESS_NOT_HTTP: Final[dict[str, JsonValue]] = {
    "if": {
        "not": {
            "properties": {"protocol": {"enum": [Protocol.GRPC.value, Protocol.TCP.value]}},
            "required": ["protocol"],
        }
    },
    "then": {"required": ["health"]},
}
"""The part of _check_protocol that an editor can check."""

_BEHIND_LOAD_BALANCER = ("priority", "sticky", "internal")
"""Fields about requests that come through a load balancer."""


def check_network(spec: HttpService) -> None:
    """Checks a service on its own; what depends on its environment is in config.placement_checks. Raises a fault."""
    _check_protocol(spec)
    _check_paths(spec)
    _check_unrouted(spec)
    _check_priority(spec)
    _check_private_port(spec)


def _check_protocol(spec: HttpService) -> None:
    if spec.protocol is Protocol.HTTP:
        if spec.health is None:
            raise fault("is missing, and kind http needs it", "write it, e.g. health: /healthz", field="health")
        return
    if spec.health is not None:
        checked = "a connection is its check" if spec.protocol is Protocol.TCP else "grpc.health.v1.Health is its check"
        raise fault(f"means nothing for protocol {spec.protocol.value}: {checked}", "remove it", field="health")
    if spec.protocol is Protocol.TCP:
        for field in ("path", "hosts"):
            if getattr(spec, field):
                problem = "means nothing for protocol tcp, which the load balancers do not take"
                raise fault(problem, "remove it", field=field)
        if "call_timeout" in spec.model_fields_set:
            raise fault("means nothing for protocol tcp, which has no requests", "remove it", field="call_timeout")


def _check_paths(spec: HttpService) -> None:
    if spec.paths and spec.path is None:
        raise fault("needs path beside it", f"write path: {spec.paths[0]} for the first one", field="paths")
    for index, path in enumerate(spec.paths):
        for outer in (spec.path or "/", *(other for other in spec.paths if other != path)):
            if covers(outer, path):
                problem = f"is {path}, which {outer} of this service covers"
                raise fault(problem, "remove it", field=f"paths[{index}]")


def _check_unrouted(spec: HttpService) -> None:
    if spec.routed:
        return
    remedy = "remove it" if spec.protocol is Protocol.TCP else "remove it, or write path: /name"
    for field in _BEHIND_LOAD_BALANCER:
        if field in spec.model_fields_set and getattr(spec, field) is not None:
            raise fault("means nothing without path: no load balancer reaches this service", remedy, field=field)
    if {"errors_percent", "latency_ms"} & spec.alarms.model_fields_set:
        raise fault("means nothing without path: no load balancer reaches this service", remedy, field="alarms")
    if spec.scaling.requests_target is not None:
        problem = "counts a load balancer's requests, and none reaches this service without path"
        raise fault(problem, "use cpu_target", field="scaling.requests_target")


def _check_priority(spec: HttpService) -> None:
    if spec.priority is None:
        return
    if spec.base_path == "/" and not spec.hosts:
        raise fault("cannot be set for path /, which is always tried last", "remove it", field="priority")
    last = max(route.priority for route in spec.routes)
    if last >= LOWEST_PRIORITY:
        problem = f"is {spec.priority}, and this service has {len(spec.routes)} rules, up to {last}"
        raise fault(problem, f"write {LOWEST_PRIORITY - len(spec.routes)} or less", field="priority")


def _check_private_port(spec: HttpService) -> None:
    if spec.private_port is None:
        return
    if spec.private_port == spec.port:
        raise fault("is port too", "write another", field="private_port")
    for field in ("environment", "secrets"):
        if PRIVATE_PORT in getattr(spec, field):
            raise fault("is set by private_port", "remove it", field=f"{field}.{PRIVATE_PORT}")
