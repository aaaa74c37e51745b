"""Fixtures of the walk through a deployment, and the report that it writes."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ops.local import engine as engines
from tests.aws.deployment import LACKS, Deployment, OnAws, OnEmulator
from tests.e2e.local import Local


@dataclass
class Report:
    """What the walk saw, one row per step; written after every step, so that an interrupted walk leaves what it has."""

    file: Path
    heading: str
    rows: list[tuple[str, str, float]] = field(default_factory=list)
    started: float = field(default_factory=time.time)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Times a step; what the block appends to the list is what it saw."""
        print(f"\n==> {name}", flush=True)
        since, seen = time.monotonic(), list[str]()
        try:
            yield seen
        except BaseException as error:
            seen.append(f"**failed**: {(str(error) or type(error).__name__).splitlines()[0][:300]}")
            raise
        finally:
            self.rows.append((name, "; ".join(seen) or "as expected", time.monotonic() - since))
            print(f"    {self.rows[-1][1]} ({self.rows[-1][2]:.0f} s)", flush=True)
            self.write()

    def skipped(self, name: str, why: str) -> None:
        self.rows.append((name, f"not shown: {why}", 0))
        self.write()

    @property
    def hours(self) -> float:
        return (time.time() - self.started) / 3600

    def write(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"# {self.heading}", "", "| step | what was seen | seconds |", "|---|---|---|"]
        lines += [f"| {name} | {seen.replace('|', '/')} | {seconds:.0f} |" for name, seen, seconds in self.rows]
        self.file.write_text("\n".join([*lines, ""]), encoding="utf-8")


@pytest.fixture(scope="session")
def options(request: pytest.FixtureRequest) -> tuple[str, bool]:
    """The environment, and whether it goes to a real account: only `python -m tests.aws` asks for one."""
    return request.config.getoption("--aws-environment"), request.config.getoption("--real-aws")


@pytest.fixture(scope="session")
def report(options: tuple[str, bool], root: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    environment, real = options
    folder = root / "verified" if real else tmp_path_factory.mktemp("verified")
    where = "AWS" if real else "the emulator"
    day = time.strftime("%Y-%m-%d")
    return Report(folder / f"{environment}-{day}.md", f"{environment} on {where}, {day}")


@pytest.fixture(scope="session")
def deployment(options: tuple[str, bool], root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The deployment; whatever happens, it is destroyed at the end."""
    environment, real = options
    folder = tmp_path_factory.mktemp("aws") / "project"
    engine = engines.find()
    if engine is None:
        pytest.skip("no container engine that can build answers: `python -m ops engine` finds or starts one")
    local = Local.copy(root, folder, engine)
    if real:
        # A name of its own: nothing that already runs is touched. Disposable: nothing is left that costs.
        overrides = {"app": f"verify{secrets.token_hex(2)}", "removal": "disposable"}
        made: Deployment = OnAws(folder, environment, overrides)
    else:
        made = OnEmulator(folder, environment, lacks=LACKS, local=local)
    yield made
    made.destroy()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def shown(request: pytest.FixtureRequest, deployment: Deployment, report: Report) -> None:
    """Skips a step that this kind of deployment cannot show, and says why in the report."""
    marker = request.node.get_closest_marker("needs")
    for what in marker.args if marker else ():
        if what in deployment.lacks:
            report.skipped(request.node.name.removeprefix("test_").replace("_", " "), deployment.lacks[what])
            pytest.skip(deployment.lacks[what])
