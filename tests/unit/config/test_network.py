"""How an http service is reached: without a path, on hosts, on several paths, in other protocols, on a second port."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.routing import derived_priority, host_covers, priority_band
from config.service_rules import ELSEWHERE
from config.settings import Settings
from stacks.kubernetes.objects import ingress_order
from tests.unit.config.project import HTTP, JOB, WORKER, Project, http, without

FILE = "services/tracking/service.yaml"
INNER = without(HTTP, "path")
TCP = {**without(INNER, "health"), "protocol": "tcp"}
GRPC = {**TCP, "protocol": "grpc"}
SHOP = "shop.example.com"
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
DOMAIN = {"domain": {"name": "harbour.example.com", "hosted_zone_id": "Z0123456789ABC"}}
CERTIFIED = {**DOMAIN, "certificates": [CERTIFICATE], "region": "eu-central-1", "account": "123456789012"}


def services(project: Project, **manifests: dict[str, Any]) -> Project:
    for name, manifest in manifests.items():
        project.service(name, manifest)
    return project


# --- one manifest ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        # without a path
        (
            {**INNER, "priority": 5},
            "priority: means nothing without path: no load balancer reaches this service; remove it, ",
        ),
        ({**INNER, "sticky": 60}, "sticky: means nothing without path: no load balancer reaches this service; "),
        (
            {**INNER, "alarms": {"latency_ms": 50}},
            "alarms: means nothing without path: no load balancer reaches this service; remove it, or write path: /name",
        ),
        ({**TCP, "alarms": {"latency_ms": 50}}, "no load balancer reaches this service; remove it"),
        (
            {**INNER, "platforms": ["ecs"], "scaling": {"max": 3, "requests_target": 9}},
            "scaling.requests_target: counts a load balancer's requests, and none reaches this service without path; "
            "use cpu_target",
        ),
        # paths
        ({**INNER, "paths": ["/b"]}, "paths: needs path beside it; write path: /b for the first one"),
        ({**HTTP, "paths": []}, "paths: is an empty list; "),
        ({**HTTP, "paths": ["/b", "/b"]}, "paths: lists '/b' twice; list each once"),
        ({**HTTP, "paths": ["b"]}, "paths[0]: is 'b', which is not valid; write / or lower-case segments"),
        ({**HTTP, "paths": ["/tracking"]}, "paths[0]: is /tracking, which /tracking of this service covers; remove it"),
        (
            {**HTTP, "paths": ["/b", "/tracking/x"]},
            "paths[1]: is /tracking/x, which /tracking of this service covers; ",
        ),
        ({**HTTP, "paths": ["/b/c", "/b"]}, "paths[0]: is /b/c, which /b of this service covers; remove it"),
        (http("/", paths=["/b"]), "paths[0]: is /b, which / of this service covers; remove it"),
        # hosts
        ({**HTTP, "hosts": []}, "hosts: is an empty list; "),
        (
            {**HTTP, "hosts": ["Shop.example.com"]},
            "hosts[0]: is 'Shop.example.com', which is not valid; write a lower-case",
        ),
        *(
            ({**HTTP, "hosts": [host]}, f"hosts[0]: is '{host}', which is not valid; ")
            for host in ("*", "shop", "a.*.com", "x*.com", "a.com:80", "http://a.com", "a.com/", "1.2.3.4", "-a.com")
        ),
        ({**HTTP, "hosts": ["a." * 64 + "com"]}, "hosts[0]: has 131 characters, more than 128; "),
        # priority
        (
            {**HTTP, "paths": ["/b", "/c"], "priority": 49998},
            "priority: is 49998, and this service has 3 rules, up to 50000; write 49997 or less",
        ),
        # protocols
        ({**HTTP, "protocol": "udp"}, "protocol: is 'udp'; write one of http, grpc, tcp"),
        (
            {**GRPC, "health": "/h"},
            "health: means nothing for protocol grpc: grpc.health.v1.Health is its check; remove it",
        ),
        ({**TCP, "health": "/h"}, "health: means nothing for protocol tcp: a connection is its check; remove it"),
        (
            {**TCP, "path": "/a"},
            "path: means nothing for protocol tcp, which the load balancers do not take; remove it",
        ),
        (
            {**TCP, "hosts": [SHOP]},
            "hosts: means nothing for protocol tcp, which the load balancers do not take; remove it",
        ),
        ({**TCP, "call_timeout": 5}, "call_timeout: means nothing for protocol tcp, which has no requests; remove it"),
        (without(INNER, "health"), "health: is missing, and kind http needs it; write it, e.g. health: /healthz"),
        # the private port
        ({**HTTP, "private_port": 8080}, "private_port: is port too; write another"),
        ({**HTTP, "private_port": 80}, "private_port: is 80, out of range; write a whole number from 1024 to 65535"),
        (
            {**HTTP, "private_port": 9090, "environment": {"PRIVATE_PORT": "1"}},
            "environment.PRIVATE_PORT: is set by private_port; remove it",
        ),
        ({**HTTP, "sticky": 0}, "sticky: is 0, out of range; write a whole number from 1 to 604800"),
        *(
            (
                {**base, field: value},
                f"{field}: means nothing for kind {base['kind']}; remove it; http services have it",
            )
            for base in (WORKER, JOB)
            for field, value in (
                ("paths", ["/x"]),
                ("hosts", [SHOP]),
                ("protocol", "tcp"),
                ("private_port", 9090),
                ("sticky", 5),
            )
        ),
        ({**HTTP, "host": "x"}, "host: is not a key here; write hosts: [shop.example.com]"),
        ({**HTTP, "ports": [1]}, "ports: is not a key here; write port: 8080, and private_port for a second one"),
    ],
)
def test_a_wrong_way_to_be_reached_is_one_line(project, manifest, message):
    project.service("tracking", manifest)
    assert project.fault().startswith(f"{FILE}: ")
    assert message in project.fault()


@pytest.mark.parametrize(
    "manifest",
    [
        INNER,
        {**INNER, "private_port": 9090, "call_timeout": 5, "health_grace": 9},
        {**INNER, "alarms": {"runbook": "https://wiki.example/tracking"}},
        {**INNER, "alarms": "none"},
        {**HTTP, "paths": ["/b", "/tracking2"]},
        {**HTTP, "hosts": [SHOP, "*.example.com"], "sticky": 604800},
        {**INNER, "hosts": [SHOP], "priority": 7},
        http("/", hosts=[SHOP], paths=None),
        TCP,
        GRPC,
        {**HTTP, "environment": {"PRIVATE_PORT": "no private_port here"}},
    ],
)
def test_a_right_way_to_be_reached_is_accepted(project, manifest):
    assert project.spec({key: value for key, value in manifest.items() if value is not None}).name == "tracking"


def test_no_key_from_elsewhere_points_to_a_field_that_is_one():
    assert not {"hosts", "paths", "protocol", "private_port", "sticky"} & ELSEWHERE.keys()


# --- derived values --------------------------------------------------------------------------------------------------


def test_a_service_without_path_and_hosts_has_no_route_and_the_root_as_its_base(project):
    spec = project.spec(INNER)
    assert (spec.routed, spec.routes, spec.address, spec.base_path) == (False, (), None, "/")


def test_every_path_is_routed_on_every_host(project):
    spec = project.spec({**HTTP, "paths": ["/b"], "hosts": ["*.example.com", SHOP]})
    wanted = [f"{host}{path}" for host in ("*.example.com", SHOP) for path in ("/tracking", "/b")]
    assert [str(route) for route in spec.routes] == wanted
    assert str(spec.address) == f"{SHOP}/tracking"


def test_a_service_on_a_wildcard_only_has_no_address(project):
    assert project.spec({**INNER, "hosts": ["*.example.com"]}).address is None


def test_hosts_without_a_path_are_routed_whole(project):
    assert [str(route) for route in project.spec({**INNER, "hosts": [SHOP]}).routes] == [f"{SHOP}/"]


def test_a_priority_is_the_first_of_all_routes_in_the_order_in_which_they_are_tried(project):
    spec = project.spec({**HTTP, "paths": ["/b/c"], "hosts": [SHOP], "priority": 7})
    assert {str(route): route.priority for route in spec.routes} == {f"{SHOP}/b/c": 7, f"{SHOP}/tracking": 8}


@pytest.mark.parametrize(
    ("manifest", "wanted"),
    [
        (INNER, {"TRACKING_URL": "http://tracking:8080"}),
        (TCP, {"TRACKING_ADDRESS": "tracking:8080"}),
        (GRPC, {"TRACKING_ADDRESS": "tracking:8080"}),
        (
            {**TCP, "private_port": 9090},
            {"TRACKING_ADDRESS": "tracking:8080", "TRACKING_PRIVATE_URL": "http://tracking:9090"},
        ),
    ],
)
def test_callers_get_an_address_that_fits_the_protocol(project, manifest, wanted):
    assert project.spec(manifest).addresses == wanted


# --- priorities ------------------------------------------------------------------------------------------------------

SEGMENT = st.from_regex(r"[a-z0-9][a-z0-9._~-]{0,8}", fullmatch=True)
PATH = st.lists(SEGMENT, max_size=4).map(lambda segments: "/" + "/".join(segments))


@given(PATH, PATH)
def test_a_host_is_tried_before_its_wildcard_and_that_before_all_hosts(path, other):
    exact, wildcard = derived_priority(path, SHOP), derived_priority(other, "*.example.com")
    assert exact < wildcard
    if other.count("/") < 3 or other == "/":
        assert wildcard < derived_priority(other)


@given(PATH, SEGMENT, st.sampled_from([SHOP, "*.example.com"]))
def test_on_a_host_too_the_deeper_path_is_tried_first(path, deeper, host):
    inner = f"{path.rstrip('/')}/{deeper}"
    if inner.count("/") < 3 or path == "/":
        assert derived_priority(inner, host) < derived_priority(path, host)


def test_bands_of_hosts_meet_and_both_load_balancers_order_them_alike():
    """Kubernetes has fewer orders than there are priorities; two bands never share one."""
    paths = ("/a/b/c", "/a/b", "/a", "/")
    bands = [priority_band(path, host) for host in (SHOP, "*.example.com") for path in paths]
    assert bands[0][0] == 1
    assert bands[-1][1] == priority_band("/a/b/c")[1]
    for (_, end), (start, _) in itertools.pairwise(bands):
        assert start == end + 1
        assert ingress_order(end) < ingress_order(start)


@pytest.mark.parametrize(
    ("outer", "inner", "covered"),
    [
        (None, SHOP, True),
        (SHOP, SHOP, True),
        ("*.example.com", SHOP, True),
        ("*.example.com", "*.shop.example.com", True),
        ("*.shop.example.com", "*.example.com", False),
        ("*.example.com", "example.com", False),
        ("*.ample.com", SHOP, False),
        (SHOP, None, False),
        (SHOP, "*.example.com", False),
    ],
)
def test_a_wildcard_covers_every_name_below_it(outer, inner, covered):
    assert host_covers(outer, inner) is covered


# --- between services ------------------------------------------------------------------------------------------------


def test_one_path_on_different_hosts_is_accepted(project):
    services(project, a=http("/x", hosts=["a.example.com"]), b=http("/x", hosts=["b.example.com"]), c=http("/x"))
    assert project.fault() == ""


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            http("/x", hosts=[SHOP]),
            http("/x", hosts=[SHOP]),
            f"path: is /x on {SHOP}, as in services/a/service.yaml; give each",
        ),
        (
            http("/x", paths=["/y"]),
            http("/z", paths=["/y"]),
            "paths[0]: is /y, as in services/a/service.yaml; give each",
        ),
        (http("/x", paths=["/y"]), http("/y"), "path: is /y, as in services/a/service.yaml; "),
        (
            {**INNER, "hosts": [SHOP]},
            {**INNER, "hosts": [SHOP]},
            f"hosts: is / on {SHOP}, as in services/a/service.yaml; give each service its own path or host",
        ),
    ],
)
def test_one_place_for_two_services_is_refused(project, first, second, message):
    services(project, a=first, b=second)
    assert project.fault().startswith(f"services/b/service.yaml: {message}")


def test_a_path_beside_path_is_not_hidden_by_another_service(project):
    services(project, a=http("/x", paths=["/a/x/b"]), b=http("/a", priority=1))
    assert "so /a (b) hides /a/x/b (a)" in project.fault()


def test_a_service_for_all_hosts_that_takes_requests_of_a_host_is_refused(project):
    services(project, a=http("/a", hosts=[SHOP], priority=4000), deep=http("/a/b/c/d", priority=3000))
    assert project.fault() == (
        "services/deep/service.yaml: priority: is 3000, so /a/b/c/d (deep) hides shop.example.com/a (a); "
        "remove it: the deeper path then comes first"
    )


def test_a_derived_place_that_hides_a_host_is_refused_with_a_free_one(project):
    services(project, a=http("/a", hosts=["*.example.com"]), deep=http("/a/b/c/d"))
    message = project.fault()
    start = f"services/deep/service.yaml: priority: is {derived_priority('/a/b/c/d')} unless set, so "
    assert message.startswith(start)
    free = int(message.split("set priority: ")[1].split()[0])
    services(project, deep=http("/a/b/c/d", priority=free))
    assert project.fault() == ""


def test_a_free_place_has_room_for_all_routes_of_the_service(project):
    below = http("/a", hosts=["*.example.com"])
    deep = http("/a/b/c/d", paths=["/a/b/c/e"])
    services(project, a=below, deep=deep)
    free = int(project.fault().split("set priority: ")[1].split()[0])
    services(project, other=http("/other", priority=free + 1))  # one place is left, and two are needed
    free = int(project.fault().split("set priority: ")[1].split()[0])
    services(project, deep={**deep, "priority": free})
    assert project.fault() == ""


def test_a_variable_that_an_address_needs_is_nobody_elses(project):
    web = http("/", calls=["ledger"], environment={"LEDGER_ADDRESS": "x"})
    services(project, web=web, ledger=TCP)
    assert project.fault() == (
        "services/web/service.yaml: environment.LEDGER_ADDRESS: is set by calls: [ledger]; remove it"
    )
    services(project, ledger=INNER)
    assert project.fault() == ""


@pytest.mark.parametrize(
    ("field", "value"), [("environment", "postgres://ledger:5432/books"), ("secrets", {"ssm": "/ledger/url"})]
)
def test_only_what_a_callee_of_this_protocol_sets_is_taken(project, field, value):
    """Whoever calls a database writes its URL himself, often with a password."""
    services(project, web=http("/", calls=["ledger"], **{field: {"LEDGER_URL": value}}), ledger=TCP)
    assert project.fault() == ""
    services(project, ledger=INNER)
    assert project.fault() == (f"services/web/service.yaml: {field}.LEDGER_URL: is set by calls: [ledger]; remove it")


def test_a_callee_and_a_queue_with_one_variable_are_refused(project):
    mail = {"kind": "worker", "description": "Sorts mail", "cpu": 256, "memory": 512, "queue": {}}
    services(project, web=http("/", calls=["mail-queue"], sends=["mail"]), mail=mail)
    project.service("mail-queue", INNER)
    assert project.fault() == (
        "services/web/service.yaml: calls[0]: is mail-queue, whose MAIL_QUEUE_URL is also that of the queue of mail; "
        "rename one of the two"
    )


def test_two_callees_with_one_variable_are_refused(project):
    services(project, web=http("/", calls=["a", "a-private"]), a={**INNER, "private_port": 9090})
    project.service("a-private", INNER)
    assert project.fault() == (
        "services/web/service.yaml: calls[1]: is a-private, whose A_PRIVATE_URL is also that of a; rename one of the two"
    )


def test_a_service_that_nothing_reaches_is_noticed(project):
    services(project, web=http("/", calls=["ledger"], platforms=["ecs"]), ledger=INNER)
    assert project.catalog().notices == (
        "services/ledger has no path, and on eks no service calls it: nothing reaches it",
    )


@pytest.mark.parametrize(("length", "fits"), [(56, True), (57, False)])
def test_the_name_of_a_private_port_fits_where_ecs_registers_it(project, length, fits):
    project.service("a" * length, {**INNER, "private_port": 9090})
    expected = (
        f"services/{'a' * length}/service.yaml: private_port: is registered under a name of 65 characters, and ECS allows 64; "
        "rename the folder to 56 characters or fewer, or set platforms: [eks]"
    )
    assert project.fault() == ("" if fits else expected)


# --- the environment -------------------------------------------------------------------------------------------------


def test_grpc_behind_a_load_balancer_needs_https(project):
    services(project, tracking={**GRPC, "path": "/harbour.tracking"})
    assert project.fault() == (
        f"{FILE}: protocol: is grpc, which a load balancer takes only over HTTPS, and sandbox has no domain; "
        "set domain in config/environments/sandbox.yaml, or remove path"
    )
    assert project.fault(**DOMAIN) == ""


def test_hosts_beside_a_domain_need_a_certificate(project):
    services(project, tracking={**HTTP, "hosts": [SHOP]})
    assert project.fault() == ""
    assert project.fault(**DOMAIN) == (
        f"{FILE}: hosts: holds {SHOP}, and sandbox has certificates only for ecs.harbour.example.com and "
        "eks.harbour.example.com; add the ARN of its certificate to certificates in config/environments/sandbox.yaml"
    )
    assert project.fault(**CERTIFIED) == ""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"certificates": [CERTIFICATE]},
            "certificates: needs domain: without one there is no HTTPS; remove it, or set domain",
        ),
        ({**CERTIFIED, "certificates": ["x"]}, "certificates[0]: is 'x', which is not valid; write the ARN of an ACM "),
        (
            {**CERTIFIED, "region": "eu-west-1"},
            "certificates[0]: is of eu-central-1, and a load balancer takes certificates of its own region, eu-west-1; request",
        ),
        ({**CERTIFIED, "certificates": [CERTIFICATE] * 2}, "certificates: lists "),
    ],
)
def test_certificates_that_a_load_balancer_would_refuse_are_refused(project, given, message):
    assert message in project.fault(**given)


def test_settings_without_certificates_have_none(project):
    assert isinstance(project.settings(), Settings)
    assert project.settings().certificates == ()
