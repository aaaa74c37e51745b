"""A project whose deployment is up, or is not, as the test says."""

from __future__ import annotations

from pathlib import Path

from config.catalog import Catalog
from config.service import ServiceSpec
from config.settings import Settings, load_settings
from ops.local.engine import Engine
from ops.local.project import Project
from ops.local.target import Target
from tests.conftest import ROOT
from tests.fakes.aws import ENDPOINT


class FakeProject(Project):
    """Has these services; the engine is needed by commands that ask for it only."""

    def __init__(
        self, root: Path, target: Target, *specs: ServiceSpec, engine: Engine | None = None, up: bool = True
    ) -> None:
        super().__init__(root, "sandbox", ENDPOINT)
        self.__dict__ |= {"engine": engine, "target": target, "specs": specs, "up": up}

    def is_up(self) -> bool:
        return bool(self.__dict__["up"])

    def running_engine(self) -> Engine:
        engine: Engine = self.__dict__["engine"]
        return engine

    def read(self, architecture: str | None = None) -> tuple[Settings, Catalog]:
        return load_settings(ROOT, "sandbox", {"architecture": architecture or "amd64"}), Catalog(
            self.__dict__["specs"]
        )
