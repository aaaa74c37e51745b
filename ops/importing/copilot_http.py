"""The `http` part of a Copilot manifest: https://aws.github.io/copilot-cli/docs/manifest/lb-web-service/#http"""

from __future__ import annotations

from typing import Any, Final

from ops.importing.draft import Draft, set_health
from ops.importing.ledger import View
from ops.importing.values import is_template, seconds, whole

_STICKY: Final = 86400  # seconds, the load balancers' default: stickiness.lb_cookie.duration_seconds
_HEALTH: Final = {
    "success_codes": "codes", "interval": "interval", "timeout": "timeout", "healthy_threshold": "healthy",
    "unhealthy_threshold": "unhealthy",
}  # fmt: skip


def aliases(draft: Draft, view: View) -> None:
    """`http.alias`."""
    found = [view] if isinstance(view.value, str) else view.each()
    for alias in found:
        name = alias.at("name") if isinstance(alias.value, dict) else alias
        if is_template(name.value) or not name.text:
            name.lose("is filled in by another tool", "write hosts: [name]")
        else:
            draft.add("hosts", name.carry())
        alias.at("hosted_zone").lose("is another zone", "write the record in that zone yourself")


def health(draft: Draft, view: View) -> None:
    """`http.healthcheck`: a path, or a mapping."""
    if isinstance(view.value, str):
        draft.set("health", view.carry())
        return
    found: dict[str, Any] = {"path": "/"}
    if view.at("path").text:
        found["path"] = view.at("path").carry()
    for key, name in _HEALTH.items():
        part = view.at(key)
        number = part.text if key == "success_codes" else seconds(part.text)
        if number:
            found[name] = number
            part.carry()
    if seconds(view.at("grace_period").text):
        draft.set("health_grace", seconds(view.at("grace_period").carry()))
    port = view.at("port")
    if port and whole(port.text) == draft.fields.get("port"):
        port.carry()
    else:
        port.lose("is another port than the service's", "answer the health check on the service's port")
    if view:
        set_health(draft, found)


def routing(draft: Draft, http: View) -> None:
    """What is left of `http`."""
    sticky, delay = http.at("stickiness"), http.at("deregistration_delay")
    if sticky.text == "true":
        draft.guess("sticky", _STICKY, "guessed: a day, as the load balancer's default")
        sticky.guess()
    elif sticky:
        sticky.carry()
    if seconds(delay.text):
        draft.guess(
            "stop_timeout", min(120, 2 * (seconds(delay.guess()) or 1)), "guessed: half of it is the time to drain"
        )
    if http.at("version").accept("grpc"):
        draft.set("protocol", "grpc")
    http.at("version").accept("http1")
    http.at("target_port").accept(str(draft.fields.get("port")))
    http.at("redirect_to_https").accept("true")  # what a listener with a certificate does here
    for rule in http.at("additional_rules").each():
        path = rule.at("path")
        if path and not is_template(path.value):
            draft.add("paths", "/" + path.carry().strip("/*"))
        health_of_rule = rule.at("healthcheck")
        health_of_rule.lose("is a second health check", "answer all paths with one")
    http.at("allowed_source_ips").lose(
        "is per service", "write load_balancer_cidrs in config/environments, or internal: true"
    )
    http.at("hosted_zone").lose("is a DNS zone", "write the domain in config/environments")
