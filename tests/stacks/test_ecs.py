"""Services on Fargate: what the templates promise about deployment, hardening, routing and discovery."""

from __future__ import annotations

from typing import Any

import pytest

from config.service import HttpService, Kind, ServiceSpec
from config.settings import Architecture, Platform
from tests.stacks.templates import Assembly, Resource, pairs

RUNTIME_ARCHITECTURE = {Architecture.AMD64: "X86_64", Architecture.ARM64: "ARM64"}


def ecs_services(assembly: Assembly) -> list[tuple[ServiceSpec, Resource]]:
    """Manifests of http services and workers, each with its ECS service."""
    specs = assembly.services(Platform.ECS, Kind.HTTP, Kind.WORKER)
    assert specs
    return [(spec, assembly.one("AWS::ECS::Service", stack=f"Ecs-{spec.name}")) for spec in specs]


def http_services(assembly: Assembly) -> list[tuple[HttpService, Resource]]:
    """Those behind the load balancer."""
    return [(spec, service) for spec, service in offering(assembly) if spec.routed]


def offering(assembly: Assembly) -> list[tuple[HttpService, Resource]]:
    """All http services, those that only others call included."""
    return [(spec, service) for spec, service in ecs_services(assembly) if isinstance(spec, HttpService)]


def definitions(assembly: Assembly) -> list[tuple[ServiceSpec, Resource]]:
    specs = assembly.services(Platform.ECS)
    assert specs
    return [(spec, assembly.one("AWS::ECS::TaskDefinition", stack=f"Ecs-{spec.name}")) for spec in specs]


def containers(assembly: Assembly) -> list[tuple[ServiceSpec, dict[str, Any]]]:
    """The services' own containers, each the first one of its task."""
    found = [(spec, definition["ContainerDefinitions"]) for spec, definition in definitions(assembly)]
    assert all([c["Name"] for c in group] == [spec.name, *spec.sidecars] for spec, group in found)
    return [(spec, group[0]) for spec, group in found]


def all_containers(assembly: Assembly) -> list[tuple[ServiceSpec, dict[str, Any]]]:
    """Sidecars too."""
    return [(spec, c) for spec, definition in definitions(assembly) for c in definition["ContainerDefinitions"]]


def target_group(assembly: Assembly, spec: ServiceSpec) -> Resource:
    return assembly.one("AWS::ElasticLoadBalancingV2::TargetGroup", stack=f"Ecs-{spec.name}")


def listener_rules(assembly: Assembly, spec: HttpService) -> dict[str, Resource]:
    """Those that forward, by host and path; with a domain others redirect."""
    rules = assembly.resources("AWS::ElasticLoadBalancingV2::ListenerRule", stack=f"Ecs-{spec.name}")
    found = [rule for rule in rules if rule["Actions"][0]["Type"] == "forward"]
    assert len(found) == len(spec.routes)
    return {str(route): rule for route, rule in zip(spec.routes, found, strict=True)}


# --- deployments ------------------------------------------------------------------------------------------------------


def test_a_deployment_that_never_becomes_healthy_is_rolled_back(assembly):
    for _, service in ecs_services(assembly):
        breaker = service["DeploymentConfiguration"]["DeploymentCircuitBreaker"]
        assert (breaker["Enable"], breaker["Rollback"]) == (True, True)


def test_a_worker_that_starts_and_exits_again_and_again_is_rolled_back(corners):
    """It has no health check, so a start alone counts as healthy and would set the count of failures back."""
    for spec, service in ecs_services(corners):
        breaker = service["DeploymentConfiguration"]["DeploymentCircuitBreaker"]
        strict = {"ResetOnHealthyTask": False, "ThresholdConfiguration": {"Type": "COUNT", "Value": 3}}
        checked = isinstance(spec, HttpService) and spec.routed
        assert {k: breaker[k] for k in breaker if k in strict} == ({} if checked else strict)


