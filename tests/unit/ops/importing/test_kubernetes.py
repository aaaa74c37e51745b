"""Kubernetes manifests: what becomes of a workload and of the objects that belong to it."""

import pytest

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, labels: {team: x}}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
        - name: shop
          image: example.com/shop:1
          ports: [{containerPort: 8080, name: http}]
"""
SERVICE = """\
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec:
  selector: {app: shop}
  ports: [{port: 80, targetPort: http}]
"""
CRON = """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: sweep}
spec:
  schedule: "5 4 * * *"
  timeZone: Europe/Berlin
  concurrencyPolicy: Forbid
  successfulJobsHistoryLimit: 1
  jobTemplate:
    spec:
      backoffLimit: 2
      activeDeadlineSeconds: 600
      template:
        spec:
          restartPolicy: Never
          containers: [{name: main, image: "example.com/sweep:1", command: [/sweep], args: [--all]}]
"""


def in_container(part: str, more: str = "") -> str:
    return DEPLOYMENT + f"          {part}\n" + more


def in_pod(part: str) -> str:
    return DEPLOYMENT + f"      {part}\n"


def test_a_deployment_with_a_service_is_http_and_only_services_reach_it(imports):
    result = imports(DEPLOYMENT + SERVICE)
    assert result.only == {
        "kind": "http",
        "image": "example.com/shop:1",
        "port": 8080,
        "health": "/",
        "cpu": 256,
        "memory": 512,
        "scaling": {"min": 2, "max": 2},
    }
    assert "# port: callers used 80; here it is the container's port" in result.text


def test_without_ports_it_is_a_worker(imports):
    assert (
        imports(DEPLOYMENT.replace("          ports: [{containerPort: 8080, name: http}]\n", "")).only["kind"]
        == "worker"
    )


def test_a_cron_job_is_a_job(imports):
    result = imports(CRON)
    assert result.only == {
        "kind": "job",
        "image": "example.com/sweep:1",
        "entrypoint": ["/sweep"],
        "command": ["--all"],
        "schedule": "5 4 * * *",
        "timezone": "Europe/Berlin",
        "timeout": 600,
        "retries": 2,
        "cpu": 256,
        "memory": 512,
    }
    assert result.imported.count.lost == 0


def test_a_job_has_no_schedule_and_says_how_to_start_it(imports):
    job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: m}\n"
    result = imports(job + "spec: {template: {spec: {containers: [{name: m, image: 'e.com/m:1'}]}}}\n")
    assert "schedule" not in result.only
    assert "python -m ops run starts it" in result.text


@pytest.mark.parametrize(
    ("part", "became"),
    [
        ("command: [/run]", {"entrypoint": ["/run"]}),
        ("args: [--fast]", {"command": ["--fast"]}),
        ("env: [{name: A, value: 'on'}, {name: B}]", {"environment": {"A": "on", "B": ""}}),
        ("resources: {requests: {cpu: 500m, memory: 128Mi}, limits: {memory: 1Gi}}", {"cpu": 512, "memory": 1024}),
        ("resources: {requests: {cpu: '2', memory: 512Mi}}", {"cpu": 2048, "memory": 4096}),
        ("resources: {limits: {cpu: 100m, memory: 900M}}", {"cpu": 256, "memory": 1024}),
        ("securityContext: {runAsUser: 1001, runAsNonRoot: true, capabilities: {drop: [ALL]}}", {"user": 1001}),
        (
            "readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 10}",
            {"health": {"path": "/ready", "interval": 10}},
        ),
        ("readinessProbe: {grpc: {port: 8080}}", {"protocol": "grpc"}),
        ("readinessProbe: {exec: {command: [curl, 'localhost:8080/up']}}", {"health": "/up"}),
        (
            "env: [{name: KEY, valueFrom: {secretKeyRef: {name: db, key: password}}}]",
            {"secrets": {"KEY": {"secrets_manager": "db", "key": "password"}}},
        ),
        (
            "env: [{name: KEY, valueFrom: {secretKeyRef: {name: db-secret, key: k}}}]",
            {"secrets": {"KEY": {"secrets_manager": "db_secret", "key": "k"}}},
        ),
    ],
    ids=lambda value: value[:36] if isinstance(value, str) else "",
)
def test_a_part_of_the_container_becomes_a_field(imports, part, became):
    fields = imports(in_container(part)).only
    assert {name: fields.get(name) for name in became} == became


@pytest.mark.parametrize(
    ("part", "became"),
    [
        ("terminationGracePeriodSeconds: 60", {"stop_timeout": 60}),
        ("terminationGracePeriodSeconds: 600", {"stop_timeout": 120}),
        ("securityContext: {runAsUser: 1000, fsGroup: 1000}", {"user": 1000}),
        ("restartPolicy: Always", {"kind": "http"}),
    ],
)
def test_a_part_of_the_pod_becomes_a_field(imports, part, became):
    fields = imports(in_pod(part)).only
    assert {name: fields.get(name) for name in became} == became


def test_two_probes_are_one_check_with_a_liveness_path(imports):
    live = "livenessProbe: {httpGet: {path: /alive, port: 8080}, initialDelaySeconds: 90}"
    ready = "          readinessProbe: {httpGet: {path: /ready, port: 8080}, initialDelaySeconds: 40, failureThreshold: 1}\n"
    result = imports(in_container(live, ready))
    assert result.only["health"] == {"path": "/ready", "unhealthy": 2, "liveness": "/alive"}
    assert result.only["health_grace"] == 40


def test_config_maps_of_the_file_are_written_out(imports):
    config = (
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf}\ndata: {LEVEL: info, DB_PASSWORD: x, rest: y}\n"
    )
    whole = imports(in_container("envFrom: [{configMapRef: {name: conf}}]", config))
    assert whole.only["environment"] == {"LEVEL": "info", "rest": "y"}
    assert list(whole.only["secrets"]) == ["DB_PASSWORD"]
    key = "env: [{name: A, valueFrom: {configMapKeyRef: {name: conf, key: LEVEL}}}]"
    single = imports(in_container(key, config))
    assert single.only["environment"] == {"A": "info"}
    assert "ConfigMap/conf.data.rest: is read by no variable here" in single.text


def test_an_ingress_gives_paths_and_hosts(imports):
    ingress = """\
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: in, annotations: {nginx.ingress.kubernetes.io/rewrite-target: /}}
spec:
  ingressClassName: nginx
  tls: [{hosts: [shop.example.com], secretName: t}]
  rules:
    - host: shop.example.com
      http:
        paths:
          - {path: /shop, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}
          - {path: "/old(/|$)(.*)", pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}
          - {path: /, pathType: Prefix, backend: {service: {name: another, port: {number: 80}}}}
