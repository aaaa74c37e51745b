"""Every sentence about a change, in one place; what fills the gaps is computed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from config.errors import one_line
from ops.changes.model import REFUSED, Action, Change, Finding, Kind

# What happens, and what to do instead. {resource} is a type's short name with the logical id.
_SENTENCES: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.DATA_LOST: (
        "{resource} {action}, and its {holds} are deleted",
        "copy them first, then accept it",
    ),
    Kind.DATA_LEFT: (
        "{resource} {action}: the new one is empty, and its old {holds} stay behind, out of reach",
        "copy them over, then accept it",
    ),
    Kind.NAMED_REPLACED: (
        "{resource} would be replaced with the same {key}, which CloudFormation refuses",
        "undo the change, or make a new environment with it",
    ),
    Kind.TYPE_CHANGED: (
        "{name} was a {was} and becomes a {type}, which CloudFormation refuses under one logical id",
        "give the new one another id",
    ),
    Kind.UNSUPPORTED: (
        "{resource} cannot be updated like this ({field}): {why}",
        "undo the change, or make a new environment with it",
    ),
    Kind.EXPORT_GONE: (
        "the export {name} goes away while {other} still imports it, which CloudFormation refuses",
        "deploy {other} first",
    ),
    Kind.EXPORT_CHANGED: (
        "the export {name} gets another value while {other} imports it, which CloudFormation refuses",
        "undo the change, or make a new environment with it",
    ),
    Kind.OUTPUT_MISSING: (
        "the output {name} of {other} is read but does not exist",
        "deploy the stack that publishes it",
    ),
    Kind.CLASH: (
        "{resource} takes {key} before {other} lets go of it, which AWS refuses",
        "deploy {other_stack} first, or use another value in between",
    ),
    Kind.UNDONE: (
        "{resource} takes over {key} from {other}, and deleting that one deletes it again",
        "deploy twice: remove it first, then add it",
    ),
    Kind.OVERLAP: (
        "{resource} gets the range {range}, which overlaps {other_range} of {other}, still in place then; AWS refuses that",
        "undo the change, or make a new environment with it",
    ),
    Kind.QUOTA: (
        "{name} has {count} {counts}{meanwhile}, and AWS allows {limit}",
        "use fewer, or ask AWS to raise the quota",
    ),
    Kind.STALE: (
        "{other} is not deployed again, since its template is the same, and goes on with the old value of the output {name}",
        "deploy {other} with --force",
    ),
    Kind.OUTAGE: (
        "{resource} {action}: {why}",
        "deploy when few requests come in",
    ),
    Kind.LEFT_RUNNING: (
        "the stack {name} is no longer in the app and keeps running",
        "destroy it if it is not wanted: aws cloudformation delete-stack --stack-name {name}",
    ),
    Kind.NOT_DELETED: (
        "{resource} is to be deleted, but {what} stays",
        "delete it by hand, or leave it",
    ),
    Kind.KEPT_NAME: (
        "{resource} {action} but kept under its name ({physical}); a later resource of that name is refused",
        "delete or import it before the name is used again",
    ),
    Kind.OUTPUT_GONE: (
        "the output {name} goes away while {other}, which is no longer in the app, reads it",
        "destroy {other}",
    ),
}  # fmt: skip
_HASH: Final = re.compile(r"\b([A-Za-z][A-Za-z0-9]*?)[0-9A-F]{8}\b")
_COUNTED: Final[Mapping[Action, str]] = {Action.POLICY: "with another deletion policy"}
_PERHAPS: Final = "perhaps "
_LEFT: Final = "destroy the stack {other_stack} first: it is no longer in the app"
_TOGETHER: Final = " while old and new exist side by side"


def happens(finding: Finding) -> str:
    """What happens, in a sentence without its full stop."""
    text, _ = _SENTENCES[finding.kind]
    said = finding.certain or finding.facts.get("action") == Action.MAY_BE_REPLACED
    return f"{finding.stack}: {'' if said else _PERHAPS}{text.format_map(_gaps(finding))}"


def remedy(finding: Finding) -> str:
    """What to do instead."""
    _, text = _SENTENCES[finding.kind]
    if finding.kind is Kind.CLASH and finding.facts.get("left"):
        text = _LEFT
    return text.format_map(_gaps(finding))


def sentence(finding: Finding) -> str:
    """One line: what happens, what to do, and the id to accept it with."""
    mark = "refused" if finding.kind in REFUSED else "data" if finding.blocks else "note"
    return one_line(f"{mark:8}{happens(finding)}; {remedy(finding)} [{finding.id}]")


def short_type(kind: str) -> str:
    """A type without its vendor: `ECR Repository`, `KubernetesResource`."""
    if kind.startswith("Custom::"):
        return kind.removeprefix("Custom::").rpartition("-")[2]
    return " ".join(kind.split("::")[1:])


def described(change: Change) -> str:
    """A change in a few words: `Registry: ECR Repository Repositoryhello replaced`."""
    return f"{change.stack}: {short_type(change.type)} {readable(change.name)} {change.action.value}"


def counted(changes: Iterable[Change]) -> str:
    """How many resources are added, updated and so on: `2 added, 1 updated`."""
    counts = Counter(Action.UPDATED if change.routine else change.action for change in changes)
    return ", ".join(f"{counts[action]} {_COUNTED.get(action, action.value)}" for action in Action if counts[action])


def readable(text: str) -> str:
    """The text without the hashes that CDK appends to logical ids; the id of a finding has them."""
    return _HASH.sub(r"\1", text)


class _Gaps(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def _gaps(finding: Finding) -> Mapping[str, str]:
    facts = dict(finding.facts)
    kind = facts.get("type", "")
    resource = facts.get("object") or f"{short_type(kind)} {finding.name}".strip()
    if facts.get("meanwhile"):
        facts["meanwhile"] = _TOGETHER
    action = facts.get("action", "")
    facts["action"] = action if action == Action.MAY_BE_REPLACED else f"is {action}"
    texts = {**facts, "name": finding.name, "stack": finding.stack, "resource": resource}
    return _Gaps({key: readable(text) for key, text in texts.items()})
