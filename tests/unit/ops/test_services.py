"""When a service counts as up, and how failures are reported; ECS here is a stub that replays states."""

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from config.fields.network import Protocol
from ops.errors import OpsError
from ops.local import services
from ops.local.outcome import JobRun, Tasks
from ops.local.services import LOAD_BALANCER, Placement, Services
from tests.fakes import specs
from tests.fakes.aws import ENDPOINT, CloudFormation, Ecs, FakeTarget
from tests.fakes.engine import FakeEngine
from tests.fakes.specs import http, job

NEW, OLD = "arn:x:task-definition/app-web:2", "arn:x:task-definition/app-web:1"
SPEC = http(path="/").model_copy(update={"health_grace": 0})  # no patience: the clock here is a real one
PLACEMENT = Placement(SPEC, "app", NEW, "service-arn")


def deployment(status="PRIMARY", state="COMPLETED", running=1, pending=0):
    return {"status": status, "rolloutState": state, "runningCount": running, "pendingCount": pending}


def described(task_definition=NEW, running=1, desired=1, deployments=None):
    return {
        "taskDefinition": task_definition,
        "runningCount": running,
        "desiredCount": desired,
        "deployments": deployments or [deployment()],
    }


def failed(reason, *, at=100.0, code="TaskFailedToStart", exit_code=None):
    return {
        "taskDefinitionArn": NEW,
        "stopCode": code,
        "stoppedReason": reason,
        "createdAt": datetime.fromtimestamp(at, UTC),
        "containers": [{"name": "proxy", "exitCode": 143}, {"name": "hello", "exitCode": exit_code}],
        "lastStatus": "STOPPED",
    }


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(services, "POLL_SECONDS", 0)
    monkeypatch.setattr(services, "ROLLOUT_SECONDS", 0.3)


@pytest.fixture
def over(tmp_path):
    """Builds the services over a stub of ECS and an engine that may not answer."""
    fake = FakeEngine(tmp_path / "engine")

    def build(ecs, *, engine_answers=True, cloudformation=None):
        fake.answers("version", f"exit {0 if engine_answers else 1}")
        target = FakeTarget(ecs=ecs, cloudformation=cloudformation)
        return Services(target, SimpleNamespace(prefix="app"), SimpleNamespace(on=lambda _: (SPEC,)), fake.engine)

    return build


def test_a_service_is_up_once_its_rollout_is_over_and_the_new_version_runs(over):
    rolling = described(deployments=[deployment(state="IN_PROGRESS", running=0), deployment(status="ACTIVE")])
    draining = described(deployments=[deployment(), deployment(status="ACTIVE", running=1)])
    ecs = Ecs(rolling, draining, described(running=0), described())
    over(ecs).wait(PLACEMENT, since=0)
    assert ecs.states == [described()]


def test_a_rollback_is_reported_with_the_last_line_of_the_new_version(over):
    reason = (
        "ResourceInitializationError: unable to pull image or start container: container web exited with code 1: boom"
    )
    rolled_back = described(OLD, deployments=[deployment(status="ACTIVE", state="FAILED", running=0), deployment()])
    with pytest.raises(OpsError) as caught:
        over(Ecs(rolled_back, stopped=[failed("earlier", at=50), failed(reason)])).wait(PLACEMENT, since=0)
    assert caught.value.message.startswith(
        "web: the new version was rolled back: container web exited with code 1: boom; "
    )
    assert "the earlier version keeps running" in caught.value.message


def test_waiting_ends_early_if_a_first_version_keeps_failing(over):
    ecs = Ecs(described(running=0, deployments=[deployment(running=0)]), stopped=[failed("never healthy")] * 3)
    with pytest.raises(OpsError, match="web: its tasks do not start: never healthy"):
        over(ecs).wait(PLACEMENT, since=0)


def engine_says(words):
    address = "http+docker://localhost/v1.41/containers/create?name=ministack-ecs-1-web"
    start = "ResourceInitializationError: unable to pull image or start container: "
    return f'{start}500 Server Error for {address}: Internal Server Error ("{words}")'


def test_the_engines_message_is_shown_without_what_its_client_adds(over):
    ecs = Ecs(
        described(running=0, deployments=[deployment(running=0)]), stopped=[failed(engine_says("no such image"))] * 3
    )
    with pytest.raises(OpsError, match=r"web: its tasks do not start: no such image\. See"):
        over(ecs).wait(PLACEMENT, since=0)


def test_a_full_disk_of_the_engine_is_reported_at_the_first_failure(over):
    full = failed(engine_says("mkdir /overlay2/1-init: no space left on device"))
    ecs = Ecs(described(running=0, deployments=[deployment(running=0)]), stopped=[full])
    with pytest.raises(
        OpsError, match=r"^the container engine's disk is full and no container starts; free some space"
    ):
        over(ecs).wait(PLACEMENT, since=0)


def test_a_service_that_fills_its_own_space_is_not_taken_for_a_full_disk(over):
    own = [failed("container web exited with code 1: write /tmp/x: No space left on device")] * 3
    ecs = Ecs(described(running=0, deployments=[deployment(running=0)]), stopped=own)
    with pytest.raises(OpsError, match=r"^web: its tasks do not start: container web exited with code 1"):
        over(ecs).wait(PLACEMENT, since=0)


