"""Child processes end in time, and say why."""

import pytest

from ops.process import Finished, capture


def test_a_program_that_does_not_exist_is_127():
    done = capture(["/nowhere/program"])
    assert (done.code, done.ok) == (127, False)
    assert "No such file" in done.last_line()


def test_a_child_that_takes_too_long_is_ended():
    assert capture(["sleep", "60"], timeout=0.1).code == 124


@pytest.mark.parametrize(("out", "err", "said"), [("a\n", "b\n\n", "b"), ("a\n", "\n", "a"), ("", "", "exit code 3")])
def test_the_last_line_is_that_of_stderr_if_there_is_one(out, err, said):
    assert Finished(3, out, err).last_line() == said
