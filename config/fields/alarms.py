"""When the alarms of a service go off, or that it has none."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from pydantic import Field, GetJsonSchemaHandler, ModelWrapValidatorHandler, PrivateAttr, model_validator
from pydantic_core import CoreSchema

from config import service_rules as rules
from config.model import Model, Pattern, Rule

_NONE: Final = "none"
# CloudWatch's description of an alarm has 1,024 characters, for the sentence too.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
_URL: Final = Pattern(
    r"https://[^\s\x00-\x1f\x7f]+", "an address that begins with https://", "https://wiki.example/tracking", 500
)


class Alarms(Model):
    """What every alarm of the service says; or none, for no alarms at all."""

    stands_for_mapping: ClassVar[str] = _NONE

    runbook: Annotated[str, _URL, Rule(rules.check_text)] | None = Field(
        None,
        description="Address of what to do when an alarm goes off; at the end of every alarm's description.",
        examples=["https://wiki.example/tracking"],
    )

    _off: bool = PrivateAttr(False)

    @property
    def wanted(self) -> bool:
        """Whether the service has alarms at all."""
        return not self._off

    @model_validator(mode="wrap")
    @classmethod
    def _read_none(cls, value: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        if value != _NONE:
            return handler(value)
        without = cls()
        without._off = True
        return without

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(schema), {"const": _NONE}]}

    @classmethod
    def words_for_unknown(cls, key: str) -> tuple[str, str] | None:
        if any(key in model.model_fields for model in (AlarmThresholds, QueueAlarms)):
            return "means nothing for this kind", "remove it"
        return None


class AlarmThresholds(Alarms):
    """When the alarms go off that also roll a deployment back. `none` leaves only the circuit breaker."""

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


class QueueAlarms(Alarms):
    """When the alarm on a worker's queue goes off. `none`: no alarms at all."""

    backlog_age: int = Field(
        900,
        ge=60,
        le=14 * 24 * 3600,
        description="Seconds that the oldest message of the worker's queue may wait, three minutes in a row. Another alarm goes "
        "off at the first dead letter.",
        examples=[300],
    )
