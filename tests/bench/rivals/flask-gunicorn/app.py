"""Create and read a shipment; without history, metrics, request ids or a log of requests, all of which tracking has."""

import sqlite3
import uuid

from flask import Flask, abort, g, jsonify, request

app = Flask(__name__)


def db() -> sqlite3.Connection:
    if "db" not in g:
        g.db = sqlite3.connect("/tmp/shipments.sqlite3", isolation_level=None)
        g.db.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
            "CREATE TABLE IF NOT EXISTS shipment (id TEXT PRIMARY KEY, route TEXT, cargo TEXT, weight_kg INTEGER)"
        )
    return g.db


@app.get("/healthz")
def live():
    return jsonify(status="ok")


@app.post("/shipments")
def create():
    body = request.get_json()
    shipment_id = uuid.uuid4().hex
    row = (shipment_id, ",".join(body["route"]), body["cargo"], body["weight_kg"])
    db().execute("INSERT INTO shipment VALUES (?, ?, ?, ?)", row)
    return jsonify(id=shipment_id, **body), 201


@app.get("/shipments/<shipment_id>")
def read(shipment_id: str):
    row = db().execute("SELECT * FROM shipment WHERE id = ?", (shipment_id,)).fetchone()
    if row is None:
        abort(404)
    return jsonify(id=row[0], route=row[1].split(","), cargo=row[2], weight_kg=row[3])
