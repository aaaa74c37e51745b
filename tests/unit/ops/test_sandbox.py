"""One run of `make up` that fails: one line, the exit code, and nothing of its own left running."""

import errno
import fcntl
import io
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws

import ops.__main__ as command
from config.service import SecretSource
from config.settings import Platform
from ops.errors import OpsError
from ops.local import cdk, sandbox
from ops.local.emulator import Target
from ops.local.sandbox import Project, Up
from ops.local.workspace import Workspace
from ops.process import Finished, capture
from ops.say import Say

ENDPOINT = "http://localhost:4999"


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path, "sandbox", ENDPOINT)


@pytest.fixture
def shut_down(monkeypatch):
    """Notes each time the emulator is taken down."""
    calls = []
    monkeypatch.setattr(sandbox.emulator, "shut_down", lambda *_: calls.append(1))
    monkeypatch.setattr(sandbox, "save_logs", lambda *_: None)
    monkeypatch.setattr(sandbox.signal, "signal", lambda *_: None)
    return calls


def up(project, fault, *, started_here):
    run = Up(project, Say(io.StringIO()))

    def fail():
        run._started_here = started_here
        raise fault

    run._run = fail
    return run


def test_a_fault_that_all_services_share_is_told_once_and_each_of_their_own(project, monkeypatch):
    run = Up(project, Say(io.StringIO()))
    faults = {"tracking": "the disk is full", "quotes": "quotes: boom", "web": "the disk is full", "hello": ""}
    monkeypatch.setattr(run, "_settled", lambda _, placement, __: faults[placement])
    services = SimpleNamespace(placements=lambda: list(faults), settle=lambda _: None)
    with pytest.raises(OpsError) as told:
        run._wait(services, since=0)
    assert told.value.message == "the disk is full; quotes: boom"


