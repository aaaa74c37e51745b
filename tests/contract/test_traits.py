"""The traits of microservices that the course names, each seen on the running services from outside."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.contract.harness import ROOT, Container, build, docker, run, temporary_network, wait_http, wait_until
from tests.contract.load import Load

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("engine")]
URLS = {"TRACKING_URL": "http://tracking:8080", "QUOTES_URL": "http://quotes:8080"}
SHIPMENT = {"id": "S-1", "route": ["DEHAM", "NLRTM", "SGSIN"], "cargo": "coffee", "weight_kg": 21000}
QUOTE = {"from": "NLRTM", "to": "SGSIN", "weight_kg": 18000, "volume_m3": 33.2}
HTTP_SERVICES = ("quotes", "tracking", "web")


@contextlib.contextmanager
def harbour() -> Iterator[tuple[str, dict[str, Container]]]:
    """The three http services on one network, each published, with one shipment booked."""
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(temporary_network())
        services = {
            name: stack.enter_context(
                run(
                    build(name),
                    network=network,
                    alias=name,
                    env=URLS | {"BREAKER_OPEN_MS": "500", "TRACKING_TIMEOUT_MS": "300", "DRAIN_SECONDS": "2"},
                    ports=(8080,),
                )
            )
            for name in HTTP_SERVICES
        }
        for container in services.values():
            wait_http(container.url(8080, "/healthz"))
        assert requests.post(services["tracking"].url(8080, "/shipments"), json=SHIPMENT, timeout=10).status_code == 201
        yield network, services


def test_independent_one_is_rebuilt_and_redeployed_while_the_others_answer(tmp_path: Path) -> None:
    """A code change in quotes changes only the image of quotes; while it replaces the old one, the others miss no request."""
    others = {name: docker("image", "inspect", "--format={{.Id}}", build(name)).stdout for name in ("tracking", "web")}
    with harbour() as (network, services):
        web, tracking, quotes = services["web"], services["tracking"], services["quotes"]
        pages, list_url = web.url(8080, "/"), tracking.url(8080, "/shipments")
        with (
            Load(lambda session: session.get(pages, timeout=10), clients=2) as page_load,
            Load(lambda session: session.get(list_url, timeout=10), clients=2) as list_load,
            Load(lambda session: session.get(f"{pages}tracking/shipments/S-1", timeout=10), clients=2) as through_load,
        ):
            wait_until(lambda: min(page_load.count, list_load.count, through_load.count) > 20, "the load has begun")
            copy = tmp_path / "quotes"
            shutil.copytree(ROOT / "services/quotes", copy)
            main = copy / "src/main/java/harbour/quotes/Main.java"
            main.write_text(main.read_text().replace('VERSION = "1.0.0"', 'VERSION = "1.0.1-test"'))
            docker("build", "--quiet", "--tag", "harbour-test/quotes:changed", str(copy), timeout=1200)
            assert quotes.stop() == 0
            with run(
                "harbour-test/quotes:changed", network=network, alias="quotes", env=URLS, ports=(8080,)
            ) as changed:
                wait_http(changed.url(8080, "/readyz"))
                wait_until(
                    lambda: requests.get(f"{pages}quotes/info", timeout=10).json().get("version") == "1.0.1-test",
                    "the new quotes answers through the page's origin",
                )
        for load in (page_load, list_load, through_load):
            assert set(load.statuses) == {200}
            assert load.lost == []
    assert others == {name: docker("image", "inspect", "--format={{.Id}}", build(name)).stdout for name in others}


def test_smart_endpoints_the_pipe_changes_no_answer() -> None:
    """The proxy in web passes on the service's own answer: status, body and type, for a success, a refusal and a mistake."""
    with harbour() as (_, services):
        web, tracking, quotes = services["web"], services["tracking"], services["quotes"]
        cases = [
            (tracking, "tracking", "GET", "/shipments/S-1", None),
            (tracking, "tracking", "GET", "/shipments/nobody", None),
            (tracking, "tracking", "POST", "/shipments", {"route": []}),
            (tracking, "tracking", "DELETE", "/shipments", None),
            (quotes, "quotes", "GET", "/ports", None),
            (quotes, "quotes", "POST", "/quotes", {"from": "X"}),
            (quotes, "quotes", "GET", "/quotes?from=NLRTM&from=SGSIN", None),
            (quotes, "quotes", "PUT", "/quotes", {}),
        ]
        for service, prefix, method, path, body in cases:
            headers = {"X-Request-Id": "same"}
            direct = requests.request(method, service.url(8080, path), json=body, headers=headers, timeout=10)
            piped = requests.request(method, web.url(8080, f"/{prefix}{path}"), json=body, headers=headers, timeout=10)
            assert (piped.status_code, piped.headers["Content-Type"]) == (
                direct.status_code,
                direct.headers["Content-Type"],
            )
            assert piped.content == direct.content
            assert piped.headers.get("Allow") == direct.headers.get("Allow")


