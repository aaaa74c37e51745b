"""`python -m ops run`: a job's run is followed to its end, and its exit code is the command's."""

import io
import json
from types import SimpleNamespace

import pytest

from config.catalog import Catalog
from config.fields.sidecars import Sidecar
from config.settings import Platform
from ops import run as running
from ops.errors import OpsError
from ops.say import Say
from tests.fakes.aws import CloudFormation
from tests.fakes.specs import http, job

SETTINGS = SimpleNamespace(prefix="quay-sandbox", app="quay")
STACK = "quay-sandbox-Ecs-hello"
RUN_TASK = {"cluster": "quay-sandbox", "taskDefinition": "arn:definition:3"}
ECS_ONLY = {"platforms": (Platform.ECS,)}


class Aws:
    """ECS, Step Functions and CloudWatch Logs in one; `tasks` and `executions` are answered one after the other."""

    def __init__(self, *tasks, executions=(), failures=()):
        self.tasks, self.executions, self.failures = list(tasks), list(executions), list(failures)
        self.calls = []

    def run_task(self, **asked):
        self.calls.append(asked)
        return {"tasks": [] if self.failures else [{"taskArn": "arn:task/1"}], "failures": self.failures}

    def describe_tasks(self, **_):
        return {"tasks": [self.tasks.pop(0) if len(self.tasks) > 1 else self.tasks[0]]}

    def stop_task(self, **asked):
        self.calls.append(asked)

    def start_execution(self, **asked):
        self.calls.append(asked)
        return {"executionArn": "arn:execution"}

    def describe_execution(self, **_):
        return self.executions.pop(0)

    def get_paginator(self, _):
        events = [{"timestamp": at, "message": f"line {at}\n"} for at in range(30)]
        return SimpleNamespace(paginate=lambda **asked: [{"events": events if asked["logGroupName"] == "logs" else []}])


def container(name, code=None):
    return {"name": name, **({} if code is None else {"exitCode": code})}


def stopped(code=0, sidecars=(), **more):
    containers = [*(container(name, ended) for name, ended in dict(sidecars).items()), container("hello", code)]
    return {"lastStatus": "STOPPED", "containers": containers, **more}


RUNNING = {"lastStatus": "RUNNING", "containers": [container("hello")]}
PROXY = {"proxy": Sidecar(image="public.ecr.aws/nginx/nginx:1.29", cpu=64, memory=128)}


@pytest.fixture
def run(monkeypatch):
    """Runs the job; returns whether it succeeded, and what was printed."""
    monkeypatch.setattr(running, "POLL_SECONDS", 0)

    def started(aws, name="hello", *, specs=None, outputs=None, **more):
        cloudformation = CloudFormation()
        if outputs is not False:  # else a stack of an earlier version
            known = {"JobRunTask1A": json.dumps(RUN_TASK), "JobLogGroupName2B": "logs", **(outputs or {})}
            cloudformation.status[STACK] = "CREATE_COMPLETE"
            cloudformation.outputs = {(STACK, key): value for key, value in known.items()}
        cloudformation.describe_stacks = lambda StackName: {  # noqa: N803
            "Stacks": [
                {"Outputs": [{"OutputKey": k, "OutputValue": v} for (_, k), v in cloudformation.outputs.items()]}
            ]
        }
        spec = running.job_named(name, Catalog(tuple(specs or (job("hello", **ECS_ONLY), http("web")))))
        out = io.StringIO()
        clients = {"cloudformation": cloudformation, "ecs": aws, "stepfunctions": aws, "logs": aws}
        ok = running.run(spec, SETTINGS, clients.__getitem__, Say(out), **more)
        return ok, out.getvalue()

    return started


def test_a_job_that_ends_with_0_is_a_success(run):
    aws = Aws(RUNNING, stopped(0))
    ok, printed = run(aws)
    assert ok
    assert aws.calls == [{**RUN_TASK, "startedBy": "ops-run"}]
    assert printed.splitlines()[0] == "hello: started arn:task/1"
    assert "running" in printed
    assert "line 10\n" in printed
    assert "line 9\n" not in printed
    assert printed.splitlines()[-1] == "hello: ended with exit code 0"


