"""Rules between services and with their environment, and the order of deployment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.catalog import Catalog
from config.limits import FARGATE_MEMORY, is_fargate_pair, nearest_fargate_pair
from config.service import HttpService, Kind
from config.settings import SERVICE_NAME, Platform
from tests.unit.config.project import JOB, WORKER, Project, http

PRIORITY_TWINS = ("/s240", "/s248")  # two paths with the same derived priority, as a test checks


def services(project: Project, **manifests: dict[str, Any]) -> Project:
    for name, manifest in manifests.items():
        project.service(name.replace("_", "-"), manifest)
    return project


def order(project: Project, platform: Platform = Platform.ECS) -> list[str]:
    return [spec.name for spec in project.catalog().on(platform)]


# --- load balancers ---


def test_an_internal_service_is_refused_where_there_is_no_internal_load_balancer(project):
    services(project, admin=http("/admin", internal=True))
    assert project.fault() == (
        "services/admin/service.yaml: internal: is true, and sandbox has no internal load balancer; write "
        "internal_load_balancer: true in config/environments/sandbox.yaml, or remove it"
    )
    assert project.fault(internal_load_balancer="true") == ""


def test_a_path_is_taken_on_one_load_balancer_only(project):
    services(project, web=http("/"), admin=http("/", internal=True))
    assert project.fault(internal_load_balancer="true") == ""
    services(project, other=http("/", internal=True))
    assert "is /, as in services/admin/service.yaml" in project.fault(internal_load_balancer="true")


# --- calls -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        (["trackng"], "calls[0]: is 'trackng', which is not a service; did you mean tracking?"),
        (["zzz"], "calls[0]: is 'zzz', which is not a service; remove it, or add services/zzz/"),
        (["tracking", "web"], "calls[1]: is the service itself; remove it"),
        (["mailer"], "calls[0]: is mailer, a worker, which does not listen; remove it, or make mailer kind: http"),
        (["hello"], "calls[0]: is hello, a job, which does not listen; remove it, or make hello kind: http"),
    ],
)
def test_a_call_that_nothing_could_answer_is_refused(project, calls, message):
    services(project, web=http("/", calls=calls), tracking=http("/tracking"), mailer=WORKER, hello=JOB)
    assert project.fault() == f"services/web/service.yaml: {message}"


@pytest.mark.parametrize(
    ("sends", "message"),
    [
        (["mailr"], "sends[0]: is 'mailr', which is not a service; did you mean mailer?"),
        (["zzz"], "sends[0]: is 'zzz', which is not a service; remove it, or add services/zzz/"),
        (["mailer", "sorter"], "sends[1]: is the service itself; remove it"),
        (["web"], "sends[0]: is web, of kind http, and only a worker has a queue; remove it, or send to a worker"),
        (["hello"], "sends[0]: is hello, of kind job, and only a worker has a queue; remove it, or send to a worker"),
        (["idler"], "sends[0]: is idler, a worker without a queue; add queue: {} to services/idler/service.yaml"),
    ],
)
def test_a_message_that_nobody_could_take_is_refused(project, sends, message):
    queue = {**WORKER, "queue": {}}
    services(project, sorter={**queue, "sends": sends}, mailer=queue, idler=WORKER, web=http("/"), hello=JOB)
    assert project.fault() == f"services/sorter/service.yaml: {message}"


def test_a_message_to_a_worker_on_the_other_platform_only_is_allowed(project):
    """Both platforms share the queue, and no network path is needed."""
    mailer = {**WORKER, "queue": {}, "platforms": ["eks"]}
    services(project, web=http("/", sends=["mailer"], platforms=["ecs"]), mailer=mailer)
    assert project.catalog().service("web").queues == ("mailer",)


def test_a_message_to_a_worker_that_runs_nowhere_in_the_environment_is_refused(project):
    services(project, web=http("/", sends=["mailer"]), mailer={**WORKER, "queue": {}, "platforms": ["eks"]})
    assert project.fault(platforms="ecs") == (
        "services/web/service.yaml: sends[0]: is mailer, which does not run in this environment, so nobody would take the "
        "messages; add a platform of the environment to the platforms of mailer, or remove it in overrides"
    )


def test_services_that_send_to_each_other_are_no_cycle(project):
    queue = {**WORKER, "queue": {}}
    services(project, a={**queue, "sends": ["b"]}, b={**queue, "sends": ["a"]})
    assert project.catalog().notices == ()


def test_a_call_to_a_service_that_is_not_on_every_platform_of_its_caller_is_refused(project):
    services(project, web=http("/", calls=["tracking"]), tracking=http("/tracking", platforms=["ecs"]))
    assert project.fault() == (
        "services/web/service.yaml: calls[0]: is tracking, which does not run on eks, where this service does; "
        "set platforms: [ecs] here, or add eks to the platforms of tracking"
    )


def test_a_call_to_a_service_on_the_other_platform_is_refused(project):
    web = http("/", calls=["tracking"], platforms=["eks"])
    services(project, web=web, tracking=http("/tracking", platforms=["ecs"]))
    assert project.fault().endswith(
        "does not run on eks, where this service does; add eks to the platforms of tracking"
    )


def test_a_job_on_ecs_cannot_call_since_its_task_cannot_resolve_names(project):
    services(project, hello={**JOB, "calls": ["tracking"]}, tracking=http("/tracking"))
    assert project.fault() == (
        "services/hello/service.yaml: calls: cannot be resolved on ecs, where a scheduled task has no Service Connect; "
        "set platforms: [eks], or remove it"
    )
    services(project, hello={**JOB, "calls": ["tracking"], "platforms": ["eks"]})
    assert project.fault() == ""


def test_a_callee_on_more_platforms_than_its_caller_is_accepted(project):
    services(project, web=http("/", calls=["tracking"], platforms=["ecs"]), tracking=http("/tracking"))
    assert project.fault() == ""


def test_a_callee_missing_on_a_platform_that_the_environment_lacks_is_accepted(project):
    services(project, web=http("/", calls=["tracking"]), tracking=http("/tracking", platforms=["ecs"]))
    assert project.fault(platforms="ecs") == ""


def test_callers_are_listed_per_platform(project):
    services(
        project,
        tracking=http("/tracking"),
        web=http("/", calls=["tracking"], platforms=["ecs"]),
        quotes=http("/quotes", calls=["tracking"]),
        nightly={**JOB, "calls": ["tracking"], "platforms": ["eks"]},
    )
    catalog = project.catalog()
    assert [s.name for s in catalog.callers("tracking", Platform.ECS)] == ["quotes", "web"]
    assert [s.name for s in catalog.callers("tracking", Platform.EKS)] == ["nightly", "quotes"]
    assert catalog.callers("web", Platform.ECS) == ()


def test_an_unknown_service_is_a_key_error(project):
    services(project, web=http("/"))
    with pytest.raises(KeyError, match="other"):
        project.catalog().service("other")


# --- order -----------------------------------------------------------------------------------------------------------


def test_callees_are_deployed_before_their_callers(project):
    services(project, a=http("/a", calls=["b"]), b=http("/b", calls=["c"]), c=http("/c"), d=http("/d"))
    assert order(project) == ["c", "b", "a", "d"]
    assert project.catalog().notices == ()


def test_a_cycle_is_allowed_and_broken_the_same_way_each_time_and_reported(project):
    services(project, a=http("/a", calls=["b"]), b=http("/b", calls=["a"]))
    assert order(project) == ["a", "b"]
    assert project.catalog().notices == (
        "services/a is in a cycle of calls: on ecs it starts before b and cannot find it until its tasks restart, "
        "so redeploy Ecs-a once after the first deployment",
    )


def test_a_cycle_costs_nothing_on_kubernetes(project):
    services(project, a=http("/a", calls=["b"], platforms=["eks"]), b=http("/b", calls=["a"], platforms=["eks"]))
    assert project.catalog().notices == ()


def test_a_caller_of_a_cycle_still_waits_for_it(project):
    services(project, a=http("/a", calls=["b"]), b=http("/b", calls=["c"]), c=http("/c", calls=["b"]))
    assert order(project) == ["b", "a", "c"]
    assert [s.name for s in project.catalog().deployed_before("a", Platform.ECS)] == ["b"]
    assert project.catalog().deployed_before("b", Platform.ECS) == ()


NAMES = [f"s{n}" for n in range(7)]
GRAPHS = st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES), max_size=4), min_size=1)


def catalog_of(graph: dict[str, set[str]]) -> Catalog:
    def spec(name: str) -> HttpService:
        calls = tuple(c for c in sorted(graph[name]) if c in graph and c != name)
        return HttpService.model_construct(
            name=name, folder=Path(name), kind=Kind.HTTP, path=f"/{name}", calls=calls, platforms=(Platform.ECS,)
        )

    return Catalog(tuple(spec(name) for name in sorted(graph)))


def reached(catalog: Catalog, start: str) -> set[str]:
    seen: set[str] = set()
    ahead = list(catalog.service(start).calls)
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead.extend(catalog.service(name).calls)
    return seen


@given(GRAPHS)
def test_only_members_of_one_cycle_are_ever_out_of_order(graph):
    catalog = catalog_of(graph)
    sequence = [spec.name for spec in catalog.on(Platform.ECS)]
    assert sorted(sequence) == sorted(graph)
    for spec in catalog.services:
        for callee in spec.calls:
            if sequence.index(callee) > sequence.index(spec.name):
                assert spec.name in reached(catalog, callee)


@given(GRAPHS)
def test_stacks_never_wait_for_each_other_in_a_cycle(graph):
    catalog = catalog_of(graph)
    sequence = [spec.name for spec in catalog.on(Platform.ECS)]
    for spec in catalog.services:
        for earlier in catalog.deployed_before(spec.name, Platform.ECS):
            assert sequence.index(earlier.name) < sequence.index(spec.name)
            assert earlier.name in spec.calls


# --- routes ----------------------------------------------------------------------------------------------------------


def test_two_services_on_one_path_are_refused(project):
    services(project, a=http("/same"), b=http("/same"))
    assert project.fault() == (
        "services/b/service.yaml: path: is /same, as in services/a/service.yaml; give each service its own path"
    )


def test_one_path_on_different_platforms_is_accepted(project):
    services(project, a=http("/same", platforms=["ecs"]), b=http("/same", platforms=["eks"]))
    assert project.fault() == ""


def test_a_path_below_another_is_accepted(project):
    services(project, a=http("/"), b=http("/b"), c=http("/b/c"), d=http("/bc"), e=http("/b/c/d/e"))
    assert project.fault() == ""


def test_two_paths_that_hash_to_one_priority_are_refused_with_a_free_one(project):
    services(project, a=http(PRIORITY_TWINS[0]), b=http(PRIORITY_TWINS[1]))
    message = project.fault()
    assert message.startswith("services/b/service.yaml: priority: is ")
    assert ", the same as for a; set priority: " in message
    free = int(message.split("set priority: ")[1].split()[0])
    services(project, b=http(PRIORITY_TWINS[1], priority=free))
    assert project.fault() == ""


def test_a_priority_that_another_service_derives_is_refused_where_it_was_written(project):
    services(project, a=http("/a", priority=33788), quotes=http("/quotes"))
    assert project.fault() == (
        "services/a/service.yaml: priority: is 33788, the same as for quotes; set priority: 33789 in services/a/service.yaml"
    )


def test_one_priority_on_different_platforms_is_accepted(project):
    services(project, a=http("/a", priority=5, platforms=["ecs"]), b=http("/b", priority=5, platforms=["eks"]))
    assert project.fault() == ""


@pytest.mark.parametrize(
    ("outer", "inner", "file"),
    [({"priority": 5}, {}, "a"), ({}, {"priority": 49999}, "b"), ({"priority": 5}, {"priority": 6}, "a")],
)
def test_a_priority_that_hides_a_deeper_path_is_refused(project, outer, inner, file):
    services(project, a=http("/a", **outer), b=http("/a/x/b", **inner))
    message = project.fault()
    assert message.startswith(f"services/{file}/service.yaml: priority: is ")
    assert "so /a (a) hides /a/x/b (b); remove it: the deeper path then comes first" in message


def test_adding_a_service_moves_no_other_services_priority(project):
    services(project, quotes=http("/quotes"), tracking=http("/tracking"))
    before = {s.name: s.routes[0].priority for s in project.catalog().services}
    services(project, another=http("/another"), deep=http("/quotes/deep"), web=http("/"))
    after = {s.name: s.routes[0].priority for s in project.catalog().services}
    assert {name: after[name] for name in before} == before


# --- the environment -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cpu", "memory", "message"),
    [
        (256, 4096, "memory: is 4096; Fargate has no task of cpu 256 and memory 4096; write cpu: 512 and memory: 4096"),
        (256, 256, "memory: is 256; Fargate has no task of cpu 256 and memory 256; write cpu: 256 and memory: 512"),
        (300, 512, "cpu: is 300; Fargate has no task of cpu 300 and memory 512; write cpu: 512 and memory: 1024"),
        (
            1024,
            1024,
            "memory: is 1024; Fargate has no task of cpu 1024 and memory 1024; write cpu: 1024 and memory: 2048",
        ),
        (
            8192,
            17000,
            "memory: is 17000; Fargate has no task of cpu 8192 and memory 17000; write cpu: 8192 and memory: 20480",
        ),
        (
            256,
            122880,
            "memory: is 122880; Fargate has no task of cpu 256 and memory 122880; write cpu: 16384 and memory: 122880",
        ),
    ],
)
def test_a_size_that_fargate_does_not_offer_is_refused_with_the_nearest(project, cpu, memory, message):
    services(project, web=http("/", cpu=cpu, memory=memory))
    assert project.fault() == f"services/web/service.yaml: {message}"
    assert project.fault(platforms="eks") == ""


def test_the_table_of_fargate_sizes_is_the_published_one():
    sizes = {cpu: (memories[0], memories[-1], len(memories)) for cpu, memories in FARGATE_MEMORY.items()}
    assert sizes == {
        256: (512, 2048, 3),
        512: (1024, 4096, 4),
        1024: (2048, 8192, 7),
        2048: (4096, 16384, 13),
        4096: (8192, 30720, 23),
        8192: (16384, 61440, 12),
        16384: (32768, 122880, 12),
    }


@given(st.integers(64, 16384), st.integers(64, 122880))
def test_the_nearest_fargate_size_exists_and_is_never_smaller(cpu, memory):
    nearest = nearest_fargate_pair(cpu, memory)
    assert is_fargate_pair(*nearest)
    assert nearest[0] >= cpu
    assert nearest[1] >= memory
    if is_fargate_pair(cpu, memory):
        assert nearest == (cpu, memory)


@pytest.mark.parametrize("name", ["checkoutservice", "productcatalogservice", "shipment-search", "a" * 63])
@pytest.mark.parametrize("environment", ["sandbox", "production"])
def test_no_name_is_refused_because_of_a_resource_that_is_not_named_after_it(project, name, environment):
    services(project, **{name: http("/a")})
    assert project.fault(environment) == ""
    services(project, **{name: WORKER})
    assert project.fault(environment) == ""


def test_a_name_too_long_for_a_cron_job_is_refused_only_for_one(project):
    name = "a" * 53
    services(project, **{name: JOB})
    assert project.fault() == (
        f"services/{name}: folder: gives a CronJob a name of 53 characters, and Kubernetes allows 52; "
        "rename the folder to 52 characters or fewer, or set platforms: [ecs]"
    )
    services(project, **{name: {**JOB, "platforms": ["ecs"]}})
    assert project.fault() == ""


def test_a_name_too_long_for_the_job_of_before_deploy_is_refused_only_with_one(project):
    name = "a" * 50
    migrating = {**WORKER, "before_deploy": {"command": ["migrate"]}}
    services(project, **{name: migrating})
    assert project.fault() == (
        f"services/{name}: folder: gives before_deploy's objects a name that is too long for Kubernetes: 50 characters here; "
        "rename the folder to 49 characters or fewer, or set platforms: [ecs]"
    )
    services(project, **{name: {**migrating, "platforms": ["ecs"]}})
    assert project.fault() == ""
    services(project, **{name: WORKER})
    assert project.fault() == ""


@given(st.from_regex(SERVICE_NAME.pattern, fullmatch=True))
def test_every_name_that_the_folder_rule_accepts_is_valid_in_ecr_and_kubernetes(name):
    ecr = r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*"  # its API reference's pattern
    rfc_1035_label = r"[a-z]([-a-z0-9]*[a-z0-9])?"  # what Kubernetes requires of a Service's name
    assert re.fullmatch(ecr, f"harbour-sandbox/{name}")
    assert re.fullmatch(rfc_1035_label, name)


def test_a_service_on_none_of_the_environments_platforms_is_skipped_and_reported(project):
    services(project, web=http("/"), mailer={**WORKER, "platforms": ["eks"]})
    catalog = project.catalog(platforms="ecs")
    assert [s.name for s in catalog.services] == ["web"]
    assert catalog.notices == ("services/mailer does not run in sandbox, which has none of its platforms",)


def test_a_repository_to_keep_must_not_belong_to_an_existing_service(project):
    services(project, web=http("/"))
    assert project.fault(keep_repositories="old") == ""
    assert project.fault(keep_repositories="old,web") == (
        "config/environments/sandbox.yaml: keep_repositories[1]: is web, whose folder still exists; "
        "remove it: a service that has a folder keeps its repository anyway"
    )