def test_designed_for_failure_killed_tracking_degrades_and_breaks_nothing() -> None:
    """No 5xx from quotes, a readable error from web, and full recovery once tracking is back."""
    with harbour() as (_, services):
        web, tracking, quotes = services["web"], services["tracking"], services["quotes"]
        url = quotes.url(8080, "/quotes")
        with Load(lambda session: session.post(url, json=QUOTE | {"shipment": "S-1"}, timeout=20), clients=3) as load:
            wait_until(lambda: load.count > 20, "the load has begun")
            assert not load.answers[-1].json()["degraded"]
            tracking.kill()
            wait_until(lambda: load.answers[-1].json()["degraded"], "quotes report that they are degraded")
            away = requests.get(web.url(8080, "/tracking/shipments"), timeout=20)
            assert (away.status_code, away.json()["away"]) == (503, True)
            assert requests.get(web.url(8080, "/"), timeout=10).status_code == 200
            tracking.start()
            wait_until(lambda: not load.answers[-1].json()["degraded"], "quotes are no longer degraded")
            wait_http(web.url(8080, "/tracking/shipments/S-1"))
        assert set(load.statuses) == {200}
        assert load.lost == []


@pytest.mark.parametrize("service", ["quotes", "tracking"])
def test_disposable_sigterm_under_load_loses_no_request(service: str) -> None:
    paths = {"quotes": "/quotes?from=NLRTM&to=SGSIN&weight_kg=1&volume_m3=1", "tracking": "/shipments"}
    with run(build(service), env={"DRAIN_SECONDS": "2"}, ports=(8080,)) as container:
        ready = container.url(8080, "/readyz")
        wait_http(ready)
        url = container.url(8080, paths[service])
        with Load(lambda session: session.get(url, timeout=20), ready=ready) as load:
            wait_until(lambda: load.count > 200, "the load has begun")
            assert container.stop() == 0
            load.join()
        assert set(load.statuses) == {200}
        assert load.lost == []


def test_disposable_a_stop_of_web_under_load_loses_no_request() -> None:
    """A web container has no drain of its own: load balancers take it out of service before SIGTERM, with requests in flight."""
    with run(build("web"), ports=(8080,)) as container:
        wait_http(container.url(8080, "/healthz"))
        url = container.url(8080, "/app.js")
        with Load(lambda session: session.get(url, timeout=20)) as load:
            wait_until(lambda: load.count > 200, "the load has begun")
            load.end()
            assert container.stop() == 0
        assert set(load.statuses) == {200}
        assert load.lost == []


@pytest.mark.parametrize("service", HTTP_SERVICES)
def test_disposable_a_killed_container_starts_again_as_if_nothing_had_happened(service: str) -> None:
    with run(build(service), ports=(8080,)) as container:
        for _ in range(3):
            wait_http(container.url(8080, "/healthz"))
            container.kill()
            container.wait()
            container.start()
        wait_http(container.url(8080, "/healthz"))


@pytest.mark.parametrize("service", HTTP_SERVICES)
def test_parity_the_same_image_runs_in_every_environment(service: str) -> None:
    """Everything that differs between environments is passed in; none of it is in the image."""
    image = json.loads(docker("image", "inspect", build(service)).stdout)[0]
    inside = {entry.split("=", 1)[0] for entry in image["Config"]["Env"]}
    assert inside.isdisjoint({"DEPLOY_ENVIRONMENT", "BASE_PATH", "AWS_REGION", "AWS_ENDPOINT_URL", "SERVICE_NAME"})
    assert not [name for name in inside if name.endswith(("_URL", "_TABLE", "_KEY", "_TOKEN"))]
    path = {"quotes": "/quotes?from=NLRTM&to=SGSIN&weight_kg=1&volume_m3=1", "tracking": "/shipments", "web": "/"}[
        service
    ]
    answers = []
    for environment in ("sandbox", "production"):
        with run(
            build(service), env={"DEPLOY_ENVIRONMENT": environment, "SERVICE_NAME": service}, ports=(8080,)
        ) as container:
            wait_http(container.url(8080, "/healthz"))
            assert container.inspect()["Image"] == image["Id"]
            text = requests.get(container.url(8080, path), timeout=10).text
            answers.append(re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<time>", text))
            if service != "web":
                assert requests.get(container.url(8080, "/info"), timeout=10).json()["environment"] == environment
    assert answers[0] == answers[1]


def test_parity_the_only_parameter_of_a_build_is_the_registry() -> None:
    for dockerfile in (ROOT / "services").glob("*/Dockerfile"):
        assert set(re.findall(r"^ARG (\w+)", dockerfile.read_text(), re.MULTILINE)) <= {"BASE_REGISTRY"}
