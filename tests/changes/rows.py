"""The stored rows of docs/changes.md, and what writes them: `make changes`."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from config.documents import updated
from ops.changes.matrix import Row, table
from tests.changes.scenarios import Scenario, scenarios

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_name("rows.json")
DOCUMENT = "docs/changes.md"
SECTIONS = ("settings", "manifest", "services")
TARGET = "changes"


def groups() -> dict[str, list[Scenario]]:
    """Scenarios that share most of what they synthesize: those of one field, or one change of services."""
    found: dict[str, list[Scenario]] = defaultdict(list)
    for scenario in scenarios():
        name = scenario.change if scenario.section == "services" else f"{scenario.section} {scenario.subject}"
        found[name].append(scenario)
    return dict(found)


def stored() -> list[Row]:
    """The rows of the last `make changes`."""
    return [Row.from_json(row) for row in json.loads(FILE.read_text("utf-8"))]


def as_text(rows: Iterable[Row]) -> str:
    """One row per line, so that a diff shows which changed."""
    lines = ",\n".join(json.dumps(row.as_json(), ensure_ascii=False) for row in rows)
    return f"[\n{lines}\n]\n"


def document(text: str, rows: list[Row]) -> str:
    """The document with its tables."""
    return updated(text, {section: table(rows, section) for section in SECTIONS}, DOCUMENT, target=TARGET)


def _start(folder: str) -> None:
    """Prepares a process, which starts a Node of its own."""
    from tests.changes.runner import Runner

    global _RUNNER  # noqa: PLW0603 - one per process
    _RUNNER = Runner(ROOT, Path(tempfile.mkdtemp(dir=folder)), Path(folder) / "shared")


def _rows_of(name: str) -> list[Row]:
    from tests.changes.runner import ENVIRONMENTS

    return [_RUNNER.run(scenario, environment).row for scenario in groups()[name] for environment in ENVIRONMENTS]


_RUNNER: Any = None


def write() -> None:
    """Computes every row, on all processors."""
    started = time.monotonic()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    os.environ["CDK_DISABLE_STACK_TRACE"] = "1"
    processes = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, processes.Pool(os.cpu_count(), _start, (folder,)) as pool:
        rows = [row for group in pool.imap(_rows_of, groups()) for row in group]
    FILE.write_text(as_text(rows), encoding="utf-8")
    path = ROOT / DOCUMENT
    path.write_text(document(path.read_text("utf-8"), rows), encoding="utf-8")
    print(f"{len(rows)} rows in {time.monotonic() - started:.0f} s; {DOCUMENT} is written")


if __name__ == "__main__":
    write()
