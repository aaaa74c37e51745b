"""The images that a manifest describes, built for real: an existing one, a stage, a folder above, writable folders in any image.

They begin FROM scratch, so that nothing in them could help: no shell, no users, no folders.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.catalog import load_catalog
from config.settings import load_settings
from tests.contract.harness import client, found_engine
from tests.unit.config.project import WORKER, Project

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("engine")]

DOCKERFILE = """\
ARG BASE_REGISTRY
FROM scratch AS runtime
ARG VERSION
LABEL version=${VERSION}
COPY . /opt/
COPY services/mail/app/main /var/data/old
USER 33
CMD ["/opt/services/mail/app/main"]

FROM runtime
LABEL stage=last
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A monorepo: one service, a shared folder, and one that is nobody's business."""
    made = Project.at(tmp_path / "project")
    for name in ("services/mail/app/main", "libs/shared/code", "libs/other/code"):
        (made.root / name).parent.mkdir(parents=True, exist_ok=True)
        (made.root / name).write_text(name)
    (made.root / ".dockerignore").write_text("*\n!libs/shared\n!services/mail/app\n")
    return made


@pytest.fixture
def tag() -> Iterator[str]:
    name = f"localhost/container-services-test/{uuid.uuid4().hex[:8]}:1"
    yield name
    subprocess.run([client(), "image", "rm", "--force", name], env=environment(), capture_output=True, check=False)


def environment() -> dict[str, str]:
    return found_engine().full_environment  # type: ignore[union-attr]  (the fixture has looked)


def docker_build(context: Path, *options: str) -> None:
    command = [client(), "build", "--quiet", *options, str(context)]
    subprocess.run(command, env=environment(), check=True, capture_output=True, timeout=300)


def service(project: Project, **manifest: Any) -> None:
    folder = project.service("mail", {**WORKER, **manifest})
    (folder / ".dockerignore").unlink()
    (folder / "Dockerfile").write_text(DOCKERFILE)


def built(project: Project, tag: str) -> tuple[dict[str, tarfile.TarInfo], dict[str, Any]]:
    """The files of the image that the CLI would build, and its configuration."""
    settings = load_settings(project.root, "sandbox", {})
    source = load_catalog(project.root, settings).images["mail"]
    out = project.root / "out"
    source.stage(out)
    copy = out / source.staged_name
    options = [f"--file={copy / (source.staged_dockerfile or 'Dockerfile')}", f"--platform={source.platform}"]
    options += [f"--target={source.target}"] if source.target else []
    options += [f"--build-arg={name}={value}" for name, value in source.build_arguments.items()]
    docker_build(copy, *options, f"--tag={tag}")
    docker_build(copy, *options, f"--output=type=tar,dest={out}/image.tar")
    with tarfile.open(out / "image.tar") as archive:
        files = {member.name.rstrip("/"): member for member in archive}
    shown = subprocess.run(
        [client(), "image", "inspect", tag], env=environment(), check=True, capture_output=True, text=True
    )
    return files, json.loads(shown.stdout)[0]["Config"]


def test_a_context_above_the_service_has_what_the_ignore_file_lets_in(project, tag):
    service(project, build={"context": "../..", "args": {"VERSION": "1.2"}})
    files, config = built(project, tag)
    assert {name for name in files if name.startswith("opt") and files[name].isfile()} == {
        "opt/libs/shared/code",
        "opt/services/mail/app/main",
    }
    assert config["Labels"] == {"version": "1.2", "stage": "last"}


def test_a_stage_is_what_is_built(project, tag):
    service(project, build={"context": "../..", "target": "runtime"})
    assert "stage" not in built(project, tag)[1]["Labels"]


@pytest.mark.parametrize(("target", "labels"), [("runtime", {"version"}), (None, {"version", "stage"})])
def test_writable_folders_belong_to_the_user_and_nothing_else_changes(project, tag, target, labels):
    build = {"context": "../..", **({"target": target} if target else {})}
    service(project, build=build, writable=["/var/data", "/srv/new/deep"], user="1000:2000")
    files, config = built(project, tag)
    for folder in ("var/data", "srv/new/deep"):
        found = files[folder]
        assert (found.uid, found.gid, found.mode & 0o7777) == (1000, 2000, 0o755), folder
    assert (files["var"].uid, files["var/data/old"].uid) == (0, 0), "what was there stays as it was"
    assert set(config["Volumes"]) == {"/var/data", "/srv/new/deep"}
    assert (config["Cmd"], config["User"]) == (["/opt/services/mail/app/main"], "33")
    assert {name for name, value in config["Labels"].items() if value or name == "version"} == labels


def test_an_existing_image_gets_a_tmp_that_anybody_may_write_to_and_keeps_the_rest(project, tag):
    existing = f"{tag}-existing"
    service(project)
    (project.root / "services/mail/Dockerfile").rename(project.root / "Dockerfile")
    docker_build(project.root, f"--tag={existing}")
    try:
        project.service("mail", {**WORKER, "image": existing, "writable": ["/var/data"], "user": 7})
        for name in ("Dockerfile", ".dockerignore"):
            (project.root / "services/mail" / name).unlink()
        files, config = built(project, tag)
    finally:
        subprocess.run(
            [client(), "image", "rm", "--force", existing], env=environment(), capture_output=True, check=False
        )
    assert files["tmp"].mode & 0o777 == 0o777
    assert (files["var/data"].uid, files["opt/libs/shared/code"].uid) == (7, 0)
    assert set(config["Volumes"]) == {"/tmp", "/var/data"}
    assert config["Cmd"] == ["/opt/services/mail/app/main"]
