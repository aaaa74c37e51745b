"""How a service of a compose file is reached: ports, expose, and the labels that Traefik reads."""

from __future__ import annotations

import re
from typing import Any

from config.limits import LOWEST_PORT
from ops.importing.draft import Draft, set_port
from ops.importing.ledger import View
from ops.importing.values import is_template


def published(view: View) -> bool:
    """Whether the service has ports for the world outside."""
    return bool(view.at("ports").each())


def ports(draft: Draft, view: View) -> None:
    """The container's side of ports; the first is the service's, a second one is private."""
    inner = [port for key in ("ports", "expose") for port in view.at(key).each()]
    draft.set("kind", "http" if inner else "worker")
    seen: list[int] = []
    for port in inner:
        text = (
            port.at("target").text if isinstance(port.value, dict) else port.text.partition("/")[0].rpartition(":")[2]
        )
        if port.text.endswith("/udp") or port.at("protocol").text == "udp":
            port.lose("is UDP", "nothing: services here speak TCP")
        elif not re.fullmatch(r"\d{1,5}", text):
            port.lose("is a range, or filled in from the shell", "write port: 8080")
        elif int(text) in seen:
            port.carry()
        elif not seen:
            if set_port(draft, View(text, port.ledger, port.path)):
                seen.append(int(text))
        elif "private_port" not in draft.fields and int(text) >= LOWEST_PORT:
            seen.append(int(text))
            draft.guess("private_port", int(text), "guessed: a second port, which only containers reach")
            port.guess()
        else:
            port.lose("is one more port", "write a service, or a sidecar, of its own for it")
    if inner and "port" not in draft.fields:
        draft.guess("port", 8080, "guessed")
    if inner and "health" not in draft.fields:
        draft.guess("health", "/", "guessed: the file does not say; give the service a path that is cheap to answer")


def labels(draft: Draft, view: View) -> None:
    """Traefik's labels tell port, hosts and path; all others are names."""
    view.idle()
    for name, value in pairs(view):
        if name.endswith(".loadbalancer.server.port") and draft.fields["kind"] == "worker":
            view.guess()
            draft.set("kind", "http")
            set_port(draft, View(value, view.ledger, view.path))
            draft.guess(
                "health", "/", "guessed: the file does not say; give the service a path that is cheap to answer"
            )
            draft.fields.setdefault("path", "/")
            draft.say("path", "guessed: Traefik's labels say that it is public")
    for name, value in pairs(view):
        rule = value if isinstance(value, str) else ""
        for host in re.findall(r"Host\(`([^`]+)`", rule) if name.endswith(".rule") else ():
            if is_template(host):
                draft.say("path", f"its host was {host}: write hosts: with its value")
            else:
                draft.add("hosts", host)
        for prefix in re.findall(r"PathPrefix\(`(/[a-z0-9/._~-]*)`", rule):
            draft.guess("path", prefix.rstrip("/") or "/", "guessed: from Traefik's labels; it is not stripped")


def pairs(view: View) -> list[tuple[str, Any]]:
    """A mapping's pairs, or those of a list of NAME=value."""
    if isinstance(view.value, dict):
        return list(view.value.items())
    found = [one.text.partition("=") for one in view.each()]
    return [(name, value if sign else None) for name, sign, value in found]
