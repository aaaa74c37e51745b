"""Compose files: what becomes of each service and each key."""

import pytest

SHOP = """\
services:
  web:
    build: ./web
    ports: ["8080:3000"]
    depends_on: [api, db]
    environment:
      API: http://api:4000
  api:
    image: example.com/api:1
    expose: ["4000"]
    environment: [LEVEL=info, DB_HOST=db]
    depends_on:
      db: {condition: service_healthy}
  mailer:
    image: example.com/mailer:1
    command: python -m mailer --from 'a b'
  db:
    image: postgres:17
    environment: {POSTGRES_PASSWORD: x}
volumes: {data: {}}
"""


def one(*lines: str) -> str:
    return "services:\n  a:\n    image: example.com/a:1\n" + "".join(f"    {line}\n" for line in lines)


def test_services_with_ports_are_http_others_workers_and_databases_are_none(imports):
    result = imports(SHOP)
    kinds = {name: fields["kind"] for name, fields in result.services.items()}
    assert kinds == {"web": "http", "api": "http", "mailer": "worker"}
    assert "not written: db (postgres:17): use Aurora or RDS for PostgreSQL" in result.imported.lines


def test_depends_on_is_who_may_call_whom(imports):
    services = imports(SHOP).services
    assert services["web"]["calls"] == ["api"]
    assert "calls" not in services["api"]


def test_only_the_service_that_looks_like_the_front_gets_a_path(imports):
    services = imports(SHOP).services
    assert services["web"]["path"] == "/"
    assert "path" not in services["api"]


def test_a_database_is_a_way_out_for_those_that_use_it(imports):
    result = imports(SHOP)
    assert result.services["api"]["egress"] == [{"name": "db", "port": 5432, "cidrs": ["10.0.0.0/16"]}]
    assert "environment: DB_HOST names db: write the address of the managed one" in result.text


def test_a_service_whose_address_others_have_listens(imports):
    text = one("environment: {BACK: 'http://b:9000/x'}") + "  b:\n    image: example.com/b:1\n"
    services = imports(text).services
    assert (services["b"]["kind"], services["b"]["port"]) == ("http", 9000)
    assert services["a"]["calls"] == ["b"]


def test_what_calls_sets_is_not_written_again(imports):
    text = (
        one("environment: {B_URL: 'http://b:9000', C: d}") + "  b:\n    image: example.com/b:1\n    expose: ['9000']\n"
    )
    result = imports(text)
    assert result.services["a"]["environment"] == {"C": "d"}
    assert "B_URL was http://b:9000; now calls sets it" in result.text


@pytest.mark.parametrize(
    ("line", "became"),
    [
        ("command: run --all 'a b'", {"command": ["run", "--all", "a b"]}),
        ("entrypoint: [/run, x]", {"entrypoint": ["/run", "x"]}),
        ("user: '1001:1001'", {"user": 1001}),
        ("init: true", {"init": True}),
        ("stop_grace_period: 1m30s", {"stop_timeout": 90}),
        ("tmpfs: /var/run:rw,noexec", {"writable": ["/run"]}),
        ("user: '1001:5'", {"user": "1001:5"}),
        ("build: {context: ., dockerfile: docker/a.Dockerfile}",
         {"build": {"context": "../..", "dockerfile": "../../docker/a.Dockerfile"}, "image": None}),
        ("tmpfs: [/tmp, /cache]", {"writable": ["/cache"]}),
        ("volumes: ['data:/data']", {"writable": ["/data"]}),
        ("volumes: [/scratch]", {"writable": ["/scratch"]}),
        ("scale: 3", {"scaling": {"min": 3, "max": 3}}),
        ("deploy: {replicas: 2, resources: {limits: {cpus: '0.5', memory: 1G}}}", {"cpu": 512, "memory": 1024}),
        ("mem_limit: 300m", {"cpu": 256, "memory": 512}),
        ("environment: [A=b=c, EMPTY=]", {"environment": {"A": "b=c", "EMPTY": ""}}),
        ("environment: {A: on, B: 0755}", {"environment": {"A": "on", "B": "0755"}}),
        ("environment: {A: '${UNSET:-here}', B: $$5}", {"environment": {"A": "here", "B": "$5"}}),
        ("ports: ['127.0.0.1:80:8000/tcp']", {"port": 8000}),
        ("ports: [{target: 8000, published: '80'}, '9100']", {"port": 8000, "private_port": 9100}),
        ("ports: [22:22, '8080']", {"port": 8080}),
        ("healthcheck: {test: ps x, interval: 20s, retries: 4}",
         {"health": {"command": ["/bin/sh", "-c", "ps x"], "interval": 20, "retries": 4}}),
        ("labels: ['traefik.http.services.a.loadbalancer.server.port=8000', 'traefik.http.routers.a.rule=Host(`a.example.com`)']",
         {"kind": "http", "port": 8000, "hosts": ["a.example.com"], "path": "/"}),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)  # fmt: skip
def test_a_key_becomes_a_field(imports, line, became):
    fields = imports(one(line)).only
    assert {name: fields.get(name) for name in became} == became


def test_a_check_that_asks_over_http_is_a_path(imports):
    check = "healthcheck: {test: [CMD, curl, -f, 'http://localhost:8000/up'], interval: 15s, timeout: 3s, start_period: 40s}"
    fields = imports(one("ports: ['8000']", check)).only
    assert fields["health"] == {"path": "/up", "interval": 15, "timeout": 3}
    assert fields["health_grace"] == 40


def test_a_build_keeps_its_target_and_arguments_and_names_its_folder(imports):
    build = "services:\n  a:\n    image: a-built\n    build: {context: ./src, target: run, args: [EDITION=small]}\n"
    result = imports(build)
    assert result.only["build"] == {"target": "run", "args": {"EDITION": "small"}}
    assert "image" not in result.only
    assert "# build: copy src to this folder, with a .dockerignore" in result.text


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("DB_PASSWORD", "hunter2", True),
        ("DATABASE", "postgres://u:p@db/x", True),
        ("API_KEY", "${API_KEY}", True),
        ("PASSWORD_FILE", "/run/secrets/p", False),
        ("SECRET_ROTATION", "true", False),
        ("TOKEN_SECONDS", "3600", False),
        ("LEVEL", "info", False),
    ],
)
def test_what_looks_like_a_secret_never_reaches_the_manifest(imports, name, value, secret):
    result = imports(one(f"environment: ['{name}={value}']"))
    assert (name in result.only.get("secrets", {})) == secret
    assert (value in result.text) == (not secret)


