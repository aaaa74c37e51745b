"""How many copies of a service run."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from config.model import Model, fault


class Scaling(Model):
    """How many copies run; fixed while max equals min."""

    min: int = Field(1, ge=1, le=1000, description="Fewest copies.", examples=[2])
    max: int = Field(1, ge=1, le=1000, description="Most copies; more than min turns scaling on.", examples=[10])
    cpu_target: int | None = Field(
        None, ge=10, le=90, description="Average CPU to keep, in percent of cpu.", examples=[60]
    )

    @property
    def has_target(self) -> bool:
        """Whether there is anything to scale by."""
        return self.cpu_target is not None

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.max < self.min:
            raise fault(f"is {self.max}, less than min ({self.min})", f"write {self.min} or more", field="max")
        if self.max > self.min and not self.has_target:
            raise fault("can scale but has no target to scale by", "add cpu_target: 60")
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
