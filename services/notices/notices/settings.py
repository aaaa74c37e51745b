"""What the environment says, read once at the start; a mistake in it is one line and exit code 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class SettingsError(ValueError):
    """An environment variable is wrong; the message names it and says what to write instead."""


@dataclass(frozen=True)
class Settings:
    queue_url: str
    environment: str = "local"
    log_level: str = "info"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        return cls(
            queue_url=_queue_url(environment.get("NOTICES_QUEUE_URL", "")),
            environment=environment.get("DEPLOY_ENVIRONMENT") or "local",
            log_level=_log_level(environment.get("LOG_LEVEL", "info")),
        )


def _queue_url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise SettingsError(f"NOTICES_QUEUE_URL: {text!r} is not the address of a queue; write one like https://sqs...")
    return text


def _log_level(text: str) -> str:
    known = ("debug", "info", "warning", "error")
    if text.lower() not in known:
        raise SettingsError(f"LOG_LEVEL: {text!r} is not a level; write one of {', '.join(known)}")
    return text.lower()
