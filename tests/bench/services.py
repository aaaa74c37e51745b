"""Measures the services' images against obvious alternatives: size, start, memory at rest, requests per second.

    python -m tests.bench.services [service ...]

Everything runs hardened as in the contract tests, on one core, with the load on another; rivals run beside them, on
the same base image. A service is one entry of SUBJECTS; a rival is a folder in tests/bench/rivals/.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.bench import http_load
from tests.contract.harness import Container, build, build_folder, docker, found_engine, run, wait_http

STARTS = 5  # of which the median counts
SECONDS_AT_REST = 3


@dataclass(frozen=True)
class Rival:
    """A folder of tests/bench/rivals/. `port` and `health` as in Subject; `prepare` if it gets the same load."""

    folder: str
    what: str
    port: int = 8080
    health: str = "/healthz"
    prepare: Callable[[str], str] | None = None


@dataclass(frozen=True)
class Subject:
    """A service, its goals, and the rivals that it is measured against."""

    service: str
    size_goal: int  # MB
    start_goal: float | None = None  # seconds from `docker run` to the first 200; None: a job, nothing else is measured
    port: int = 8080
    health: str = "/healthz"
    prepare: Callable[[str], str] | None = None  # given the base URL, creates what the load reads; returns its path
    floor: Rival | None = None  # the minimum in its language; compares start and size
    alternative: Rival | None = None  # the obvious alternative; compares requests per second too


def a_shipment(base: str) -> str:
    new = {"route": ["DEHAM", "NLRTM", "USNYC"], "cargo": "coffee", "weight_kg": 18000}
    return f"/shipments/{requests.post(f'{base}/shipments', json=new, timeout=10).json()['id']}"


def a_quote(base: str) -> str:
    return "/quotes?from=NLRTM&to=SGSIN&weight_kg=18000&volume_m3=33.2"


def the_page(base: str) -> str:
    return "/"


SUBJECTS = (
    Subject(
        "tracking",
        size_goal=150,
        start_goal=1.0,
        prepare=a_shipment,
        floor=Rival("python-floor", "Python's http.server", health="/"),
        alternative=Rival("flask-gunicorn", "Flask + gunicorn", prepare=a_shipment),
    ),
    Subject(
        "quotes",
        size_goal=160,
        start_goal=0.8,
        prepare=a_quote,
        floor=Rival("java-floor", "JVM floor, the JDK's server", health="/"),
        alternative=Rival("java-plain", "plain JDK server, no CDS, no jlink", prepare=a_quote),
    ),
    Subject("web", size_goal=120, start_goal=0.5, prepare=the_page),
    Subject("hello", size_goal=90),
)


@dataclass(frozen=True)
class Measured:
    size: float  # MB
    start: float | None = None  # seconds
    memory: float | None = None  # MiB
    connections: int | None = None
    rate: float | None = None  # requests per second
    p99: float | None = None  # milliseconds


def main(arguments: list[str]) -> int:
    if found_engine() is None:
        print("services: not measured, no container engine answers (`python -m ops engine` finds or starts one)")
        return 0
    known = {subject.service: subject for subject in SUBJECTS}
    unknown = [name for name in arguments if name not in known]
    if unknown:
        print(f"bench: {unknown[0]}: not a service with a benchmark; write one of {', '.join(known)}", file=sys.stderr)
        return 2
    with _on_another_core():
        for name in arguments or known:
            _report(known[name])
    return 0


def _report(subject: Subject) -> None:
    images = {subject: build(subject.service)} | {rival: _build(rival) for rival in _rivals(subject)}
    starts = _starts(images) if subject.start_goal else {}
    measured = {of: _measure(image, of, starts.get(of)) for of, image in images.items()}
    _report_own(subject, measured[subject])
    for rival in _rivals(subject):
        _report_against(subject.service, measured[subject], rival, measured[rival])


def _report_own(subject: Subject, mine: Measured) -> None:
    name, goal = subject.service, subject.start_goal
    _line(f"{name}: image", f"{mine.size:.0f} MB", f"goal {subject.size_goal}", mine.size <= subject.size_goal)
    if mine.start and goal:
        _line(f"{name}: start to 200", f"{mine.start:.2f} s", f"goal {goal:.1f}", mine.start <= goal)
    if mine.memory:
        _line(f"{name}: memory at rest", f"{mine.memory:.0f} MiB")
    if mine.rate:
        note = f"p99 {mine.p99:.1f} ms, {mine.connections} connections, one core"
        _line(f"{name}: requests a second", f"{mine.rate:.0f}", note)


def _report_against(name: str, mine: Measured, rival: Rival, other: Measured) -> None:
    _compare(f"{name}: image", mine.size, other.size, rival.what, "MB")
    _compare(f"{name}: start to 200", mine.start, other.start, rival.what, "s")
    _compare(f"{name}: memory at rest", mine.memory, other.memory, rival.what, "MiB")
    more = f", p99 {other.p99:.1f} ms, {other.connections} connections" if other.p99 else ""
    _compare(f"{name}: requests a second", mine.rate, other.rate, rival.what, f"/s{more}")


def _rivals(subject: Subject) -> list[Rival]:
    return [rival for rival in (subject.floor, subject.alternative) if rival]


def _starts(images: dict[Subject | Rival, str]) -> dict[Subject | Rival, float]:
    """Median seconds from `docker run` to the first 200; in turns, so that other load on the machine affects all alike."""
    rounds = [{of: _start_once(image, of) for of, image in images.items()} for _ in range(STARTS)]
    return {of: statistics.median(each[of] for each in rounds) for of in images}


def _measure(image: str, of: Subject | Rival, start: float | None) -> Measured:
    size = json.loads(docker("image", "inspect", image).stdout)[0]["Size"] / 1e6
    if start is None:
        return Measured(size)
    with _running(image, of) as container:
        time.sleep(SECONDS_AT_REST)
        memory = _memory(container)
        if of.prepare is None:
            return Measured(size, start, memory)
        base = container.url(of.port, "")
        connections, result = http_load.best(base + of.prepare(base))
    return Measured(size, start, memory, connections, result.rate, result.p99_ms)


@contextlib.contextmanager
def _running(image: str, of: Subject | Rival):
    with run(image, ports=(of.port,), options=("--cpuset-cpus=0", "--cpus=1")) as container:
        wait_http(container.url(of.port, of.health))
        yield container


def _start_once(image: str, of: Subject | Rival) -> float:
    """Seconds from `docker run` to the first 200."""
    started = time.perf_counter()
    with run(image, ports=(of.port,), options=("--cpus=1",)) as container:
        url = container.url(of.port, of.health)
        while time.perf_counter() < started + 60:
            with contextlib.suppress(requests.RequestException):
                if requests.get(url, timeout=5).status_code == 200:
                    return time.perf_counter() - started
            time.sleep(0.005)
    raise RuntimeError(f"{image} did not answer in 60 s")


def _memory(container: Container) -> float:
    """MiB, as the engine's `stats` counts: without the page cache."""
    text = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", container.name).stdout.partition("/")[0].strip()
    number = float(text.rstrip("KMGTiB"))
    return number * {"KiB": 1 / 1024, "MiB": 1, "GiB": 1024}[text[-3:]]


def _build(rival: Rival) -> str:
    return build_folder(Path(__file__).parent / "rivals" / rival.folder, f"harbour-bench/{rival.folder}")


@contextlib.contextmanager
def _on_another_core():
    """Keep the load off the container's core, if there are two."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before - {0} or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _compare(what: str, mine: float | None, other: float | None, name: str, unit: str) -> None:
    if mine is not None and other:
        _line(what, f"{mine / other:.2f} x", f"{name}: {other:.2f} {unit}")


def _line(what: str, value: str, note: str = "", good: bool | None = None) -> None:
    verdict = {None: "", True: "  reached", False: "  MISSED"}[good]
    print(f"{what:<34}{value:>10}  {note}{verdict}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
