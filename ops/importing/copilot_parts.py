"""The parts of a Copilot manifest, each to its fields. Defaults and units are those of the manifest's reference:
https://aws.github.io/copilot-cli/docs/manifest/lb-web-service/ and its siblings.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any, Final

from config.limits import nearest_fargate_pair
from ops.importing.draft import Draft, add_writable, only_ecs, put_secret, set_command_health, set_scaling, set_size
from ops.importing.images import full_name, set_build, set_image
from ops.importing.ledger import View
from ops.importing.values import as_command, cron, is_template, seconds, whole, words

_COPILOT_NAME: Final = re.compile(r"\$\{COPILOT_(APPLICATION|ENVIRONMENT)_NAME\}")
_APP_ENV: Final = "write your Copilot application and environment for APP and ENV; a parameter's name begins with /"


def image(draft: Draft, view: View) -> None:
    """`image.build` or `image.location`."""
    build = view.at("build")
    set_image(draft, view.at("location"))
    if isinstance(build.value, str):
        folder, _, file = build.carry().rpartition("/")
        set_build(draft, context=folder, dockerfile=file)
    elif build:
        _build(draft, build)
    view.at("credentials").lose("is a secret of another registry", "copy the image to ECR first")
    view.at("depends_on").lose("orders containers", "write starts: under sidecars")


def _build(draft: Draft, build: View) -> None:
    """The Dockerfile's path is from the workspace, the context beside it unless it is written."""
    file, arguments = build.at("dockerfile").text or "Dockerfile", {}
    for key in ("dockerfile", "context", "target"):
        _ = build.at(key) and build.at(key).carry()
    for argument in build.at("args").each():
        if is_template(argument.value):
            argument.lose("is filled in by another tool", "write its value under build.args")
        else:
            arguments[argument.key] = argument.carry()
    build.at("cache_from").lose("is about speed", "nothing: layers are cached where the image is built")
    context = build.at("context").text or file.rpartition("/")[0]
    path = posixpath.relpath(file, context or ".")
    set_build(draft, context=context, dockerfile=path, target=build.at("target").text, arguments=arguments)


def container_health(draft: Draft, view: View) -> None:
    """A command that tells whether the container is well."""
    if not view:
        return
    command = words(view.at("command").value)
    if draft.fields["kind"] == "http":
        view.lose("is a command, and http services are asked over HTTP", "give health: a path that does the same")
        return
    if not command:
        view.lose("has no command", "write health: {command: [program, argument]}")
        return
    found: dict[str, Any] = {"command": as_command(command)}
    view.at("command").carry()
    for key, name in (
        ("interval", "interval"),
        ("timeout", "timeout"),
        ("retries", "retries"),
        ("start_period", "start"),
    ):
        number = seconds(view.at(key).text)
        if number is not None:
            found[name] = number
            view.at(key).carry()
    set_command_health(draft, view, found)


def size(draft: Draft, service: View) -> None:
    """`cpu` and `memory`, in the same units."""
    cpu, memory = whole(service.at("cpu").text), whole(service.at("memory").text)
    set_size(draft, cpu, memory)
    exact = (cpu or 0, memory or 0) == nearest_fargate_pair(cpu or 0, memory or 0)
    for key, value in (("cpu", cpu), ("memory", memory)):
        if value is not None:
            _ = service.at(key).carry() if exact else service.at(key).guess()
    service.at("platform").lose("is of the whole environment here", "write architecture: in config/environments")


def count(draft: Draft, service: View) -> None:
    """`count`: a number, or the rules of scaling."""
    view = service.at("count")
    number = whole(view.text)
    if number is not None and number > 0:
        draft.set("scaling", {"min": number, "max": number})
        view.carry()
    elif number == 0:
        view.lose("is 0", "write scaling.schedule, which can go down to 0")
    elif isinstance(view.value, dict):
        _range(draft, view)


