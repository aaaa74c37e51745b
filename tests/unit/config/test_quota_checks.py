"""Each quota that a user can exceed: accepted at the quota, refused one beyond it, in one line that says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from config import quotas
from config.errors import ConfigError
from config.fields.egress import Destination
from config.fields.keys import KEY_EXAMPLE
from config.quota_checks import (
    REGISTRY_OWN,
    SHARED_ROLES,
    check_quotas,
)
from config.quotas import Quota
from config.service import ServiceSpec
from config.settings import Settings
from config.sizes import kubectl_event_size, policy_size, task_definition_size
from tests.unit.config.project import JOB, ROOT, WORKER, Project, assert_one_line, http, without

Specs = list[ServiceSpec]


@dataclass(frozen=True)
class Makers:
    """Makes hundreds of services from one that was loaded: milliseconds, where files would take seconds."""

    project: Project

    def one(self, manifest: dict[str, Any]) -> ServiceSpec:
        return self.project.spec(manifest)

    def many(self, count: int, manifest: dict[str, Any], prefix: str = "s") -> Specs:
        loaded = self.one(manifest)
        return [loaded.model_copy(update={"name": f"{prefix}{n}"}) for n in range(count)]


@pytest.fixture
def makers(project: Project) -> Makers:
    return Makers(project)


def fault(services: Iterable[ServiceSpec], settings: Settings) -> str:
    try:
        check_quotas(list(services), settings)
    except ConfigError as error:
        assert_one_line(str(error))
        return str(error)
    return ""


def _calls(count: int) -> tuple[str, ...]:
    return tuple(f"s{n}" for n in range(count))


def _http_on(platform: str) -> Callable[[Makers, int], Specs]:
    return lambda makers, count: makers.many(count, http("/x", platforms=[platform]))


def _scaled(makers: Makers, count: int) -> Specs:
    return [
        makers.one(http("/x", platforms=["ecs"], scaling={"min": 1, "max": n, "cpu_target": 60})) for n in (500, count)
    ]


def _callers(makers: Makers, count: int) -> Specs:
    hub = makers.one(http("/x", platforms=["ecs"])).model_copy(update={"name": "hub"})
    callers = makers.many(count, {**WORKER, "platforms": ["ecs"]})
    return [hub, *(caller.model_copy(update={"calls": ("hub",)}) for caller in callers)]


def _callees(makers: Makers, count: int) -> Specs:
    caller = makers.one({**WORKER, "platforms": ["ecs"]})
    return [caller.model_copy(update={"calls": _calls(count)}), *makers.many(count, http("/x", platforms=["ecs"]))]


def _places(makers: Makers, count: int) -> Specs:
    cidrs = tuple(f"10.9.{number}.0/24" for number in range(count))
    outside = Destination(name="stores", port=5432, cidrs=cidrs)
    return [makers.one({**WORKER, "platforms": ["ecs"]}).model_copy(update={"egress": (outside,)})]


def _kept_too(makers: Makers, count: int) -> Specs:
    return makers.many(count, {**WORKER, "platforms": ["eks"]})


def _with_tables(makers: Makers, count: int) -> Specs:
    return makers.many(count, {**WORKER, "platforms": ["eks"], "table": {"partition_key": "id"}})


def _with_queues(makers: Makers, count: int) -> Specs:
    return makers.many(count, {**WORKER, "platforms": ["eks"], "queue": {}})


def _with_existing_queues(makers: Makers, count: int) -> Specs:
    own = makers.many(60, {**WORKER, "platforms": ["eks"], "queue": {}}, "q")
    queue = {"existing": "orders-prod"}
    unwatched = makers.many(9, {**WORKER, "platforms": ["eks"], "queue": queue, "alarms": "none"}, "u")
    return [*own, *unwatched, *makers.many(count, {**WORKER, "platforms": ["eks"], "queue": queue})]


def _with_both(makers: Makers, count: int) -> Specs:
    table = {**WORKER, "platforms": ["eks"], "table": {"partition_key": "id"}}
    return [*makers.many(count, table), *makers.many(60, {**WORKER, "platforms": ["eks"], "queue": {}}, "q")]


def _jobs(makers: Makers, count: int) -> Specs:
    return makers.many(count, {**JOB, "platforms": ["ecs"]}) + makers.many(9, {**JOB, "platforms": ["eks"]}, "k")


def _workers_on_ecs(makers: Makers, count: int) -> Specs:
    return makers.many(count, {**WORKER, "platforms": ["ecs"]})


@dataclass(frozen=True)
class Case:
    quota: Quota
    most: int
    make: Callable[[Makers, int], Specs]
    message: str


CASES = {
    "target groups": Case(
        quotas.TARGET_GROUPS,
        100,
        _http_on("ecs"),
        "services: folder: holds 101 http services on ecs, and a load balancer feeds 100 target groups; "
        "move some off this platform, or make them workers",
    ),
    "rules with the entrance's own": Case(
        quotas.LISTENER_RULES,
        99,
        _http_on("eks"),
        "services: folder: holds 100 http services on eks, and a load balancer has 100 rules, one of them for unknown "
        "paths; move some off this platform, or make them workers, or ask AWS to raise it and set "
        "quotas.listener_rules in config/environments/sandbox.yaml",
    ),
    "targets": Case(
        quotas.TARGETS,
        500,
        _scaled,
        "services: folder: holds http services that scale to 1001 copies on ecs, and a load balancer has 1000 targets; lower "
        "scaling.max, or ask AWS to raise it and set quotas.targets in config/environments/sandbox.yaml",
    ),
    "callers": Case(
        quotas.GROUP_RULES,
        59,
        _callers,
        "services/s59/service.yaml: calls[0]: is hub, which 59 others call on ecs, and a security group has 60 inbound rules, "
        "one for the load balancer; remove it, or ask AWS to raise it and set quotas.group_rules in "
        "config/environments/sandbox.yaml",
    ),
    "callees": Case(
        quotas.GROUP_RULES,
        59,
        _callees,
        "services/tracking/service.yaml: calls: lists 60 services, and a security group has 60 outbound rules, one for HTTPS; "
        "call fewer, or ask AWS to raise it and set quotas.group_rules in config/environments/sandbox.yaml",
    ),
    "places outside": Case(
        quotas.GROUP_RULES,
        59,
        _places,
        "services/tracking/service.yaml: egress: makes 60 outbound rules, and a security group has 60, one for HTTPS and 0 for "
        "calls; name larger ranges, or ask AWS to raise it and set quotas.group_rules in config/environments/sandbox.yaml",
    ),
    "repositories": Case(
        quotas.STACK_RESOURCES,
        quotas.STACK_RESOURCES.value - REGISTRY_OWN,
        _kept_too,
        "services: folder: holds 499 services, and the stack Registry has 500 resources, 2 of them the publisher's; "
        "move services to a project with another app",
    ),
    "tables": Case(
        quotas.STACK_OUTPUTS,
        200,
        _with_tables,
        "services: folder: holds 201 tables, and the stack State has 200 outputs, one per table; "
        "move services to a project with another app",
    ),
    "queues": Case(
        quotas.STACK_RESOURCES,
        quotas.STACK_RESOURCES.value // 6,
        _with_queues,
        "services: folder: holds 84 queues, and the stack State has 500 resources, one per table and 6 per queue; "
        "move services to a project with another app",
    ),
    "existing queues": Case(
        quotas.STACK_RESOURCES,
        quotas.STACK_RESOURCES.value - 6 * 60,
        _with_existing_queues,
        "services: folder: holds 60 queues and 141 existing queues, and the stack State has 500 resources, one per table and "
        "6 per queue (one per existing queue); move services to a project with another app",
    ),
    "tables and queues": Case(
        quotas.STACK_OUTPUTS,
        80,
        _with_both,
        "services: folder: holds 81 tables and 60 queues, and the stack State has 200 outputs, one per table and two per "
        "queue; move services to a project with another app",
    ),
    "jobs": Case(
        quotas.BUS_RULES,
        300,
        _jobs,
        "services: folder: holds 301 jobs on ecs, and an event bus has 300 rules, and each takes one; set platforms: "
        "[eks] in some of them, or ask AWS to raise it and set quotas.bus_rules in config/environments/sandbox.yaml",
    ),
    "roles": Case(
        quotas.ROLES,
        (quotas.ROLES.value - SHARED_ROLES) // 2,
        _workers_on_ecs,
        "services: folder: holds services that need 1002 IAM roles, the shared stacks' included, and an account has 1000; "
        "run fewer on both platforms, or ask AWS to raise it and set quotas.roles in config/environments/sandbox.yaml",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_full_quota_is_accepted_and_one_more_is_refused(makers, name):
    case = CASES[name]
    settings = makers.project.settings()
    assert fault(case.make(makers, case.most), settings) == ""
    assert fault(case.make(makers, case.most + 1), settings) == case.message


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.quota.adjustable])
def test_a_quota_that_aws_has_raised_allows_one_more(makers, name):
    case = CASES[name]
    settings = makers.project.settings(**{f"quotas.{case.quota.name}": case.quota.value + 2})
    assert fault(case.make(makers, case.most + 1), settings) == ""


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.quota.adjustable])
def test_a_quota_that_aws_does_not_raise_is_not_a_setting(makers, name):
    assert CASES[name].quota.name not in quotas.ADJUSTABLE
    assert "have AWS raise it" not in CASES[name].message


def test_the_setting_lowers_a_quota_for_a_region_with_less(makers):
    settings = makers.project.settings(**{"quotas.bus_rules": 100})
    assert fault(_jobs(makers, 100), settings) == ""
    assert "holds 101 jobs on ecs, and an event bus has 100 rules" in fault(_jobs(makers, 101), settings)


def test_repositories_to_keep_count_like_services(makers):
    settings = makers.project.settings(keep_repositories="old,older")
    assert fault(_kept_too(makers, 496), settings) == ""
    assert "holds 497 services and 2 repositories to keep" in fault(_kept_too(makers, 497), settings)


def test_the_loader_checks_quotas(project):
    for n in range(3):
        project.service(f"s{n}", http(f"/p{n}"))
    assert project.fault(**{"quotas.listener_rules": 4}) == ""
    assert project.fault(**{"quotas.listener_rules": 3}).startswith(
        "services: folder: holds 3 http services on eks, and "
    )


DOMAIN = {"domain.name": "harbour.example.com", "domain.hosted_zone_id": "Z0123456789ABCDEFGHIJ"}


def test_the_redirect_to_https_is_one_more_rule_on_eks(makers):
    settings = makers.project.settings(**DOMAIN)
    assert fault(_http_on("eks")(makers, 98), settings) == ""
    message = fault(_http_on("eks")(makers, 99), settings)
    assert "one of them for unknown paths and one for the redirect to HTTPS" in message


def test_with_a_domain_each_service_on_ecs_takes_two_rules(makers):
    settings = makers.project.settings(**DOMAIN)
    assert fault(_http_on("ecs")(makers, 50), settings) == ""
    message = fault(_http_on("ecs")(makers, 51), settings)
    assert (
        "holds 51 http services on ecs, and a load balancer has 100 rules, and each takes two with a domain" in message
    )
    raised = makers.project.settings(**DOMAIN, **{"quotas.listener_rules": 102})
    assert fault(_http_on("ecs")(makers, 51), raised) == ""


def test_every_path_on_every_host_is_a_rule_and_on_eks_a_target_group(makers):
    settings = makers.project.settings(**{"quotas.listener_rules": 1000})
    for platform, most in (("ecs", 100), ("eks", 25)):
        routed = http("/x", paths=["/y"], hosts=["a.example.com", "b.example.com"], platforms=[platform])
        assert fault(makers.many(most, routed), settings) == ""
        assert "and a load balancer feeds 100 target groups" in fault(makers.many(most + 1, routed), settings)
    message = fault(makers.many(26, routed), makers.project.settings())
    assert message.startswith(
        "services: folder: holds 26 http services on eks with 104 paths and hosts, and a load balancer"
    )


@pytest.mark.parametrize(
    ("manifest", "each"),
    [
        ({**JOB, "platforms": ["ecs"]}, 3),
        ({**JOB, "platforms": ["ecs"], "retries": 1}, 4),
        ({**WORKER, "platforms": ["ecs", "eks"]}, 2),
        ({**WORKER, "platforms": ["ecs", "eks"], "before_deploy": {"command": ["migrate"]}}, 4),
    ],
    ids=("job", "supervised job", "worker", "worker that migrates"),
)
def test_what_starts_a_run_beside_the_service_has_a_role_that_counts(makers, manifest, each):
    settings = makers.project.settings(**{"quotas.roles": SHARED_ROLES + 5 * each})
    assert fault(makers.many(5, manifest), settings) == ""
    assert f"need {SHARED_ROLES + 6 * each} IAM roles" in fault(makers.many(6, manifest), settings)


def test_services_that_only_others_call_take_nothing_of_a_load_balancer(makers):
    inner = without(http("/x"), "path")
    assert fault(makers.many(200, inner), makers.project.settings(**{"quotas.roles": 5000})) == ""


def test_a_private_port_is_one_more_rule_of_both_security_groups(makers):
    settings = makers.project.settings()
    hub = http("/x", platforms=["ecs"], private_port=9090)

    def calling(count):
        caller = makers.one({**WORKER, "platforms": ["ecs"]}).model_copy(update={"calls": _calls(count)})
        return [caller, *makers.many(count, hub)]

    def called(count):
        callers = makers.many(count, {**WORKER, "platforms": ["ecs"]})
        one = makers.one(hub).model_copy(update={"name": "hub"})
        return [one, *(caller.model_copy(update={"calls": ("hub",)}) for caller in callers)]

    assert fault(calling(29), settings) == fault(called(29), settings) == ""
    assert "lists 30 services with 60 ports, and a security group has 60 outbound rules" in fault(calling(30), settings)
    assert "is hub, which 29 others call on ecs, and a security group has 60 inbound rules" in fault(
        called(30), settings
    )


def test_a_load_balancers_ranges_fit_its_security_group(project):
    project.service("mailer", WORKER)

    domain = {"domain.name": "harbour.example.com", "domain.hosted_zone_id": "Z0123456789ABCDEFGHIJ"}
    for most, more in ((60, {}), (30, domain)):
        assert project.fault(load_balancer_cidrs=ranges(most), **more) == ""
        message = project.fault(load_balancer_cidrs=ranges(most + 1), **more)
        assert f"load_balancer_cidrs: makes {(most + 1) * 60 // most} inbound rules for port" in message
        assert message.endswith(
            f"a security group has 60; name {most} ranges or fewer, or ask AWS to raise it and set quotas.group_rules"
        )
        assert project.fault(load_balancer_cidrs=ranges(most + 1), **more, **{"quotas.group_rules": 62}) == ""


def test_as_many_ranges_reach_the_kubernetes_api_as_eks_allows(project):
    project.service("mailer", WORKER)

    public = {"eks_endpoint_access": "public-and-private"}
    assert project.fault(eks_endpoint_cidrs=ranges(40), **public) == ""
    assert "eks_endpoint_cidrs: contains 41; keep 40 or fewer" in project.fault(eks_endpoint_cidrs=ranges(41), **public)


def ranges(count: int) -> str:
    return ",".join(f"198.51.{n}.0/24" for n in range(count))


# --- sizes -----------------------------------------------------------------------------------------------------------

SIZES = {
    "task definition": (quotas.TASK_DEFINITION, "ecs", task_definition_size, "environment"),
    "kubectl event": (quotas.KUBECTL_EVENT, "eks", lambda spec: kubectl_event_size(spec, 0), "environment"),
}


@pytest.mark.parametrize("name", SIZES)
def test_variables_that_fit_are_accepted_and_a_byte_more_is_refused(makers, name):
    quota, platform, size, field = SIZES[name]

    def padded(length: int) -> ServiceSpec:
        return makers.one({**WORKER, "platforms": [platform], "environment": {"TEXT": "x" * length}})

    step = size(padded(2)) - size(padded(1))  # an event contains its objects twice
    room = (quota.value - size(padded(0))) // step
    settings = makers.project.settings()
    assert fault([padded(room)], settings) == ""
    message = fault_of_loading(makers, {**WORKER, "platforms": [platform], "environment": {"TEXT": "x" * (room + 1)}})
    assert re.match(
        rf"services/tracking/service\.yaml: {field}: makes .* {quota.value}; keep large values in ", message
    )


def test_secrets_that_fit_a_roles_policies_are_accepted_and_one_more_is_refused(makers):
    def secrets(count: int) -> dict[str, Any]:
        sources = {f"KEY_{n:03}": {"secrets_manager": f"harbour/key-{n:03}"} for n in range(count)}
        return {**WORKER, "secrets": sources}

    each = policy_size(makers.one(secrets(2))) - policy_size(makers.one(secrets(1)))
    most = (quotas.ROLE_INLINE_POLICIES.value - policy_size(makers.one(WORKER))) // each
    assert most > 50
    assert fault([makers.one(secrets(most))], makers.project.settings()) == ""
    message = fault_of_loading(makers, secrets(most + 1))
    assert message.startswith(
        f"services/tracking/service.yaml: secrets: holds {most + 1}, which make a policy of about "
    )
    assert message.endswith("and IAM allows 10240; keep several values in one secret, or shorten the names")


def test_a_role_that_sends_to_queues_under_keys_of_others_is_larger_by_their_statements(makers):
    sender = makers.one(WORKER).model_copy(update={"name": "sender", "sends": ("s0", "s1")})
    plain = {**WORKER, "queue": {"existing": "orders-prod"}}
    keyed = {**WORKER, "queue": {"existing": "orders-prod", "kms_key": KEY_EXAMPLE}}
    assert policy_size(sender, makers.many(2, keyed)) > policy_size(sender, makers.many(2, plain))
    assert policy_size(makers.one(keyed)) > policy_size(makers.one(plain))


def fault_of_loading(makers: Makers, manifest: dict[str, Any]) -> str:
    makers.project.service("tracking", manifest)
    return makers.project.fault()


# --- the list --------------------------------------------------------------------------------------------------------


def test_every_quota_is_listed_once_with_its_page():
    constants = [value for value in vars(quotas).values() if isinstance(value, Quota)]
    listed = [*quotas.REFUSED, *quotas.KEPT]
    assert len(listed) == len({quota.name for quota in listed}) == len(constants)
    assert all(quota.source.startswith("https://") and quota.value > 0 for quota in listed)


def test_more_gateways_than_addresses_are_refused(project):
    nat = {"egress": "nat-per-zone"}
    project.service("mailer", WORKER)
    assert project.fault(**nat, zones=5) == ""
    assert (
        "egress: takes an Elastic IP address in each of 6 zones, and an account has 5 in a region; use 5 zones or fewer or "
        "single-nat, or ask AWS to raise it and set quotas.addresses"
    ) in project.fault(**nat, zones=6)
    assert project.fault(**nat, zones=6, **{"quotas.addresses": 6}) == ""
    assert project.fault(egress="single-nat", zones=6) == ""


def test_every_refused_quota_has_a_test_here():
    elsewhere = {quotas.ADDRESSES, quotas.ENDPOINT_CIDRS, quotas.ROLE_INLINE_POLICIES}
    assert {case.quota for case in CASES.values()} | {quota for quota, *_ in SIZES.values()} | elsewhere == set(
        quotas.REFUSED
    )


def test_the_document_lists_every_quota_with_its_number_and_its_page():
    lines = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8").splitlines()
    for quota in (*quotas.REFUSED, *quotas.KEPT):
        number = f"{quota.value:,}"
        row = [line for line in lines if line.startswith(f"| `{quota.name}` | {number} | {quota.counts}")]
        assert len(row) == 1, f"docs/limits.md has no row `{quota.name}` | {number} | {quota.counts}"
        assert f"]({quota.source})" in row[0], quota.name
        assert ("yes" in row[0].split("|")[4]) is quota.adjustable, quota.name