@pytest.mark.parametrize("fault", [OpsError("x"), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")], ids=repr)
def test_a_run_that_started_the_emulator_takes_it_down_whatever_went_wrong(project, shut_down, fault):
    with pytest.raises(type(fault)):
        up(project, fault, started_here=True).run()
    assert shut_down == [1]


@pytest.mark.parametrize("fault", [OpsError("x"), KeyboardInterrupt()], ids=repr)
def test_a_run_that_found_the_emulator_running_leaves_it(project, shut_down, fault):
    with pytest.raises(type(fault)):
        up(project, fault, started_here=False).run()
    assert shut_down == []


@pytest.mark.usefixtures("shut_down")
def test_the_lock_is_free_again_after_a_failure(project):
    for _ in range(2):
        with pytest.raises(OpsError, match=r"^x$"):
            up(project, OpsError("x"), started_here=False).run()


def test_two_runs_in_one_folder_do_not_meet(project):
    project.workspace.prepare()
    with (project.workspace.folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with (
            pytest.raises(OpsError, match="another `make up` or `make down` is at work"),
            sandbox.locked(project.workspace),
        ):
            pass


def test_a_wrong_manifest_is_its_own_line_and_exit_code_2(project):
    with pytest.raises(OpsError, match=r"^config/environments: ") as told:
        project.read("amd64")
    assert told.value.exit_code == 2


@pytest.mark.parametrize("arguments", [["status"], ["logs"], ["prune"]])
def test_what_needs_a_running_deployment_says_how_to_get_one(arguments, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "PROJECT", tmp_path)
    assert command.main([*arguments, "--endpoint", ENDPOINT]) == 1
    assert capsys.readouterr().err == "error: the local deployment is not up; run `make up`\n"


@pytest.mark.parametrize("arguments", [["up"], ["down"], ["status"], ["logs"], ["prune"]])
def test_no_command_accepts_an_endpoint_elsewhere(arguments, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "PROJECT", tmp_path)
    assert command.main([*arguments, "--endpoint", "http://10.0.0.1:4566"]) == 2
    assert "local commands only talk to this machine" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (OpsError("what; do this", exit_code=2), 2, "error: what; do this\n"),
        (KeyboardInterrupt(), 130, "\nerror: interrupted; run the same command again to go on\n"),
        (OSError(errno.ENOSPC, "full", "/x"), 1, "error: the disk is full (/x); free some space and run it again\n"),
    ],
    ids=["ops", "ctrl-c", "disk full"],
)
def test_every_fault_is_one_line_and_a_code(fault, code, said, monkeypatch, capsys):
    def fail(*_):
        raise fault

    monkeypatch.setattr(command, "_engine", fail)
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    assert command.main(["engine"]) == code
    assert capsys.readouterr().err == said


@contextmanager
def emulated(monkeypatch):
    with mock_aws():
        for name in ("secretsmanager", "ssm"):
            client = boto3.client(name, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
            monkeypatch.setattr(Target, name, client, raising=False)
        monkeypatch.setattr(Target, "client", lambda _, name: getattr(Target, name))
        yield


SETTINGS = SimpleNamespace(prefix="app-sandbox", platforms=(Platform.ECS, Platform.EKS))


def catalog(*names, secrets=None):
    specs = tuple(SimpleNamespace(name=name, secrets=secrets or {}) for name in names)
    return SimpleNamespace(services=specs, on=lambda _: specs)


class CloudFormation:
    """Stacks by name; a deleted one is still listed once, as on AWS."""

    def __init__(self, *names):
        self.status = dict.fromkeys(names, "CREATE_COMPLETE")

    def get_paginator(self, _):
        stacks = [{"StackName": name, "StackStatus": status} for name, status in self.status.items()]
        return SimpleNamespace(paginate=lambda: [{"Stacks": stacks}])

    def delete_stack(self, *, StackName):  # noqa: N803 - boto3's spelling
        self.status[StackName] = "DELETE_COMPLETE"


def test_stacks_of_services_that_are_gone_are_found_and_no_others(project, monkeypatch):
    names = ("app-sandbox-Ecs", "app-sandbox-Ecs-web", "app-sandbox-Ecs-old", "app-sandbox-Eks-old", "other-Ecs-old")
    monkeypatch.setattr(Target, "cloudformation", CloudFormation(*names))
    gone = sandbox.stacks_of_gone_services(project, SETTINGS, catalog("web"))
    assert gone == ["app-sandbox-Ecs-old", "app-sandbox-Eks-old"]


def test_stacks_that_left_the_app_are_deleted(project, monkeypatch):
    monkeypatch.setattr(Target, "cloudformation", CloudFormation("app-sandbox-Ecs-old", "app-sandbox-Ecs-web"))
    sandbox.delete_stacks(project.target, ["app-sandbox-Ecs-old"])
    assert sandbox.stack_names(project.target) == ["app-sandbox-Ecs-web"]


def test_every_secret_of_a_manifest_gets_a_value_once(project, monkeypatch):
    wanted = {"A": SecretSource(secrets_manager="harbour/key"), "B": SecretSource(ssm="/harbour/key")}
    with emulated(monkeypatch):
        for _ in range(2):
            sandbox.create_placeholders(project.target, catalog("web", secrets=wanted))
        assert (
            Target.secretsmanager.get_secret_value(SecretId="harbour/key")["SecretString"] == sandbox.PLACEHOLDER_SECRET
        )
        assert Target.ssm.get_parameter(Name="/harbour/key")["Parameter"]["Type"] == "SecureString"


class TestCli:
    def test_a_project_without_the_cli_says_what_to_run(self, project):
        with pytest.raises(OpsError, match="run `make setup`"):
            cdk.Cli(project.root, project.workspace, project.target, None)

    @pytest.mark.parametrize(
        ("output", "said"),
        [
            (
                "services/web/service.yaml: kind: is x; write y\napp.py: Subprocess exited with error 2\n",
                "services/web/service.yaml: kind: is x; write y",
            ),
            ("❌  app-Ecs failed to deploy\nmore\n", "app-Ecs failed to deploy (log: {log})"),
            ("odd\n", "odd (log: {log})"),
            ("", "exit code 1 (log: {log})"),
        ],
        ids=["manifest", "stack", "other", "silent"],
    )
    def test_the_line_that_matters_is_picked(self, output, said):
        log = Path("/log")
        assert cdk._reason(Finished(1, output, ""), log) == said.format(log=log)


class TestProcess:
    def test_a_program_that_does_not_exist_is_127(self):
        done = capture(["/nowhere/program"])
        assert (done.code, done.ok) == (127, False)
        assert "No such file" in done.last_line()

    def test_a_child_that_takes_too_long_is_ended(self):
        assert capture(["sleep", "60"], timeout=0.1).code == 124

    @pytest.mark.parametrize(
        ("out", "err", "said"), [("a\n", "b\n\n", "b"), ("a\n", "\n", "a"), ("", "", "exit code 3")]
    )
    def test_the_last_words_are_the_errors_if_there_are_any(self, out, err, said):
        assert Finished(3, out, err).last_line() == said


def test_a_damaged_pid_file_is_no_pid(tmp_path):
    workspace = Workspace(tmp_path)
    assert workspace.read_pid("x") is None
    workspace.write_pid("x", 7)
    assert workspace.read_pid("x") == 7
    (workspace.pids / "x").write_text("seven")
    assert workspace.read_pid("x") is None
    workspace.forget_pid("x")
    workspace.forget_pid("x")


class TestKubernetes:
    @pytest.fixture
    def manifests(self, monkeypatch):
        stacks = [SimpleNamespace(artifact="Eks-a"), SimpleNamespace(artifact="Eks-b")]
        monkeypatch.setattr(sandbox, "service_stacks", lambda *_: stacks)
        monkeypatch.setattr(sandbox, "stack_outputs", lambda _: {})
        monkeypatch.setattr(sandbox.kubernetes, "objects", lambda *_: [])
        monkeypatch.setattr(sandbox.kubernetes, "wait_for_cluster", lambda *_: None)
        monkeypatch.setattr(sandbox.emulator, "bridge_gateway", lambda _: "172.17.0.1")

    def outcomes(self, project, monkeypatch, *, given=None, own=None, apply="applied"):
        calls = []

        def record(*_, **__):
            calls.append(1)
            if isinstance(apply, Exception):
                raise apply
            return apply

        monkeypatch.setattr(sandbox.kubernetes, "kubeconfig", lambda _: given)
        monkeypatch.setattr(sandbox.kubernetes, "emulated_cluster", lambda *_: own)
        monkeypatch.setattr(sandbox.kubernetes, "apply", record)
        settings = SimpleNamespace(app="harbour", eks_version="1.36")
        return [o.state for o in sandbox.kubernetes_outcomes(project, settings, None)], len(calls)

    @pytest.mark.usefixtures("manifests")
    def test_the_table_says_which_of_the_two_happened(self, project, monkeypatch):
        validated = "no cluster: 0 manifests valid for 1.36"
        assert self.outcomes(project, monkeypatch) == ([validated, validated], 0)
        assert self.outcomes(project, monkeypatch, given="/k") == (["applied", "applied"], 2)
        assert self.outcomes(project, monkeypatch, own="/k") == (["applied", "applied"], 2)

    @pytest.mark.usefixtures("manifests")
    def test_the_users_cluster_must_take_them(self, project, monkeypatch):
        with pytest.raises(OpsError, match="refused"):
            self.outcomes(project, monkeypatch, given="/k", apply=OpsError("refused"))

    @pytest.mark.usefixtures("manifests")
    def test_the_emulators_own_cluster_may_refuse_once_and_the_table_says_so(self, project, monkeypatch):
        states, tries = self.outcomes(project, monkeypatch, own="/k", apply=OpsError("refused"))
        assert states[1].endswith("manifests valid for 1.36; the emulator's k3s did not take them: refused")
        assert tries == 1
