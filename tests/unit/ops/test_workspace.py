"""The workspace only holds hints, and damaged ones are ignored."""

from ops.local.workspace import Workspace


def test_a_damaged_pid_file_is_no_pid(tmp_path):
    workspace = Workspace(tmp_path)
    assert workspace.read_pid("x") is None
    workspace.write_pid("x", 7)
    assert workspace.read_pid("x") == 7
    (workspace.pids / "x").write_text("seven")
    assert workspace.read_pid("x") is None
    workspace.forget_pid("x")
    workspace.forget_pid("x")