def test_a_deployment_never_goes_below_the_capacity_that_runs(assembly):
    for _, service in ecs_services(assembly):
        assert service["DeploymentConfiguration"]["MinimumHealthyPercent"] == 100
        assert service["DeploymentConfiguration"]["MaximumPercent"] == 200


def test_errors_and_slow_answers_roll_a_deployment_back(assembly):
    for spec, service in http_services(assembly):
        prefix = f"{assembly.settings.prefix}-ecs-{spec.name}"
        alarms = service["DeploymentConfiguration"]["Alarms"]
        assert alarms == {"AlarmNames": [f"{prefix}-errors", f"{prefix}-latency"], "Enable": True, "Rollback": True}


def test_alarms_of_a_deployment_are_there_before_the_service_and_watch_its_target_group(assembly):
    """A name that does not exist yet fails the deployment; a reference back to the service would be a cycle."""
    for spec, service in http_services(assembly):
        by_name = {a["AlarmName"]: a for a in assembly.resources("AWS::CloudWatch::Alarm", stack=service.stack)}
        for name in service["DeploymentConfiguration"]["Alarms"]["AlarmNames"]:
            assert by_name[name].id in service.depends_on
            assert target_group(assembly, spec).att("TargetGroupFullName") in str(by_name[name].properties)
            assert service.path not in str(by_name[name].properties)


def test_no_stack_has_a_cycle(assembly):
    for stack, template in assembly.templates.items():
        waits = {name: _needs(body, set(template["Resources"])) for name, body in template["Resources"].items()}
        while ready := [name for name, needs in waits.items() if not needs & set(waits)]:
            for name in ready:
                del waits[name]
        assert not waits, f"{stack}: {sorted(waits)}"


def _needs(body: Any, names: set[str]) -> set[str]:
    if isinstance(body, list):
        return set().union(*(_needs(item, names) for item in body)) if body else set()
    if not isinstance(body, dict):
        return set()
    found: set[str] = set()
    for key, value in body.items():
        if key == "ContainerDefinitions":  # their DependsOn names containers
            continue
        if key in {"Ref", "DependsOn"}:
            found |= {value} if isinstance(value, str) else set(value)
        elif key == "Fn::GetAtt":
            found.add(value[0] if isinstance(value, list) else value.split(".")[0])
        else:
            found |= _needs(value, names)
    return found & names


def test_a_deployment_leaves_the_scaled_number_of_tasks_alone(assembly):
    for spec, service in ecs_services(assembly):
        assert ("DesiredCount" in service.properties) is not spec.autoscaled, spec.name


def test_a_fixed_number_of_tasks_is_the_manifests(corners):
    fixed = {spec.name: service["DesiredCount"] for spec, service in ecs_services(corners) if not spec.autoscaled}
    assert fixed == {spec.name: spec.scaling.min for spec, _ in ecs_services(corners) if not spec.autoscaled}
    assert (fixed["front"], fixed["beta"]) == (2, 1)


def test_scaling_follows_the_manifest(assembly):
    for spec, service in ecs_services(assembly):
        targets = assembly.resources("AWS::ApplicationAutoScaling::ScalableTarget", stack=service.stack)
        assert len(targets) == int(spec.autoscaled)
        for target in targets:
            assert (target["MinCapacity"], target["MaxCapacity"]) == (spec.scaling.min, spec.scaling.max)
            assert target["ResourceId"].startswith("service/<Ecs/")
            assert target["ResourceId"].endswith(f"/<{service.path}.Name>")


def test_scaling_policies_track_what_the_manifest_asks_for(assembly):
    for spec, service in ecs_services(assembly):
        policies = assembly.resources("AWS::ApplicationAutoScaling::ScalingPolicy", stack=service.stack)
        tracked = {
            p["PredefinedMetricSpecification"]["PredefinedMetricType"]: p["TargetValue"]
            for p in (policy["TargetTrackingScalingPolicyConfiguration"] for policy in policies)
            if "PredefinedMetricSpecification" in p  # by the backlog of a queue: test_queues.py
        }
        wanted = {
            "ECSServiceAverageCPUUtilization": spec.scaling.cpu_target,
            "ALBRequestCountPerTarget": spec.scaling.requests_target if isinstance(spec, HttpService) else None,
        }
        assert tracked == ({k: v for k, v in wanted.items() if v} if spec.autoscaled else {})


