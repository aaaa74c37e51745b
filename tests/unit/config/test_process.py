"""What runs in a container, as whom and where it may write: accepted values, and one line for each other one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.config.project import HTTP, WORKER

FILE = "services/tracking/service.yaml"

IMAGES = {
    "nginx": "names no registry; write docker.io/library/nginx:TAG, or the registry that has it",
    "x"
    * 500: "names no registry; write REGISTRY/NAME:TAG, e.g. public.ecr.aws/nginx/nginx:1.29, or the registry that has it",
    "nginx:1.29": "names no registry; write docker.io/library/nginx:TAG",
    "grafana/grafana:12": "names no registry; write docker.io/grafana/grafana:TAG",
    "ghcr.io/a/b": "has neither tag nor digest, which is another image tomorrow; write a version, e.g. ",
    "ghcr.io/a/b:latest": "has the tag latest, which is another image tomorrow; write a version, e.g. ",
    "localhost:5000/b": "has neither tag nor digest",
    "ghcr.io/a/b:": "has neither tag nor digest",
    "ghcr.io/A/b:1": "is 'ghcr.io/A/b:1', not the name of an image; write REGISTRY/NAME:TAG, e.g. ",
    "ghcr.io/a b:1": "not the name of an image",
    "ghcr.io/a/b:1@sha256:ab": "not the name of an image",
    "ghcr.io/a/b@md5:ab": "not the name of an image",
    "https://ghcr.io/a/b:1": "not the name of an image",
    "ghcr.io/a/${NAME}:1": "not the name of an image",
    "ghcr.io/a/b:1\nRUN x": "not the name of an image",
    "": "not the name of an image",
}


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_that_is_none_or_does_not_stay_the_same_is_refused(project, image):
    project.service("tracking", {**HTTP, "image": image})
    assert project.fault().startswith(f"{FILE}: image: ")
    assert IMAGES[image] in project.fault()


def without_build(project, manifest: dict[str, Any]) -> str:
    folder = project.service("tracking", manifest)
    (folder / "Dockerfile").unlink()
    (folder / ".dockerignore").unlink()
    return project.fault()


@pytest.mark.parametrize(
    "image",
    [
        "public.ecr.aws/nginx/nginx:1.29",
        "docker.io/library/redis:8.2-alpine",
        "localhost:5000/thing:1",
        "registry:5000/a__b/c---d:v1.0_x",
        f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/a@sha256:{'a' * 64}",
        f"ghcr.io/a/b:latest@sha256:{'0' * 64}",
    ],
)
def test_an_image_with_a_registry_and_a_digest_or_a_version_is_accepted(project, image):
    assert without_build(project, {**HTTP, "image": image}) == ""


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"image": "ghcr.io/a/b:1", "build": {"target": "x"}}, "build: is set beside image; keep one of the two"),
    ({"command": "npm start"}, "command: is 'npm start', not a list; write a list, e.g. command: [serve, "),
    ({"command": []}, "command: is an empty list; "),
    ({"command": [5]}, 'command[0]: is 5, not text; put it in quotes: "5"'),
    (
        {"command": ["a", "$(B)"]},
        "command[1]: contains $$ or $(, which Kubernetes would expand and ECS would not; put it into",
    ),
    ({"entrypoint": ["a$$b"]}, "entrypoint[0]: contains $$ or $("),
    ({"entrypoint": ["{{resolve:ssm:/x}}"]}, "entrypoint[0]: contains {{resolve:, which CloudFormation would replace"),
    ({"entrypoint": ["a\0"]}, "entrypoint[0]: contains a NUL character; write text"),
    ({"user": 0}, "user: is root; write the number of another one, e.g. 1000"),
    ({"user": "0:1000"}, "user: is root; "),
    ({"user": "1000:0"}, "user: is root's group; "),
    ({"user": "node"}, """user: is 'node', not a number; write the number of the user, e.g. 1000 or "1000:1000\""""),
    ({"user": -1}, "user: is -1, not a number; "),
    ({"user": "1000:"}, "user: is '1000:', not a number; "),
    ({"user": 2**31}, f"user: is {2**31}, out of range; write a number up to {2**31 - 1}"),
    ({"user": True}, "user: is "),
    ({"writable": "/data"}, "writable: is '/data', not a list; "),
    ({"writable": ["data"]}, "writable[0]: is 'data', not a folder's full path; write e.g. /var/cache/nginx"),
    ({"writable": ["/data/"]}, "writable[0]: is '/data/', not a folder's full path"),
    ({"writable": ["/a/../b"]}, "writable[0]: is '/a/../b', not a folder's full path"),
    ({"writable": ["/a b"]}, "writable[0]: is '/a b', not a folder's full path"),
    ({"writable": ["/"]}, "writable[0]: is '/', not a folder's full path"),
    ({"writable": ["/data", "/data"]}, "writable: lists '/data' twice; list each once"),
    ({"writable": ["/data/a", "/b", "/data"]}, "writable[2]: overlaps: /data/a is in /data; keep /data"),
    ({"writable": ["/tmp"]}, "writable[0]: is /tmp, and /tmp is always writable; remove it"),
    ({"writable": ["/tmp/x"]}, "writable[0]: is /tmp/x, and /tmp is always writable; remove it"),
    ({"writable": ["/var/run/app"]}, "writable[0]: is below a link in most images; write /run/app"),
    *(
        ({"writable": [folder]}, f"writable[0]: is {folder}, which belongs to the system; name the folder that")
        for folder in (
            "/proc",
            "/sys/fs",
            "/dev/shm",
            "/etc/nginx",
            "/usr",
            "/usr/bin",
            "/lib/x",
            "/var",
            "/mnt/secrets",
        )
    ),
    ({"tmp_size": 0}, "tmp_size: is 0, out of range; write a whole number from 1 to 204800"),
    ({"tmp_size": 20481}, "tmp_size: is 20481, more than storage (20 GiB); lower it, or raise storage"),
    ({"tmp_size": 40000, "storage": 30}, "tmp_size: is 40000, more than storage (30 GiB); "),
    ({"storage": 19}, "storage: is 19, out of range; write a whole number from 20 to 200"),
    ({"storage": 201}, "storage: is 201, out of range; "),
    (
        {"storage": 61},
        "storage: is 61, more than a node of eks gives one pod; write 60 or less, or set platforms: [ecs]",
    ),
    ({"init": "no"}, "init: is 'no', not true or false; write true or false, e.g. init: false"),
]


