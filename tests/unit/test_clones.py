"""The same commit gives the same tags in any clone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from config.catalog import load_catalog
from config.settings import environments, load_settings
from tests.conftest import ROOT

CLONES = [(umask, autocrlf) for umask in (0o022, 0o077) for autocrlf in ("true", "false")]


def git(*arguments: str, cwd: Path, **more: str) -> str:
    """Git without the settings of whoever runs the tests."""
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent", **more}
    done = subprocess.run(["git", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one commit: the project as it is now, committed or not, without what git ignores."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("the project is not a git clone")
    origin = tmp_path_factory.mktemp("origin")
    listed = git("-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if os.path.lexists(ROOT / name) and not (ROOT / name).is_dir():
            (origin / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, origin / name, follow_symlinks=False)
    git("init", "--quiet", cwd=origin)
    git("add", "--all", cwd=origin)
    git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message=a", cwd=origin)
    return origin


def clone(origin: Path, to: Path, umask: int, autocrlf: str) -> Path:
    before = os.umask(umask)
    try:
        git("clone", "--quiet", f"--config=core.autocrlf={autocrlf}", str(origin), str(to), cwd=origin)
    finally:
        os.umask(before)
    return to


def tags(project: Path) -> dict[tuple[str, str], str]:
    return {
        (environment, spec.name): catalog.images[spec.name].digest
        for environment in environments(project)
        for catalog in [load_catalog(project, load_settings(project, environment, {}))]
        for spec in catalog.services
    }


def test_every_clone_of_a_commit_gives_the_same_tags(origin, tmp_path):
    found = [tags(clone(origin, tmp_path / f"{umask:o}-{crlf}", umask, crlf)) for umask, crlf in CLONES]
    assert len(found[0]) >= 7
    assert all(other == found[0] for other in found[1:])


def test_the_clones_differ_where_the_tag_must_not_look(origin, tmp_path):
    """Otherwise the test above proves nothing: modes follow the umask, and autocrlf writes CRLF without .gitattributes."""
    narrow = clone(origin, tmp_path / "narrow", 0o077, "true")
    wide = clone(origin, tmp_path / "wide", 0o022, "false")
    file = Path("services/tracking/tracking/api.py")
    assert (narrow / file).stat().st_mode & 0o777 == 0o600
    assert (wide / file).stat().st_mode & 0o777 == 0o644
    (origin / ".gitattributes").rename(tmp_path / "kept")
    try:
        git(
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.com",
            "commit",
            "--quiet",
            "--all",
            "--message=b",
            cwd=origin,
        )
        assert b"\r\n" in (clone(origin, tmp_path / "without", 0o022, "true") / file).read_bytes()
    finally:
        git("reset", "--quiet", "--hard", "HEAD~1", cwd=origin)


def test_no_file_of_the_project_has_carriage_returns():
    listed = git("-c", "safe.directory=*", "ls-files", "--eol", cwd=ROOT).splitlines()
    assert [line for line in listed if line.startswith(("i/crlf", "i/mixed"))] == []