def test_tasks_are_rebalanced_over_zones_after_a_fault(assembly):
    for _, service in ecs_services(assembly):
        assert service["AvailabilityZoneRebalancing"] == "ENABLED"


def test_a_service_waits_for_the_policy_of_its_execution_role(assembly):
    """Without it the first task cannot pull its image."""
    for spec, service in ecs_services(assembly):
        role = assembly.by_reference(assembly.one("AWS::ECS::TaskDefinition", stack=service.stack)["ExecutionRoleArn"])
        policies = [p for p in assembly.resources("AWS::IAM::Policy", stack=service.stack) if role.ref in p["Roles"]]
        assert policies, spec.name
        assert {p.id for p in policies} <= set(service.depends_on)


def test_a_first_start_has_the_manifests_time_to_become_healthy(assembly):
    for spec, service in ecs_services(assembly):
        wanted = spec.health_grace if isinstance(spec, HttpService) and spec.routed else None
        assert service.get("HealthCheckGracePeriodSeconds") == wanted


# --- hardening --------------------------------------------------------------------------------------------------------


def test_the_root_file_system_is_read_only_and_what_may_be_written_is_a_volume(assembly):
    """With ECS Exec, so are the three folders of its agent."""
    agent = ["/managed-agents", "/var/lib/amazon/ssm", "/var/log/amazon/ssm"] if assembly.settings.exec else []
    for spec, definition in definitions(assembly):
        own, *sidecars = definition["ContainerDefinitions"]
        assert [mount["ContainerPath"] for mount in own["MountPoints"]] == ["/tmp", *spec.writable, *agent]
        mounts = [mount for container in (own, *sidecars) for mount in container["MountPoints"]]
        assert not any(mount["ReadOnly"] for mount in mounts)
        # Without a host path or a driver: a folder of the task's own, gone with it.
        assert definition["Volumes"] == [{"Name": mount["SourceVolume"]} for mount in mounts]
        assert len({mount["SourceVolume"] for mount in mounts}) == len(mounts), "containers share a folder"
        for container in (own, *sidecars):
            assert container["ReadonlyRootFilesystem"] is True, spec.name
            assert "/tmp" in [mount["ContainerPath"] for mount in container["MountPoints"]]


def test_only_a_task_that_asks_for_more_than_the_default_has_storage_of_its_own(assembly):
    """Fargate refuses 20 GiB, which every task has."""
    for spec, definition in definitions(assembly):
        wanted = {"SizeInGiB": spec.storage} if (spec.storage or 0) > 20 else None
        assert definition.get("EphemeralStorage") == wanted, spec.name


def test_containers_run_as_a_numeric_user_that_is_not_root(assembly):
    for _, container in all_containers(assembly):
        user, group = container["User"].split(":")
        assert int(user) > 0
        assert int(group) > 0


def test_an_init_process_reaps_and_forwards_signals(assembly):
    for spec, container in containers(assembly):
        assert container["LinuxParameters"]["InitProcessEnabled"] is spec.init
    for _, container in all_containers(assembly):
        assert "InitProcessEnabled" in container["LinuxParameters"]


def test_all_capabilities_are_dropped_and_nothing_is_privileged(assembly):
    for _, container in all_containers(assembly):
        assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
        assert not container.get("Privileged", False)


def test_a_task_outlives_its_drain(assembly):
    for spec, _ in http_services(assembly):
        attributes = pairs(target_group(assembly, spec)["TargetGroupAttributes"], "Key", "Value")
        drain = int(attributes["deregistration_delay.timeout_seconds"])
        assert 0 < drain < _stop(assembly, spec) == spec.stop_timeout