@pytest.mark.parametrize(
    ("task", "said"),
    [(stopped(7), "failed: exit code 7"), (stopped(None, stoppedReason="no image"), "failed: no image")],
)
def test_any_other_end_is_none(run, task, said):
    ok, printed = run(Aws(task))
    assert not ok
    assert printed.splitlines()[-1] == f"hello: {said}"


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (stopped(0, {"proxy": 0}), "ended with exit code 0"),
        (stopped(0, {"proxy": 143}), "ended with exit code 0"),
        (stopped(0, {"proxy": 137}), "ended with exit code 0"),
        (stopped(0, {"proxy": 143, "aws-guardduty-agent-abc": 1}), "ended with exit code 0"),
        (stopped(7, {"proxy": 143}), "failed: exit code 7"),
        (stopped(137, {"proxy": 0}), "failed: exit code 137"),
        (stopped(0, {"proxy": 4}), "failed: exit code 4 of sidecar proxy"),
        (stopped(None, {"proxy": 4}, stoppedReason="no image"), "failed: no image"),
    ],
)
def test_a_sidecar_that_ecs_stops_at_the_end_is_no_failure_of_the_job(run, task, said):
    ok, printed = run(Aws(task), specs=[job("hello", sidecars=PROXY, **ECS_ONLY)])
    assert (ok, printed.splitlines()[-1]) == (said.startswith("ended"), f"hello: {said}")


def test_a_task_that_ecs_does_not_start_is_one_line(run):
    with pytest.raises(OpsError, match="hello: could not start: Capacity is unavailable"):
        run(Aws(failures=[{"reason": "Capacity is unavailable"}]))


@pytest.mark.parametrize(
    ("last", "ok", "said"),
    [
        ({"status": "SUCCEEDED"}, True, "succeeded"),
        ({"status": "TIMED_OUT"}, False, "timed out"),
        ({"status": "FAILED", "error": "States.TaskFailed"}, False, "failed: States.TaskFailed"),
    ],
)
def test_with_a_state_machine_the_run_is_its_execution(run, last, ok, said):
    aws = Aws(executions=[{"status": "RUNNING"}, last])
    done, printed = run(aws, outputs={"JobStateMachineArn3C": "arn:machine"})
    assert (done, printed.splitlines()[-1]) == (ok, f"hello: {said}")
    assert aws.calls == [{"stateMachineArn": "arn:machine"}]


def test_locally_retries_and_the_timeout_hold_without_the_state_machine(run):
    machine = {"JobStateMachineArn3C": "arn:machine"}
    aws = Aws(stopped(1), stopped(1), stopped(0))
    ok, printed = run(aws, specs=[job("hello", retries=2, **ECS_ONLY)], outputs=machine, local=True)
    assert ok
    assert "attempt 3 of 3" in printed
    assert [call for call in aws.calls if "stateMachineArn" in call] == []
    aws = Aws(RUNNING)
    late = job("hello", **ECS_ONLY).model_copy(update={"timeout": 0.001})
    ok, printed = run(aws, specs=[late], outputs=machine, local=True)
    assert (ok, printed.splitlines()[-1]) == (False, "hello: did not end within 0.001 s")
    assert aws.calls[-1]["task"] == "arn:task/1"


def test_on_eks_the_commands_are_printed(run):
    ok, printed = run(Aws(), specs=[job("hello", platforms=(Platform.EKS,))])
    assert ok
    assert "kubectl create job --namespace quay --from=cronjob/hello hello-" in printed


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobody", "nobody: there is no such service; write one of hello"),
        ("helo", "helo: there is no such service; did you mean hello"),
        ("web", "web: is kind http, not a job; write one of hello"),
    ],
)
def test_what_is_no_job_is_one_line(run, name, said):
    with pytest.raises(OpsError, match=said) as caught:
        run(Aws(), name)
    assert caught.value.exit_code == 2


def test_a_stack_without_the_output_says_what_to_do(run):
    with pytest.raises(OpsError, match=f"hello: its stack {STACK} does not say how to run it; deploy it again"):
        run(Aws(), outputs=False)
