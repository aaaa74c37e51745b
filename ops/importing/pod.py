"""A pod's specification: the container that is the service, its sidecars, and what is around them."""

from __future__ import annotations

import re
from typing import Any, Final

from ops.importing.draft import Draft, add_writable, put_secret, set_port, set_size, set_variable
from ops.importing.images import full_name, set_image
from ops.importing.ledger import View
from ops.importing.probes import probes
from ops.importing.values import cpu_units, is_template, kubernetes_mib, whole, words

_PRIVATE: Final = re.compile(r"metrics|admin|management|prometheus|monitoring")
_TAIL: Final = re.compile(r"-[A-Za-z0-9]{6}$")  # which Secrets Manager adds itself, so a name cannot end with it


def ports(spec: View) -> list[View]:
    """The ports of a pod's containers."""
    return [port for one in spec.at("containers").each() for port in one.at("ports").each()]


def container(draft: Draft, spec: View, file: View) -> None:
    """The first container that listens, or the first: the others are sidecars."""
    all_ = spec.at("containers").each()
    chosen = next((one for one in all_ if one.at("name").text == draft.name), None)
    main = chosen or next(
        (one for one in all_ if one.at("ports").each()), all_[0] if all_ else spec.at("containers", 0)
    )
    for one in all_:
        one.at("name").idle()
        one.at("imagePullPolicy").idle()
        for part in ("terminationMessagePath", "terminationMessagePolicy"):
            one.at(part).idle()
        if one.path != main.path:
            _sidecar(draft, one)
    _image(draft, main)
    _ports(draft, main)
    probes(draft, main)
    _resources(draft, main.at("resources"))
    _variables(draft, main, file)
    _mounts(draft, main, spec)
    _security(draft, main.at("securityContext"))
    hook = main.at("lifecycle", "preStop")
    if "sleep" in str(hook.value):
        hook.guess()  # waiting before SIGTERM is built in
    hook.lose("runs before SIGTERM", "do it in the service when SIGTERM comes") if hook and "sleep" not in str(
        hook.value
    ) else None
    main.at("workingDir").lose("is no field here", "set WORKDIR in the Dockerfile")


def _image(draft: Draft, main: View) -> None:
    set_image(draft, main.at("image"))
    for key, name in (("command", "entrypoint"), ("args", "command")):
        found = words(main.at(key).value)
        if found and not any(re.search(r"\$\(\w+\)", word) for word in found):
            draft.set(name, found)
            main.at(key).carry()
        else:
            main.at(key).lose(
                "has $(NAME), which only Kubernetes fills in", f"write {name} with a shell: [/bin/sh, -c, ...]"
            )


def _ports(draft: Draft, main: View) -> None:
    if draft.fields["kind"] == "job":
        main.at("ports").lose("listens, and a job does not", "remove it")
        return
    for port in main.at("ports").each():
        port.at("name").idle()
        port.at("protocol").accept("TCP")
        number = port.at("containerPort")
        if port.at("protocol").text == "UDP":
            port.lose("is UDP", "nothing: services here speak TCP")
        elif "port" not in draft.fields and not _PRIVATE.search(port.at("name").text):
            set_port(draft, number)
            if port.at("name").text.startswith("grpc"):
                draft.set("protocol", "grpc")
        elif "private_port" not in draft.fields and whole(number.text):
            draft.guess("private_port", int(number.guess()), "guessed: a second port, which only containers reach")
        else:
            number.lose("is one more port", "write a service, or a sidecar, of its own for it")


