"""Measures a review without its two syntheses: the five services and a hundred, each as a ratio to one synthesis of the five.

    python -m tests.bench.review

Each is compared with a version in which every image is new and one manifest differs, and with nothing, so that all is new. The
page itself is measured by tests/bench/review_page.py.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ops.assembly import Assembly
from ops.review.command import review, write
from ops.review.pair import Pair, Side
from ops.review.sources import Sources
from tests.bench.synth import project, run

ROUNDS = 5
SERVICES = 100
GOALS_S = {"five services": 2.0, f"{SERVICES} services": 10.0}


def main() -> None:
    """Prints a line for each comparison."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        sides, synthesis = {}, 0.0
        for name, generated in zip(GOALS_S, (None, SERVICES), strict=True):
            app = project(scratch / name, generated)
            before, after = scratch / f"{name} before", scratch / f"{name} after"
            took = run(app, before)
            synthesis = synthesis or took
            _edit(app.parent)
            run(app, after)
            sides[name] = (_side(before), _side(after))
        print(f"{'':32}{'seconds':>9}{'to one synthesis':>18}{'goal':>8}")
        for name, (before, after) in sides.items():
            for what, first in (("one version to the next", before), ("all new", Side("nothing", ()))):
                took = _median(lambda first=first, after=after: _write(first, after, scratch / "review"))
                print(f"{f'{name}, {what}':32}{took:9.2f}{took / synthesis:18.2f}{GOALS_S[name]:6g} s")


def _edit(project: Path) -> None:
    for file in project.glob("services/*/Dockerfile"):
        file.write_text(f"{file.read_text(encoding='utf-8')}\n# another line\n", encoding="utf-8")
    manifest = next(project.glob("services/*/service.yaml"))
    manifest.write_text(
        manifest.read_text(encoding="utf-8").replace("memory: 512", "memory: 1024", 1), encoding="utf-8"
    )


def _side(folder: Path) -> Side:
    assembly = Assembly(folder)
    return Side(folder.name, assembly.stacks, assembly)


def _write(before: Side, after: Side, folder: Path) -> None:
    write(review(Pair(before, after), Sources(before, after), "sandbox"), folder)


def _median(work: Callable[[], None]) -> float:
    found = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


if __name__ == "__main__":
    main()
