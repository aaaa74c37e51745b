"""What changes of a running environment must not do on ECS: lose an export, replace what takes traffic, alarm for nothing."""

from __future__ import annotations

import pytest

from config.service import HttpService
from config.settings import Platform, References
from tests.stacks.templates import Assembly, Resource

DOMAIN = {"domain.name": "harbour.example.com", "domain.hosted_zone_id": "Z0123456789ABCDEFGHIJ"}


def http_stacks(assembly: Assembly) -> list[tuple[HttpService, str]]:
    specs = assembly.services(Platform.ECS)
    return [(spec, f"Ecs-{spec.name}") for spec in specs if isinstance(spec, HttpService) and spec.routed]


def exports(assembly: Assembly, stack: str) -> set[str]:
    outputs = assembly.templates[stack].get("Outputs", {}).values()
    return {output["Export"]["Name"] for output in outputs if "Export" in output}


def alarm(assembly: Assembly, stack: str, name: str) -> Resource:
    [found] = [
        a for a in assembly.resources("AWS::CloudWatch::Alarm", stack=stack) if a["AlarmName"].endswith(f"-{name}")
    ]
    return found


# --- exports ---


def test_a_service_exports_its_group_whether_or_not_another_calls_it(production):
    assert production.settings.references is References.STRONG
    for spec, stack in http_stacks(production):
        assert any("SecurityGroup" in name and "GroupId" in name for name in exports(production, stack)), spec.name


def test_no_export_of_the_shared_stack_depends_on_the_services(production, synthesis):
    """Otherwise the last user of a value could not let go of it: the shared stack deploys first, and would drop the export."""
    alone = synthesis.assembly("production-bare")
    for stack in ("Ecs", "Network", "Foundation"):
        assert exports(production, stack) <= exports(alone, stack), stack


def test_leaving_a_platform_out_takes_no_export_away(production, synthesis):
    """The stacks of that platform still exist when the shared ones are deployed."""
    left = synthesis.assembly("eks-alone")
    for stack in ("Network", "Foundation"):
        assert exports(production, stack) <= exports(left, stack), stack


def test_a_domain_takes_no_export_away(production, synthesis):
    with_domain = synthesis.assembly("production-domain")
    for stack in production.stacks:
        assert exports(production, stack) <= exports(with_domain, stack), stack


# --- listeners ---


def rules_on(assembly: Assembly, stack: str, listener: Resource) -> list[Resource]:
    rules = assembly.resources("AWS::ElasticLoadBalancingV2::ListenerRule", stack=stack)
    return [rule for rule in rules if rule["ListenerArn"] == listener.ref]


def rule_on(assembly: Assembly, stack: str, listener: Resource) -> Resource:
    [found] = rules_on(assembly, stack, listener)
    return found


def test_a_domain_changes_listener_and_rules_in_place(production, synthesis):
    """A rule that moves to another listener leaves its path on HTTP to the rule of / until that one has moved too."""
    with_domain = synthesis.assembly("production-domain")
    [before] = production.resources("AWS::ElasticLoadBalancingV2::Listener", stack="Ecs")
    after = {listener["Port"]: listener for listener in with_domain.resources(before.type, stack="Ecs")}
    assert after[80].id == before.id
    assert after[80]["DefaultActions"][0]["Type"] == "redirect"
    for _, stack in http_stacks(with_domain):
        old = rule_on(production, stack, before)
        http, https = rule_on(with_domain, stack, after[80]), rule_on(with_domain, stack, after[443])
        assert http.id == old.id
        assert http.properties == {**old.properties, "Actions": http["Actions"]}
        assert [action["Type"] for action in http["Actions"]] == ["redirect"]
        assert https["Actions"] == old["Actions"]


