"""A service's build context: what the ignore file lets in, links within the project, and one line for anything else."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from config.build_context import BuildContext, Kind, read_context
from tests.unit.config.project import WORKER, Project


@pytest.fixture
def service(project: Project) -> Path:
    """A service whose context is everything in its folder."""
    folder = project.service("mail", WORKER)
    (folder / ".dockerignore").write_text("service.yaml\n.dockerignore\nDockerfile\n")
    return folder


@pytest.fixture
def shared(project: Project) -> Path:
    """A folder of the project that belongs to no service."""
    folder = project.root / "shared"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "code.py").write_text("code")
    return folder


def context(service: Path) -> BuildContext:
    return read_context(service.parent.parent, service)


def entries(service: Path) -> dict[str, tuple[Kind, str]]:
    """Path to kind and content, or target."""
    read = {Kind.FOLDER: lambda e: "", Kind.LINK: lambda e: e.target}
    return {
        entry.path: (entry.kind, read.get(entry.kind, lambda e: Path(e.source).read_text())(entry))
        for entry in context(service).entries
    }


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


# --- content ----------------------------------------------------------------------------------------------------------


def test_the_ignore_file_decides_and_nothing_is_added_to_it(service):
    write(service, "README.md", "tests/test_a.py", "a/__pycache__/a.pyc", ".git/HEAD", "secret.env")
    (service / ".dockerignore").write_text("secret.env\n")
    assert set(entries(service)) >= {"README.md", "tests/test_a.py", "a/__pycache__/a.pyc", ".git/HEAD", "service.yaml"}
    assert "secret.env" not in entries(service)


def test_a_line_brings_back_what_an_earlier_one_excluded(service):
    write(service, "README.md", "docs/a.md", "b.py")
    (service / ".dockerignore").write_text("*\n!README.md\n!docs/*.md\n")
    assert list(entries(service)) == ["README.md", "docs", "docs/a.md"]


def test_the_dockerfiles_own_ignore_file_takes_precedence(service):
    write(service, "a", "b")
    (service / "Dockerfile.dockerignore").write_text("*\n!b")
    assert list(entries(service)) == ["b"]
    assert context(service).ignore_file == "services/mail/Dockerfile.dockerignore"


def test_folders_are_entries_even_when_empty(service):
    (service / "empty").mkdir()
    assert entries(service) == {"empty": (Kind.FOLDER, "")}


def test_only_the_owners_executable_bit_of_a_mode_counts(service):
    write(service, "run.sh", "data", "odd")
    for name, mode in [("run.sh", 0o700), ("data", 0o600), ("odd", 0o655)]:
        (service / name).chmod(mode)
    kinds = {path: kind for path, (kind, _) in entries(service).items()}
    assert kinds == {"run.sh": Kind.EXECUTABLE, "data": Kind.FILE, "odd": Kind.FILE}


# --- links that are kept or followed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["real", "./real", "sub/../real", "sub/back", "nowhere", "sub", "."])
def test_a_link_that_stays_in_the_folder_stays_a_link(service, target):
    write(service, "real", "sub/x")
    (service / "sub" / "back").symlink_to("../real")
    (service / "link").symlink_to(target)
    assert entries(service)["link"] == (Kind.LINK, target)


def test_a_link_to_shared_code_becomes_the_code(service, shared):
    (service / "lib").symlink_to("../../shared/lib")
    (service / "one.py").symlink_to("../../shared/lib/code.py")
    assert entries(service) == {
        "lib": (Kind.FOLDER, ""),
        "lib/code.py": (Kind.FILE, "code"),
        "one.py": (Kind.FILE, "code"),
    }


def test_the_ignore_file_reaches_into_shared_code(service, shared):
    write(shared, "lib/tests/test_code.py")
    (service / "lib").symlink_to("../../shared/lib")
    with (service / ".dockerignore").open("a") as file:
        file.write("**/tests\n")
    assert list(entries(service)) == ["lib", "lib/code.py"]


@pytest.mark.parametrize("lines", ["*\n!lib", "*\n!lib/code.py", "*\n!lib/*.py"])
def test_an_allow_list_may_name_shared_code(service, shared, lines):
    (service / "lib").symlink_to("../../shared/lib")
    (service / ".dockerignore").write_text(lines)
    assert list(entries(service)) == ["lib", "lib/code.py"]


def test_links_within_shared_code_stay_links_and_those_out_of_it_are_followed(service, shared):
    write(shared, "other.py")
    (shared / "lib" / "same.py").symlink_to("code.py")
    (shared / "lib" / "other.py").symlink_to("../other.py")
    (service / "lib").symlink_to("../../shared/lib")
    found = entries(service)
    assert found["lib/same.py"] == (Kind.LINK, "code.py")
    assert found["lib/other.py"] == (Kind.FILE, "other.py")


def test_a_chain_of_links_through_the_project_is_followed(service, shared):
    (shared / "chain").symlink_to("lib/code.py")
    (service / "link").symlink_to("../../shared/chain")
    assert entries(service)["link"] == (Kind.FILE, "code")


def test_a_dockerfile_may_be_shared_by_link(service, shared):
    (service / "Dockerfile").rename(shared / "Dockerfile")
    (service / "Dockerfile").symlink_to("../../shared/Dockerfile")
    assert [entry.path for entry in context(service).builder_files] == ["Dockerfile", ".dockerignore"]


def test_a_project_or_service_behind_a_link_is_read_like_any_other(service, tmp_path):
    write(service, "a/b")
    (tmp_path / "project").symlink_to(service.parent.parent)
    found = read_context(tmp_path / "project", tmp_path / "project" / "services" / "mail")
    assert [entry.path for entry in found.entries] == ["a", "a/b"]
    moved = service.parent.parent / "elsewhere"
    shutil.move(service, moved)
    service.symlink_to("../elsewhere")
    assert list(entries(service)) == ["a", "a/b"]


def test_excluded_entries_may_link_anywhere(project, service):
    (service / ".venv" / "bin").mkdir(parents=True)
    (service / ".venv" / "bin" / "python").symlink_to("/usr/bin/python3")
    (service / "host").symlink_to("/etc/hostname")
    (service / "circle").symlink_to("circle")
    (service / ".dockerignore").write_text("*\n!src/**\n!**/*.md\n")
    assert project.fault() == ""


# --- links that are refused -------------------------------------------------------------------------------------------

HOLD_ON = "link to something in the project by a relative path, replace the link with a real file or folder, or exclude it in {}"
IGNORE = "services/mail/.dockerignore"
OUTSIDE = "points outside the project"
ABSOLUTE = "is absolute, so it points outside the project or works only on this machine"


@pytest.mark.parametrize(
    ("at", "target", "problem"),
    [
        ("host", "/etc/hostname", ABSOLUTE),
        ("a/b/c/host", "/etc/hostname", ABSOLUTE),
        ("up", "../../../other", OUTSIDE),
        ("a/b/up", "../../../../../x/y", OUTSIDE),
        ("folder", "../../..", OUTSIDE),
        ("gone", "../../shared/gone", "points to nothing"),
        ("self", "self", "loops back to itself"),
        ("root", "../..", "loops back to itself"),
        ("all", "..", "loops back to itself"),
        ("a/all", "../../../services", "loops back to itself"),
    ],
)
def test_a_link_out_of_the_project_is_one_line_at_any_depth(project, service, at, target, problem):
    (service / at).parent.mkdir(parents=True, exist_ok=True)
    (service / at).symlink_to(target)
    message = project.fault()
    assert message.startswith(f"services/mail/{at}")
    assert message.endswith(f": link: {problem}; {HOLD_ON.format(IGNORE)}")


def test_an_absolute_link_into_the_project_is_refused(project, service, shared):
    (service / "lib").symlink_to(shared / "lib")
    assert project.fault() == f"services/mail/lib: link: {ABSOLUTE}; {HOLD_ON.format(IGNORE)}"


@pytest.mark.parametrize("secret", ["/etc/hostname", "../../../outside"])
def test_a_chain_of_links_cannot_leave_the_project(project, service, shared, secret):
    (shared / "step").symlink_to(secret)
    (service / "link").symlink_to("../../shared/step")
    assert project.fault().startswith("services/mail/link: link: ")


def test_a_link_in_linked_code_cannot_leave_the_project(project, service, shared):
    (shared / "lib" / "deep").mkdir()
    (shared / "lib" / "deep" / "host").symlink_to("../../../../x")
    (service / "lib").symlink_to("../../shared/lib")
    assert project.fault() == f"services/mail/lib/deep/host: link: {OUTSIDE}; {HOLD_ON.format(IGNORE)}"


def test_a_link_that_leaves_and_comes_back_is_refused(project, service, shared):
    """It works only while the project's folder keeps its name."""
    (service / "lib").symlink_to(f"../../../{project.root.name}/shared/lib")
    assert project.fault() == f"services/mail/lib: link: {OUTSIDE}; {HOLD_ON.format(IGNORE)}"


