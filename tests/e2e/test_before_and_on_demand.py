"""With `make up` on real containers: a migration before a deployment, a worker's health, a job that is run on demand.

One deployment of two services of its own; the tests build on one another, in this order.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local import engine as engines
from tests.e2e.local import Local

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e-before")]

WORKER = {
    "kind": "worker",
    "stop_timeout": 2,
    "health": {"command": ["/app/alive"], "interval": 5, "retries": 2},
    "before_deploy": {"command": ["/app/migrate"], "timeout": 60},
}
# Three tasks fail before a deployment is rolled back, each after the shortest time that a manifest can ask for.
IMPATIENT = {**WORKER, "health": {"command": ["/app/alive"], "interval": 5, "timeout": 2, "retries": 1}}
WORK = "sleep 2; touch /tmp/ready; echo version {}; while true; do sleep 0.2; done"
ALIVE = "[ -e /tmp/ready ] || { echo no queue yet; exit 1; }"


@pytest.fixture(scope="module")
def local(root: Path, tmp_path_factory: pytest.TempPathFactory, engine: engines.Engine) -> Iterator[Local]:
    copy = Local.copy(root, tmp_path_factory.mktemp("e2e-before") / "project", engine)
    shutil.rmtree(copy.folder / "services")
    copy.add("sorter", WORKER, start=WORK.format(1), alive=ALIVE, migrate="echo migrated to 1")
    copy.add("recount", {"kind": "job", "retries": 1, "timeout": 60}, start="echo the sum is 42; exit ${FAIL:-0}")
    yield copy
    copy.ops("down", "--images")


def test_a_migration_runs_before_and_the_worker_is_waited_for_until_it_is_healthy(local):
    up = local.ops("up")
    assert up.code == 0, up.out + up.err
    lines = [line for line in local.ops("logs", "sorter").out.splitlines() if line.startswith("sorter")]
    assert lines == ["sorter  migrated to 1", "sorter  version 1"]
    assert local.ops("status").code == 0


def test_a_job_without_a_schedule_runs_when_somebody_asks_for_it(local):
    assert "the sum" not in local.ops("logs", "recount").out
    done = local.ops("run", "recount")
    assert done.code == 0, done.out + done.err
    assert "the sum is 42" in done.out
    assert done.out.splitlines()[-1] == "recount: ended with exit code 0"


def test_a_migration_that_fails_stops_its_deployment_and_the_earlier_version_keeps_running(local):
    earlier = local.containers("sorter")
    local.add("sorter", WORKER, start=WORK.format(2), alive=ALIVE, migrate="sleep 1; echo column exists; exit 3")
    up = local.ops("up")
    assert up.code == 1
    assert up.last_line == (
        "error: sorter: before_deploy ended with exit code 3: column exists; the earlier version keeps running. "
        "See `make logs SERVICE=sorter`"
    )
    assert local.containers("sorter") == earlier
    assert "version 2" not in local.ops("logs", "sorter").out


def test_a_worker_that_never_gets_healthy_is_rolled_back_with_the_reason(local):
    local.add(
        "sorter", IMPATIENT, start=WORK.format(3), alive="echo queue is away; exit 1", migrate="echo migrated to 3"
    )
    up = local.ops("up")
    assert up.code == 1
    assert "it ended with exit code 1: queue is away" in up.err
    assert local.containers("sorter")


def test_a_job_that_fails_is_tried_again_and_ends_with_1(local):
    local.add("sorter", WORKER, start=WORK.format(4), alive=ALIVE, migrate="echo migrated to 4")
    job = {"kind": "job", "retries": 1, "timeout": 60, "environment": {"FAIL": "7"}}
    local.add("recount", job, start="sleep 1; echo the sum is 42; exit ${FAIL:-0}")
    up = local.ops("up")
    assert up.code == 0, up.out + up.err
    done = local.ops("run", "recount")
    assert done.code == 1
    assert "attempt 2 of 2" in done.out
    assert done.out.splitlines()[-1] == "recount: failed: exit code 7"
