"""Writes a draft as service.yaml, in the dialect that config/strict_yaml.py reads."""

from __future__ import annotations

import json
import re
import textwrap
from typing import Any, Final

from config.strict_yaml import scalar
from ops.importing.draft import Draft
from ops.importing.ledger import Note, dotted

_ORDER: Final = (
    "description", "kind", "platforms", "image", "build", "entrypoint", "command", "user", "writable", "tmp_size",
    "storage", "init", "schedule", "timezone", "timeout", "retries", "port", "protocol", "private_port", "path",
    "paths", "hosts", "sticky", "internal", "priority", "health", "health_grace", "stop_timeout", "call_timeout",
    "cpu", "memory", "scaling", "alarms", "calls", "sends", "egress", "queue", "bucket", "table", "tables", "rights",
    "environment", "secrets", "before_deploy", "sidecars", "overrides",
)  # fmt: skip
_PLAIN: Final = re.compile(r"[A-Za-z/][\w./@+-]*(:[\w./@+-]+)*", re.ASCII)
_WIDTH: Final = 110


def render(draft: Draft, *, source: str, notes: list[Note]) -> str:
    """The text of the manifest. `source` is the imported file; `notes` are those of this service."""
    lines = [f"# Imported from {source}: {draft.origin}. Read every comment, then remove it.", ""]
    fields: dict[str, Any] = {"description": f"{draft.name}, once {draft.origin}", **draft.fields}
    if draft.overrides:
        fields["overrides"] = draft.overrides
    for name in sorted({*fields, *draft.comments}, key=_ORDER.index):
        for why in draft.comments.get(name, ()):
            lines += _comment(f"{name}: {why}")
        lines += _field(name, fields[name], 0) if name in fields else []
    for name, differing in draft.asides.items():
        lines += ["", f"# Copilot's environment {name}, which this project does not have:"]
        lines += [f"# {line}" for line in _field("overrides", {name: differing}, 0)]
    if notes:
        lines += ["", "# Not carried over:"]
        for note in notes:
            lines += _comment(f"{_safe(dotted(note.path))}: {note.problem}; {note.remedy}", "  ")
    return "\n".join(lines) + "\n"


def _comment(text: str, indent: str = "") -> list[str]:
    wrapped = textwrap.wrap(_safe(text), _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [f"# {indent}{line}" for line in wrapped]


def _safe(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _field(name: str, value: Any, depth: int) -> list[str]:
    indent = "  " * depth
    key = quoted(name)
    if isinstance(value, dict) and value:
        inner = [line for part, found in value.items() for line in _field(part, found, depth + 1)]
        short = f"{indent}{key}: {flow(value)}"
        flat = not any(isinstance(found, dict | list) for found in value.values())
        return [short] if depth and flat and len(short) < _WIDTH else [f"{indent}{key}:", *inner]
    if isinstance(value, list) and len(flow(value)) > _WIDTH:
        return [f"{indent}{key}:", *(f"{indent}  - {flow(item)}" for item in value)]
    return [f"{indent}{key}: {flow(value)}"]


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else quoted(str(value))


def quoted(text: str) -> str:
    """Text, in quotes where it would otherwise mean something else."""
    if _PLAIN.fullmatch(text) and isinstance(scalar(text), str):
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in json.dumps(text, ensure_ascii=False))


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
