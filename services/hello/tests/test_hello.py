"""Runs the script as the image does, with the shell that /bin/sh is, and shows it other machines through its first argument."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "hello.sh"
CLEAN = {"PATH": os.environ["PATH"]}


def hello(root: Path | str = "", *, stdout=subprocess.PIPE, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(SCRIPT), str(root)],
        env=CLEAN | environment,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=20,
    )


def report(root: Path | str = "", **environment: str) -> dict[str, str]:
    """What it tells, by name; the greeting under ''."""
    ended = hello(root, **environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    greeting, *lines = ended.stdout.splitlines()
    pairs = (line.strip().split(":", 1) for line in lines)
    return {"": greeting} | {name: value.strip() for name, value in pairs}


@pytest.fixture
def machine(tmp_path):
    """A machine made of files below /sys and /proc."""

    def make(**files: str) -> Path:
        for path, content in files.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content + "\n")
        return tmp_path

    return make


def test_it_greets_and_ends_with_0():
    assert report(GREETING="Ahoy")[""] == "Ahoy"


def test_without_a_greeting_it_has_one_of_its_own():
    assert report()[""] == "Hello from the harbour"


def test_it_tells_what_it_runs_on():
    told = report()
    assert (told["host"], told["architecture"]) == (os.uname().nodename, os.uname().machine)
    assert told["kernel"] == f"{os.uname().sysname} {os.uname().release}"
    assert told["user and group"] == f"{os.getuid()}:{os.getgid()}"


@pytest.mark.parametrize(
    "greeting", ["$(id)", "`id`", "%s %d", "-n", "\\n", "*", "a'b\"c", "Grüße aus dem Hafen", "x" * 200]
)
def test_a_greeting_is_text_and_nothing_else(greeting):
    assert report(GREETING=greeting)[""] == greeting


@pytest.mark.parametrize("greeting", ["", "   ", "two\nlines", "bell\a", "tab\there", "x" * 201])
def test_a_bad_greeting_is_refused_with_a_reason(greeting):
    ended = hello(GREETING=greeting)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("hello: GREETING: ")
    assert len(ended.stderr.splitlines()) == 1


def test_an_output_that_cannot_be_written_is_a_failure_with_a_reason():
    with Path("/dev/full").open("w") as full:
        ended = hello(stdout=full)
    assert (ended.returncode, ended.stderr) == (1, "hello: standard output cannot be written\n")


def test_a_closed_output_is_a_failure_with_a_reason():
    ended = subprocess.run(
        ["sh", "-c", f"exec sh {SCRIPT} >&-"], env=CLEAN, capture_output=True, text=True, check=False, timeout=20
    )
    assert (ended.returncode, ended.stderr) == (1, "hello: standard output cannot be written\n")


@pytest.mark.parametrize(
    ("files", "cpu", "memory"),
    [
        ({"sys/fs/cgroup/cpu.max": "25000 100000", "sys/fs/cgroup/memory.max": "536870912"}, "0.25 CPU", "512 MiB"),
        ({"sys/fs/cgroup/cpu.max": "max 100000", "sys/fs/cgroup/memory.max": "max"}, "none", "none"),
        (
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824",
            },
            "1.50 CPU",
            "1024 MiB",
        ),
        (
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            },
            "none",
            "none",
        ),
        ({}, "none", "none"),
    ],
    ids=["v2", "v2 without", "v1", "v1 without", "no cgroup"],
)
def test_it_tells_the_limits_of_both_control_group_versions(machine, files, cpu, memory):
    told = report(machine(**files))
    assert (told["CPU limit"], told["memory limit"]) == (cpu, memory)


@pytest.mark.parametrize(
    ("mounts", "told"),
    [
        ("overlay / overlay ro,relatime 0 0\ntmpfs /tmp tmpfs rw 0 0", "read-only"),
        ("overlay / overlay rw,relatime 0 0\nproc /proc proc ro 0 0", "writable"),
        ("tmpfs /tmp tmpfs rw 0 0", "unknown"),
    ],
)
def test_it_tells_whether_its_root_can_be_written(machine, mounts, told):
    assert report(machine(**{"proc/mounts": mounts}))["root file system"] == told


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        (
            {"ECS_CONTAINER_METADATA_URI_V4": "http://x", "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"},
            "Amazon ECS (AWS_ECS_FARGATE)",
        ),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "Kubernetes"),
        ({}, "a container engine on one machine"),
    ],
)
def test_it_tells_the_platform(environment, told):
    assert report(**environment)["platform"] == told


def test_of_the_secret_it_tells_only_that_it_came():
    ended = hello(HARBOUR_MASTER="Störtebeker")
    assert "harbour master:    known" in ended.stdout
    assert "Störtebeker" not in ended.stdout + ended.stderr
    assert report()["harbour master"] == "not given"
