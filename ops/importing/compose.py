"""A compose file: https://github.com/compose-spec/compose-spec/blob/main/spec.md"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ops.importing import compose_parts as parts
from ops.importing.compose_ports import published
from ops.importing.draft import Draft, service_name
from ops.importing.ledger import Ledger, View
from ops.importing.managed import replacement
from ops.importing.neighbours import add_call, add_egress, finish
from ops.importing.reading import Template

_FRONT: Final = ("frontend", "front-end", "web", "gateway", "ui", "proxy", "nginx", "app", "client", "store-front")


def recognizes(document: dict[str, Any]) -> bool:
    """Whether it is a compose file."""
    services = document.get("services")
    known = isinstance(services, dict) and all(isinstance(one, dict) or one is None for one in services.values())
    return known and "apiVersion" not in document


def interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    """The value with ${NAME}, ${NAME:-default} and $NAME filled in, as compose does; what has no value stays a Template."""
    if isinstance(value, dict):
        return {key: interpolated(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [interpolated(inner, variables) for inner in value]
    if not isinstance(value, str) or "$" not in value:
        return value
    missing = False

    def fill(found: re.Match[str]) -> str:
        nonlocal missing
        if found["escaped"]:
            return "$"
        name = found["name"] or found["bare"]
        if name in variables:
            return variables[name]
        if found["default"] is not None:
            return found["default"]
        missing = True
        return found[0]

    filled = re.sub(
        r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?::?-(?P<default>[^{}]*)|:?[?+][^{}]*)?\}|(?P<bare>[A-Za-z_]\w*))",
        fill,
        value,
    )
    return Template(filled) if missing else filled


def drafts(document: dict[str, Any], ledger: Ledger) -> tuple[list[Draft], list[str]]:
    """The services of a compose file, and a line for each database in it."""
    file = View(document, ledger)
    for key in document:
        if key in ("version", "name") or key.startswith("x-"):
            file.at(key).idle()
    file.at("networks").lose("is a network of one machine", "nothing: calls says who reaches whom")
    file.at("volumes").lose("keeps data on one machine", "use a table, a bucket or a managed database")
    for key in ("secrets", "configs"):
        file.at(key).lose(
            "is a file in the container", "write secrets: {VARIABLE: {secrets_manager: name}} and read the variable"
        )
    file.at("include").lose("is another file", "run `docker compose config` and import what it prints")
    lines, written = [], []
    outside: dict[str, int] = {}
    for view in file.at("services").each():
        managed = replacement(view.at("image").text)
        if managed:
            view.idle()
            outside[view.key] = managed[1]
            lines.append(f"not written: {view.key} ({view.at('image').text}): use {managed[0]}")
        else:
            written.append(
                (
                    Draft(service_name(view.key), f"service {view.key} of the compose file", ledger, scope=[view.path]),
                    view,
                )
            )
    _assign_paths([draft for draft, view in written if published(view)])
    for draft, view in written:
        parts.service(draft, view)
    names = {view.key: draft.name for draft, view in written}
    _give_ports([draft for draft, _ in written])
    for draft, view in written:
        _depends(draft, view, names, outside)
    finish([draft for draft, _ in written], {name: port for name, port in outside.items() if port})
    return [draft for draft, _ in written], lines


def _assign_paths(reachable: list[Draft]) -> None:
    """The path / for the one service that looks like the front; the others are reached only by those that call them."""
    front = next((d for word in _FRONT for d in reachable if word in d.name), reachable[0] if reachable else None)
    for draft in reachable:
        if draft is front:
            draft.guess("path", "/", "guessed: its ports are published, and it looks like the front")
        else:
            draft.say("kind", f"its ports were published: add path: /{draft.name} if not only services shall reach it")


def _give_ports(drafts_: list[Draft]) -> None:
    """A service that says no port, but whose address others have: http on that port."""
    for draft in drafts_:
        if draft.fields["kind"] == "http":
            continue
        for other in drafts_:
            for variable, value in other.fields.get("environment", {}).items():
                found = re.search(rf"(?:^|//|@|,){re.escape(draft.name)}:(\d{{4,5}})\b", value)
                if found and "health" not in draft.fields:
                    draft.guess("kind", "http", f"guessed: {other.name} has its address in {variable}")
                    draft.guess("port", int(found[1]), f"guessed: {other.name} has it in {variable}")
                    draft.guess("health", "/", "guessed: the file does not say")


def _depends(draft: Draft, view: View, names: dict[str, str], outside: dict[str, int]) -> None:
    """`depends_on` and `links`: start order there, permission here."""
    for key in ("depends_on", "links"):
        for one in view.at(key).each():
            name = (one.text if isinstance(view.at(key).value, list) else one.key).partition(":")[0]
            if name in names:
                add_call(draft, names[name])
                one.carry()
                one.at("condition").carry()
            elif name in outside:
                add_egress(draft, name, outside[name])
                one.guess()
            else:
                one.lose("is not in this file", f"add {name} to calls once it is a service")
