"""When a service counts as up, and what is said when it does not come up; ECS here is a stub that tells a story."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from config.service import Kind
from ops.errors import OpsError
from ops.local import services
from ops.local.services import Placement, Services

NEW, OLD = "arn:x:task-definition/app-web:2", "arn:x:task-definition/app-web:1"
SPEC = SimpleNamespace(
    name="web", kind=Kind.HTTP, path="/", scaling=SimpleNamespace(min=1), schedule=None, health_grace=0
)
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
        "containers": [{"exitCode": exit_code}],
        "lastStatus": "STOPPED",
    }


class Ecs:
    """Answers describe_services with one state after the other, the last one for ever."""

    def __init__(self, *states, stopped=()):
        self.states = list(states)
        self.stopped = list(stopped)
        self.updates = []
        self.started = 0

    def describe_services(self, **_):
        return {"services": [self.states.pop(0) if len(self.states) > 1 else self.states[0]]}

    def list_tasks(self, **asked):
        return {"taskArns": ["t"] if asked["desiredStatus"] == "STOPPED" and self.stopped else []}

    def describe_tasks(self, *, tasks, **_):
        return {"tasks": self.stopped}

    def update_service(self, **changes):
        self.updates.append(changes)

    def run_task(self, **_):
        self.started += 1
        return {"tasks": [{"taskArn": "t"}]}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(services, "POLL_SECONDS", 0)
    monkeypatch.setattr(services, "ROLLOUT_SECONDS", 0.3)


def over(ecs, *, engine_answers=True):
    it = Services.__new__(Services)
    it._ecs = ecs
    it._engine = SimpleNamespace(run=lambda *_, **__: SimpleNamespace(ok=engine_answers))
    return it


def test_a_service_is_up_once_its_rollout_is_over_and_the_new_version_runs():
    rolling = described(deployments=[deployment(state="IN_PROGRESS", running=0), deployment(status="ACTIVE")])
    draining = described(deployments=[deployment(), deployment(status="ACTIVE", running=1)])
    ecs = Ecs(rolling, draining, described(running=0), described())
    over(ecs).wait(PLACEMENT, since=0)
    assert ecs.states == [described()]


def test_a_rollback_is_told_with_the_last_words_of_the_new_version():
    reason = (
        "ResourceInitializationError: unable to pull image or start container: container web exited with code 1: boom"
    )
    rolled_back = described(OLD, deployments=[deployment(status="ACTIVE", state="FAILED", running=0), deployment()])
    with pytest.raises(OpsError) as told:
        over(Ecs(rolled_back, stopped=[failed("earlier", at=50), failed(reason)])).wait(PLACEMENT, since=0)
    assert told.value.message.startswith(
        "web: the new version was rolled back: container web exited with code 1: boom; "
    )
    assert "the earlier version goes on running" in told.value.message


def test_a_first_version_that_keeps_failing_is_not_waited_for_to_the_end():
    ecs = Ecs(described(running=0, deployments=[deployment(running=0)]), stopped=[failed("never healthy")] * 3)
    with pytest.raises(OpsError, match="web: its tasks do not start: never healthy"):
        over(ecs).wait(PLACEMENT, since=0)


def engine_says(words):
    address = "http+docker://localhost/v1.41/containers/create?name=ministack-ecs-1-web"
    start = "ResourceInitializationError: unable to pull image or start container: "
    return f'{start}500 Server Error for {address}: Internal Server Error ("{words}")'


def test_the_engines_own_words_are_told_without_what_its_client_adds():
    ecs = Ecs(
        described(running=0, deployments=[deployment(running=0)]), stopped=[failed(engine_says("no such image"))] * 3
    )
    with pytest.raises(OpsError, match=r"web: its tasks do not start: no such image\. See"):
        over(ecs).wait(PLACEMENT, since=0)


def test_an_engine_whose_disk_is_full_is_told_at_the_first_failure():
    full = failed(engine_says("mkdir /overlay2/1-init: no space left on device"))
    ecs = Ecs(described(running=0, deployments=[deployment(running=0)]), stopped=[full])
    with pytest.raises(OpsError, match=r"^the container engine's disk is full, no container starts; free some space"):
        over(ecs).wait(PLACEMENT, since=0)


def test_a_service_that_fills_its_own_space_is_not_taken_for_a_full_engine():
    own = [failed("container web exited with code 1: write /tmp/x: No space left on device")] * 3
    ecs = Ecs(described(running=0, deployments=[deployment(running=0)]), stopped=own)
    with pytest.raises(OpsError, match=r"^web: its tasks do not start: container web exited with code 1"):
        over(ecs).wait(PLACEMENT, since=0)


def test_failures_of_an_earlier_run_are_old_news():
    ecs = Ecs(described(running=0, deployments=[deployment(running=0)]), stopped=[failed("long ago", at=10)] * 3)
    with pytest.raises(OpsError, match=r"web: not running after 0\.3 s: no task has failed"):
        over(ecs).wait(PLACEMENT, since=20)


def test_an_engine_that_stops_meanwhile_is_named():
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
def test_what_an_earlier_failure_left_is_put_right(state, changes):
    ecs = Ecs(state)
    over(ecs).settle(PLACEMENT)
    assert ecs.updates == ([] if changes is None else [{"cluster": "app", "service": "service-arn", **changes}])


JOB = Placement(SimpleNamespace(name="hello", kind=Kind.JOB), "app", NEW, None)


def test_a_job_runs_once_a_version():
    ecs = Ecs(stopped=[failed("", code="EssentialContainerExited", exit_code=0)])
    assert over(ecs).run_job(JOB) == "ran once, exit code 0"
    assert ecs.started == 0


def test_a_job_that_ends_with_another_code_is_told():
    with pytest.raises(OpsError, match="hello: the job ended with exit code 3: it stopped"):
        over(Ecs(stopped=[failed("it stopped", exit_code=3)])).run_job(JOB)


def test_nobody_answers_where_nobody_listens():
    assert services.answer("http://127.0.0.1:9/x") == 0
    with pytest.raises(OpsError, match=r"web: runs, but http://127\.0\.0\.1:9/x does not answer"):
        services.wait_for_answer("http://127.0.0.1:9/x", "web", seconds=0.1)
