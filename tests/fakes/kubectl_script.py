"""The script behind `tests.fakes.kubectl`: a kubectl with a small cluster, which is a file of objects.

It knows the few commands and options that ops/local/kubernetes and tests/kubernetes use, and fails on any other. What it does
follows the real one: a client-side apply removes the fields that it no longer finds, a server-side one only those of its own
field manager; a namespace takes along all that is in it.
"""

# Over 300 lines: one script, which Python runs without the project on its path.
from __future__ import annotations

import json
import os
import re
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

Object = dict[str, Any]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
STATE = "cluster.json"


class RefusedError(Exception):
    """What kubectl prints before it exits with 1."""


def _options(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """Plain words, and options by name; an option without a value has an empty one."""
    words, options, rest = [], {}, iter(arguments)
    for argument in rest:
        if argument == "-A":
            options["-A"] = ""
        elif argument in {"-n", "-l", "-o", "-f", "--context"}:
            options[argument] = next(rest)
        elif argument.startswith("--"):
            name, _, value = argument.partition("=")
            options[name] = value
        else:
            words.append(argument)
    return words, options


class Server:
    """Answers one command."""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        self.folder = folder
        self.state = json.loads((folder / STATE).read_text())
        self.state["calls"].append(" ".join(arguments))
        self.words, self.options = _options(arguments)
        self.objects: list[Object] = self.state["objects"]

    def save(self) -> None:
        partial = self.folder / f"{STATE}.{os.getpid()}"
        partial.write_text(json.dumps(self.state))
        partial.rename(self.folder / STATE)

    def run(self) -> str:
        verb, *rest = self.words
        if verb == "config":
            return self._config(rest)
        if self.state["down"]:
            raise RefusedError(self.state["down"])
        answers = {
            "api-resources": self._resources,
            "get": self._get,
            "apply": self._apply,
            "delete": self._delete,
            "port-forward": self._port_forward,
            "set": self._set_image,
            "rollout": self._undo,
            # Jobs, which end at once.
            "create": lambda *_: "",
            "wait": lambda *_: "",
            "logs": lambda *_: "last words\n",
        }
        return str(answers[verb](*rest))

    def _set_image(self, *words: str) -> str:
        """No node has such an image, so its pods wait."""
        name = words[1].partition("/")[2]
        self.state["pods"][name] = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
        return self._refresh()

    def _undo(self, *words: str) -> str:
        self.state["pods"].pop(words[1].partition("/")[2], None)
        return self._refresh()

    def _refresh(self) -> str:
        for entry in self.objects:
            if entry["kind"] == "Deployment":
                entry["status"] = _status(entry, self.state["pods"].get(entry["metadata"]["name"]))
        return ""

    def _port_forward(self, *_: str) -> str:
        """Answers every request with 200, until it is ended."""

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()

        server = HTTPServer(("127.0.0.1", 0), Answer)
        print(f"Forwarding from 127.0.0.1:{server.server_port} -> 80", flush=True)
        server.serve_forever()
        return ""

    def _config(self, words: list[str]) -> str:
        if words[0] == "current-context":
            if not self.state["context"]:
                raise RefusedError("error: current-context is not set")
            return str(self.state["context"])
        if words[1] != self.state["context"]:
            raise RefusedError(f"error: context {words[1]} not found")
        return words[1]

    def _resources(self) -> str:
        return "\n".join(line for line in self.state["served"].splitlines() if line.strip())

    def _known(self) -> list[tuple[str, str, bool, str]]:
        rows = [line.split() for line in self.state["served"].splitlines() if line.strip()]
        return [(name, version, namespaced == "true", kind) for name, version, namespaced, kind in rows]

    def _kind(self, resource: str) -> tuple[str, bool]:
        for name, version, namespaced, kind in self._known():
            group = version.rpartition("/")[0]
            if resource in {name, kind.lower(), f"{name}.{group}"}:
                return kind, namespaced
        raise RefusedError(f'error: the server doesn\'t have a resource type "{resource}"')

    def _in(self, entry: Object, namespaced: bool) -> bool:
        if not namespaced or "-A" in self.options:
            return True
        return bool(entry["metadata"].get("namespace", "default") == self.options.get("-n", "default"))

    # get

    def _get(self, *words: str) -> str:
        wanted: list[tuple[str, bool, str]] = []
        for word in words:
            resources, _, name = word.partition("/")
            wanted += [(*self._kind(resource), name) for resource in resources.split(",")]
        found = [
            entry
            for entry in [*self.objects, *self._made(), *self.state["events"]]
            if any(
                entry["kind"] == kind and self._in(entry, namespaced) and name in {"", entry["metadata"]["name"]}
                for kind, namespaced, name in wanted
            )
            and self._selected(entry)
        ]
        if len(words) == 1 and "/" in words[0]:
            return json.dumps(found[0]) if found else ""
        return json.dumps({"kind": "List", "items": found})

    def _selected(self, entry: Object) -> bool:
        labels = entry["metadata"].get("labels") or {}
        for term in re.split(r",(?![^(]*\))", self.options.get("-l", "")):
            if " notin " in term:
                key, _, values = term.partition(" notin ")
                if labels.get(key) in values.strip("()").split(","):
                    return False
            elif "=" in term:
                key, _, value = term.partition("=")
                if labels.get(key) != value:
                    return False
            elif term and term not in labels:
                return False
        for term in filter(None, self.options.get("--field-selector", "").split(",")):
            path, _, value = term.partition("=")
            node: Any = entry
            for part in path.split("."):
                node = node.get(part, {})
            if node != value:
                return False
        return True

    def _made(self) -> list[Object]:
        """What controllers make of each Deployment: a ReplicaSet and a pod."""
        made = []
        for entry in self.objects:
            if entry["kind"] == "Deployment":
                made += _controlled(entry, self.state["pods"].get(entry["metadata"]["name"]))
        return made

    # apply

    def _apply(self) -> str:
        sent = json.loads(sys.stdin.read())
        items = sent["items"] if sent["kind"] == "List" else [sent]
        refused = []
        for entry in items:
            refusal = self.state["refusals"].get(entry["kind"])
            if not any(
                (entry["apiVersion"], entry["kind"]) == (version, kind) for _, version, _, kind in self._known()
            ):
                refusal = f'no matches for kind "{entry["kind"]}" in version "{entry["apiVersion"]}"'
            if refusal:
                refused.append(f'{entry["kind"]} "{entry["metadata"]["name"]}": {refusal}')
            else:
                self._accept(entry)
        if refused:
            raise RefusedError("\n".join(refused))
        return ""

    def _accept(self, entry: Object) -> None:
        known = next((e for e in self.objects if _same(e, entry)), None)
        if "--server-side" in self.options:
            _apply_server_side(self.objects, known, entry, self.options["--field-manager"])
            return
        before = json.loads(known["metadata"].get("annotations", {}).get(LAST_APPLIED, "{}")) if known else {}
        merged = _merged(known or {}, before, entry)
        merged["metadata"].setdefault("annotations", {})[LAST_APPLIED] = json.dumps(entry)
        merged["metadata"].setdefault("uid", f"uid-{entry['kind']}-{entry['metadata']['name']}")
        if entry["kind"] == "Deployment":
            merged["spec"].setdefault("replicas", 1)
            merged["status"] = _status(merged, self.state["pods"].get(entry["metadata"]["name"]))
        if entry["kind"] == "Job" and "status" not in merged:
            merged["status"] = {"conditions": [{"type": self.state.get("jobs", "Complete"), "status": "True"}]}
        if known:
            self.objects.remove(known)
        self.objects.append(merged)
        self._scale()

    def _scale(self) -> None:
        """Autoscalers keep their Deployments between their bounds."""
        scalers = {e["metadata"]["name"]: e["spec"] for e in self.objects if e["kind"] == "HorizontalPodAutoscaler"}
        for entry in self.objects:
            if entry["kind"] == "Deployment" and "minReplicas" in (
                bounds := scalers.get(entry["metadata"]["name"], {})
            ):
                wanted = entry["spec"].get("replicas", 1)
                entry["spec"]["replicas"] = min(max(wanted, bounds["minReplicas"]), bounds["maxReplicas"])
        self._refresh()

    # delete

    def _delete(self, *words: str) -> str:
        if words[0] == "namespace":
            self.state["objects"] = [
                e
                for e in self.objects
                if (e["kind"], e["metadata"]["name"]) != ("Namespace", words[1])
                and e["metadata"].get("namespace") != words[1]
            ]
            return ""
        for word in words:
            resource, _, name = word.partition("/")
            if resource == "job":
                continue
            kind, namespaced = self._kind(resource)
            gone = [
                e
                for e in self.objects
                if e["kind"] == kind and e["metadata"]["name"] == name and self._in(e, namespaced)
            ]
            for entry in gone:
                self.objects.remove(entry)
        return ""


def _same(one: Object, other: Object) -> bool:
    return all(
        one.get(key) == other.get(key) if key == "kind" else one["metadata"].get(key) == other["metadata"].get(key)
        for key in ("kind", "name", "namespace")
    )


def _merged(known: Any, before: Any, sent: Any) -> Any:
    """What a client-side apply makes of an object: fields sent count, fields no longer sent go, all others stay."""
    if not isinstance(known, dict) or not isinstance(sent, dict):
        return sent
    gone = set(before) - set(sent) if isinstance(before, dict) else set()
    kept = {key: value for key, value in known.items() if key not in gone}
    inner = before if isinstance(before, dict) else {}
    return {**kept, **{key: _merged(known.get(key), inner.get(key), value) for key, value in sent.items()}}


def _apply_server_side(objects: list[Object], known: Object | None, sent: Object, manager: str) -> None:
    """Labels and annotations only: a namespace has nothing else."""
    entry = known or {
        "apiVersion": sent["apiVersion"],
        "kind": sent["kind"],
        "metadata": {"name": sent["metadata"]["name"]},
    }
    managed = entry["metadata"].setdefault("managed", {})
    for field in ("labels", "annotations"):
        mine = managed.get(f"{manager}/{field}", [])
        values = {k: v for k, v in (entry["metadata"].get(field) or {}).items() if k not in mine}
        entry["metadata"][field] = {**values, **sent["metadata"].get(field, {})}
        theirs = set(values)
        managed[f"{manager}/{field}"] = sorted(set(sent["metadata"].get(field, {})) - theirs)
    if known is None:
        objects.append(entry)


def _status(deployment: Object, waiting: Object | None) -> Object:
    wanted = deployment["spec"]["replicas"]
    ready = 0 if waiting else wanted
    status = {"replicas": wanted, "updatedReplicas": wanted, "availableReplicas": ready, "observedGeneration": 1}
    if waiting and waiting.get("given_up"):
        status["conditions"] = [{"type": "Progressing", "status": "False", "message": waiting["given_up"]}]
    return status


def _controlled(deployment: Object, waiting: Object | None) -> list[Object]:
    meta = deployment["metadata"]
    place = {"namespace": meta["namespace"], "labels": deployment["spec"]["template"]["metadata"]["labels"]}
    replica_set: Object = {
        "kind": "ReplicaSet",
        "metadata": {
            **place,
            "name": f"{meta['name']}-1",
            "uid": f"rs-{meta['name']}",
            "ownerReferences": [{"uid": meta.get("uid", "")}],
        },
    }
    if waiting and waiting.get("refused"):
        condition = {
            "type": "ReplicaFailure",
            "status": "True",
            "reason": "FailedCreate",
            "message": waiting["refused"],
        }
        replica_set["status"] = {"conditions": [condition]}
        return [replica_set]
    status: Object = {}
    if waiting and waiting.get("unscheduled"):
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": waiting["unscheduled"],
        }
        status = {"conditions": [condition]}
    elif waiting:
        status = {"containerStatuses": [{"ready": False, "state": {"waiting": waiting}}]}
    owner = [{"uid": f"rs-{meta['name']}"}]
    name = f"{meta['name']}-1-a"
    pod = {"kind": "Pod", "metadata": {**place, "name": name, "uid": name, "ownerReferences": owner}, "status": status}
    return [replica_set, pod]


def main() -> int:
    folder, *arguments = sys.argv[1:]
    server = Server(Path(folder), arguments)
    try:
        sys.stdout.write(server.run())
    except RefusedError as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    finally:
        if "port-forward" not in arguments:  # it ends long after others have written
            server.save()
    return 0


if __name__ == "__main__":
    sys.exit(main())
