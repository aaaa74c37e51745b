"""A Copilot manifest: https://aws.github.io/copilot-cli/docs/manifest/overview/"""

from __future__ import annotations

import re
from typing import Any, Final

from ops.errors import OpsError
from ops.importing import copilot_http as http_parts
from ops.importing import copilot_parts as parts
from ops.importing.draft import Draft, service_name, set_port, set_variable
from ops.importing.ledger import Ledger, Outcome, View
from ops.importing.neighbours import finish
from ops.importing.values import is_template, seconds, words

_KINDS: Final = {
    "Load Balanced Web Service": "http",
    "Backend Service": "worker",  # http where it has a port
    "Worker Service": "worker",
    "Scheduled Job": "job",
}
_REFUSED: Final = {
    "Request-Driven Web Service": "runs on App Runner; write kind: http by hand (docs/import.md)",
    "Static Site": "has no container; keep it in S3 and CloudFront",
}
_MERGED: Final = ("environment", "secrets", "scaling")  # as config.manifest merges overrides


def recognizes(document: dict[str, Any]) -> bool:
    """Whether it is a Copilot manifest."""
    kind = document.get("type")
    return isinstance(kind, str) and kind in {*_KINDS, *_REFUSED} and "name" in document


def drafts(document: dict[str, Any], ledger: Ledger, file: str, environments: tuple[str, ...]) -> list[Draft]:
    """The service of a manifest, with the overrides of those environments that this project has. Raises OpsError."""
    kind = document["type"]
    if kind in _REFUSED:
        raise OpsError(f"{file}: is a {kind}, which {_REFUSED[kind]}", exit_code=2)
    base = {key: value for key, value in document.items() if key != "environments"}
    draft = _convert(View(base, ledger))
    found = document.get("environments")
    targets = _targets(found, environments) if isinstance(found, dict) else {}
    for name, changes in (found if isinstance(found, dict) else {}).items():
        if isinstance(changes, dict):
            _override(draft, base, name, changes, targets.get(name))
    return [draft]


def _convert(service: View) -> Draft:
    kind = _KINDS[service.at("type").text]
    port = service.at("image", "port")
    if service.at("type").text == "Backend Service" and port:
        kind = "http"
    draft = Draft(service_name(service.at("name").text), f"Copilot's {service.at('type').text}", service.ledger)
    draft.set("kind", kind)
    service.at("name").idle()
    service.at("type").idle()
    service.at("description").idle()
    if kind == "http":
        _entrance(draft, service, port)
    _container(draft, service)
    parts.size(draft, service)
    if kind == "job":
        parts.job(draft, service)
    else:
        parts.count(draft, service)
    parts.network(draft, service)
    parts.storage(draft, service.at("storage"))
    parts.messages(draft, service)
    parts.sidecars(draft, service.at("sidecars"))
    parts.elsewhere(draft, service)
    finish([draft], {})
    return draft


def _entrance(draft: Draft, service: View, port: View) -> None:
    if not port or is_template(port.value):
        port.lose("is filled in by another tool", "write port: 8080")
        draft.guess("port", 8080, "guessed: the file does not say")
    else:
        set_port(draft, port)
    http = service.at("http")
    if not http.accept("false") and http:
        _route(draft, http)
    if "health" not in draft.fields:
        draft.guess("health", "/", "guessed: Copilot's default; give the service a path that is cheap to answer")


def _route(draft: Draft, http: View) -> None:
    path = http.at("path")
    if path and not is_template(path.value):
        written = "/" + path.text.strip("/*")
        plain = re.fullmatch(r"/|(/[a-z0-9][a-z0-9._~-]*)+", written)
        if not plain:
            draft.guess("path", f"/{draft.name}", f"guessed: {path.text} has other than lower-case segments")
        elif "*" in path.text:
            draft.guess("path", written, f"guessed: the file has {path.text}; a path here is whole segments")
        else:
            draft.set("path", written)
        _ = path.carry() if plain and "*" not in path.text else path.guess()
    else:
        path.lose("is filled in by another tool", "write the path")
        draft.guess("path", "/", "guessed: the file does not say")
    http_parts.aliases(draft, http.at("alias"))
    http_parts.health(draft, http.at("healthcheck"))
    http_parts.routing(draft, http)


