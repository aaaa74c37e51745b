"""What the environment says, read once at the start; a mistake in it is one line and exit code 2."""

from __future__ import annotations

import logging
import platform
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class SettingsError(ValueError):
    """An environment variable is wrong; the message names it and says what to write instead."""


@dataclass(frozen=True)
class Settings:
    port: int = 8080
    base_path: str = ""  # the prefix under which the load balancer routes here, e.g. /tracking; "" for none
    table: str | None = None  # DynamoDB table; None: the embedded store
    notices_queue: str | None = None  # address of the queue of notices; None: nobody is told
    write_token: str | None = field(default=None, repr=False)  # when set, writes need `Authorization: Bearer <it>`
    environment: str = "local"
    log_level: str = "info"
    drain_seconds: float = 5.0  # after SIGTERM, how long requests are still taken while the load balancer learns of it
    data_file: Path = Path(tempfile.gettempdir()) / "tracking.sqlite3"  # of the embedded store
    instance: str = field(default_factory=platform.node)  # the container's id, the pod's name

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        return cls(
            port=_port(environment.get("PORT", "8080")),
            base_path=_base_path(environment.get("BASE_PATH", "")),
            table=environment.get("TRACKING_TABLE") or None,
            notices_queue=environment.get("NOTICES_QUEUE_URL") or None,
            write_token=environment.get("WRITE_TOKEN") or None,
            environment=environment.get("DEPLOY_ENVIRONMENT") or "local",
            log_level=_log_level(environment.get("LOG_LEVEL", "info")),
            drain_seconds=_seconds("DRAIN_SECONDS", environment.get("DRAIN_SECONDS", "5")),
        )


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise SettingsError(f"PORT: {text!r} is not a port; write a number from 1 to 65535")
    return int(text)


def _base_path(text: str) -> str:
    path = text.rstrip("/")
    if path and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", path):
        raise SettingsError(f"BASE_PATH: {text!r} is not a path; write one like /tracking, or nothing")
    return path


def _log_level(text: str) -> str:
    known = ("debug", "info", "warning", "error")
    if text.lower() not in known:
        raise SettingsError(f"LOG_LEVEL: {text!r} is not a level; write one of {', '.join(known)}")
    return text.lower()


def _seconds(name: str, text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?", text):
        raise SettingsError(f"{name}: {text!r} is not a number of seconds; write one from 0 to 999")
    return float(text)


def level_number(name: str) -> int:
    """The logging module's number of a level that Settings accepted."""
    return logging.getLevelNamesMapping()[name.upper()]
