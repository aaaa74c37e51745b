"""Where a service may connect to: what is refused, and with which line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.config.project import HTTP, JOB, WORKER

DATABASE = {"name": "orders database", "port": 5432, "cidrs": ["10.9.0.0/16"]}
CACHE = {"name": "cache", "port": 6379, "security_group": "sg-0123456789abcdef0"}
WRONG: list[tuple[list[dict[str, Any]], str]] = [
    ([{**DATABASE, "cidrs": []}], "egress[0]: names no place; write cidrs: [10.9.0.0/16] or security_group: sg-"),
    ([{**DATABASE, **CACHE}], "egress[0]: names two places; keep cidrs or security_group"),
    ([{**DATABASE, "cidrs": ["10.9.0.1/16"]}], "egress[0].cidrs[0]: is 10.9.0.1/16, an address inside a range; write"),
    ([{**DATABASE, "cidrs": ["db.example.com"]}], "egress[0].cidrs[0]: is 'db.example.com', not an IPv4 range; "),
    ([{**DATABASE, "cidrs": ["fd00::/8"]}], "egress[0].cidrs[0]: is 'fd00::/8', not an IPv4 range; "),
    (
        [{**DATABASE, "cidrs": ["169.254.169.254/32"]}],
        "egress[0].cidrs[0]: is 169.254.169.254/32, in the range of metadata and credentials; write the range of the other",
    ),
    (
        [{**CACHE, "security_group": "cache"}],
        "egress[0].security_group: is 'cache', which is not valid; write the id of",
    ),
    ([{**DATABASE, "port": 443}], "egress[0].port: is 443, which every service reaches anyway; remove this entry"),
    ([{**DATABASE, "port": 0}], "egress[0].port: is 0, out of range; write a whole number from 1 to 65535"),
    ([{**DATABASE, "protocol": "icmp"}], "egress[0].protocol: is 'icmp'; write one of tcp, udp"),
    (
        [{**DATABASE, "name": 'the "old" one'}],
        "egress[0].name: is 'the \"old\" one', which is not valid; write a few words",
    ),
    ([{"port": 5432, "cidrs": ["10.9.0.0/16"]}], "egress[0].name: is missing; write it, e.g. name: orders database"),
    ([{**DATABASE, "ports": [1, 2]}], "egress[0].ports: is unknown; did you mean port?"),
    (
        [DATABASE, {**DATABASE, "name": "again"}],
        "egress: lists 10.9.0.0/16 on tcp port 5432 twice; list each once",
    ),
]
RIGHT = [
    [],
    [DATABASE],
    [DATABASE, {**DATABASE, "port": 6432}, {**DATABASE, "protocol": "udp"}],
    [{**DATABASE, "port": 443, "protocol": "udp"}],
    [{"name": "mail relays", "port": 587, "cidrs": ["0.0.0.0/0"]}],
]


def apart(egress: list[dict[str, Any]]) -> Any:
    """The same without shared parts, for which YAML has only anchors."""
    return json.loads(json.dumps(egress))


@pytest.mark.parametrize("kind", [HTTP, WORKER, JOB], ids=lambda kind: kind["kind"])
@pytest.mark.parametrize(("egress", "message"), WRONG)
def test_a_wrong_destination_is_one_line(project, kind, egress, message):
    project.service("tracking", {**kind, "egress": apart(egress)})
    assert project.fault().startswith(f"services/tracking/service.yaml: {message}")


@pytest.mark.parametrize("kind", [HTTP, WORKER, JOB], ids=lambda kind: kind["kind"])
@pytest.mark.parametrize("egress", RIGHT)
def test_a_destination_is_accepted_for_every_kind(project, kind, egress):
    assert len(project.spec({**kind, "egress": apart(egress)}).egress) == len(egress)


def test_a_security_group_is_refused_where_the_service_runs_on_eks_too(project):
    project.service("tracking", {**WORKER, "egress": [DATABASE, CACHE]})
    assert project.fault() == (
        "services/tracking/service.yaml: egress[1].security_group: cannot be expressed on eks, whose network policies know "
        "only address ranges; write cidrs, or set platforms: [ecs]"
    )
    project.service("tracking", {**WORKER, "egress": [DATABASE, CACHE], "platforms": ["ecs"]})
    assert project.fault() == ""
    project.service("tracking", {**WORKER, "egress": [DATABASE, CACHE]})
    assert project.fault(platforms="ecs") == ""


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "203.0.113.0/24", "10.0.0.0/7"])
def test_public_addresses_are_refused_where_nothing_leads_to_them(project, cidr):
    project.service("tracking", {**WORKER, "egress": [{**DATABASE, "cidrs": ["10.9.0.0/16", cidr]}]})
    assert project.fault() == ""
    assert project.fault(egress="endpoints") == (
        f"services/tracking/service.yaml: egress[0].cidrs: holds {cidr}, public addresses, and sandbox has no route to any; "
        "write private ranges under overrides.sandbox, or another value of its setting egress"
    )


@pytest.mark.parametrize("cidr", ["10.9.0.0/16", "172.16.0.0/12", "192.168.4.0/22", "100.64.8.0/24"])
def test_private_addresses_are_accepted_without_a_way_to_the_internet(project, cidr):
    project.service("tracking", {**WORKER, "egress": [{**DATABASE, "cidrs": [cidr]}]})
    assert project.fault(egress="endpoints") == ""
