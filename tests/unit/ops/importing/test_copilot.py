"""Copilot manifests: what becomes of each part."""

import pytest

from ops.errors import OpsError

WEB = """\
name: shop
type: Load Balanced Web Service
image:
  build: {dockerfile: docker/Dockerfile, target: run, context: ., args: {EDITION: small}}
  port: 8080
http:
  path: /
cpu: 512
memory: 1024
count: 2
"""
SSM = "/copilot/${COPILOT_APPLICATION_NAME}/${COPILOT_ENVIRONMENT_NAME}/secrets/KEY"


def with_part(part: str, text: str = WEB) -> str:
    return text + part


def test_a_web_service_is_http_with_its_build_port_path_and_size(imports):
    assert imports(WEB).only == {
        "kind": "http",
        "build": {
            "context": "../..",
            "dockerfile": "../../docker/Dockerfile",
            "target": "run",
            "args": {"EDITION": "small"},
        },
        "port": 8080,
        "path": "/",
        "health": "/",
        "cpu": 512,
        "memory": 1024,
        "scaling": {"min": 2, "max": 2},
    }


@pytest.mark.parametrize(
    ("kind", "more", "became"),
    [
        ("Backend Service", "  port: 9000\n", "http"),
        ("Backend Service", "", "worker"),
        ("Worker Service", "", "worker"),
        ("Scheduled Job", "on: {schedule: '@daily'}\n", "job"),
    ],
)
def test_each_type_has_a_kind(imports, kind, more, became):
    fields = imports(f"name: a\ntype: {kind}\nimage:\n  location: example.com/a:1\n{more}").only
    assert fields["kind"] == became
    assert fields["image"] == "example.com/a:1"
    assert "path" not in fields


