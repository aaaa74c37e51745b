"""`python -m ops`: one entry point, one line per fault, one way to name the project."""

import errno
import os
import subprocess
import sys

import pytest

import ops.__main__ as command
from ops.errors import OpsError
from tests.conftest import ROOT
from tests.fakes.assembly import write_assembly
from tests.fakes.aws import ENDPOINT

LOCAL = [["up"], ["down"], ["status"], ["logs"], ["prune"]]


@pytest.mark.parametrize("arguments", LOCAL[2:])
def test_a_command_on_a_running_deployment_says_how_to_get_one(arguments, tmp_path, capsys):
    assert command.main([*arguments, "--root", str(tmp_path), "--endpoint", ENDPOINT]) == 1
    assert capsys.readouterr().err == "error: the local deployment is not up; run `make up`\n"


@pytest.mark.parametrize("arguments", LOCAL)
def test_no_command_accepts_an_endpoint_elsewhere(arguments, tmp_path, capsys):
    assert command.main([*arguments, "--root", str(tmp_path), "--endpoint", "http://10.0.0.1:4566"]) == 2
    assert "local commands only talk to this machine" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (OpsError("what; do this", exit_code=2), 2, "error: what; do this\n"),
        (KeyboardInterrupt(), 130, "\nerror: interrupted; run the same command again to continue\n"),
        (OSError(errno.ENOSPC, "full", "/x"), 1, "error: the disk is full (/x); free some space and run it again\n"),
        (
            PermissionError(errno.EACCES, "Denied", "/x"),
            1,
            "error: /x: denied; correct that and run it again\n",
        ),
    ],
    ids=["ops", "ctrl-c", "disk full", "not writable"],
)
def test_every_fault_is_one_line_and_a_code(fault, code, said, monkeypatch, capsys):
    def fail(*_):
        raise fault

    monkeypatch.setattr(command, "_engine", fail)
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    assert command.main(["engine"]) == code
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("name", ["summary", "costs"])
def test_a_command_without_an_assembly_says_how_to_write_one(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command.main([name]) == 2
    assert capsys.readouterr().err == "error: cdk.out: holds no cloud assembly; run `make synth` to write one\n"


def test_the_project_is_the_current_folder_unless_root_names_another(tmp_path, monkeypatch, capsys):
    write_assembly(tmp_path / "project" / "cdk.out", stacks={"Network": {"Resources": {}}})
    assert command.main(["summary", "--root", str(tmp_path / "project")]) == 0
    elsewhere = capsys.readouterr().out
    monkeypatch.chdir(tmp_path / "project")
    assert command.main(["summary"]) == 0
    assert capsys.readouterr().out == elsewhere


def test_a_root_that_is_not_a_folder_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(["summary", "--root", "/nowhere"])
    assert "/nowhere is not a folder" in capsys.readouterr().err


def test_a_closed_pipe_ends_a_command_silently(tmp_path):
    write_assembly(tmp_path / "cdk.out", stacks={"Network": {"Resources": {}}})
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "ops", "summary", "--root", str(tmp_path)],
        cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_job_that_is_none_is_refused_before_anybody_is_asked_for_credentials(monkeypatch, capsys):
    monkeypatch.setattr("ops.account.caller_account", lambda: pytest.fail("asked AWS"))
    assert command.main(["run", "nobody", "--root", str(ROOT)]) == 2
    assert capsys.readouterr().err == "error: nobody: there is no such service; write one of hello\n"