def _resources(draft: Draft, view: View) -> None:
    """The CPU that it asks for and the memory that it may have, as both platforms bound them."""
    cpus = [one for one in (view.at("requests", "cpu"), view.at("limits", "cpu")) if one]
    memories = [one for one in (view.at("limits", "memory"), view.at("requests", "memory")) if one]
    cpu = next(filter(None, (cpu_units(one.text) for one in cpus)), None)
    memory = next(filter(None, (kubernetes_mib(one.text) for one in memories)), None)
    set_size(draft, cpu, memory)
    for one, read, field in (
        *((c, cpu_units, "cpu") for c in cpus),
        *((m, kubernetes_mib, "memory") for m in memories),
    ):
        number = read(one.text)
        if number is None:
            one.lose("is not a size", "write cpu and memory")
        elif number > draft.fields[field]:
            one.lose("is more than what it asks for", f"raise {field}, which is what it gets")
        else:
            _ = one.carry() if number == draft.fields[field] else one.guess()
    for key in ("requests", "limits"):
        disk = view.at(key, "ephemeral-storage")
        mib = kubernetes_mib(disk.text)
        if mib is not None and mib <= 20 * 1024:
            disk.carry()  # both platforms give 20 GiB
        elif mib:
            draft.set("storage", -(-mib // 1024))
            disk.carry()


def _variables(draft: Draft, main: View, file: View) -> None:
    for source in main.at("envFrom").each():
        name = source.at("configMapRef", "name").text
        entries = file.at(f"ConfigMap/{name}", "data")
        if name and entries:
            draft.scope.append(entries.path[:1])
            source.carry()
            for entry in entries.each():
                set_variable(draft, source.at("prefix").text + entry.key, entry, entry.text)
        elif name:
            source.lose(
                f"is the ConfigMap {name}, which is not in this file", "import it with this one, or write environment"
            )
        else:
            source.lose(
                "is a whole Secret", "write secrets: {VARIABLE: {secrets_manager: name, key: KEY}} for each key"
            )
    for variable in main.at("env").each():
        variable.at("name").carry()
        _variable(draft, variable, file)


def _variable(draft: Draft, variable: View, file: View) -> None:
    name = variable.at("name").text
    source = variable.at("valueFrom")
    secret, config = source.at("secretKeyRef"), source.at("configMapKeyRef")
    if secret:
        found = secret.at("name").text
        source_of = {
            "secrets_manager": found.replace("-", "_") if _TAIL.search(found) else found,
            "key": secret.at("key").text,
        }
        why = "create a Secrets Manager secret of this name, with the keys of the Kubernetes Secret as JSON"
        put_secret(draft, name, source, source_of, guess=why)
    elif config:
        entry = file.at(f"ConfigMap/{config.at('name').text}", "data", config.at("key").text)
        if entry:
            draft.scope.append(entry.path[:1])
            source.carry()
            set_variable(draft, name, entry, entry.text)
        elif config.at("optional").text == "true":
            source.idle()
            variable.at("name").idle()
        else:
            source.lose(
                "is a ConfigMap that is not in this file",
                f"import it with this one, or write environment: {{{name}: value}}",
            )
            variable.at("name").lose("has no value", "see the line above it")
    elif source:
        variable.lose("comes from the pod itself", "SERVICE_NAME and DEPLOY_ENVIRONMENT are set by the platform")
    else:
        value = variable.at("value")
        where = value or variable
        set_variable(draft, name, where, value.text)
        if variable.ledger.marks.get(where.path) == "not carried over":
            variable.ledger.marks[variable.at("name").path] = variable.ledger.marks[where.path]


def _mounts(draft: Draft, main: View, spec: View) -> None:
    volumes = {one.at("name").text: one for one in spec.at("volumes").each()}
    for mount in main.at("volumeMounts").each():
        folder = mount.at("mountPath").text
        volume = volumes.get(mount.at("name").text)
        mount.at("name").idle()
        if volume is not None and volume.at("emptyDir") and mount.at("mountPath"):
            mount.carry()
            add_writable(draft, mount.at("mountPath"), folder)
        else:
            mount.lose("is a volume with files", "put the files into the image, or read secrets from variables")
    for volume in volumes.values():
        volume.at("name").idle()
        if volume.at("emptyDir"):
            volume.carry()
            size = kubernetes_mib(volume.at("emptyDir", "sizeLimit").text)
            if size:
                draft.guess("tmp_size", size, "guessed: the limit of one volume there, of all writable folders here")
                volume.at("emptyDir", "sizeLimit").guess()
        else:
            volume.lose("holds files", "put them into the image, or read secrets from variables")


def _security(draft: Draft, view: View) -> None:
    """What is always so here, and who runs it."""
    user = view.at("runAsUser")
    if whole(user.text):
        draft.set("user", int(user.carry()))
    else:
        user.lose("is 0, and nothing runs as root here", "write user: with a number other than 0, or leave it out")
    group, known = view.at("runAsGroup"), draft.fields.get("user")
    if whole(group.text) and known is not None:
        draft.set("user", known if group.text == str(known) else f"{known}:{group.text}")
        group.carry()
    expected = {
        "runAsNonRoot": "true",
        "allowPrivilegeEscalation": "false",
        "privileged": "false",
        "readOnlyRootFilesystem": "true",
    }
    for key, value in expected.items():
        if not view.at(key).accept(value):
            view.at(key).lose(
                f"is {view.at(key).text}", "nothing: here it is the other way; folders to write to are writable:"
            )
    for capability in view.at("capabilities", "drop").each():
        capability.carry()
    view.at("capabilities", "add").lose("gives privileges", "nothing: all capabilities are dropped")
    view.at("seccompProfile", "type").accept("RuntimeDefault")
    if view.at("fsGroup"):
        view.at("fsGroup").guess()  # writable folders belong to the user


def around(draft: Draft, spec: View) -> None:
    """What is beside the containers."""
    _security(draft, spec.at("securityContext"))
    grace = spec.at("terminationGracePeriodSeconds")
    if whole(grace.text):
        draft.set("stop_timeout", max(2, min(120, int(grace.text))))
        _ = grace.carry() if 2 <= int(grace.text) <= 120 else grace.guess()
    restart = spec.at("restartPolicy")
    _ = restart and restart.carry()
    for name in ("serviceAccountName", "serviceAccount"):
        account = spec.at(name)
        if not account.accept("default"):
            account.lose("is a role", "write rights: for what it may do in AWS; each service has a role of its own")
    spec.at("automountServiceAccountToken").accept("false")
    spec.at("initContainers").lose(
        "run before the service", "write before_deploy for a migration; retry in the service what it waits for"
    )
    if spec.at("nodeSelector").value in ({"kubernetes.io/os": "linux"}, {"beta.kubernetes.io/os": "linux"}):
        spec.at("nodeSelector").carry()
    for key in (
        "nodeSelector",
        "affinity",
        "tolerations",
        "topologySpreadConstraints",
        "priorityClassName",
        "schedulerName",
    ):
        if spec.at(key) and spec.at(key).path not in spec.ledger.marks:
            spec.at(key).lose("chooses machines", "nothing: copies are spread over zones")
    for key in ("hostNetwork", "hostPID", "hostIPC", "hostAliases"):
        spec.at(key).lose("needs the machine", "nothing")
    spec.at("imagePullSecrets").lose("is a secret of another registry", "copy the image to ECR first")
    if spec.at("dnsPolicy").text == "ClusterFirst":
        spec.at("dnsPolicy").idle()
    spec.at("enableServiceLinks").idle()


def _sidecar(draft: Draft, one: View) -> None:
    image = one.at("image")
    if not image.text or is_template(image.value):
        one.lose("has an image that is filled in", "write sidecars: with the image")
        return
    found: dict[str, Any] = {"image": full_name(image.carry()), "cpu": 64, "memory": 128}
    draft.say("sidecars", "their cpu and memory are part of the service's; an image needs a version")
    command = [*(words(one.at("command").value) or []), *(words(one.at("args").value) or [])]
    if command:
        found["command"] = command
        for key in ("command", "args"):
            _ = one.at(key) and one.at(key).carry()
    for variable in one.at("env").each():
        if variable.at("value").text and not is_template(variable.at("value").value):
            found.setdefault("environment", {})[variable.at("name").text] = variable.at("value").text
            variable.carry()
    for key, name, read in (("cpu", "cpu", cpu_units), ("memory", "memory", kubernetes_mib)):
        size = one.at("resources", "limits" if key == "memory" else "requests", key)
        if read(size.text):
            found[name] = read(size.text)
            size.carry()
    if whole(one.at("securityContext", "runAsUser").text):
        found["user"] = int(one.at("securityContext", "runAsUser").carry())
    for key in ("ports", "volumeMounts", "readinessProbe", "livenessProbe", "startupProbe", "envFrom", "lifecycle"):
        one.at(key).lose("is no field of a sidecar", "put it into the sidecar's image")
    draft.put("sidecars", one.at("name").text or "sidecar", found)