def _stop(assembly: Assembly, spec: ServiceSpec) -> int:
    return next(container["StopTimeout"] for other, container in containers(assembly) if other.name == spec.name)


def test_tasks_are_private(assembly):
    private = {
        subnet.ref for subnet in assembly.resources("AWS::EC2::Subnet", stack="Network") if "PrivateSubnet" in subnet.id
    }
    networks = [service["NetworkConfiguration"]["AwsvpcConfiguration"] for _, service in ecs_services(assembly)]
    networks += [
        schedule["Target"]["EcsParameters"]["NetworkConfiguration"]["AwsvpcConfiguration"]
        for schedule in assembly.resources("AWS::Scheduler::Schedule")
    ]
    for network in networks:
        assert network["AssignPublicIp"] == "DISABLED"
        assert set(network["Subnets"]) == private


def test_spot_and_on_demand_share_tasks_by_the_setting(assembly):
    wanted = {"FARGATE_SPOT": assembly.settings.spot_weight, "FARGATE": 100 - assembly.settings.spot_weight}
    strategies = [service["CapacityProviderStrategy"] for _, service in ecs_services(assembly)]
    strategies += [
        schedule["Target"]["EcsParameters"]["CapacityProviderStrategy"]
        for schedule in assembly.resources("AWS::Scheduler::Schedule")
    ]
    for strategy in strategies:
        assert {s["CapacityProvider"]: s["Weight"] for s in strategy} == {k: v for k, v in wanted.items() if v}


def test_the_cluster_offers_both_capacity_providers(assembly):
    association = assembly.one("AWS::ECS::ClusterCapacityProviderAssociations", stack="Ecs")
    assert set(association["CapacityProviders"]) == {"FARGATE", "FARGATE_SPOT"}


# --- size, image, environment -----------------------------------------------------------------------------------------


def test_a_task_has_the_manifests_size_and_the_environments_architecture(assembly):
    for spec, definition in definitions(assembly):
        assert (definition["Cpu"], definition["Memory"]) == (str(spec.cpu), str(spec.memory))
        assert definition["RuntimePlatform"] == {
            "CpuArchitecture": RUNTIME_ARCHITECTURE[assembly.settings.architecture],
            "OperatingSystemFamily": "LINUX",
        }
        assert definition["RequiresCompatibilities"] == ["FARGATE"]
        assert definition["Family"] == f"{assembly.settings.prefix}-{spec.name}"


def test_every_task_definition_logs_without_ever_blocking_the_service(assembly):
    for spec, container in all_containers(assembly):
        options = container["LogConfiguration"]["Options"]
        group = assembly.by_reference(options["awslogs-group"])
        assert (group.type, group.stack) == ("AWS::Logs::LogGroup", f"Ecs-{spec.name}")
        assert options["mode"] == "non-blocking"


# --- routing ----------------------------------------------------------------------------------------------------------


def test_port_and_health_path_are_the_same_from_manifest_to_load_balancer(assembly):
    for spec, service in http_services(assembly):
        group = target_group(assembly, spec)
        container = next(c for other, c in containers(assembly) if other.name == spec.name)
        assert [m["ContainerPort"] for m in container["PortMappings"]] == list(spec.ports)
        assert service["LoadBalancers"] == [
            {"ContainerName": spec.name, "ContainerPort": spec.port, "TargetGroupArn": group.ref}
        ]
        assert group["HealthCheckPath"] == (spec.health.path if spec.health else "/grpc.health.v1.Health/Check")
        assert group.get("HealthCheckPort", "traffic-port") == "traffic-port"
        assert group["TargetType"] == "ip"


def test_a_rule_feeds_the_target_group_before_the_service_is_made(assembly):
    for spec, service in http_services(assembly):
        for rule in listener_rules(assembly, spec).values():
            assert rule.id in service.depends_on
            assert rule["Actions"] == [{"Type": "forward", "TargetGroupArn": target_group(assembly, spec).ref}]
            assert assembly.by_reference(rule["ListenerArn"]).stack == "Ecs"


