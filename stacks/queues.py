"""A worker's queue: what it takes messages from, where those that it cannot handle end, and the alarms on both. A queue that
somebody else owns has one alarm, on what waits in it.

It stands apart from either platform's worker, as both take from the same one; so its alarms exist once, not once per platform.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Aws, Duration, aws_kms, aws_sqs

from config.fields.queue import Queue
from config.service import Worker
from stacks.alarms import Metric, ServiceAlarms
from stacks.base import EnvironmentStack
from stacks.durations import seconds

# SQS keeps no message longer, and nobody should lose one before it was looked at.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
_KEEP_DEAD_LETTERS_DAYS = 14


@dataclass(frozen=True, kw_only=True)
class QueueAccess:
    """A queue, as its worker and those that send to it see it.

    Attributes:
        name: its name.
        url: its address.
        key: that encrypts it; None for SQS's own.
    """

    name: str
    url: str
    key: aws_kms.IKey | str | None

    @property
    def arn(self) -> str:
        """Built from the name, which a metric needs too: the ARN would take up another of State's 200 outputs."""
        return f"arn:{Aws.PARTITION}:sqs:{Aws.REGION}:{Aws.ACCOUNT_ID}:{self.name}"


def existing_queue(name: str, key: str | None) -> QueueAccess:
    """A queue that somebody else owns, in this account and region.

    Source of the address, which nothing in CloudFormation looks up:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html
    """
    return QueueAccess(name=name, url=f"https://sqs.{Aws.REGION}.{Aws.URL_SUFFIX}/{Aws.ACCOUNT_ID}/{name}", key=key)


def create_queue(stack: EnvironmentStack, spec: Worker, queue: Queue, *, alarm_topic_arn: str) -> aws_sqs.Queue:
    """The queue of a worker, with its dead-letter queue and alarms. TLS only, and encrypted.

    Its name is generated, as a table's is: in order or not (`fifo`) is fixed for a queue's life, and a new one must fit beside
    the old one.

    Args:
        stack: State.
        spec: the worker.
        queue: what its service.yaml says about the queue.
        alarm_topic_arn: where the alarms publish to.
    """
    dead_letters = _create(stack, f"DeadLetters-{spec.name}", queue, retention=Duration.days(_KEEP_DEAD_LETTERS_DAYS))
    created = _create(
        stack,
        f"Queue-{spec.name}",
        queue,
        retention=Duration.days(queue.retention_days),
        visibility_timeout=seconds(queue.visibility_timeout),
        dead_letter_queue=aws_sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=queue.tries),
    )
    alarms = watch_backlog(stack, spec, created.queue_name, alarm_topic_arn=alarm_topic_arn)
    alarms.above(
        "DeadLetters",
        queue_metric(dead_letters.queue_name, "ApproximateNumberOfMessagesVisible"),
        0,
        periods=1,
        description=f"{spec.name} failed {queue.tries} times with a message, which is now in its dead-letter queue",
    )
    return created


def watch_backlog(stack: EnvironmentStack, spec: Worker, queue_name: str, *, alarm_topic_arn: str) -> ServiceAlarms:
    """The alarm on what waits in a worker's queue, whoever made that; returns where further alarms of the worker go.

    Its id is the same in both cases: where another queue is used later, the alarm is changed and keeps its name.
    """
    alarms = ServiceAlarms(
        stack,
        f"Alarms-{spec.name}",
        prefix=f"{stack.settings.prefix}-{spec.name}",
        topic_arn=alarm_topic_arn,
        declared=spec.alarms,
    )
    alarms.above(
        "Backlog",
        queue_metric(queue_name, "ApproximateAgeOfOldestMessage"),
        spec.alarms.backlog_age,
        periods=3,
        description=f"A message for {spec.name} has waited more than {spec.alarms.backlog_age} s",
    )
    return alarms


def queue_metric(queue_name: str, name: str) -> Metric:
    """A metric of a queue, over one minute.

    Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    return Metric(namespace="AWS/SQS", name=name, dimensions={"QueueName": queue_name}, statistic="Maximum", seconds=60)


def _create(
    stack: EnvironmentStack,
    construct_id: str,
    queue: Queue,
    *,
    retention: Duration,
    visibility_timeout: Duration | None = None,
    dead_letter_queue: aws_sqs.DeadLetterQueue | None = None,
) -> aws_sqs.Queue:
    return aws_sqs.Queue(
        stack,
        construct_id,
        fifo=True if queue.fifo else None,  # SQS takes no false
        encryption=aws_sqs.QueueEncryption.KMS if stack.key else aws_sqs.QueueEncryption.SQS_MANAGED,
        encryption_master_key=stack.key,
        enforce_ssl=True,
        retention_period=retention,
        visibility_timeout=visibility_timeout,
        dead_letter_queue=dead_letter_queue,
        removal_policy=stack.removal_policy,
    )