def test_folders_that_link_to_each_other_are_refused(project, service, shared):
    (shared / "lib" / "again").symlink_to("../../services/mail")
    (service / "lib").symlink_to("../../shared/lib")
    assert project.fault() == f"services/mail/lib/again: link: loops back to itself; {HOLD_ON.format(IGNORE)}"


# --- other entries that are refused -----------------------------------------------------------------------------------


def test_a_pipe_is_one_line(project, service):
    os.mkfifo(service / "pipe")
    assert project.fault() == (
        f"services/mail/pipe: file: is a socket, a pipe or a device; remove it, or exclude it in {IGNORE}"
    )


def test_a_socket_is_one_line(project, service, monkeypatch):
    monkeypatch.chdir(service)  # socket addresses must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        assert project.fault().startswith("services/mail/s: file: is a socket, a pipe or a device; ")


def test_a_name_that_is_not_utf8_is_one_line(project, service):
    (service / os.fsdecode(b"caf\xe9")).write_text("")
    assert project.fault().startswith(
        "services/mail/caf\\udce9: file: has a name that is not UTF-8, which Docker does not accept; "
    )


def test_a_file_that_cannot_be_read_is_one_line(project, service, monkeypatch):
    write(service, "locked")
    monkeypatch.setattr(os, "access", lambda path, _: not str(path).endswith("locked"))  # root may read everything
    assert project.fault() == f"services/mail/locked: file: cannot be read; make it readable, or exclude it in {IGNORE}"


def test_a_folder_that_cannot_be_read_is_one_line(project, service, monkeypatch):
    (service / "locked").mkdir()
    real = Path.iterdir

    def iterdir(path: Path):
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert project.fault() == (
        f"services/mail/locked: file: cannot be read (Permission denied); make it readable, or exclude it in {IGNORE}"
    )


def test_a_bad_line_of_the_ignore_file_is_one_line(project, service):
    (service / ".dockerignore").write_text("fine\nbad[\n")
    assert project.fault() == (
        f"{IGNORE}: line 2: is 'bad[', which Docker does not accept as a pattern; "
        "write a path with *, ?, ** or [a-z], or remove it"
    )


def test_a_service_that_this_environment_does_not_run_is_checked_too(project, service):
    project.service("mail", {**WORKER, "platforms": ["eks"]})
    (service / ".dockerignore").write_text("")
    (service / "host").symlink_to("/etc/hostname")
    project.service("other", WORKER)
    assert project.fault(platforms="ecs").startswith("services/mail/host: link: ")
