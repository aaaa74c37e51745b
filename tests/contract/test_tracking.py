"""tracking as production runs it, seen over HTTP and through the engine."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
import requests

from tests.contract.harness import (
    Container,
    aws_client,
    aws_variables,
    build,
    emulated_aws,
    run,
    wait_http,
    wait_until,
)

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("engine")]
NEW = {"route": ["DEHAM", "NLRTM", "USNYC"], "cargo": "coffee", "weight_kg": 18000}


@pytest.fixture(scope="module")
def tracking(engine):
    """One service with the embedded store for all tests that leave it running."""
    with run(build("tracking"), env={"BASE_PATH": "/tracking"}, ports=(8080,)) as container:
        wait_http(container.url(8080, "/readyz"))
        yield container


def status_of_process_1(container: Container) -> dict[str, str]:
    text = container.exec("cat", "/proc/1/status").stdout
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_it_runs_as_an_unnamed_user_without_rights(tracking):
    status = status_of_process_1(tracking)
    assert status["Uid"].split() == ["65532"] * 4
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"


def test_it_can_write_to_tmp_and_nowhere_else(tracking):
    assert tracking.exec("touch", "/tmp/x").returncode == 0
    for path in ("/x", "/opt/tracking/code/x", "/var/tmp/x", "/home/x"):
        assert tracking.exec("touch", path, check=False).returncode != 0, path


def test_the_engine_finds_it_healthy(tracking):
    wait_until(lambda: tracking.health() == "healthy", "HEALTHCHECK says healthy")


def test_it_reports_at_start_and_in_info_that_nothing_is_durable(tracking):
    assert any("TRACKING_TABLE is not set" in line["message"] for line in tracking.json_logs())
    info = requests.get(tracking.url(8080, "/info"), timeout=5).json()
    assert (info["store"], info["durable"]) == ("sqlite", False)
    assert info["instance"] == tracking.inspect()["Config"]["Hostname"]
    assert info["python"].startswith("3.13.")


def test_shipments_are_served_with_and_without_the_prefix(tracking):
    made = requests.post(tracking.url(8080, "/shipments"), json=NEW, timeout=5)
    assert made.status_code == 201
    assert made.headers["Location"].startswith("/tracking/shipments/")
    for path in (made.headers["Location"], made.headers["Location"].removeprefix("/tracking")):
        assert requests.get(tracking.url(8080, path), timeout=5).json() == made.json()


def test_a_request_id_goes_through_to_answer_and_log(tracking):
    request_id = f"lab-{uuid.uuid4()}"
    answer = requests.get(tracking.url(8080, "/shipments"), headers={"X-Request-Id": request_id}, timeout=5)
    assert answer.headers["X-Request-Id"] == request_id

    def lines() -> list[dict]:
        return [line for line in tracking.json_logs() if line.get("request_id") == request_id]

    wait_until(lambda: bool(lines()), "the request is logged")
    assert [(line["method"], line["route"], line["status"]) for line in lines()] == [("GET", "/shipments", 200)]


def test_metrics_count_answers(tracking):
    def answered() -> float:
        text = requests.get(tracking.url(8080, "/metrics"), timeout=5).text
        found = re.search(r'^http_requests_total\{method="GET",route="/info",status="200"\} (\S+)$', text, re.MULTILINE)
        return float(found[1]) if found else 0

    before = answered()
    requests.get(tracking.url(8080, "/info"), timeout=5)
    wait_until(lambda: answered() == before + 1, "the request is counted")


def test_a_restart_keeps_shipments_a_new_container_has_none():
    with run(build("tracking"), env={"DRAIN_SECONDS": "0"}, ports=(8080,)) as first:
        wait_http(first.url(8080, "/readyz"))
        made = requests.post(first.url(8080, "/shipments"), json=NEW, timeout=5).json()
        assert first.stop() == 0
        first.start()
        wait_http(first.url(8080, "/readyz"))
        assert requests.get(first.url(8080, f"/shipments/{made['id']}"), timeout=5).json() == made
    with run(build("tracking"), ports=(8080,)) as second:
        wait_http(second.url(8080, "/readyz"))
        assert requests.get(second.url(8080, "/shipments"), timeout=5).json()["items"] == []


def test_a_wrong_setting_exits_with_2_and_one_line():
    with run(build("tracking"), env={"LOG_LEVEL": "loud"}) as container:
        assert container.wait() == 2
        assert container.logs() == (
            "tracking: LOG_LEVEL: 'loud' is not a level; write one of debug, info, warning, error\n"
        )


class LoadBalancer:
    """Clients that send until readiness fails, each over a kept-alive connection, as a load balancer does."""

    def __init__(self, container: Container, clients: int = 8) -> None:
        self._url = container.url(8080)
        self._red = threading.Event()
        self.kept: list[str] = []
        self.lost: list[str] = []
        self._threads = [threading.Thread(target=self._send) for _ in range(clients)]
        self._threads.append(threading.Thread(target=self._watch))
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)

    def _watch(self) -> None:
        with contextlib.suppress(requests.RequestException):
            while requests.get(f"{self._url}readyz", timeout=5).status_code == 200:
                time.sleep(0.05)
        self._red.set()

    def _send(self) -> None:
        with requests.Session() as session:
            while not self._red.is_set():
                try:
                    answer = session.post(f"{self._url}shipments", json=NEW, timeout=20)
                    (self.kept if answer.status_code == 201 else self.lost).append(answer.json().get("id", answer.text))
                except requests.RequestException as error:
                    self.lost.append(str(error))


def test_sigterm_under_load_loses_no_request():
    with run(build("tracking"), env={"DRAIN_SECONDS": "2"}, ports=(8080,)) as container:
        wait_http(container.url(8080, "/readyz"))
        load = LoadBalancer(container)
        wait_until(lambda: len(load.kept) > 200, "the load has begun")
        assert container.stop() == 0
        load.join()
        assert load.lost == []
        container.start()
        wait_http(container.url(8080, "/readyz"))
        gone = [
            s for s in load.kept if requests.get(container.url(8080, f"/shipments/{s}"), timeout=5).status_code != 200
        ]
        assert gone == []


def test_without_its_table_it_lives_but_is_not_ready():
    environment = {
        "TRACKING_TABLE": "none",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    with run(build("tracking"), env=environment, ports=(8080,)) as container:
        wait_http(container.url(8080, "/healthz"))
        for path in ("/readyz", "/shipments"):
            answer = requests.get(container.url(8080, path), timeout=30)
            assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
        assert requests.get(container.url(8080, "/healthz"), timeout=5).status_code == 200


@pytest.fixture(scope="module")
def dynamodb():
    """An embedded DynamoDB on the loopback, with the table that service.yaml asks for; yields its address."""
    with emulated_aws() as endpoint:
        aws_client("dynamodb", endpoint).create_table(
            TableName="shipments",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield endpoint


def test_two_tasks_share_one_table(dynamodb):
    """One reads what the other writes, and of two moves from the same version one is refused."""

    def environment(port: int) -> dict[str, str]:
        return {"PORT": str(port), "TRACKING_TABLE": "shipments", **aws_variables(dynamodb)}

    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports.append(free.getsockname()[1])
    host = ("--network=host",)  # the embedded DynamoDB listens only on the loopback
    with (
        run(build("tracking"), env=environment(ports[0]), options=host),
        run(build("tracking"), env=environment(ports[1]), options=host),
    ):
        first, second = (f"http://127.0.0.1:{port}" for port in ports)
        for url in (first, second):
            assert wait_http(f"{url}/readyz").json()["store"] == "dynamodb"
        key = {"Idempotency-Key": "k-1"}
        made = requests.post(f"{first}/shipments", json=NEW, headers=key, timeout=10)
        again = requests.post(f"{second}/shipments", json=NEW, headers=key, timeout=10)
        assert (again.status_code, again.json()) == (201, made.json())
        other = requests.post(f"{second}/shipments", json=NEW | {"cargo": "tea"}, headers=key, timeout=10)
        assert other.status_code == 409
        path = f"/shipments/{made.json()['id']}"
        moves = [
            requests.post(f"{url}{path}/moves", json={"to": "NLRTM"}, headers={"If-Match": '"1"'}, timeout=10)
            for url in (first, second)
        ]
        assert [move.status_code for move in moves] == [200, 412]
        history = requests.get(f"{second}{path}/history", timeout=10).json()["items"]
        assert [line["location"] for line in history] == ["DEHAM", "NLRTM"]
        ids = {requests.post(f"{first}/shipments", json=NEW, timeout=10).json()["id"] for _ in range(5)}
        listed, query = set(), "?limit=2"
        while query:
            page = requests.get(f"{second}/shipments{query}", timeout=10).json()
            listed |= {item["id"] for item in page["items"]}
            query = page["next"] and f"?limit=2&cursor={page['next']}"
        assert listed == ids | {made.json()["id"]}


def test_every_operation_answers_as_its_openapi_says(tracking, tmp_path):
    """Schemathesis generates valid and invalid requests, and follows the links between operations."""
    folder = Path(__file__).parent
    arguments = ["--phases=examples,coverage,fuzzing,stateful", "--max-examples=60", "--seed=1"]
    result = subprocess.run(
        [
            Path(sys.prefix) / "bin" / "schemathesis",
            f"--config-file={folder / 'schemathesis.toml'}",
            "--no-color",
            "run",
            tracking.url(8080, "/openapi.json"),
            *arguments,
        ],
        env=os.environ | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(folder)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Tested: 8" in result.stdout