def _container(draft: Draft, service: View) -> None:
    image = service.at("image")
    parts.image(draft, image)
    parts.container_health(draft, image.at("healthcheck"))
    parts.container_health(draft, image.at("build", "healthcheck"))
    for key in ("entrypoint", "command"):
        view = service.at(key)
        found = words(view.value)
        if found is not None:
            draft.set(key, found)
            view.carry()
        else:
            view.lose("is not a command", f"write {key}: [program, argument]")
    for view in service.at("variables").each():
        if isinstance(view.value, dict):
            view.lose("comes from a CloudFormation stack", f"write its value: environment: {{{view.key}: ...}}")
        else:
            set_variable(draft, view.key, view, view.value)
    service.at("env_file").lose("is a file of variables", "write its lines under environment, passwords under secrets")
    for view in service.at("secrets").each():
        parts.secret(draft, view)
    for view in service.at("taskdef_overrides").each():
        stops = re.fullmatch(r"ContainerDefinitions\[0\]\.StopTimeout", view.at("path").text)
        if stops and seconds(view.at("value").text):
            draft.set("stop_timeout", seconds(view.at("value").text))
            view.carry()
        else:
            view.lose("changes the template", "look for a field in docs/manifest.md")


# --- environments ----------------------------------------------------------------------------------------------------


def _targets(found: dict[str, Any], environments: tuple[str, ...]) -> dict[str, str]:
    """Which environment here takes the overrides of which there: by name, else production's and the first of the others."""
    targets = {name: name for name in found if name in environments}
    for name in found:
        meant = "production" if name in ("prod", "prd", "live") else "sandbox"
        if name not in targets and meant in environments and meant not in targets.values():
            targets[name] = meant
    return targets


def _override(draft: Draft, base: dict[str, Any], name: str, changes: dict[str, Any], target: str | None) -> None:
    scratch = Ledger()
    changed = _convert(View(_merged(base, changes), scratch))
    differing = _difference(draft.fields, changed.fields)
    for path, outcome in scratch.marks.items():
        if not _touches(changes, path):
            continue
        # Sure of the field, not of the environment.
        sure = outcome is not Outcome.CARRIED or target == name
        draft.ledger.mark(("environments", name, *path), outcome if sure else Outcome.GUESSED)
    for note in scratch.notes:
        if _touches(changes, note.path):
            draft.ledger.lose(("environments", name, *note.path), note.problem, note.remedy)
    if target is None:
        if differing:
            view = View(changes, draft.ledger, ("environments", name))
            draft.ledger.marks = {p: o for p, o in draft.ledger.marks.items() if p[:2] != view.path}
            view.lose("is no environment here", f"write config/environments/{name}.yaml, then remove the # above")
            draft.asides[name] = differing
    elif differing:
        draft.overrides[target] = differing
        if target != name:
            draft.say("overrides", f"guessed: {target} is what Copilot's environment {name} was")


def _merged(base: Any, changes: Any) -> Any:
    if isinstance(base, dict) and isinstance(changes, dict):
        return {key: _merged(base.get(key), changes.get(key, base.get(key))) for key in {**base, **changes}}
    return base if changes is None else changes


def _difference(base: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in changed.items():
        known = base.get(key)
        if value == known or key == "kind":
            continue
        if key in _MERGED and isinstance(known, dict):
            found[key] = {inner: part for inner, part in value.items() if part != known.get(inner)}
        else:
            found[key] = value
    return found


def _touches(changes: Any, path: tuple[str | int, ...]) -> bool:
    for key in path:
        if not isinstance(changes, dict | list):
            return True
        if isinstance(changes, dict) and key not in changes:
            return False
        changes = changes[key] if isinstance(changes, dict) else None
    return True
