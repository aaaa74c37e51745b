"""One manifest, two platforms: each field means the same on both, read back from the templates."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from config.fields.network import Protocol
from config.model import Model
from config.routing import covers
from config.service import HttpService, Kind, ServiceSpec, kinds_with, manifest_fields, meaning_of
from config.settings import Platform
from tests.stacks.kubernetes import pod_template, port_number, quantity, workloads
from tests.stacks.templates import KUBERNETES, Assembly, pairs

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


def all_containers(assembly: Assembly, spec: ServiceSpec) -> list[dict[str, Any]]:
    """A pod's containers, sidecars included: their cpu and memory are part of the service's."""
    found = pod(assembly, spec)
    return [*found.get("initContainers", []), *found["containers"]]


def ecs_object(assembly: Assembly, spec: ServiceSpec, kind: str) -> Any:
    return assembly.one(kind, stack=f"Ecs-{spec.name}")


def eks_object(assembly: Assembly, spec: ServiceSpec, kind: str) -> dict[str, Any]:
    return assembly.object(f"Eks-{spec.name}", kind)


@means("kind")
class _Kind:
    @staticmethod
    def ecs(assembly, spec):
        types = {r.type for r in assembly.resources(stack=f"Ecs-{spec.name}")}
        if "AWS::Events::Rule" in types:  # of the runs that failed
            return Kind.JOB
        return Kind.HTTP if "PortMappings" in container(assembly, spec) else Kind.WORKER

    @staticmethod
    def eks(assembly, spec):
        kinds = {o["kind"] for o in assembly.objects(f"Eks-{spec.name}")}
        if "CronJob" in kinds:
            return Kind.JOB
        return Kind.HTTP if "Service" in kinds else Kind.WORKER


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
        return _port_mappings(assembly, spec)["http"]["ContainerPort"]

    @staticmethod
    def eks(assembly, spec):
        return port_number(pod_container(assembly, spec), "http")


@means("private_port")
class _PrivatePort:
    """The port, and the one that callers use."""

    @staticmethod
    def ecs(assembly, spec):
        connect = ecs_object(assembly, spec, "AWS::ECS::Service")["ServiceConnectConfiguration"]["Services"]
        called = {entry["PortName"]: entry["ClientAliases"][0]["Port"] for entry in connect}
        return _port_mappings(assembly, spec).get("private", {}).get("ContainerPort"), called.get("private")

    @staticmethod
    def eks(assembly, spec):
        called = {port["name"]: port["port"] for port in eks_object(assembly, spec, "Service")["spec"]["ports"]}
        return port_number(pod_container(assembly, spec), "private"), called.get("private")


def _port_mappings(assembly: Assembly, spec: ServiceSpec) -> dict[str, Any]:
    return {mapping["Name"]: mapping for mapping in container(assembly, spec)["PortMappings"]}


@means("protocol")
class _Protocol:
    """What checks speak, and what the load balancer does."""

    @staticmethod
    def ecs(assembly, spec):
        groups = assembly.resources("AWS::ElasticLoadBalancingV2::TargetGroup", stack=f"Ecs-{spec.name}")
        balanced = [group.get("ProtocolVersion") for group in groups]
        return _port_mappings(assembly, spec)["http"].get("AppProtocol", "tcp"), balanced

    @staticmethod
    def eks(assembly, spec):
        checks = {"httpGet": "http", "grpc": "grpc", "tcpSocket": "tcp"}
        [spoken] = [checks[key] for key in pod_container(assembly, spec)["readinessProbe"] if key in checks]
        annotation = "alb.ingress.kubernetes.io/backend-protocol-version"
        balanced = [ingress["metadata"]["annotations"].get(annotation) for ingress in ingresses(assembly, spec)]
        return spoken, balanced[:1]


def forwarding(assembly: Assembly, spec: ServiceSpec) -> list[Any]:
    rules = assembly.resources("AWS::ElasticLoadBalancingV2::ListenerRule", stack=f"Ecs-{spec.name}")
    return [rule for rule in rules if rule["Actions"][0]["Type"] == "forward"]


def ingresses(assembly: Assembly, spec: ServiceSpec) -> list[dict[str, Any]]:
    return [entry for entry in assembly.objects(f"Eks-{spec.name}") if entry["kind"] == "Ingress"]


def _ecs_routes(assembly: Assembly, spec: ServiceSpec) -> dict[tuple[str, str], int]:
    """Priority by host and path; the platform's own host is empty."""
    found = {}
    for rule in forwarding(assembly, spec):
        conditions = {condition["Field"]: condition for condition in rule["Conditions"]}
        host = conditions.get("host-header", {"HostHeaderConfig": {"Values": [""]}})["HostHeaderConfig"]["Values"][0]
        path = conditions["path-pattern"]["PathPatternConfig"]["Values"][0].replace("/*", "/")
        found[host, path] = rule["Priority"]
    return found


