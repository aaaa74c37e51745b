"""Shipments in one DynamoDB table with a partition and a sort key, and no secondary index.

    pk               sk                    what
    shipment#<id>    state                 the shipment as it is, its version beside it for conditional writes
    shipment#<id>    event#<version>       one line of its history
    request#<hash>   request               a create request with an Idempotency-Key; expires by the table's TTL
    list#<shard>     <created at>#<id>     its place in the listing; never changes

A listing must not scan, and one partition for all would be hot (1,000 writes a second at most). So the places are
spread over a fixed number of shards by the id's hash; a page asks every shard for what lies behind the cursor and
merges. A cursor is a place, the same in every shard, hence stable whatever is written meanwhile.

Reads are strongly consistent: who creates a shipment finds it, whichever task answers. botocore is imported with the
first call, in a thread, so that the service listens before.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import heapq
import logging
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tracking.model import Event, Shipment
from tracking.store import (
    REQUEST_LIFETIME,
    IdTakenError,
    KeyReusedError,
    Page,
    Position,
    Request,
    StaleVersionError,
    StoreUnavailableError,
)

T = TypeVar("T")
Item = dict[str, dict[str, str]]

SHARDS = 8  # fixed for the life of a table: another number would lose places that are written
THREADS = 16  # calls in flight at once, each waits on the network
ATTEMPTS = 4  # of a transaction that met another one
log = logging.getLogger(__name__)


class DynamoStore:
    kind = "dynamodb"

    def __init__(self, table: str, make_client: Callable[[], Any] | None = None) -> None:
        self._table = table
        self._make_client = make_client or _client
        self._made: Any = None
        self._making = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="dynamodb")

    async def create(self, shipment: Shipment, request: Request) -> Shipment:
        return await self._in_thread(self._create, shipment, request)

    async def get(self, shipment_id: str) -> Shipment | None:
        return await self._in_thread(self._get, shipment_id)

    async def page(self, limit: int, after: Position | None) -> Page[Shipment]:
        shards = [self._in_thread(self._places, shard, limit + 1, after) for shard in range(SHARDS)]
        places = list(heapq.merge(*await asyncio.gather(*shards), reverse=True))
        shipments = await self._in_thread(self._get_many, [place.partition("#")[2] for place in places[:limit]])
        return Page(shipments, more=len(places) > limit)

    async def save_move(self, shipment: Shipment, note: str | None) -> None:
        await self._in_thread(self._save_move, shipment, note)

    async def history(self, shipment_id: str, limit: int, after: int) -> Page[Event]:
        return await self._in_thread(self._history, shipment_id, limit, after)

    async def ping(self) -> None:
        """Asks for an item that is never there: proves network, credentials, rights and table at the least cost."""
        await self._in_thread(lambda: self._call("get_item", Key=_key("ping", "ping")))

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, call: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, functools.partial(call, *arguments))

    def _create(self, shipment: Shipment, request: Request) -> Shipment:
        writes = [
            self._put(_state(shipment) | {"fingerprint": {"S": request.fingerprint}}, "attribute_not_exists(pk)"),
            self._put(_event(shipment.id, shipment.event())),
            self._put(_key(f"list#{_shard(shipment.id)}", f"{shipment.created_at}#{shipment.id}")),
        ]
        if request.key:
            # TTL deletes some time after the moment, so a record that is over counts as gone.
            writes.append(
                self._put(_request(request, shipment.id), "attribute_not_exists(pk) OR expires_at <= :now", **_now())
            )
        for attempt in range(ATTEMPTS):
            if self._write(writes):
                return shipment
            earlier = self._earlier(shipment.id, request)
            if earlier:
                return earlier.as_booked()
            time.sleep(0.02 * 2**attempt)
        raise StoreUnavailableError(f"{self._table}: the write met others {ATTEMPTS} times")

    def _earlier(self, shipment_id: str, request: Request) -> Shipment | None:
        """The shipment that this very request created before."""
        if request.key:
            record = self._item(_key(_request_key(request.key), "request"))
            if record and int(record["expires_at"]["N"]) > time.time():
                if record["fingerprint"]["S"] != request.fingerprint:
                    raise KeyReusedError(request.key)
                shipment_id = record["shipment"]["S"]
        state = self._item(_key(f"shipment#{shipment_id}", "state"))
        if state and state["fingerprint"]["S"] != request.fingerprint:
            raise IdTakenError(shipment_id)
        return _shipment(state) if state else None

    def _get(self, shipment_id: str) -> Shipment | None:
        state = self._item(_key(f"shipment#{shipment_id}", "state"))
        return _shipment(state) if state else None

    def _places(self, shard: int, limit: int, after: Position | None) -> list[str]:
        condition, values = "pk = :pk", {":pk": {"S": f"list#{shard}"}}
        if after:
            condition += " AND sk < :after"
            values[":after"] = {"S": f"{after.created_at}#{after.id}"}
        answer = self._query(condition, values, limit, ScanIndexForward=False, ProjectionExpression="sk")
        return [item["sk"]["S"] for item in answer]

    def _get_many(self, ids: list[str]) -> list[Shipment]:
        """In the order of `ids`, at most 100 (DynamoDB's limit, and the API's)."""
        found: dict[str, Shipment] = {}
        keys = [_key(f"shipment#{shipment_id}", "state") for shipment_id in ids]
        for attempt in range(ATTEMPTS):
            if not keys:
                return [found[shipment_id] for shipment_id in ids if shipment_id in found]
            time.sleep(0.02 * attempt)
            asked = {self._table: {"Keys": keys, "ConsistentRead": True}}
            answer = self._call_raw("batch_get_item", RequestItems=asked)
            found |= {shipment.id: shipment for shipment in map(_shipment, answer["Responses"].get(self._table, []))}
            keys = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
        if keys:
            raise StoreUnavailableError(f"{self._table}: {len(keys)} keys of a page stayed unprocessed")
        return [found[shipment_id] for shipment_id in ids if shipment_id in found]

    def _save_move(self, shipment: Shipment, note: str | None) -> None:
        before = {":before": {"N": str(shipment.version - 1)}}
        names = {"#data": "data", "#version": "version"}
        state = _state(shipment)
        writes = [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": _key(state["pk"]["S"], "state"),
                    "UpdateExpression": "SET #data = :data, #version = :version",
                    "ConditionExpression": "#version = :before",
                    "ExpressionAttributeNames": names,
                    "ExpressionAttributeValues": {":data": state["data"], ":version": state["version"]} | before,
                }
            },
            self._put(_event(shipment.id, shipment.event(note))),
        ]
        for attempt in range(ATTEMPTS):
            if self._write(writes):
                return
            current = self._get(shipment.id)
            if current is None or current.version != shipment.version - 1:
                raise StaleVersionError(shipment.id)
            time.sleep(0.02 * 2**attempt)
        raise StoreUnavailableError(f"{self._table}: the write met others {ATTEMPTS} times")

    def _history(self, shipment_id: str, limit: int, after: int) -> Page[Event]:
        bounds = {":first": {"S": _event_key(after + 1)}, ":last": {"S": "event#:"}}  # ':' follows '9'
        values = {":pk": {"S": f"shipment#{shipment_id}"}} | bounds
        items = self._query("pk = :pk AND sk BETWEEN :first AND :last", values, limit + 1)
        events = [Event.model_validate_json(item["data"]["S"]) for item in items]
        return Page(events[:limit], more=len(events) > limit)

    def _put(self, item: Item, condition: str | None = None, **more: Any) -> dict[str, Any]:
        put: dict[str, Any] = {"TableName": self._table, "Item": item} | more
        return {"Put": put | ({"ConditionExpression": condition} if condition else {})}

    def _write(self, writes: list[dict[str, Any]]) -> bool:
        """All or nothing; False when a condition did not hold or another transaction was in the way."""
        try:
            self._call_raw("transact_write_items", TransactItems=writes)
        except _CancelledError as cancelled:
            log.debug("transaction cancelled: %s", cancelled)
            return False
        return True

    def _item(self, key: Item) -> Item | None:
        item: Item | None = self._call("get_item", Key=key, ConsistentRead=True).get("Item")
        return item

    def _query(self, condition: str, values: Item, limit: int, **more: Any) -> list[Item]:
        """Up to `limit` items; goes on where DynamoDB cut an answer at 1 MB."""
        arguments = {"KeyConditionExpression": condition, "ExpressionAttributeValues": values, "ConsistentRead": True}
        items: list[Item] = []
        while len(items) < limit:
            answer = self._call("query", **arguments, Limit=limit - len(items), **more)
            items += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                break
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return items

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return self._call_raw(operation, TableName=self._table, **arguments)

    def _call_raw(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """One call to DynamoDB; whatever goes wrong with it is StoreUnavailableError, save a cancelled transaction."""
        client = self._client()
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  (see the module's docstring)

        try:
            answer: dict[str, Any] = getattr(client, operation)(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] == "TransactionCanceledException" and _retryable(error.response):
                raise _CancelledError(str(error)) from error
            raise StoreUnavailableError(f"{self._table}: {error}") from error
        except BotoCoreError as error:
            raise StoreUnavailableError(f"{self._table}: {error}") from error
        return answer

    def _client(self) -> Any:
        with self._making:
            if self._made is None:
                self._made = self._make_client()
        return self._made


class _CancelledError(Exception):
    """A transaction was not carried out: a condition did not hold, or another one was in the way."""


def _retryable(response: Mapping[str, Any]) -> bool:
    """Whether only conditions and conflicts cancelled it, not throttling or a fault of ours."""
    codes = {reason.get("Code") for reason in response.get("CancellationReasons", [])}
    return codes <= {"None", None, "ConditionalCheckFailed", "TransactionConflict"}


def _client() -> Any:
    """A client of the region and endpoint that AWS_REGION and AWS_ENDPOINT_URL name; gives up after some seconds."""
    import os  # noqa: PLC0415

    import botocore.config  # noqa: PLC0415  (see the module's docstring)
    import botocore.exceptions  # noqa: PLC0415
    import botocore.session  # noqa: PLC0415

    config = botocore.config.Config(
        connect_timeout=1,
        read_timeout=2,
        max_pool_connections=THREADS,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    try:
        return botocore.session.Session().create_client(
            "dynamodb", region_name=os.environ.get("AWS_REGION") or None, config=config
        )
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise StoreUnavailableError(f"no DynamoDB client: {error}") from error


def _key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _state(shipment: Shipment) -> Item:
    data = {"data": {"S": shipment.model_dump_json()}, "version": {"N": str(shipment.version)}}
    return _key(f"shipment#{shipment.id}", "state") | data


def _shipment(item: Item) -> Shipment:
    return Shipment.model_validate_json(item["data"]["S"])


def _event_key(version: int) -> str:
    return f"event#{version:010d}"


def _event(shipment_id: str, event: Event) -> Item:
    return _key(f"shipment#{shipment_id}", _event_key(event.version)) | {"data": {"S": event.model_dump_json()}}


def _request_key(key: str) -> str:
    return f"request#{hashlib.sha256(key.encode()).hexdigest()}"


def _request(request: Request, shipment_id: str) -> Item:
    expires_at = {"expires_at": {"N": str(int(time.time()) + REQUEST_LIFETIME)}}
    names = {"fingerprint": {"S": request.fingerprint}, "shipment": {"S": shipment_id}}
    return _key(_request_key(request.key or ""), "request") | names | expires_at


def _now() -> dict[str, Any]:
    return {"ExpressionAttributeValues": {":now": {"N": str(int(time.time()))}}}


def _shard(shipment_id: str) -> int:
    return zlib.crc32(shipment_id.encode()) % SHARDS
