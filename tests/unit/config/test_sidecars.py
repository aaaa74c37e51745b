"""Rules of sidecars, and the copies of their images."""

from __future__ import annotations

from typing import Any

import pytest

from config.catalog import load_catalog
from config.image import ImageSource
from tests.unit.config.project import HTTP, JOB, WORKER, Project

FILE = "services/tracking/service.yaml"
DIGEST = f"@sha256:{'0' * 64}"
SIDECAR: dict[str, Any] = {"image": "public.ecr.aws/nginx/nginx:1.29", "cpu": 64, "memory": 128}
ECS_ONLY = {"platforms": ["ecs"]}


@pytest.fixture
def project(tmp_path):
    return Project.at(tmp_path)


def with_sidecar(base: dict[str, Any] = HTTP, /, name: str = "proxy", **changes: Any) -> dict[str, Any]:
    return {**base, "sidecars": {name: {**SIDECAR, **changes}}}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({**HTTP, "sidecars": []}, "sidecars: is a list, not a mapping; write a mapping, e.g. sidecars: {proxy: {image: "),
    (
        with_sidecar(name="Proxy"),
        "sidecars.Proxy: is not a sidecar's name of 1 to 40 characters; use lower-case letters",
    ),
    (with_sidecar(name="x" * 41), f"sidecars.{'x' * 41}: is not a sidecar's name of 1 to 40 characters; use "),
    (
        with_sidecar(name="ecs-agent"),
        "sidecars.ecs-agent: begins like the containers that AWS adds to a task; write another name",
    ),
    (with_sidecar(name="tracking"), "sidecars.tracking: is the service's own name; write another name"),
    (
        {**HTTP, "cpu": 1024, "memory": 2048, "sidecars": {f"s{n}": {**SIDECAR, "cpu": 16} for n in range(9)}},
        "sidecars: has 9, and a task has room for 8; start several programs in one",
    ),
    # the rules of image and writable, which services have too
    (
        with_sidecar(image="nginx"),
        "sidecars.proxy.image: names no registry; write docker.io/library/nginx:TAG, or the ",
    ),
    (
        with_sidecar(image="localhost:5000/nginx:latest"),
        "sidecars.proxy.image: has the tag latest, which is another image tomorrow; write a version, e.g. ",
    ),
    (with_sidecar(command="serve"), "sidecars.proxy.command: is 'serve', not a list; write a list, e.g. command: ["),
    (with_sidecar(command=[]), "sidecars.proxy.command: is an empty list; "),
    (
        with_sidecar(command=["sh", "-c", "echo $(date)"]),
        "sidecars.proxy.command[2]: contains $$ or $(, which Kubernetes would expand and ECS would not; ",
    ),
    (
        with_sidecar(environment={"AWS_PROFILE": "x"}),
        "sidecars.proxy.environment.AWS_PROFILE: would replace the service",
    ),
    (with_sidecar(environment={"A-B": "x"}), "sidecars.proxy.environment.A-B: is not a valid variable name; "),
    (
        with_sidecar(secrets=["KEY"]),
        "sidecars.proxy.secrets: names KEY, which is not a secret of the service; add it under secrets, or remove it",
    ),
    (with_sidecar(cpu=8), "sidecars.proxy.cpu: is 8, out of range; write a whole number from 16 to 16384"),
    (
        with_sidecar(cpu=200),
        "sidecars: take 200 of cpu 256, which leaves the service less than 64; lower theirs, or write cpu: 264 or more",
    ),
    (
        with_sidecar(memory=512),
        "sidecars: take 512 of memory 512, which leaves the service less than 64; lower theirs, or write memory: 576 or",
    ),
    (with_sidecar(health={}), "sidecars.proxy.health.command: is missing; write it, e.g. command: ["),
    (with_sidecar(starts="first"), "sidecars.proxy.starts: is 'first'; write one of before, after"),
    (with_sidecar(JOB, starts="after"), "sidecars.proxy.starts: is after, which a job cannot have; remove it"),
    (with_sidecar(user=0), "sidecars.proxy.user: is 0, out of range; write a whole number from 1 to 2147483647"),
    (with_sidecar(writable=["var"]), "sidecars.proxy.writable[0]: is 'var', not a folder's full path; write e.g. "),
    (with_sidecar(port=9000), "sidecars.proxy.port: is unknown; remove it or use one of command, cpu, "),
    (
        with_sidecar(essential=False),
        "sidecars.proxy.essential: is false, which eks, where this service also runs, does not know; remove it, or set "
        "platforms: [ecs]",
    ),
    (
        {**HTTP, "sidecar": {}},
        "sidecar: is not a key here; write sidecars: {proxy: {image: NAME:TAG, cpu: 64, memory: 128}}",
    ),
    (
        {**HTTP, "initContainers": []},
        "initContainers: is not a key here: nothing runs to its end before a container starts",
    ),
]


