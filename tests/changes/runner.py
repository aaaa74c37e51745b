"""Synthesizes both sides of a scenario, compares them, and makes the row of docs/changes.md."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from config.catalog import load_catalog
from config.errors import ConfigError
from config.names import stack_id
from config.settings import Platform, load_settings, overrides_from_context
from ops.assembly import Assembly, Stack
from ops.changes.compare import compare
from ops.changes.matrix import Row, cells, refused_by_loader
from ops.changes.model import Result
from ops.changes.plan import Plan, plan
from tests.changes.scenarios import Scenario, State
from tests.stacks.synthesis import Variant, synthesize

ENVIRONMENTS = ("sandbox", "production")
_MOST_KEPT = 12  # a few megabytes each
# With what the examples of `build` name.
DOCKERFILE = "FROM scratch AS runtime\nARG VERSION\n"
_ONLY_WRITTEN = frozenset({"exec"})


@dataclass
class Compared:
    """A scenario in an environment, with everything that a row or a test needs."""

    scenario: Scenario
    environment: str
    before: list[Stack]
    after: list[Stack] = field(default_factory=list)
    refused: str = ""
    result: Result | None = None
    steps: Plan | None = None

    @property
    def destroyed(self) -> set[str]:
        return {stack_id(platform, name) for platform in Platform for name in self.scenario.destroyed}

    @property
    def row(self) -> Row:
        scenario = self.scenario
        if self.result is None:
            more: dict[str, Any] = refused_by_loader(self.refused)
        else:
            more = cells(self.result, self.steps, self.environment)
        return Row(
            section=scenario.section,
            subject=scenario.subject,
            change=scenario.change,
            environment=self.environment,
            **more,
        )


def _write(file: Path, settings: Mapping[str, Any]) -> None:
    """Puts into an environment's file what the command line may not set there."""
    for key in _ONLY_WRITTEN & settings.keys():
        text = file.read_text(encoding="utf-8")
        line = f"{key}: {json.dumps(settings[key])}"
        file.write_text(re.sub(rf"^{key}:.*$", line, text, flags=re.MULTILINE), encoding="utf-8")


class Runner:
    """Keeps what it synthesized, for other processes too: most scenarios begin with the same project."""

    def __init__(self, root: Path, folder: Path, shared: Path) -> None:
        """`folder` is this process's own; in `shared`, processes find what another one has synthesized."""
        self._root = root
        self._folder = folder
        self._shared = shared
        shared.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, list[Stack]] = {}
        self._count = 0

    def run(self, scenario: Scenario, environment: str) -> Compared:
        """Compares. A side that the loader refuses is an error before, and a row after."""
        found = Compared(scenario, environment, before=self.stacks(scenario.before, environment))
        try:
            found.after = self.stacks(scenario.after, environment)
        except ConfigError as error:
            found.refused = str(error)
            return found
        found.result = compare(found.before, found.after, destroyed=found.destroyed)
        found.steps = plan(found.before, found.after, found.result, destroyed=found.destroyed)
        return found

    def stacks(self, state: State, environment: str) -> list[Stack]:
        """The stacks of a project. Raises ConfigError."""
        key = json.dumps([environment, dict(state.settings), state.services, state.code])
        if key not in self._known:
            if len(self._known) == _MOST_KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = self._found(key) or self._made(key, state, environment)
        self._known[key] = self._known.pop(key)  # the last to be used is the last to go
        return self._known[key]

    def _file(self, key: str) -> Path:
        return self._shared / hashlib.sha256(key.encode()).hexdigest()

    def _found(self, key: str) -> list[Stack]:
        """What this or another process has synthesized; empty if none has yet."""
        try:
            return pickle.loads(zlib.decompress(self._file(key).read_bytes()))  # type: ignore[no-any-return]  # noqa: S301
        except FileNotFoundError:
            return []

    def _made(self, key: str, state: State, environment: str) -> list[Stack]:
        self._count += 1
        stacks = self._synthesize(state, environment, self._folder / str(self._count))
        partial = self._shared / f"{os.getpid()}.partial"
        partial.write_bytes(zlib.compress(pickle.dumps(stacks), 1))
        partial.rename(self._file(key))  # at once, so that nobody reads half of it
        return stacks

    def _synthesize(self, state: State, environment: str, folder: Path) -> list[Stack]:
        project = folder / "project"
        shutil.copytree(self._root / "config" / "environments", project / "config" / "environments", dirs_exist_ok=True)
        for name, manifest in state.services.items():
            service = project / "services" / name
            service.mkdir(parents=True, exist_ok=True)
            (service / "service.yaml").write_text(yaml.safe_dump(dict(manifest)), encoding="utf-8")
            if "image" not in manifest:
                _write_what_is_built(service, f"{DOCKERFILE}{state.code}")
        (project / ".dockerignore").write_text("*\n", encoding="utf-8")
        _write(project / "config" / "environments" / f"{environment}.yaml", state.settings)
        # Loaded first: what the loader refuses is a row, and then nothing is synthesized.
        load_catalog(project, load_settings(project, environment, overrides_from_context(dict(state.settings))))
        synthesize(self._root, project, folder / "out", Variant(environment, overrides=dict(state.settings)))
        stacks = Assembly(folder / "out").stacks
        shutil.rmtree(folder)
        return stacks


def _write_what_is_built(service: Path, dockerfile: str) -> None:
    (service / "docker").mkdir(exist_ok=True)
    for name in ("Dockerfile", "docker/Dockerfile"):
        (service / name).write_text(dockerfile, encoding="utf-8")
    (service / ".dockerignore").write_text("service.yaml\ndocker\n", encoding="utf-8")
