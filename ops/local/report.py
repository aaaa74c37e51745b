"""Puts facts into words: the closing table of `make up` and `make status`, and the fidelity tables of docs/emulator.md.

The prose on what the emulator's gaps mean for a user is in fidelity.yaml.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from config.names import platform_of, service_of, stack_id
from ops.local.filter import Dropped
from ops.local.outcome import Found, JobRun, LeftOut, OnCluster, Outcome, Scheduled, Tasks, Validated

PROSE = Path(__file__).with_name("fidelity.yaml")
UNKNOWN_CONSEQUENCE = "not deployed"


@cache
def _prose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(PROSE.read_text(encoding="utf-8"))
    return content


def consequence(kind: str) -> str:
    """What leaving out a resource type means for a user."""
    consequences = _prose()["consequences"]
    matches = [prefix for prefix in consequences if kind.startswith(prefix)]
    return str(consequences[max(matches, key=len)]) if matches else UNKNOWN_CONSEQUENCE


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a plain text table; columns as wide as their widest cell."""
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def outcome_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """The services with their outcomes and addresses, then their images and containers."""
    rows = ((o.service, o.platform, words(o.found), _address(o.found)) for o in outcomes)
    lines = table(("SERVICE", "ON", "STATE", "ADDRESS"), rows)
    running = [o for o in outcomes if o.image]
    if running:
        lines.append("")
        lines += table(
            ("SERVICE", "CONTAINER", "IMAGE"),
            ((o.service, ", ".join(o.containers) or "-", _short_image(o.image)) for o in running),
        )
    return lines


def words(found: Found) -> str:
    """What was found of a service, as a user reads it."""
    if isinstance(found, Tasks):
        answer = f"answers {found.status}" if found.status else "does not answer"
        return f"{found.running} of {found.wanted} running" + (f", {answer}" if found.url else "")
    if isinstance(found, JobRun):
        return "ran once, exit code 0" if found.ran else "has not run"
    if isinstance(found, Validated):
        return _of_validated(found)
    if isinstance(found, LeftOut):
        return f"left out: {found.reason}"
    lacking = f"; no AWS: {found.no_aws}" if found.no_aws else ""
    if isinstance(found, Scheduled):
        return f"in the cluster, not run: only its schedule starts it{lacking}"
    obstacle = f": {found.obstacle}" if found.obstacle else ""
    return f"{found.ready} of {found.wanted} pods ready{obstacle}{lacking}"


def _of_validated(found: Validated) -> str:
    custom = f", {found.without_schema} custom without a schema" if found.without_schema else ""
    own = f"; the emulator's k3s refused them: {found.refused_by_own}" if found.refused_by_own else ""
    return f"no cluster: {found.checked} objects valid for {found.version}{custom}{own}"


def _address(found: Found) -> str:
    if isinstance(found, Tasks):
        return (found.url or "") + (f" (Host: {found.host})" if found.host else "")
    if isinstance(found, OnCluster):
        return found.address
    return f"schedule {found.schedule}" if isinstance(found, JobRun | Scheduled) else ""


def _short_image(image: str) -> str:
    """A tag is a hash of 64 digits; twelve are enough to tell images apart."""
    return re.sub(r"([0-9a-f]{12})[0-9a-f]{52}$", r"\1", image)


def dropped_lines(dropped: Sequence[Dropped]) -> list[str]:
    """What the emulator left out, by type."""
    counts: Counter[str] = Counter(entry.type for entry in dropped)
    stacks: dict[str, set[str]] = defaultdict(set)
    for entry in dropped:
        stacks[entry.type].add(entry.stack)
    rows = ((kind, str(counts[kind]), ", ".join(sorted(stacks[kind])), consequence(kind)) for kind in sorted(counts))
    return table(("LEFT OUT BY THE EMULATOR", "COUNT", "STACKS", "EFFECT"), rows)


def stack_group(stack: str) -> str:
    """All service stacks of a platform share one name in the documentation, so that a new service does not change it."""
    platform = platform_of(stack)
    return stack_id(platform, "<name>") if platform and service_of(stack, platform) else stack


def fidelity_markdown(dropped: Sequence[Dropped]) -> str:
    """The documentation's two tables: resources left out, and behavior that differs."""
    groups: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in dropped:
        why = "refers to a resource left out" if entry.because else "unknown to the emulator"
        if entry.because == "metric math":
            why = "metric math is unknown to the emulator"
        groups[entry.type, why].add(stack_group(entry.stack))
    lines = ["| Left out | Stacks | Why | Effect |", "|---|---|---|---|"]
    for (kind, why), stacks in sorted(groups.items()):
        lines.append(
            f"| `{kind}` | {', '.join(f'`{name}`' for name in sorted(stacks))} | {why} | {consequence(kind)} |"
        )
    lines += ["", "| Part | How it differs from AWS |", "|---|---|"]
    lines += [f"| {entry['part']} | {entry['differs']} |" for entry in _prose()["behaviour"]]
    return "\n".join(lines) + "\n"
