"""quotes as production runs it, with tracking up, down, hanging and up again."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.contract.harness import Container, build, docker, run, temporary_network, wait_http, wait_until
from tests.contract.load import Load

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("engine")]
REQUEST = {"from": "NLRTM", "to": "SGSIN", "weight_kg": 18000, "volume_m3": 33.2}
SHIPMENT = {"id": "S-1", "route": ["DEHAM", "NLRTM", "SGSIN"], "cargo": "coffee", "weight_kg": 21000}
FAST = {"TRACKING_TIMEOUT_MS": "300", "BREAKER_FAILURES": "3", "BREAKER_OPEN_MS": "500", "DRAIN_SECONDS": "2"}


@contextlib.contextmanager
def pair() -> Iterator[tuple[Container, Container]]:
    """Quotes and tracking on their own network, with a shipment booked."""
    with (
        temporary_network() as network,
        run(build("tracking"), network=network, alias="tracking", ports=(8080,)) as tracking,
        run(
            build("quotes"),
            env={"TRACKING_URL": "http://tracking:8080", "BASE_PATH": "/quotes", **FAST},
            network=network,
            alias="quotes",
            ports=(8080,),
        ) as quotes,
    ):
        wait_http(tracking.url(8080, "/readyz"))
        wait_http(quotes.url(8080, "/readyz"))
        assert requests.post(tracking.url(8080, "/shipments"), json=SHIPMENT, timeout=10).status_code == 201
        yield quotes, tracking


@pytest.fixture(scope="module")
def quotes(engine):
    """For the tests that leave both running."""
    with pair() as (quotes, tracking):
        quotes.__dict__["tracking"] = tracking
        yield quotes


@pytest.fixture(scope="module")
def alone(engine):
    """Quotes without TRACKING_URL."""
    with run(build("quotes"), ports=(8080,)) as container:
        wait_http(container.url(8080, "/readyz"))
        yield container


def ask(container: Container, **more: object) -> requests.Response:
    return requests.post(container.url(8080, "/quotes"), json={**REQUEST, **more}, timeout=20)


def circuit(container: Container) -> str:
    return requests.get(container.url(8080, "/info"), timeout=10).json()["tracking"]["circuit"]


def test_query_and_body_give_the_same_price(quotes):
    body = ask(quotes).json()
    query = requests.get(quotes.url(8080, "/quotes"), params={k: str(v) for k, v in REQUEST.items()}, timeout=10).json()
    assert body["amount"] == query["amount"] == "5447.00"
    assert body["amount_minor"] == sum(line["amount_minor"] for line in body["lines"]) == 544700
    assert body["degraded"] is False


def test_it_serves_with_and_without_the_prefix(quotes):
    for path in ("/ports", "/info", "/openapi.json", "/healthz"):
        assert requests.get(quotes.url(8080, path), timeout=10).status_code == 200
        assert requests.get(quotes.url(8080, f"/quotes{path}"), timeout=10).status_code == 200
    assert requests.post(quotes.url(8080, "/quotes/quotes"), json=REQUEST, timeout=10).status_code == 200


def test_a_shipment_is_priced_by_what_tracking_knows(quotes):
    quote = ask(quotes, shipment="S-1").json()
    assert quote["shipment"] == {"id": "S-1", "status": "booked", "location": "DEHAM"}
    assert (quote["from"], quote["weight_kg"]) == ("DEHAM", 21000)
    assert quote["degraded"] is False


def test_a_shipment_that_does_not_exist_is_404(quotes):
    answer = ask(quotes, shipment="nobody")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_request_id_is_found_in_the_logs_of_both(quotes):
    answer = requests.post(
        quotes.url(8080, "/quotes"),
        json={**REQUEST, "shipment": "S-1"},
        headers={"X-Request-Id": "both-1"},
        timeout=10,
    )
    assert answer.headers["X-Request-Id"] == "both-1"
    for container in (quotes, quotes.__dict__["tracking"]):
        wait_until(
            lambda c=container: any(line.get("request_id") == "both-1" for line in c.json_logs()),
            f"request id in the log of {container.name}",
            timeout=10,
        )


def test_mistakes_are_reported_by_field(quotes):
    answer = requests.post(quotes.url(8080, "/quotes"), json={"from": "nowhere", "weight_kg": -1}, timeout=10)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == {"from", "to", "weight_kg", "volume_m3"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("DELETE", "/quotes", None, 405),
        ("POST", "/ports", "{}", 405),
        ("POST", "/quotes", "{", 400),
        ("POST", "/quotes", "[]", 400),
        ("POST", "/quotes", '{"from": "NLRTM", "from": "SGSIN"}', 400),
        ("POST", "/quotes", " " * 20000, 413),
    ],
)
def test_refusals_are_problems(quotes, method, path, body, status):
    headers = {"Content-Type": "application/json"}
    answer = requests.request(method, quotes.url(8080, path), data=body, headers=headers, timeout=10)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert ("Allow" in answer.headers) == (status == 405)


def test_head_has_the_headers_of_get(quotes):
    head, get = (requests.request(method, quotes.url(8080, "/ports"), timeout=10) for method in ("HEAD", "GET"))
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_the_engine_finds_it_healthy(quotes):
    wait_until(lambda: quotes.health() == "healthy", "HEALTHCHECK says healthy", timeout=40)


def test_every_log_line_is_json(quotes):
    requests.get(quotes.url(8080, "/%22%0a%00"), timeout=10)
    assert all({"time", "level", "service", "message"} <= line.keys() for line in quotes.json_logs())


def test_the_classes_come_from_the_cache(engine):
    """The JVM would start without its archive, only slower; here it must use the archive, and list its classes."""
    with run(build("quotes"), env={"JDK_JAVA_OPTIONS": "-XX:AOTMode=on -Xlog:class+load"}, ports=(8080,)) as container:
        wait_http(container.url(8080, "/readyz"))
        loaded = [line for line in container.logs().splitlines() if "harbour.quotes." in line and "source:" in line]
        assert len(loaded) > 10
        assert [line for line in loaded if "shared objects file" not in line] == []


def test_without_tracking_configured_it_says_so_and_quotes(alone):
    info = requests.get(alone.url(8080, "/info"), timeout=10).json()
    assert info["tracking"]["configured"] is False
    assert "TRACKING_URL" in info["tracking"]["note"]
    assert ask(alone).json()["degraded"] is False
    degraded = ask(alone, shipment="S-1").json()
    assert degraded["degraded"] is True
    assert "TRACKING_URL" in degraded["degraded_reason"]
    assert degraded["amount"] == ask(alone).json()["amount"]


def test_a_secret_is_seen_but_never_shown(engine):
    with run(build("quotes"), env={"CARRIER_API_KEY": "very-secret-key"}, ports=(8080,)) as container:
        wait_http(container.url(8080, "/readyz"))
        info = requests.get(container.url(8080, "/info"), timeout=10)
        metrics = requests.get(container.url(8080, "/metrics"), timeout=10)
        assert info.json()["carrier_key_configured"] is True
        assert "very-secret-key" not in info.text + metrics.text + container.logs()


def test_a_wrong_setting_exits_with_2_and_one_line(engine):
    with run(build("quotes"), env={"TRACKING_URL": "tracking:8080"}) as container:
        assert container.wait() == 2
        assert container.logs().splitlines() == [
            'quotes: TRACKING_URL: "tracking:8080" is not a URL; write it like http://tracking:8080'
        ]


def test_killed_tracking_degrades_quotes_and_the_circuit_opens_and_closes_again(engine):
    with pair() as (quotes, tracking):
        asked = {**REQUEST, "shipment": "S-1"}
        with Load(lambda session: session.post(quotes.url(8080, "/quotes"), json=asked, timeout=20), clients=3) as load:
            wait_until(lambda: load.count > 20, "the load has begun")
            tracking.kill()
            wait_until(lambda: any(a.json()["degraded"] for a in load.answers[-3:]), "quotes are degraded")
            wait_until(lambda: circuit(quotes) == "open", "the circuit opens")
            metrics = requests.get(quotes.url(8080, "/metrics"), timeout=10).text
            assert 'quotes_total{degraded="true"}' in metrics
            assert "quotes_tracking_circuit_opened" in metrics
            tracking.start()
            wait_until(lambda: circuit(quotes) == "closed", "the circuit closes by itself")
            wait_until(lambda: not load.answers[-1].json()["degraded"], "quotes are no longer degraded")
        assert set(load.statuses) == {200}
        assert load.lost == []
        reasons = {answer.json()["degraded_reason"] for answer in load.answers} - {None}
        assert any("circuit open" in reason for reason in reasons)


def test_a_hanging_tracking_does_not_hang_quotes(engine):
    with pair() as (quotes, tracking):
        docker("pause", tracking.name)
        try:
            answer = requests.post(quotes.url(8080, "/quotes"), json={**REQUEST, "shipment": "S-1"}, timeout=15)
        finally:
            docker("unpause", tracking.name)
        assert answer.status_code == 200
        assert answer.json()["degraded"] is True
        assert "in time" in answer.json()["degraded_reason"]


def test_every_operation_answers_as_its_openapi_says(quotes, tmp_path):
    """Schemathesis generates requests from the OpenAPI document and checks every answer against it."""
    folder = Path(__file__).parent
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        "--config-file",
        str(folder / "schemathesis-quotes.toml"),
    ]
    command += ["run", quotes.url(8080, "/openapi.json"), "--url", quotes.url(8080, "").rstrip("/"), "--seed", "1"]
    result = subprocess.run(
        [*command, "--max-examples", "40"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr
