"""DynamoDB tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from config.fields.keys import KEY_ARN, KEY_EXAMPLE
from config.model import Model, Pattern, Rule, fault

ATTRIBUTE = Pattern(r"[A-Za-z_][A-Za-z0-9_.-]*", "an attribute's name", "id", 255)
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-dynamodb-table-globalsecondaryindex.html has the
# same rule for an index as the reference of the table has for its name.
TABLE_NAME = Pattern(r"[A-Za-z0-9_.-]+", "a table's name", "orders-prod", 255, 3)
INDEX_NAME = Pattern(r"[A-Za-z0-9_.-]+", "an index's name", "by_customer", 255, 3)
SHORT_NAME = Pattern(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", "lower-case letters, digits and hyphens", "events", 40)

_MOST_INDEXES: Final = 20
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"""


def _check_index_names(indexes: Mapping[str, object]) -> None:
    _check_names(indexes, INDEX_NAME)
    if len(indexes) > _MOST_INDEXES:
        raise fault(f"holds {len(indexes)}, and a table has {_MOST_INDEXES} at most", "remove some")


def check_table_names(tables: Mapping[str, object]) -> None:
    """Names become part of a variable's name."""
    _check_names(tables, SHORT_NAME)


def _check_names(names: Mapping[str, object], rule: Pattern) -> None:
    for name in names:
        try:
            rule.check(name)
        except ValueError:
            raise fault("is not a valid name", f"write {rule.says}, e.g. {rule.example}", field=name) from None


class Index(Model):
    """A global secondary index with all attributes; its keys are strings."""

    partition_key: Annotated[str, ATTRIBUTE] = Field(
        description="Attribute that the index is partitioned by.", examples=["customer"]
    )
    sort_key: Annotated[str, ATTRIBUTE] | None = Field(
        None, description="Attribute that orders the items of a partition.", examples=["at"]
    )


class Table(Model):
    """The service's own DynamoDB table, or one that exists; its keys are strings."""

    existing: Annotated[str, TABLE_NAME] | None = Field(
        None,
        description="Name of a table in this account and region that somebody else owns, instead of a new one; with its keys.",
        examples=["orders-prod"],
    )
    partition_key: Annotated[str, ATTRIBUTE] = Field(
        description="Attribute that items are partitioned by. Changing it makes a new, empty table.", examples=["id"]
    )
    sort_key: Annotated[str, ATTRIBUTE] | None = Field(
        None,
        description="Attribute that orders the items of a partition. Changing it makes a new, empty table.",
        examples=["at"],
    )
    ttl: Annotated[str, ATTRIBUTE] | None = Field(
        None, description="Attribute with the time at which an item expires, in Unix seconds.", examples=["expires"]
    )
    indexes: Annotated[dict[str, Index], Rule(_check_index_names)] = Field(
        {},
        description="Global secondary indexes by name, at most 20.",
        examples=[{"by_customer": {"partition_key": "customer"}}],
    )
    stream: bool = Field(
        False,
        description="Whether changes can be read, old and new items, for 24 hours; <NAME>_TABLE_STREAM holds the stream's ARN.",
        examples=[True],
    )
    kms_key: Annotated[str, KEY_ARN] | None = Field(
        None,
        description="ARN of an existing table's KMS key, if that is not DynamoDB's own.",
        examples=[KEY_EXAMPLE],
    )

    @property
    def keys(self) -> tuple[str, ...]:
        """The attributes of the primary key."""
        return (self.partition_key, self.sort_key) if self.sort_key else (self.partition_key,)

    @model_validator(mode="after")
    def _check_distinct(self) -> Self:
        if self.sort_key == self.partition_key:
            raise fault("is the partition key too", "name another attribute", field="sort_key")
        text = {*self.keys, *(key for index in self.indexes.values() for key in (index.partition_key, index.sort_key))}
        if self.ttl and self.ttl in text:
            raise fault(
                "is a key, and keys are text while an expiry is a number", "name another attribute", field="ttl"
            )
        for name, index in self.indexes.items():
            if index.sort_key == index.partition_key:
                raise fault("is the partition key too", "name another attribute", field=f"indexes.{name}.sort_key")
        return self

    @model_validator(mode="after")
    def _check_owner(self) -> Self:
        if self.kms_key and not self.existing:
            raise fault("is for existing tables; others are under the environment's key", "remove it", field="kms_key")
        for field in ("ttl", "stream"):
            if self.existing and getattr(self, field):
                problem = "cannot be set on a table that somebody else owns"
                remedy = "remove it, and set it where the table is made"
                raise fault(problem, remedy, field=field)
        return self
