"""notices as production runs it, with a queue and its dead letters."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.contract.harness import (
    Container,
    aws_client,
    aws_variables,
    build,
    emulated_aws,
    free_port,
    run,
    wait_http,
    wait_until,
)

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("engine")]
HOST = ("--network=host",)  # the embedded SQS listens only on the loopback
MOVEMENT = {"shipment": "S-1", "version": 1, "status": "booked", "location": "DEHAM"}


@pytest.fixture(scope="module")
def aws():
    with emulated_aws() as endpoint:
        yield endpoint


class Queue:
    """A queue of its own for a test: hidden for a second, two tries, then a dead letter."""

    def __init__(self, aws: str, name: str) -> None:
        self.sqs = aws_client("sqs", aws)
        self.dead = self.sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
        attributes = {"RedrivePolicy": redrive, "VisibilityTimeout": "1"}
        self.url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.environment = {"NOTICES_QUEUE_URL": self.url, **aws_variables(aws)}

    def send(self, body: Any) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body if isinstance(body, str) else json.dumps(body))

    def counts(self, url: str) -> tuple[int, int]:
        """Messages that wait, and those that are hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        waiting, hidden = (int(found[name]) for name in names)
        return waiting, hidden


@pytest.fixture
def queue(aws, request) -> Queue:
    return Queue(aws, request.node.name.replace("_", "-")[-60:])


def notices(container: Container) -> list[str]:
    return [line["notice"] for line in container.json_logs() if line["message"] == "notice"]


def test_a_movement_becomes_a_notice_and_leaves_the_queue(queue):
    with run(build("notices"), env=queue.environment, options=HOST) as container:
        queue.send(MOVEMENT)
        wait_until(lambda: notices(container) == ["Shipment S-1 is booked from DEHAM"], "the notice")
        wait_until(lambda: queue.counts(queue.url) == (0, 0), "the message is deleted")
        assert container.stop() == 0
        assert container.json_logs()[-1]["message"] == "stopped"


def test_a_poisoned_message_ends_among_the_dead_letters_and_others_do_not_wait(queue):
    with run(build("notices"), env=queue.environment, options=HOST) as container:
        queue.send("poison")
        queue.send(MOVEMENT)
        wait_until(lambda: len(notices(container)) == 1, "the notice of the good message")
        wait_until(lambda: queue.counts(queue.dead) == (1, 0), "the dead letter")
        assert queue.counts(queue.url) == (0, 0)
        bad = [line["tries"] for line in container.json_logs() if line["message"].startswith("malformed message")]
        assert bad == [1, 2]


def test_a_worker_that_is_killed_loses_no_message(queue):
    """What it had received comes again, to the next one."""
    for number in range(40):
        queue.send(MOVEMENT | {"shipment": f"S-{number}"})
    told: set[str] = set()
    with run(build("notices"), env=queue.environment, options=HOST) as first:
        wait_until(lambda: bool(notices(first)), "it has begun")
        first.kill()
        told |= set(notices(first))
    with run(build("notices"), env=queue.environment, options=HOST) as second:
        wait_until(lambda: queue.counts(queue.url) == (0, 0), "the queue is empty")
        told |= set(notices(second))
    assert told == {f"Shipment S-{number} is booked from DEHAM" for number in range(40)}
    assert queue.counts(queue.dead) == (0, 0)


def test_what_tracking_sends_is_what_notices_reads(queue):
    port = free_port()
    tracking = run(build("tracking"), env={"PORT": str(port), **queue.environment}, options=HOST)
    with run(build("notices"), env=queue.environment, options=HOST) as container, tracking:
        wait_http(f"http://127.0.0.1:{port}/healthz")
        new = {"id": "box-1", "route": ["DEHAM", "NLRTM"], "cargo": "tea", "weight_kg": 1}
        requests.post(f"http://127.0.0.1:{port}/shipments", json=new, timeout=10)
        move = {"json": {"to": "NLRTM", "note": "late"}, "headers": {"If-Match": "*"}}
        answer = requests.post(f"http://127.0.0.1:{port}/shipments/box-1/moves", timeout=10, **move)
        assert answer.json()["status"] == "arrived"
        wanted = {"Shipment box-1 is booked from DEHAM", "Shipment box-1 has arrived in NLRTM"}
        wait_until(lambda: set(notices(container)) == wanted, "both notices")
    assert queue.counts(queue.dead) == (0, 0)


def test_without_its_queue_it_goes_on_trying_and_still_stops(aws):
    environment = aws_variables("http://127.0.0.1:9") | {"NOTICES_QUEUE_URL": f"{aws}/000000000000/q"}
    with run(build("notices"), env=environment, options=HOST) as container:
        wait_until(lambda: "queue unavailable" in container.logs(), "it says so")
        assert container.stop() == 0


def test_a_wrong_setting_exits_with_2_and_one_line():
    with run(build("notices")) as container:
        assert container.wait() == 2
        assert container.logs().startswith("notices: NOTICES_QUEUE_URL: '' is not the address of a queue; write ")
