"""Whether a service is healthy is a fact, independent of the words printed for it."""

import pytest

from ops.local.outcome import JobRun, LeftOut, OnCluster, Outcome, Scheduled, Tasks, Validated


@pytest.mark.parametrize(
    ("found", "healthy"),
    [
        (Tasks(1, 1, "http://x", 200), True),
        (Tasks(1, 2, "http://x", 500), True),
        (Tasks(1, 1, "http://x", 0), False),
        (Tasks(1, 1), True),
        (Tasks(0, 1), False),
        (JobRun(ran=False, schedule="* * * * *"), True),
        (OnCluster(1, 2), True),
        (OnCluster(0, 1), False),
        (Scheduled("* * * * *"), True),
        (LeftOut("no driver"), True),
        (Validated("1.36", 0), True),
    ],
    ids=repr,
)
def test_what_runs_and_answers_is_healthy(found, healthy):
    assert Outcome("web", "ecs", found).healthy is healthy
