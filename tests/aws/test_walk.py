"""One deployment's life, from the first `deploy` to what is left after `destroy`. The tests build on one another.

`make verify-aws` runs it in an account; `make test` runs it on the emulator, where some steps are skipped with the reason.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
import requests

from config.settings import Platform
from ops.assembly import Assembly
from ops.costs import HOURS, Bill
from tests.aws.conftest import Report
from tests.aws.deployment import Deployment
from tests.e2e.local import Run, eventually, requested

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("aws"), pytest.mark.usefixtures("shown")]

API = "services/tracking/tracking/api.py"
START = "services/tracking/tracking/__init__.py"
BREAK_AT_START = '\n\nraise SystemExit("broken on purpose")\n'
LIST = "    async def list_shipments(self, request: Request) -> Response:\n"
BREAK_ANSWERS = f'{LIST}        raise RuntimeError("broken on purpose")\n'
MINUTES = 60


@pytest.fixture(scope="module")
def deployed(deployment: Deployment, report: Report) -> Run:
    with report.step("first deployment") as seen:
        done = deployment.deploy()
        seen.append(f"exit code {done.code}")
        if done.code:
            seen.append(done.last_line)
    return done


@pytest.fixture
def running(deployment: Deployment, deployed: Run) -> Deployment:
    assert deployed.code == 0, deployed.out + deployed.err
    return deployment


def tracking_urls(running: Deployment) -> dict[str, str]:
    return {
        stack: f"{url.removesuffix('/')}/shipments"
        for stack, url in running.addresses().items()
        if stack.endswith("-tracking")
    }


def failed(counts: Counter[tuple[str, str]]) -> dict[str, int]:
    """Requests that did not answer 200, by address and answer."""
    return {f"{name}: {status}": number for (name, status), number in counts.items() if status != "200"}


def version(running: Deployment) -> str:
    return str(running.ecs_service("tracking")["taskDefinition"])


def steady(running: Deployment) -> bool:
    """One rollout, finished, with as many tasks as desired."""
    found = running.ecs_service("tracking")
    return (
        len(found["deployments"]) == 1
        and found["deployments"][0].get("rolloutState") == "COMPLETED"
        and found["runningCount"] == found["desiredCount"]
    )


def test_every_address_answers(running, report):
    with report.step("every address answers") as seen:
        addresses = running.health_addresses()
        assert addresses
        for stack, url in addresses.items():
            eventually(lambda url=url: requests.get(url, timeout=10).status_code == 200, seconds=5 * MINUTES)
            seen.append(stack)


@pytest.mark.needs("kubernetes")
def test_cluster_and_add_ons_are_active(running, report):
    with report.step("cluster and add-ons are active") as seen:
        eks, name = running.client("eks"), running.settings.prefix
        assert eks.describe_cluster(name=name)["cluster"]["status"] == "ACTIVE"
        for add_on in eks.list_addons(clusterName=name)["addons"]:
            found = eks.describe_addon(clusterName=name, addonName=add_on)["addon"]
            assert found["status"] == "ACTIVE", found
            seen.append(f"{add_on} {found['addonVersion']}")


def test_the_job_ends_with_exit_code_0(running, report):
    ecs, cluster = running.client("ecs"), running.settings.prefix
    network = running.ecs_service("tracking")["networkConfiguration"]
    for job in running.jobs():
        with report.step(f"{job.name} runs once") as seen:
            definition = running.resource(job.name, "AWS::ECS::TaskDefinition")
            started = ecs.run_task(cluster=cluster, taskDefinition=definition, networkConfiguration=network, count=1)
            [task] = started["tasks"]

            def stopped(arn: str = task["taskArn"]) -> Any:
                [found] = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
                return found if found["lastStatus"] == "STOPPED" else None

            codes = [container.get("exitCode") for container in eventually(stopped, seconds=5 * MINUTES)["containers"]]
            seen.append(f"exit codes {codes}")
            assert codes == [0]


def test_the_log_group_holds_the_services_lines(running, report):
    with report.step("the log group holds the service's lines") as seen:
        group = running.resource("tracking", "AWS::Logs::LogGroup")
        logs = running.client("logs")
        events = eventually(lambda: logs.filter_log_events(logGroupName=group, limit=5)["events"])
        seen.append(f"{len(events)} lines read from {group}")


@pytest.mark.needs("spot")
def test_tasks_use_the_capacity_providers_of_the_settings(running, report):
    with report.step("tasks by capacity provider") as seen:
        services = running.http_services(Platform.ECS)
        found = Counter(task.get("capacityProviderName") for spec in services for task in running.tasks(spec.name))
        seen.append(", ".join(f"{name}: {number}" for name, number in found.items()))
        allowed = {"FARGATE", "FARGATE_SPOT"} if running.settings.spot_weight else {"FARGATE"}
        assert set(found) <= allowed


def test_an_update_loses_no_request(running, report):
    before = version(running)
    running.edit(START, lambda text: f"{text}\n# another version\n")
    with report.step("an update of tracking under requests") as seen:
        with requested(tracking_urls(running)) as counts:
            again = running.deploy()
            assert again.code == 0, again.out + again.err
            eventually(lambda: steady(running), seconds=10 * MINUTES)
        seen.append(f"{counts.total()} requests, failed: {failed(counts) or 'none'}")
        assert failed(counts) == {}
    assert version(running) != before


def test_a_version_that_does_not_start_is_rolled_back(running, report):
    before = version(running)
    good = (running.folder / START).read_text(encoding="utf-8")
    running.edit(START, lambda text: text + BREAK_AT_START)
    try:
        with report.step("a version that does not start") as seen:
            with requested(tracking_urls(running)) as counts:
                again = running.deploy()
            seen += [f"exit code {again.code}", f"{counts.total()} requests, failed: {failed(counts) or 'none'}"]
            assert again.code == 1, again.out + again.err
            assert failed(counts) == {}
            assert version(running) == before
    finally:
        running.edit(START, lambda _: f"{good}\n# repaired\n")
    assert running.deploy().code == 0


@pytest.mark.needs("alarms")
def test_a_version_that_answers_with_errors_is_rolled_back_by_its_alarm(running, report):
    before = version(running)
    good = (running.folder / API).read_text(encoding="utf-8")
    running.edit(API, lambda text: text.replace(LIST, BREAK_ANSWERS))
    try:
        with report.step("a version that answers 500") as seen:
            with requested(tracking_urls(running)) as counts:
                again = running.deploy("Ecs-tracking")
            seen += [f"exit code {again.code}", f"{counts.total()} requests, failed: {failed(counts) or 'none'}"]
            assert again.code == 1, again.out + again.err
            assert version(running) == before
    finally:
        running.edit(API, lambda _: good)
    assert running.deploy().code == 0


@pytest.mark.needs("zones")
def test_a_higher_minimum_starts_tasks_in_another_zone(running, report):
    manifest = "services/tracking/service.yaml"
    running.edit(manifest, lambda text: re.sub(r"min: 1\b", "min: 2", text, count=1))
    with report.step("two tasks of tracking") as seen:
        again = running.deploy("Ecs-tracking")
        assert again.code == 0, again.out + again.err
        tasks = eventually(lambda: (found := running.tasks("tracking")) and len(found) >= 2 and found)
        zones = {task["availabilityZone"] for task in tasks}
        seen.append(", ".join(sorted(zones)))
        assert len(zones) > 1


def test_the_cost_so_far_is_known(running, report):
    with report.step("cost so far") as seen:
        bill = Bill(Assembly(running.assembly()).stacks)
        lines = {line.what: line for platform in running.settings.platforms for line in bill.lines(platform=platform)}
        hourly = float(sum(line.total for line in lines.values())) / HOURS
        seen.append(f"about {hourly:.2f} USD an hour at list price, {hourly * report.hours:.2f} USD since the start")
        assert hourly > 0


def test_destroy_succeeds_and_leaves_nothing(running, report):
    with report.step("destroy") as seen:
        done = running.destroy()
        seen.append(f"exit code {done.code}")
    assert done.code == 0, done.out + done.err
    with report.step("what is left") as seen:
        left = running.leftovers()
        seen.append(", ".join(left) or "nothing")
    assert left == []