def _eks_routes(assembly: Assembly, spec: ServiceSpec) -> dict[tuple[str, str], int]:
    found = {}
    for ingress in ingresses(assembly, spec):
        [rule] = ingress["spec"]["rules"]
        domain = assembly.settings.domain
        host = "" if domain and rule["host"] == f"eks.{domain.name}" else rule.get("host", "")
        [path] = rule["http"]["paths"]
        annotations = ingress["metadata"]["annotations"]
        found[host, path["path"]] = int(annotations["alb.ingress.kubernetes.io/group.order"])
    return found


@means("path")
class _Path:
    """Where the load balancer's first rule leads, and BASE_PATH."""

    @staticmethod
    def ecs(assembly, spec):
        return [path for _, path in _ecs_routes(assembly, spec)][:1], _Environment.ecs(assembly, spec)["BASE_PATH"]

    @staticmethod
    def eks(assembly, spec):
        return [path for _, path in _eks_routes(assembly, spec)][:1], _Environment.eks(assembly, spec)["BASE_PATH"]


@means("paths")
class _Paths:
    @staticmethod
    def ecs(assembly, spec):
        return {path for _, path in _ecs_routes(assembly, spec)}

    @staticmethod
    def eks(assembly, spec):
        return {path for _, path in _eks_routes(assembly, spec)}


@means("hosts")
class _Hosts:
    @staticmethod
    def ecs(assembly, spec):
        return set(_ecs_routes(assembly, spec))

    @staticmethod
    def eks(assembly, spec):
        return set(_eks_routes(assembly, spec))


@means("sticky")
class _Sticky:
    @staticmethod
    def ecs(assembly, spec):
        groups = assembly.resources("AWS::ElasticLoadBalancingV2::TargetGroup", stack=f"Ecs-{spec.name}")
        return [_stickiness(pairs(group["TargetGroupAttributes"], "Key", "Value")) for group in groups]

    @staticmethod
    def eks(assembly, spec):
        annotation = "alb.ingress.kubernetes.io/target-group-attributes"
        texts = {ingress["metadata"]["annotations"][annotation] for ingress in ingresses(assembly, spec)}
        return [_stickiness(dict(entry.split("=") for entry in text.split(","))) for text in texts]


def _stickiness(attributes: dict[str, str]) -> tuple[str, str] | None:
    if attributes.get("stickiness.enabled", "false") != "true":
        return None
    return attributes["stickiness.type"], attributes["stickiness.lb_cookie.duration_seconds"]


@means("priority")
class _Priority:
    """The order of all routes; nothing else is comparable between the two numbering schemes."""

    @staticmethod
    def ecs(assembly, spec):
        return _before(assembly, spec, _ecs_routes)

    @staticmethod
    def eks(assembly, spec):
        return _before(assembly, spec, _eks_routes)


def _before(assembly: Assembly, spec: ServiceSpec, read: Callable[..., dict[tuple[str, str], int]]) -> set[Any]:
    """What is tried before each route of a service, of the other services' routes that could answer the same request."""
    both = [
        s
        for s in assembly.services(Platform.ECS, Kind.HTTP)
        if Platform.EKS in s.platforms and s.name != spec.name and s.internal is spec.internal
    ]
    others = {(other.name, *place): number for other in both for place, number in read(assembly, other).items()}
    return {
        (name, place)
        for place, number in read(assembly, spec).items()
        for (name, _, path), before in others.items()
        if before < number and (covers(path, place[1]) or covers(place[1], path))
    }


