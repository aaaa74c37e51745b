"""A service that `python -m ops new` made, as production runs it."""

from __future__ import annotations

import json

import pytest

from config.service import Kind
from ops.new import create
from tests.contract.harness import build_folder, docker, run, wait_http, wait_until

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("engine")]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """Make and build a service of a kind, once."""
    root = tmp_path_factory.mktemp("project")
    (root / "services").mkdir()
    built: dict[Kind, str] = {}

    def make(kind: Kind) -> str:
        if kind not in built:
            create(root, f"new-{kind.value}", kind)
            built[kind] = build_folder(
                root / "services" / f"new-{kind.value}", f"harbour-test/new-{kind.value}:contract"
            )
        return built[kind]

    return make


@pytest.mark.parametrize("kind", Kind)
def test_its_image_is_like_those_of_the_samples(image, kind):
    config = json.loads(docker("image", "inspect", image(kind)).stdout)[0]["Config"]
    assert config["User"] == "65532:65532"
    assert list(config["Volumes"]) == ["/tmp"]
    assert config["Entrypoint"][0] == "python3"
    assert config["Healthcheck"]["Test"][0] in {"CMD", "NONE"}
    assert {f"org.opencontainers.image.{name}" for name in ("title", "description", "version", "licenses")} <= {
        *config["Labels"]
    }


def test_the_http_service_answers_under_its_prefix_and_leaves_with_0(image):
    environment = {"BASE_PATH": "/new-http", "DRAIN_SECONDS": "0", "DEPLOY_ENVIRONMENT": "test"}
    with run(image(Kind.HTTP), env=environment, ports=(8080,)) as service:
        answer = wait_http(service.url(8080, "/new-http"))
        assert answer.json() == {"service": "new-http", "environment": "test"}
        wait_until(lambda: service.health() == "healthy", "the image's own check passes")
        assert service.stop() == 0
        assert [line["message"] for line in service.json_logs()] == ["listening", "request", "stopping", "stopped"]


def test_the_worker_works_and_leaves_with_0(image):
    with run(image(Kind.WORKER)) as worker:
        wait_until(lambda: "worked" in worker.logs(), "it has worked")
        assert worker.stop() == 0
        assert worker.json_logs()[-1] == {"message": "stopped"}


def test_the_job_works_and_ends_with_0(image):
    with run(image(Kind.JOB), network="none") as job:
        assert job.wait() == 0
        assert job.json_logs() == [{"message": "worked", "environment": "local"}]
