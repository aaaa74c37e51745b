"""Limits of AWS and Kubernetes on single values, each with the page it comes from; limits on counts are in config.quotas."""

from __future__ import annotations

from typing import Final

LOWEST_PRIORITY: Final = 50000
"""The lowest priority of a listener rule (1 is evaluated first):
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html"""

LOWEST_PORT: Final = 1024
HIGHEST_PORT: Final = 65535
"""Ports that a process without privileges may listen on."""

ROLE_NAME: Final = 64
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
"""TLS 1.3 and 1.2 with forward secrecy and AEAD ciphers only, and post-quantum key exchange where the client has it:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html"""

HEALTHY_CODES: Final = "200-399"
"""What a kubelet's HTTP probe considers healthy; the load balancers' health checks are set to the same:
https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/"""

GRPC_HEALTH: Final = "/grpc.health.v1.Health/Check"
"""The method that a kubelet's gRPC probe calls; the load balancers call the same:
https://github.com/grpc/grpc/blob/master/doc/health-checking.md"""

GRPC_HEALTHY_CODES: Final = "0"
"""OK: the service has that method, and answers it. By default a load balancer calls one that no service has, and takes code 12:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"""

HIGHEST_USER: Final = 2**31 - 1
"""Of runAsUser and runAsGroup: https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go"""

WRITABLE_GIB: Final = 20
"""What a Fargate task has for its image and its writable folders together by default; a pod's folders get the same bound:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html"""

LARGEST_STORAGE: Final = 200
"""GiB that a Fargate task may have: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EphemeralStorage.html"""

LARGEST_STORAGE_OF_A_POD: Final = 60
"""GiB that a pod can ask for: a node has 80, with the images of all its pods, and what the kubelet keeps free (10 %):
https://docs.aws.amazon.com/eks/latest/userguide/create-node-class.html and
https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/"""

SIDECARS: Final = 8
"""A task definition has ten containers at most: the service's own, and Service Connect's proxy where one is added:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html"""

DNS_LABEL: Final = 63
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/"""

CRON_JOB_NAME: Final = 52
"""A CronJob adds 11 characters to name its Jobs: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/"""

MIGRATING_NAME: Final = 49
"""A label's value has 63 characters, and that of before_deploy's pod ends in .before-deploy:
https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/"""

LOG_RETENTION_DAYS: Final = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

EKS_SERVICE_CIDR: Final = "172.20.0.0/16"
"""Addresses of Kubernetes Services, outside the VPC's range. By default EKS picks this block or 10.100.0.0/16:
https://docs.aws.amazon.com/eks/latest/APIReference/API_KubernetesNetworkConfigRequest.html"""

KUBECTL_LAYERS: Final = {"1.36": "aws-cdk.lambda-layer-kubectl-v36"}
"""Kubernetes versions, each with the package in requirements.in that has a kubectl within one minor version of it:
https://kubernetes.io/releases/version-skew-policy/"""

_GIB: Final = 1024

FARGATE_MEMORY: Final[dict[int, tuple[int, ...]]] = {
    256: (512, 1 * _GIB, 2 * _GIB),
    512: tuple(range(1 * _GIB, 4 * _GIB + 1, _GIB)),
    1024: tuple(range(2 * _GIB, 8 * _GIB + 1, _GIB)),
    2048: tuple(range(4 * _GIB, 16 * _GIB + 1, _GIB)),
    4096: tuple(range(8 * _GIB, 30 * _GIB + 1, _GIB)),
    8192: tuple(range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB)),
    16384: tuple(range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB)),
}
"""CPU units, each with the MiB of memory that Fargate allows for it (Linux, platform version 1.4.0 or newer):
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size"""


def is_fargate_pair(cpu: int, memory: int) -> bool:
    """Whether Fargate runs a task of this size (CPU units, MiB)."""
    return memory in FARGATE_MEMORY.get(cpu, ())


def nearest_fargate_pair(cpu: int, memory: int) -> tuple[int, int]:
    """The smallest pair with at least this much of both; the largest pair if there is none."""
    pairs = [(c, m) for c, memories in FARGATE_MEMORY.items() for m in memories]
    return min((p for p in pairs if p[0] >= cpu and p[1] >= memory), default=max(pairs))
