"""A build by hand and the platform's build see the same files, with modes that do not depend on a umask."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from config.image import ImageSource
from config.settings import load_settings
from tests.contract.harness import client, found_engine

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("engine")]

FILES = ["README.md", "app/a.py", "app/__pycache__/a.pyc", "app/README.md", "docs/x.md", "tests/t.py", ".env", "a b/c"]
IGNORES = {
    "nothing": "# nothing\n",
    "lines": "tests\n**/__pycache__\n  .env  \n/docs/\n",
    "brought-back": "*.md\n!README.md\n**/*.py[cod]\n",
    "allow-list": "*\n!app\n**/__pycache__\n",
    "allow-deep": "*\n!app/a.py\n!a b\n",
    "windows": "\ufefftests\r\n.env\r\n",
    "builder-files": "Dockerfile\n.dockerignore\nservice.yaml\n",
}


@pytest.fixture(params=IGNORES)
def service(request, tmp_path) -> Path:
    """A service whose image is its context, as a clone under umask 077 has it."""
    folder = tmp_path / "project" / "services" / "mail"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
        (folder / name).chmod(0o600)
    (folder / "app" / "run").write_text("#!/bin/sh\n")
    (folder / "app" / "run").chmod(0o700)
    (folder / "app" / "link").symlink_to("a.py")
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (folder / ".dockerignore").write_bytes(IGNORES[request.param].encode())
    return folder


def built(context: Path, to: Path) -> dict[str, tarfile.TarInfo]:
    """The files of the image."""
    environment = found_engine().full_environment  # type: ignore[union-attr]  (the fixture has looked)
    command = [client(), "build", "--quiet", f"--output=type=tar,dest={to}", str(context)]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
    with tarfile.open(to) as archive:
        return {member.name.rstrip("/"): member for member in archive}


def test_a_build_by_hand_and_the_platforms_build_have_the_same_files(service, tmp_path):
    image = ImageSource.of(service.parent.parent, service, load_settings(ROOT, "sandbox", {}))
    before = os.umask(0o077)
    try:
        image.stage(tmp_path / "out")
    finally:
        os.umask(before)
    by_hand = built(service, tmp_path / "hand.tar")
    by_platform = built(tmp_path / "out" / image.staged_name, tmp_path / "platform.tar")
    assert set(by_platform) == set(by_hand) == {entry.path for entry in image.context.entries}
    facts = [
        {name: (m.type, m.size, m.linkname, m.mtime) for name, m in i.items() if m.isfile()}
        for i in (by_hand, by_platform)
    ]
    assert facts[0] == facts[1]
    wanted = {True: 0o755, False: 0o644}
    for name, member in by_platform.items():
        if not member.issym():
            assert member.mode & 0o777 == wanted[member.isdir() or name == "app/run"], name
