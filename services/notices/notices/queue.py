"""The queue, as far as the worker needs it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import botocore.config
import botocore.exceptions
import botocore.session

BATCH = 10  # messages; SQS gives no more at once
WAIT = 10  # seconds that an empty queue holds the answer back: far below the stop timeout, which a poll must fit into


class QueueUnavailableError(Exception):
    """The queue did not answer; what was asked may be asked again."""


@dataclass(frozen=True)
class Message:
    id: str
    body: str
    receipt: str  # names this delivery of the message, for its deletion
    tries: int  # how often it was delivered, this time included


class Queue:
    """An SQS queue. The region and the endpoint are those that AWS_REGION and AWS_ENDPOINT_URL name."""

    def __init__(self, url: str, client: Any = None) -> None:
        self._url = url
        self._client = client or _client()

    def receive(self) -> list[Message]:
        """Up to a batch, as soon as there is any; none after some seconds without."""
        answer = self._call(
            "receive_message",
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=WAIT,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return [
            Message(
                id=found["MessageId"],
                body=found["Body"],
                receipt=found["ReceiptHandle"],
                tries=int(found.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for found in answer.get("Messages", [])
        ]

    def delete(self, messages: Sequence[Message]) -> list[str]:
        """Returns the ids of those that could not be deleted, which will come again."""
        entries = [{"Id": str(n), "ReceiptHandle": message.receipt} for n, message in enumerate(messages)]
        ids = {str(n): message.id for n, message in enumerate(messages)}
        if not entries:
            return []
        answer = self._call("delete_message_batch", Entries=entries)
        return [ids[failed["Id"]] for failed in answer.get("Failed", [])]

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(QueueUrl=self._url, **arguments)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            raise QueueUnavailableError(str(error)) from error
        return answer


def _client() -> Any:
    config = botocore.config.Config(
        connect_timeout=2, read_timeout=WAIT + 5, retries={"mode": "standard", "total_max_attempts": 2}
    )
    try:
        return botocore.session.Session().create_client(
            "sqs", region_name=os.environ.get("AWS_REGION") or None, config=config
        )
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise QueueUnavailableError(f"no client: {error}") from error
