"""SQS queues."""

from __future__ import annotations

from pydantic import Field

from config.model import Model


class Queue(Model):
    """The worker's own SQS queue, and a second one for messages that it gives up; bounds are SQS's own."""

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
