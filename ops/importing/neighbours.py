"""What is known only when every service of a file is: who calls whom, what is outside, whose path is taken."""

from __future__ import annotations

import re
from collections.abc import Iterable

from config.service import env_name
from ops.importing.draft import Draft


def add_call(draft: Draft, name: str) -> None:
    if name != draft.name:
        draft.add("calls", name)


def finish(drafts: Iterable[Draft], outside: dict[str, int]) -> None:
    """What is known only when every service is: who calls whom, by the names in variables, and what calls then set.

    Args:
        drafts: the services of the file.
        outside: what the file has beside them, such as databases, with their ports.
    """
    known = {draft.name: draft for draft in drafts}
    for draft in known.values():
        for variable, value in list(draft.fields.get("environment", {}).items()):
            for name in _named_in(variable, value, known):
                if name not in draft.fields.get("calls", ()) and name != draft.name and _listens(known[name]):
                    add_call(draft, name)
                    draft.say("calls", f"guessed: {variable} names {name}")
            for name in _named_in(variable, value, outside):
                add_egress(draft, name, outside[name] or _port_in(value, name))
                draft.say("environment", f"{variable} names {name}: write the address of the managed one")
    taken: set[tuple[str, tuple[str, ...]]] = set()
    for draft in known.values():
        _give_own_path(draft, taken)
        _drop_calls_to_nothing(draft, known)
        _drop_set_by_calls(draft, known)
        if draft.fields.get("protocol") in ("grpc", "tcp"):
            draft.fields.pop("health", None)
            draft.comments.pop("health", None)


def add_egress(draft: Draft, name: str, port: int) -> None:
    """A way out to something that is not a service here; AWS's own 443 is open without."""
    if port not in (0, 443) and all(way["name"] != name for way in draft.fields.get("egress", ())):
        draft.add("egress", {"name": name, "port": port, "cidrs": ["10.0.0.0/16"]})
        draft.say("egress", f"guessed: the network of {name}; security_group: sg-... instead of cidrs is narrower")


def _give_own_path(draft: Draft, taken: set[tuple[str, tuple[str, ...]]]) -> None:
    path, hosts = draft.fields.get("path"), tuple(draft.fields.get("hosts", ()))
    if path and (path, hosts) in taken:
        draft.guess("path", f"/{draft.name}", f"guessed: another service of the file has {path}")
    elif path:
        taken.add((path, hosts))


def _listens(draft: Draft) -> bool:
    return draft.fields.get("kind") == "http"


def _named_in(variable: str, value: str, names: Iterable[str]) -> list[str]:
    """The names that a value has as a host: after the // of a URL, before a port, or alone in a variable for a host."""
    hosts = re.findall(r"(?:^|//|@|[,;=\s])([a-z][a-z0-9_-]*)(?=:\d|[/,;\s]|$)", value)
    alone = re.search(r"HOST|SERVER|ADDR|ENDPOINT|UR[IL]|BROKER|SERVICE|NODE", variable, re.IGNORECASE)
    return [name for name in names if name in hosts and (value != name or alone)]


def _port_in(value: str, name: str) -> int:
    found = re.search(rf"\b{re.escape(name)}:(\d{{2,5}})\b", value)
    return int(found[1]) if found else 0


def _drop_calls_to_nothing(draft: Draft, known: dict[str, Draft]) -> None:
    calls = draft.fields.get("calls", [])
    for name in [name for name in calls if name not in known or not _listens(known[name])]:
        calls.remove(name)
        if name in known:
            draft.say("kind", f"{name}, which this waited for, is a {known[name].fields.get('kind')}: nothing calls it")
    if not calls:
        draft.fields.pop("calls", None)


def _drop_set_by_calls(draft: Draft, known: dict[str, Draft]) -> None:
    for name in draft.fields.get("calls", ()):
        plain = known[name].fields.get("protocol", "http") == "http"
        variable = f"{env_name(name)}_{'URL' if plain else 'ADDRESS'}"
        for where in ("environment", "secrets"):
            value = draft.fields.get(where, {}).pop(variable, None)
            if value is not None:
                draft.say("calls", f"{variable} was {value}; now calls sets it")
            if draft.fields.get(where) == {}:
                del draft.fields[where]
