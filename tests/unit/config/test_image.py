"""An image's hash covers what determines the image and nothing else; the copy it is built from is the same everywhere."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.image import ImageSource
from tests.unit.config.project import WORKER, Project, assert_one_line

IGNORE = "service.yaml\n.dockerignore\nREADME.md\ntests\n"


@pytest.fixture
def service(project: Project) -> Path:
    folder = project.service("mail", WORKER)
    (folder / ".dockerignore").write_text(IGNORE)
    (folder / "app").mkdir()
    (folder / "run.sh").write_text("#!/bin/sh\necho a\n")
    (folder / "app" / "code.py").write_text("a = 1\n")
    (folder / "app" / "link.py").symlink_to("code.py")
    return folder


@pytest.fixture
def source(project: Project, service: Path) -> Callable[..., ImageSource]:
    def load(environment: str = "sandbox", **overrides: object) -> ImageSource:
        return ImageSource.of(project.root, service, project.settings(environment, **overrides))

    return load


# --- the hash ---------------------------------------------------------------------------------------------------------


def make_executable(service: Path) -> None:
    (service / "run.sh").chmod(0o755)


def write_carriage_returns(service: Path) -> None:
    (service / "run.sh").write_bytes(b"#!/bin/sh\r\necho a\r\n")


def change_behind_size_and_time(service: Path) -> None:
    file = service / "app" / "code.py"
    before = file.stat()
    with file.open("r+") as opened:  # the same inode
        opened.write("a = 2\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = file.stat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)


def turn_a_link(service: Path) -> None:
    (service / "app" / "link.py").unlink()
    (service / "app" / "link.py").symlink_to("./code.py")


def put_a_file_for_a_link(service: Path) -> None:
    (service / "app" / "link.py").unlink()
    shutil.copy(service / "app" / "code.py", service / "app" / "link.py")


def move_a_line(service: Path) -> None:
    """The same bytes in sequence, split differently between two files."""
    (service / "run.sh").write_text("#!/bin/sh\necho a\na")
    (service / "app" / "code.py").write_text(" = 1\n")


CHANGES = [
    make_executable,
    write_carriage_returns,
    change_behind_size_and_time,
    turn_a_link,
    put_a_file_for_a_link,
    move_a_line,
    lambda service: (service / "run.sh").write_text("#!/bin/sh\necho b\n"),
    lambda service: (service / "run.sh").rename(service / "app" / "run.sh"),
    lambda service: (service / "app" / "code.py").unlink(),
    lambda service: (service / "empty").mkdir(),
    lambda service: (service / "Dockerfile").write_text("FROM scratch\nUSER 1\n"),
    lambda service: (service / ".dockerignore").write_text(f"{IGNORE}Dockerfile\napp/code.py\n"),
    lambda service: (service / "Dockerfile.dockerignore").write_text("*\n"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_determines_the_image_changes_the_tag(service, source, change):
    before = source().digest
    change(service)
    assert source().digest != before


def test_the_content_of_shared_code_changes_the_tag(project, service, source):
    (project.root / "shared").mkdir()
    (project.root / "shared" / "lib.py").write_text("a")
    (service / "lib").symlink_to("../../shared")
    before = source().digest
    (project.root / "shared" / "lib.py").write_text("b")
    assert source().digest != before


def test_architecture_and_build_arguments_change_the_tag(source):
    tags = [
        source(architecture="amd64", base_registry="example.com/a").digest,
        source(architecture="arm64", base_registry="example.com/a").digest,
        source(architecture="amd64", base_registry="example.com/b").digest,
    ]
    assert len(set(tags)) == 3


def test_an_excluded_dockerfile_still_changes_the_tag(service, source):
    (service / ".dockerignore").write_text(f"{IGNORE}Dockerfile\n")
    before = source().digest
    (service / "Dockerfile").write_text("FROM scratch\nUSER 1\n")
    assert source().digest != before


def touch_all(service: Path) -> None:
    for file in service.rglob("*"):
        os.utime(file, (1, 1), follow_symlinks=False)


def tighten_modes(service: Path) -> None:
    for path in service.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)


def write_again(service: Path) -> None:
    copy = service.with_name("copy")
    shutil.copytree(service, copy, symlinks=True)
    shutil.rmtree(service)
    copy.rename(service)


NO_CHANGES = [
    touch_all,
    tighten_modes,
    write_again,
    lambda service: (service / "README.md").write_text("more"),
    lambda service: (service / "tests").mkdir(),
    lambda service: (service / "service.yaml").write_text("other"),
    lambda service: (service / ".dockerignore").write_text(f"# the same rules, written differently\n{IGNORE}"),
]


@pytest.mark.parametrize("change", NO_CHANGES)
def test_nothing_else_changes_the_tag(service, source, change):
    before = source().digest
    change(service)
    assert source().digest == before


def test_neither_the_services_name_nor_its_location_is_part_of_the_tag(project, service, source, tmp_path):
    other = Project.at(tmp_path / "elsewhere")
    shutil.copytree(service, other.root / "services" / "post", symlinks=True)
    assert ImageSource.of(other.root, other.root / "services" / "post", project.settings()).digest == source().digest


def test_the_hash_of_known_content_never_changes(service, source):
    """Another hash would give every image of every user a new tag: change it only knowingly, together with this test."""
    digest = source(architecture="arm64", base_registry="example.com").digest
    assert digest == "464719ea51d882c47d715d206c7a0ca2ba57baaf7744fdacb24a5f743fd9a0cb"


# --- the copy ---------------------------------------------------------------------------------------------------------


def modes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in folder.rglob("*")
        if not path.is_symlink()
    }


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002, 0o777 & ~0o700])
def test_the_copy_has_a_clones_modes_under_any_umask(service, source, tmp_path, umask):
    tighten_modes(service)
    (service / "run.sh").chmod(0o700)
    before = os.umask(umask)
    try:
        source().stage(tmp_path / "out")
    finally:
        os.umask(before)
    copy = tmp_path / "out" / source().staged_name
    assert oct(stat.S_IMODE(copy.stat().st_mode)) == "0o755"
    assert modes(copy) == {
        ".dockerignore": "0o644",
        "Dockerfile": "0o644",
        "app": "0o755",
        "app/code.py": "0o644",
        "run.sh": "0o755",
    }


def test_the_copy_is_the_context_and_the_builders_files_and_nothing_else(service, source, tmp_path):
    (service / ".dockerignore").write_text("*\n!app/code.py\n")
    source().stage(tmp_path)
    copy = tmp_path / source().staged_name
    assert {str(p.relative_to(copy)) for p in copy.rglob("*")} == {".dockerignore", "Dockerfile", "app", "app/code.py"}
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith((".", "asset"))] == [copy.name]


def test_the_copy_is_the_same_context_and_stays_readable_without_the_project(project, service, source, tmp_path):
    (project.root / "shared").mkdir()
    (project.root / "shared" / "lib.py").write_text("a")
    (service / "lib").symlink_to("../../shared")
    image = source()
    image.stage(tmp_path)
    copy = tmp_path / image.staged_name
    assert ImageSource.of(copy, copy, project.settings()).digest == image.digest
    assert not (copy / "lib").is_symlink()
    assert (copy / "app" / "link.py").readlink() == Path("code.py")


def test_the_copy_keeps_times_as_a_build_by_hand_would(service, source, tmp_path):
    os.utime(service / "run.sh", (1_000_000_000, 1_000_000_000))
    source().stage(tmp_path)
    assert (tmp_path / source().staged_name / "run.sh").stat().st_mtime == 1_000_000_000


def test_an_existing_copy_is_kept(source, tmp_path):
    source().stage(tmp_path)
    before = (tmp_path / source().staged_name).stat().st_ino
    source().stage(tmp_path)
    assert (tmp_path / source().staged_name).stat().st_ino == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda copy: (copy / "run.sh").write_text("#!/bin/sh\necho b\n"),
        lambda copy: (copy / "run.sh").chmod(0o755),
        lambda copy: (copy / "Dockerfile").unlink(),
        lambda copy: (copy / "left").write_text("by a copy that was cut off"),
    ],
)
def test_a_changed_copy_is_made_again(source, tmp_path, spoil):
    source().stage(tmp_path)
    copy = tmp_path / source().staged_name
    fresh = modes(copy)
    spoil(copy)
    source().stage(tmp_path)
    assert modes(copy) == fresh
    assert (copy / "run.sh").read_text() == "#!/bin/sh\necho a\n"


@pytest.mark.parametrize("change", [write_carriage_returns, lambda service: (service / "run.sh").unlink()])
def test_a_folder_that_changes_while_it_is_read_is_one_line(service, source, tmp_path, change):
    image = source()
    assert image.digest
    change(service)
    with pytest.raises(ConfigError) as caught:
        image.stage(tmp_path / "out")
    assert str(caught.value) == "services/mail: folder: changed while it was being read; try again"
    assert_one_line(str(caught.value))
    assert list((tmp_path / "out").iterdir()) == []