@pytest.mark.parametrize(("changes", "message"), FAULTS, ids=[message[:60] for _, message in FAULTS])
def test_a_wrong_value_is_one_line(project, changes, message):
    project.service("tracking", {**WORKER, **changes})
    text = project.fault()
    assert text.startswith(f"{FILE}: ")
    assert message in text


@pytest.mark.parametrize(
    "changes",
    [
        {"command": ["sh", "-c", "echo $HOME ${PORT}", ""], "entrypoint": ["/init"]},
        {"user": 1, "writable": ["/run", "/var/lib/app", "/.cache", "/home/app/.npm", "/usr/local/tomcat/temp"]},
        {"user": "1000:2000", "init": False},
        {"storage": 20, "tmp_size": 20480},
        {"storage": 200, "platforms": ["ecs"]},
    ],
)
def test_a_right_value_is_accepted(project, changes):
    assert project.spec({**WORKER, **changes}).name == "tracking"


@pytest.mark.parametrize(("user", "both"), [(1000, (1000, 1000)), ("1000", (1000, 1000)), ("1000:2000", (1000, 2000))])
def test_the_group_is_the_users_unless_it_is_named(project, user, both):
    assert project.spec({**WORKER, "user": user}).user_and_group == both


def test_the_default_user_has_no_name_in_any_image(project):
    assert project.spec(WORKER).user_and_group == (65532, 65532)