"""
    result = imports(DEPLOYMENT + SERVICE + ingress)
    assert result.only["path"] == "/shop"
    assert result.only["paths"] == ["/old"]
    assert result.only["hosts"] == ["shop.example.com"]
    assert "rewrite-target: is for one controller" in result.text


def test_a_public_service_without_an_ingress_gets_the_path_of_all(imports):
    public = SERVICE.replace("spec:\n", "spec:\n  type: LoadBalancer\n")
    assert imports(DEPLOYMENT + public).only["path"] == "/"


def test_an_autoscaler_is_scaling(imports):
    scaler = """\
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  minReplicas: 3
  maxReplicas: 9
  metrics: [{type: Resource, resource: {name: memory, target: {type: Utilization, averageUtilization: 75}}}]
  behavior: {scaleDown: {stabilizationWindowSeconds: 300}}
"""
    expected = {"min": 3, "max": 9, "memory_target": 75, "cooldowns": {"down": 300}}
    assert imports(DEPLOYMENT + scaler).only["scaling"] == expected


def test_other_containers_are_sidecars(imports):
    sidecar = """\
        - name: proxy
          image: example.com/proxy:1
          args: [--quiet]
          env: [{name: A, value: b}]
          resources: {requests: {cpu: 100m}, limits: {memory: 64Mi}}
