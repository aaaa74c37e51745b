"""One service of a compose file, key by key."""

from __future__ import annotations

from typing import Any, Final

from ops.importing.compose_ports import labels, pairs, ports
from ops.importing.draft import (
    Draft,
    add_writable,
    set_command_health,
    set_health,
    set_size,
    set_variable,
    unknown_variable,
)
from ops.importing.images import set_build, set_image
from ops.importing.ledger import View
from ops.importing.values import as_command, asked_path, compose_mib, cpu_units, is_template, seconds, whole, words

# About the one machine and the one terminal that compose runs on.
_IDLE: Final = (
    "container_name", "hostname", "tty", "stdin_open", "pull_policy", "logging", "develop", "attach", "annotations",
)  # fmt: skip
_NEVER: Final = {
    "privileged": ("needs the machine", "nothing: containers run without privileges"),
    "cap_add": ("gives privileges", "nothing: all capabilities are dropped, and ports are 1024 or more"),
    "devices": ("needs the machine", "nothing: Fargate has no devices"),
    "network_mode": ("needs the machine", "write calls or egress"),
    "pid": ("needs the machine", "write sidecars for containers that belong together"),
    "ipc": ("needs the machine", "write sidecars for containers that belong together"),
    "extra_hosts": ("changes name resolution", "use the real name, or a variable"),
    "env_file": ("is a file of variables", "write its lines under environment, passwords under secrets"),
    "secrets": (
        "is a file in the container",
        "write secrets: {VARIABLE: {secrets_manager: name}} and read the variable",
    ),
    "configs": ("is a file in the container", "put it into the image"),
    "networks": ("is a network of one machine", "nothing: calls says who reaches whom"),
    "extends": ("is another file", "run `docker compose config` and import what it prints"),
    "profiles": ("chooses services when compose starts", "delete the folder if it is only for development"),
    "working_dir": ("is no field here", "set WORKDIR in the Dockerfile"),
    "platform": ("is of the whole environment here", "write architecture: in config/environments"),
    "ulimits": ("is no field here", "Fargate and EKS set their own limits"),
    "shm_size": ("is no field here", "use /tmp, and tmp_size"),
    "sysctls": ("needs the machine", "nothing"),
    "stop_signal": ("is no field here", "set STOPSIGNAL in the Dockerfile"),
    "security_opt": ("needs the machine", "nothing: no-new-privileges is always on"),
}


def service(draft: Draft, view: View) -> None:
    """All keys but depends_on and links."""
    for key in _IDLE:
        view.at(key).idle()
    for key, (problem, remedy) in _NEVER.items():
        view.at(key).lose(problem, remedy)
    _image(draft, view)
    ports(draft, view)
    labels(draft, view.at("labels"))
    _process(draft, view)
    _variables(draft, view.at("environment"))
    _health(draft, view.at("healthcheck"))
    _resources(draft, view)
    _volumes(draft, view)
    _restart(view)


def _image(draft: Draft, view: View) -> None:
    if view.at("build"):
        _build(draft, view.at("build"))
        view.at("image").idle()  # the name of what is built
    else:
        set_image(draft, view.at("image"))


def _build(draft: Draft, build: View) -> None:
    context = build if isinstance(build.value, str) else build.at("context")
    arguments: dict[str, str] = {}
    for part in (context, build.at("dockerfile"), build.at("target")):
        if part.text:
            part.carry()
    for name, argument in pairs(build.at("args")):
        if argument is None or is_template(argument):
            build.at("args").lose("is filled in from the shell", "write the values under build.args")
        else:
            arguments[name] = argument
            build.at("args").carry()
    for key in ("cache_from", "network", "platforms", "ssh", "secrets", "tags", "labels"):
        build.at(key).lose("is about where the image is built", "nothing")
    file, target = build.at("dockerfile").text, build.at("target").text
    set_build(draft, context=context.text, dockerfile=file, target=target, arguments=arguments)


def _process(draft: Draft, view: View) -> None:
    for key in ("command", "entrypoint"):
        one = view.at(key)
        found = words(one.value)
        if found and not any(is_template(word) for word in found):
            draft.set(key, found)
            one.carry()
        else:
            one.lose("is filled in from the shell, or empty", f"write {key}: [program, argument]")
    user, _, group = view.at("user").text.partition(":")
    if whole(user) and (not group or whole(group)):
        draft.set("user", f"{user}:{group}" if group not in ("", user) else int(user))
        view.at("user").carry()
    else:
        view.at("user").lose("is root or a name", "write user: with a number other than 0")
    if view.at("init").text == "true":
        draft.set("init", bool(view.at("init").carry()))
    grace = seconds(view.at("stop_grace_period").text)
    if grace:
        draft.set("stop_timeout", min(120, grace))
        view.at("stop_grace_period").carry()
    for capability in view.at("cap_drop").each():
        capability.carry()
    view.at("read_only").accept("true")


