"""docs/rights.md says what needed.yaml says."""

from __future__ import annotations

from typing import Any

from tests.conftest import ROOT
from tests.rights.calls import needed

DOCUMENT = ROOT / "docs" / "rights.md"
_INTRODUCTION = """# Rights

Every role that the templates make, who holds it, and the calls that the holder makes. An IAM evaluator that is not ours
(`@cloud-copilot/iam-simulate`, AGPL-3.0; it runs only in tests, as a process of its own) is asked about each, in both
environments and in the partitions `aws` and `aws-us-gov`: these
calls are allowed, each right of our own policies is used by one of them, and none of the dangerous calls at the end is allowed.
Written by `make snapshots` from `tests/rights/needed.yaml`.
"""


def _source(text: str) -> str:
    return f"<{text}>" if text.startswith("https://") and " " not in text else text


def _role(name: str, entry: dict[str, Any]) -> list[str]:
    rows: dict[str, list[str]] = {}
    for call in entry["calls"]:
        actions = call.get("actions", ["what it says"])
        rows.setdefault(call["source"], []).extend(a for a in actions if a not in rows.get(call["source"], []))
    lines = [f"## {name}", "", f"Held by {entry['holder']}: {entry['purpose']}.", ""]
    if rows:
        lines += ["| calls | source |", "|---|---|"]
        lines += [f"| {', '.join(f'`{a}`' for a in actions)} | {_source(source)} |" for source, actions in rows.items()]
        lines.append("")
    for excess, reason in entry.get("unused", {}).items():
        lines += [f"Not used: `{excess}`. {reason}", ""]
    return lines


def _render() -> str:
    lines = [_INTRODUCTION]
    for name, entry in needed()["roles"].items():
        lines += _role(name, entry)
    dangerous = ", ".join(sorted({f"`{call['action']}`" for call in needed()["dangerous"]}))
    lines += ["## Refused to every role", "", dangerous, "", "## AWS managed policies, as evaluated", ""]
    lines += ["| policy | version | last changed |", "|---|---|---|"]
    lines += [f"| {name} | {noted['version']} | {noted['edited']} |" for name, noted in needed()["managed"].items()]
    return "\n".join(lines) + "\n"


def test_the_document_of_rights_is_current(request):
    if request.config.getoption("--update-snapshots"):
        DOCUMENT.write_text(_render(), encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == _render(), "run `make snapshots`"