def _range(draft: Draft, view: View) -> None:
    scaling = _span(view.at("range"))
    spot = view.at("spot")
    if whole(spot.text):
        scaling |= {"min": int(spot.text), "max": int(spot.text)}
        spot.guess()
        draft.say("scaling", "guessed: Spot or not is spot_weight in config/environments")
    for one in (view.at("range", "spot_from"), view.at("spot_from")):
        one.lose("is of the whole environment here", "write spot_weight in config/environments")
    for key, name in (
        ("cpu_percentage", "cpu_target"),
        ("memory_percentage", "memory_target"),
        ("requests", "requests_target"),
    ):
        part = view.at(key)
        value = part if part.text else part.at("value")
        if whole(value.text) is not None:
            scaling[name] = int(value.carry())
        part.at("cooldown").lose("is of one target", "write cooldowns: {up, down} for all of them")
    for key, name in (("out", "up"), ("in", "down")):
        if seconds(view.at("cooldown", key).text) is not None:
            scaling.setdefault("cooldowns", {})[name] = seconds(view.at("cooldown", key).carry())
    view.at("response_time").lose("is no target here", "write cpu_target or requests_target")
    _backlog(draft, view.at("queue_delay"), scaling)
    if scaling:
        set_scaling(draft, scaling)


def _span(span: View) -> dict[str, Any]:
    found = re.fullmatch(r"(\d+)-(\d+)", span.text)
    if found:
        span.carry()
        return {"min": max(1, int(found[1])), "max": int(found[2])}
    return {key: int(span.at(key).carry()) for key in ("min", "max") if whole(span.at(key).text) is not None}


