"""Every Kubernetes object that is applied: it passes its schema, and it does what it should."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest

from config.fields.health import HttpHealth
from config.reserved import BEFORE_DEPLOY
from config.service import HttpService, Kind, ServiceSpec
from config.settings import EKS_SERVICE_CIDR, Platform
from stacks.kubernetes.pod import Pod
from tests.stacks.kubernetes import (
    WORKLOADS,
    Object,
    admitted,
    pod_template,
    port_number,
    quantity,
    restricted_faults,
    selects,
    workloads,
)
from tests.stacks.templates import JOB, KUBERNETES, Assembly

# Kinds that Kubernetes' schemas do not cover, each with its owner.
CUSTOM_KINDS = {
    "NodeClass": "eks.amazonaws.com/v1, of EKS Auto Mode",
    "NodePool": "karpenter.sh/v1, of Karpenter inside EKS Auto Mode",
    "IngressClassParams": "eks.amazonaws.com/v1, of EKS Auto Mode",
    "SecretProviderClass": "secrets-store.csi.x-k8s.io/v1, of the secrets store add-on",
}
POD_IDENTITY_AGENT = ("169.254.170.23/32", 80)
HTTPS = ("0.0.0.0/0", 443)


def stacks(assembly: Assembly, *kinds: Kind) -> list[tuple[ServiceSpec, list[Object]]]:
    """Manifests of the services on Kubernetes, each with its objects."""
    found = [(spec, assembly.objects(f"Eks-{spec.name}")) for spec in assembly.services(Platform.EKS, *kinds)]
    assert found
    return found


def every(objects: list[Object], kind: str) -> list[Object]:
    return [o for o in objects if o["kind"] == kind]


def only(objects: list[Object], kind: str) -> Object:
    """The service's own object of a kind; what surrounds the Job of before_deploy has other names."""
    found = [o for o in every(objects, kind) if not o["metadata"]["name"].endswith(f".{BEFORE_DEPLOY}")]
    assert len(found) == 1, f"{len(found)} objects of kind {kind}"
    return found[0]


def containers(assembly: Assembly, *kinds: Kind) -> list[tuple[ServiceSpec, dict[str, Any], dict[str, Any]]]:
    """(manifest, pod spec, container) of each workload."""
    found = []
    for spec, objects in stacks(assembly, *kinds):
        pod = pod_template(workloads(objects)[0])["spec"]
        assert {c["name"] for c in containers_of(pod)} == {spec.name, *spec.sidecars}
        assert pod["containers"][0]["name"] == spec.name
        found.append((spec, pod, pod["containers"][0]))
    return found


def containers_of(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """Sidecars too."""
    return [*pod["containers"], *pod.get("initContainers", [])]


def test_a_pod_that_ends_has_no_sidecar_that_would_keep_it_running_and_none_of_its_volumes(corners):
    spec = next(spec for spec in corners.services(Platform.EKS) if spec.name == "escort")
    late = {name for name, sidecar in spec.sidecars.items() if not sidecar.starts_before}
    assert late
    for policy, left_out in (("Always", set()), ("Never", late)):
        pod = Pod(
            spec=spec,
            settings=corners.settings,
            image="own",
            environment={},
            sidecar_images={name: name for name in spec.sidecars},
            restart_policy=policy,
        ).template()["spec"]
        assert {c["name"] for c in containers_of(pod)} == {spec.name, *spec.sidecars} - left_out
        mounted = {mount["name"] for container in containers_of(pod) for mount in container["volumeMounts"]}
        assert {volume["name"] for volume in pod["volumes"]} == mounted


# --- schema -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def cached_schemas(monkeypatch):
    """Cached: the package reads megabytes of definitions again for every object."""
    contents = kubernetes_validate.utils.schema_contents
    seen: dict[tuple[str, str], Any] = {}
    monkeypatch.setattr(
        kubernetes_validate.utils,
        "schema_contents",
        lambda *names: seen[names] if names in seen else seen.setdefault(names, contents(*names)),
    )


def test_every_object_passes_the_strict_schema_of_the_clusters_version(assembly, cached_schemas):
    validated, skipped = 0, set()
    for manifest in assembly.objects():
        try:
            kubernetes_validate.validate(manifest, assembly.settings.eks_version, strict=True)
            validated += 1
        except kubernetes_validate.SchemaNotFoundError:
            skipped.add(manifest["kind"])
    assert validated > 20
    assert skipped <= set(CUSTOM_KINDS)


def test_the_strict_schema_refuses_a_misspelt_field(sandbox, cached_schemas):
    deployment = json.loads(json.dumps(sandbox.object("Eks-tracking", "Deployment")))
    deployment["spec"]["template"]["spec"]["containers"][0]["redinessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.36", strict=True)


def test_custom_kinds_are_all_used(production, corners):
    assert set(CUSTOM_KINDS) <= {o["kind"] for a in (production, corners) for o in a.objects()}


def test_no_object_is_applied_twice(assembly):
    keys = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in assembly.objects()]
    assert len(keys) == len(set(keys))


