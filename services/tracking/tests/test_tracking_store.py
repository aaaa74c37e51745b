"""The contract of the stores, held by each of them: SQLite, and DynamoDB as moto plays it."""

from __future__ import annotations

import asyncio
import threading

import boto3
import pytest
from moto import mock_aws
from tracking import dynamo_store
from tracking.dynamo_store import DynamoStore
from tracking.model import NewShipment, Shipment, Status
from tracking.sqlite_store import SqliteStore
from tracking.store import (
    REQUEST_LIFETIME,
    IdTakenError,
    KeyReusedError,
    Position,
    Request,
    StaleVersionError,
    StoreUnavailableError,
)

KEYS = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture(scope="module")
def mocked():
    """DynamoDB as moto plays it, once for all: it takes its time to start."""
    with mock_aws():
        yield boto3.client("dynamodb", region_name="us-east-1")


@pytest.fixture
def dynamo(monkeypatch, mocked):
    """An empty table; what it belongs to goes with it."""
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    mocked.create_table(TableName="shipments", **KEYS)
    yield mocked
    mocked.delete_table(TableName="shipments")


@pytest.fixture(params=["sqlite", "dynamodb"])
def store(request, tmp_path):
    """Each test runs once for each implementation."""
    if request.param == "sqlite":
        made = SqliteStore(tmp_path / "tracking.sqlite3")
    else:
        request.getfixturevalue("dynamo")
        made = DynamoStore("shipments")
    yield made
    asyncio.run(made.close())


def wanted(**more) -> NewShipment:
    return NewShipment.model_validate({"route": ["DEHAM", "NLRTM"], "cargo": "tea", "weight_kg": 1} | more)


def create(store, key=None, **more) -> tuple[Shipment, Shipment]:
    """What was asked to be kept, and what the store answered."""
    new = wanted(**more)
    shipment = Shipment.book(new)
    return shipment, asyncio.run(store.create(shipment, Request(new.fingerprint, key)))


def test_what_was_created_is_read_back(store):
    shipment, kept = create(store, id="a")
    assert kept is shipment
    assert asyncio.run(store.get("a")) == shipment
    assert asyncio.run(store.get("b")) is None


def test_a_create_leaves_the_first_line_of_history(store):
    shipment, _ = create(store)
    page = asyncio.run(store.history(shipment.id, 10, 0))
    assert page.items == [shipment.event()]
    assert not page.more


@pytest.mark.parametrize("how", [{"key": "k"}, {"id": "mine"}, {"key": "k", "id": "mine"}])
def test_a_repeated_create_answers_as_the_first_did_and_keeps_one(store, how):
    first, _ = create(store, **how)
    asyncio.run(store.save_move(first.moved("NLRTM"), None))
    again, kept = create(store, **how)
    assert kept is not again
    assert kept == first  # as it was booked, though it has moved since
    assert [s.id for s in asyncio.run(store.page(10, None)).items] == [first.id]


def test_a_key_that_comes_with_another_request_is_refused(store):
    create(store, key="k")
    with pytest.raises(KeyReusedError):
        create(store, key="k", cargo="coffee")
    assert len(asyncio.run(store.page(10, None)).items) == 1


@pytest.mark.parametrize("key", [None, "new"])
def test_an_id_that_another_shipment_has_is_refused(store, key):
    create(store, id="a")
    with pytest.raises(IdTakenError):
        create(store, id="a", key=key, cargo="coffee")
    assert asyncio.run(store.get("a")).cargo == "tea"


def test_a_key_is_forgotten_when_its_time_is_over(store, monkeypatch):
    create(store, key="k")
    import time

    later = time.time() + REQUEST_LIFETIME + 1
    monkeypatch.setattr("time.time", lambda: later)
    shipment, kept = create(store, key="k", cargo="coffee")
    assert kept is shipment


def test_of_two_moves_from_one_version_one_is_kept(store):
    shipment, _ = create(store)
    asyncio.run(store.save_move(shipment.moved("NLRTM"), "first"))
    with pytest.raises(StaleVersionError):
        asyncio.run(store.save_move(shipment.moved("NLRTM"), "second"))
    kept = asyncio.run(store.get(shipment.id))
    assert (kept.version, kept.location, kept.status) == (2, "NLRTM", Status.ARRIVED)
    assert [event.note for event in asyncio.run(store.history(shipment.id, 10, 0)).items] == [None, "first"]


def test_a_move_of_what_is_not_there_is_refused(store):
    with pytest.raises(StaleVersionError):
        asyncio.run(store.save_move(Shipment.book(wanted()).moved("NLRTM"), None))


def test_moves_at_the_same_time_lose_no_update(store):
    """As many tasks as there are; each moves only from the version that it has read."""
    shipment, _ = create(store, route=["DEHAM", "NLRTM"])
    outcomes: list[str] = []

    async def racing() -> None:
        async def move(note: str) -> None:
            try:
                await store.save_move(shipment.moved("NLRTM"), note)
                outcomes.append(note)
            except StaleVersionError:
                pass

        await asyncio.gather(*(move(str(n)) for n in range(8)))

    asyncio.run(racing())
    lines = asyncio.run(store.history(shipment.id, 10, 0)).items
    assert [line.note for line in lines] == [None, *outcomes]
    assert len(outcomes) == 1


