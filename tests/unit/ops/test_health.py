"""A health check passes where the target group's matcher says so."""

import pytest

from ops.local import health


@pytest.mark.parametrize(
    ("codes", "status", "matches"),
    [("200", 200, True), ("200-299", 204, True), ("200,302", 302, True), ("200-299", 301, False)],
)
def test_the_target_groups_matcher_decides(codes, status, matches):
    assert health.matches(status, codes) is matches


def test_where_nobody_listens_the_reason_is_told():
    assert health.probe("127.0.0.1", 9, "/", "200").startswith("ConnectionRefusedError: ")