def test_services_are_only_in_the_apps_namespace(assembly):
    for _, objects in stacks(assembly):
        assert {o["metadata"]["namespace"] for o in objects} == {assembly.settings.app}


def test_the_objects_of_a_service_are_those_of_its_kind(assembly):
    always = {"ServiceAccount", "NetworkPolicy"}
    of_kind = {
        Kind.HTTP: {"Deployment", "PodDisruptionBudget", "HorizontalPodAutoscaler", "Service", "Ingress"},
        Kind.WORKER: {"Deployment", "PodDisruptionBudget", "HorizontalPodAutoscaler"},
        Kind.JOB: {"CronJob"},
    }
    for spec, objects in stacks(assembly):
        wanted = always | of_kind[spec.kind]
        wanted -= {"Ingress"} if isinstance(spec, HttpService) and not spec.routed else set()
        wanted |= {"SecretProviderClass"} if spec.secrets else set()
        wanted |= {"Job"} if getattr(spec, "before_deploy", None) else set()
        assert {o["kind"] for o in objects} == wanted, spec.name


# --- selectors, ports, probes -----------------------------------------------------------------------------------------


def test_every_selector_takes_the_services_own_pods_and_no_others(assembly):
    """The pod of before_deploy's Job is not the service's: requests would go to it, and it would count for the scaler."""
    all_labels = {
        pod_template(workload)["spec"]["serviceAccountName"]: pod_template(workload)["metadata"]["labels"]
        for _, objects in stacks(assembly)
        for workload in workloads(objects)
    }
    for spec, objects in stacks(assembly):
        for name, selector in _selectors(objects):
            assert {pods for pods, labels in all_labels.items() if selects(selector, labels)} == {name}
            assert name in {spec.name, f"{spec.name}.{BEFORE_DEPLOY}"}


def _selectors(objects: list[Object]) -> list[tuple[str, Object]]:
    """The selectors, each with the name of the object that has it."""
    found = []
    for o in objects:
        spec, name = o.get("spec", {}), o["metadata"]["name"]
        if o["kind"] == "Service":
            found.append((name, {"matchLabels": spec["selector"]}))
        elif o["kind"] in {"Deployment", "PodDisruptionBudget"}:
            found.append((name, spec["selector"]))
        elif o["kind"] == "NetworkPolicy":
            found.append((name, spec["podSelector"]))
    for workload in workloads(objects):
        constraints = pod_template(workload)["spec"].get("topologySpreadConstraints", [])
        found += [(workload["metadata"]["name"], constraint["labelSelector"]) for constraint in constraints]
    assert all(selector.get("matchLabels") for _, selector in found)
    return found


