"""Where the alarms of a service go off."""

from __future__ import annotations

from pydantic import Field

from config.model import Model


class AlarmThresholds(Model):
    """Where the alarms go off that also roll a deployment back."""

    errors_percent: int = Field(
        5,
        ge=1,
        le=100,
        description="Percent of requests that fail, three minutes in a row; 100 is never exceeded. WebSockets and requests "
        "that the caller gives up count as failed.",
        examples=[1],
    )
    latency_ms: int = Field(
        1000,
        ge=10,
        le=300_000,
        description="Milliseconds that the slowest 1 % of requests take, five minutes in a row.",
        examples=[5000],
    )


class QueueAlarms(Model):
    """Where the alarm on a worker's queue goes off."""

    backlog_age: int = Field(
        900,
        ge=60,
        le=14 * 24 * 3600,
        description="Seconds that the oldest message of the worker's queue may wait, three minutes in a row. Another alarm goes "
        "off at the first dead letter.",
        examples=[300],
    )
