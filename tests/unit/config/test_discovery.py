"""Every entry of services/ is a service, or is refused in one line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from config.reserved import SERVICE_NAMES
from tests.unit.config.project import HTTP, WORKER, Project, http


def names(project: Project) -> list[str]:
    return [spec.name for spec in project.catalog().services]


def test_services_are_found_and_sorted_by_name(project):
    for name in ("web", "hello", "tracking"):
        project.service(name, WORKER)
    assert names(project) == ["hello", "tracking", "web"]
    assert project.catalog().service("web").folder == project.root / "services" / "web"


def test_hidden_entries_caches_and_the_readme_are_not_services(project):
    project.service("web", WORKER)
    services = project.root / "services"
    (services / ".DS_Store").touch()
    (services / ".git").mkdir()
    (services / "__pycache__").mkdir()
    (services / "README.md").touch()
    assert names(project) == ["web"]


def test_no_services_folder_is_refused(project):
    (project.root / "services").rmdir()
    assert project.fault() == "services: folder: is missing; create it, with one folder per service"


def test_a_services_folder_that_cannot_be_read_says_why(project, monkeypatch):
    def denied(_: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    assert project.fault() == "services: folder: cannot be read (Permission denied); make it readable"


def test_an_empty_services_folder_is_refused(project):
    assert project.fault() == (
        "services: folder: contains no service; add services/<name>/ with service.yaml, Dockerfile and .dockerignore"
    )


def test_a_file_instead_of_a_service_is_refused(project):
    project.service("web", WORKER)
    (project.root / "services/notes.txt").touch()
    assert project.fault() == (
        "services/notes.txt: file: is not a folder; move it into the service that it belongs to, or out of services/"
    )


def test_a_file_instead_of_the_services_folder_is_refused(project):
    (project.root / "services").rmdir()
    (project.root / "services").touch()
    assert project.fault() == "services: folder: is missing; create it, with one folder per service"


@pytest.mark.parametrize(
    ("missing", "remedy"),
    [
        ("service.yaml", "write it (docs/manifest.md lists the keys), or remove the folder"),
        (".dockerignore", "write it, to keep tests and caches out of the image and its tag"),
    ],
)
def test_a_folder_without_one_of_its_files_is_refused(project, missing, remedy):
    (project.service("web", WORKER) / missing).unlink()
    assert project.fault() == f"services/web/{missing}: file: is missing; {remedy}"


def test_an_empty_folder_is_refused(project):
    (project.root / "services/web").mkdir()
    assert project.fault().startswith("services/web/service.yaml: file: is missing; ")


@pytest.mark.parametrize("name", ["service.yaml", "Dockerfile", ".dockerignore"])
def test_a_folder_instead_of_a_file_is_refused(project, name):
    folder = project.service("web", WORKER)
    (folder / name).unlink()
    (folder / name).mkdir()
    assert project.fault() == f"services/web/{name}: file: is not a regular file; put a file there"


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("Web", "web"),
        ("my_service", "my-service"),
        ("my--service", "my-service"),
        ("-web", "web"),
        ("web-", "web"),
        ("2fast", "fast"),
        ("a.b", "a-b"),
        ("mit leerzeichen", "mit-leerzeichen"),
        ("42", "tracking"),
        ("zwölf\nmal", "zw-lf-mal"),
    ],
)
def test_an_invalid_folder_name_is_refused_with_a_valid_one(project, name, suggestion):
    project.service(name, WORKER)
    message = project.fault()
    assert (
        "folder: is not a valid service name: lower-case letters, digits and single hyphens, a letter first; "
        in message
    )
    assert message.endswith(f"rename the folder, e.g. {suggestion}")


def test_a_folder_name_that_is_not_text_is_refused(project):
    try:
        (project.root / "services" / os.fsdecode(b"\xff\xfe")).mkdir()
    except OSError:
        pytest.skip("this file system takes only text for names")
    assert "is not a valid service name" in project.fault()


def test_a_folder_name_longer_than_a_dns_label_is_refused(project):
    project.service("a" * 64, WORKER)
    assert "has a name of 64 characters, more than 63; shorten it" in project.fault()


@pytest.mark.parametrize("name", [*SERVICE_NAMES, "aws-endpoint", "kubernetes-api"])
def test_names_that_already_mean_something_else_are_refused(project, name):
    project.service(name, WORKER)
    assert f"services/{name}: folder: has a name that is taken (" in project.fault()


@pytest.mark.parametrize("name", ["default-rate", "entrance-hall", "awsome"])
def test_a_name_that_only_begins_like_a_reserved_one_is_accepted(project, name):
    project.service(name, WORKER)
    assert project.fault() == ""


def test_two_folders_that_differ_only_by_case_are_refused(project):
    project.service("web", WORKER)
    project.service("Web", WORKER)
    if len(list((project.root / "services").iterdir())) == 1:
        pytest.skip("this file system takes the two names for one")
    assert project.fault() == "services/web: folder: differs from services/Web only by case; rename one of the two"


# --- links -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outside")


def test_a_service_folder_that_links_outside_is_refused(project, outside):
    shutil.move(project.service("web", WORKER), outside)
    (project.root / "services/web").symlink_to(outside / "web")
    assert (
        project.fault() == "services/web: link: points outside the project; replace the link with a real file or folder"
    )


def test_a_services_folder_that_links_outside_is_refused(project, outside):
    (project.root / "services").rmdir()
    (project.root / "services").symlink_to(outside)
    assert project.fault() == "services: link: points outside the project; replace the link with a real file or folder"


@pytest.mark.parametrize("name", ["service.yaml", "Dockerfile", ".dockerignore"])
def test_a_file_that_links_outside_is_refused(project, outside, name):
    folder = project.service("web", WORKER)
    shutil.move(folder / name, outside)
    (folder / name).symlink_to(outside / name)
    assert (
        project.fault()
        == f"services/web/{name}: link: points outside the project; replace the link with a real file or folder"
    )


def test_a_dangling_link_is_refused(project):
    (project.root / "services/web").symlink_to("nothing")
    assert project.fault() == "services/web: link: points to nothing; replace the link with a real file or folder"


def test_a_link_that_loops_is_refused(project):
    (project.root / "services/web").symlink_to("web")
    assert project.fault() == "services/web: link: loops back to itself; replace the link with a real file or folder"


def test_a_link_within_the_project_is_a_service(project):
    shutil.move(project.service("web", HTTP), project.root / "elsewhere")
    (project.root / "services/web").symlink_to("../elsewhere")
    project.service("other", http("/other"))
    assert names(project) == ["other", "web"]


def test_a_project_behind_a_link_is_inside_itself(project, outside):
    project.service("web", WORKER)
    (outside / "link").symlink_to(project.root)
    assert names(Project(outside / "link")) == ["web"]