@means("health")
class _Health:
    """Of an http service (paths, codes, interval, what the manifest sets of the rest); of a worker the whole check."""

    @staticmethod
    def ecs(assembly, spec):
        if spec.kind is Kind.WORKER:
            check = container(assembly, spec).get("HealthCheck")
            return check and _command_check(
                check["Command"][1:], check["Interval"], check["Timeout"], check["Retries"], check["StartPeriod"]
            )
        if not spec.routed:
            return None  # nothing checks a service without a target group
        group = ecs_object(assembly, spec, "AWS::ElasticLoadBalancingV2::TargetGroup")
        counts = {
            "timeout": group["HealthCheckTimeoutSeconds"],
            "healthy": group["HealthyThresholdCount"],
            "unhealthy": group["UnhealthyThresholdCount"],
        }
        return (
            {group["HealthCheckPath"]},
            group["Matcher"].get("HttpCode", group["Matcher"].get("GrpcCode")),
            group["HealthCheckIntervalSeconds"],
            {name: value for name, value in counts.items() if getattr(spec.check, name)},
        )

    @staticmethod
    def eks(assembly, spec):
        if spec.kind is Kind.WORKER:
            return _exec_probes(pod_container(assembly, spec))
        prefix = "alb.ingress.kubernetes.io/"
        if not spec.routed:
            return None
        [annotations] = _same(ingress["metadata"]["annotations"] for ingress in ingresses(assembly, spec))
        ready, alive = (pod_container(assembly, spec)[p] for p in ("readinessProbe", "livenessProbe"))
        counts = {
            "timeout": (f"{prefix}healthcheck-timeout-seconds", "timeoutSeconds"),
            "healthy": (f"{prefix}healthy-threshold-count", "successThreshold"),
            "unhealthy": (f"{prefix}unhealthy-threshold-count", "failureThreshold"),
        }
        found = {name: int(annotations[key]) for name, (key, _) in counts.items() if key in annotations}
        assert found == {name: ready[counts[name][1]] for name in found}
        return (
            {annotations[f"{prefix}healthcheck-path"]}
            | {probe["httpGet"]["path"] for probe in (ready, alive) if "httpGet" in probe},
            annotations[f"{prefix}success-codes"],
            int(annotations[f"{prefix}healthcheck-interval-seconds"]),
            found,
        )


