"""Quotas of AWS and Kubernetes on the parts of an environment, each with the page it comes from.

Two kinds. A user can exceed a REFUSED quota: config.quota_checks refuses the manifest or setting that does. The platform stays
within the KEPT quotas by design, at any number of services that the others allow. tests/stacks/test_quotas.py computes both
from templates. Quotas on running tasks and nodes (Fargate's vCPUs, network interfaces) cannot be computed from templates, so they
are not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_AWS: Final = "https://docs.aws.amazon.com/"
_CLOUDFORMATION: Final = f"{_AWS}AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"
_IAM: Final = f"{_AWS}IAM/latest/UserGuide/reference_iam-quotas.html"
_VPC: Final = f"{_AWS}vpc/latest/userguide/amazon-vpc-limits.html"
_ALB: Final = f"{_AWS}elasticloadbalancing/latest/application/load-balancer-limits.html"
_ECS: Final = f"{_AWS}AmazonECS/latest/developerguide/service-quotas.html"
_ECR: Final = f"{_AWS}AmazonECR/latest/userguide/service-quotas.html"
_EVENTS: Final = f"{_AWS}eventbridge/latest/userguide/eb-quota.html"


@dataclass(frozen=True, kw_only=True)
class Quota:
    """One quota.

    Attributes:
        name: its key in the setting `quotas`.
        value: the default, in units of `counts`.
        counts: what is counted, and of what.
        source: the page.
        adjustable: whether AWS raises it on request.
        note: what is uncertain or differs by region.
    """

    name: str
    value: int
    counts: str
    source: str
    adjustable: bool = False
    note: str = ""


# --- refused when loaded ---------------------------------------------------------------------------------------------

LISTENER_RULES: Final = Quota(
    name="listener_rules",
    value=100,
    counts="rules of a load balancer, default rules not counted",
    source=_ALB,
    adjustable=True,
)
TARGET_GROUPS: Final = Quota(
    name="target_groups", value=100, counts="target groups that one load balancer feeds", source=_ALB
)
TARGETS: Final = Quota(
    name="targets", value=1000, counts="targets (tasks or pods) of one load balancer", source=_ALB, adjustable=True
)
GROUP_RULES: Final = Quota(
    name="group_rules",
    value=60,
    counts="inbound rules of a security group, and as many outbound ones",
    source=_VPC,
    adjustable=True,
)
ADDRESSES: Final = Quota(
    name="addresses",
    value=5,
    counts="Elastic IP addresses of an account in a region, other environments' included",
    source=_VPC,
    adjustable=True,
    note="a NAT gateway takes one; `python -m ops preflight` counts those that are taken",
)
ROLES: Final = Quota(
    name="roles",
    value=1000,
    counts="IAM roles of an account, other environments' included",
    source=_IAM,
    adjustable=True,
)
ROLE_INLINE_POLICIES: Final = Quota(
    name="role_inline_policies", value=10_240, counts="characters of all inline policies of a role", source=_IAM
)
BUS_RULES: Final = Quota(
    name="bus_rules",
    value=300,
    counts="EventBridge rules of an event bus, other users' included",
    source=_EVENTS,
    adjustable=True,
    note="100 in af-south-1 and eu-south-1",
)
STACK_RESOURCES: Final = Quota(
    name="stack_resources", value=500, counts="resources of a CloudFormation stack", source=_CLOUDFORMATION
)
STACK_OUTPUTS: Final = Quota(
    name="stack_outputs", value=200, counts="outputs of a CloudFormation stack", source=_CLOUDFORMATION
)
ENDPOINT_CIDRS: Final = Quota(
    name="endpoint_cidrs",
    value=40,
    counts="public ranges that may reach the Kubernetes API",
    source=f"{_AWS}eks/latest/userguide/service-quotas.html",
)
TASK_DEFINITION: Final = Quota(
    name="task_definition", value=65_536, counts="bytes of an ECS task definition", source=_ECS
)
KUBECTL_EVENT: Final = Quota(
    name="kubectl_event",
    value=262_144,
    counts="bytes of the event that CloudFormation sends to the function that applies a service's Kubernetes objects, "
    "old and new",
    source=f"{_AWS}lambda/latest/api/API_InvokeAsync.html",
    note="Lambda's newer call allows 1 MB; which one CloudFormation uses is not documented, so the smaller limit applies here",
)

REFUSED: Final = (
    LISTENER_RULES,
    TARGET_GROUPS,
    TARGETS,
    GROUP_RULES,
    ADDRESSES,
    ROLES,
    ROLE_INLINE_POLICIES,
    BUS_RULES,
    STACK_RESOURCES,
    STACK_OUTPUTS,
    ENDPOINT_CIDRS,
    TASK_DEFINITION,
    KUBECTL_EVENT,
)
ADJUSTABLE: Final = {quota.name: quota for quota in REFUSED if quota.adjustable}
"""The keys of the setting `quotas`."""

# --- kept by design --------------------------------------------------------------------------------------------------

TEMPLATE_SIZE: Final = Quota(
    name="template_size",
    value=1_000_000,
    counts="bytes of a template in S3",
    source=_CLOUDFORMATION,
    note="the page says 1 MB",
)
STACK_PARAMETERS: Final = Quota(
    name="stack_parameters", value=200, counts="parameters of a CloudFormation stack", source=_CLOUDFORMATION
)
STACK_MAPPINGS: Final = Quota(
    name="stack_mappings", value=200, counts="mappings of a CloudFormation stack", source=_CLOUDFORMATION
)
TEMPLATE_DESCRIPTION: Final = Quota(
    name="template_description",
    value=1024,
    counts="bytes of a description of a template or an output",
    source=_CLOUDFORMATION,
)
STACKS: Final = Quota(
    name="stacks",
    value=2000,
    counts="CloudFormation stacks of an account in a region",
    source=_CLOUDFORMATION,
    adjustable=True,
)
MANAGED_POLICY: Final = Quota(name="managed_policy", value=6144, counts="characters of a managed policy", source=_IAM)
ATTACHED_POLICIES: Final = Quota(
    name="attached_policies", value=10, counts="managed policies attached to a role", source=_IAM, adjustable=True
)
TRUST_POLICY: Final = Quota(
    name="trust_policy", value=2048, counts="characters of a role's trust policy", source=_IAM, adjustable=True
)
SECURITY_GROUPS: Final = Quota(
    name="security_groups", value=2500, counts="security groups of a region", source=_VPC, adjustable=True
)
INTERFACE_GROUPS: Final = Quota(
    name="interface_groups", value=5, counts="security groups of a network interface", source=_VPC, adjustable=True
)
SUBNETS: Final = Quota(name="subnets", value=200, counts="subnets of a VPC", source=_VPC, adjustable=True)
INTERFACE_ENDPOINTS: Final = Quota(
    name="interface_endpoints",
    value=50,
    counts="interface endpoints of a VPC",
    source=f"{_AWS}vpc/latest/privatelink/vpc-limits-endpoints.html",
    adjustable=True,
)
CONDITION_VALUES: Final = Quota(
    name="condition_values", value=5, counts="condition values of a listener rule", source=_ALB
)
CERTIFICATES: Final = Quota(
    name="certificates", value=25, counts="certificates of a load balancer", source=_ALB, adjustable=True
)
ECS_SERVICES: Final = Quota(
    name="ecs_services", value=5000, counts="services of an ECS cluster", source=_ECS, adjustable=True
)
TASK_CONTAINERS: Final = Quota(name="task_containers", value=10, counts="containers of a task definition", source=_ECS)
REPOSITORIES: Final = Quota(
    name="repositories",
    value=10_000,
    counts="ECR repositories of a region",
    source=_ECR,
    adjustable=True,
    note="newer pages may say more",
)
LIFECYCLE_POLICY: Final = Quota(
    name="lifecycle_policy", value=30_720, counts="characters of an ECR lifecycle policy", source=_ECR
)
EVENT_PATTERN: Final = Quota(
    name="event_pattern", value=2048, counts="characters of an event pattern", source=_EVENTS, adjustable=True
)
SCHEDULES: Final = Quota(
    name="schedules",
    value=1_000_000,
    counts="EventBridge schedules of a region",
    source=f"{_AWS}scheduler/latest/UserGuide/scheduler-quotas.html",
    adjustable=True,
)
ALARMS: Final = Quota(
    name="alarms",
    value=5000,
    counts="CloudWatch alarms of a region",
    source=f"{_AWS}AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html",
    adjustable=True,
)
TABLES: Final = Quota(
    name="tables",
    value=2500,
    counts="DynamoDB tables of a region",
    source=f"{_AWS}amazondynamodb/latest/developerguide/ServiceQuotas.html",
    adjustable=True,
)
KEY_POLICY: Final = Quota(
    name="key_policy",
    value=32_768,
    counts="bytes of a KMS key policy",
    source=f"{_AWS}kms/latest/developerguide/resource-limits.html",
)
POD_IDENTITIES: Final = Quota(
    name="pod_identities",
    value=5000,
    counts="Pod Identity associations of an EKS cluster",
    source=f"{_AWS}eks/latest/userguide/pod-identities.html",
)
ANNOTATIONS: Final = Quota(
    name="annotations",
    value=262_144,
    counts="bytes of an object's annotations; `kubectl apply` keeps the whole object in one",
    source="https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/",
)

KEPT: Final = (
    TEMPLATE_SIZE,
    STACK_PARAMETERS,
    STACK_MAPPINGS,
    TEMPLATE_DESCRIPTION,
    STACKS,
    MANAGED_POLICY,
    ATTACHED_POLICIES,
    TRUST_POLICY,
    SECURITY_GROUPS,
    INTERFACE_GROUPS,
    SUBNETS,
    INTERFACE_ENDPOINTS,
    CONDITION_VALUES,
    CERTIFICATES,
    ECS_SERVICES,
    TASK_CONTAINERS,
    REPOSITORIES,
    LIFECYCLE_POLICY,
    EVENT_PATTERN,
    SCHEDULES,
    ALARMS,
    TABLES,
    KEY_POLICY,
    POD_IDENTITIES,
    ANNOTATIONS,
)