@pytest.mark.parametrize(("manifest", "message"), WRONG, ids=[message[:60] for _, message in WRONG])
def test_a_wrong_sidecar_is_one_line_with_file_field_and_remedy(project, manifest, message):
    project.service("tracking", manifest)
    assert project.fault().startswith(f"{FILE}: {message}")


RIGHT: list[dict[str, Any]] = [
    with_sidecar(WORKER),
    with_sidecar(JOB),
    with_sidecar(image="localhost:5000/a/b_c-d.e:1.2-alpine"),
    with_sidecar(image=f"docker.io/library/nginx{DIGEST}"),
    with_sidecar(image=f"docker.io/library/nginx:latest{DIGEST}"),
    with_sidecar(environment={"PORT": "9000", "SERVICE_NAME": "mine"}),
    with_sidecar({**HTTP, "secrets": {"KEY": {"ssm": "/quay/key"}}}, secrets=["KEY"]),
    with_sidecar({**HTTP, **ECS_ONLY}, essential=False),
    with_sidecar(WORKER, starts="after", health={"command": ["true"]}),
    with_sidecar(writable=["/var/cache/nginx", "/run", "/tmpfiles"]),
    with_sidecar(cpu=192, memory=448),
]


@pytest.mark.parametrize("manifest", RIGHT, ids=str)
def test_a_right_sidecar_is_accepted(project, manifest):
    assert project.spec(manifest).sidecars["proxy"].image


def test_an_override_replaces_one_sidecar_and_keeps_the_others(project):
    manifest = {
        **HTTP,
        "sidecars": {"proxy": dict(SIDECAR), "gauge": dict(SIDECAR)},
        "overrides": {"production": {"sidecars": {"gauge": {**SIDECAR, "cpu": 16}}}},
    }
    found = project.spec(manifest, environment="production").sidecars
    assert {name: sidecar.cpu for name, sidecar in found.items()} == {"proxy": 64, "gauge": 16}


def test_a_service_has_what_its_sidecars_leave(project):
    spec = project.spec(with_sidecar())
    assert (spec.own_cpu, spec.own_memory) == (192, 384)


# --- images -----------------------------------------------------------------------------------------------------------


def image(project: Project, architecture: str = "amd64", **changes: Any) -> ImageSource:
    """The source of the image of a sidecar of tracking."""
    project.service("tracking", {**HTTP, "sidecars": {"proxy": {**SIDECAR, **changes}}})
    settings = project.settings(architecture=architecture)
    return load_catalog(project.root, settings).sidecar_images["tracking"]["proxy"]


@pytest.mark.parametrize(
    "change",
    [
        {"image": "public.ecr.aws/nginx/nginx:1.30"},
        {"architecture": "arm64"},
        {"user": 1001, "writable": ["/run"]},
        {"writable": ["/var/cache/nginx"]},
    ],
)
def test_what_makes_another_image_gives_another_tag(project, change):
    assert image(project, **change).digest != image(project, writable=["/run"]).digest


def test_the_folder_in_the_assembly_holds_the_builders_files_and_nothing_else(project, tmp_path):
    source = image(project, user=1000, writable=["/run"])
    out = tmp_path / "out"
    for _ in range(2):  # the second run finds the first one's folder
        source.stage(out)
    assert [path.name for path in out.iterdir()] == [source.staged_name]
    dockerfile = out / source.staged_name / (source.staged_dockerfile or "")
    assert dockerfile.read_text().splitlines()[-3:] == [
        "COPY --from=container-services-folders --chown=0:0 --chmod=1777 /0/ /",
        "COPY --from=container-services-folders --chown=1000:1000 --chmod=0755 /1/ /",
        'VOLUME ["/tmp", "/run"]',
    ]


def test_each_sidecar_has_an_image_under_a_name_of_its_own(project):
    project.service("tracking", {**HTTP, "sidecars": {"proxy": dict(SIDECAR), "gauge": dict(SIDECAR)}})
    images = load_catalog(project.root, project.settings()).sidecar_images["tracking"]
    assert {name: source.digest.rpartition(".")[0] for name, source in images.items()} == {
        "proxy": "sidecar.proxy",
        "gauge": "sidecar.gauge",
    }