def _variables(draft: Draft, view: View) -> None:
    if isinstance(view.value, list):
        for one in view.each():
            name, found, value = one.text.partition("=")
            if found:
                set_variable(draft, name, one, type(one.value)(value))
            else:
                unknown_variable(draft, name, one)
        return
    for name in view.value if isinstance(view.value, dict) else ():
        one = view.at(name)
        if one:
            set_variable(draft, name, one, one.value)


def _health(draft: Draft, view: View) -> None:
    test = view.at("test")
    if view.at("disable").text == "true" or test.value in (["NONE"], "NONE"):
        view.carry()
        return
    command = ["CMD-SHELL", test.value] if isinstance(test.value, str) else words(test.value)
    if not view or not command:
        view.lose("has no test", "write health")
        return
    found: dict[str, Any] = {}
    path = asked_path(command)
    is_http = draft.fields["kind"] == "http"
    if is_http and not path:
        view.lose("is a command, and http services are asked over HTTP", "give health: a path that does the same")
        return
    if is_http:
        draft.comments.pop("health", None)
        draft.say("health", "guessed: the path that the command asks for")
        found["path"] = path
        test.guess()
    else:
        found["command"] = as_command(command)
        test.carry()
    names = {"interval": "interval", "timeout": "timeout", "retries": "unhealthy" if is_http else "retries"}
    for key, name in names.items():
        number = seconds(view.at(key).text)
        if number:
            found[name] = number
            view.at(key).carry()
    start = seconds(view.at("start_period").text)
    if start:
        view.at("start_period").carry()
        if is_http:
            draft.set("health_grace", start)
        else:
            found["start"] = start
    view.at("start_interval").lose("is no field here", "nothing: the interval is one")
    if is_http:
        set_health(draft, found)
    else:
        set_command_health(draft, view, found)


def _resources(draft: Draft, view: View) -> None:
    deploy = view.at("deploy")
    limits, reserved = deploy.at("resources", "limits"), deploy.at("resources", "reservations")
    cpus = [one for one in (limits.at("cpus"), view.at("cpus"), reserved.at("cpus")) if one]
    memories = [
        one
        for one in (limits.at("memory"), view.at("mem_limit"), reserved.at("memory"), view.at("mem_reservation"))
        if one
    ]
    cpu = next(filter(None, (cpu_units(one.text) for one in cpus)), None)
    memory = next(filter(None, (compose_mib(one.text) for one in memories)), None)
    set_size(draft, cpu, memory)
    for one, read in (*((c, cpu_units) for c in cpus), *((m, compose_mib) for m in memories)):
        if read(one.text) is None:
            one.lose("is not a size", "write cpu and memory")
        elif read(one.text) in (draft.fields["cpu"], draft.fields["memory"]):
            one.carry()
        else:
            one.guess()
    replicas = view.at("scale") or deploy.at("replicas")
    number = whole(replicas.text)
    if number:
        draft.set("scaling", {"min": number, "max": number})
        replicas.carry()
    if deploy.at("restart_policy"):
        deploy.at("restart_policy").carry()  # what runs until it is stopped is always started again
    deploy.at("labels").idle()
    deploy.at("placement").lose("chooses machines", "nothing: Fargate and EKS choose")
    deploy.at("update_config").lose(
        "is how Swarm deploys", "nothing: deployments keep old tasks until new ones are ready"
    )


def _volumes(draft: Draft, view: View) -> None:
    for volume in view.at("volumes").each():
        source, _, target = volume.text.partition(":")
        kind = volume.at("type").text
        if isinstance(volume.value, dict):
            source, target = volume.at("source").text, volume.at("target").text
        target = target.partition(":")[0]
        if kind == "bind" or (source.startswith((".", "/", "~", "$")) and (target or kind)):
            volume.lose("is a folder of one machine", "put the files into the image")
        else:
            add_writable(draft, volume, target or source, sure=False)
            draft.say("writable", "guessed: volumes there; what is written here ends with the task")
    tmpfs = view.at("tmpfs")
    for one in [tmpfs] if tmpfs.text else tmpfs.each():
        add_writable(draft, one, one.text.partition(":")[0])


def _restart(view: View) -> None:
    """What runs until it is stopped is always started again here."""
    if view.at("restart").text == "no":
        view.at("restart").lose("is no", "write kind: job, if it ends by itself")
    elif view.at("restart"):
        view.at("restart").carry()
