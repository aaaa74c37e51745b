"""One manifest, two platforms: each field means the same on both, read back from the templates."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from config.model import Model
from config.service import Kind, ServiceSpec, kinds_with, manifest_fields, meaning_of
from config.settings import Platform
from tests.stacks.kubernetes import pod_template, port_number, quantity, workloads
from tests.stacks.templates import Assembly, pairs

Reader = Callable[[Assembly, ServiceSpec], Any]
READERS: dict[str, tuple[Reader, Reader]] = {}


def means(field: str) -> Callable[[type], type]:
    """Registers how a field is read back: a class with `ecs` and `eks`, and `declared` where that is not the field itself."""

    def register(readers: type) -> type:
        READERS[field] = (readers.ecs, readers.eks)  # type: ignore[attr-defined]
        return readers

    return register


def task(assembly: Assembly, spec: ServiceSpec) -> Any:
    return assembly.one("AWS::ECS::TaskDefinition", stack=f"Ecs-{spec.name}")


def container(assembly: Assembly, spec: ServiceSpec) -> dict[str, Any]:
    found: dict[str, Any] = task(assembly, spec)["ContainerDefinitions"][0]
    return found


def pod(assembly: Assembly, spec: ServiceSpec) -> dict[str, Any]:
    found: dict[str, Any] = pod_template(workloads(assembly.objects(f"Eks-{spec.name}"))[0])["spec"]
    return found


def pod_container(assembly: Assembly, spec: ServiceSpec) -> dict[str, Any]:
    found: dict[str, Any] = pod(assembly, spec)["containers"][0]
    return found


def ecs_object(assembly: Assembly, spec: ServiceSpec, kind: str) -> Any:
    return assembly.one(kind, stack=f"Ecs-{spec.name}")


def eks_object(assembly: Assembly, spec: ServiceSpec, kind: str) -> dict[str, Any]:
    return assembly.object(f"Eks-{spec.name}", kind)


@means("kind")
class _Kind:
    @staticmethod
    def ecs(assembly, spec):
        types = {r.type for r in assembly.resources(stack=f"Ecs-{spec.name}")}
        if "AWS::Scheduler::Schedule" in types:
            return Kind.JOB
        return Kind.HTTP if "AWS::ElasticLoadBalancingV2::ListenerRule" in types else Kind.WORKER

    @staticmethod
    def eks(assembly, spec):
        kinds = {o["kind"] for o in assembly.objects(f"Eks-{spec.name}")}
        if "CronJob" in kinds:
            return Kind.JOB
        return Kind.HTTP if "Ingress" in kinds else Kind.WORKER


@means("platforms")
class _Platforms:
    @staticmethod
    def ecs(assembly, spec):
        return f"Ecs-{spec.name}" in assembly.stacks

    eks = ecs


@means("port")
class _Port:
    @staticmethod
    def ecs(assembly, spec):
        return [mapping["ContainerPort"] for mapping in container(assembly, spec)["PortMappings"]]

    @staticmethod
    def eks(assembly, spec):
        own = pod_container(assembly, spec)
        return [port_number(own, port["name"]) for port in own.get("ports", [])]


@means("path")
class _Path:
    @staticmethod
    def ecs(assembly, spec):
        rule = assembly.resources("AWS::ElasticLoadBalancingV2::ListenerRule", stack=f"Ecs-{spec.name}")[0]
        return rule["Conditions"][0]["PathPatternConfig"]["Values"][0].replace("/*", "/")

    @staticmethod
    def eks(assembly, spec):
        return eks_object(assembly, spec, "Ingress")["spec"]["rules"][0]["http"]["paths"][0]["path"]


@means("priority")
class _Priority:
    """The order of all services; nothing else is comparable between the two numbering schemes."""

    @staticmethod
    def ecs(assembly, spec):
        def number(name: str) -> int:
            return assembly.resources("AWS::ElasticLoadBalancingV2::ListenerRule", stack=f"Ecs-{name}")[0]["Priority"]

        return [other for other in _rivals(assembly, spec) if number(other) < number(spec.name)]

    @staticmethod
    def eks(assembly, spec):
        def number(name: str) -> int:
            annotations = assembly.object(f"Eks-{name}", "Ingress")["metadata"]["annotations"]
            return int(annotations["alb.ingress.kubernetes.io/group.order"])

        return [other for other in _rivals(assembly, spec) if number(other) < number(spec.name)]


def _rivals(assembly: Assembly, spec: ServiceSpec) -> list[str]:
    """Services on both platforms that could answer the same request."""
    both = [s for s in assembly.services(Platform.ECS, Kind.HTTP) if Platform.EKS in s.platforms]
    own = (spec.path).rstrip("/") + "/"
    paths = {other.name: (other.path or "").rstrip("/") + "/" for other in both if other.name != spec.name}
    return sorted(name for name, path in paths.items() if path.startswith(own) or own.startswith(path))


@means("health")
class _Health:
    @staticmethod
    def ecs(assembly, spec):
        return {ecs_object(assembly, spec, "AWS::ElasticLoadBalancingV2::TargetGroup")["HealthCheckPath"]}

    @staticmethod
    def eks(assembly, spec):
        probes = [pod_container(assembly, spec)[p]["httpGet"]["path"] for p in ("readinessProbe", "livenessProbe")]
        annotations = eks_object(assembly, spec, "Ingress")["metadata"]["annotations"]
        return {*probes, annotations["alb.ingress.kubernetes.io/healthcheck-path"]}


@means("health_grace")
class _Grace:
    """In steps of the probe's period."""

    @staticmethod
    def ecs(assembly, spec):
        return -(-ecs_object(assembly, spec, "AWS::ECS::Service")["HealthCheckGracePeriodSeconds"] // 5)

    @staticmethod
    def eks(assembly, spec):
        return pod_container(assembly, spec)["startupProbe"]["failureThreshold"]


@means("cpu")
class _Cpu:
    """In thousandths of a processor."""

    @staticmethod
    def ecs(assembly, spec):
        return int(task(assembly, spec)["Cpu"]) * 1000 // 1024

    @staticmethod
    def eks(assembly, spec):
        return quantity(pod_container(assembly, spec)["resources"]["requests"]["cpu"]) * 1000


@means("memory")
class _Memory:
    @staticmethod
    def ecs(assembly, spec):
        return int(task(assembly, spec)["Memory"]) * 2**20

    @staticmethod
    def eks(assembly, spec):
        return quantity(pod_container(assembly, spec)["resources"]["limits"]["memory"])


@means("environment")
class _Environment:
    """All variables, including the platform's own."""

    @staticmethod
    def ecs(assembly, spec):
        return pairs(container(assembly, spec)["Environment"], "Name", "Value")

    @staticmethod
    def eks(assembly, spec):
        return pairs([v for v in pod_container(assembly, spec)["env"] if "value" in v], "name", "value")


@means("secrets")
class _Secrets:
    """(source, key, stage, version id) of each variable."""

    @staticmethod
    def ecs(assembly, spec):
        given = pairs(container(assembly, spec).get("Secrets", []), "Name", "ValueFrom")
        sources = {name: re.sub(r"^.*?:(secret:|parameter)", "", arn) for name, arn in given.items()}
        return {name: tuple(f"{source}:::".split(":")[:4]) for name, source in sources.items()}

    @staticmethod
    def eks(assembly, spec):
        if not spec.secrets:
            return {v["name"]: v for v in pod_container(assembly, spec)["env"] if "valueFrom" in v}
        provider = eks_object(assembly, spec, "SecretProviderClass")["spec"]
        files = {}
        for source in json.loads(provider["parameters"]["objects"]):
            version = source.get("objectVersionLabel", ""), source.get("objectVersion", "")
            files[source["objectAlias"]] = (source["objectName"], "", *version)
            for entry in source.get("jmesPath", []):
                files[entry["objectAlias"]] = (source["objectName"], json.loads(entry["path"]), *version)
        return {item["key"]: files[item["objectName"]] for item in provider["secretObjects"][0]["data"]}


class _Allowed:
    """(resource, allowed action, conditions) of the workload's own role, without what fetches its secrets."""

    @staticmethod
    def ecs(assembly, spec):
        return _access(assembly, task(assembly, spec)["TaskRoleArn"])

    @staticmethod
    def eks(assembly, spec):
        identities = assembly.resources("AWS::EKS::PodIdentityAssociation", stack=f"Eks-{spec.name}")
        return _access(assembly, identities[0]["RoleArn"]) if identities else set()


means("table")(_Allowed)
means("tables")(_Allowed)
means("bucket")(_Allowed)
means("rights")(_Allowed)


def _access(assembly: Assembly, role: str) -> set[tuple[str, str, str]]:
    return {
        (resource, action, json.dumps(statement.conditions, sort_keys=True))
        for statement in assembly.statements(assembly.by_reference(role))
        for action in statement.actions
        for resource in statement.resources
        if not action.startswith(("secretsmanager:", "ssm:")) and "EncryptionContext" not in str(statement.conditions)
    }


@means("calls")
class _Calls:
    """(callee, port) of each path that is open from this service."""

    @staticmethod
    def ecs(assembly, spec):
        groups = {
            assembly.one("AWS::EC2::SecurityGroup", stack=f"Ecs-{s.name}").att("GroupId"): s.name
            for s in assembly.services(Platform.ECS)
        }
        return {
            (groups[rule["DestinationSecurityGroupId"]], rule["FromPort"])
            for rule in assembly.resources("AWS::EC2::SecurityGroupEgress")
            if groups.get(rule["GroupId"]) == spec.name
        }

    @staticmethod
    def eks(assembly, spec):
        policy = eks_object(assembly, spec, "NetworkPolicy")["spec"]
        return {
            (
                peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"],
                _port_of(assembly, peer, rule["ports"][0]["port"]),
            )
            for rule in policy["egress"]
            for peer in rule["to"]
            if "podSelector" in peer
        }


def _port_of(assembly: Assembly, peer: dict[str, Any], name: str) -> int | None:
    """The number of a port that a rule names, on the pods that it selects."""
    called = peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
    template = pod_template(workloads(assembly.objects(f"Eks-{called}"))[0])
    return port_number(template["spec"]["containers"][0], name)


@means("stop_timeout")
class _Stop:
    """Seconds between SIGTERM and SIGKILL."""

    @staticmethod
    def ecs(assembly, spec):
        return container(assembly, spec)["StopTimeout"]

    @staticmethod
    def eks(assembly, spec):
        pause = pod_container(assembly, spec).get("lifecycle", {"preStop": {"sleep": {"seconds": 0}}})
        return pod(assembly, spec)["terminationGracePeriodSeconds"] - pause["preStop"]["sleep"]["seconds"]


@means("scaling")
class _Scaling:
    """(minimum, maximum, CPU target); a fixed number is both minimum and maximum."""

    @staticmethod
    def ecs(assembly, spec):
        stack = f"Ecs-{spec.name}"
        targets = assembly.resources("AWS::ApplicationAutoScaling::ScalableTarget", stack=stack)
        if not targets:
            count = ecs_object(assembly, spec, "AWS::ECS::Service")["DesiredCount"]
            return count, count, None
        policies = [
            p["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
            for p in assembly.resources("AWS::ApplicationAutoScaling::ScalingPolicy", stack=stack)
        ]
        return targets[0]["MinCapacity"], targets[0]["MaxCapacity"], policies[0]

    @staticmethod
    def eks(assembly, spec):
        scaler = eks_object(assembly, spec, "HorizontalPodAutoscaler")["spec"]
        cpu = scaler["metrics"][0]["resource"]["target"]["averageUtilization"]
        return scaler["minReplicas"], scaler["maxReplicas"], cpu if spec.autoscaled else None


@means("schedule")
class _Schedule:
    """The next two hundred runs."""

    @staticmethod
    def ecs(assembly, spec):
        schedule = ecs_object(assembly, spec, "AWS::Scheduler::Schedule")
        expression = schedule["ScheduleExpression"].removeprefix("cron(").removesuffix(" *)").replace("?", "*")
        return _runs(expression, schedule["ScheduleExpressionTimezone"])

    @staticmethod
    def eks(assembly, spec):
        job = eks_object(assembly, spec, "CronJob")["spec"]
        return _runs(job["schedule"], job["timeZone"])


def _runs(expression: str, timezone: str) -> list[datetime]:
    start = datetime(2027, 1, 1, tzinfo=ZoneInfo(timezone))
    return list(itertools.islice(CronSim(expression, start), 200))


@means("timezone")
class _Timezone:
    @staticmethod
    def ecs(assembly, spec):
        return ecs_object(assembly, spec, "AWS::Scheduler::Schedule")["ScheduleExpressionTimezone"]

    @staticmethod
    def eks(assembly, spec):
        return eks_object(assembly, spec, "CronJob")["spec"]["timeZone"]


@means("description")
class _Description:
    """The description of the service's address."""

    @staticmethod
    def ecs(assembly, spec):
        return assembly.templates[f"Ecs-{spec.name}"]["Outputs"]["Url"]["Description"]

    @staticmethod
    def eks(assembly, spec):
        return assembly.templates[f"Eks-{spec.name}"]["Outputs"]["Url"]["Description"]


def _takes(field: str, spec: ServiceSpec) -> bool:
    # The description of a worker or a job is only in its stack.
    return spec.kind in kinds_with(field) and (field != "description" or spec.kind is Kind.HTTP)


def on_both(assembly: Assembly) -> Iterator[ServiceSpec]:
    return (s for s in assembly.catalog.services if set(s.platforms) == set(Platform))


def _call_timeout(assembly: Assembly, spec: ServiceSpec) -> Any:
    connect = ecs_object(assembly, spec, "AWS::ECS::Service")["ServiceConnectConfiguration"]
    return connect["Services"][0]["Timeout"]["PerRequestTimeoutSeconds"]


def _alarms(assembly: Assembly, spec: ServiceSpec) -> Any:
    alarms = {
        alarm["AlarmName"].rpartition("-")[2]: alarm["Threshold"]
        for alarm in assembly.resources("AWS::CloudWatch::Alarm", stack=f"Ecs-{spec.name}")
    }
    return {"errors_percent": alarms["errors"], "latency_ms": alarms["latency"] * 1000}


# Fields that Kubernetes has no counterpart of, as their meaning in docs/manifest.md says, and how ECS has them.
ONLY_ON_ECS: dict[str, Reader] = {"call_timeout": _call_timeout, "alarms": _alarms}


def test_every_field_of_the_manifest_is_compared():
    """Loading a manifest applies `overrides`; name and folder are not keys of a manifest."""
    assert READERS.keys() | ONLY_ON_ECS.keys() == set(manifest_fields())
    assert READERS.keys() & ONLY_ON_ECS.keys() == set()


@pytest.mark.parametrize("field", sorted(ONLY_ON_ECS))
def test_a_field_of_ecs_only_says_so_and_is_what_the_manifest_has(assembly, field):
    assert meaning_of(field).eks.startswith("no")
    for spec in (spec for spec in assembly.services(Platform.ECS) if _takes(field, spec)):
        declared = getattr(spec, field)
        wanted = declared.model_dump() if isinstance(declared, Model) else declared
        assert ONLY_ON_ECS[field](assembly, spec) == wanted, spec.name


# A service on both platforms has the default of this field.
_ALWAYS_THE_DEFAULT = {"platforms"}


@pytest.mark.parametrize("field", sorted((READERS.keys() | ONLY_ON_ECS.keys()) - _ALWAYS_THE_DEFAULT))
def test_every_field_has_a_value_other_than_its_default_somewhere(corners, field):
    """Otherwise both platforms could ignore it, and the comparison below would compare nothing with nothing."""
    models = {type(spec).model_fields[field] for spec in on_both(corners) if _takes(field, spec)}
    values = [getattr(spec, field) for spec in on_both(corners) if _takes(field, spec)]
    assert any(value != info.get_default() for value in values for info in models), "use it in tests/stacks/corners"


@pytest.mark.parametrize("field", sorted(READERS))
def test_a_field_means_the_same_on_both_platforms(assembly, field):
    ecs, eks = READERS[field]
    specs = [spec for spec in on_both(assembly) if _takes(field, spec)]
    assert specs
    for spec in specs:
        assert ecs(assembly, spec) == eks(assembly, spec), spec.name


@pytest.mark.parametrize("platform", list(Platform))
def test_variables_are_the_contract_with_the_services(assembly, platform):
    read = _Environment.ecs if platform is Platform.ECS else _Environment.eks
    for spec in assembly.services(platform):
        wanted = {"SERVICE_NAME": spec.name, "DEPLOY_ENVIRONMENT": assembly.settings.environment, **spec.environment}
        if spec.kind is Kind.HTTP:
            wanted |= {"PORT": str(spec.port), "BASE_PATH": spec.path}
        for callee in (assembly.catalog.service(name) for name in spec.calls):
            wanted[f"{callee.name.upper().replace('-', '_')}_URL"] = f"http://{callee.name}:{callee.port}"
        variables = read(assembly, spec)
        own = spec.name.upper().replace("-", "_")
        kept = {f"{own}_TABLE": spec.table, f"{own}_BUCKET": spec.bucket}
        kept |= {f"{own}_{name.upper().replace('-', '_')}_TABLE": table for name, table in spec.tables.items()}
        for variable, declared in kept.items():
            if declared and declared.existing:
                assert variables.pop(variable) == declared.existing
            elif declared:
                kind = "AWS::S3::Bucket" if variable.endswith("_BUCKET") else "AWS::DynamoDB::Table"
                assert assembly.by_reference(variables.pop(variable)).type == kind
        assert variables == wanted, spec.name


def test_the_names_that_callers_use_exist(assembly):
    """Service Connect's alias on ECS; the Service's name and port on Kubernetes."""
    for spec in assembly.catalog.services:
        for platform, callee in itertools.product(spec.platforms, map(assembly.catalog.service, spec.calls)):
            if platform is Platform.ECS:
                connect = ecs_object(assembly, callee, "AWS::ECS::Service")["ServiceConnectConfiguration"]
                alias = connect["Services"][0]["ClientAliases"][0]
                found = alias["DnsName"], alias["Port"]
            else:
                service = eks_object(assembly, callee, "Service")
                found = service["metadata"]["name"], service["spec"]["ports"][0]["port"]
            assert found == (callee.name, callee.port)


def test_pods_and_tasks_are_hardened_alike(assembly):
    for spec in on_both(assembly):
        one, other = container(assembly, spec), pod_container(assembly, spec)
        context = pod(assembly, spec)["securityContext"]
        assert one["User"] == f"{context['runAsUser']}:{context['runAsGroup']}"
        assert one["ReadonlyRootFilesystem"] is other["securityContext"]["readOnlyRootFilesystem"] is True
        assert one["LinuxParameters"]["Capabilities"]["Drop"] == other["securityContext"]["capabilities"]["drop"]
        writable = [m["mountPath"] for m in other["volumeMounts"] if not m.get("readOnly")]
        assert [m["ContainerPath"] for m in one["MountPoints"]] == writable


def test_the_same_answers_count_as_healthy_for_every_prober(assembly):
    """A kubelet accepts 200 to 399, which cannot be changed; both load balancers accept only 200 by default."""
    services = [s for s in on_both(assembly) if s.kind is Kind.HTTP]
    assert services
    for spec in services:
        group = ecs_object(assembly, spec, "AWS::ElasticLoadBalancingV2::TargetGroup")
        annotations = eks_object(assembly, spec, "Ingress")["metadata"]["annotations"]
        assert group["Matcher"] == {"HttpCode": "200-399"}
        assert annotations["alb.ingress.kubernetes.io/success-codes"] == "200-399"


def test_tmp_holds_as_much_in_a_pod_as_in_a_task(assembly):
    """A task has 20 GiB in all unless it asks for more."""
    for spec in on_both(assembly):
        [tmp] = [volume for volume in pod(assembly, spec)["volumes"] if volume["name"] == "tmp"]
        assert "EphemeralStorage" not in task(assembly, spec).body["Properties"]
        assert tmp["emptyDir"]["sizeLimit"] == "20Gi"