def test_a_path_is_redirected_only_after_https_answers_it(corners):
    http, https = (
        next(r for r in corners.resources("AWS::ElasticLoadBalancingV2::Listener", stack="Ecs") if r["Port"] == port)
        for port in (80, 443)
    )
    for spec, stack in http_stacks(corners):
        pairs = zip(rules_on(corners, stack, https), rules_on(corners, stack, http), strict=True)
        assert len(spec.routes) == len(rules_on(corners, stack, http))
        for secure, plain in pairs:
            assert secure.id in plain.depends_on
            assert secure.id in corners.one("AWS::ECS::Service", stack=stack).depends_on


def test_both_listeners_try_the_same_paths_in_the_same_order(corners):
    listeners = corners.resources("AWS::ElasticLoadBalancingV2::Listener", stack="Ecs")
    for _, stack in http_stacks(corners):
        one, other = (
            [(rule["Priority"], rule["Conditions"]) for rule in rules_on(corners, stack, listener)]
            for listener in listeners
        )
        assert one == other


# --- ports ---


def test_another_port_does_not_replace_the_target_group(assembly):
    """A group's port cannot be changed. ECS registers the container's own, which is what the traffic port means."""
    groups = [
        assembly.one("AWS::ElasticLoadBalancingV2::TargetGroup", stack=stack) for _, stack in http_stacks(assembly)
    ]
    assert len({spec.port for spec, _ in http_stacks(assembly)}) > 1 or assembly.settings.app != "quay"
    assert {group["Port"] for group in groups} == {8080}


def test_a_service_waits_for_the_rule_that_admits_the_load_balancer_to_its_port(assembly):
    for spec, stack in http_stacks(assembly):
        service = assembly.one("AWS::ECS::Service", stack=stack)
        rules = assembly.resources("AWS::EC2::SecurityGroupIngress", stack=stack)
        [admitted] = [rule for rule in rules if "load balancer" in rule["Description"]]
        assert admitted["FromPort"] == spec.port
        assert admitted.id in service.depends_on


# --- alarms ---


def test_a_request_that_gets_no_answer_counts_as_an_error(assembly):
    """502 and 504 come from the load balancer and are in no metric of the target group; the request is."""
    for _, stack in http_stacks(assembly):
        result, *inputs = alarm(assembly, stack, "errors")["Metrics"]
        names = {query["Id"]: query["MetricStat"]["Metric"]["MetricName"] for query in inputs}
        assert names == {
            "requests": "RequestCount",
            "good2": "HTTPCode_Target_2XX_Count",
            "good3": "HTTPCode_Target_3XX_Count",
            "good4": "HTTPCode_Target_4XX_Count",
        }
        expression = result["Expression"]
        assert evaluate(expression, requests=100, good2=94) == 6
        assert evaluate(expression, requests=1) == 100, "a quiet service's only request"
        assert evaluate(expression, requests=40, good2=30, good3=6, good4=4) == 0


def evaluate(expression: str, **metrics: int) -> float:
    """CloudWatch's arithmetic; FILL gives a number to a metric without data."""
    values = {name: metrics.get(name) for name in ("requests", "good2", "good3", "good4")}
    return float(eval(expression, {"FILL": lambda value, default: value or default, **values}))  # noqa: S307


def test_too_few_tasks_are_no_alarm_before_the_first_one_runs(assembly):
    """Missing data is too few, so an alarm that is there before the service would go off at each first deployment."""
    for spec in assembly.services(Platform.ECS):
        for service in assembly.resources("AWS::ECS::Service", stack=f"Ecs-{spec.name}"):
            running = alarm(assembly, service.stack, "running")
            assert running["TreatMissingData"] == "breaching"
            assert (
                service.id in running.depends_on
                or service.ref in str(running.properties)
                or service.att("Name") in str(running.properties)
            )


# --- calls ---


@pytest.mark.parametrize("name", ["sandbox", "corners"])
def test_a_call_may_take_as_long_as_the_manifest_says_and_not_service_connects_15_seconds(synthesis, name):
    assembly = synthesis.assembly(name)
    for spec, stack in http_stacks(assembly):
        for offered in assembly.one("AWS::ECS::Service", stack=stack)["ServiceConnectConfiguration"]["Services"]:
            assert offered["Timeout"] == {"PerRequestTimeoutSeconds": spec.call_timeout}
