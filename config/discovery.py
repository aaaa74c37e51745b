"""Finds the service folders, and refuses what would cause surprises later.

Only hidden entries, caches and a README are skipped silently: any other folder that is not a service is a mistake worth a line.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from config.errors import ConfigError
from config.reserved import RESERVED_BEGINNINGS, SERVICE_NAMES
from config.settings import SERVICE_NAME as NAME

SERVICES: Final = "services"
MANIFEST: Final = "service.yaml"
EXTRA: Final = "extra.py"
"""The service's own CDK code, if it has any: docs/extra.md."""

_NO_MANIFEST: Final = "write it (docs/manifest.md lists the keys), or remove the folder"


def service_folders(root: Path) -> list[Path]:
    """The folders of all services, sorted by name. Raises ConfigError for one that cannot be a service."""
    base = root / SERVICES
    _refuse_leaving(root, base, SERVICES)
    if not base.is_dir():
        raise ConfigError(SERVICES, "folder", "is missing", "create it, with one folder per service")
    try:
        entries = sorted(base.iterdir())
    except OSError as error:
        raise ConfigError(SERVICES, "folder", f"cannot be read ({error.strerror})", "make it readable") from None
    folders = [entry for entry in entries if _is_candidate(entry)]
    if not folders:
        remedy = "add services/<name>/ with service.yaml, Dockerfile and .dockerignore"
        raise ConfigError(SERVICES, "folder", "contains no service", remedy)
    _refuse_same_but_case(folders)
    for folder in folders:
        _check_folder(root, folder)
    return folders


def manifest_file(name: str) -> str:
    """A service's manifest as messages name it."""
    return f"{SERVICES}/{name}/{MANIFEST}"


def _is_candidate(entry: Path) -> bool:
    if entry.name.startswith(".") or entry.name in ("__pycache__", "README.md"):
        return False
    if entry.is_dir() or entry.is_symlink():
        return True
    remedy = "move it into the service that it belongs to, or out of services/"
    raise ConfigError(_relative(entry.name), "file", "is not a folder", remedy)


def _refuse_same_but_case(folders: list[Path]) -> None:
    """On macOS and Windows such folders are the same folder."""
    by_lower: dict[str, str] = {}
    for folder in folders:
        other = by_lower.setdefault(folder.name.lower(), folder.name)
        if other != folder.name:
            problem = f"differs from {SERVICES}/{other} only by case"
            raise ConfigError(_relative(folder.name), "folder", problem, "rename one of the two")


def _check_folder(root: Path, folder: Path) -> None:
    _refuse_leaving(root, folder, _relative(folder.name))
    check_name(folder.name)
    _refuse_leaving(root, folder / EXTRA, f"{_relative(folder.name)}/{EXTRA}")
    require_file(root, folder / MANIFEST, f"{_relative(folder.name)}/{MANIFEST}", remedy=_NO_MANIFEST)


def require_file(root: Path, file: Path, relative: str, *, remedy: str, problem: str = "is missing") -> None:
    """Raises ConfigError unless there is a regular file, in the project even through links."""
    _refuse_leaving(root, file, relative)
    if not file.exists():
        raise ConfigError(relative, "file", problem, remedy)
    if not file.is_file():
        raise ConfigError(relative, "file", "is not a regular file", "put a file there")


def check_name(name: str) -> None:
    """Raises ConfigError for a name that no service, and so no folder of one, can have."""
    relative = _relative(name)
    if not re.fullmatch(NAME.pattern, name):
        words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")
        suggestion = f"rename the folder, e.g. {words or NAME.example}"
        raise ConfigError(relative, "folder", f"is not a valid service name: {NAME.says}, a letter first", suggestion)
    if NAME.longest is not None and len(name) > NAME.longest:
        problem = f"has a name of {len(name)} characters, more than {NAME.longest}"
        raise ConfigError(relative, "folder", problem, "shorten it: Kubernetes uses it as a DNS label")
    beginning = name.partition("-")[0]
    taken = SERVICE_NAMES.get(beginning if beginning in RESERVED_BEGINNINGS else name)
    if taken:
        raise ConfigError(relative, "folder", f"has a name that is taken ({taken})", "rename the folder")


def _refuse_leaving(root: Path, path: Path, relative: str) -> None:
    """A symbolic link must not bring files from outside the project into an image."""
    try:
        target = path.resolve(strict=path.is_symlink())
    except RuntimeError:  # raised by Python 3.11 and 3.12 for a loop
        raise ConfigError(
            relative, "link", "loops back to itself", "replace the link with a real file or folder"
        ) from None
    except OSError as error:
        problem = "points to nothing" if isinstance(error, FileNotFoundError) else "loops back to itself"
        raise ConfigError(relative, "link", problem, "replace the link with a real file or folder") from None
    if not target.is_relative_to(root.resolve()):
        raise ConfigError(relative, "link", "points outside the project", "replace the link with a real file or folder")


def _relative(name: str) -> str:
    """An entry's path as messages print it, whatever bytes are in its name."""
    return f"{SERVICES}/{os.fsencode(name).decode('utf-8', 'backslashreplace')}"
