"""Services as the catalog holds them, valid by default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from config.fields.health import HttpHealth
from config.service import HttpService, Job, Kind, Worker

_ANY: dict[str, Any] = {"folder": Path("services"), "description": "A service", "cpu": 256, "memory": 512}


def http(name: str = "web", **fields: Any) -> HttpService:
    """A service that answers below /<name>."""
    own = {"port": 8080, "path": f"/{name}", "health": HttpHealth(path="/healthz")}
    return HttpService(name=name, kind=Kind.HTTP, **{**_ANY, **own, **fields})


def inner(name: str = "ledger", **fields: Any) -> HttpService:
    """A service that only others call."""
    return HttpService(name=name, kind=Kind.HTTP, **{**_ANY, "port": 8080, "health": "/healthz", **fields})


def worker(name: str = "mailer", **fields: Any) -> Worker:
    return Worker(name=name, kind=Kind.WORKER, **{**_ANY, **fields})


def job(name: str = "hello", **fields: Any) -> Job:
    return Job(name=name, kind=Kind.JOB, **{**_ANY, "schedule": "0 1 * * *", **fields})
