"""The steps of `make verify-kubernetes`."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from config.service import HttpService, Job, ScaledService
from config.settings import Platform
from ops.local.kubernetes.kubectl import names, served
from ops.local.kubernetes.objects import KINDS, LOCAL_LABEL
from tests.e2e.local import Run
from tests.kubernetes.on_cluster import OnCluster

_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
_JOB_SECONDS = 180


class StepError(Exception):
    """A step that did not go as it should; the message is one line."""


@dataclass
class Walk:
    """The steps, in order; each builds on the one before. Whatever happens, the last ones clean up."""

    local: OnCluster
    say: Callable[[str], None] = field(default=lambda line: print(line, flush=True))

    def run(self) -> int:
        """Returns 0 if every step went well, else 1."""
        try:
            went_well = all(
                self._step(name, what)
                for name, what in (
                    ("make up", self.up),
                    ("every pod is ready, and the table shows pods and addresses", self.pods),
                    ("the namespace enforces Pod Security and denies undeclared traffic", self.namespace),
                    ("every http service answers", self.answers),
                    ("jobs run", self.jobs),
                    ("make up again changes no object", self.again),
                    ("a fixed number of pods instead of a range, without a failed request", self.fixed),
                    ("and a range again", self.ranged),
                    ("a bad image is explained, and the old pods answer", self.bad_image),
                    ("a service without its folder is gone from the cluster", self.removed),
                )
            )
        finally:
            left = self._step("make down leaves nothing in the cluster", self.down)
            self.local.ops("down", "--images")
        self.say("verified" if went_well and left else "not verified")
        return 0 if went_well and left else 1

    def _step(self, name: str, what: Callable[[], str]) -> bool:
        start = time.monotonic()
        try:
            seen, word = what(), "ok  "
        except (StepError, AssertionError, LookupError, ValueError, requests.RequestException) as error:
            seen, word = (str(error) or type(error).__name__).splitlines()[0], "FAIL"
        except Exception as error:
            seen, word = f"{type(error).__name__}: {error}".splitlines()[0], "FAIL"
        self.say(f"{word}  {name}{f': {seen}' if seen else ''} ({time.monotonic() - start:.0f} s)")
        return word == "ok  "

    # --- the steps -----------------------------------------------------------------------------------------------------

    def up(self) -> str:
        self.table = _succeeded(self.local.ops("up")).out
        return self.table.strip().splitlines()[-2]

    def pods(self) -> str:
        rows = {row.split()[0]: row for row in self.table.splitlines() if "  kubernetes  " in row}
        for spec in self.local.catalog.on(Platform.EKS):
            row = rows.get(spec.name, "")
            _check("left out" not in row and "no AWS" not in row, row or f"{spec.name} is not in the table")
            if isinstance(spec, ScaledService):
                found = re.search(r"(\d+) of (\d+) pods ready", row)
                _check(bool(found) and found[1] == found[2] != "0", row)  # type: ignore[index]
            if isinstance(spec, HttpService):
                _check("http://" in row, row)
            if isinstance(spec, Job):
                _check("schedule" in row, row)
        return f"{len(rows)} services"

    def namespace(self) -> str:
        [found] = self.local.kubectl.items("namespaces", f"--field-selector=metadata.name={self.local.settings.app}")
        enforced = found["metadata"]["labels"].get("pod-security.kubernetes.io/enforce")
        _check(enforced == "restricted", f"enforces {enforced}")
        policies = {entry["metadata"]["name"] for entry in self.local.objects("networkpolicies")}
        _check({"default-deny", "allow-dns"} <= policies, f"has only {', '.join(sorted(policies))}")
        return f"{len(policies)} policies"

    def answers(self) -> str:
        seen = []
        for spec in self._http_services():
            with self._forwarded(spec) as base:
                answer = requests.get(f"{base}{spec.health.path}", timeout=10)
                _check(answer.ok, f"{spec.name}: {spec.health.path} answers {answer.status_code}")
                seen.append(spec.name)
        return ", ".join(seen)

    def jobs(self) -> str:
        seen = []
        for spec in self.local.catalog.on(Platform.EKS):
            if isinstance(spec, Job):
                self._run_job(spec.name)
                seen.append(spec.name)
        return ", ".join(seen)

    def _run_job(self, name: str) -> None:
        space, run = ["-n", self.local.settings.app], f"job/verify-{name}"
        kubectl = self.local.kubectl
        made = kubectl.run("create", *space, "job", f"verify-{name}", f"--from=cronjob/{name}")
        _check(made.ok, made.last_line())
        try:
            done = kubectl.run("wait", *space, "--for=condition=complete", run, f"--timeout={_JOB_SECONDS}s")
            _check(done.ok, f"{name}: {done.last_line()}")
        finally:
            kubectl.run("delete", *space, run)

    def again(self) -> str:
        before = self._generations()
        _succeeded(self.local.ops("up"))
        after = self._generations()
        changed = sorted(key for key in before | after if before.get(key) != after.get(key))
        _check(not changed, f"changed: {', '.join(changed)}")
        return f"{len(after)} objects"

    def _generations(self) -> dict[str, str]:
        found = self.local.objects(self._kinds(), "-l", f"{LOCAL_LABEL}={self.local.settings.app}")
        return {
            f"{entry['kind']}/{entry['metadata']['name']}": str(entry["metadata"].get("generation", ""))
            for entry in found
        }

    def fixed(self) -> str:
        spec = self._http_services()[0]
        with self._requested(spec) as counts:
            self.local.change(spec.name, scaling={"min": 2, "max": 2})
            _succeeded(self.local.ops("up"))
            self._await_pods(spec.name, 2, 2)
        failed = {answer: count for answer, count in counts.items() if answer != "200"}
        _check(not failed, f"of {sum(counts.values())} requests: {failed}")
        return f"2 pods, {sum(counts.values())} requests"

    def ranged(self) -> str:
        spec = self._http_services()[0]
        self.local.change(spec.name, scaling={"min": 3, "max": 4, "cpu_target": 60})
        _succeeded(self.local.ops("up"))
        self._await_pods(spec.name, 3, 4)
        [scaler] = self.local.objects(f"horizontalpodautoscalers/{spec.name}")
        bounds = (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"])
        _check(bounds == (3, 4), f"the autoscaler has {bounds}")
        return "3 pods, 3 to 4 allowed"

    def _await_pods(self, service: str, least: int, most: int) -> None:
        """An autoscaler looks every 15 seconds. Once there are enough pods, none may be beyond the maximum."""
        deadline = time.monotonic() + 180
        while True:
            [found] = self.local.objects(f"deployments/{service}")
            ready, wanted = found["status"].get("availableReplicas", 0), found["spec"].get("replicas", 1)
            if least <= ready <= most and least <= wanted <= most:
                return
            _check(time.monotonic() < deadline, f"{ready} of {wanted} pods, not {least} to {most}")
            time.sleep(2)

    def bad_image(self) -> str:
        """Only in the cluster: on ECS the same image would be rolled back first, and end the run there."""
        spec = self._http_services()[0]
        space, name = ["-n", self.local.settings.app], f"deployment/{spec.name}"
        kubectl = self.local.kubectl
        kubectl.run("set", "image", *space, name, f"{spec.name}=localhost:1/not/there:1")
        try:
            time.sleep(20)
            row = next(
                (r for r in self.local.ops("status").out.splitlines() if re.match(rf"{spec.name} +kubernetes", r)), ""
            )
            _check("ErrImagePull" in row or "ImagePullBackOff" in row, row or "it is not in the table of make status")
            with self._forwarded(spec) as base:
                _check(requests.get(f"{base}{spec.health.path}", timeout=10).ok, "the old pods do not answer")
        finally:
            kubectl.run("rollout", "undo", *space, name)
        return ""

    def removed(self) -> str:
        gone = next((s.name for s in self.local.catalog.on(Platform.EKS) if isinstance(s, Job)), "")
        if not gone:
            return "there is no job to remove"
        shutil.rmtree(self.local.folder / "services" / gone)
        _succeeded(self.local.ops("up"))
        left = [entry for entry in self.local.objects(self._kinds()) if entry["metadata"]["name"] == gone]
        _check(not left, f"left: {', '.join(entry['kind'] for entry in left)}")
        return gone

    def down(self) -> str:
        app, kubectl = self.local.settings.app, self.local.kubectl
        _succeeded(self.local.ops("down"))
        _check(not kubectl.items("namespaces", f"--field-selector=metadata.name={app}"), f"the namespace {app} is left")
        left = kubectl.items(self._kinds(), "-A", "-l", LOCAL_LABEL)
        _check(not left, f"left: {', '.join(entry['kind'] for entry in left)}")
        return ""

    # --- what they use -------------------------------------------------------------------------------------------------

    def _kinds(self) -> str:
        return names(served(self.local.kubectl), KINDS)

    def _http_services(self) -> list[HttpService]:
        return [spec for spec in self.local.catalog.on(Platform.EKS) if isinstance(spec, HttpService)]

    @contextmanager
    def _forwarded(self, spec: HttpService) -> Iterator[str]:
        """A service's address on this machine, through the API server."""
        kubectl = self.local.kubectl
        command = [
            kubectl.program,
            "-n",
            self.local.settings.app,
            "port-forward",
            f"service/{spec.name}",
            f":{spec.port}",
        ]
        with subprocess.Popen(
            [str(part) for part in command],
            env=dict(kubectl.env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as child:
            try:
                line = child.stdout.readline() if child.stdout else ""
                found = _FORWARDING.search(line)
                _check(bool(found), f"{spec.name}: {line.strip()}")
                yield f"http://127.0.0.1:{found[1]}"  # type: ignore[index]
            finally:
                child.terminate()

    @contextmanager
    def _requested(self, spec: HttpService) -> Iterator[Counter[str]]:
        """Requests a service again and again through the API server, and counts the answers."""
        counts: Counter[str] = Counter()
        over = threading.Event()

        def answer() -> str:
            # A tunnel ends with its pod, so each request has its own; a fault of the tunnel is no fault of the service.
            for last in (False, True):
                try:
                    with self._forwarded(spec) as base:
                        return str(requests.get(f"{base}{spec.health.path}", timeout=15).status_code)
                except (StepError, requests.RequestException) as error:
                    if last:
                        return type(error).__name__
            raise AssertionError

        def go_on() -> None:
            while not over.is_set():
                counts[answer()] += 1

        thread = threading.Thread(target=go_on, daemon=True)
        thread.start()
        try:
            yield counts
        finally:
            over.set()
            thread.join(30)


def _succeeded(run: Run) -> Run:
    _check(run.code == 0, run.last_line or f"exit code {run.code}")
    return run


def _check(condition: bool, otherwise: str) -> None:
    if not condition:
        raise StepError(otherwise)
