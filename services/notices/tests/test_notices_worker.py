"""Which messages are deleted, and which come again."""

from __future__ import annotations

import threading

import boto3
import pytest
from moto import mock_aws
from notices import worker
from notices.notice import MalformedError, Movement
from notices.queue import Queue, QueueUnavailableError
from notices.worker import Worker


def test_each_movement_becomes_a_notice_and_its_message_is_deleted(queue, work, body):
    queue.put(body(), body(status="arrived", location="USNYC", version=3))
    assert [movement.text for movement in work()] == [
        "Shipment S-1 has reached NLRTM",
        "Shipment S-1 has arrived in USNYC",
    ]
    assert queue.deleted == ["m1", "m2"]


def test_a_message_that_cannot_be_read_stays_and_stops_no_other(queue, work, body):
    queue.put("no JSON", body())
    assert len(work()) == 1
    assert queue.deleted == ["m2"]


def test_a_message_whose_notice_fails_stays_and_stops_no_other(queue, work, body):
    def write(movement: Movement) -> None:
        if movement.shipment == "bad":
            raise OSError("disk full")

    queue.put(body(shipment="bad"), body())
    work(write)
    assert queue.deleted == ["m2"]


def test_a_message_is_deleted_only_after_its_notice(queue, work, body):
    queue.put(body())
    seen: list[list[str]] = []
    work(lambda _: seen.append(list(queue.deleted)))
    assert seen == [[]]


def test_what_was_received_before_the_stop_is_finished(queue, stop, work, body):
    queue.put(*[body(version=n) for n in range(1, 26)])

    def write_and_stop(movement: Movement) -> None:
        stop.set()

    work(write_and_stop)
    assert [len(batch) for batch in queue.batches] == [10]
    assert len(queue.deleted) == 10


def test_a_queue_that_does_not_answer_is_asked_again(queue, stop, written, body, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(stop, "wait", pauses.append)
    queue.put(body())
    queue.fails = 7
    Worker(queue, written.append, stop).run()
    assert len(written) == 1
    assert pauses == [1, 2, 4, 8, 16, worker.LONGEST_PAUSE, worker.LONGEST_PAUSE]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"shipment": 5}, "shipment is missing or not text"),
        ({"shipment": ""}, "shipment is missing or not text"),
        ({"version": "2"}, "version is missing or not a number"),
        ({"version": True}, "version is missing or not a number"),
        ({"status": "sunk"}, "status is none of booked, in_transit, arrived"),
        ({"location": None}, "location is missing or not text"),
    ],
)
def test_a_wrong_field_is_named(body, changes, reason):
    with pytest.raises(MalformedError, match=f"^{reason}$"):
        Movement.read(body(**changes))


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "null", "[" * 100_000])
def test_what_is_no_object_is_malformed(text):
    with pytest.raises(MalformedError):
        Movement.read(text)


def test_a_field_that_it_does_not_know_is_ignored(body):
    assert Movement.read(body(note="late", at="2026-11-26T00:00:00.000Z")) == Movement.read(body())


# --- SQS, as moto plays it -------------------------------------------------------------------------------------------


@pytest.fixture
def sqs(monkeypatch):
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("sqs", region_name="us-east-1")
        dead = client.create_queue(QueueName="dead")["QueueUrl"]
        arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": 2}}'
        url = client.create_queue(QueueName="q", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "0"})
        yield client, url["QueueUrl"], dead


@pytest.fixture
def short_polls(monkeypatch):
    monkeypatch.setattr("notices.queue.WAIT", 0)


@pytest.mark.usefixtures("short_polls")
def test_a_poisoned_message_ends_among_the_dead_letters_and_a_good_one_is_gone(sqs, body, written):
    client, url, dead = sqs
    for message in ("poison", body()):
        client.send_message(QueueUrl=url, MessageBody=message)
    queue, stop = Queue(url), threading.Event()
    turns = 0

    class Turns:
        def receive(self):
            nonlocal turns
            turns += 1
            if turns == 4:
                stop.set()
            return queue.receive()

        delete = staticmethod(queue.delete)

    Worker(Turns(), written.append, stop).run()
    assert [movement.shipment for movement in written] == ["S-1"]
    assert [m["Body"] for m in client.receive_message(QueueUrl=dead)["Messages"]] == ["poison"]
    assert "Messages" not in client.receive_message(QueueUrl=url)


@pytest.mark.usefixtures("short_polls")
def test_a_queue_that_is_not_there_is_unavailable(sqs):
    _, url, _ = sqs
    with pytest.raises(QueueUnavailableError):
        Queue(f"{url}-gone").receive()
