"""`python -m ops review`: compares, and writes the page, the Markdown and the JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from config.command_line import printable
from ops.errors import OpsError
from ops.review.accepted import accepted_in
from ops.review.cards import cards, shared_objects
from ops.review.data import data_items, routine
from ops.review.document import document
from ops.review.exposure import exposure
from ops.review.findings import findings, findings_note
from ops.review.gate import Rules, judged
from ops.review.lint_findings import lint_differing
from ops.review.markdown import markdown
from ops.review.model import Review, Weight
from ops.review.money import cost
from ops.review.page import page
from ops.review.pair import Pair
from ops.review.pictures import pictures
from ops.review.raw import templates
from ops.review.rights import rights
from ops.review.sources import CACHE, Request, Sources, sources
from ops.review.usage import limits
from ops.say import Say

FOLDER: Final = Path("review")
"""Where the files go, below the project."""

GATE_FAILED: Final = 1
MOST_SAID: Final = 20


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the command is asked for.

    Attributes:
        request: what to compare.
        rules: what to fail on.
        output: the folder to write to.
        today: for the last days in .review.yaml.
    """

    request: Request
    rules: Rules
    output: Path
    today: date


def run(wanted: Wanted, say: Say) -> int:
    """Compares and writes; returns the exit code: 1 if the gate fails. Raises OpsError or ConfigError."""
    try:
        return _run(wanted, say)
    except RecursionError:
        raise OpsError("a template is nested too deeply to be compared; no template of CDK is", exit_code=2) from None


def _run(wanted: Wanted, say: Say) -> int:
    request = wanted.request
    accepted = accepted_in(request.root)  # what is wrong there is said before anything takes time
    both = sources(request, say)
    pair = Pair(both.before, both.after, request.settings.quotas, store=request.root / CACHE / "cfn-lint.json")
    with say.phase("Checking the templates that differ with cfn-lint"):
        lint_differing(pair)
    with say.phase(f"Comparing {both.before.label} with {both.after.label}"):
        found = judged(review(pair, both, request.environment), wanted.rules, accepted, wanted.today)
        files = write(found, wanted.output)
    for line in said(found):
        say.line(printable(line))
    for file in files:
        say.note(str(file))
    return GATE_FAILED if found.verdict.reasons else 0


def review(pair: Pair, both: Sources, environment: str) -> Review:
    """Everything that there is to say about two sides."""
    reach = exposure(pair)
    services = cards(pair)
    note = findings_note(pair)
    return Review(
        environment=environment,
        before=both.before.label,
        after=both.after.label,
        notes=(*both.notes, *([note] if note else []), *pair.notes),
        data=data_items(pair, environment) if both.deploys else (),
        routine=routine(pair) if both.deploys else (),
        rights=rights(pair),
        exposure=reach,
        services=services,
        objects=shared_objects(pair),
        cost=cost(pair),
        limits=limits(pair),
        findings=findings(pair),
        pictures=pictures(reach, services),
        templates=templates(pair),
        deploys=both.deploys,
        checked=not note,
    )


def write(found: Review, folder: Path) -> tuple[Path, ...]:
    """Writes the page, the Markdown and the JSON, each under the environment's name; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"html": page(found), "md": markdown(found), "json": document(found)}
    files = []
    for ending, text in texts.items():
        file = folder / f"{found.environment}.{ending}"
        # A template may hold half of a surrogate pair, which UTF-8 cannot.
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
        files.append(file)
    return tuple(files)


def said(found: Review) -> list[str]:
    """What the terminal shows: the dangers and cautions, and the verdict."""
    if found.is_empty:
        return ["nothing changes"]
    lines = [
        f"{item.weight.word:9}{item.text} [{item.id}]"
        for item in sorted(found.items, key=lambda item: -item.weight)
        if item.weight >= Weight.CAUTION and not item.accepted
    ]
    shown, more = lines[:MOST_SAID], len(lines) - MOST_SAID
    if more > 0:
        shown.append(f"… and {more} more, in the page")
    return [*shown, *(f"fails on {reason}" for reason in found.verdict.reasons)] or ["nothing that needs a closer look"]