@pytest.mark.parametrize(
    ("kind", "said"), [("Request-Driven Web Service", "App Runner"), ("Static Site", "no container")]
)
def test_types_without_a_place_here_are_refused_in_one_line(imports, kind, said):
    with pytest.raises(OpsError, match=said) as refused:
        imports(f"name: a\ntype: {kind}\n")
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("part", "became"),
    [
        ("command: celery -A app 'two words'\n", {"command": ["celery", "-A", "app", "two words"]}),
        ("entrypoint: [/run, --fast]\n", {"entrypoint": ["/run", "--fast"]}),
        (
            "variables: {A: yes, B: 012, C: 1.10, D: no}\n",
            {"environment": {"A": "yes", "B": "012", "C": "1.10", "D": "no"}},
        ),
        ("secrets: {KEY: /shop/key}\n", {"secrets": {"KEY": {"ssm": "/shop/key"}}}),
        (
            "secrets: {KEY: {secretsmanager: 'shop/db:password::'}}\n",
            {"secrets": {"KEY": {"secrets_manager": "shop/db", "key": "password"}}},
        ),
        (f"secrets: {{KEY: '{SSM}'}}\n", {"secrets": {"KEY": {"ssm": "/copilot/APP/ENV/secrets/KEY"}}}),
        ("storage: {ephemeral: 40, readonly_fs: true}\n", {"storage": 40}),
        ("storage: {volumes: {cache: {path: /cache}}}\n", {"writable": ["/cache"]}),
        (
            "taskdef_overrides: [{path: 'ContainerDefinitions[0].StopTimeout', value: 90}]\n",
            {"stop_timeout": 90},
        ),
        (
            "sidecars: {proxy: {image: 'example.com/envoy:1', essential: false, variables: {A: b}}}\n",
            {
                "sidecars": {
                    "proxy": {
                        "image": "example.com/envoy:1",
                        "cpu": 64,
                        "memory": 128,
                        "environment": {"A": "b"},
                        "essential": False,
                    }
                },
                "platforms": ["ecs"],
            },
        ),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_a_part_becomes_a_field(imports, part, became):
    fields = imports(with_part(part)).only
    assert {name: fields.get(name) for name in became} == became


@pytest.mark.parametrize(
    ("count", "scaling"),
    [
        ("{range: 1-4, cpu_percentage: 70}", {"min": 1, "max": 4, "cpu_target": 70}),
        ("{range: {min: 2, max: 5, spot_from: 3}, memory_percentage: 80}", {"min": 2, "max": 5, "memory_target": 80}),
        ("{range: 1-4, requests: {value: 500, cooldown: {in: 1m}}}", {"min": 1, "max": 4, "requests_target": 500}),
        (
            "{range: 1-4, cooldown: {in: 5m, out: 90s}, cpu_percentage: 50}",
            {"min": 1, "max": 4, "cpu_target": 50, "cooldowns": {"up": 90, "down": 300}},
        ),
        (
            "{range: 1-9, queue_delay: {acceptable_latency: 10m, msg_processing_time: 250ms}}",
            {"min": 1, "max": 9, "backlog_target": 600},
        ),
    ],
)
def test_count_becomes_scaling(imports, count, scaling):
    assert imports(WEB.replace("count: 2", f"count: {count}")).only["scaling"] == scaling


def test_a_target_that_is_no_percentage_here_is_the_nearest(imports):
    result = imports(WEB.replace("count: 2", "count: {range: 1-4, cpu_percentage: 99}"))
    assert result.only["scaling"]["cpu_target"] == 90
    assert "scaling: cpu_target was 99" in result.text


def test_a_build_beside_its_dockerfile_has_its_files_in_the_services_folder(imports):
    result = imports(
        WEB.replace(
            "{dockerfile: docker/Dockerfile, target: run, context: ., args: {EDITION: small}}", "api/Dockerfile"
        )
    )
    assert "build" not in result.only
    assert "# build: copy api to this folder" in result.text


def test_a_health_check_keeps_what_a_load_balancer_can_do(imports):
    part = "http:\n  path: /\n  healthcheck: {path: /up, success_codes: '200,301', interval: 3s, timeout: 9s, grace_period: 2m}\n"
    result = imports(WEB.replace("http:\n  path: /\n", part))
    assert result.only["health"] == {"path": "/up", "codes": "200,301", "interval": 10, "timeout": 9}
    assert result.only["health_grace"] == 120
    assert "health: interval was 3; it is 5 to 300 here" in result.text


def test_a_containers_check_is_a_workers_health_and_not_an_http_services(imports):
    check = "  healthcheck: {command: [CMD-SHELL, 'pgrep run'], interval: 20s, start_period: 5s}\n"
    worker = f"name: a\ntype: Backend Service\nimage:\n  location: example.com/a:1\n{check}"
    assert imports(worker).only["health"] == {"command": ["/bin/sh", "-c", "pgrep run"], "interval": 20, "start": 5}
    web = imports(WEB.replace("  port: 8080\n", f"  port: 8080\n{check}"))
    assert web.only["health"] == "/"
    assert "image.healthcheck: is a command" in web.text


def test_a_pattern_as_path_is_a_guess_that_says_so(imports):
    result = imports(WEB.replace("path: /", "path: 'api/task*'"))
    assert result.only["path"] == "/api/task"
    assert "# path: guessed: the file has api/task*" in result.text


def test_aliases_are_hosts(imports):
    names = "http:\n  path: /\n  alias: [a.example.com, {name: b.example.com, hosted_zone: Z1}]\n"
    assert imports(WEB.replace("http:\n  path: /\n", names)).only["hosts"] == ["a.example.com", "b.example.com"]


@pytest.mark.parametrize(
    ("schedule", "cron"),
    [
        ("@hourly", "0 * * * *"),
        ("@every 15m", "*/15 * * * *"),
        ("rate(2 hours)", "0 */2 * * *"),
        ("cron(0 6 ? * MON-FRI *)", "0 6 * * MON-FRI"),
        ("30 6 * * *", "30 6 * * *"),
        ("none", None),
        ("@every 7m", None),
    ],
)
def test_schedules_become_five_fields(imports, schedule, cron):
    job = f"name: a\ntype: Scheduled Job\nimage: {{location: 'example.com/a:1'}}\non: {{schedule: '{schedule}'}}\n"
    result = imports(job + "timeout: 1h30m\nretries: 3\n")
    assert result.only.get("schedule") == cron
    assert (result.only["timeout"], result.only["retries"]) == (5400, 3)
    assert ("on.schedule: is not a schedule" in result.text) == (schedule == "@every 7m")


def test_a_subscription_is_a_queue_and_says_who_sends(imports):
    worker = "name: a\ntype: Worker Service\nimage: {location: 'example.com/a:1'}\n"
    topics = "subscribe:\n  topics: [{name: orders, service: shop}]\n"
    result = imports(worker + topics + "  queue: {retention: 96h, timeout: 30s, dead_letter: {tries: 5}}\n")
    assert result.only["queue"] == {"retention_days": 4, "visibility_timeout": 30, "tries": 5}
    assert "write sends: [a] in shop, which published orders" in result.text


# --- environments ----------------------------------------------------------------------------------------------------


def test_overrides_hold_only_what_differs(imports):
    environments = """\
variables: {LEVEL: info, SAME: x}
environments:
  production:
    count: {range: 2-6, cpu_percentage: 60}
    variables: {LEVEL: warn}
    cpu: 512
"""
    assert imports(with_part(environments)).only["overrides"] == {
        "production": {"environment": {"LEVEL": "warn"}, "scaling": {"max": 6, "cpu_target": 60}}
    }


def test_other_names_of_environments_are_guessed_once_and_the_rest_is_a_comment(imports):
    result = imports(with_part("environments: {dev: {cpu: 1024, memory: 2048}, test: {count: 3}, prod: {count: 4}}\n"))
    assert result.only["overrides"] == {
        "sandbox": {"cpu": 1024, "memory": 2048},
        "production": {"scaling": {"min": 4, "max": 4}},
    }
    assert "# overrides: guessed: sandbox is what Copilot's environment dev was" in result.text
    assert "# Copilot's environment test, which this project does not have:" in result.text
    assert "environments.test: is no environment here; write config/environments/test.yaml" in result.text


# --- what is not carried over ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("exec: true\n", "exec: is of the whole environment here"),
        ("platform: linux/arm64\n", "platform: is of the whole environment here; write architecture:"),
        ("env_file: shop.env\n", "env_file: is a file of variables"),
        ("nlb: {port: 443/tls}\n", "nlb: is a network load balancer"),
        ("network: {vpc: {security_groups: [sg-1]}}\n", "network.vpc.security_groups: lets it reach"),
        ("storage: {volumes: {data: {path: /d, efs: true}}}\n", "storage.volumes.data: is a shared file system"),
        ("variables: {A: {from_cfn: x}}\n", "variables.A: comes from a CloudFormation stack"),
        ("variables: {A: '${HOST}'}\n", "variables.A: A is filled in from outside the file"),
        ("variables: {A: !Ref Thing}\n", "variables.A: A is filled in from outside the file"),
        ("variables: {AWS_REGION: eu-west-1}\n", "variables.AWS_REGION: is set by ECS"),
        (
            "secrets: {AWS_SECRET_ACCESS_KEY: /shop/key}\n",
            "secrets.AWS_SECRET_ACCESS_KEY: would replace the service's own role",
        ),
        ("deployment: {rolling: recreate}\n", "deployment.rolling: stops tasks"),
        ("publish: {topics: [{name: orders}]}\n", "publish: is a topic; write sends"),
        ("something_new: {a: 1}\n", "something_new: is not known here"),
    ],
)
def test_what_is_not_carried_over_is_a_comment_with_a_reason(imports, part, said):
    assert said in imports(with_part(part)).text


def test_what_is_so_here_anyway_counts_as_carried_over(imports):
    same = imports(
        with_part(
            "exec: false\nnetwork: {connect: true}\ndeployment: {rolling: default}\nstorage: {readonly_fs: true}\n"
        )
    )
    assert "Not carried over" not in same.text
    assert same.imported.count.lost == 0
