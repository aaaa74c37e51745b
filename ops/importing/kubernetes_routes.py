"""How a workload is reached: the ports of its Services, the paths and hosts of its Ingresses."""

from __future__ import annotations

import re

from ops.importing.draft import Draft, set_port
from ops.importing.ledger import View
from ops.importing.values import is_template, whole


def reached(draft: Draft, file: View, services: list[View]) -> None:
    """Ports and paths from Services and Ingresses."""
    public = False
    for service in services:
        draft.scope.append(service.path)
        service.at("spec", "selector").idle()
        kind = service.at("spec", "type")
        public = public or kind.text in ("LoadBalancer", "NodePort")
        if kind:
            kind.carry()
        if service.at("metadata", "name").text != draft.name and kind.text not in ("LoadBalancer", "NodePort"):
            draft.say(
                "kind", f"callers knew it as {service.at('metadata', 'name').text}; here its name is {draft.name}"
            )
        _service_ports(draft, service)
        service.at("spec", "sessionAffinity").accept("None")
        service.at("spec", "externalTrafficPolicy").idle()
        service.at("spec", "clusterIP").idle()
    for ingress in file.each():
        if ingress.at("kind").text == "Ingress":
            _ingress(draft, ingress, {one.at("metadata", "name").text for one in services})
    if public and "path" not in draft.fields:
        draft.guess("path", "/", "guessed: its Service is public; without path only the services that call it reach it")
    if "port" not in draft.fields:
        draft.guess("port", 8080, "guessed: the file does not say")
    if "health" not in draft.fields and draft.fields.get("protocol", "http") == "http":
        draft.guess("health", "/", "guessed: it has no HTTP probe; give the service a path that is cheap to answer")


def _service_ports(draft: Draft, service: View) -> None:
    for port in service.at("spec", "ports").each():
        number, target = port.at("port"), port.at("targetPort")
        inner = target.text if whole(target.text) else number.text if not target else str(draft.fields.get("port"))
        port.at("name").idle()
        if port.at("protocol").text == "UDP":
            port.lose("is UDP", "nothing: services here speak TCP")
            continue
        for key in ("protocol", "targetPort", "nodePort", "appProtocol"):
            if port.at(key):
                port.at(key).carry()
        if "port" not in draft.fields and whole(inner):
            set_port(draft, View(inner, port.ledger, number.path))
        if whole(inner) not in (draft.fields.get("port"), draft.fields.get("private_port")):
            number.lose("is not the service's port", "write a service, or a sidecar, of its own for it")
        elif number.text == inner:
            number.carry()
        else:
            number.guess()
            draft.say("port", f"callers used {number.text}; here it is the container's port that they call")
        if "grpc" in (port.at("name").text, port.at("appProtocol").text) or port.at("name").text.startswith("grpc-"):
            draft.set("protocol", "grpc")
            draft.fields.pop("health", None)


def _ingress(draft: Draft, ingress: View, names: set[str]) -> None:
    for rule in ingress.at("spec", "rules").each():
        for route in rule.at("http", "paths").each():
            backend = route.at("backend", "service", "name") or route.at("backend", "serviceName")
            if backend.text not in names:
                continue
            if ingress.path not in draft.scope:
                draft.scope.append(ingress.path)
                ingress.at("spec", "ingressClassName").idle()
                ingress.at("spec", "tls").lose(
                    "is of the whole environment here", "write the domain in config/environments"
                )
                for note in ingress.at("metadata", "annotations").each():
                    note.lose(
                        "is for one controller", "look for its meaning in docs/manifest.md; prefixes are not stripped"
                    )
            route.at("backend").carry()
            host = rule.at("host")
            if host.text and not is_template(host.value):
                draft.add("hosts", host.carry())
            else:
                host.lose("is filled in by another tool", "write hosts: [name]")
            _route(draft, route)


def _route(draft: Draft, route: View) -> None:
    path = route.at("path").text or "/"
    written = "/" + path.strip("/")
    if re.fullmatch(r"/|(/[a-z0-9][a-z0-9._~-]*)+", written):
        route.carry()
    else:
        route.at("pathType").guess()
        written = re.sub(r"[(\[*].*$", "", path).rstrip("/").lower() or "/"
        route.at("path").guess()
        draft.say("path", f"guessed: {path} is a pattern there; here it is a prefix, which is not stripped")
    if draft.fields.get("path", written) == written:
        draft.set("path", written)
    else:
        draft.add("paths", written)
