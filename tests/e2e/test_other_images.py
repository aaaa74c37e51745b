"""Services that come as they are: an existing image, and a Dockerfile that copies a shared folder of a monorepo."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local import base_image
from ops.local import engine as engines
from tests.e2e.local import Local, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e-images")]

WRITES = "id > /var/cache/own/who; cat /opt/shared/words; exec sleep infinity"
# As the container's first process, `sleep` ignores SIGTERM: it is killed after stop_timeout.
WORKER = """\
kind: worker
description: Waits
platforms: [ecs]
cpu: 256
memory: 512
writable: [/var/cache/own]
stop_timeout: 2
"""
EXISTING = f"""{WORKER}
image: {base_image.name()}
entrypoint: [/bin/bash, -c]
command: ["id > /var/cache/own/who; exec sleep infinity"]
user: "1000:2000"
init: false
"""
MONOREPO = f"""{WORKER}
build: {{context: ../.., target: runtime, args: {{GREETING: hello}}}}
command: ["{WRITES}"]
"""
DOCKERFILE = """\
ARG BASE_REGISTRY
FROM ${BASE_REGISTRY}/debian:trixie-slim AS runtime
ARG GREETING
ENV GREETING=${GREETING}
COPY libs/shared /opt/shared
VOLUME /tmp
ENTRYPOINT ["/bin/bash", "-c"]

FROM runtime AS never
RUN false
"""
FILES = {
    "services/existing/service.yaml": EXISTING,
    "services/monorepo/service.yaml": MONOREPO,
    "services/monorepo/Dockerfile": DOCKERFILE,
    "services/monorepo/Dockerfile.dockerignore": "*\n!libs/shared\n",
    "libs/shared/words": "first words\n",
    "libs/other/words": "not copied\n",
}


@pytest.fixture(scope="module")
def local(root: Path, tmp_path_factory: pytest.TempPathFactory, engine: engines.Engine) -> Iterator[Local]:
    copy = Local.copy(root, tmp_path_factory.mktemp("e2e") / "project", engine)
    shutil.rmtree(copy.folder / "services")
    for name, text in FILES.items():
        (copy.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (copy.folder / name).write_text(text)
    yield copy
    copy.ops("down", "--images")


def inside(local: Local, service: str, *command: str) -> str:
    """What a command in a service's one container writes."""
    [container] = local.containers(service)
    return local.engine.run("exec", container, *command).out.strip()


def test_an_existing_image_runs_the_manifests_command_as_its_user(running):
    [name] = running.containers("existing")
    found = running.inspect(name)
    assert (found["Path"], found["Args"][0]) == ("/bin/bash", "-c")
    assert (found["Config"]["User"], found["HostConfig"].get("Init")) == ("1000:2000", None)
    # By its tag, or by its digest once it is pushed.
    assert re.split(r"@|:ecs-", found["Config"]["Image"])[0].endswith("/harbour-sandbox/existing")


@pytest.mark.parametrize(("service", "user"), [("existing", "uid=1000 gid=2000"), ("monorepo", "uid=65532 gid=65532")])
def test_a_writable_folder_belongs_to_the_user_and_the_rest_is_read_only(running, service, user):
    assert eventually(lambda: inside(running, service, "cat", "/var/cache/own/who")).startswith(user)
    assert inside(running, service, "sh", "-c", "touch /tmp/x && echo written") == "written"
    assert inside(running, service, "sh", "-c", "touch /var/cache/x || echo refused") == "refused"


def test_shared_code_reaches_the_image_and_changes_its_service_alone(running):
    assert inside(running, "monorepo", "cat", "/opt/shared/words") == "first words"
    assert inside(running, "monorepo", "sh", "-c", "echo $GREETING") == "hello"
    [before] = running.containers("existing")
    running.edit("libs/other/words", lambda text: f"{text}more\n")
    running.edit("libs/shared/words", lambda _: "second words\n")
    again = running.ops("up")
    assert again.code == 0, again.out + again.err
    assert "deployed Ecs-monorepo" in again.out
    assert "deployed Ecs-existing" not in again.out
    eventually(lambda: len(running.containers("monorepo")) == 1)  # the earlier version has drained
    assert inside(running, "monorepo", "cat", "/opt/shared/words") == "second words"
    assert running.containers("existing") == [before]
    assert "second words" in running.ops("logs", "monorepo").out
