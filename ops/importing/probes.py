"""Probes: one health check over HTTP, or a command.

https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
"""

from __future__ import annotations

from typing import Any

from ops.importing.draft import Draft, set_command_health, set_health
from ops.importing.ledger import View
from ops.importing.values import asked_path, whole, words


def probes(draft: Draft, main: View) -> None:
    ready, live, start = (main.at(f"{name}Probe") for name in ("readiness", "liveness", "startup"))
    first = next((probe for probe in (ready, live, start) if probe), None)
    if first is None:
        return
    kind = draft.fields["kind"]
    if kind == "http" and (ready.at("grpc") or live.at("grpc") or "grpc_health_probe" in str(first.value)):
        draft.set("protocol", "grpc")
        for probe in (ready, live, start):
            _ = probe and probe.guess()
        return
    if kind != "http":
        _command_probe(draft, live or ready)
        return
    http = next((probe for probe in (ready, live, start) if probe.at("httpGet")), None)
    asked = asked_path(words(first.at("exec", "command").value) or [])
    if http is None and asked:
        draft.guess("health", asked, "guessed: the path that the probe's command asks for")
        for probe in (ready, live, start):
            _ = probe and probe.guess()
        return
    if http is None:
        for probe in (ready, live, start):
            probe.lose("is a command or a socket, and http services are asked over HTTP", "give health: a path")
        return
    _http_probe(draft, http, live, start)


def _http_probe(draft: Draft, ready: View, live: View, start: View) -> None:
    found: dict[str, Any] = {"path": _path(draft, ready)}
    names = {
        "periodSeconds": "interval",
        "timeoutSeconds": "timeout",
        "successThreshold": "healthy",
        "failureThreshold": "unhealthy",
    }
    for key, name in names.items():
        if whole(ready.at(key).text):
            found[name] = int(ready.at(key).carry())
    if live.at("httpGet") and live.path != ready.path:
        path = _path(draft, live)
        if path != found["path"]:
            found["liveness"] = path
        for key in (*names, "initialDelaySeconds"):
            _ = live.at(key) and live.at(key).guess()
    elif live.path != ready.path:
        live.lose("is not over HTTP", "write health: {liveness: /path}, or leave it to the one check")
    delays = [
        probe.at("initialDelaySeconds") for probe in (ready, start) if whole(probe.at("initialDelaySeconds").text)
    ]
    for delay in delays:
        delay.guess()
    grace = sum(int(delay.text) for delay in delays)
    if start:
        grace += (whole(start.at("failureThreshold").text) or 3) * (whole(start.at("periodSeconds").text) or 10)
        start.guess()
    if grace:
        draft.guess("health_grace", max(grace, 30), "guessed: from the probes' delays, 30 at least")
    set_health(draft, found)


def _path(draft: Draft, probe: View) -> str:
    http = probe.at("httpGet")
    port = http.at("port")
    if whole(port.text) in (None, draft.fields.get("port")) or "private_port" not in draft.fields:
        _ = port and port.carry()
    else:
        port.lose("is another port than the service's", "answer the health check on the service's port")
    if http.at("scheme").text == "HTTP":
        http.at("scheme").carry()
    http.at("httpHeaders").lose("are headers", "answer the check without them")
    path = http.at("path").text.partition("?")[0] or "/"
    if path == http.at("path").text:
        http.at("path").carry()
    elif http.at("path"):
        http.at("path").guess()
    return path


def _command_probe(draft: Draft, probe: View) -> None:
    command = words(probe.at("exec", "command").value)
    if not command:
        probe.lose("is over the network, and nothing calls a worker", "write health: {command: [program, argument]}")
        return
    found: dict[str, Any] = {"command": command}
    probe.at("exec").carry()
    names = {
        "periodSeconds": "interval",
        "timeoutSeconds": "timeout",
        "failureThreshold": "retries",
        "initialDelaySeconds": "start",
    }
    for key, name in names.items():
        if whole(probe.at(key).text):
            found[name] = int(probe.at(key).carry())
    set_command_health(draft, probe, found)
