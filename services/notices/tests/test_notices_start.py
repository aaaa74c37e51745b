"""How the process starts and ends: settings, messages, signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from notices.settings import Settings, SettingsError

FOLDER = Path(__file__).resolve().parents[1]
URL = "http://127.0.0.1:9/000000000000/q"  # nothing listens there


def environment(**more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "NOTICES_"))}
    aws = {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    return inherited | aws | keys | {"PYTHONPATH": str(FOLDER)} | more


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "NOTICES_QUEUE_URL"),
        ({"NOTICES_QUEUE_URL": "q"}, "NOTICES_QUEUE_URL"),
        ({"NOTICES_QUEUE_URL": URL, "LOG_LEVEL": "loud"}, "LOG_LEVEL"),
    ],
)
def test_a_wrong_variable_is_one_line_that_names_it(given, name):
    with pytest.raises(SettingsError, match=f"^{name}: .*; write ") as caught:
        Settings.from_environment(given)
    assert "\n" not in str(caught.value)


def test_a_wrong_variable_ends_the_process_with_2():
    ended = subprocess.run(
        [sys.executable, "-m", "notices"], env=environment(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("notices: NOTICES_QUEUE_URL: '' is not the address of a queue; write ")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_with_0_and_the_log_is_json_throughout(stop):
    command = [sys.executable, "-m", "notices"]
    with subprocess.Popen(
        command, env=environment(NOTICES_QUEUE_URL=URL), stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout
        first = json.loads(started.stdout.readline())
        started.send_signal(stop)
        rest = [json.loads(line) for line in started.stdout]
        assert started.wait(30) == 0
    assert first["message"] == "starting"
    assert rest[-1]["message"] == "stopped"


def test_a_stop_while_it_still_loads_is_heard():
    command = [sys.executable, "-X", "importtime", "-m", "notices"]  # says on standard error what it loads
    with subprocess.Popen(
        command, env=environment(NOTICES_QUEUE_URL=URL), stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stderr
        for line in started.stderr:
            if line.endswith(" botocore.session\n") or "botocore" in line:
                started.send_signal(signal.SIGTERM)
                break
        started.stderr.read()
        assert started.wait(30) == 0
