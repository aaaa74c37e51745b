"""One project folder, one of its environments, and the emulator on this machine that it is deployed to."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from config.catalog import Catalog, load_catalog
from config.settings import Settings, load_settings
from ops.errors import OpsError
from ops.local import emulator
from ops.local import engine as engines
from ops.local.engine import Engine
from ops.local.target import Target
from ops.local.workspace import Workspace

NOT_UP = "the local deployment is not up; run `make up`"


@dataclass(frozen=True)
class Project:
    """What a local command works on."""

    root: Path
    environment: str
    endpoint: str

    @cached_property
    def workspace(self) -> Workspace:
        return Workspace(self.root)

    @cached_property
    def target(self) -> Target:
        return Target(endpoint=self.endpoint)

    @property
    def assembly(self) -> Path:
        """The output of `cdk synth`."""
        return self.workspace.folder / "cdk.out"

    @property
    def emulated(self) -> Path:
        """The copy of that output that the emulator can deploy."""
        return self.workspace.folder / "cdk.emulated"

    def read(self, architecture: str | None = None) -> tuple[Settings, Catalog]:
        """Settings and services, for a processor where that matters. Raises ConfigError for the first fault."""
        overrides = {} if architecture is None else {"architecture": architecture}
        settings = load_settings(self.root, self.environment, overrides)
        return settings, load_catalog(self.root, settings)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lets only one command at a time change a project's local deployment."""
        self.workspace.prepare()
        with (self.workspace.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise OpsError(
                    "another `make up` or `make down` is running in this folder; wait for it to finish"
                ) from None
            yield

    def is_up(self) -> bool:
        """True if this project's emulator runs and answers."""
        return emulator.running_pid(self.target, self.workspace) is not None and emulator.answers(self.target)

    def running_engine(self) -> Engine:
        """The engine, if this project's emulator is up. Raises OpsError with what to do if it is not."""
        if not self.is_up():
            raise OpsError(NOT_UP)
        engine = engines.find()
        if engine is None:
            raise OpsError("the container engine does not answer; start it and run `make up`")
        return engine
