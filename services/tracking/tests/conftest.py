"""Puts the service's folder on the path, and runs it as a server on the loopback: tests speak real HTTP to it."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import uvicorn
from tracking.api import create_app
from tracking.observe import Lifecycle
from tracking.settings import Settings
from tracking.sqlite_store import SqliteStore


class Client:
    """A service that listens, and how to call it."""

    def __init__(self, port: int, lifecycle: Lifecycle) -> None:
        self.port = port
        self.lifecycle = lifecycle
        self.session = requests.Session()

    def __call__(self, method: str, path: str, **more) -> requests.Response:
        return self.session.request(method, f"http://127.0.0.1:{self.port}{path}", timeout=10, **more)

    def get(self, path: str, **more) -> requests.Response:
        return self("GET", path, **more)

    def post(self, path: str, body, **more) -> requests.Response:
        return self("POST", path, json=body, **more)


@contextlib.contextmanager
def serving(settings: Settings, store, notices=None):
    lifecycle = Lifecycle()
    app = create_app(settings, store, lifecycle, notices)
    # The protocol is named, as asyncio's own sockets name it: only then does it switch Nagle's delay (40 ms a request) off.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        client = Client(listening.getsockname()[1], lifecycle)
        try:
            while not server.started:
                time.sleep(0.005)
            yield client
        finally:
            client.session.close()
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """The service behind /tracking, over an embedded store of its own."""
    settings = Settings(base_path="/tracking", environment="test", instance="i-1")
    with serving(settings, SqliteStore(tmp_path_factory.mktemp("store") / "tracking.sqlite3")) as client:
        yield client


@pytest.fixture
def serve(tmp_path):
    """Start a service with settings or a store of the test's own."""
    with contextlib.ExitStack() as stack:

        def start(store=None, notices=None, **settings) -> Client:
            store = store or SqliteStore(tmp_path / "tracking.sqlite3")
            return stack.enter_context(serving(Settings(**settings), store, notices))

        yield start


@pytest.fixture
def new():
    """A good create request."""
    return {"route": ["DEHAM", "NLRTM", "USNYC"], "container": "MSKU1234565", "cargo": "coffee", "weight_kg": 18000}