def test_service_ingress_and_probes_hit_the_containers_port(assembly):
    for spec, objects in stacks(assembly, Kind.HTTP):
        container = pod_template(only(objects, "Deployment"))["spec"]["containers"][0]
        ports = only(objects, "Service")["spec"]["ports"]
        assert [(p["port"], port_number(container, p["targetPort"])) for p in ports] == [(p, p) for p in spec.ports]
        for ingress in every(objects, "Ingress"):
            backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
            assert backend["name"] == only(objects, "Service")["metadata"]["name"] == spec.name
            assert backend["port"]["name"] == ports[0]["name"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            [check] = [container[probe][key] for key in ("httpGet", "grpc", "tcpSocket") if key in container[probe]]
            assert port_number(container, check["port"]) == spec.port
            path = spec.health and (spec.health.path if probe == "readinessProbe" else _alive(spec.health))
            assert check.get("path") == path


def _alive(health: HttpHealth) -> str:
    return health.liveness or health.path


def test_a_start_has_the_manifests_time_and_is_not_killed_before(assembly):
    for spec, _, container in containers(assembly, Kind.HTTP):
        probe = container["startupProbe"]
        patience = probe["periodSeconds"] * probe["failureThreshold"]
        assert spec.health_grace <= patience < spec.health_grace + probe["periodSeconds"]


def test_a_rollout_is_not_given_up_while_a_start_may_still_succeed(assembly):
    for spec, objects in stacks(assembly, Kind.HTTP, Kind.WORKER):
        start = spec.health_grace if isinstance(spec, HttpService) else 0
        assert only(objects, "Deployment")["spec"]["progressDeadlineSeconds"] > start


# --- capacity ---------------------------------------------------------------------------------------------------------


def test_quantities_are_valid_and_requests_never_exceed_limits(assembly):
    for spec, pod, _ in containers(assembly):
        for container in containers_of(pod):
            requests, limits = container["resources"]["requests"], container["resources"]["limits"]
            for name in {*requests, *limits}:
                assert quantity(requests[name]) > 0
                if name in limits:
                    assert quantity(requests[name]) <= quantity(limits[name]), spec.name


def test_memory_is_reserved_in_full_as_the_manifest_says(assembly):
    for spec, pod, _ in containers(assembly):
        given = [container["resources"] for container in containers_of(pod)]
        assert all(resources["requests"]["memory"] == resources["limits"]["memory"] for resources in given)
        assert sum(quantity(resources["limits"]["memory"]) for resources in given) == spec.memory * 2**20
        cpu = sum(quantity(resources["requests"]["cpu"]) for resources in given)
        assert abs(cpu * 1024 - spec.cpu) < 2 * len(given)


@pytest.mark.parametrize("text", ["512MB", "0.5.1", "", "-1", "1 Gi", "1024mi"])
def test_a_quantity_that_kubernetes_would_refuse_is_refused_here(text):
    with pytest.raises(ValueError, match="is not a quantity"):
        quantity(text)


def test_the_autoscaler_scales_the_services_deployment_within_the_manifests_range(assembly):
    for spec, objects in stacks(assembly, Kind.HTTP, Kind.WORKER):
        if spec.autoscaled:
            autoscaler = only(objects, "HorizontalPodAutoscaler")["spec"]
            target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": spec.name}
            assert autoscaler["scaleTargetRef"] == target
            assert (autoscaler["minReplicas"], autoscaler["maxReplicas"]) == (spec.scaling.min, spec.scaling.max)
            assert 1 <= autoscaler["minReplicas"] <= autoscaler["maxReplicas"]
            found = {
                m["resource"]["name"]: m["resource"]["target"]["averageUtilization"] for m in autoscaler["metrics"]
            }
            wanted = {"cpu": spec.scaling.cpu_target, "memory": spec.scaling.memory_target}
            assert found == ({name: value for name, value in wanted.items() if value} or {"cpu": 80})


def test_the_number_of_pods_is_always_the_autoscalers(assembly):
    """A Deployment that loses `replicas` goes to one pod at once, so it never has the field."""
    for spec, objects in stacks(assembly, Kind.HTTP, Kind.WORKER):
        assert "replicas" not in only(objects, "Deployment")["spec"]
        scaler = only(objects, "HorizontalPodAutoscaler")["spec"]
        assert (scaler["minReplicas"], scaler["maxReplicas"]) == (spec.scaling.min, spec.scaling.max)


# What `kubectl apply --prune` deletes by itself, of the kinds that we make.
# https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/kubectl/pkg/util/prune/prune.go
_PRUNED = {"ConfigMap", "CronJob", "Deployment", "Ingress", "Namespace", "Service"}


def test_an_object_that_kubectl_does_not_prune_leaves_with_a_resource_of_its_own(assembly):
    """Only ServiceAccount and NetworkPolicy share a resource with a workload: every service has both."""
    for spec, _ in stacks(assembly):
        by_resource = [
            {item["kind"] for item in json.loads(resource["Manifest"])}
            for resource in assembly.resources("Custom::AWSCDK-EKS-KubernetesResource", stack=f"Eks-{spec.name}")
        ]
        [workload] = [kinds for kinds in by_resource if kinds & {"Deployment", "CronJob"}]
        assert workload - _PRUNED == {"ServiceAccount", "NetworkPolicy"}
        others = [kinds for kinds in by_resource if kinds is not workload]
        expected = [{"SecretProviderClass"}] if spec.secrets else []
        expected += [] if spec.kind is Kind.JOB else [{"PodDisruptionBudget", "HorizontalPodAutoscaler"}]
        expected += [{"ServiceAccount", "NetworkPolicy"}] if getattr(spec, "before_deploy", None) else []
        assert sorted(map(sorted, others)) == sorted(map(sorted, expected))


def test_the_load_balancer_knows_a_service_before_its_pods_start(assembly):
    """Pods get a readiness gate for the load balancer only if they are behind one when they are created."""
    for spec, _ in stacks(assembly, Kind.HTTP):
        [kinds] = [
            [item["kind"] for item in json.loads(resource["Manifest"])]
            for resource in assembly.resources("Custom::AWSCDK-EKS-KubernetesResource", stack=f"Eks-{spec.name}")
            if "Deployment" in resource["Manifest"] and "PodDisruptionBudget" not in resource["Manifest"]
        ]
        last_ingress = (
            len(kinds) - 1 - kinds[::-1].index("Ingress") if "Ingress" in kinds else kinds.index("Service") + 1
        )
        assert kinds.index("Service") < last_ingress <= kinds.index("Deployment")


def test_no_list_of_a_policy_is_empty(assembly):
    """The API server drops it, so it would count as a change at every apply."""
    for policy in [item for item in assembly.objects() if item["kind"] == "NetworkPolicy"]:
        assert [] not in (policy["spec"].get("ingress"), policy["spec"].get("egress")), policy["metadata"]["name"]


def test_while_a_port_changes_old_pods_are_reached_on_theirs(assembly):
    """By the port's name, which Service, probes and policies look up on each pod; and by number for the load balancer's ranges,
    for which older policy controllers skip a name.
    """
    for spec, objects in stacks(assembly, Kind.HTTP):
        names = ["http", "private"][: len(spec.ports)]
        assert [port["targetPort"] for port in only(objects, "Service")["spec"]["ports"]] == names
        rules = only(objects, "NetworkPolicy")["spec"].get("ingress", [])
        opened = [[port["port"] for port in rule["ports"]] for rule in rules]
        assert opened == [[number, name] for number, name in zip(spec.ports, names, strict=True)][: len(opened)]
    for _, objects in stacks(assembly):
        rules = only(objects, "NetworkPolicy")["spec"]["egress"]
        to_services = [rule for rule in rules if "podSelector" in rule["to"][0] and len(rule["to"][0]) == 1]
        assert all({port["port"] for port in rule["ports"]} <= {"http", "private"} for rule in to_services)


def test_new_pods_are_ready_before_old_ones_go(assembly):
    for _, objects in stacks(assembly, Kind.HTTP, Kind.WORKER):
        strategy = only(objects, "Deployment")["spec"]["strategy"]
        assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}}


