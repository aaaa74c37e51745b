"""Checks the health of one container as its target group's load balancer would."""

from __future__ import annotations

import http.client


def probe(host: str, port: int, path: str, codes: str) -> str:
    """One health check: "healthy", or why not."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return "healthy" if matches(status, codes) else f"it answered {status}"


def matches(status: int, codes: str) -> bool:
    """A target group's matcher: single codes and ranges, separated by commas."""
    for part in codes.split(","):
        low, _, high = part.strip().partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False