def _same(annotations: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """What the Ingresses of one service say of its target group, which must be the same in all of them."""
    own = [{key: value for key, value in found.items() if "health" in key or "codes" in key} for found in annotations]
    return [own[0]] if all(found == own[0] for found in own) else own


def _exec_probes(own: dict[str, Any]) -> Any:
    if "livenessProbe" not in own:
        return None
    assert own["readinessProbe"] == own["livenessProbe"]
    start, probe = own["startupProbe"], own["livenessProbe"]
    period, failures = probe["periodSeconds"], probe["failureThreshold"]
    return _command_check(
        probe["exec"]["command"],
        period,
        probe["timeoutSeconds"],
        failures,
        (start["failureThreshold"] - failures) * period,
    )


def _command_check(command: list[str], interval: int, timeout: int, retries: int, start: int) -> Any:
    """The start in steps of the interval."""
    return command, interval, timeout, retries, -(-start // interval)


@means("health_grace")
class _Grace:
    """In steps of the probe's period."""

    @staticmethod
    def ecs(assembly, spec):
        given = ecs_object(assembly, spec, "AWS::ECS::Service").get("HealthCheckGracePeriodSeconds")
        return -(-given // 5) if given else None

    @staticmethod
    def eks(assembly, spec):
        probe = pod_container(assembly, spec)["startupProbe"]
        return probe["failureThreshold"] if spec.routed else None  # ECS has no check without a target group


def _content(image: str) -> str:
    """The hash of what is in an image, which is in the tag of either platform."""
    [found] = re.findall(r"(?:ecs|eks)-([0-9a-f]{64})", image)
    return str(found)


@means("image")
class _Image:
    """What is built: an existing image, or a Dockerfile's."""

    @staticmethod
    def ecs(assembly, spec):
        return _content(json.dumps(container(assembly, spec)["Image"]))

    @staticmethod
    def eks(assembly, spec):
        return _content(pod_container(assembly, spec)["image"])


@means("build")
class _Build(_Image):
    pass


@means("entrypoint")
class _Entrypoint:
    @staticmethod
    def ecs(assembly, spec):
        return container(assembly, spec).get("EntryPoint")

    @staticmethod
    def eks(assembly, spec):
        return pod_container(assembly, spec).get("command")


@means("command")
class _Command:
    @staticmethod
    def ecs(assembly, spec):
        return container(assembly, spec).get("Command")

    @staticmethod
    def eks(assembly, spec):
        return pod_container(assembly, spec).get("args")


@means("user")
class _User:
    @staticmethod
    def ecs(assembly, spec):
        return container(assembly, spec)["User"]

    @staticmethod
    def eks(assembly, spec):
        context = pod(assembly, spec)["securityContext"]
        assert context["fsGroup"] == context["runAsGroup"], "or the user could not write to the volumes"
        return f"{context['runAsUser']}:{context['runAsGroup']}"


@means("writable")
class _Writable:
    @staticmethod
    def ecs(assembly, spec):
        mounts = container(assembly, spec)["MountPoints"]
        written = {m["SourceVolume"]: m["ContainerPath"] for m in mounts if not m["ReadOnly"]}
        return {name: path for name, path in written.items() if not name.startswith("exec-")}  # test_ecs_exec.py

    @staticmethod
    def eks(assembly, spec):
        mounts = pod_container(assembly, spec)["volumeMounts"]
        return {m["name"]: m["mountPath"] for m in mounts if not m.get("readOnly")}


@means("storage")
class _Storage:
    """In GiB; none is what Fargate has anyway."""

    @staticmethod
    def ecs(assembly, spec):
        return task(assembly, spec).get("EphemeralStorage", {"SizeInGiB": 20})["SizeInGiB"]

    @staticmethod
    def eks(assembly, spec):
        resources = pod_container(assembly, spec)["resources"]
        asked = {resources[part].get("ephemeral-storage", "20Gi") for part in ("requests", "limits")}
        [same] = asked
        return quantity(same) / 2**30


@means("cpu")
class _Cpu:
    """In CPU units."""

    @staticmethod
    def ecs(assembly, spec):
        return int(task(assembly, spec)["Cpu"])

    @staticmethod
    def eks(assembly, spec):
        requests = [quantity(c["resources"]["requests"]["cpu"]) for c in all_containers(assembly, spec)]
        return sum(math.ceil(cpu * 1024) for cpu in requests)  # each is rounded down to thousandths


@means("memory")
class _Memory:
    @staticmethod
    def ecs(assembly, spec):
        return int(task(assembly, spec)["Memory"]) * 2**20

    @staticmethod
    def eks(assembly, spec):
        return sum(quantity(c["resources"]["limits"]["memory"]) for c in all_containers(assembly, spec))


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
    """(resource, allowed action, conditions) of the workload's own role, without what fetches its secrets and ECS Exec's."""

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
    others = ("secretsmanager:", "ssm:", *(("logs:", "ssmmessages:") if assembly.settings.exec else ()))
    return {
        (resource, action, json.dumps(statement.conditions, sort_keys=True))
        for statement in assembly.statements(assembly.by_reference(role))
        for action in statement.actions
        for resource in statement.resources
        if not action.startswith(others) and "EncryptionContext" not in str(statement.conditions)
    }


def _queue_access(assembly: Assembly, role: str) -> set[tuple[str, str]]:
    """(queue, allowed action)"""
    return {
        (resource, action)
        for statement in assembly.statements(assembly.by_reference(role))
        for action in statement.actions
        for resource in statement.resources
        if action.startswith("sqs:")
    }


def _own_role(assembly: Assembly, spec: ServiceSpec, platform: Platform) -> set[tuple[str, str]]:
    if platform is Platform.ECS:
        return _queue_access(assembly, task(assembly, spec)["TaskRoleArn"])
    identities = assembly.resources("AWS::EKS::PodIdentityAssociation", stack=f"Eks-{spec.name}")
    return _queue_access(assembly, identities[0]["RoleArn"]) if identities else set()


@means("queue")
class _Queue:
    """(queue, allowed action) of the worker's own role, sending left out."""

    @staticmethod
    def ecs(assembly, spec):
        return {pair for pair in _own_role(assembly, spec, Platform.ECS) if pair[1] != "sqs:SendMessage"}

    @staticmethod
    def eks(assembly, spec):
        return {pair for pair in _own_role(assembly, spec, Platform.EKS) if pair[1] != "sqs:SendMessage"}


@means("sends")
class _Sends:
    """(queue, sqs:SendMessage) of the service's own role."""

    @staticmethod
    def ecs(assembly, spec):
        return {pair for pair in _own_role(assembly, spec, Platform.ECS) if pair[1] == "sqs:SendMessage"}

    @staticmethod
    def eks(assembly, spec):
        return {pair for pair in _own_role(assembly, spec, Platform.EKS) if pair[1] == "sqs:SendMessage"}


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
            if groups.get(rule["GroupId"]) == spec.name and rule["DestinationSecurityGroupId"] in groups
        }

    @staticmethod
    def eks(assembly, spec):
        policy = assembly.object(f"Eks-{spec.name}", "NetworkPolicy", spec.name)["spec"]
        return {
            (
                peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"],
                _port_of(assembly, peer, port["port"]),
            )
            for rule in policy["egress"]
            for peer in rule["to"]
            if "podSelector" in peer
            for port in rule["ports"]
        }


def _port_of(assembly: Assembly, peer: dict[str, Any], name: str) -> int | None:
    """The number of a port that a rule names, on the pods that it selects."""
    called = peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
    template = pod_template(workloads(assembly.objects(f"Eks-{called}"))[0])
    return port_number(template["spec"]["containers"][0], name)


@means("egress")
class _Egress:
    """(protocol, port, range) of each way out besides those to AWS and to callees."""

    @staticmethod
    def ecs(assembly, spec):
        rules = ecs_object(assembly, spec, "AWS::EC2::SecurityGroup")["SecurityGroupEgress"]
        found = {(rule["IpProtocol"], rule["FromPort"], rule["CidrIp"]) for rule in rules}
        return found - {("tcp", 443, "0.0.0.0/0")}

    @staticmethod
    def eks(assembly, spec):
        found = {
            (port["protocol"].lower(), port["port"], peer["ipBlock"]["cidr"])
            for rule in assembly.object(f"Eks-{spec.name}", "NetworkPolicy", spec.name)["spec"]["egress"]
            for peer in rule["to"]
            if "ipBlock" in peer
            for port in rule["ports"]
        }
        return found - {("tcp", 443, "0.0.0.0/0"), ("tcp", 80, "169.254.170.23/32")}


@means("internal")
class _Internal:
    """The scheme of the load balancer that has the service's rule."""

    @staticmethod
    def ecs(assembly, spec):
        if not spec.routed:
            return None
        [rule] = assembly.resources("AWS::ElasticLoadBalancingV2::ListenerRule", stack=f"Ecs-{spec.name}")[:1]
        balancer = assembly.by_reference(assembly.by_reference(rule["ListenerArn"])["LoadBalancerArn"])
        return balancer["Scheme"] == "internal"

    @staticmethod
    def eks(assembly, spec):
        if not spec.routed:
            return None
        [name] = {ingress["spec"]["ingressClassName"] for ingress in ingresses(assembly, spec)}
        return assembly.object("Eks", "IngressClassParams", name)["spec"]["scheme"] == "internal"


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


@means("before_deploy")
class _BeforeDeploy:
    """(container, arguments, seconds, what its resource is waited for by), and that nothing else of the container differs."""

    @staticmethod
    def ecs(assembly, spec):
        stack = f"Ecs-{spec.name}"
        for run in assembly.resources("Custom::BeforeDeploy", stack=stack):
            started = json.loads(run["Task"])
            assert started["taskDefinition"] == assembly.one("AWS::ECS::TaskDefinition", stack=stack).ref
            assert run.id in ecs_object(assembly, spec, "AWS::ECS::Service").depends_on
            [override] = started["overrides"]["containerOverrides"]
            assert override.keys() == {"name", "command"}
            return override["name"], override["command"], int(run["Seconds"])
        return None

    @staticmethod
    def eks(assembly, spec):
        stack = f"Eks-{spec.name}"
        for run in assembly.resources("Custom::BeforeDeployOnKubernetes", stack=stack):
            [job] = json.loads(run["Manifest"])
            [own] = pod_template(job)["spec"]["containers"]
            usual = pod_container(assembly, spec)
            for field in ("image", "env", "resources", "securityContext", "volumeMounts"):
                assert own[field] == usual[field]
            [applied] = [
                resource
                for resource in assembly.resources(KUBERNETES, stack=stack)
                if "Deployment" in {item["kind"] for item in json.loads(resource["Manifest"])}
            ]
            assert run.id in applied.depends_on
            assert job["spec"]["activeDeadlineSeconds"] == int(run["Seconds"])
            return own["name"], own["args"], int(run["Seconds"])
        return None


@means("scaling")
class _Scaling:
    """(minimum, maximum, targets of CPU and memory, cooldowns); a fixed number is both minimum and maximum."""

    @staticmethod
    def ecs(assembly, spec):
        stack = f"Ecs-{spec.name}"
        targets = assembly.resources("AWS::ApplicationAutoScaling::ScalableTarget", stack=stack)
        if not targets:
            count = ecs_object(assembly, spec, "AWS::ECS::Service")["DesiredCount"]
            return count, count, {}, None
        policies = [
            policy["TargetTrackingScalingPolicyConfiguration"]
            for policy in assembly.resources("AWS::ApplicationAutoScaling::ScalingPolicy", stack=stack)
        ]
        by_metric = {
            policy["PredefinedMetricSpecification"]["PredefinedMetricType"]: policy["TargetValue"]
            for policy in policies
        }
        names = {"ECSServiceAverageCPUUtilization": "cpu", "ECSServiceAverageMemoryUtilization": "memory"}
        [cooldowns] = {(policy.get("ScaleOutCooldown"), policy.get("ScaleInCooldown")) for policy in policies}
        found = {names[metric]: value for metric, value in by_metric.items()}
        return targets[0]["MinCapacity"], targets[0]["MaxCapacity"], found, cooldowns

    @staticmethod
    def eks(assembly, spec):
        scaler = eks_object(assembly, spec, "HorizontalPodAutoscaler")["spec"]
        if not spec.autoscaled:
            return scaler["minReplicas"], scaler["maxReplicas"], {}, None
        found = {m["resource"]["name"]: m["resource"]["target"]["averageUtilization"] for m in scaler["metrics"]}
        windows = [
            scaler.get("behavior", {}).get(way, {}).get("stabilizationWindowSeconds")
            for way in ("scaleUp", "scaleDown")
        ]
        return scaler["minReplicas"], scaler["maxReplicas"], found, tuple(windows)


@means("schedule")
class _Schedule:
    """The next two hundred runs."""

    @staticmethod
    def ecs(assembly, spec):
        if not assembly.resources("AWS::Scheduler::Schedule", stack=f"Ecs-{spec.name}"):
            return None
        schedule = ecs_object(assembly, spec, "AWS::Scheduler::Schedule")
        expression = schedule["ScheduleExpression"].removeprefix("cron(").removesuffix(" *)").replace("?", "*")
        return _runs(expression, schedule["ScheduleExpressionTimezone"])

    @staticmethod
    def eks(assembly, spec):
        job = eks_object(assembly, spec, "CronJob")["spec"]
        return None if job.get("suspend") else _runs(job["schedule"], job["timeZone"])


def _runs(expression: str, timezone: str) -> list[datetime]:
    start = datetime(2027, 1, 1, tzinfo=ZoneInfo(timezone))
    return list(itertools.islice(CronSim(expression, start), 200))


@means("timezone")
class _Timezone:
    @staticmethod
    def ecs(assembly, spec):
        schedules = assembly.resources("AWS::Scheduler::Schedule", stack=f"Ecs-{spec.name}")
        return [schedule["ScheduleExpressionTimezone"] for schedule in schedules]

    @staticmethod
    def eks(assembly, spec):
        job = eks_object(assembly, spec, "CronJob")["spec"]
        return [] if job.get("suspend") else [job["timeZone"]]


def _attempt(assembly: Assembly, spec: ServiceSpec) -> dict[str, Any]:
    """The state of a job's state machine; empty if it has none."""
    for machine in assembly.resources("AWS::StepFunctions::StateMachine", stack=f"Ecs-{spec.name}"):
        found: dict[str, Any] = json.loads(machine["DefinitionString"])["States"]["Attempt"]
        return found
    return {}


@means("timeout")
class _Timeout:
    """Seconds of one attempt."""

    @staticmethod
    def ecs(assembly, spec):
        return _attempt(assembly, spec).get("TimeoutSeconds")

    @staticmethod
    def eks(assembly, spec):
        return pod(assembly, spec).get("activeDeadlineSeconds")


@means("retries")
class _Retries:
    @staticmethod
    def ecs(assembly, spec):
        return sum(again["MaxAttempts"] for again in _attempt(assembly, spec).get("Retry", []))

    @staticmethod
    def eks(assembly, spec):
        return eks_object(assembly, spec, "CronJob")["spec"]["jobTemplate"]["spec"]["backoffLimit"]


@means("description")
class _Description:
    """The description of the service's address."""

    @staticmethod
    def ecs(assembly, spec):
        return assembly.templates[f"Ecs-{spec.name}"]["Outputs"]["Url"]["Description"]

    @staticmethod
    def eks(assembly, spec):
        return assembly.templates[f"Eks-{spec.name}"]["Outputs"]["Url"]["Description"]


@means("sidecars")
class _Sidecars:
    """What each sidecar runs and may do, and in which order the containers start."""

    @staticmethod
    def ecs(assembly, spec):
        own, *others = task(assembly, spec)["ContainerDefinitions"]
        waits = {c["Name"]: {d["ContainerName"] for d in c.get("DependsOn", [])} for c in (own, *others)}
        awaited = {
            d["ContainerName"] for c in (own, *others) for d in c.get("DependsOn", []) if d["Condition"] == "HEALTHY"
        }
        return _start_order(waits), {
            c["Name"]: (
                _image_tag(c["Image"]),
                c.get("Command", []),
                pairs(c.get("Environment", []), "Name", "Value"),
                [secret["Name"] for secret in c.get("Secrets", [])],
                c["Cpu"] * 1000 // 1024,
                c["Memory"] * 2**20,
                c["User"],
                [m["ContainerPath"] for m in c["MountPoints"]],
                c["ReadonlyRootFilesystem"],
                c["LinuxParameters"]["Capabilities"]["Drop"],
                c["HealthCheck"]["Command"][1:] if "HealthCheck" in c else None,
                c["Name"] in awaited if "HealthCheck" in c else False,
                c["Essential"] and c["RestartPolicy"]["Enabled"],
            )
            for c in others
        }

    @staticmethod
    def eks(assembly, spec):
        template = pod(assembly, spec)
        own, *after = template["containers"]
        before = template.get("initContainers", [])
        order = [c["name"] for c in (*before, own, *after)]
        return order, {
            c["name"]: (
                _image_tag(c["image"]),
                c.get("args", []),
                pairs([v for v in c.get("env", []) if "value" in v], "name", "value"),
                [v["name"] for v in c.get("env", []) if "valueFrom" in v],
                quantity(c["resources"]["requests"]["cpu"]) * 1000,
                quantity(c["resources"]["limits"]["memory"]),
                f"{c['securityContext']['runAsUser']}:{c['securityContext']['runAsGroup']}",
                [m["mountPath"] for m in c["volumeMounts"]],
                c["securityContext"]["readOnlyRootFilesystem"],
                c["securityContext"]["capabilities"]["drop"],
                c["startupProbe"]["exec"]["command"] if "startupProbe" in c else None,
                "startupProbe" in c and c in before,
                c.get("restartPolicy", template["restartPolicy"]) == "Always",
            )
            for c in (*before, *after)
        }


def _image_tag(image: str) -> str:
    """An image's tag without the platform's prefix."""
    return image.rpartition(":")[2].partition("-")[2]


def _start_order(waits: dict[str, set[str]]) -> list[str]:
    """The containers in the order in which ECS starts them, which must leave it no choice."""
    order: list[str] = []
    while len(order) < len(waits):
        ready = [name for name, on in waits.items() if name not in order and on <= set(order)]
        assert len(ready) == 1, "ECS could start several"
        order += ready
    return order


def _takes(field: str, spec: ServiceSpec) -> bool:
    # The description of a service without an address is only in its stack, and only a load balancer's requests set off alarms; a
    # worker's alarms are with its queue (test_queues.py).
    if field == "description":
        return isinstance(spec, HttpService) and spec.address is not None
    if field == "alarms":
        return isinstance(spec, HttpService) and spec.routed and spec.alarms.wanted  # none at all: test_alarms.py
    speaks_tcp = isinstance(spec, HttpService) and spec.protocol is Protocol.TCP
    return spec.kind in kinds_with(field) and (field != "call_timeout" or not speaks_tcp)


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
    runbooks = {
        alarm["AlarmDescription"].partition(". Runbook: ")[2] or None
        for alarm in assembly.resources("AWS::CloudWatch::Alarm", stack=f"Ecs-{spec.name}")
    }
    [runbook] = runbooks
    return {"errors_percent": alarms["errors"], "latency_ms": alarms["latency"] * 1000, "runbook": runbook}


def _init(assembly: Assembly, spec: ServiceSpec) -> Any:
    return container(assembly, spec)["LinuxParameters"]["InitProcessEnabled"]


def _tmp_size(assembly: Assembly, spec: ServiceSpec) -> Any:
    [tmp] = [volume for volume in pod(assembly, spec)["volumes"] if volume["name"] == "tmp"]
    size = tmp["emptyDir"]["sizeLimit"]
    return int(size.removesuffix("Mi")) if size.endswith("Mi") else None


# Fields that Fargate has no counterpart of, as their meaning in docs/manifest.md says, and how EKS has them.
ONLY_ON_EKS: dict[str, Reader] = {"tmp_size": _tmp_size}

# Fields that Kubernetes has no counterpart of, as their meaning in docs/manifest.md says, and how ECS has them.
ONLY_ON_ECS: dict[str, Reader] = {"call_timeout": _call_timeout, "alarms": _alarms, "init": _init}


def test_every_field_of_the_manifest_is_compared():
    """Loading a manifest applies `overrides`; name and folder are not keys of a manifest."""
    groups = (READERS, ONLY_ON_ECS, ONLY_ON_EKS)
    assert sorted(itertools.chain(*groups)) == sorted(manifest_fields())


@pytest.mark.parametrize("field", sorted(ONLY_ON_ECS))
def test_a_field_of_ecs_only_says_so_and_is_what_the_manifest_has(assembly, field):
    assert meaning_of(field).eks.startswith("no")
    for spec in (spec for spec in assembly.services(Platform.ECS) if _takes(field, spec)):
        declared = getattr(spec, field)
        wanted = declared.model_dump() if isinstance(declared, Model) else declared
        assert ONLY_ON_ECS[field](assembly, spec) == wanted, spec.name


@pytest.mark.parametrize("field", sorted(ONLY_ON_EKS))
def test_a_field_of_eks_only_says_so_and_is_what_the_manifest_has(assembly, field):
    assert meaning_of(field).ecs.startswith("no")
    for spec in (spec for spec in assembly.services(Platform.EKS) if _takes(field, spec)):
        assert ONLY_ON_EKS[field](assembly, spec) == getattr(spec, field), spec.name


# A service on both platforms has the default of this field; of `internal`, tests/stacks/test_internal_entrance.py compares the
# other value, as corners has one load balancer on each platform.
_ALWAYS_THE_DEFAULT = {"platforms", "internal"}


@pytest.mark.parametrize(
    "field", sorted((READERS.keys() | ONLY_ON_ECS.keys() | ONLY_ON_EKS.keys()) - _ALWAYS_THE_DEFAULT)
)
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


def _is_address_of_queue(assembly: Assembly, address: str, worker: str) -> bool:
    existing = assembly.catalog.service(worker).queue.existing
    if existing:
        return address == f"https://sqs.<AWS::Region>.<AWS::URLSuffix>/<AWS::AccountId>/{existing}"
    return assembly.by_reference(address).path.startswith(f"State/Queue{worker.replace('-', '')}")


@pytest.mark.parametrize("platform", list(Platform))
def test_variables_are_the_contract_with_the_services(assembly, platform):
    read = _Environment.ecs if platform is Platform.ECS else _Environment.eks
    for spec in assembly.services(platform):
        wanted = {"SERVICE_NAME": spec.name, "DEPLOY_ENVIRONMENT": assembly.settings.environment, **spec.environment}
        if spec.kind is Kind.HTTP:
            wanted |= {"PORT": str(spec.port), "BASE_PATH": spec.path or "/"}
            if spec.private_port:
                wanted["PRIVATE_PORT"] = str(spec.private_port)
        for callee in (assembly.catalog.service(name) for name in spec.calls):
            name, address = callee.name.upper().replace("-", "_"), f"{callee.name}:{callee.port}"
            wanted |= (
                {f"{name}_URL": f"http://{address}"}
                if callee.protocol is Protocol.HTTP
                else {f"{name}_ADDRESS": address}
            )
            if callee.private_port:
                wanted[f"{name}_PRIVATE_URL"] = f"http://{callee.name}:{callee.private_port}"
        variables = read(assembly, spec)
        for worker in spec.queues:
            address = variables.pop(f"{worker.upper().replace('-', '_')}_QUEUE_URL")
            assert _is_address_of_queue(assembly, address, worker)
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
        own = [m["ContainerPath"] for m in one["MountPoints"] if not m["SourceVolume"].startswith("exec-")]
        assert own == writable


def test_the_same_answers_count_as_healthy_for_every_prober(assembly):
    """A kubelet accepts 200 to 399, which cannot be changed; both load balancers accept only 200 by default."""
    services = [s for s in on_both(assembly) if isinstance(s, HttpService) and s.routed and s.protocol is Protocol.HTTP]
    assert services
    for spec in services:
        group = ecs_object(assembly, spec, "AWS::ElasticLoadBalancingV2::TargetGroup")
        assert group["Matcher"] == {"HttpCode": "200-399"}
        for ingress in ingresses(assembly, spec):
            assert ingress["metadata"]["annotations"]["alb.ingress.kubernetes.io/success-codes"] == "200-399"


def test_folders_hold_as_much_in_a_pod_as_in_a_task(assembly):
    """A task has 20 GiB in all unless it asks for more."""
    for spec in on_both(assembly):
        limits = {v["name"]: v["emptyDir"]["sizeLimit"] for v in pod(assembly, spec)["volumes"] if "emptyDir" in v}
        if spec.tmp_size:
            assert limits.pop("tmp") == f"{spec.tmp_size}Mi"
        assert set(limits.values()) <= {f"{_Storage.ecs(assembly, spec)}Gi"}, spec.name
