"""Measures the page of a review, as ratios in one run: to write it, to draw its pictures, and to open it in a browser.

    python -m tests.bench.review_page

A page of four services is the unit, so that the ratios hold on a busy machine where seconds do not.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ops.review.model import Review
from ops.review.page import page
from ops.review.pictures import pictures
from tests.browser import Page, browser, chromium
from tests.unit.ops.review.samples import everything, fresh, many

ROUNDS = 5
GOAL_S = 2.0
OPENED = """(async () => {
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    return performance.now() / 1000;
})()"""


def main() -> None:
    """Prints a line for each sample."""
    reviews = {"four services": everything(), "100 services, 4 changed": many(), "100 new services": fresh()}
    drawn = {
        name: replace(review, pictures=pictures(review.exposure, review.services)) for name, review in reviews.items()
    }
    table = {
        "draw": _rounds(reviews, lambda review: _timed(lambda: pictures(review.exposure, review.services))),
        "write": _rounds(drawn, lambda review: _timed(lambda: page(review))),
    }
    if chromium():
        with tempfile.TemporaryDirectory() as folder, browser() as tab:
            table["open"] = _rounds(drawn, lambda review: _opened(tab, review, Path(folder) / "page.html"))
    print(f"{'':26}" + "".join(f"{what:>22}" for what in table))
    for name in reviews:
        cells = (
            f"{seconds[name]:.3f} s ({seconds[name] / seconds['four services']:.1f})" for seconds in table.values()
        )
        print(f"{name:26}" + "".join(f"{cell:>22}" for cell in cells))
    print(f"goal: each page opens in under {GOAL_S:g} s")


def _rounds(reviews: dict[str, Review], measure: Callable[[Review], float]) -> dict[str, float]:
    """The median of each, measured in turns."""
    found: dict[str, list[float]] = {name: [] for name in reviews}
    for _ in range(ROUNDS):
        for name, review in reviews.items():
            found[name].append(measure(review))
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _opened(tab: Page, review: Review, file: Path) -> float:
    """Seconds from the beginning of the visit until two frames were drawn."""
    if not file.exists() or file.read_text("utf-8") != page(review):
        file.write_text(page(review), encoding="utf-8")
    tab.open("about:blank")
    tab.open(file.as_uri())
    return float(tab.run(OPENED))


if __name__ == "__main__":
    main()
