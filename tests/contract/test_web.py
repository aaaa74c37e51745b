"""web as production runs it: httpd over plain HTTP, and the page in a browser, with and without its neighbours."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from tests.browser import Page, browser
from tests.contract.harness import Container, build, run, temporary_network, wait_http, wait_until

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("engine")]
URLS = {"TRACKING_URL": "http://tracking:8080", "QUOTES_URL": "http://quotes:8080"}
SHIPMENT = {"id": "S-1", "route": ["DEHAM", "NLRTM", "SGSIN"], "cargo": "coffee", "weight_kg": 21000}
SLOW = """
import http.server, time
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(3)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(("", 8080), Slow).serve_forever()
"""


@contextlib.contextmanager
def harbour() -> Iterator[tuple[Container, Container, Container]]:
    """All three services on their own network, with one shipment booked."""
    with (
        temporary_network() as network,
        run(build("tracking"), network=network, alias="tracking", env={"DRAIN_SECONDS": "0"}) as tracking,
        run(build("quotes"), network=network, alias="quotes", env=URLS | {"TRACKING_TIMEOUT_MS": "300"}) as quotes,
        run(build("web"), network=network, env=URLS, ports=(8080,)) as web,
    ):
        wait_http(web.url(8080, "/tracking/shipments"))
        wait_http(web.url(8080, "/quotes/info"))
        assert requests.post(web.url(8080, "/tracking/shipments"), json=SHIPMENT, timeout=10).status_code == 201
        yield web, tracking, quotes


@pytest.fixture(scope="module")
def alone(engine):
    """The page with no neighbours configured."""
    with run(build("web"), ports=(8080,)) as container:
        wait_http(container.url(8080, "/healthz"))
        yield container


@pytest.fixture(scope="module")
def web(engine):
    """The page with both neighbours, for tests that leave them running."""
    with harbour() as (web, _, _):
        yield web


def get(container: Container, path: str, **headers: str) -> requests.Response:
    return requests.get(container.url(8080, path), headers=headers, timeout=15, allow_redirects=False)


def raw(container: Container, request: bytes) -> bytes:
    """The first line of the answer to bytes that no library would send."""
    port = int(container.url(8080, "").rsplit(":", 1)[1].rstrip("/"))
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(4096).split(b"\r\n")[0]


# --- plain HTTP, alone ---


def test_health_and_page_are_served(alone):
    assert get(alone, "/healthz").json() == {"status": "ok"}
    page = get(alone, "/")
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>Harbour</h1>" in page.text


@pytest.mark.parametrize("path", ["/", "/app.js", "/nothing", "/tracking/shipments", "/quotes/metrics"])
def test_every_answer_has_the_security_headers_once(alone, path):
    headers = get(alone, path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.count("default-src 'none'") == 1
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "geolocation=()" in headers["Permissions-Policy"]


def test_hsts_is_sent_behind_https_only(alone):
    assert "Strict-Transport-Security" not in get(alone, "/").headers
    assert "max-age=" in get(alone, "/", **{"X-Forwarded-Proto": "https"}).headers["Strict-Transport-Security"]


def test_the_server_hides_its_version_and_refuses_trace(alone):
    assert get(alone, "/").headers["Server"] == "Apache"
    assert requests.request("TRACE", alone.url(8080, "/"), timeout=10).status_code == 405
    assert "2.4" not in get(alone, "/nothing").text


def test_the_page_is_revalidated_and_its_parts_are_cached(alone):
    assert get(alone, "/").headers["Cache-Control"] == "no-cache"
    assert get(alone, "/healthz").headers["Cache-Control"] == "no-store"
    assert "max-age=300" in get(alone, "/app.js").headers["Cache-Control"]
    assert get(alone, "/nothing.js").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/app.js", "/style.css", "/favicon.svg"])
def test_an_unchanged_file_is_not_sent_twice_compressed_or_not(alone, path):
    for encoding in ("gzip", "identity"):
        first = get(alone, path, **{"Accept-Encoding": encoding})
        assert first.headers.get("Content-Encoding", "identity") == encoding
        again = get(alone, path, **{"Accept-Encoding": encoding, "If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304
        assert first.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "path", ["/httpd.conf", "/../httpd.conf", "/%2e%2e/httpd.conf", "/away/tracking.asis", "/away/"]
)
def test_only_the_site_is_served(alone, path):
    port = int(alone.url(8080, "").rsplit(":", 1)[1].rstrip("/"))
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        assert connection.recv(4096).split()[1] in {b"404", b"400", b"403"}


@pytest.mark.parametrize("service", ["tracking", "quotes"])
def test_a_neighbour_that_is_not_configured_is_reported_as_away(alone, service):
    for path in (f"/{service}", f"/{service}/", f"/{service}/anything?x=1"):
        answer = get(alone, path)
        assert answer.status_code == 503
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["away"] is True
        assert answer.json()["service"] == service


def test_it_starts_and_says_away_where_names_do_not_resolve_or_nobody_listens(engine):
    environment = {"TRACKING_URL": "http://no-such-name:8080", "QUOTES_URL": "http://127.0.0.1:9"}
    with run(build("web"), env=environment, ports=(8080,)) as container:
        wait_http(container.url(8080, "/healthz"))
        for service in ("tracking", "quotes"):
            answer = get(container, f"/{service}/shipments")
            assert (answer.status_code, answer.json()["service"]) == (503, service)


def test_every_log_line_is_json_whatever_is_sent(engine):
    with run(build("web"), env={"TRACKING_URL": "http://no-such-name:8080"}, ports=(8080,)) as container:
        wait_http(container.url(8080, "/healthz"))
        get(
            container,
            '/a"b\\c?secret=1',
            **{"User-Agent": 'x"y\\z', "X-Forwarded-For": '1.2.3.4"', "X-Request-Id": "r-1"},
        )
        get(container, "/tracking/x%22y")
        for request in (
            b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\nUser-Agent: \xe9\x80\r\nConnection: close\r\n\r\n",
            b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
            b'B"AD / HTTP/1.1\r\nHost: a\r\n\r\n',
            b"nonsense\r\n\r\n",
        ):
            raw(container, request)
        wait_until(lambda: '"r-1"' in container.logs(), "the request is in the log", timeout=10)
        lines = container.json_logs()
        assert all({"time", "level", "service", "message"} <= line.keys() for line in lines)
        mine = next(line for line in lines if line.get("request_id") == "r-1")
        assert (mine["method"], mine["status"], mine["agent"]) == ("GET", 404, 'x"y\\z')
        assert "secret" not in container.logs()
        assert any("no-such-name" in line["message"] for line in lines if line["level"] == "error")


def test_request_ids_are_kept_when_usable_and_made_when_not(alone):
    assert get(alone, "/", **{"X-Request-Id": "abc-1.2"}).headers["X-Request-Id"] == "abc-1.2"
    for bad in ("a b", 'a"b', "x" * 200):
        assert get(alone, "/nothing", **{"X-Request-Id": bad}).headers["X-Request-Id"] not in {bad, ""}
    assert get(alone, "/").headers["X-Request-Id"] != get(alone, "/").headers["X-Request-Id"]


def test_the_engine_finds_it_healthy(alone):
    wait_until(lambda: alone.health() == "healthy", "HEALTHCHECK says healthy", timeout=40)


def test_a_body_or_header_that_is_too_large_is_refused(web):
    headers = {"Content-Type": "application/json"}
    for path in ("/", "/tracking/shipments", "/quotes/quotes"):
        assert requests.post(web.url(8080, path), data=b" " * 200_000, headers=headers, timeout=10).status_code == 413
    assert get(web, "/", **{"X-Large": "x" * 9000}).status_code == 400


@pytest.mark.parametrize(("path", "limit"), [("/tracking/shipments", 64 * 1024), ("/quotes/quotes", 16 * 1024)])
def test_a_neighbours_limit_is_kept_before_a_byte_is_passed_on(alone, path, limit):
    """The neighbour is absent, so it cannot be the one that refuses; a body within its limit is passed on."""
    for size, status in ((limit, 503), (limit + 1, 413), (2**40, 413)):
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
        assert f" {status} ".encode() in raw(alone, head.encode() + b" " * min(size, limit)), size


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("service", ["tracking", "quotes"])
def test_a_neighbour_that_is_not_set_is_away_for_every_method(alone, service, method):
    answer = requests.request(method, alone.url(8080, f"/{service}/shipments"), data=b"{}", timeout=10)
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    if method != "HEAD":
        assert answer.json()["service"] == service


# --- with neighbours ---


def test_the_page_reaches_quotes_through_its_own_origin_and_the_request_id_arrives(web):
    answer = get(
        web, "/quotes/quotes?from=NLRTM&to=SGSIN&weight_kg=1&volume_m3=1&shipment=S-1", **{"X-Request-Id": "through-1"}
    )
    assert answer.status_code == 200
    assert answer.headers["X-Request-Id"] == "through-1"
    assert answer.json()["shipment"]["location"] == "DEHAM"


def test_paths_that_services_hide_are_hidden_here_too(web):
    for path in ("/tracking/metrics", "/tracking/readyz", "/quotes/metrics", "/quotes/readyz"):
        assert get(web, path).status_code == 404


def test_a_stop_finishes_requests_in_flight(engine):
    """Slow answers are in flight at SIGTERM: as on AWS, no new requests are sent then, and none may be lost."""
    with (
        temporary_network() as network,
        run(build("tracking"), network=network, alias="slow", options=("--entrypoint=python3",), command=("-c", SLOW)),
        run(build("web"), network=network, env={"TRACKING_URL": "http://slow:8080"}, ports=(8080,)) as web,
    ):
        wait_http(web.url(8080, "/tracking/x"))
        url = web.url(8080, "/tracking/x")
        statuses: list[object] = []

        def send() -> None:
            try:
                statuses.append(requests.get(url, timeout=20).status_code)
            except requests.RequestException as error:
                statuses.append(repr(error))

        threads = [threading.Thread(target=send) for _ in range(40)]
        for thread in threads:
            thread.start()
        time.sleep(1)  # all requests have reached the slow neighbour, which takes 3 s
        assert web.stop() == 0
        for thread in threads:
            thread.join(30)
        assert statuses == [200] * 40


# --- the page in a browser ---


@pytest.fixture(scope="module")
def page(engine) -> Iterator[Page]:
    with browser() as page:
        yield page


def state(service: str, word: str) -> str:
    return f"document.getElementById('{service}-state').dataset.state === '{word}'"


def fill(form: str, **values: str) -> str:
    """A script that fills fields of a form and submits it."""
    sets = "".join(f"f.elements.namedItem({json.dumps(k)}).value = {json.dumps(v)};" for k, v in values.items())
    return f"(() => {{ const f = document.getElementById('{form}'); {sets} f.requestSubmit(); }})()"


def test_the_page_shows_shipments_books_moves_and_prices(web, page):
    page.complaints.clear()
    page.open(web.url(8080, "/"))
    page.wait(state("tracking", "live"))
    page.wait(state("quotes", "live"))
    page.wait("document.querySelector('#rows [data-id=\"S-1\"]')")
    page.run(fill("book", route="nlrtm > usnyc", cargo="<b>tulips</b>", weight_kg="900"))
    page.wait("document.getElementById('rows').innerText.includes('<b>tulips</b>')")
    page.run("document.querySelector('[data-id=\"S-1\"] button').click()")
    page.wait("document.querySelector('[data-id=\"S-1\"] [aria-current]').innerText.includes('NLRTM')")
    assert "S-1 is now in NLRTM" in page.run("document.getElementById('news').textContent")
    page.run(fill("price", shipment="S-1", **{"from": "DEHAM", "to": "SGSIN"}, weight_kg="1", volume_m3="1"))
    page.wait("document.querySelector('#quote .amount')")
    assert "Rotterdam to Singapore" in page.run("document.getElementById('quote').innerText")
    assert not page.run("document.querySelector('.tag.degraded')")
    assert page.complaints == []


def test_mistakes_are_shown_at_their_fields_and_announced(web, page):
    page.open(web.url(8080, "/"))
    page.wait(state("quotes", "live"))
    page.run(fill("book", route="DEHAM", cargo="", weight_kg="heavy"))
    page.wait("document.querySelectorAll('#book [aria-invalid=true]').length === 3")
    assert page.run("document.activeElement.id") == "book-route"
    assert page.run("document.getElementById('book-cargo-error').innerText.length") > 0
    page.run(fill("price", weight_kg="-1", volume_m3="x"))
    page.wait("document.querySelectorAll('#price [aria-invalid=true]').length === 2")


def test_focus_survives_the_polling(web, page):
    page.open(web.url(8080, "/"))
    page.wait("document.querySelector('#rows button')")
    page.run("document.querySelector('#rows button').focus()")
    before = page.run("document.activeElement.getAttribute('aria-label')")
    asked = "performance.getEntriesByType('resource').filter(e => e.name.includes('shipments')).length"
    page.wait(f"{asked} >= 2")
    time.sleep(0.5)
    assert before
    assert page.run("document.activeElement.getAttribute('aria-label')") == before


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_sticks_out_at_any_width(web, page, width):
    page.open(web.url(8080, "/"), width=width)
    page.wait("document.querySelector('#rows tr')")
    assert page.run("document.documentElement.scrollWidth") <= width


def test_the_page_lives_under_a_prefix(web, page):
    """The emulator's load balancer serves it below a path prefix, as any proxy may."""

    class Prefix(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith("/_alb/harbour/"):
                self.send_error(404)
                return
            answer = get(web, self.path.removeprefix("/_alb/harbour"))
            self.send_response(answer.status_code)
            for name in ("Content-Type", "Content-Security-Policy"):
                self.send_header(name, answer.headers.get(name, ""))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Prefix) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.complaints.clear()
        page.open(f"http://127.0.0.1:{server.server_address[1]}/_alb/harbour/")
        page.wait(state("tracking", "live"))
        page.wait(state("quotes", "live"))
        server.shutdown()
    assert page.complaints == []


def test_the_page_shows_who_is_away_and_recovers(page):
    with harbour() as (web, tracking, quotes):
        page.open(web.url(8080, "/"))
        page.wait("document.querySelector('#rows [data-id=\"S-1\"]')")
        page.wait(state("quotes", "live"))
        tracking.kill()
        page.wait(state("tracking", "away"), timeout=30)
        assert "tracking is away." in page.text()
        assert page.run("document.querySelector('#rows [data-id=\"S-1\"]') !== null"), "known shipments are gone"
        page.run(fill("price", shipment="S-1", weight_kg="18000", volume_m3="33.2"))
        page.wait("document.querySelector('.tag.degraded')", timeout=30)
        page.run(fill("book", cargo="tea", weight_kg="5"))
        page.wait("document.getElementById('book-error').innerText.includes('tracking is away')")
        quotes.kill()
        page.wait(state("quotes", "away"), timeout=30)
        assert "quotes is away." in page.text()
        tracking.start()
        quotes.start()
        page.wait(state("tracking", "live"), timeout=40)
        page.wait(state("quotes", "live"), timeout=40)
        assert "is away." not in page.text()
