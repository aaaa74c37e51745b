"""A small valid project in a temporary folder, to be broken one way at a time."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from config.catalog import Catalog, load_catalog
from config.errors import ConfigError
from config.service import ServiceSpec
from config.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[3]

HTTP: dict[str, Any] = {
    "kind": "http",
    "description": "Tracks shipments",
    "port": 8080,
    "path": "/tracking",
    "health": "/healthz",
    "cpu": 256,
    "memory": 512,
}
WORKER: dict[str, Any] = {"kind": "worker", "description": "Sorts mail", "cpu": 256, "memory": 512}
JOB: dict[str, Any] = {**WORKER, "kind": "job", "description": "Says hello", "schedule": "*/5 * * * *"}


def http(path: str, **more: Any) -> dict[str, Any]:
    """A valid http manifest."""
    return {**HTTP, "path": path, **more}


def without(manifest: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The manifest without some keys."""
    return {k: v for k, v in manifest.items() if k not in keys}


@dataclass(frozen=True)
class Project:
    """Writes files, loads them, and returns a fault's one line."""

    root: Path

    @classmethod
    def at(cls, root: Path) -> Project:
        shutil.copytree(ROOT / "config" / "environments", root / "config" / "environments")
        (root / "services").mkdir()
        return cls(root)

    def service(self, name: str, manifest: dict[str, Any] | str | bytes) -> Path:
        folder = self.root / "services" / name
        folder.mkdir(exist_ok=True)
        if isinstance(manifest, dict):
            manifest = yaml.safe_dump(manifest, sort_keys=False)
        raw = manifest if isinstance(manifest, bytes) else manifest.encode()
        (folder / "service.yaml").write_bytes(raw)
        (folder / "Dockerfile").write_text("FROM scratch\n")
        (folder / ".dockerignore").write_text("*\n")
        return folder

    def settings(self, environment: str = "sandbox", **overrides: object) -> Settings:
        return load_settings(self.root, environment, overrides)

    def catalog(self, environment: str = "sandbox", **overrides: object) -> Catalog:
        return load_catalog(self.root, self.settings(environment, **overrides))

    def spec(self, manifest: dict[str, Any] | str, environment: str = "sandbox", **overrides: object) -> ServiceSpec:
        self.service("tracking", manifest)
        return self.catalog(environment, **overrides).service("tracking")

    def fault(self, environment: str = "sandbox", **overrides: object) -> str:
        """The message of the fault from loading the project; '' if there is none."""
        try:
            self.catalog(environment, **overrides)
        except ConfigError as error:
            assert_one_line(str(error))
            return str(error)
        return ""


def assert_one_line(text: str) -> None:
    """file: field: problem; remedy, in one printable line."""
    assert text.isprintable(), text
    head, _, remedy = text.rpartition("; ")
    file, field, problem = head.split(": ", 2)
    assert file, text
    assert field, text
    assert problem, text
    assert remedy, text
