"""Checks the health of one container as its target group's load balancer would."""

from __future__ import annotations

import http.client
import socket


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


def matches(status: int, codes: str) -> bool:
    """A target group's matcher: single codes and ranges, separated by commas."""
    for part in codes.split(","):
        low, _, high = part.strip().partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False