def test_a_disruption_budget_never_blocks_a_drain(assembly):
    """`minAvailable` with one pod, or `maxUnavailable: 0`, would block a drain for ever; so would an unready pod."""
    for _, objects in stacks(assembly, Kind.HTTP, Kind.WORKER):
        budget = only(objects, "PodDisruptionBudget")["spec"]
        assert "minAvailable" not in budget
        assert budget["maxUnavailable"] >= 1
        assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_pods_are_spread_over_zones_and_nodes_but_never_left_pending_for_it(assembly):
    for spec, objects in stacks(assembly, Kind.HTTP, Kind.WORKER):
        constraints = pod_template(only(objects, "Deployment"))["spec"]["topologySpreadConstraints"]
        keys = {constraint["topologyKey"] for constraint in constraints}
        assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}, spec.name
        assert {constraint["whenUnsatisfiable"] for constraint in constraints} == {"ScheduleAnyway"}


def test_the_load_balancer_stops_sending_before_the_process_gets_sigterm(assembly):
    for spec, pod, container in containers(assembly, Kind.HTTP):
        pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] - pause == spec.stop_timeout
        for ingress in every(assembly.objects(f"Eks-{spec.name}"), "Ingress"):
            attributes = ingress["metadata"]["annotations"]["alb.ingress.kubernetes.io/target-group-attributes"]
            assert attributes.split(",")[0] == f"deregistration_delay.timeout_seconds={pause}"


