"""A health check passes if the target group's matcher accepts the status."""

import socket

import pytest

from ops.local import health


@pytest.mark.parametrize(
    ("codes", "status", "matches"),
    [("200", 200, True), ("200-299", 204, True), ("200,302", 302, True), ("200-299", 301, False)],
)
def test_the_target_groups_matcher_decides(codes, status, matches):
    assert health.matches(status, codes) is matches


def test_without_a_path_a_connection_is_enough():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert health.probe("127.0.0.1", port, "", "200-399") == "healthy"
    assert health.probe("127.0.0.1", port, "", "200-399").startswith("ConnectionRefusedError: ")


def test_a_refused_connection_is_the_reason():
    assert health.probe("127.0.0.1", 9, "/", "200").startswith("ConnectionRefusedError: ")


class Container:
    def __init__(self, answer):
        self.exec_run = answer


def _refuse(_):
    raise RuntimeError("is not running")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: (0, b""), "healthy"),
        (lambda command: (2, f"first\n{command[0]} is late\n".encode()), "it ended with exit code 2: alive is late"),
        (lambda _: (1, b""), "it ended with exit code 1"),
        (_refuse, "RuntimeError: is not running"),
    ],
)
def test_a_command_is_healthy_if_it_ends_with_0(answer, said):
    assert health.run(Container(answer), ["alive"]) == said