"""
    assert imports(DEPLOYMENT + sidecar).only["sidecars"] == {
        "proxy": {
            "image": "example.com/proxy:1",
            "command": ["--quiet"],
            "environment": {"A": "b"},
            "cpu": 103,
            "memory": 64,
        }
    }


def test_an_empty_folder_is_writable_and_tmp_always_is(imports):
    mounts = "volumeMounts: [{name: t, mountPath: /tmp}, {name: c, mountPath: /cache}]"
    volumes = "      volumes: [{name: t, emptyDir: {}}, {name: c, emptyDir: {sizeLimit: 64Mi}}]\n"
    fields = imports(in_container(mounts, volumes)).only
    assert (fields["writable"], fields["tmp_size"]) == (["/cache"], 64)


def test_services_that_call_each_other_by_name_are_found(imports):
    caller = DEPLOYMENT.replace("shop", "web") + "          env: [{name: SHOP_ADDR, value: 'shop:8080'}]\n"
    services = imports(caller + "---\n" + DEPLOYMENT + SERVICE).services
    assert services["web"]["calls"] == ["shop"]


def test_the_address_of_a_grpc_service_is_set_by_calls_and_it_has_no_path_of_health(imports):
    caller = DEPLOYMENT.replace("shop", "web") + "          env: [{name: SHOP_ADDRESS, value: 'shop:8080'}]\n"
    callee = DEPLOYMENT + "          livenessProbe: {grpc: {port: 8080}}\n" + SERVICE
    services = imports(caller + "---\n" + callee).services
    assert services["web"]["calls"] == ["shop"]
    assert "environment" not in services["web"]
    assert (services["shop"]["protocol"], services["shop"].get("health")) == ("grpc", None)


def test_a_database_and_what_belongs_to_it_is_none(imports):
    database = (
        (DEPLOYMENT + SERVICE)
        .replace("shop", "cache")
        .replace("example.com/cache:1", "redis:8")
        .replace("8080", "6379")
    )
    user = DEPLOYMENT + "          env: [{name: REDIS_ADDR, value: 'cache:6379'}]\n"
    result = imports(database + "---\n" + user)
    assert list(result.services) == ["shop"]
    assert result.only["egress"] == [{"name": "cache", "port": 6379, "cidrs": ["10.0.0.0/16"]}]
    assert result.imported.lines == ["not written: cache (redis:8): use ElastiCache"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (in_pod("initContainers: [{name: i, image: 'e.com/i:1'}]"), "initContainers: run before the service"),
        (in_pod("serviceAccountName: robot"), "serviceAccountName: is a role; write rights:"),
        (in_pod("hostNetwork: true"), "hostNetwork: needs the machine"),
        (in_pod("nodeSelector: {gpu: 'yes'}"), "nodeSelector: chooses machines"),
        (in_pod("volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]"), "volumes[0]: holds files"),
        (
            in_container("env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]"),
            "env[0]: comes from the pod itself",
        ),
        (in_container("env: [{name: A, value: '$(B):1'}]"), "env[0].value: contains $$ or $("),
        (in_container("envFrom: [{secretRef: {name: s}}]"), "envFrom[0]: is a whole Secret"),
        (
            in_container("envFrom: [{configMapRef: {name: s}}]"),
            "envFrom[0]: is the ConfigMap s, which is not in this file",
        ),
        (in_container("securityContext: {runAsUser: 0}"), "runAsUser: is 0, and nothing runs as root here"),
        (in_container("securityContext: {readOnlyRootFilesystem: false}"), "readOnlyRootFilesystem: is false"),
        (in_container("lifecycle: {preStop: {exec: {command: [/bye]}}}"), "preStop: runs before SIGTERM"),
        (
            in_container("resources: {requests: {cpu: 100m}, limits: {cpu: '2'}}"),
            "limits.cpu: is more than what it asks for",
        ),
        (in_container("tty: true"), "tty: is not known here"),
        (CRON.replace("Forbid", "Replace"), "concurrencyPolicy: is not Forbid"),
    ],
)
def test_what_is_not_carried_over_is_a_comment_with_a_reason(imports, text, said):
    assert said in imports(text).text


@pytest.mark.parametrize("kind", ["DaemonSet", "NetworkPolicy", "Namespace", "HTTPRoute"])
def test_objects_without_a_place_are_named(imports, kind):
    other = f"---\napiVersion: x/v1\nkind: {kind}\nmetadata: {{name: other}}\nspec: {{a: b}}\n"
    assert any(line.startswith(f"not written: {kind} other") for line in imports(DEPLOYMENT + other).imported.lines)


def test_a_list_is_its_items(imports):
    text = "apiVersion: v1\nkind: List\nitems:\n  - " + DEPLOYMENT.replace("\n", "\n    ")
    assert list(imports(text).services) == ["shop"]
