"""What every service's image must have, seen from outside; a new folder under services/ is tested too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contract.harness import ROOT, build, docker

SERVICES = sorted(file.parent.name for file in (ROOT / "services").glob("*/Dockerfile"))
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("engine")]


@pytest.fixture(params=SERVICES)
def service(request) -> str:
    return request.param


@pytest.fixture
def config(service) -> dict:
    """The image's configuration, from the engine."""
    return json.loads(docker("image", "inspect", build(service)).stdout)[0]["Config"]


def in_image(service: str, command: str) -> str:
    """What a shell command prints in the image, run as root so that it sees all files."""
    return docker(
        "run", "--rm", "--network=none", "--user=0", "--entrypoint=/bin/sh", build(service), "-c", command
    ).stdout


def test_the_user_is_a_number_and_not_root(config):
    assert config["User"] == "65532:65532"


def test_the_entrypoint_is_in_exec_form(config):
    """A shell would get SIGTERM and not forward it."""
    assert config["Entrypoint"]
    assert config["Entrypoint"][0] not in {"/bin/sh", "sh", "/bin/bash", "bash"}


def test_tmp_is_a_volume_that_every_user_may_write_to(service, config):
    assert "/tmp" in config["Volumes"]
    assert in_image(service, "stat -c %a:%u /tmp").strip() == "1777:0"


def test_it_has_labels_that_identify_it(service, config):
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == service
    for name in ("description", "version", "licenses"):
        assert labels[f"org.opencontainers.image.{name}"]


def test_health_is_checked_without_a_shell_or_is_switched_off(config):
    assert config["Healthcheck"]["Test"][0] in {"CMD", "NONE"}


def test_it_starts_from_the_one_base(service):
    layers = [
        json.loads(docker("image", "inspect", image).stdout)[0]["RootFS"]["Layers"]
        for image in (build(service), "public.ecr.aws/docker/library/debian:trixie-slim")
    ]
    assert layers[0][: len(layers[1])] == layers[1]


def test_it_brings_no_compiler_package_manager_cache_or_test(service):
    found = in_image(
        service,
        "ls /usr/bin/gcc /usr/bin/cc /usr/bin/javac /usr/bin/pip /usr/bin/pip3 /usr/bin/curl 2>/dev/null;"
        "find /var/lib/apt/lists /var/cache/apt -type f -size +0;"
        "find / -xdev -type d '(' -name tests -o -name __pycache__ ')' -path '*tests*' -not -path '/proc/*'",
    )
    assert found.split() == []


def test_no_file_of_it_can_be_written_by_its_user(service):
    """A read-only root prevents it too, but an image should not need that."""
    found = in_image(service, "find / -xdev -type f '(' -uid 65532 -o -perm -o+w ')' -not -path '/proc/*'")
    assert found.split() == []


def test_what_is_not_code_changes_no_layer(service, tmp_path):
    """.dockerignore excludes README, tests and caches, so they change neither image nor asset hash."""
    copy = tmp_path / service
    _copy(ROOT / "services" / service, copy)
    before = docker("build", "--quiet", str(copy)).stdout
    (copy / "README.md").write_text("changed")
    (copy / "tests").mkdir(exist_ok=True)
    (copy / "tests" / "test_more.py").write_text("changed")
    (copy / "service.yaml").write_text("changed")
    (copy / ".cache").write_text("changed")
    assert docker("build", "--quiet", str(copy)).stdout == before


def _copy(source: Path, target: Path) -> None:
    import shutil

    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