def test_a_rule_matches_the_path_and_all_below_it(assembly):
    for spec, _ in http_services(assembly):
        for route in spec.routes:
            path, *host = listener_rules(assembly, spec)[str(route)]["Conditions"]
            patterns = path["PathPatternConfig"]["Values"]
            assert patterns == (["/*"] if route.path == "/" else [route.path, f"{route.path}/*"])
            assert [h["HostHeaderConfig"]["Values"] for h in host] == ([[route.host]] if route.host else [])


def test_priorities_are_unique_and_deeper_paths_are_tried_first(assembly):
    everywhere = priorities(assembly)
    assert len(set(everywhere.values())) == len(everywhere)
    assert all(1 <= priority <= 50000 for priority in everywhere.values())
    by_path = {route: priority for route, priority in everywhere.items() if route.startswith("/")}
    for path, priority in by_path.items():
        below = [p for p in by_path if p != path and p.startswith(path.rstrip("/") + "/")]
        assert all(by_path[deeper] < priority for deeper in below)


def test_the_root_is_tried_last(assembly):
    by_path = priorities(assembly)
    assert by_path["/"] == max(by_path.values())


def priorities(assembly: Assembly) -> dict[str, int]:
    """Of every route, by host and path."""
    found = [listener_rules(assembly, spec) for spec, _ in http_services(assembly)]
    return {route: rule["Priority"] for rules in found for route, rule in rules.items()}


def test_a_host_is_tried_before_its_wildcard_and_that_before_all_hosts(corners):
    by_route = priorities(corners)
    exact = [by_route[f"hall.example.com{path}"] for path in ("/hall", "/foyer", "/hall2/deep")]
    wildcard = [by_route[f"*.hall.example.com{path}"] for path in ("/hall", "/foyer", "/hall2/deep")]
    derived = [number for route, number in by_route.items() if route.startswith("/") and route != "/busy"]
    assert max(exact) < min(wildcard) < max(wildcard) < min(derived)


def test_the_manifests_priority_is_used(corners):
    assert priorities(corners)["/busy"] == 77


def test_a_service_without_a_path_has_nothing_at_the_load_balancer_and_keeps_its_name(corners):
    for name in ("vault", "dial"):
        types = {resource.type for resource in corners.resources(stack=f"Ecs-{name}")}
        assert not {kind for kind in types if "ElasticLoadBalancing" in kind}
        service = corners.one("AWS::ECS::Service", stack=f"Ecs-{name}")
        assert service.get("LoadBalancers", []) == []
        assert "Alarms" not in service["DeploymentConfiguration"]
        assert service["ServiceConnectConfiguration"]["Services"][0]["DiscoveryName"] == name
        assert "Url" not in corners.outputs(f"Ecs-{name}")


def test_an_inner_service_is_the_same_service_once_it_has_a_path(corners):
    """Otherwise a path would replace the service, and interrupt its callers."""
    inner, routed = (corners.one("AWS::ECS::Service", stack=f"Ecs-{name}") for name in ("vault", "front"))
    assert inner.id == routed.id


def test_a_browser_comes_back_to_the_same_task_for_as_long_as_the_manifest_says(corners):
    spec = corners.catalog.http_service("hall")
    attributes = pairs(target_group(corners, spec)["TargetGroupAttributes"], "Key", "Value")
    kept = {key: value for key, value in attributes.items() if key.startswith("stickiness")}
    assert kept == {
        "stickiness.enabled": "true",
        "stickiness.type": "lb_cookie",
        "stickiness.lb_cookie.duration_seconds": "3600",
    }


def test_a_grpc_service_is_checked_by_its_health_method_over_grpc(corners):
    group = target_group(corners, corners.catalog.http_service("wire"))
    assert (group["ProtocolVersion"], group["Protocol"]) == ("GRPC", "HTTP")
    assert (group["HealthCheckPath"], group["Matcher"]) == ("/grpc.health.v1.Health/Check", {"GrpcCode": "0"})


