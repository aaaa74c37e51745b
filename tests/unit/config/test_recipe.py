"""Where an image comes from: an existing one, another Dockerfile or folder, or one line about what is missing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from config.image import RECIPE, ImageSource
from config.languages import LANGUAGES
from tests.unit.config.project import ROOT, WORKER, Project

THING = "ghcr.io/example/thing:1.2"
ABOVE = {"context": "../..", "dockerfile": "docker/app.Dockerfile"}
OWN_IGNORE = "services/mail/docker/app.Dockerfile.dockerignore"


def only_manifest(project: Project, **manifest: Any) -> Path:
    folder = project.service("mail", {**WORKER, **manifest})
    (folder / "Dockerfile").unlink()
    (folder / ".dockerignore").unlink()
    return folder


@pytest.fixture
def monorepo(project: Project) -> Path:
    """A service whose Dockerfile, in a folder of its own, copies shared code from the top of the project."""
    folder = only_manifest(project, build=ABOVE)
    write(
        folder / "docker/app.Dockerfile",
        "ARG BASE_REGISTRY\nFROM scratch AS runtime\nARG VERSION=1 A\nCOPY . /\nFROM runtime AS tests\n",
    )
    write(project.root / OWN_IGNORE, "*\n!libs/shared\n!services/mail/app\n**/*.pyc\n")
    write(folder / "app/main.py", "main")
    write(project.root / "libs/shared/code.py", "shared")
    write(project.root / "libs/other/code.py", "other")
    return folder


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def source(project: Project, **overrides: Any) -> ImageSource:
    return project.catalog(**overrides).images["mail"]


def with_build(project: Project, **changes: Any) -> ImageSource:
    """The source after changes to the manifest; the other files stay."""
    folder = project.root / "services/mail"
    kept = {name: (folder / name).exists() for name in ("Dockerfile", ".dockerignore")}
    project.service("mail", {**WORKER, **changes})
    for name, existed in kept.items():
        if not existed:
            (folder / name).unlink()
    return source(project)


# --- an existing image ------------------------------------------------------------------------------------------------


def test_an_existing_image_needs_only_a_manifest(project):
    only_manifest(project, image=THING)
    found = source(project)
    assert found.recipe is not None
    assert found.recipe.decode().startswith(f"FROM {THING} AS ")
    assert (found.context.entries, dict(found.build_arguments), found.target) == ((), {}, None)


def test_its_tmp_is_a_volume_whatever_the_image_declares(project):
    only_manifest(project, image=THING, writable=["/srv/data"], user="7:8")
    lines = (source(project).recipe or b"").decode().splitlines()
    assert lines[-1] == 'VOLUME ["/tmp", "/srv/data"]'
    assert [line.partition(" --chown=")[2] for line in lines if line.startswith("COPY")] == [
        "0:0 --chmod=1777 /0/ /",
        "7:8 --chmod=0755 /1/ /srv/",
    ]


def test_another_image_another_architecture_and_another_user_of_a_folder_are_another_tag(project):
    tags = []
    for changes, architecture in (
        ({"image": THING}, "amd64"),
        ({"image": THING}, "arm64"),
        ({"image": "ghcr.io/example/thing:1.3"}, "amd64"),
        ({"image": THING, "writable": ["/data"]}, "amd64"),
        ({"image": THING, "writable": ["/data"], "user": 5}, "amd64"),
    ):
        only_manifest(project, **changes)
        tags.append(source(project, architecture=architecture).digest)
    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize("changes", [{"command": ["a"]}, {"user": 5}, {"storage": 30}, {"memory": 1024}])
def test_what_only_the_container_gets_is_no_other_tag(project, changes):
    only_manifest(project, image=THING)
    before = source(project).digest
    only_manifest(project, image=THING, **changes)
    assert source(project).digest == before


@pytest.mark.parametrize("name", ["Dockerfile", ".dockerignore", "Dockerfile.dockerignore"])
def test_a_builders_file_beside_an_existing_image_is_refused(project, name):
    write(only_manifest(project, image=THING) / name, "*\n")
    assert project.fault() == (
        f"services/mail/{name}: file: is beside image: in service.yaml, which takes an existing image; remove one of the two"
    )


def test_an_environment_may_have_another_version(project):
    only_manifest(project, image=THING, overrides={"production": {"image": "ghcr.io/example/thing:1.1"}})
    assert project.catalog("production").service("mail").image == "ghcr.io/example/thing:1.1"
    assert project.catalog("sandbox").service("mail").image == THING


# --- another Dockerfile, another folder -------------------------------------------------------------------------------


def test_the_context_is_the_folder_above_as_the_dockerfiles_own_ignore_file_lets_it_in(project, monorepo):
    found = source(project)
    assert [entry.path for entry in found.context.entries if entry.path.endswith(".py")] == [
        "libs/shared/code.py",
        "services/mail/app/main.py",
    ]
    assert (found.context.name, found.context.ignore_file) == ("", OWN_IGNORE)


def test_without_an_ignore_file_beside_the_dockerfile_that_of_the_context_counts(project, monorepo):
    (project.root / OWN_IGNORE).rename(project.root / ".dockerignore")
    assert source(project).context.ignore_file == ".dockerignore"
    (project.root / ".dockerignore").unlink()
    assert project.fault() == (
        f".dockerignore: file: is missing; write it or {OWN_IGNORE}: *, then !FOLDER for what is copied"
    )


CHANGES = [
    lambda p: write(p.root / "libs/shared/code.py", "changed"),
    lambda p: write(p.root / "libs/shared/more.py", "more"),
    lambda p: write(p.root / "services/mail/app/main.py", "changed"),
    lambda p: write(p.root / "services/mail/docker/app.Dockerfile", "FROM scratch AS runtime\nCOPY libs /\n"),
    lambda p: write(p.root / OWN_IGNORE, "*\n!libs\n"),
    lambda p: with_build(p, build={**ABOVE, "target": "runtime"}),
    lambda p: with_build(p, build={**ABOVE, "args": {"VERSION": "1"}}),
    lambda p: with_build(p, build=ABOVE, writable=["/data"]),
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_determines_the_image_changes_the_tag(project, monorepo, change):
    before = source(project).digest
    change(project)
    assert source(project).digest != before


NO_CHANGES = [
    lambda p: write(p.root / "libs/other/code.py", "changed"),
    lambda p: write(p.root / "libs/shared/code.pyc", "compiled"),
    lambda p: write(p.root / "services/mail/notes.md", "ignored"),
    lambda p: with_build(p, build=ABOVE, memory=1024, cpu=256),
    lambda p: with_build(p, build={**ABOVE, "args": {}}),
]


@pytest.mark.parametrize("change", NO_CHANGES)
def test_nothing_else_changes_the_tag(project, monorepo, change):
    before = source(project).digest
    change(project)
    assert source(project).digest == before


def test_two_stages_and_two_arguments_are_two_tags(project, monorepo):
    tags = [
        with_build(project, build={**ABOVE, **more}).digest
        for more in ({"target": "runtime"}, {"target": "tests"}, {"args": {"A": "1"}}, {"args": {"A": "2"}})
    ]
    assert len(set(tags)) == 4


def test_arguments_are_added_to_ours(project, monorepo):
    found = with_build(project, build={**ABOVE, "args": {"VERSION": "1"}})
    assert dict(found.build_arguments) == {"BASE_REGISTRY": project.settings().base_registry, "VERSION": "1"}


def test_an_argument_that_docker_knows_itself_needs_no_instruction(project, monorepo):
    assert with_build(project, build={**ABOVE, "args": {"https_proxy": "http://proxy:3128"}}).recipe


def test_an_override_adds_arguments_to_the_manifests(project, monorepo):
    with_build(project, build=ABOVE, overrides={"production": {"build": {"args": {"VERSION": "2"}}}})
    assert dict(project.catalog("production").images["mail"].build_arguments)["VERSION"] == "2"


def test_the_copy_has_the_context_and_a_dockerfile_that_is_no_part_of_it(project, monorepo, tmp_path):
    found = source(project)
    found.stage(tmp_path)
    copy = tmp_path / found.staged_name
    files = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert files == {RECIPE, f"{RECIPE}.dockerignore", "libs/shared/code.py", "services/mail/app/main.py"}
    assert (copy / RECIPE).read_bytes() == (monorepo / "docker/app.Dockerfile").read_bytes()
    assert (copy / f"{RECIPE}.dockerignore").read_text().split() == [RECIPE, f"{RECIPE}.dockerignore"]


@pytest.mark.parametrize("name", [RECIPE, f"{RECIPE}.dockerignore", "libs/shared/code.py"])
def test_a_changed_copy_is_made_again_and_a_right_one_kept(project, monorepo, tmp_path, name):
    found = source(project)
    found.stage(tmp_path)
    copy = tmp_path / found.staged_name
    before, place = (copy / name).read_bytes(), copy.stat().st_ino
    found.stage(tmp_path)
    assert copy.stat().st_ino == place
    (copy / name).write_text("FROM elsewhere\n!*\n")
    found.stage(tmp_path)
    assert (copy / name).read_bytes() == before


def test_the_same_files_with_and_without_build_are_two_copies(project, tmp_path):
    """Both may be in one assembly, and each looks for its Dockerfile under another name."""
    project.service("mail", WORKER)
    project.service("post", {**WORKER, "build": {}})
    images = project.catalog().images
    assert images["mail"].digest != images["post"].digest
    for image in images.values():
        image.stage(tmp_path)
    for image in images.values():
        assert (tmp_path / image.staged_name / (image.staged_dockerfile or "Dockerfile")).is_file()


def test_a_stage_is_built_by_name_unless_lines_are_added_after_it(project, monorepo):
    assert with_build(project, build={**ABOVE, "target": "runtime"}).target == "runtime"
    found = with_build(project, build={**ABOVE, "target": "runtime"}, writable=["/data"])
    assert found.target is None
    assert b"\nFROM runtime\nCOPY --from=" in (found.recipe or b"")


def test_a_service_that_asks_for_nothing_of_this_is_built_as_before(project):
    folder = project.service("mail", {**WORKER, "user": 1000, "command": ["a"], "init": False, "storage": 30})
    assert source(project).digest == ImageSource.of(project.root, folder, project.settings()).digest
    assert source(project).recipe is None


BUILD = "services/mail/service.yaml: build"
WRONG = [
    (
        {"target": "runtme"},
        f"{BUILD}.target: is runtme, which is not a stage of services/mail/docker/app.Dockerfile; did you",
    ),
    ({"target": "zzz"}, "; write one of runtime, tests"),
    ({"target": "a b"}, f"{BUILD}.target: is 'a b', which is not valid; write a stage's name, e.g. runtime"),
    ({"context": "../../.."}, f"{BUILD}.context: leaves the project; name something in it"),
    ({"context": "app"}, f"{BUILD}.context: is 'app', not the service's folder or one above it; write ., .. or ../.."),
    ({"context": "/srv"}, f"{BUILD}.context: is '/srv', not the service's folder or one above it; "),
    ({"dockerfile": "../../../Dockerfile"}, f"{BUILD}.dockerfile: leaves the project; name something in it"),
    ({"dockerfile": "/Dockerfile"}, f"{BUILD}.dockerfile: is '/Dockerfile', not a plain relative path; "),
    ({"dockerfile": "a/../b"}, "not a plain relative path; write it from the service's folder: b"),
    (
        {"dockerfile": "no"},
        "services/mail/no: file: is missing; docs/dockerfiles.md has one for each language, or name an",
    ),
    ({"dockerfile": "docker"}, "services/mail/docker: file: is not a regular file; put a file there"),
    (
        {"args": {"BASE_REGISTRY": "x"}},
        f"{BUILD}.args.BASE_REGISTRY: is set by the environment's base_registry; remove it",
    ),
    ({"args": {"A B": "x"}}, f"{BUILD}.args.A B: is not a valid name; use letters, digits and _"),
    ({"args": {"A": "${AWS::Region}"}}, f"{BUILD}.args.A: contains ${{AWS::, which CloudFormation could replace"),
    ({"args": {"A": "a\0"}}, f"{BUILD}.args.A: contains a NUL character; write text"),
    ({"args": {"A": 5}}, f'{BUILD}.args.A: is 5, not text; put it in quotes: "5"'),
    (
        {"args": {"VERSON": "1"}},
        f"{BUILD}.args.VERSON: is no ARG of services/mail/docker/app.Dockerfile; did you mean VERSION?",
    ),
    ({"args": {"SIZE": "1"}}, "; write ARG SIZE there, or remove it"),
    ({"argz": {}}, f"{BUILD}.argz: is unknown; did you mean args?"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=[message[:60] for _, message in WRONG])
def test_a_wrong_build_is_one_line(project, monorepo, changes, message):
    project.service("mail", {**WORKER, "build": {**ABOVE, **changes}})
    assert message in project.fault()


def test_a_dockerfile_may_be_elsewhere_in_the_project_but_not_a_link_out_of_it(project, monorepo, tmp_path_factory):
    shutil.move(monorepo / "docker/app.Dockerfile", project.root / "libs/shared.Dockerfile")
    project.service("mail", {**WORKER, "build": {"dockerfile": "../../libs/shared.Dockerfile"}})
    assert source(project).recipe == (project.root / "libs/shared.Dockerfile").read_bytes()
    outside = tmp_path_factory.mktemp("outside") / "Dockerfile"
    shutil.move(project.root / "libs/shared.Dockerfile", outside)
    (project.root / "libs/shared.Dockerfile").symlink_to(outside)
    assert project.fault().startswith("libs/shared.Dockerfile: link: points outside the project; ")


@pytest.mark.parametrize("folder", ["cdk.out", ".local"])
def test_a_context_with_what_every_synth_rewrites_is_refused(project, monorepo, folder):
    write(project.root / folder / "manifest.json", "{}")
    write(project.root / OWN_IGNORE, "docs\n")
    assert f"{OWN_IGNORE}: file: lets in {folder}, which every synth rewrites; begin it with *" in project.fault()


def test_a_file_with_the_name_of_ours_is_refused(project, monorepo):
    write(project.root / OWN_IGNORE, f"*\n!{RECIPE}\n")
    write(project.root / RECIPE, "")
    assert project.fault() == f"{RECIPE}: file: has a name that is taken; rename it"


def test_a_dockerfile_with_added_lines_must_be_text(project):
    folder = project.service("mail", {**WORKER, "writable": ["/data"]})
    (folder / "Dockerfile").write_bytes(b"FROM scratch\n# \xff\n")
    assert project.fault() == "services/mail/Dockerfile: file: is not UTF-8; save it as UTF-8"


# --- no Dockerfile ----------------------------------------------------------------------------------------------------

MARKS = {
    "requirements.txt": "Python",
    "pyproject.toml": "Python",
    "go.mod": "Go",
    "pom.xml": "Java",
    "build.gradle": "Java",
    "Cargo.toml": "Rust",
    "Shop.csproj": ".NET",
    "Gemfile": "Ruby",
    "composer.json": "PHP",
    "package.json": "Node",
    "index.html": "Static pages",
    "public/index.html": "Static pages",
}


@pytest.mark.parametrize("mark", MARKS)
def test_without_a_dockerfile_the_line_names_the_language_and_where_one_to_paste_is(project, mark):
    write(only_manifest(project) / mark, "")
    [language] = [known for known in LANGUAGES if known.name == MARKS[mark]]
    assert project.fault() == (
        f"services/mail/Dockerfile: file: is missing, and {mark} says that this is {language.name}; "
        f"paste the one of docs/dockerfiles.md#{language.anchor}, or name an existing image with image: "
        "in services/mail/service.yaml"
    )


def test_without_anything_known_it_names_the_document(project):
    only_manifest(project)
    assert project.fault() == (
        "services/mail/Dockerfile: file: is missing; docs/dockerfiles.md has one for each language, "
        "or name an existing image with image: in services/mail/service.yaml"
    )


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_the_document_has_a_dockerfile_for_each_language(language):
    text = (ROOT / "docs/dockerfiles.md").read_text(encoding="utf-8")
    _, found, after = text.partition(f"\n## {language.name}\n")
    assert found
    own = after.partition("\n## ")[0]
    assert "ARG BASE_REGISTRY=public.ecr.aws/docker/library\n" in own
    final = own.rsplit("\nFROM ", 1)[1]
    assert "\nVOLUME /tmp\n" in final
    assert "\nUSER 65532:65532\n" in final