def test_pages_name_each_shipment_once_newest_first(store, monkeypatch):
    times = iter(moment(n // 3) for n in range(25))  # three of each moment
    monkeypatch.setattr("tracking.model.now", lambda: next(times))
    made = [create(store)[0] for _ in range(25)]
    listed, after = [], None
    while True:
        page = asyncio.run(store.page(4, after))
        listed += page.items
        if not page.more:
            break
        after = Position(listed[-1].created_at, listed[-1].id)
    assert listed == sorted(made, key=lambda s: (s.created_at, s.id), reverse=True)


def moment(n: int) -> str:
    return f"2026-01-01T00:00:00.{n:03d}Z"


@pytest.mark.parametrize("then", [6, 3], ids=["a later moment", "the moment where the first page ended"])
def test_what_is_created_meanwhile_neither_repeats_nor_hides(store, monkeypatch, then):
    times = map(moment, [*range(6), then])
    monkeypatch.setattr("tracking.model.now", lambda: next(times))
    made = [create(store)[0] for _ in range(6)]
    first = asyncio.run(store.page(3, None))
    meanwhile, _ = create(store)
    last = first.items[-1]
    second = asyncio.run(store.page(10, Position(last.created_at, last.id)))
    listed = [s.id for s in [*first.items, *second.items]]
    assert len(listed) == len(set(listed))
    # Only what comes after the place may show: of the same moment, that is the lower id.
    comes_after = (meanwhile.created_at, meanwhile.id) < (last.created_at, last.id)
    assert set(listed) == {s.id for s in made} | ({meanwhile.id} if comes_after else set())


def test_history_goes_on_behind_a_version(store):
    ports = ["DEHAM", "NLRTM", "GBFXT", "USNYC"]
    shipment, _ = create(store, route=ports)
    for port in ports[1:]:
        shipment = shipment.moved(port)
        asyncio.run(store.save_move(shipment, None))
    first = asyncio.run(store.history(shipment.id, 3, 0))
    rest = asyncio.run(store.history(shipment.id, 3, 3))
    assert [event.location for event in first.items + rest.items] == ports
    assert (first.more, rest.more) == (True, False)


def test_a_store_that_answers_is_ready(store):
    asyncio.run(store.ping())


def test_a_table_that_is_not_there_is_unavailable(dynamo):
    store = DynamoStore("other")
    for call in (store.ping(), store.get("a"), store.page(1, None)):
        with pytest.raises(StoreUnavailableError):
            asyncio.run(call)


def test_no_region_is_unavailable_not_a_crash(monkeypatch, tmp_path):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(StoreUnavailableError, match="region"):
        asyncio.run(DynamoStore("shipments").ping())


def test_a_file_that_cannot_be_written_is_unavailable(tmp_path):
    with pytest.raises(StoreUnavailableError, match="missing"):
        asyncio.run(SqliteStore(tmp_path / "missing" / "tracking.sqlite3").ping())


def test_the_embedded_store_outlives_its_process(tmp_path):
    first = SqliteStore(tmp_path / "tracking.sqlite3")
    shipment, _ = create(first)
    asyncio.run(first.close())
    assert asyncio.run(SqliteStore(tmp_path / "tracking.sqlite3").get(shipment.id)) == shipment


def test_places_are_spread_over_all_shards(dynamo):
    store = DynamoStore("shipments")
    for _ in range(60):
        create(store)
    items = dynamo.scan(TableName="shipments")["Items"]
    shards = {item["pk"]["S"] for item in items if item["pk"]["S"].startswith("list#")}
    assert shards == {f"list#{n}" for n in range(dynamo_store.SHARDS)}


def test_only_create_requests_expire(dynamo):
    create(DynamoStore("shipments"), key="k")
    items = dynamo.scan(TableName="shipments")["Items"]
    assert [item["sk"]["S"] for item in items if "expires_at" in item] == ["request"]


def test_a_write_that_met_another_transaction_is_tried_again(dynamo):
    class Busy:
        """DynamoDB that is in the way of the first write."""

        def __init__(self) -> None:
            self.refused = threading.Event()

        def transact_write_items(self, **arguments):
            if not self.refused.is_set():
                self.refused.set()
                from botocore.exceptions import ClientError

                reasons = [{"Code": "TransactionConflict"}]
                error = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
                raise ClientError(error, "TransactWriteItems")
            return dynamo.transact_write_items(**arguments)

        def __getattr__(self, name):
            return getattr(dynamo, name)

    busy = Busy()
    store = DynamoStore("shipments", lambda: busy)
    shipment, kept = create(store)
    assert kept is shipment
    busy.refused.clear()
    asyncio.run(store.save_move(shipment.moved("NLRTM"), None))
    assert asyncio.run(store.get(shipment.id)).version == 2
