"""Checks the health of one container as its target group's load balancer would, or as ECS would with a command."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from typing import Any


def probe(host: str, port: int, path: str, codes: str) -> str:
    """One health check: "healthy", or why not. Without a path, a connection is enough."""
    if not path:
        return _connects(host, port)
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return "healthy" if matches(status, codes) else f"it answered {status}"


def _connects(host: str, port: int) -> str:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return "healthy"


def run(container: Any, command: list[str]) -> str:
    """One health check by a command in the container: "healthy", or why not."""
    try:
        code, output = container.exec_run(command)
    except Exception as error:  # the engine's client has a class of its own for each fault
        return f"{type(error).__name__}: {error}"
    if code == 0:
        return "healthy"
    lines = output.decode(errors="replace").strip().splitlines()
    return f"it ended with exit code {code}" + (f": {lines[-1].strip()[:200]}" if lines else "")


def address(container: Any, network: str) -> str:
    """Where a container is on a network; on any other, if it is not on that one."""
    networks = container.attrs["NetworkSettings"]["Networks"]
    chosen: Mapping[str, Any] = networks.get(network) or next(iter(networks.values()), {})
    return str(chosen.get("IPAddress", ""))


def matches(status: int, codes: str) -> bool:
    """A target group's matcher: single codes and ranges, separated by commas."""
    for part in codes.split(","):
        low, _, high = part.strip().partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False
