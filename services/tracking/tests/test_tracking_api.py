"""What a client sees, over real HTTP."""

from __future__ import annotations

import io
import json
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tracking import __version__
from tracking.api import MAX_BODY, encode_cursor
from tracking.observe import JsonFormatter
from tracking.store import StoreUnavailableError


def eventually(condition) -> None:
    """The service logs and counts just after its answer has gone out."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def is_problem(answer, status: int, kind: str | None = None) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["request_id"] == answer.headers["X-Request-Id"]
    if kind:
        assert body["type"] == f"urn:harbour:problem:{kind}"
    return body


def fields(answer) -> set[str]:
    return {error["field"] for error in is_problem(answer, 422, "validation")["errors"]}


def test_a_shipment_is_created_at_the_first_port(api, new):
    answer = api.post("/shipments", new)
    assert answer.status_code == 201
    shipment = answer.json()
    assert shipment | new == shipment
    assert (shipment["status"], shipment["location"], shipment["version"]) == ("booked", "DEHAM", 1)
    assert answer.headers["ETag"] == '"1"'
    assert api.get(answer.headers["Location"]).json() == shipment


def test_the_same_key_and_body_answer_the_same_and_create_one(api, new):
    header = {"Idempotency-Key": "same"}
    first = api.post("/shipments", new, headers=header)
    spelled = json.dumps(dict(reversed(new.items())), indent=3).replace("18000", "18000.0")
    json_header = {"Content-Type": "application/json; charset=utf-8"}
    second = api("POST", "/shipments", data=spelled, headers=header | json_header)
    assert (second.status_code, second.json()) == (201, first.json())
    assert second.headers["Location"] == first.headers["Location"]
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"


def test_the_same_key_with_another_body_is_refused(api, new):
    header = {"Idempotency-Key": "reused"}
    api.post("/shipments", new, headers=header)
    is_problem(api.post("/shipments", new | {"cargo": "tea"}, headers=header), 409, "key-reused")


def test_the_clients_own_id_is_idempotent_too(api, new):
    new["id"] = "own-id"
    first = api.post("/shipments", new)
    assert api.post("/shipments", new).json() == first.json()
    is_problem(api.post("/shipments", new | {"weight_kg": 1}), 409, "id-taken")


def test_creates_at_the_same_time_with_one_key_create_one(api, new):
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(api.post, "/shipments", new, headers={"Idempotency-Key": "race"}) for _ in range(16)]
    assert len({call.result().json()["id"] for call in calls}) == 1


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"weight_kg": "18000"}, {"weight_kg"}),
        ({"weight_kg": 0}, {"weight_kg"}),
        ({"weight_kg": 1.5}, {"weight_kg"}),
        ({"weight_kg": True}, {"weight_kg"}),
        ({"route": ["DEHAM"]}, {"route"}),
        ({"route": ["DEHAM", "DEHAM"]}, {"route"}),
        ({"route": ["DEHAM", "Rotterdam"]}, {"route.1"}),
        ({"container": "MSK"}, {"container"}),
        ({"cargo": ""}, {"cargo"}),
        ({"cargo": "x" * 201}, {"cargo"}),
        ({"id": "../x"}, {"id"}),
        ({"colour": "red"}, {"colour"}),
        ({"cargo": None, "weight_kg": -1, "route": "DEHAM"}, {"cargo", "weight_kg", "route"}),
    ],
)
def test_every_wrong_field_is_named(api, new, change, wrong):
    assert fields(api.post("/shipments", new | change)) == wrong


def test_missing_fields_are_named(api):
    assert fields(api.post("/shipments", {})) == {"route", "cargo", "weight_kg"}


@pytest.mark.parametrize("body", ["", "{", "nonsense", '{"cargo": "\\ud800"}', b"\xff", "[" * 5000])
def test_what_is_not_json_is_refused(api, body):
    is_problem(api("POST", "/shipments", data=body, headers={"Content-Type": "application/json"}), 400, "not-json")


@pytest.mark.parametrize("body", ["null", "[]", "3", '"x"'])
def test_a_body_that_is_no_object_is_refused(api, body):
    is_problem(api("POST", "/shipments", data=body, headers={"Content-Type": "application/json"}), 422, "validation")


def test_another_media_type_is_refused(api, new):
    is_problem(api("POST", "/shipments", data=new), 415)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(api, chunked):
    content = b" " * (MAX_BODY + 1)
    body = (content[n : n + 8192] for n in range(0, len(content), 8192)) if chunked else content
    is_problem(api("POST", "/shipments", data=body, headers={"Content-Type": "application/json"}), 413)


def test_a_shipment_moves_along_its_route_to_its_end(api, new):
    path = api.post("/shipments", new).headers["Location"]
    middle = api.post(f"{path}/moves", {"to": "NLRTM", "note": "on time"}, headers={"If-Match": '"1"'})
    assert (middle.status_code, middle.json()["status"], middle.headers["ETag"]) == (200, "in_transit", '"2"')
    last = api.post(f"{path}/moves", {"to": "USNYC"}, headers={"If-Match": "*"})
    assert (last.json()["status"], last.json()["version"]) == ("arrived", 3)
    lines = api.get(f"{path}/history").json()["items"]
    assert [(line["location"], line["note"]) for line in lines] == [
        ("DEHAM", None),
        ("NLRTM", "on time"),
        ("USNYC", None),
    ]
    is_problem(api.post(f"{path}/moves", {"to": "USNYC"}, headers={"If-Match": "*"}), 409, "off-route")


def test_a_move_off_the_route_is_refused(api, new):
    path = api.post("/shipments", new).headers["Location"]
    body = is_problem(api.post(f"{path}/moves", {"to": "USNYC"}, headers={"If-Match": '"1"'}), 409, "off-route")
    assert "NLRTM" in body["detail"]


def test_a_move_from_an_old_version_is_refused(api, new):
    path = api.post("/shipments", new).headers["Location"]
    api.post(f"{path}/moves", {"to": "NLRTM"}, headers={"If-Match": '"1"'})
    is_problem(api.post(f"{path}/moves", {"to": "USNYC"}, headers={"If-Match": '"1"'}), 412, "stale-version")
    assert api.get(path).json()["location"] == "NLRTM"


def test_a_move_must_say_the_version(api, new):
    path = api.post("/shipments", new).headers["Location"]
    is_problem(api.post(f"{path}/moves", {"to": "NLRTM"}), 428)
    is_problem(api.post(f"{path}/moves", {"to": "NLRTM"}, headers={"If-Match": "1"}), 400, "header")


def test_of_moves_at_the_same_time_one_wins(api, new):
    path = api.post("/shipments", new).headers["Location"]

    def move(_) -> int:
        return api.post(f"{path}/moves", {"to": "NLRTM"}, headers={"If-Match": '"1"'}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(move, range(16))) == [200] + [412] * 15


def test_pages_lead_through_all_shipments(serve, new):
    api = serve()
    made = [api.post("/shipments", new).json()["id"] for _ in range(7)]
    listed, path = [], "/shipments?limit=3"
    while path:
        page = api.get(path).json()
        listed += [item["id"] for item in page["items"]]
        path = page["next"] and f"/shipments?limit=3&cursor={page['next']}"
    assert sorted(listed) == sorted(made)


def test_history_pages_lead_through_all_lines(api, new):
    path = api.post("/shipments", new).headers["Location"]
    api.post(f"{path}/moves", {"to": "NLRTM"}, headers={"If-Match": "*"})
    first = api.get(f"{path}/history?limit=1").json()
    second = api.get(f"{path}/history?limit=1&cursor={first['next']}").json()
    assert [line["version"] for line in first["items"] + second["items"]] == [1, 2]
    assert second["next"] is None


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=ten", "limit=", "limit=-1", "cursor=", "cursor=x", "cursor=%C3%A4", "cursor=W10"]
    + [f"cursor={encode_cursor(place)}" for place in ([1], ["x", "y"], ["2026-01-01T00:00:00.000Z", "#"])],
)
def test_a_wrong_parameter_is_named(api, query):
    body = is_problem(api.get(f"/shipments?{query}"), 400, "query")
    assert [error["field"] for error in body["errors"]] == [query.partition("=")[0]]


@pytest.mark.parametrize(
    "path", ["/nothing", "/shipments/none", "/shipments/%00", "/shipments/" + "x" * 300, "/shipments/"]
)
def test_what_is_not_there_is_a_problem(api, path):
    is_problem(api.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/shipments", "GET, POST, HEAD"),
        ("DELETE", "/shipments/a", "GET, HEAD"),
        ("GET", "/shipments/a/moves", "POST"),
    ],
)
def test_a_method_that_is_not_allowed_learns_which_are(api, method, path, allow):
    answer = api(method, path)
    is_problem(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == set(allow.split(", "))


@pytest.mark.parametrize("path", ["/shipments", "/healthz", "/readyz", "/info", "/openapi.json", "/metrics"])
def test_head_answers_as_get_without_the_body(api, path):
    answer = api("HEAD", path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"] == api.get(path).headers["Content-Type"]


@pytest.mark.parametrize("path", ["/", "/shipments", "/info", "/healthz", "/readyz", "/openapi.json"])
def test_everything_is_served_with_and_without_the_prefix(api, path):
    assert api.get(path).status_code == 200
    assert api.get(f"/tracking{path}").status_code == 200


def test_the_prefix_alone_is_the_index(api):
    assert api.get("/tracking").json()["links"]["shipments"] == "/tracking/shipments"


def test_metrics_are_not_behind_the_load_balancers_prefix(api):
    is_problem(api.get("/tracking/metrics"), 404)


def test_a_prefix_of_another_service_is_not_ours(api):
    is_problem(api.get("/trackings/shipments"), 404)


def test_a_request_id_is_passed_on_and_a_bad_one_replaced(api):
    assert api.get("/healthz", headers={"X-Request-Id": "abc-1.2_3"}).headers["X-Request-Id"] == "abc-1.2_3"
    for bad in ("has space", "x" * 129, '"quoted"', ""):
        given = api.get("/healthz", headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        assert re.fullmatch("[0-9a-f]{32}", given)


def test_info_says_what_it_is(api):
    info = api.get("/info").json()
    assert info | {"name": "tracking", "version": __version__, "store": "sqlite", "durable": False} == info
    assert (info["environment"], info["instance"]) == ("test", "i-1")
    assert info["architecture"]


def test_metrics_count_by_route_not_by_path(api, new):
    shipment_id = api.post("/shipments", new).json()["id"]
    api.get(f"/shipments/{shipment_id}")
    api("TRACE", "/nowhere/at/all")
    eventually(lambda: 'route="unmatched"' in api.get("/metrics").text)
    text = api.get("/metrics").text
    assert 'http_requests_total{method="GET",route="/shipments/{id}",status="200"}' in text
    assert 'http_requests_total{method="OTHER",route="unmatched",status="404"}' in text
    assert 'http_request_duration_seconds_bucket{le="0.05",method="POST",route="/shipments"}' in text
    assert "process_resident_memory_bytes" in text
    assert shipment_id not in text


class Away:
    """A store that does not answer."""

    kind = "dynamodb"

    async def _away(self, *_) -> None:
        raise StoreUnavailableError("secret table arn")

    create = get = page = save_move = history = ping = _away


def test_without_its_store_it_lives_but_is_not_ready(serve, new):
    api = serve(Away())
    assert api.get("/healthz").status_code == 200
    for answer in (api.get("/readyz"), api.get("/shipments"), api.post("/shipments", new), api.get("/shipments/a")):
        is_problem(answer, 503, "store-unavailable")
        assert answer.headers["Retry-After"] == "1"
        assert "secret" not in answer.text


class Broken(Away):
    async def _broken(self, *_) -> None:
        raise RuntimeError("secret")

    get = _broken


def test_a_fault_of_ours_is_a_problem_that_tells_nothing(serve, caplog):
    answer = serve(Broken()).get("/shipments/a")
    is_problem(answer, 500)
    assert "secret" not in answer.text
    eventually(lambda: "secret" in caplog.text)


def test_while_draining_it_answers_but_says_not_ready_and_closes(serve):
    api = serve()
    api.lifecycle.draining = True
    is_problem(api.get("/readyz"), 503, "draining")
    answer = api.get("/shipments")
    assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
    assert api.get("/healthz").status_code == 200


def test_with_a_write_token_only_its_bearer_writes(serve, new):
    api = serve(write_token="s3cret")
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret"}):
        answer = api.post("/shipments", new, headers=headers)
        is_problem(answer, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    bearer = {"Authorization": "Bearer s3cret"}
    path = api.post("/shipments", new, headers=bearer).headers["Location"]
    is_problem(api.post(f"{path}/moves", {"to": "NLRTM"}, headers={"If-Match": "*"}), 401)
    assert api.get(path).status_code == 200
    assert api.get("/openapi.json").json()["paths"]["/shipments"]["post"]["security"] == [{"writeToken": []}]


@pytest.fixture
def log():
    """What the service writes at level info, line by line."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("tracking")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)
    logger.setLevel(before)


def test_a_request_is_one_line_of_json_with_its_id(serve, log):
    api = serve()
    api.get("/shipments/none\nforged", headers={"X-Request-Id": "r-1"})
    api.get("/healthz")
    eventually(log)
    (line,) = log()
    assert line["request_id"] == "r-1"
    assert (line["method"], line["route"], line["status"]) == ("GET", "/shipments/{id}", 404)
    assert line["duration_ms"] > 0


def test_openapi_names_every_route_and_the_prefix(api):
    document = api.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "/tracking"}]
    served = {"/shipments", "/shipments/{id}", "/shipments/{id}/moves", "/shipments/{id}/history"}
    assert set(document["paths"]) == served | {"/info", "/healthz", "/readyz"}
