"""`python -m ops new`: a folder for a new service, which builds, runs and has a test before anything is written into it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

from config.discovery import SERVICES, check_name
from config.service import Kind
from ops.errors import OpsError

_TEMPLATES: Final = Path(__file__).parent / "templates" / "new"
_SUFFIX: Final = ".tmpl"  # so that no tool takes a template for a module of this project
_NAME: Final = "NAME"


def create(root: Path, name: str, like: Kind) -> list[str]:
    """Make services/<name>/ of a kind; returns what to say. Raises ConfigError for a name that no service can have, and
    OpsError for one that is taken.
    """
    check_name(name)
    folder = root / SERVICES / name
    if folder.exists() or folder.is_symlink():
        raise OpsError(f"{SERVICES}/{name}: is there already; choose another name", exit_code=2)
    scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=root / SERVICES))
    try:
        _fill(scratch / name, name, _TEMPLATES / like.value)
        (scratch / name).rename(folder)
    finally:
        shutil.rmtree(scratch)
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return [
        f"made {SERVICES}/{name}: {', '.join(files)}",
        f"next: pytest {SERVICES}/{name}, then make up",
    ]


def _fill(folder: Path, name: str, template: Path) -> None:
    for file in sorted(template.rglob(f"*{_SUFFIX}")):
        path = str(file.relative_to(template)).removesuffix(_SUFFIX).replace(_NAME, name.replace("-", "_"))
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.read_text("utf-8").replace(_NAME, name), "utf-8")