def test_the_env_file_beside_it_fills_in_what_it_names(imports, tmp_path):
    (tmp_path / ".env").write_text("# ports\nTAG=7\nPASSWORD='a'\n")
    fields = imports(
        "services:\n  a:\n    image: example.com/a:${TAG}\n    environment: ['PASSWORD=${PASSWORD}']\n"
    ).only
    assert fields["image"] == "example.com/a:7"
    assert fields["secrets"] == {"PASSWORD": {"secrets_manager": "a/PASSWORD"}}


@pytest.mark.parametrize(
    ("image", "written", "asks"),
    [
        ("example.com/a:1", "example.com/a:1", False),
        ("localhost:5000/a:1", "localhost:5000/a:1", False),
        ("nginx:1.29", "docker.io/library/nginx:1.29", False),
        ("org/a@sha256:" + "0" * 64, "docker.io/org/a@sha256:" + "0" * 64, False),
        ("org/a", "docker.io/org/a", True),
        ("org/a:latest", "docker.io/org/a:latest", True),
    ],
)
def test_an_image_gets_its_registry_and_is_asked_for_a_version(imports, image, written, asks):
    result = imports(f"services:\n  a:\n    image: {image}\n")
    assert result.only["image"] == written
    assert ("# image: write a version" in result.text) == asks


def test_anchors_and_merge_keys_are_followed(imports):
    text = "x-a: &a {restart: always, user: '5'}\nservices:\n  b:\n    <<: *a\n    image: example.com/b:1\n"
    assert imports(text).only["user"] == 5


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("privileged: true", "privileged: needs the machine"),
        ("cap_add: [NET_ADMIN]", "cap_add: gives privileges"),
        ("env_file: .env", "env_file: is a file of variables"),
        ("secrets: [key]", "secrets: is a file in the container"),
        ("volumes: ['./src:/app']", "volumes[0]: is a folder of one machine"),
        ("ports: ['80:80']", "ports[0]: is 80, and a container without privileges cannot listen below 1024"),
        ("ports: ['53:5353/udp']", "ports[0]: is UDP"),
        ("ports: ['3000-3005']", "ports[0]: is a range"),
        ("environment: [HOME_REGION]", "environment[0]: HOME_REGION is filled in from outside the file"),
        ("environment: {AWS_PROFILE: me}", "environment.AWS_PROFILE: would replace the service's own role"),
        ("volumes: ['conf:/etc/a']", "volumes[0]: /etc/a belongs to the system"),
        ("user: root", "user: is root or a name"),
        ("restart: 'no'", "restart: is no"),
        ("profiles: [dev]", "profiles: chooses services"),
        ("extends: {service: b}", "extends: is another file; run `docker compose config`"),
        ("networks: [front]", "networks: is a network of one machine"),
        ("depends_on: [elsewhere]", "depends_on[0]: is not in this file"),
        ("gpus: all", "gpus: is not known here"),
    ],
)
def test_what_is_not_carried_over_is_a_comment_with_a_reason(imports, line, said):
    assert f"services.a.{said}" in imports(one(line)).text


def test_names_that_a_service_cannot_have_become_the_nearest(imports):
    assert list(imports("services:\n  My_App.1:\n    image: example.com/a:1\n").services) == ["my-app-1"]
