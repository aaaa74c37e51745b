"""DynamoDB tables."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from config.model import Model, Pattern, fault

ATTRIBUTE = Pattern(r"[A-Za-z_][A-Za-z0-9_.-]*", "an attribute's name", "id", 255)


class Table(Model):
    """The service's own DynamoDB table; its keys are strings."""

    partition_key: Annotated[str, ATTRIBUTE] = Field(
        description="Attribute that items are partitioned by. Another one later is a new, empty table.", examples=["id"]
    )
    sort_key: Annotated[str, ATTRIBUTE] | None = Field(
        None,
        description="Attribute that orders the items of a partition. Another one later is a new, empty table.",
        examples=["at"],
    )
    ttl: Annotated[str, ATTRIBUTE] | None = Field(
        None, description="Attribute with the time at which an item expires, in Unix seconds.", examples=["expires"]
    )

    @model_validator(mode="after")
    def _check_distinct(self) -> Self:
        if self.sort_key == self.partition_key:
            raise fault("is the partition key too", "name another attribute", field="sort_key")
        if self.ttl and self.ttl in (self.partition_key, self.sort_key):
            raise fault(
                "is a key, and keys are text while an expiry is a number", "name another attribute", field="ttl"
            )
        return self
