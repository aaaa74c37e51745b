"""hello as production runs it: it prints what it sees from inside, and exits."""

from __future__ import annotations

import pytest

from tests.contract.harness import HARDENING, build, docker, run

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("engine")]


def lines(text: str) -> dict[str, str]:
    pairs = (line.strip().split(":", 1) for line in text.splitlines()[1:])
    return {name: value.strip() for name, value in pairs}


def test_it_greets_from_a_hardened_container_and_exits_with_0():
    with run(build("hello"), env={"GREETING": "Ahoy"}, memory="64m", options=("--cpus=0.25",)) as hello:
        assert hello.wait() == 0
        output = hello.logs()
        host = hello.inspect()["Config"]["Hostname"]
    assert output.startswith("Ahoy\n")
    told = lines(output)
    assert (told["host"], told["user and group"]) == (host, "65532:65532")
    assert told["root file system"] == "read-only"
    assert (told["CPU limit"], told["memory limit"]) == ("0.25 CPU", "64 MiB")


def test_it_needs_no_network():
    with run(build("hello"), network="none") as hello:
        assert hello.wait() == 0


def test_a_bad_greeting_exits_non_zero_with_a_reason():
    with run(build("hello"), env={"GREETING": ""}) as hello:
        assert hello.wait() == 2
        assert hello.logs() == "hello: GREETING: is empty; write what to say, or leave it out\n"


def test_a_full_output_exits_non_zero_with_a_reason():
    command = ("run", "--rm", *HARDENING, "--entrypoint=/bin/sh", build("hello"), "-c", "hello >/dev/full")
    ended = docker(*command, check=False)
    assert (ended.returncode, ended.stderr) == (1, "hello: standard output cannot be written\n")


def test_the_secret_does_not_show():
    with run(build("hello"), env={"HARBOUR_MASTER": "Störtebeker"}) as hello:
        assert hello.wait() == 0
        assert lines(hello.logs())["harbour master"] == "known"
        assert "Störtebeker" not in hello.logs()