def test_further_certificates_are_the_listeners_of_https(corners):
    added = corners.one("AWS::ElasticLoadBalancingV2::ListenerCertificate", stack="Ecs")
    https = next(r for r in corners.resources("AWS::ElasticLoadBalancingV2::Listener", stack="Ecs") if r["Port"] == 443)
    assert added["ListenerArn"] == https.ref
    assert [entry["CertificateArn"] for entry in added["Certificates"]] == list(corners.settings.certificates)


def test_a_path_that_no_service_has_is_answered_with_404(assembly):
    listeners = assembly.resources("AWS::ElasticLoadBalancingV2::Listener", stack="Ecs")
    actions = [action for listener in listeners for action in listener["DefaultActions"]]
    fixed = [action["FixedResponseConfig"]["StatusCode"] for action in actions if action["Type"] == "fixed-response"]
    assert fixed == ["404"]


def test_without_a_domain_there_is_one_http_listener(environment):
    if environment.settings.domain:
        pytest.skip("this environment has a domain")
    listener = environment.one("AWS::ElasticLoadBalancingV2::Listener", stack="Ecs")
    assert (listener["Port"], listener["Protocol"]) == (80, "HTTP")
    assert environment.outputs("Ecs")["Url"].startswith("http://<Ecs/LoadBalancer")


def test_with_a_domain_http_redirects_to_https_with_a_certificate_and_an_alias(corners):
    by_port = {r["Port"]: r for r in corners.resources("AWS::ElasticLoadBalancingV2::Listener", stack="Ecs")}
    certificate = corners.one("AWS::CertificateManager::Certificate", stack="Ecs")
    record = corners.one("AWS::Route53::RecordSet", stack="Ecs")
    redirect = by_port[80]["DefaultActions"][0]["RedirectConfig"]
    assert (redirect["Protocol"], redirect["Port"], redirect["StatusCode"]) == ("HTTPS", "443", "HTTP_301")
    assert by_port[443]["Certificates"] == [{"CertificateArn": certificate.ref}]
    assert certificate["DomainName"] == "ecs.harbour.example.com"
    assert record["Name"] == "ecs.harbour.example.com."
    assert "LoadBalancer" in record["AliasTarget"]["DNSName"]
    assert corners.outputs("Ecs")["Url"] == "https://ecs.harbour.example.com"
    for spec, _ in http_services(corners):
        assert {rule["ListenerArn"] for rule in listener_rules(corners, spec).values()} == {by_port[443].ref}


def test_the_load_balancer_is_public_and_drops_invalid_headers(assembly):
    balancer = assembly.one("AWS::ElasticLoadBalancingV2::LoadBalancer", stack="Ecs")
    attributes = pairs(balancer["LoadBalancerAttributes"], "Key", "Value")
    assert balancer["Scheme"] == "internet-facing"
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["access_logs.s3.enabled"] == "true"
    subnets = [assembly.by_reference(subnet).id for subnet in balancer["Subnets"]]
    assert subnets
    assert all("PublicSubnet" in subnet for subnet in subnets)


# --- discovery --------------------------------------------------------------------------------------------------------


def test_http_services_are_found_by_their_own_name(assembly):
    for spec, service in offering(assembly):
        connect = service["ServiceConnectConfiguration"]
        aliases = [[{"DnsName": spec.name, "Port": port}] for port in spec.ports]
        assert connect["Enabled"] is True
        assert [s["ClientAliases"] for s in connect["Services"]] == aliases
        assert [s["DiscoveryName"] for s in connect["Services"]] == [spec.name, f"{spec.name}_private"][: len(aliases)]
        container = next(c for other, c in containers(assembly) if other.name == spec.name)
        assert [s["PortName"] for s in connect["Services"]] == [m["Name"] for m in container["PortMappings"]]


