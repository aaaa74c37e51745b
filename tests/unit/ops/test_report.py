"""Facts in words: what a user reads of each outcome."""

import pytest

from ops.local import report
from ops.local.outcome import JobRun, LeftOut, OnCluster, Outcome, Scheduled, Tasks, Validated


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Tasks(1, 2, "http://x", 200), "1 of 2 running, answers 200"),
        (Tasks(1, 1, "http://x"), "1 of 1 running, does not answer"),
        (Tasks(0, 1), "0 of 1 running"),
        (JobRun(ran=True, schedule="* * * * *"), "ran once, exit code 0"),
        (JobRun(ran=False, schedule="* * * * *"), "has not run"),
        (OnCluster(1, 1, "http://x"), "1 of 1 pods ready"),
        (OnCluster(1, 2, obstacle="Unschedulable: no room"), "1 of 2 pods ready: Unschedulable: no room"),
        (OnCluster(1, 1, no_aws="too far"), "1 of 1 pods ready; no AWS: too far"),
        (Scheduled("0 1 * * *"), "in the cluster, not run: only its schedule starts it"),
        (LeftOut("no driver"), "left out: no driver"),
        (Validated("1.36", 4), "no cluster: 4 objects valid for 1.36"),
        (
            Validated("1.36", 4, 1, "timed out"),
            "no cluster: 4 objects valid for 1.36, 1 custom without a schema; "
            "the emulator's k3s refused them: timed out",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_outcome_has_its_words(found, said):
    assert report.words(found) == said


def test_a_hash_is_short_and_a_table_is_aligned():
    image = f"localhost:1/app/web:ecs-{'0123456789ab' + 'f' * 52}"
    lines = report.outcome_lines([Outcome("web", "ecs", Tasks(1, 1, "http://x", 200), image, ("c",))])
    assert lines[0].index("ON") == lines[1].index("ecs")
    assert lines[0].index("ADDRESS") == lines[1].index("http://x")
    assert lines[-1].endswith("localhost:1/app/web:ecs-0123456789ab")


def test_an_address_on_a_host_says_which():
    found = Tasks(1, 1, "http://x", 200, "shop.example.com")
    assert report.outcome_lines([Outcome("web", "ecs", found)])[1].endswith("http://x (Host: shop.example.com)")


def test_a_job_shows_its_schedule_where_others_show_their_address():
    lines = report.outcome_lines([Outcome("hello", "ecs", JobRun(ran=True, schedule="0 1 * * *"))])
    assert lines[1].endswith("schedule 0 1 * * *")


@pytest.mark.parametrize(
    ("found", "address"),
    [(OnCluster(1, 1, "http://x/web"), "http://x/web"), (Scheduled("0 1 * * *"), "schedule 0 1 * * *")],
    ids=["service", "job"],
)
def test_a_cluster_has_addresses_and_schedules_too(found, address):
    assert report.outcome_lines([Outcome("web", "kubernetes", found)])[1].endswith(address)


def test_the_longest_prefix_of_a_type_gives_its_consequence():
    assert report.consequence("AWS::EC2::RouteTable").startswith("the route is missing")
    assert report.consequence("Custom::S3AutoDeleteObjects") == "the bucket disappears with the emulator"
    assert report.consequence("AWS::Unheard::Of") == report.UNKNOWN_CONSEQUENCE


def test_stacks_of_services_share_one_name():
    assert [report.stack_group(name) for name in ("Ecs-web", "Eks", "Network")] == ["Ecs-<name>", "Eks", "Network"]
