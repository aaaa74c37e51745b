"""How many copies of a service run."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from config import service_rules as rules
from config.model import NOT_EMPTY, Model, Rule, fault


class Cooldowns(Model):
    """How long scaling waits before it goes on."""

    up: int | None = Field(
        None,
        ge=0,
        le=3600,
        description="Seconds before more copies are added; by default 300 on ECS and 0 on EKS.",
        examples=[60],
    )
    down: int | None = Field(
        None, ge=0, le=3600, description="Seconds before more copies are removed; by default 300.", examples=[600]
    )

    @classmethod
    def words_for_unknown(cls, key: str) -> tuple[str, str] | None:
        return {"out": ("is not a key here", "write up"), "in": ("is not a key here", "write down")}.get(key)


class ScheduledRange(Model):
    """The fewest and most copies from a time on, until the next entry's."""

    cron: Annotated[str, Rule(rules.check_schedule)] = Field(
        description="When: minute hour day-of-month month day-of-week.", examples=["0 8 * * MON-FRI"]
    )
    min: int = Field(ge=0, le=1000, description="Fewest copies; 0 is none at all.", examples=[2])
    max: int = Field(ge=0, le=1000, description="Most copies.", examples=[6])

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.max < self.min:
            raise fault(f"is {self.max}, less than min ({self.min})", f"write {self.min} or more", field="max")
        return self


class Scaling(Model):
    """How many copies run; fixed while max equals min."""

    min: int = Field(1, ge=1, le=1000, description="Fewest copies.", examples=[2])
    max: int = Field(1, ge=1, le=1000, description="Most copies; more than min turns scaling on.", examples=[10])
    cpu_target: int | None = Field(
        None, ge=10, le=90, description="Average CPU to keep, in percent of cpu.", examples=[60]
    )
    memory_target: int | None = Field(
        None,
        ge=10,
        le=90,
        description="Average memory to keep, in percent of memory; only for a service that also gives memory back.",
        examples=[70],
    )
    cooldowns: Cooldowns | None = Field(
        None, description="How long scaling waits before it goes on.", examples=[{"up": 60, "down": 600}]
    )
    schedule: Annotated[tuple[ScheduledRange, ...], NOT_EMPTY] | None = Field(
        None,
        description="Other values of min and max from certain times on; those above hold until the first of them. Only on ECS.",
        examples=[[{"cron": "0 8 * * MON-FRI", "min": 2, "max": 6}, {"cron": "0 20 * * *", "min": 0, "max": 0}]],
    )
    timezone: Annotated[str, Rule(rules.check_timezone)] = Field(
        "Etc/UTC", description="Time zone of the schedule.", examples=["Europe/Paris"]
    )

    @property
    def has_target(self) -> bool:
        """Whether there is anything to scale by."""
        return self.cpu_target is not None or self.memory_target is not None

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Fewest and most copies: now, and at the times of the schedule."""
        return ((self.min, self.max), *((then.min, then.max) for then in self.schedule or ()))

    @property
    def fewest(self) -> int:
        """The fewest copies at any time."""
        return min(low for low, _ in self.ranges)

    @property
    def changes(self) -> bool:
        """Whether the number of copies is ever another one than at the start."""
        low, high = self.ranges[0]
        return low < high or self.schedule is not None

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.max < self.min:
            raise fault(f"is {self.max}, less than min ({self.min})", f"write {self.min} or more", field="max")
        between = any(low < high for low, high in self.ranges)
        if between and not self.has_target:
            raise fault("can scale but has no target to scale by", "add cpu_target: 60")
        if self.cooldowns and not between:
            raise fault("have nothing to wait for: nothing scales", "remove them, or raise max", field="cooldowns")
        if self.schedule is None and "timezone" in self.model_fields_set:
            raise fault("is the schedule's, and there is none", "remove it, or add schedule", field="timezone")
        return self

    @classmethod
    def words_for_unknown(cls, key: str) -> tuple[str, str] | None:
        if key in {**HttpScaling.model_fields, **WorkerScaling.model_fields}:
            return f"means nothing for kind {'http' if cls is HttpScaling else 'worker'}", "use cpu_target"
        return None


class HttpScaling(Scaling):
    """How many copies run; fixed while max equals min."""

    requests_target: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Requests per minute and copy to keep; only ECS has this metric.",
        examples=[1000],
    )

    @property
    def has_target(self) -> bool:
        return super().has_target or self.requests_target is not None


class WorkerScaling(Scaling):
    """How many copies run; fixed while max equals min."""

    backlog_target: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Messages waiting in the worker's queue per copy to keep; only ECS has this metric.",
        examples=[20],
    )

    @property
    def has_target(self) -> bool:
        return super().has_target or self.backlog_target is not None