def test_without_a_load_balancer_the_grace_period_is_the_manifests(assembly):
    for spec, pod, container in containers(assembly, Kind.WORKER, Kind.JOB):
        assert pod["terminationGracePeriodSeconds"] == spec.stop_timeout
        assert "lifecycle" not in container


# --- hardening --------------------------------------------------------------------------------------------------------


def test_every_pod_passes_the_restricted_level(assembly):
    for spec, objects in stacks(assembly):
        for workload in workloads(objects):
            assert list(restricted_faults(pod_template(workload)["spec"])) == [], spec.name


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"hostNetwork": True}, "hostNetwork"),
        ({"volumes": [{"name": "disk", "hostPath": {"path": "/"}}]}, "volume disk"),
        ({"securityContext": {"runAsNonRoot": True}}, "quotes: seccompProfile"),
    ],
)
def test_the_restricted_check_refuses_a_bad_pod(sandbox, change, fault):
    pod = pod_template(sandbox.object("Eks-quotes", "Deployment"))["spec"]
    assert fault in list(restricted_faults({**pod, **change}))


def test_the_namespace_enforces_the_restricted_level(assembly):
    labels = assembly.object("Eks", "Namespace")["metadata"]["labels"]
    modes = {mode: labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")}
    assert set(modes.values()) == {"restricted"}


def test_the_root_file_system_is_read_only_and_only_tmp_and_the_manifests_folders_are_writable(assembly):
    for spec, pod, container in containers(assembly):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        writable = {m["name"]: m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")}
        assert list(writable.values()) == ["/tmp", *spec.writable], spec.name
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert all("emptyDir" in volumes[name] for name in writable)
        assert {m["name"] for c in containers_of(pod) for m in c["volumeMounts"]} == set(volumes)
        assert all(c["securityContext"]["readOnlyRootFilesystem"] for c in containers_of(pod))


def test_pods_run_as_the_same_user_as_tasks(assembly):
    for spec, pod, _ in containers(assembly):
        context = pod["securityContext"]
        user, group = {"65532": (65532, 65532), "1000:2000": (1000, 2000)}[str(spec.user)]
        assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (user, group, group)
        assert context["runAsNonRoot"] is True


def test_no_pod_holds_a_token_of_the_kubernetes_api(assembly):
    for spec, objects in stacks(assembly):
        assert all(o["automountServiceAccountToken"] is False for o in objects if o["kind"] == "ServiceAccount")
        for workload in workloads(objects):
            pod = pod_template(workload)["spec"]
            assert pod["automountServiceAccountToken"] is False
            if workload["kind"] != "Job":
                assert pod["serviceAccountName"] == only(objects, "ServiceAccount")["metadata"]["name"] == spec.name


def test_no_variables_of_other_services_leak_in(assembly):
    """Service links would set TRACKING_PORT and the like for every Service of the namespace."""
    for _, pod, _ in containers(assembly):
        assert pod["enableServiceLinks"] is False


# --- network policy ---------------------------------------------------------------------------------------------------


def policies(assembly: Assembly) -> list[Object]:
    return [o for o in assembly.objects() if o["kind"] == "NetworkPolicy"]


def labels_of(assembly: Assembly, name: str) -> dict[str, str]:
    labels: dict[str, str] = pod_template(workloads(assembly.objects(f"Eks-{name}"))[0])["metadata"]["labels"]
    return labels


def test_exactly_the_declared_callers_and_the_load_balancer_come_in(assembly):
    public = [s["CidrBlock"] for s in assembly.resources("AWS::EC2::Subnet", stack="Network") if "Public" in s.id]
    assert len(public) == assembly.settings.zone_count
    for spec, _ in stacks(assembly):
        callers = [f"pod {other.name}" for other in assembly.services(Platform.EKS) if spec.name in other.calls]
        wanted: set[tuple[str, int | str]] = set()
        if isinstance(spec, HttpService):
            balancer = public if spec.routed else []
            wanted = {(peer, port) for peer in [*balancer, *callers] for port in (spec.port, "http")}
            if spec.private_port:
                wanted |= {(peer, port) for peer in callers for port in (spec.private_port, "private")}
        assert set(admitted(policies(assembly), labels_of(assembly, spec.name), "Ingress")) == wanted, spec.name


def test_exactly_the_declared_callees_systems_outside_dns_and_aws_are_reached(assembly):
    dns = {(peer, 53) for peer in (EKS_SERVICE_CIDR, assembly.settings.vpc_cidr, "pod kube-system/kube-dns")}
    for spec, _ in stacks(assembly):
        called = [assembly.catalog.http_service(name) for name in spec.calls]
        callees = {(f"pod {other.name}", "http") for other in called}
        callees |= {(f"pod {other.name}", "private") for other in called if other.private_port}
        agent = {POD_IDENTITY_AGENT} if spec.needs_role else set()
        outside = {(cidr, destination.port) for destination in spec.egress for cidr in destination.cidrs}
        reached = set(admitted(policies(assembly), labels_of(assembly, spec.name), "Egress"))
        assert reached == callees | dns | agent | outside | {HTTPS}, spec.name


def test_an_undeclared_pod_reaches_only_dns(assembly):
    stranger = {"app.kubernetes.io/name": "stranger"}
    assert admitted(policies(assembly), stranger, "Ingress") == []
    assert {port for _, port in admitted(policies(assembly), stranger, "Egress")} == {53}


def test_names_resolve_on_any_cluster(assembly):
    """Auto Mode answers at the service address, from the node; kind, k3s and others in pods labeled kube-dns."""
    stranger = {"app.kubernetes.io/name": "stranger"}
    resolvers = {peer for peer, _ in admitted(policies(assembly), stranger, "Egress")}
    assert resolvers == {EKS_SERVICE_CIDR, assembly.settings.vpc_cidr, "pod kube-system/kube-dns"}


def test_a_rollout_waits_for_the_load_balancer(assembly):
    """The label of Auto Mode's own webhook; the open source controller's is another."""
    labels = assembly.object("Eks", "Namespace")["metadata"]["labels"]
    assert labels["eks.amazonaws.com/pod-readiness-gate-inject"] == "enabled"


def test_network_policies_are_switched_on(assembly):
    """On Auto Mode they do nothing until the controller runs and the nodes' class says so."""
    controller = assembly.object("Eks", "ConfigMap", "amazon-vpc-cni")
    assert controller["metadata"]["namespace"] == "kube-system"
    assert controller["data"] == {"enable-network-policy-controller": "true"}
    node_class = assembly.object("Eks", "NodeClass")
    assert node_class["spec"]["networkPolicy"] == "DefaultAllow"
    reference = assembly.object("Eks", "NodePool")["spec"]["template"]["spec"]["nodeClassRef"]
    assert reference == {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": node_class["metadata"]["name"]}


# --- ingress ----------------------------------------------------------------------------------------------------------


def orders(assembly: Assembly) -> dict[str, int]:
    """group.order of each Ingress, by name."""
    return {
        o["metadata"]["name"]: int(o["metadata"]["annotations"]["alb.ingress.kubernetes.io/group.order"])
        for o in assembly.objects()
        if o["kind"] == "Ingress"
    }


def test_all_ingresses_share_one_load_balancer(assembly):
    parameters = assembly.object("Eks", "IngressClassParams")
    ingress_class = assembly.object("Eks", "IngressClass")
    assert parameters["spec"]["group"] == {"name": assembly.settings.prefix}
    assert ingress_class["spec"]["controller"] == "eks.amazonaws.com/alb"
    assert ingress_class["spec"]["parameters"]["name"] == parameters["metadata"]["name"]
    ingresses = [o for o in assembly.objects() if o["kind"] == "Ingress"]
    assert {o["spec"]["ingressClassName"] for o in ingresses} == {ingress_class["metadata"]["name"]}


def test_deeper_paths_are_tried_first_and_the_entrance_last(assembly):
    order = orders(assembly)
    paths = {}
    for ingress in [o for o in assembly.objects() if o["kind"] == "Ingress"]:
        [rule] = ingress["spec"]["rules"]
        own = rule.get("host", "").startswith("eks.") or "host" not in rule
        name = ingress["metadata"]["name"]
        if name not in ("entrance", "to-https"):
            paths[name] = f"{'' if own else rule['host']}{rule['http']['paths'][0]['path']}"
    last = {"entrance", "to-https"} if assembly.settings.domain else {"entrance"}
    assert set(order) == {*paths, *last}
    assert {name for name, number in order.items() if number == max(order.values())} == last
    assert all(-1000 <= number <= 1000 for number in order.values())
    for name, path in paths.items():
        below = [other for other, p in paths.items() if p != path and p.startswith(path.rstrip("/") + "/")]
        assert all(order[deeper] < order[name] for deeper in below), name


def test_an_ingress_takes_the_manifests_path_and_health(assembly):
    for spec, objects in stacks(assembly, Kind.HTTP):
        for ingress, route in zip(every(objects, "Ingress"), spec.routes, strict=True):
            [rule] = ingress["spec"]["rules"]
            assert [(p["path"], p["pathType"]) for p in rule["http"]["paths"]] == [(route.path, "Prefix")]
            domain = assembly.settings.domain
            assert rule.get("host") == (route.host or (f"eks.{domain.name}" if domain else None))
            annotations = ingress["metadata"]["annotations"]
            health = spec.health.path if spec.health else "/grpc.health.v1.Health/Check"
            assert annotations["alb.ingress.kubernetes.io/healthcheck-path"] == health
            assert annotations["alb.ingress.kubernetes.io/target-type"] == "ip"


def test_ingresses_of_one_service_keep_their_names_whatever_their_order(corners):
    """That of `path` on all hosts has the service's name; in others a dot begins what is the route's own."""
    hall = corners.catalog.http_service("hall")
    names = [ingress["metadata"]["name"] for ingress in corners.objects("Eks-hall") if ingress["kind"] == "Ingress"]
    assert names == [f"hall.{route.key}" for route in hall.routes]
    assert len(set(names)) == len(hall.routes) == 6


def test_the_load_balancers_of_both_platforms_speak_grpc_where_the_service_does(corners):
    annotations = corners.object("Eks-wire", "Ingress")["metadata"]["annotations"]
    assert annotations["alb.ingress.kubernetes.io/backend-protocol-version"] == "GRPC"
    assert annotations["alb.ingress.kubernetes.io/success-codes"] == "0"


def test_with_further_certificates_each_host_is_redirected_to_itself(corners):
    annotations = corners.object("Eks", "Ingress", "to-https")["metadata"]["annotations"]
    target = json.loads(annotations["alb.ingress.kubernetes.io/actions.to-https"])["redirectConfig"]
    assert (target["host"], target["protocol"]) == ("#{host}", "HTTPS")
    arns = corners.object("Eks", "IngressClassParams")["spec"]["certificateARNs"]
    assert arns[1:] == list(corners.settings.certificates)


# --- jobs and secrets -------------------------------------------------------------------------------------------------


def test_a_cron_job_runs_on_its_manifests_schedule_and_never_twice_at_once(assembly):
    for spec, objects in stacks(assembly, Kind.JOB):
        job = only(objects, "CronJob")["spec"]
        assert (job["schedule"], job["timeZone"]) == (spec.schedule or "0 0 31 2 *", spec.timezone)
        assert job.get("suspend", False) is (spec.schedule is None)
        assert job["concurrencyPolicy"] == "Forbid"
        assert job["jobTemplate"]["spec"]["backoffLimit"] == spec.retries
        # Each attempt has the time for itself, as on ECS.
        assert "activeDeadlineSeconds" not in job["jobTemplate"]["spec"]
        assert pod_template(only(objects, "CronJob"))["spec"].get("activeDeadlineSeconds") == spec.timeout
        assert pod_template(only(objects, "CronJob"))["spec"]["restartPolicy"] == "Never"


def secret_files(provider: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str | None]]:
    """Each file that the driver writes, the object that it is from, and the path in that."""
    for source in json.loads(provider["spec"]["parameters"]["objects"]):
        yield source["objectAlias"], source, None
        for entry in source.get("jmesPath", []):
            yield entry["objectAlias"], source, entry["path"]


def test_each_secret_is_fetched_once_whatever_comes_from_it(corners):
    """The provider finds a parameter again by its name, so one that is listed twice would get one file only."""
    provider = corners.object("Eks-depot", "SecretProviderClass")
    objects = json.loads(provider["spec"]["parameters"]["objects"])
    assert [(o["objectName"], o.get("objectVersionLabel")) for o in objects] == [
        ("quay/db", None),
        ("quay/db", "AWSPREVIOUS"),
        ("quay/licence", None),
        ("quay/pinned", None),
        ("/quay/token", None),
    ]


def test_each_secret_variable_has_a_key_that_the_driver_fetches(assembly):
    for spec, pod, container in containers(assembly):
        wanted = {v["name"]: v["valueFrom"]["secretKeyRef"] for v in container["env"] if "valueFrom" in v}
        assert set(wanted) == set(spec.secrets)
        if not spec.secrets:
            continue
        provider = assembly.object(f"Eks-{spec.name}", "SecretProviderClass")
        kept = provider["spec"]["secretObjects"][0]
        keys = {item["key"]: item["objectName"] for item in kept["data"]}
        fetched = list(secret_files(provider))
        assert len({file for file, _, _ in fetched}) == len(fetched)
        by_file = {file: (source, path) for file, source, path in fetched}
        for variable, reference in wanted.items():
            assert reference["name"] == kept["secretName"]
            source, path = by_file[keys[reference["key"]]]
            declared = spec.secrets[variable]
            assert path == (json.dumps(declared.key) if declared.key else None)
            assert source.get("objectVersion") == declared.version_id
            assert source.get("objectVersionLabel") == declared.stage
            assert source["objectName"] == (declared.secrets_manager or declared.ssm)
            assert source["objectType"] == ("secretsmanager" if declared.secrets_manager else "ssmparameter")
        mounted = [v["csi"]["volumeAttributes"]["secretProviderClass"] for v in pod["volumes"] if "csi" in v]
        assert mounted == [provider["metadata"]["name"]]
        assert provider["spec"]["parameters"]["usePodIdentity"] == "true"


def test_a_pod_gets_the_role_of_its_service_account(assembly):
    for spec, objects in stacks(assembly):
        identities = assembly.resources("AWS::EKS::PodIdentityAssociation", stack=f"Eks-{spec.name}")
        accounts = [o["metadata"] for o in objects if o["kind"] == "ServiceAccount"] if spec.needs_role else []
        assert sorted((one["ServiceAccount"], one["Namespace"]) for one in identities) == sorted(
            (account["name"], account["namespace"]) for account in accounts
        )
        assert {assembly.by_reference(identity["RoleArn"]).stack for identity in identities} <= {f"Eks-{spec.name}"}
        assert len({identity["RoleArn"] for identity in identities}) <= 1


def test_pods_start_after_their_role_exists(assembly):
    for identity in assembly.resources("AWS::EKS::PodIdentityAssociation"):
        [applied] = [
            resource
            for kind in (KUBERNETES, JOB)
            for resource in assembly.resources(kind, stack=identity.stack)
            for item in json.loads(resource["Manifest"])
            if item["kind"] in WORKLOADS
            and pod_template(item)["spec"]["serviceAccountName"] == identity["ServiceAccount"]
        ]
        role = assembly.by_reference(identity["RoleArn"])
        policies = [p for p in assembly.resources("AWS::IAM::Policy", stack=identity.stack) if role.ref in p["Roles"]]
        assert policies
        assert {identity.id, *(policy.id for policy in policies)} <= set(applied.depends_on)


def test_the_job_of_before_deploy_reaches_what_its_service_does_but_no_calls(assembly):
    """As on ECS, where a task by itself finds no names. Nothing reaches it, and it is tried once."""
    for spec, objects in stacks(assembly, Kind.HTTP, Kind.WORKER):
        for job in (o for o in objects if o["kind"] == "Job"):
            [policy] = [
                o["spec"]
                for o in objects
                if o["kind"] == "NetworkPolicy"
                and selects(o["spec"]["podSelector"], pod_template(job)["metadata"]["labels"])
            ]
            usual = only(objects, "NetworkPolicy")["spec"]["egress"]
            assert policy["egress"] == [rule for rule in usual if "podSelector" not in rule["to"][0]]
            assert "ingress" not in policy
            assert policy["policyTypes"] == ["Ingress", "Egress"]
            assert job["spec"]["backoffLimit"] == 0
            assert pod_template(job)["spec"]["restartPolicy"] == "Never"
            assert job["metadata"]["name"] == spec.name


def test_pods_of_a_service_use_an_image_that_the_eks_stack_pushed(assembly):
    for spec, pod, _ in containers(assembly):
        for container in containers_of(pod):
            assert f"/{assembly.settings.prefix}/{spec.name}:eks-" in container["image"]
            assert container["imagePullPolicy"] == "IfNotPresent"
