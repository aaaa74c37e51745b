"""docs/changes.md: one row per change, with what it does to a running environment. Everything is computed but the sentences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from config.documents import markdown_table
from ops.changes.model import LOSES_DATA, REFUSED, REPLACING, Action, Change, Finding, Interruption, Kind, Result
from ops.changes.plan import Plan
from ops.changes.sentences import happens, short_type

RED: Final = "🔴"
HEADS: Final = (
    "Change",
    "Environment",
    "Updated in place",
    "Replaced",
    "Added and removed",
    "Exports and outputs that go away or change",
    "Stacks that go on with an old value",
    "Collisions and refusals",
    "Quotas passed",
    "Interruption",
    "What to type",
)
_BOTH: Final = "both"
_MOST_NAMED: Final = 4
_ACCEPT: Final = "ACCEPT='...'"
_EXPORTS: Final = frozenset({Kind.EXPORT_GONE, Kind.EXPORT_CHANGED, Kind.OUTPUT_GONE, Kind.OUTPUT_MISSING})
_COLLISIONS: Final = frozenset(
    {
        Kind.CLASH,
        Kind.UNDONE,
        Kind.OVERLAP,
        Kind.NAMED_REPLACED,
        Kind.UNSUPPORTED,
        Kind.TYPE_CHANGED,
        Kind.NOT_DELETED,
        Kind.KEPT_NAME,
    }
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One change in one environment.

    Attributes:
        section: settings, manifest or services.
        subject: the field or the operation.
        change: from what to what.
        environment: its name, or both.
        updated: resources updated in place, a new task definition's revision included.
        replaced: resources that are replaced; those with data or a name are marked.
        added: resources that are added or removed.
        exports: exports and outputs that go away or change while another deployed template reads them.
        stale: stacks that the CLI skips though what they read changes.
        collisions: what collides while old and new exist, and other refusals.
        quotas: quotas that are passed.
        interruption: the greatest one, with its reason.
        commands: what to type.
        blocking: kinds of findings for which AWS refuses or data is lost.
        guard: what stops it: the loader's line, or `make deploy`; empty if nothing has to.
    """

    section: str
    subject: str
    change: str
    environment: str
    updated: str = ""
    replaced: str = ""
    added: str = ""
    exports: str = ""
    stale: str = ""
    collisions: str = ""
    quotas: str = ""
    interruption: str = ""
    commands: str = ""
    blocking: tuple[str, ...] = ()
    guard: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.section, self.subject, self.change, self.environment

    def as_json(self) -> dict[str, Any]:
        """The row without its empty fields."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Row:
        return cls(**{**data, "blocking": tuple(data.get("blocking", ()))})


def refused_by_loader(line: str) -> dict[str, str]:
    """The cells of a change that the loader refuses."""
    return {"commands": f"refused when loaded: {line}", "guard": line}


def cells(result: Result, steps: Plan | None, environment: str) -> dict[str, Any]:
    """The cells of a change that loads."""
    by_action: dict[str, list[Change]] = defaultdict(list)
    for change in result.changes:
        by_action[_column(change)].append(change)
    blocking = tuple(dict.fromkeys(finding.kind.value for finding in result.blocking))
    return {
        "updated": _grouped(by_action["updated"]),
        "replaced": _replaced(by_action["replaced"]),
        "added": _signed(by_action["added"], by_action["removed"], result),
        "exports": _exports(result.findings),
        "stale": ", ".join(sorted({f.facts["other"] for f in result.findings if f.kind is Kind.STALE})),
        "collisions": _sentences(result.findings, _COLLISIONS),
        "quotas": _sentences(result.findings, frozenset({Kind.QUOTA})),
        "interruption": _interruption(result),
        "commands": _commands(result, steps, environment),
        "blocking": blocking,
        "guard": "make deploy" if blocking else "",
    }


def _column(change: Change) -> str:
    if change.routine or change.action in {Action.UPDATED, Action.POLICY}:
        return "updated"
    return "replaced" if change.action in REPLACING else change.action.value


def _grouped(changes: Iterable[Change]) -> str:
    """`Ecs: LoadBalancer, Listener; Ecs-shop, Ecs-stock: Service`: stacks to which the same happens are named together."""
    per_stack: dict[str, Counter[str]] = defaultdict(Counter)
    for change in changes:
        per_stack[change.stack][_type(change)] += 1
    stacks: dict[str, list[str]] = defaultdict(list)
    for stack, counts in per_stack.items():
        stacks[", ".join(f"{kind}{_times(count)}" for kind, count in sorted(counts.items()))].append(stack)
    return "; ".join(f"{', '.join(names)}: {what}" for what, names in stacks.items())


def _type(change: Change) -> str:
    name = short_type(change.type).rpartition(" ")[2]
    return {Action.POLICY: f"{name} (deletion policy)"}.get(change.action, name)


def _times(count: int) -> str:
    return f" x{count}" if count > 1 else ""


def _replaced(changes: Sequence[Change]) -> str:
    """Those with data or a name first, in red and bold."""
    red = [change for change in changes if change.stateful or change.physical is not None]
    perhaps = [change for change in changes if change not in red and change.action is Action.MAY_BE_REPLACED]
    rest = [change for change in changes if change not in red and change not in perhaps]
    parts = [f"{RED} **{_grouped(red)}**" if red else "", _grouped(rest)]
    parts.append(f"perhaps {_grouped(perhaps)}" if perhaps else "")
    return "; ".join(part for part in parts if part)


def _signed(added: Sequence[Change], removed: Sequence[Change], result: Result) -> str:
    """Of new and of destroyed stacks, only what matters of what they hold is named."""
    gone = sorted({change.stack for change in removed} - set(result.updated))
    lost = [change for change in removed if change.stateful and change.interruption is Interruption.DATA]
    kept = [change for change in removed if change.kept]
    rest = [c for c in removed if c not in lost and c not in kept and c.stack not in gone]
    more = [change for change in added if change.stack not in result.created]
    parts = [
        f"+ stacks {', '.join(result.created)}" if result.created else "",
        f"+ {_grouped(more)}" if more else "",
        f"- stacks {', '.join(gone)}" if gone else "",
        f"{RED} **- {_grouped(lost)}**" if lost else "",
        f"- {_grouped(rest)}" if rest else "",
        f"- {_grouped(kept)} (kept)" if kept else "",
        f"left running: {', '.join(result.left)}" if result.left else "",
    ]
    return "; ".join(part for part in parts if part)


def _exports(findings: Iterable[Finding]) -> str:
    words = {
        Kind.EXPORT_GONE: "goes away: refused",
        Kind.EXPORT_CHANGED: "changes: refused",
        Kind.OUTPUT_GONE: "goes away",
        Kind.OUTPUT_MISSING: "missing",
    }
    readers: dict[tuple[str, Kind], set[str]] = defaultdict(set)
    names: dict[tuple[str, Kind], set[str]] = defaultdict(set)
    for finding in findings:
        if finding.kind in _EXPORTS:
            readers[finding.stack, finding.kind].add(finding.facts.get("other", ""))
            names[finding.stack, finding.kind].add(finding.name)
    return "; ".join(
        f"{_some(len(names[key]))} of {key[0]}, read by {', '.join(sorted(readers[key]))}, {words[key[1]]}"
        for key in readers
    )


def _some(count: int) -> str:
    return "one" if count == 1 else str(count)


def _sentences(findings: Iterable[Finding], kinds: frozenset[Kind]) -> str:
    """What happens, one sentence per kind and stack; how often, if more than once."""
    found: dict[tuple[Kind, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.kind in kinds:
            found[finding.kind, finding.stack].append(finding)
    texts = []
    for together in found.values():
        more = f" (and {len(together) - 1} more)" if len(together) > 1 else ""
        texts.append(f"{happens(together[0])}{more}")
    return "; ".join(texts)


def _interruption(result: Result) -> str:
    """The greatest interruption and its reasons; of data, which."""
    worst = result.interruption
    lost = [finding for finding in result.findings if finding.kind in LOSES_DATA]
    if worst is Interruption.DATA and not lost:  # what CloudFormation refuses loses nothing
        worst = max(
            (c.interruption for c in result.changes if c.interruption is not Interruption.DATA),
            default=Interruption.NONE,
        )
    if worst is Interruption.NONE:
        return "none"
    reasons = list(dict.fromkeys(change.why for change in result.changes if change.interruption is worst))
    more = f"; and {len(reasons) - _MOST_NAMED} more" if len(reasons) > _MOST_NAMED else ""
    mark = f"{RED} **data**" if worst is Interruption.DATA else worst.word
    return f"{mark}: {'; '.join(reasons[:_MOST_NAMED])}{more}"


def _commands(result: Result, steps: Plan | None, environment: str) -> str:
    refused = {finding.kind for finding in result.findings if finding.kind in REFUSED}
    if steps is None and refused == {Kind.CLASH}:
        return f"refused by `make deploy`: deploy twice, with another value in between, each time with `{_deploy(environment)}`"
    certain = any(finding.certain for finding in result.findings if finding.kind in REFUSED)
    if steps is None and certain:
        return f"{RED} refused by `make deploy`: no order of deployments works"
    if steps is None:
        return f"refused by `make deploy` unless accepted: {_deploy(environment)} {_ACCEPT}"
    lines = [*steps.commands(environment)]
    accept = [finding.id for finding in result.blocking if finding.kind in LOSES_DATA or finding.kind is Kind.UNDONE]
    if accept:
        lines = [f"{line} {_ACCEPT}" if line == _deploy(environment) else line for line in lines]
    return ", then ".join(f"`{line}`" for line in lines)


def _deploy(environment: str) -> str:
    return Plan().commands(environment)[0]


# --- the table -------------------------------------------------------------------------------------------------------


def merged(rows: Iterable[Row]) -> list[Row]:
    """The rows with those that are the same in every environment as one."""
    together: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        together[row.section, row.subject, row.change].append(row)
    found: list[Row] = []
    for same in together.values():
        contents = [{k: v for k, v in _neutral(row).items() if k != "environment"} for row in same]
        if len(same) > 1 and all(content == contents[0] for content in contents):
            found.append(Row(**{**contents[0], "environment": _BOTH}))
        else:
            found += same
    return found


def _neutral(row: Row) -> dict[str, Any]:
    """The row's fields, with a placeholder for the name of its environment in commands and sentences."""
    return {
        field.name: value.replace(row.environment, "ENV")
        if isinstance(value := getattr(row, field.name), str)
        else value
        for field in fields(row)
    }


def table(rows: Iterable[Row], section: str) -> str:
    """The Markdown table of a section."""
    found = [row for row in merged(rows) if row.section == section]
    return markdown_table(
        HEADS,
        [
            (
                f"`{row.subject}`: {row.change}" if row.section != "services" else row.change,
                row.environment,
                *(getattr(row, name) for name in _CELLS),
            )
            for row in found
        ],
    )


_CELLS: Final = (
    "updated", "replaced", "added", "exports", "stale", "collisions", "quotas", "interruption", "commands",
)  # fmt: skip
