"""Who is told about a movement, and that no request fails because of it."""

from __future__ import annotations

import json

import boto3
import pytest
from moto import mock_aws
from tracking.notices import QueueNotices


class FakeSqs:
    """Keeps what is sent, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.bodies: list[dict] = []
        self._error = error

    def send_message(self, **message: str) -> None:
        assert message["QueueUrl"] == "http://sqs/q"
        if self._error:
            raise self._error
        self.bodies.append(json.loads(message["MessageBody"]))


@pytest.fixture
def told(serve, new):
    """Starts the service with a queue; returns a client of it and the queue."""

    def start(error: Exception | None = None):
        sqs = FakeSqs(error)
        return serve(notices=QueueNotices("http://sqs/q", lambda: sqs)), sqs

    return start


def moved(api, made, to: str, **more):
    return api.post(f"/shipments/{made['id']}/moves", {"to": to, **more}, headers={"If-Match": "*"})


def test_a_new_shipment_and_each_move_are_told_once(told, new):
    api, sqs = told()
    made = api.post("/shipments", new, headers={"Idempotency-Key": "k"}).json()
    api.post("/shipments", new, headers={"Idempotency-Key": "k"})
    assert moved(api, made, "NLRTM", note="late").status_code == 200
    assert moved(api, made, "NLRTM").status_code == 409
    first, second = sqs.bodies
    assert first == {
        "shipment": made["id"], "version": 1, "status": "booked", "location": "DEHAM", "at": made["created_at"]
    }  # fmt: skip
    assert (second["version"], second["status"], second["location"], second["note"]) == (
        2,
        "in_transit",
        "NLRTM",
        "late",
    )
    assert 'notices_total{result="sent"} 2.0' in api.get("/metrics").text


def test_a_queue_that_fails_fails_no_request_and_is_counted(told, new, caplog):
    api, _ = told(ConnectionError("no answer"))
    answer = api.post("/shipments", new)
    assert answer.status_code == 201
    assert moved(api, answer.json(), "NLRTM").status_code == 200
    assert 'notices_total{result="lost"} 2.0' in api.get("/metrics").text
    assert "no notice: no answer" in caplog.text


def test_a_client_that_cannot_be_made_fails_no_request(serve, new):
    def broken():
        raise ValueError("no region")

    assert serve(notices=QueueNotices("http://sqs/q", broken)).post("/shipments", new).status_code == 201


def test_the_message_reaches_sqs(serve, new, monkeypatch):
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        sqs = boto3.client("sqs", region_name="us-east-1")
        url = sqs.create_queue(QueueName="notices")["QueueUrl"]
        made = serve(notices=QueueNotices(url)).post("/shipments", new).json()
        [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["shipment"] == made["id"]


def test_without_a_queue_nobody_is_told(api, new):
    assert api.post("/shipments", new).status_code == 201
    assert "notices_total{result=" not in api.get("/metrics").text
