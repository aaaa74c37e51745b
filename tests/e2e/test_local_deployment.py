"""`make up` from nothing to `make down`, on a copy of the project. The tests build on one another, in this order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ops.local import engine as engines
from ops.local.emulator import leftovers, port_taken
from tests.e2e.local import Local, Run, eventually, requested

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e-deployment")]

SHIPMENT = {"id": "E2E-1", "route": ["DEHAM", "NLRTM", "USNYC"], "cargo": "coffee", "weight_kg": 18000}
QUOTE = {"from": "DEHAM", "to": "USNYC", "weight_kg": "18000", "volume_m3": "33", "shipment": "E2E-1"}
HTTP_SERVICES = ("quotes", "tracking", "web")
BREAK_AT_START = '\n\nraise SystemExit("broken on purpose")\n'


@pytest.fixture(scope="module")
def local(root: Path, tmp_path_factory: pytest.TempPathFactory, engine: engines.Engine) -> Iterator[Local]:
    copy = Local.copy(root, tmp_path_factory.mktemp("e2e") / "project", engine)
    yield copy
    copy.ops("down", "--images")


@pytest.fixture(scope="module")
def poisoned(local: Local, up: Run) -> str:
    """A message in the queue of notices that nobody can read: sent early and looked for late, as it takes 90 seconds.

    Returns the URL of the queue of dead letters.
    """
    assert up.code == 0, up.out + up.err
    sqs = local.target.client("sqs")
    urls = sqs.list_queues()["QueueUrls"]
    [url], [dead] = ([u for u in urls if name in u] for name in ("Queuenotices", "DeadLettersnotices"))
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    return str(dead)


def steady(local: Local) -> dict[str, list[str]]:
    """The containers of each service, once those of earlier versions have drained."""

    def one_each() -> dict[str, list[str]] | None:
        found = {service: local.containers(service) for service in HTTP_SERVICES}
        return found if all(len(names) == 1 for names in found.values()) else None

    return eventually(one_each)  # type: ignore[no-any-return]


def quote(local: Local) -> requests.Response:
    return requests.get(local.url("/quotes"), params=QUOTE, timeout=30)


def health_urls(local: Local) -> dict[str, str]:
    # A user's requests, not the health checks; quotes calls tracking.
    query = "&".join(f"{key}={value}" for key, value in QUOTE.items())
    return {
        "web": local.url("/"),
        "tracking": local.url(f"/tracking/shipments/{SHIPMENT['id']}"),
        "quotes": local.url(f"/quotes?{query}"),
    }


def test_up_ends_with_every_address_and_what_the_emulator_lacks(running, up):
    for service in (*HTTP_SERVICES, "hello", "notices"):
        assert f"\n{service} " in up.out
    assert "ran once, exit code 0" in up.out
    assert up.out.count("objects valid for") == 5
    assert "AWS::EC2::SecurityGroupIngress" in up.out
    assert "make down" in up.out.splitlines()[-1]


def test_every_service_answers_on_its_path(running):
    assert "<title>Harbour" in requests.get(running.url("/"), timeout=10).text
    assert requests.get(running.url("/tracking/shipments"), timeout=10).json()["items"] == []
    assert requests.get(running.url("/quotes/openapi.json"), timeout=10).status_code == 200
    assert running.ops("status").code == 0


def test_a_shipment_written_through_the_load_balancer_is_read_by_quotes(running):
    created = requests.post(running.url("/tracking/shipments"), json=SHIPMENT, timeout=10)
    assert created.status_code == 201, created.text
    assert requests.get(running.url("/tracking/info"), timeout=10).json()["store"] == "dynamodb"
    answer = quote(running).json()
    assert answer["degraded"] is False
    assert answer["shipment"]["id"] == SHIPMENT["id"]


@pytest.mark.usefixtures("poisoned")
def test_a_movement_goes_through_the_queue_and_becomes_a_notice(running):
    """The shipment of the test before was told, and so is its move, beside a message that nobody can read."""
    move = {"json": {"to": "NLRTM"}, "headers": {"If-Match": '"1"'}}
    moved = requests.post(running.url(f"/tracking/shipments/{SHIPMENT['id']}/moves"), timeout=10, **move)
    assert moved.status_code == 200, moved.text
    wanted = [f"Shipment {SHIPMENT['id']} is booked from DEHAM", f"Shipment {SHIPMENT['id']} has reached NLRTM"]
    eventually(lambda: all(text in running.ops("logs", "notices").out for text in wanted))


def test_a_name_resolves_only_for_declared_callers(running):
    # As the manifests say: web calls both, quotes calls tracking, tracking calls nobody.
    assert running.on_network("tracking") == {"tracking", "quotes", "web"}
    assert running.on_network("quotes") == {"quotes", "web"}


def test_containers_are_hardened_like_their_task_definitions(running):
    for service in HTTP_SERVICES:
        [name] = running.containers(service)
        found = running.inspect(name)
        host = found["HostConfig"]
        assert host["ReadonlyRootfs"] is True
        assert host["CapDrop"] == ["ALL"]
        assert host["Init"] is True
        assert host["Memory"] > 0
        assert found["Config"]["User"] == "65532:65532"


def test_the_containers_lines_are_in_the_logs(running):
    assert "tracking" in running.ops("logs", "tracking").out


def test_without_tracking_quotes_degrades_and_nothing_fails(running):
    where = running.ecs_service("tracking")
    running.target.ecs.update_service(**where, desiredCount=0)
    try:
        eventually(lambda: not running.containers("tracking"))
        answer = eventually(lambda: (got := quote(running)).json()["degraded"] and got)
        assert answer.status_code == 200
        assert requests.get(running.url("/"), timeout=10).status_code == 200
    finally:
        running.target.ecs.update_service(**where, desiredCount=1)
    answer = eventually(lambda: (got := quote(running)).json()["degraded"] is False and got)
    assert answer.json()["shipment"]["id"] == SHIPMENT["id"], "the table kept it"


def test_a_killed_task_is_replaced(running):
    [killed] = running.containers("tracking")
    running.engine.run("kill", killed)
    [fresh] = eventually(lambda: (found := running.containers("tracking")) and found != [killed] and found)
    assert fresh != killed
    eventually(lambda: requests.get(running.url("/tracking/shipments"), timeout=5).status_code == 200)


def test_a_code_change_redeploys_one_service_without_a_failed_request(running):
    before = steady(running)
    running.edit("services/tracking/tracking/__init__.py", lambda text: f"{text}\n# changed\n")
    with requested(health_urls(running)) as counts:
        again = running.ops("up")
    assert again.code == 0, again.out + again.err
    assert {status for _, status in counts} == {"200"}, counts
    assert "deployed Ecs-tracking" in again.out
    assert "deployed Ecs-web" not in again.out
    assert "deployed Ecs-quotes" not in again.out
    after = steady(running)
    assert {service for service in HTTP_SERVICES if before[service] != after[service]} == {"tracking"}


def test_a_bad_image_rolls_nothing_else_back(running):
    before = steady(running)
    module = "services/tracking/tracking/__init__.py"
    good = (running.folder / module).read_text()
    running.edit(module, lambda text: text + BREAK_AT_START)
    running.edit("services/web/site/index.html", lambda text: text.replace("<title>Harbour", "<title>New Harbour"))
    try:
        with requested(health_urls(running)) as counts:
            again = running.ops("up")
    finally:  # so that a failure here does not fail every later test too
        running.edit(module, lambda _: f"{good}\n# mended\n")
    assert again.code == 1, again.out + again.err
    assert again.last_line.startswith("error: tracking: the new version was rolled back"), again.err
    assert "broken on purpose" in again.last_line
    assert "\ntracking  broken on purpose\n" in running.ops("logs", "tracking").out
    assert "Traceback" not in again.err
    assert {status for _, status in counts} == {"200"}, counts
    assert steady(running)["tracking"] == before["tracking"]
    eventually(lambda: "<title>New Harbour" in requests.get(running.url("/"), timeout=10).text, seconds=10)

    healed = running.ops("up")
    assert healed.code == 0, healed.out + healed.err
    assert steady(running)["tracking"] != before["tracking"]


def test_an_image_that_does_not_build_changes_nothing(running):
    before = steady(running)
    dockerfile = "services/quotes/Dockerfile"
    good = (running.folder / dockerfile).read_text()
    running.edit(dockerfile, lambda text: f"{text}\nCOPY not-there /\n")
    again = running.ops("up")
    running.edit(dockerfile, lambda _: good)
    assert again.code == 1
    assert again.last_line.startswith("error: quotes: image build failed")
    assert "not-there" in again.last_line
    assert steady(running) == before


def test_ctrl_c_leaves_what_ran_before(running):
    before = steady(running)
    stopped = running.interrupt("==> cdk deploy")
    assert stopped.code == 130, stopped
    assert "Traceback" not in stopped.err
    assert steady(running) == before
    assert requests.get(running.url("/"), timeout=10).status_code == 200


def test_a_wrong_manifest_is_one_line_and_exit_code_2(running):
    manifest = "services/web/service.yaml"
    good = (running.folder / manifest).read_text()
    running.edit(manifest, lambda text: text.replace("kind: http", "kind: htp"))
    again = running.ops("up")
    running.edit(manifest, lambda _: good)
    assert again.code == 2
    assert again.err.startswith("services/web/service.yaml: kind: ")
    assert len(again.err.strip().splitlines()) == 1


def test_a_message_that_nobody_can_read_becomes_a_dead_letter(running, poisoned):
    """It is received three times, 30 seconds apart, as services/notices/service.yaml says."""
    sqs = running.target.client("sqs")
    [letter] = eventually(lambda: sqs.receive_message(QueueUrl=poisoned).get("Messages"), seconds=150)
    assert letter["Body"] == "poison"
    sqs.delete_message(QueueUrl=poisoned, ReceiptHandle=letter["ReceiptHandle"])


def test_a_removed_service_is_destroyed_and_its_repository_last(running):
    (running.folder / "services" / "hello").rename(running.folder / "hello")
    again = running.ops("up")
    assert again.code == 0, again.out + again.err
    stacks = {stack["StackName"] for stack in running.target.cloudformation.describe_stacks()["Stacks"]}
    assert not {name for name in stacks if name.endswith("-hello")}
    repositories = {entry["repositoryName"] for entry in running.target.ecr.describe_repositories()["repositories"]}
    assert not {name for name in repositories if name.endswith("/hello")}
    assert "\nhello " not in again.out, "it is not in the table any more"


def test_a_deleted_state_folder_is_rebuilt_from_what_is_running(running):
    before = steady(running)
    (running.folder / ".local").rename(running.folder / "old-state")
    again = running.ops("up")
    assert again.code == 0, again.out + again.err
    assert steady(running) == before


def test_down_leaves_nothing(running):
    done = running.ops("down")
    assert done.code == 0, done.out + done.err
    assert "no stack, repository, container or network is left" in done.out
    assert leftovers(running.target, running.engine) == {"containers": [], "networks": []}
    assert not port_taken(running.target)


def test_ctrl_c_on_the_first_run_leaves_nothing(root, tmp_path, engine):
    fresh = Local.copy(root, tmp_path / "project", engine)
    stopped = fresh.interrupt("==> wait until every service answers")
    assert stopped.code == 130, stopped
    assert leftovers(fresh.target, engine) == {"containers": [], "networks": []}
    assert not port_taken(fresh.target)
    fresh.ops("down", "--images")
