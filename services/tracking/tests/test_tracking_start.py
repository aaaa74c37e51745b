"""How the process starts and ends: settings, messages, signals."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from tracking.settings import Settings, SettingsError

FOLDER = Path(__file__).resolve().parents[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@contextlib.contextmanager
def process(tmp_path, **environment):
    """The service as a process of its own, as the image starts it; yields it when it listens."""
    port = free_port()
    more = {"PORT": str(port), "TMPDIR": str(tmp_path), "DRAIN_SECONDS": "0.3", "PYTHONPATH": str(FOLDER)}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TRACKING_"))}
    with subprocess.Popen(
        [sys.executable, "-m", "tracking"], env=inherited | more | environment, stdout=subprocess.PIPE, text=True
    ) as started:
        try:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz"):
                    break
                time.sleep(0.02)
            yield started, port
        finally:
            started.kill()


@pytest.mark.parametrize(
    "environment",
    [
        {"PORT": "http"},
        {"PORT": "0"},
        {"PORT": "70000"},
        {"BASE_PATH": "tracking"},
        {"BASE_PATH": "/a b"},
        {"LOG_LEVEL": "loud"},
        {"DRAIN_SECONDS": "-1"},
        {"DRAIN_SECONDS": "1e9"},
    ],
)
def test_a_wrong_variable_is_one_line_that_names_it(environment):
    with pytest.raises(SettingsError, match=f"^{next(iter(environment))}: .*; write ") as caught:
        Settings.from_environment(environment)
    assert "\n" not in str(caught.value)


def test_a_wrong_variable_ends_the_process_with_2():
    environment = {**os.environ, "PORT": "no", "PYTHONPATH": str(FOLDER)}
    ended = subprocess.run(
        [sys.executable, "-m", "tracking"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == ["tracking: PORT: 'no' is not a port; write a number from 1 to 65535"]


def test_empty_variables_mean_the_defaults():
    settings = Settings.from_environment({"BASE_PATH": "/", "TRACKING_TABLE": "", "WRITE_TOKEN": ""})
    assert (settings.base_path, settings.table, settings.write_token) == ("", None, None)


def test_the_write_token_is_not_shown():
    assert "s3cret" not in repr(Settings(write_token="s3cret"))


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_with_0_and_the_log_is_json_throughout(tmp_path, stop):
    with process(tmp_path) as (started, _):
        started.send_signal(stop)
        output, _ = started.communicate(timeout=20)
    assert started.returncode == 0
    lines = [json.loads(line) for line in output.splitlines()]
    assert any("TRACKING_TABLE is not set" in line["message"] for line in lines)
    assert lines[-1]["message"] == "stopped"


def test_a_stop_while_it_still_loads_is_heard():
    """As process 1 of a container it would be ignored until the first handler is there, and there is little before that."""
    command = [sys.executable, "-X", "importtime", "-m", "tracking"]  # says on standard error what it loads
    environment = {**os.environ, "PYTHONPATH": str(FOLDER)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as started:
        assert started.stderr
        for line in started.stderr:
            if line.endswith(" asyncio\n"):
                started.send_signal(signal.SIGTERM)
                break
        rest = started.stderr.read()
        assert started.wait(20) == 0
    assert "Traceback" not in rest
    assert "tracking.api" not in rest  # it did not load on to the end


def test_a_second_stop_does_not_wait_for_the_drain(tmp_path):
    with process(tmp_path, DRAIN_SECONDS="600") as (started, _):
        started.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        started.send_signal(signal.SIGTERM)
        assert started.wait(20) == 0


def test_a_request_in_flight_is_finished_after_sigterm(tmp_path):
    body = json.dumps({"route": ["DEHAM", "NLRTM"], "cargo": "tea", "weight_kg": 1}).encode()
    with process(tmp_path, DRAIN_SECONDS="0") as (started, port), socket.create_connection(("127.0.0.1", port)) as raw:
        head = f"POST /shipments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        raw.sendall(head.encode() + b"\r\n\r\n" + body[:10])
        time.sleep(0.3)
        started.send_signal(signal.SIGTERM)
        time.sleep(0.7)  # it no longer listens, and waits for this one
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
        raw.sendall(body[10:])
        assert raw.recv(4096).startswith(b"HTTP/1.1 201")
        assert started.wait(20) == 0


def test_the_probe_tells_alive_from_dead(tmp_path):
    with process(tmp_path) as (_, port):
        environment = {**os.environ, "PORT": str(port), "PYTHONPATH": str(FOLDER)}
        assert subprocess.run([sys.executable, "-m", "tracking.probe"], env=environment, check=False).returncode == 0
    ended = subprocess.run([sys.executable, "-m", "tracking.probe"], env=environment, capture_output=True, check=False)
    assert ended.returncode == 1


def test_a_port_that_is_taken_is_said_and_ends_non_zero(tmp_path):
    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        environment = {**os.environ, "PORT": port, "TMPDIR": str(tmp_path), "PYTHONPATH": str(FOLDER)}
        ended = subprocess.run(
            [sys.executable, "-m", "tracking"], env=environment, capture_output=True, text=True, timeout=20, check=False
        )
    assert ended.returncode != 0
    assert "address already in use" in ended.stdout.lower()
    assert "Traceback" not in ended.stderr