def test_service_connect_knows_what_a_port_speaks_and_times_only_requests(corners):
    spoken = {spec.name: container.get("PortMappings", []) for spec, container in containers(corners)}
    assert [mapping.get("AppProtocol") for mapping in spoken["dial"]] == [None, "http"]
    assert [mapping.get("AppProtocol") for mapping in spoken["wire"]] == ["grpc"]
    [main, private] = corners.one("AWS::ECS::Service", stack="Ecs-dial")["ServiceConnectConfiguration"]["Services"]
    assert "Timeout" not in main
    assert private["Timeout"] == {"PerRequestTimeoutSeconds": 60}


def test_all_services_share_one_namespace_named_after_the_environment(assembly):
    namespace = assembly.one("AWS::ServiceDiscovery::HttpNamespace", stack="Ecs")
    assert namespace["Name"] == assembly.settings.prefix
    cluster = assembly.one("AWS::ECS::Cluster", stack="Ecs")
    assert cluster["ClusterName"] == assembly.settings.prefix
    for spec, service in ecs_services(assembly):
        if spec.kind is Kind.HTTP or spec.calls:
            assert service["ServiceConnectConfiguration"]["Namespace"] == namespace.att("Arn")


def test_a_worker_that_calls_can_resolve_names_but_has_no_name(corners):
    mover = corners.one("AWS::ECS::Service", stack="Ecs-mover")
    assert mover["ServiceConnectConfiguration"]["Enabled"] is True
    assert "Services" not in mover["ServiceConnectConfiguration"]
    assert mover.get("LoadBalancers", []) == []


def test_a_caller_is_deployed_after_its_callees(assembly):
    """Service Connect proxies learn names when the task starts."""
    for spec in assembly.services(Platform.ECS):
        before = {f"Ecs-{callee.name}" for callee in assembly.catalog.deployed_before(spec.name, Platform.ECS)}
        assert before <= set(assembly.stacks[f"Ecs-{spec.name}"]["dependencies"])


def test_a_cycle_of_calls_does_not_become_a_cycle_of_stacks(corners):
    dependencies = {name: set(stack["dependencies"]) for name, stack in corners.stacks.items()}
    assert "Ecs-alpha" in dependencies["Ecs-beta"]
    assert "Ecs-beta" not in dependencies["Ecs-alpha"]


# --- alarms -----------------------------------------------------------------------------------------------------------


def test_every_alarm_reaches_the_topic_and_describes_the_fault(assembly):
    topic = assembly.one("AWS::SNS::Topic", stack="Foundation")
    alarms = assembly.resources("AWS::CloudWatch::Alarm")
    assert alarms
    for alarm in alarms:
        assert alarm["AlarmActions"] == alarm["OKActions"] == [topic.ref]
        assert len(alarm["AlarmDescription"]) > 20
        assert alarm["AlarmName"].startswith(f"{assembly.settings.prefix}-")


def test_alarm_names_are_unique(assembly):
    names = [alarm["AlarmName"] for alarm in assembly.resources("AWS::CloudWatch::Alarm")]
    assert len(names) == len(set(names))


def test_every_service_has_an_alarm_for_running_below_its_minimum(assembly):
    for spec, service in ecs_services(assembly):
        alarms = {a["AlarmName"]: a for a in assembly.resources("AWS::CloudWatch::Alarm", stack=service.stack)}
        alarm = alarms[f"{assembly.settings.prefix}-ecs-{spec.name}-running"]
        assert alarm["Threshold"] == spec.scaling.min
        assert alarm["ComparisonOperator"] == "LessThanThreshold"
        assert alarm["TreatMissingData"] == "breaching"


def test_alarms_can_be_mailed(corners):
    subscription = corners.one("AWS::SNS::Subscription", stack="Foundation")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ops@example.com")


def test_cloudwatch_may_publish_to_the_topic(assembly):
    policy = assembly.one("AWS::SNS::TopicPolicy", stack="Foundation")
    publishers = [s["Principal"] for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]
    assert {"Service": "cloudwatch.amazonaws.com"} in publishers
