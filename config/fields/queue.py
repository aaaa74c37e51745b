"""SQS queues."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from config.fields.keys import KEY_ARN, KEY_EXAMPLE
from config.model import Model, Pattern, fault

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
_QUEUE_NAME: Final = Pattern(r"[A-Za-z0-9_-]+(\.fifo)?", "a queue's name", "orders-prod", 80)

_OF_A_NEW_ONE: Final = ("visibility_timeout", "retention_days", "tries", "fifo")


class Queue(Model):
    """The worker's own SQS queue, and a second one for messages that it gives up; or one that exists. Bounds are SQS's own."""

    existing: Annotated[str, _QUEUE_NAME] | None = Field(
        None,
        description="Name of a queue in this account and region that somebody else owns: none is made. With .fifo, in order.",
        examples=["orders-prod"],
    )
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    visibility_timeout: int = Field(
        60,
        ge=1,
        le=43_200,
        description="Seconds that a copy has for a message before another copy gets it too.",
        examples=[60],
    )
    retention_days: int = Field(
        4, ge=1, le=14, description="Days that a message waits for the worker before it is lost.", examples=[4]
    )
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    tries: int = Field(
        5,
        ge=1,
        le=1000,
        description="How many times a message is received before it becomes a dead letter.",
        examples=[5],
    )
    fifo: bool = Field(
        False,
        description="Whether messages of one group arrive in order and once. Changing it makes a new, empty queue.",
        examples=[True],
    )
    kms_key: Annotated[str, KEY_ARN] | None = Field(
        None, description="ARN of the key of an existing queue, where that is not SQS's own.", examples=[KEY_EXAMPLE]
    )

    @model_validator(mode="after")
    def _check_owner(self) -> Self:
        if self.kms_key and not self.existing:
            raise fault("is for existing queues; others are under the environment's key", "remove it", field="kms_key")
        for field in _OF_A_NEW_ONE:
            if self.existing and field in self.model_fields_set:
                problem = "cannot be set on a queue that somebody else owns"
                remedy = "remove it, and set it where the queue is made"
                if field == "fifo":
                    remedy = "remove it; the name of a queue in order ends in .fifo"
                raise fault(problem, remedy, field=field)
        return self
