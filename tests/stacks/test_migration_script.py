"""The function that runs before_deploy on ECS, with stand-ins for AWS."""

import io
import json
import sys
import urllib.request
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from stacks.ecs.migration_script import MIGRATION_SCRIPT

TASK = "arn:aws:ecs:eu-west-1:1:task/app/0123"
WANTED = {"cluster": "app", "taskDefinition": "arn:definition:2"}
PROPERTIES = {
    "Task": json.dumps(WANTED),
    "Container": "web",
    "Seconds": "60",
    "LogGroup": "logs",
    "StreamPrefix": "ecs",
}


class Aws:
    """ECS, CloudFormation and CloudWatch Logs in one; `calls` are those that change something.

    Attributes:
        starts: what RunTask answers, the last one again and again.
        states: what DescribeTasks answers, likewise.
    """

    def __init__(self, *states, status="UPDATE_IN_PROGRESS", starts=(), line="no such table"):
        self.states, self.starts = list(states), list(starts) or [{"tasks": [{"taskArn": TASK}]}]
        self.status, self.line, self.calls, self.streams = status, line, [], []

    def describe_stacks(self, StackName):  # noqa: N803
        assert StackName == "stack"
        return {"Stacks": [{"StackStatus": self.status}]}

    def run_task(self, **asked):
        self.calls.append(asked)
        answer = self.starts.pop(0) if len(self.starts) > 1 else self.starts[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def describe_tasks(self, cluster, tasks):
        assert (cluster, tasks) == ("app", [TASK])
        return {"tasks": [self.states.pop(0) if len(self.states) > 1 else self.states[0]]}

    def stop_task(self, **asked):
        self.calls.append(asked)

    def get_log_events(self, logStreamName, **_):  # noqa: N803
        self.streams.append(logStreamName)
        if self.line is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetLogEvents")
        return {"events": [{"message": self.line}]}


def stopped(code=None, **more):
    return {
        "taskArn": TASK,
        "lastStatus": "STOPPED",
        "containers": [
            {"name": "proxy", "exitCode": 0},
            {"name": "web", **({} if code is None else {"exitCode": code})},
        ],
        **more,
    }


RUNNING = {"taskArn": TASK, "lastStatus": "RUNNING", "containers": []}


@pytest.fixture
def run(monkeypatch):
    """Runs the function for a request; returns what CloudFormation is told."""

    def answer(aws, request="Update", **more):
        told = []
        clock = iter(range(0, 100_000, 5))
        monkeypatch.setitem(sys.modules, "boto3", SimpleNamespace(client=lambda _: aws))
        monkeypatch.setattr(urllib.request, "urlopen", lambda asked, timeout: told.append(asked) or io.BytesIO())
        names = {}
        exec(compile(MIGRATION_SCRIPT, "index.py", "exec"), names)  # noqa: S102 - our own text
        names["time"] = SimpleNamespace(time=lambda: next(clock), sleep=lambda _: None)
        event = {
            "RequestType": request,
            "RequestId": "r-1",
            "StackId": "stack",
            "LogicalResourceId": "Run",
            "ResponseURL": "https://answer.example",
            "ResourceProperties": PROPERTIES,
            **more,
        }
        names["handler"](event, None)
        [asked] = told
        assert (asked.method, asked.full_url, asked.headers) == ("PUT", "https://answer.example", {"Content-type": ""})
        return json.loads(asked.data)

    return answer


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_the_deployment_goes_on_after_exit_code_0(run, request_type):
    aws = Aws(RUNNING, stopped(0))
    told = run(aws, request_type)
    assert told["Status"] == "SUCCESS"
    assert {key: told[key] for key in ("StackId", "RequestId", "LogicalResourceId")} == {
        "StackId": "stack",
        "RequestId": "r-1",
        "LogicalResourceId": "Run",
    }
    assert aws.calls == [{**WANTED, "clientToken": "r-1"}]


def test_the_resource_stays_the_same_one(run):
    """Another physical id would make CloudFormation delete the one before."""
    assert run(Aws(stopped(0)), "Create")["PhysicalResourceId"] == "Run"
    assert run(Aws(stopped(0)), PhysicalResourceId="earlier")["PhysicalResourceId"] == "earlier"


@pytest.mark.parametrize(
    ("task", "line", "reason"),
    [
        (stopped(3), "no such table", "before_deploy ended with exit code 3: no such table"),
        (stopped(137), None, "before_deploy ended with exit code 137"),
        (
            stopped(stoppedReason="CannotPullContainerError: no"),
            None,
            "before_deploy failed: CannotPullContainerError: no",
        ),
    ],
)
def test_any_other_end_stops_the_deployment_and_says_why(run, task, line, reason):
    aws = Aws(task, line=line)
    told = run(aws)
    assert (told["Status"], told["Reason"]) == ("FAILED", reason)
    assert aws.streams == ["ecs/web/0123"]


def test_a_command_that_takes_too_long_is_stopped(run):
    aws = Aws(RUNNING, line="row 1 of 9")
    assert run(aws)["Reason"] == "before_deploy did not end within 60 s: row 1 of 9"
    assert aws.calls[-1]["task"] == TASK


def test_a_start_that_fails_is_tried_again_as_the_same_one(run):
    unknown = ClientError({"Error": {"Code": "AccessDeniedException"}}, "RunTask")
    full = {"tasks": [], "failures": [{"reason": "Capacity is unavailable"}]}
    aws = Aws(stopped(0), starts=[unknown, full, {"tasks": [{"taskArn": TASK}]}])
    assert run(aws)["Status"] == "SUCCESS"
    assert [call["clientToken"] for call in aws.calls] == ["r-1"] * 3
    told = run(Aws(stopped(0), starts=[full]))
    assert (told["Status"], told["Reason"]) == ("FAILED", "before_deploy could not start: Capacity is unavailable")


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"])
def test_a_rollback_runs_nothing(run, status):
    aws = Aws(status=status)
    assert run(aws)["Status"] == "SUCCESS"
    assert aws.calls == []


def test_removal_runs_nothing(run):
    aws = Aws()
    assert run(aws, "Delete")["Status"] == "SUCCESS"
    assert aws.calls == []


def test_a_fault_of_its_own_is_answered_too(run):
    """Without an answer, CloudFormation would wait."""
    told = run(Aws(stopped(0)), ResourceProperties={})
    assert (told["Status"], told["Reason"]) == ("FAILED", "before_deploy: 'Task'")
