"""The wrappers around the emulator's ECS, with an emulator and an engine that only record calls."""

import threading
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from ops.local import emulator_process, task_variables
from ops.local.emulator_process import Hooks
from ops.local.kept_lines import Copied, KeptLines
from ops.local.launcher import Launcher
from ops.local.mesh import Membership, Mesh
from tests.fakes.docker import Client, Container

CONTAINER = {"name": "quotes", "user": "65532", "secrets": [{"Name": "KEY", "ValueFrom": "arn"}]}
ARN = "arn:x:task/app/1"


@pytest.fixture
def hooks(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "000000000000")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(emulator_process, "DEREGISTRATION_SECONDS", 0)
    monkeypatch.setattr(emulator_process, "PROBE_SECONDS", 0.01)
    Mesh(
        {
            "quotes": Membership(("quotes",), ("tracking",)),
            "tracking": Membership(("tracking",), ()),
            "web": Membership(grace=1),
        }
    ).save(tmp_path / "mesh.json")
    removed, forwarded, stopped, cleaned = [], [], [], []
    engine = SimpleNamespace(containers=SimpleNamespace(list=lambda **_: []))
    ecs = SimpleNamespace(
        _build_run_kwargs=lambda *_: {
            "labels": {"a": "b"},
            "environment": {"X": "1", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x", "AWS_ENDPOINT_URL": "http://y"},
            "extra_hosts": {"host.docker.internal": "host-gateway"},
        },
        _run_docker_container=lambda client, container, options, **_: client.run("image", **options),
        _resolve_container_secrets=lambda container: {
            entry["name"]: entry["valueFrom"] for entry in container["secrets"]
        },
        secretsmanager=SimpleNamespace(resolve_secret_string=lambda *_, version_stage, version_id: None),
        _SecretResolutionError=ValueError,
        _remove_docker_container=lambda *_: removed.append(1),
        _start_awslogs_forwarder=lambda container, *rest: forwarded.append([*container.logs(stream=True)]),
        _mark_task_stopped=lambda arn, task, reason, *_, **__: stopped.append(reason),
        _cleanup_task_resources=lambda task, client: cleaned.append((task["_docker_ids"], client)),
        _get_docker=lambda: engine,
        _tasks={ARN: {"clusterArn": "arn:x:cluster/app", "group": "service:web"}},
        _services={},
        removed=removed,
        forwarded=forwarded,
    )
    kept = KeptLines(tmp_path / "kept")
    it = Hooks(
        ecs,
        SimpleNamespace(_tgs={}),
        mesh_file=tmp_path / "mesh.json",
        kept=kept,
        network="net",
        gateway="172.18.0.1",
    )
    it.install()
    return SimpleNamespace(hooks=it, ecs=ecs, kept=kept, stopped=stopped, cleaned=cleaned, engine=engine)


def test_an_emulator_without_a_wrapped_function_ends_at_once(tmp_path):
    with pytest.raises(SystemExit, match="has no _run_docker_container"):
        Hooks(SimpleNamespace(_build_run_kwargs=1, _resolve_container_secrets=1, _remove_docker_container=1,
                              _start_awslogs_forwarder=1, _mark_task_stopped=1, _cleanup_task_resources=1), None,
              mesh_file=tmp_path, kept=None, network="n", gateway="").install()  # fmt: skip


def test_the_container_gets_its_definition_and_the_emulators_credentials(hooks):
    options = hooks.ecs._build_run_kwargs(CONTAINER, {})
    assert options["user"] == "65532"
    assert options["labels"]["a"] == "b"
    assert options["extra_hosts"] == {"host.docker.internal": "172.18.0.1"}
    environment = options["environment"]
    assert environment["X"] == "1"
    assert environment["AWS_ENDPOINT_URL"] == "http://y"
    assert environment["AWS_ACCESS_KEY_ID"] == "000000000000"
    assert not [name for name in environment if name.startswith("AWS_CONTAINER_")]


def test_an_address_on_the_emulator_is_the_one_that_the_container_reaches(hooks, monkeypatch):
    """Some SDKs send to the host in a queue's address, whatever the endpoint is."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    given = {
        "NOTICES_QUEUE_URL": "http://localhost:4566/000000000000/q",
        "OWN": "http://localhost:45661/x",
        "TEXT": "see http://localhost:4566/",
        "ORDERS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/orders.fifo",
        "SITE": "https://sqs.eu-west-1.amazonaws.com.example.com/000000000000/orders",
        "AWS_ENDPOINT_URL": "http://host:4566",
    }
    assert task_variables.reachable(given) == {
        **given,
        "NOTICES_QUEUE_URL": "http://host:4566/000000000000/q",
        "ORDERS_QUEUE_URL": "http://host:4566/000000000000/orders.fifo",
    }


def test_secrets_in_cloudformations_spelling_are_resolved(hooks):
    assert hooks.ecs._resolve_container_secrets(CONTAINER) == {"KEY": "arn"}


def test_a_version_that_does_not_exist_fails_the_task_as_the_emulator_fails_it(hooks):
    pinned = {"Name": "KEY", "ValueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db::AWSPREVIOUS:"}
    with pytest.raises(hooks.ecs._SecretResolutionError, match="secret:db has no version AWSPREVIOUS"):
        hooks.ecs._resolve_container_secrets({**CONTAINER, "Secrets": [pinned]})


OPTIONS = {"labels": {"com.amazonaws.ecs.task-arn": ARN}}


def test_a_container_joins_what_it_calls_before_it_starts(hooks):
    log = []
    Launcher(Client(Container(log)), hooks.hooks, "quotes").run("image", detach=True)
    steps = [entry[0] for entry in log]
    assert steps == ["create", "connect", "start"]
    assert log[1] == ("connect", "net-tracking", "c", None)


def test_a_container_that_cannot_start_is_removed(hooks):
    container = Container([])
    container.start = lambda: (_ for _ in ()).throw(RuntimeError("no"))
    with pytest.raises(RuntimeError):
        Launcher(Client(container), hooks.hooks, "quotes").run("image", detach=True)
    assert container.log[-1] == ("remove",)


def test_a_name_is_given_once_the_task_is_healthy(hooks):
    container = Container([])
    hooks.ecs._run_docker_container(Client(container), {"name": "tracking"}, OPTIONS)
    assert container.log[-2:] == [("start",), ("connect", "net-tracking", "c", ["tracking"])]


def test_a_service_without_callers_gets_no_name(hooks):
    container = Container([])
    hooks.ecs._run_docker_container(Client(container), {"name": "web"}, OPTIONS)
    assert [entry[0] for entry in container.log] == ["create", "start"]


def test_a_task_of_no_service_neither_calls_by_name_nor_takes_the_name(hooks):
    """A migration of tracking would otherwise get the requests to it."""
    hooks.ecs._tasks[ARN]["group"] = "family:app-tracking"
    for name in ("tracking", "quotes"):
        container = Container([])
        hooks.ecs._run_docker_container(Client(container), {"name": name}, OPTIONS)
        assert [entry[0] for entry in container.log] == ["create", "start"]


WORKER = {"name": "web", "HealthCheck": {"Command": ["CMD", "alive"], "Interval": 5, "Timeout": 2, "Retries": 1}}


def test_a_worker_runs_once_its_command_says_so(hooks, monkeypatch):
    monkeypatch.setattr(emulator_process, "COMMAND_SECONDS", 0)
    container = Container([])
    hooks.ecs._run_docker_container(Client(container), WORKER, OPTIONS)
    assert [entry for entry in container.log if entry[0] == "exec"] == [("exec", "alive")] * 2


def test_a_worker_that_never_gets_healthy_fails_with_the_commands_last_line(hooks, monkeypatch):
    monkeypatch.setattr(emulator_process, "COMMAND_SECONDS", 0)
    container = Container([])
    container.exec_run = lambda _: (1, b"queue is away\n")
    brief = {**WORKER, "HealthCheck": {**WORKER["HealthCheck"], "Interval": 0.001, "Timeout": 0.001}}
    monkeypatch.setattr(emulator_process.container_options, "command_check", lambda _: (["alive"], 0.01))
    with pytest.raises(
        RuntimeError, match="web never passed its health check: it ended with exit code 1: queue is away"
    ):
        hooks.ecs._run_docker_container(Client(container), brief, OPTIONS)


def test_a_container_that_exits_fails_with_its_last_words(hooks):
    with pytest.raises(RuntimeError, match="container web exited with code 3: last words"):
        hooks.ecs._run_docker_container(Client(Container([], status="exited", code=3)), {"name": "web"}, OPTIONS)
    assert hooks.ecs.removed == [1]


@pytest.mark.parametrize("code", [0, 3])
def test_what_a_container_wrote_that_ends_at_once_is_forwarded_once_and_kept(hooks, code):
    container = Container([], status="exited", code=code)
    with nullcontext() if code == 0 else pytest.raises(RuntimeError):
        hooks.ecs._run_docker_container(Client(container), {"name": "web"}, OPTIONS)
    if code == 0:
        hooks.ecs._start_awslogs_forwarder(container, {"name": "web"}, "1")  # as the emulator does for one that runs
    assert hooks.ecs.forwarded == [[b"first\nlast words\n"]]
    assert hooks.kept.last("web") == ["first", "last words"]


def test_a_container_is_removed_after_all_it_wrote_was_read(hooks, monkeypatch):
    order = []
    monkeypatch.setattr(Copied, "wait", lambda *_: order.append(len(hooks.ecs.removed)))
    container = Container([])
    hooks.ecs._run_docker_container(Client(container), {"name": "web"}, OPTIONS)
    hooks.ecs._remove_docker_container(Client(container), container)
    hooks.ecs._remove_docker_container(Client(container), container)
    assert (order, hooks.ecs.removed) == ([0], [1, 1])


def test_a_job_may_end_at_once(hooks):
    hooks.ecs._run_docker_container(Client(Container([], status="exited", code=0)), {"name": "hello"}, OPTIONS)


@pytest.fixture
def answering():
    """A server on loopback that answers with a status that the test sets."""

    class Handler(BaseHTTPRequestHandler):
        status = 200

        def do_GET(self):
            self.send_response(Handler.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield SimpleNamespace(port=server.server_port, handler=Handler)
    server.shutdown()


def behind_balancer(hooks, port, codes="200-299"):
    hooks.hooks._alb._tgs["tg"] = {"HealthCheckPath": "/healthz", "Matcher": {"HttpCode": codes}}
    balancer = {"targetGroupArn": "tg", "containerPort": port, "containerName": "web"}
    hooks.ecs._services["app/web"] = {"loadBalancers": [balancer]}


def test_a_task_behind_a_load_balancer_runs_once_its_health_check_passes(hooks, answering):
    behind_balancer(hooks, answering.port)
    hooks.ecs._run_docker_container(Client(Container([])), {"name": "web"}, OPTIONS)
    answering.handler.status = 500
    with pytest.raises(RuntimeError, match="web never passed its health check on /healthz: it answered 500"):
        hooks.ecs._run_docker_container(Client(Container([])), {"name": "web"}, OPTIONS)


def test_a_task_that_no_load_balancer_checks_runs_once_it_passes_the_check_of_the_mesh(hooks, answering):
    def start():
        hooks.ecs._run_docker_container(Client(Container([])), {"name": "ledger"}, OPTIONS)

    def checked(health):
        Mesh({"ledger": Membership(("ledger",), (), 1, answering.port, health)}).save(hooks.hooks._mesh_file)

    checked("/healthz")
    start()
    answering.handler.status = 500
    with pytest.raises(RuntimeError, match="ledger never passed its health check on /healthz: it answered 500"):
        start()
    checked("")
    start()  # it takes connections, whatever it answers


def test_a_container_loses_its_name_and_gets_its_own_time_to_stop(hooks):
    container = Container([], networks=("net", "net-tracking"))
    hooks.ecs._remove_docker_container(Client(container), container)
    assert container.log == [("disconnect", "net-tracking", "c"), ("stop", 7)]
    assert hooks.ecs.removed == [1]


def test_a_container_that_has_ended_is_only_removed(hooks):
    container = Container([], status="exited")
    hooks.ecs._remove_docker_container(Client(container), container)
    assert container.log == []
    assert hooks.ecs.removed == [1]


# --- tasks of several containers --------------------------------------------------------------------------------------

OF_WEB = {"container-services.service": "web"}


def in_task(name, *, status="running", code=0, joined=True, health=None, **labels):
    """A container of the task of web."""
    container = Container([], status=status, code=code)
    container.id = container.name = name
    container.labels = {"com.amazonaws.ecs.container-name": name, **OF_WEB, **labels}
    if joined:
        container.attrs["NetworkSettings"]["Networks"] = {}
        container.attrs["HostConfig"] = {"NetworkMode": "container:first"}
    if health:
        container.attrs["State"]["Health"] = health
    return container


def client_of(container, first):
    client = Client(container)
    client.containers.get = lambda identity: {"first": first}[identity]
    return client


def run(hooks, container, first, **labels):
    options = {"labels": {**OPTIONS["labels"], **labels}, "network_mode": "container:first"}
    definition = {"name": container.name, "dockerLabels": OF_WEB}
    hooks.ecs._run_docker_container(client_of(container, first), definition, options)


def test_a_container_of_several_has_the_network_of_the_first(hooks):
    hooks.ecs._build_run_kwargs = hooks.hooks.build_run_kwargs(
        lambda *_: {"name": "ministack-ecs-1-web", "labels": {}, "environment": {}, "network": None, "extra_hosts": {}}
    )
    task = {"containerDefinitions": [{"name": "proxy"}, {"name": "web"}]}
    options = hooks.ecs._build_run_kwargs({"name": "web", "dockerLabels": OF_WEB}, task)
    assert options["network_mode"] == "container:ministack-ecs-1-proxy"
    assert not {"network", "extra_hosts"} & set(options)
    assert options["labels"]["container-services.service"] == "web"


def test_a_service_is_probed_at_the_address_of_its_task(hooks, answering):
    behind_balancer(hooks, answering.port)
    run(hooks, in_task("web"), in_task("first", joined=False))


def test_a_sidecar_that_ends_fails_the_start_in_its_own_words(hooks, answering):
    behind_balancer(hooks, answering.port)
    first = in_task("first", joined=False, status="exited", code=4)
    with pytest.raises(RuntimeError, match=r"^sidecar first exited with code 4: last words$"):
        run(hooks, in_task("web"), first)


def test_an_awaited_sidecar_is_started_once_it_is_healthy(hooks):
    first = in_task("first", joined=False)
    awaited = {"container-services.awaited": "true"}
    run(hooks, in_task("proxy", health={"Status": "healthy"}), first, **awaited)
    log = [{"Output": "connection refused\n"}]
    with pytest.raises(RuntimeError, match=r"^sidecar proxy never passed its health check: connection refused$"):
        run(hooks, in_task("proxy", health={"Status": "unhealthy", "Log": log}), first, **awaited)
    with pytest.raises(RuntimeError, match=r"^sidecar proxy exited with code 2: last words$"):
        run(hooks, in_task("proxy", status="exited", code=2), first, **awaited)


def test_a_sidecars_lines_are_kept_beside_its_services(hooks):
    run(hooks, in_task("proxy"), in_task("first", joined=False))
    assert hooks.kept.services() == ["web.proxy"]


def test_only_the_services_own_container_loses_its_name_when_it_stops(hooks):
    first = in_task("first", joined=False)
    first.attrs["NetworkSettings"]["Networks"]["net-tracking"] = {}
    own, sidecar = in_task("tracking"), in_task("proxy")
    own.labels["container-services.service"] = "tracking"
    for container in (own, sidecar):
        hooks.ecs._remove_docker_container(client_of(container, first), container)
    assert own.log[0] == ("disconnect", "net-tracking", "first")
    assert [entry[0] for entry in sidecar.log] == ["stop"]


def test_containers_stop_in_the_opposite_order_also_those_that_outlive_another(hooks):
    hooks.ecs._cleanup_task_resources({"_docker_ids": ["proxy", "web"]}, None)
    hooks.ecs._cleanup_task_resources({"_docker_ids": ["web"]}, None)
    assert hooks.cleaned == [(["web", "proxy"], hooks.engine), (["web"], None)]


def test_a_task_that_a_container_stopped_says_which_one_and_why(hooks):
    task = {"_docker_ids": ["proxy", "web"], "_container_essentials": [True, True]}
    hooks.engine.containers.list = lambda **_: [in_task("web"), in_task("proxy", status="exited", code=4)]
    hooks.ecs._mark_task_stopped(ARN, task, "Essential container exited", "EssentialContainerExited", exit_code=4)
    hooks.ecs._mark_task_stopped(
        ARN, {"_docker_ids": ["web"]}, "Essential container exited", "EssentialContainerExited"
    )
    assert hooks.stopped == ["sidecar proxy exited with code 4: last words", "Essential container exited"]


def test_the_wrapped_functions_exist_in_the_installed_emulator(hooks):
    module = pytest.importorskip("ministack.services.ecs")
    assert [name for name in hooks.hooks.wrappers if not callable(getattr(module, name, None))] == []
