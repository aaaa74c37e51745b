"""What the commands of config and ops have in common."""

import errno
import os
import subprocess
import sys

import pytest

from config.command_line import PIPE_CLOSED, context_from, run
from config.errors import ConfigError, UserError
from tests.conftest import ROOT


def test_the_last_value_of_a_key_wins_and_a_value_may_contain_an_equals_sign():
    assert context_from(["a=1", "b=x=y", "a=2"]) == {"a": "2", "b": "x=y"}


def test_a_key_without_a_value_is_refused():
    with pytest.raises(ConfigError) as caught:
        context_from(["spot_weight"])
    assert str(caught.value) == "cdk -c: spot_weight: has no value; write -c spot_weight=VALUE"


def test_a_fault_is_one_line_and_its_exit_code(capsys):
    def fail():
        raise ConfigError("file", "field", "is wrong", "write it right")

    assert run(fail, before="error: ") == 2
    assert capsys.readouterr().err == "file: field: is wrong; write it right\n"


@pytest.mark.parametrize("fault", [RuntimeError, OSError(errno.EMFILE, "Too many open files")])
def test_a_fault_of_the_program_is_not_hidden(fault):
    def fail():
        raise fault

    assert not issubclass(RuntimeError, UserError)
    with pytest.raises(RuntimeError if fault is RuntimeError else OSError):
        run(fail)


def test_what_the_file_system_refuses_is_one_line_with_the_file(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("")
    assert run(lambda: (file / "below").write_text("") and 0) == 1
    assert capsys.readouterr().err == f"{file}/below: not a directory; correct that and run it again\n"


@pytest.mark.parametrize("command", [["ops", "check"]], ids=" ".join)
def test_a_closed_pipe_ends_a_command_silently(command):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (PIPE_CLOSED, "")
