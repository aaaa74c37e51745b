"""`make logs` shows what services wrote, while they run and once they are gone, and says where there is nothing."""

import io
import threading
from types import SimpleNamespace

import pytest

from ops.errors import OpsError
from ops.local import kept_lines
from ops.local.kept_lines import Copied, KeptLines
from ops.local.logs import LOG_GROUP, logs
from ops.say import Say
from tests.fakes.aws import CloudFormation, FakeTarget
from tests.fakes.project import FakeProject
from tests.fakes.specs import http, job, worker


class Events:
    """CloudWatch Logs that hold these messages by log group, the newest first."""

    def __init__(self, **messages):
        self._messages = messages
        self.streams = {}  # by message

    def get_paginator(self, _):
        return SimpleNamespace(paginate=lambda logGroupName, startTime: [{"events": self._of(logGroupName, startTime)}])  # noqa: N803

    def _of(self, group, since):
        events = [
            {"timestamp": at, "message": text, "logStreamName": self.streams.get(text, "")}
            for at, text in enumerate(self._messages.get(group, ()))
        ]
        return [event for event in reversed(events) if event["timestamp"] >= since]


@pytest.fixture
def project(tmp_path):
    def build(*specs, up=True, **messages):
        stacks = {f"harbour-sandbox-Ecs-{spec.name}": [(LOG_GROUP, spec.name)] for spec in specs}
        target = FakeTarget(cloudformation=CloudFormation(**stacks), logs=Events(**messages))
        return FakeProject(tmp_path, target, *specs, up=up)

    return build


def printed(project, service=None):
    say = Say(io.StringIO())
    logs(project, say, service=service, follow=False)
    return say.out.getvalue().splitlines()


def kept(project):
    return KeptLines(project.workspace.service_logs)


def test_lines_come_in_their_order_with_the_services_name(project):
    of_two = project(worker("mailer"), http("web"), mailer=["first\n", "second\n"], web=["GET /\n"])
    assert printed(of_two) == ["mailer  first", "mailer  second", "web     GET /"]
    assert printed(of_two, "web") == ["web  GET /"]


def test_a_function_of_the_stack_is_not_the_service(project):
    of_one = project(worker("mailer"), mailer=["sorts\n"], function=["START RequestId\n"])
    stacks = of_one.target.cloudformation.resources
    stacks["harbour-sandbox-Ecs-mailer"].append((LOG_GROUP, "function", "BeforeDeployLogGroup"))
    assert printed(of_one) == ["mailer  sorts"]


def test_a_service_that_wrote_nothing_yet_says_so(project):
    assert printed(project(job("hello"), http("web"), web=["x"])) == ["hello wrote nothing yet", "web    x"]


SIDECARS = {"proxy": {"image": "x/proxy:1", "cpu": 64, "memory": 64}}


def test_lines_of_a_sidecar_carry_its_name_too_while_it_runs_and_once_it_is_gone(project):
    web = http("web", sidecars=SIDECARS)
    of_two = project(web, web=["listens\n", "GET /\n"])
    of_two.target.logs.streams = {"listens\n": "ecs/proxy/1", "GET /\n": "ecs/web/1"}
    assert printed(of_two) == ["web/proxy  listens", "web        GET /"]
    gone = project(web, up=False)
    kept(gone).append("web", b"GET /\n")
    kept(gone).append("web.proxy", b"listens\n")
    assert printed(gone)[1:] == ["web        GET /", "web/proxy  listens"]


def test_following_goes_on_with_what_is_new(project, monkeypatch):
    messages = ["first"]
    say = Say(io.StringIO())

    def wait(_):
        if len(messages) == 3:
            raise KeyboardInterrupt
        messages.append(f"after {len(messages)}")

    monkeypatch.setattr("ops.local.logs.time.sleep", wait)
    with pytest.raises(KeyboardInterrupt):
        logs(project(http("web"), web=messages), say, service="web", follow=True)
    assert say.out.getvalue().splitlines() == ["web  first", "web  after 1", "web  after 2"]


def test_once_the_deployment_is_gone_the_last_lines_of_each_service_are_shown(project):
    down = project(job("hello"), http("web"), up=False)
    kept(down).append("web", b"broken on purpose\n")
    kept(down).append("gone", b"of a folder that is gone\n")
    said = "The local deployment is not up. What its services wrote last:"
    assert printed(down) == [said, "hello wrote nothing", "web    broken on purpose", "gone   of a folder that is gone"]
    assert printed(down, "web") == [said, "web  broken on purpose"]
    assert printed(down, "hello") == [said, "hello wrote nothing"]


def test_where_nothing_was_ever_up_the_way_there_is_said(project):
    with pytest.raises(OpsError, match="the local deployment is not up; run `make up`"):
        printed(project(http("web"), up=False))


@pytest.mark.parametrize("up", [True, False])
def test_the_logs_of_a_service_that_is_not_there_are_refused(project, up):
    of_one = project(worker("mailer"), up=up)
    kept(of_one).append("mailer", b"x\n")
    with pytest.raises(OpsError, match="SERVICE=web: there is no such service on ECS; write one of mailer") as told:
        printed(of_one, "web")
    assert told.value.exit_code == 2


def test_only_the_last_lines_are_kept_and_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_lines, "LIMIT", 100)
    monkeypatch.setattr(kept_lines, "SHOWN", 15)
    lines = KeptLines(tmp_path)
    for number in range(1000):
        lines.append("web", f"line {number}\n".encode())
    assert lines.last("web") == [f"line {number}" for number in range(985, 1000)]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 300
    lines.forget()
    assert lines.services() == lines.last("web") == []


def test_a_copied_container_gives_what_it_was_given_and_tells_when_all_was_read(tmp_path):
    container = SimpleNamespace(id="c", logs=lambda **_: iter([b"first\n", b"last\n"]))
    copied = Copied(container, "web", KeptLines(tmp_path))
    waiting = threading.Thread(target=copied.wait, args=(60,))
    waiting.start()
    assert list(copied.logs(stream=True)) == [b"first\n", b"last\n"]
    waiting.join(10)
    assert not waiting.is_alive()
    assert KeptLines(tmp_path).last("web") == ["first", "last"]