def _backlog(draft: Draft, delay: View, scaling: dict[str, Any]) -> None:
    latency, each = (seconds(delay.at(key).text) for key in ("acceptable_latency", "msg_processing_time"))
    if latency and each:
        scaling["backlog_target"] = max(1, latency // each)
        delay.guess()
        draft.say("scaling", "guessed: backlog_target is the latency divided by the time for one message")


def job(draft: Draft, service: View) -> None:
    """`on.schedule`, `timeout` and `retries`."""
    view = service.at("on", "schedule") or service.at("schedule")
    found = cron(view.text)
    if found == "":
        view.carry()
        draft.say("kind", "it had no schedule: python -m ops run starts it")
    elif found:
        draft.set("schedule", found)
        view.carry()
    else:
        view.lose("is not a schedule that cron has", 'write schedule: "30 6 * * MON-FRI"')
    for key, number in (
        ("timeout", seconds(service.at("timeout").text)),
        ("retries", whole(service.at("retries").text)),
    ):
        if number is not None:
            draft.set(key, number)
            service.at(key).carry()


def network(draft: Draft, service: View) -> None:
    """`network`: Service Connect is always on here."""
    connect = service.at("network", "connect")
    connect.accept("true")
    connect.at("alias").lose("is another name", f"call it by its folder's name, {draft.name}")
    vpc = service.at("network", "vpc")
    vpc.at("placement").lose("is of the whole environment here", "write egress: in config/environments")
    vpc.at("security_groups").lose(
        "lets it reach what has the same group", "write egress: [{name: db, port: 5432, security_group: sg-...}]"
    )


def storage(draft: Draft, view: View) -> None:
    """`storage`."""
    if whole(view.at("ephemeral").text):
        draft.set("storage", int(view.at("ephemeral").carry()))
    if view.at("readonly_fs").text == "true":
        view.at("readonly_fs").carry()
    view.at("readonly_fs").lose(
        "is false, and the root is always read-only here", "write writable: [/folder]"
    ) if view.at("readonly_fs").text == "false" else None
    for volume in view.at("volumes").each():
        if volume.at("efs") and volume.at("efs").value != "false":
            volume.lose("is a shared file system", "keep data in a table, a bucket or a database")
        elif volume.at("path").text:
            add_writable(draft, volume.at("path"), volume.at("path").text)
            for key in ("read_only", "efs"):
                if volume.at(key):
                    volume.at(key).carry()


def messages(draft: Draft, service: View) -> None:
    """`publish` and `subscribe`: a topic in between becomes a queue that others send to."""
    service.at("publish").lose("is a topic", "write sends: [worker] with the workers that take from it")
    subscribe = service.at("subscribe")
    if not subscribe:
        return
    queue: dict[str, Any] = {}
    for topic in subscribe.at("topics").each():
        sender = topic.at("service").text or "the sender"
        draft.say("queue", f"guessed: write sends: [{draft.name}] in {sender}, which published {topic.at('name').text}")
        topic.guess()
        topic.at("filter_policy").lose("chooses messages", "send only what the worker takes")
        topic.at("queue").lose("is a queue of one topic", "add a worker for it")
    found = subscribe.at("queue") or subscribe.at("queues")
    for key, name, unit in (("retention", "retention_days", 86400), ("timeout", "visibility_timeout", 1)):
        number = seconds(found.at(key).text)
        if number:
            queue[name] = max(1, number // unit)
            found.at(key).carry()
    if whole(found.at("dead_letter", "tries").text):
        queue["tries"] = int(found.at("dead_letter", "tries").carry())
    if found.at("fifo") and found.at("fifo").value != "false":
        queue["fifo"] = True
        found.at("fifo").guess()
    found.at("delay").lose("is no field here", "send with DelaySeconds")
    draft.set("queue", queue)


def sidecars(draft: Draft, view: View) -> None:
    """`sidecars`."""
    for sidecar in view.each():
        found: dict[str, Any] = {}
        place = sidecar.at("image")
        location = place if place.text else place.at("location")
        if not location.text or is_template(location.value):
            sidecar.lose("is built here, or its image is filled in", "push its image, then write sidecars")
            continue
        found |= {"image": full_name(location.carry()), "cpu": 64, "memory": 128}
        draft.say(
            "sidecars", f"guessed: cpu and memory of {sidecar.key}, part of the service's; its image needs a version"
        )
        for variable in sidecar.at("variables").each():
            if not isinstance(variable.value, dict) and not is_template(variable.value):
                found.setdefault("environment", {})[variable.key] = variable.carry()
        command = words(sidecar.at("command").value)
        if command:
            found["command"] = command
            sidecar.at("command").carry()
        if sidecar.at("essential"):
            found["essential"] = sidecar.at("essential").carry() == "true"
            if not found["essential"]:
                only_ecs(draft, f"sidecars.{sidecar.key}.essential: false")
        for key in ("secrets", "mount_points", "entrypoint", "healthcheck", "port", "depends_on", "labels"):
            sidecar.at(key).lose("is no field of a sidecar", "put it into the sidecar's image")
        draft.put("sidecars", sidecar.key, found)


def secret(draft: Draft, view: View) -> None:
    """One of `secrets`: the name of a parameter, or of a secret with a key."""
    other = view.at("secretsmanager") if isinstance(view.value, dict) else View(None, view.ledger)
    if other.text:
        name, key, _, version = (*_COPILOT_NAME.sub(_named, other.text).split(":"), "", "", "", "")[:4]
        found = {"secrets_manager": name} | ({"key": key} if key else {}) | ({"version": version} if version else {})
        put_secret(draft, view.key, other, found, guess=_APP_ENV if _COPILOT_NAME.search(other.text) else "")
        return
    if not view.text:
        remedy = f"write secrets: {{{view.key}: {{secrets_manager: name, key: key}}}}"
        view.lose("comes from a CloudFormation stack", remedy)
        return
    name = _COPILOT_NAME.sub(_named, view.text)
    name = name.partition(":parameter")[2] or name if name.startswith("arn:") else name
    if is_template(name) or name.startswith("arn:"):
        view.lose("is filled in by another tool, or an ARN", "write the parameter's name")
        return
    sure = name == view.text and name.startswith("/")
    put_secret(draft, view.key, view, {"ssm": f"/{name.lstrip('/')}"}, guess="" if sure else _APP_ENV)


def _named(found: re.Match[str]) -> str:
    return "APP" if found[1] == "APPLICATION" else "ENV"


def elsewhere(draft: Draft, service: View) -> None:
    """What is a setting of the environment here, or nothing at all."""
    if not service.at("exec").accept("false"):
        service.at("exec").lose("is of the whole environment here", "see ECS Exec in docs/settings.md")
    logging, rolling = service.at("logging"), service.at("deployment", "rolling")
    logging.at("retention").lose("is of the whole environment here", "write log_retention_days in config/environments")
    logging.at("destination").lose("is another log service", "logs go to CloudWatch")
    service.at("observability").lose("is a tracing sidecar", "write sidecars: with an OpenTelemetry collector")
    if not rolling.accept("default"):
        rolling.lose("stops tasks before new ones run", "nothing: deployments keep old tasks until new ones are ready")
    service.at("deployment", "rollback_alarms").lose("names alarms of yours", "write alarms: with thresholds")
    service.at("nlb").lose("is a network load balancer", "there is none here: use HTTP or gRPC")
