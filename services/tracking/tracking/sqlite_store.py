"""The embedded store: for a laptop and for tests. It lives as long as the container's /tmp and is not shared.

Calls are made on the event loop itself: each takes some ten microseconds, less than handing it to a thread would.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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

# synchronous=OFF: a write outlives the process, not a crash of the machine; the container's /tmp would not either.
SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS shipment (
    id TEXT PRIMARY KEY, created_at TEXT NOT NULL, version INTEGER NOT NULL,
    fingerprint TEXT NOT NULL, data TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS shipment_newest ON shipment (created_at DESC, id DESC);
CREATE TABLE IF NOT EXISTS event (
    id TEXT NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (id, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS request (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, id TEXT NOT NULL, expires_at INTEGER NOT NULL
) WITHOUT ROWID;
"""
SECONDS_TO_WAIT_FOR_LOCK = 1.0


class SqliteStore:
    kind = "sqlite"

    def __init__(self, file: Path) -> None:
        self._file = file
        self._opened: sqlite3.Connection | None = None

    async def create(self, shipment: Shipment, request: Request) -> Shipment:
        with self._transaction() as db:
            earlier = _earlier(db, shipment.id, request)
            if earlier:
                return earlier.as_booked()
            db.execute(
                "INSERT INTO shipment VALUES (?, ?, ?, ?, ?)",
                (
                    shipment.id,
                    shipment.created_at,
                    shipment.version,
                    request.fingerprint,
                    shipment.model_dump_json(),
                ),
            )
            _add_event(db, shipment.id, shipment.event())
            if request.key:
                expires_at = int(time.time()) + REQUEST_LIFETIME
                db.execute(
                    "INSERT INTO request VALUES (?, ?, ?, ?)",
                    (request.key, request.fingerprint, shipment.id, expires_at),
                )
        return shipment

    async def get(self, shipment_id: str) -> Shipment | None:
        with self._reading() as db:
            row = db.execute("SELECT data FROM shipment WHERE id = ?", (shipment_id,)).fetchone()
        return Shipment.model_validate_json(row[0]) if row else None

    async def page(self, limit: int, after: Position | None) -> Page[Shipment]:
        where, bounds = ("WHERE (created_at, id) < (?, ?)", (after.created_at, after.id)) if after else ("", ())
        statement = f"SELECT data FROM shipment {where} ORDER BY created_at DESC, id DESC LIMIT ?"  # noqa: S608  (constants)
        with self._reading() as db:
            rows = db.execute(statement, (*bounds, limit + 1)).fetchall()
        return Page([Shipment.model_validate_json(row[0]) for row in rows[:limit]], more=len(rows) > limit)

    async def save_move(self, shipment: Shipment, note: str | None) -> None:
        with self._transaction() as db:
            changed = db.execute(
                "UPDATE shipment SET version = ?, data = ? WHERE id = ? AND version = ?",
                (shipment.version, shipment.model_dump_json(), shipment.id, shipment.version - 1),
            ).rowcount
            if not changed:
                raise StaleVersionError(shipment.id)
            _add_event(db, shipment.id, shipment.event(note))

    async def history(self, shipment_id: str, limit: int, after: int) -> Page[Event]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT data FROM event WHERE id = ? AND version > ? ORDER BY version LIMIT ?",
                (shipment_id, after, limit + 1),
            ).fetchall()
        return Page([Event.model_validate_json(row[0]) for row in rows[:limit]], more=len(rows) > limit)

    async def ping(self) -> None:
        with self._reading() as db:
            db.execute("SELECT 1 FROM shipment LIMIT 1").fetchone()

    async def close(self) -> None:
        if self._opened:
            self._opened.close()
            self._opened = None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._connection()
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"{self._file}: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; IMMEDIATE, so that what is read before the write still holds when it is written."""
        with self._reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                db.execute("ROLLBACK")
                raise

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            opened = sqlite3.connect(
                self._file, timeout=SECONDS_TO_WAIT_FOR_LOCK, isolation_level=None, check_same_thread=False
            )
            opened.executescript(SCHEMA)
            self._opened = opened
        return self._opened


def _earlier(db: sqlite3.Connection, shipment_id: str, request: Request) -> Shipment | None:
    """The shipment that this very request created before."""
    if request.key:
        db.execute("DELETE FROM request WHERE expires_at <= ?", (int(time.time()),))
        row = db.execute("SELECT fingerprint, id FROM request WHERE key = ?", (request.key,)).fetchone()
        if row and row[0] != request.fingerprint:
            raise KeyReusedError(request.key)
        shipment_id = row[1] if row else shipment_id
    row = db.execute("SELECT fingerprint, data FROM shipment WHERE id = ?", (shipment_id,)).fetchone()
    if row and row[0] != request.fingerprint:
        raise IdTakenError(shipment_id)
    return Shipment.model_validate_json(row[1]) if row else None


def _add_event(db: sqlite3.Connection, shipment_id: str, event: Event) -> None:
    db.execute("INSERT INTO event VALUES (?, ?, ?)", (shipment_id, event.version, event.model_dump_json()))
