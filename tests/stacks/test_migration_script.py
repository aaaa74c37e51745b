"""The functions that run before_deploy, with stand-ins for AWS."""

import io
import json
import sys
import urllib.request
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from stacks.migration_script import ON_ECS, ON_EKS

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

    def answer(aws, request="Update", script=ON_ECS, **more):
        told = []
        clock = iter(range(0, 100_000, 5))
        monkeypatch.setitem(sys.modules, "boto3", SimpleNamespace(client=lambda *_, **__: aws))
        monkeypatch.setattr(urllib.request, "urlopen", lambda asked, timeout: told.append(asked) or io.BytesIO())
        names = {}
        exec(compile(script, "index.py", "exec"), names)  # noqa: S102 - our own text
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


# --- on EKS ----------------------------------------------------------------------------------------------------------

JOB = {"metadata": {"name": "web", "namespace": "harbour"}}
ON_CLUSTER = {
    "Manifest": json.dumps([JOB]),
    "Namespace": "harbour",
    "ClusterName": "app",
    "Kubectl": "arn:kubectl",
    "Seconds": "60",
}


class Kubectl(Aws):
    """The handler that runs kubectl: it answers with one value after the other, the last one again and again."""

    def __init__(self, *values, refused="", words="", status="UPDATE_IN_PROGRESS"):
        super().__init__(status=status)
        self.values, self.refused, self.words = list(values), refused, words

    def invoke(self, FunctionName, Payload):  # noqa: N803
        assert FunctionName == "arn:kubectl"
        asked = json.loads(Payload)
        properties = asked["ResourceProperties"]
        self.calls.append((asked["ResourceType"], properties))
        if asked["ResourceType"].endswith("Resource"):
            return self._fault(self.refused) if self.refused else self._said(None)
        if properties["ObjectType"] == "pods":
            return self._said(self.words) if self.words else self._fault("Timeout waiting for output")
        value = self.values.pop(0) if len(self.values) > 1 else self.values[0]
        return self._said(value) if value else self._fault("Timeout waiting for output")

    def _said(self, value):
        said = None if value is None else {"Data": {"Value": value}}
        return {"Payload": io.BytesIO(json.dumps(said).encode())}

    def _fault(self, message):
        payload = json.dumps({"errorMessage": message}).encode()
        return {"FunctionError": "Unhandled", "Payload": io.BytesIO(payload)}


@pytest.fixture
def run_job(run):
    return lambda aws, **more: run(aws, **{"script": ON_EKS, "ResourceProperties": ON_CLUSTER, **more})


@pytest.mark.parametrize("ended", ["Complete: ", "SuccessCriteriaMet: Reached expected number of succeeded pods"])
def test_the_deployment_goes_on_after_a_job_is_complete(run_job, ended):
    kubectl = Kubectl("", ended)
    assert run_job(kubectl)["Status"] == "SUCCESS"
    kind, properties = kubectl.calls[0]
    assert kind == "Custom::AWSCDK-EKS-KubernetesResource"
    [job] = json.loads(properties["Manifest"])
    assert job["metadata"] == {"name": "web-r-1", "namespace": "harbour"}
    assert properties["Overwrite"] == "true"
    assert {asked["ObjectName"] for _, asked in kubectl.calls[1:]} == {"web-r-1"}


@pytest.mark.parametrize(
    ("ended", "words", "reason"),
    [
        ("Failed: Job has reached", "1: Traceback\n  x\nno such table\n", "ended with exit code 1: no such table"),
        ("FailureTarget: Job has reached", "3: ", "ended with exit code 3"),
        ("Failed: Job has reached\n", "", "failed: Failed: Job has reached"),
        ("Failed: Job was active longer than specified deadline", "", "did not end within 60 s"),
        ("", "", "did not end within 60 s"),
    ],
)
def test_any_other_end_of_a_job_stops_the_deployment(run_job, ended, words, reason):
    told = run_job(Kubectl(ended, words=words))
    assert (told["Status"], told["Reason"]) == ("FAILED", f"before_deploy {reason}")


def test_a_job_that_the_cluster_refuses_stops_the_deployment(run_job):
    assert run_job(Kubectl("", refused="forbidden"))["Reason"] == "before_deploy could not start: forbidden"


def test_a_rollback_creates_no_job(run_job):
    kubectl = Kubectl("", status="UPDATE_ROLLBACK_IN_PROGRESS")
    assert run_job(kubectl)["Status"] == "SUCCESS"
    assert kubectl.calls == []


def test_the_handler_is_called_as_cdk_calls_it(corners, run_job):
    """It is CDK's: an update of the library may change what it takes."""
    kubectl = Kubectl("Complete: ")
    run_job(kubectl)
    for kind, asked in kubectl.calls:
        own = corners.resources(kind)
        assert own, kind
        assert asked.keys() <= set().union(*(resource.properties for resource in own))