def test_failures_of_an_earlier_run_are_ignored(over):
    ecs = Ecs(described(running=0, deployments=[deployment(running=0)]), stopped=[failed("long ago", at=10)] * 3)
    with pytest.raises(OpsError, match=r"web: not running after 0\.3 s: no task has failed"):
        over(ecs).wait(PLACEMENT, since=20)


def test_an_engine_that_stops_during_the_wait_is_named(over):
    with pytest.raises(OpsError, match="the container engine stopped answering; start it"):
        over(Ecs(described(running=0)), engine_answers=False).wait(PLACEMENT, since=0)


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        (described(), None),
        (described(OLD), {"taskDefinition": NEW}),
        (described(OLD, deployments=[deployment(state="IN_PROGRESS")]), None),
        (described(desired=0, running=0), {"desiredCount": 1}),
    ],
    ids=["as it should be", "rolled back before", "under way", "stopped before"],
)
def test_the_state_after_an_earlier_failure_is_corrected(over, state, changes):
    ecs = Ecs(state)
    over(ecs).settle(PLACEMENT)
    assert ecs.updates == ([] if changes is None else [{"cluster": "app", "service": "service-arn", **changes}])


JOB = Placement(job(), "app", NEW, None)


def test_a_job_runs_once_per_version(over):
    ecs = Ecs(stopped=[failed("", code="EssentialContainerExited", exit_code=0)])
    over(ecs).run_job(JOB)
    assert ecs.started == 0


def test_a_job_that_fails_is_reported_with_its_exit_code(over):
    with pytest.raises(OpsError, match=r"hello: the job failed: exit code 3\. See `make logs SERVICE=hello`"):
        over(Ecs(stopped=[failed("it stopped", exit_code=3)])).run_job(JOB)


def test_a_job_that_ends_at_once_is_reported_in_its_own_words(over):
    said = (
        "ResourceInitializationError: unable to pull image or start container: container hello exited with code 3: no"
    )
    with pytest.raises(OpsError, match=r"hello: the job failed: container hello exited with code 3: no\. See"):
        over(Ecs(stopped=[failed(said, exit_code=None)])).run_job(JOB)


@pytest.mark.parametrize("code", [0, 7])
def test_a_job_that_its_sidecar_ends_has_failed_whatever_its_own_code(over, code):
    said = f"sidecar proxy exited with code {code}: no such host"
    with pytest.raises(OpsError, match=rf"hello: the job failed: {said}\. See"):
        over(Ecs(stopped=[failed(said, code="EssentialContainerExited", exit_code=code)])).run_job(JOB)


def test_a_refused_connection_is_no_answer():
    assert services.answer("http://127.0.0.1:9/x") == 0
    with pytest.raises(OpsError, match=r"web: runs, but http://127\.0\.0\.1:9/x does not answer"):
        services.wait_for_answer("http://127.0.0.1:9/x", "web", seconds=0.1)


def test_a_service_is_asked_by_the_host_that_it_answers_to():
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.headers["Host"], self.path))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/x"
    assert services.wait_for_answer(url, "shop", host=services.host_of(specs.http("shop", hosts=("a.com",)))) == 200
    assert services.wait_for_answer(url, "web", host=services.host_of(specs.http("web"))) == 200
    server.shutdown()
    assert asked == [("a.com", "/x"), (f"127.0.0.1:{server.server_port}", "/x")]


@pytest.mark.parametrize(
    ("spec", "url"),
    [
        (specs.http("web"), "http://b/web"),
        (specs.http("web", hosts=("*.a.com", "a.com")), "http://b/web"),
        (specs.http("web", hosts=("*.a.com",)), None),
        (specs.inner(), None),
        (specs.inner(health=None, protocol=Protocol.GRPC, path="/grpc"), None),
        (specs.worker(), None),
    ],
)
def test_only_what_this_machines_load_balancer_reaches_has_an_address(over, spec, url):
    assert over(Ecs()).url(spec, "http://b") == url


PARTS = [("AWS::ECS::TaskDefinition", NEW), ("AWS::ECS::Service", "service-arn")]


def test_a_services_parts_are_found_by_its_stack(over):
    found = over(Ecs(), cloudformation=CloudFormation(**{"app-Ecs-web": PARTS})).placements()
    assert found == [PLACEMENT]


def test_a_service_whose_stack_is_not_there_says_what_to_run(over):
    with pytest.raises(OpsError, match="web: its stack Ecs-web is not deployed; run `make up`"):
        over(Ecs(), cloudformation=CloudFormation()).placements()


def test_the_address_is_the_shared_load_balancers(over):
    balancers = [(LOAD_BALANCER, "arn:x:loadbalancer/app/name/1")]
    it = over(Ecs(), cloudformation=CloudFormation(**{"app-Ecs": balancers}))
    assert it.base_url() == f"{ENDPOINT}/_alb/name"


def test_an_outcome_holds_what_was_found(over):
    found = over(Ecs(described(running=1, desired=2), image="app/web:1")).outcome(PLACEMENT, "http://127.0.0.1:9")
    assert (found.found, found.image, found.healthy) == (Tasks(1, 2, "http://127.0.0.1:9/", 0), "app/web:1", False)


def test_a_job_that_has_not_run_is_healthy(over):
    found = over(Ecs()).outcome(JOB, "")
    assert (found.found, found.healthy) == (JobRun(ran=False, schedule="0 1 * * *"), True)
