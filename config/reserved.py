"""Names that the platform itself uses, so no service or manifest can.

The code that creates those things takes their names from here.
"""

from __future__ import annotations

from typing import Final

# Objects that all services share in the Kubernetes namespace: a service's own objects carry the service's name.
ENTRANCE: Final = "entrance"
NOT_FOUND: Final = "not-found"
TO_HTTPS: Final = "to-https"
SYNCING_ROLE: Final = "secret-syncing"
DEFAULT_DENY: Final = "default-deny"
ALLOW_DNS: Final = "allow-dns"

# Who started a task that runs before_deploy; and the end of the names of its objects, which has a dot, as no service's name has.
BEFORE_DEPLOY: Final = "before-deploy"

SERVICE_NAMES: Final = {
    ENTRANCE: "the Ingress that holds the load balancer",
    NOT_FOUND: "the load balancer's answer to paths that no service has",
    TO_HTTPS: "the Ingress that redirects HTTP to HTTPS",
    SYNCING_ROLE: "the permission of the driver that fetches secrets",
    DEFAULT_DENY: "the NetworkPolicy that denies undeclared traffic",
    ALLOW_DNS: "the NetworkPolicy that lets every pod resolve names",
    "default": "the ServiceAccount that every namespace has",
    "localhost": "every container's name for itself",
    "kubernetes": "the name of the Kubernetes API",
    "aws": "its variables would begin with AWS_, which the SDKs read",
}
"""Names that a service cannot have, and what uses them."""

RESERVED_BEGINNINGS: Final = frozenset({"localhost", "kubernetes", "aws"})
"""Of those, the ones that a longer name cannot begin with either, as in aws-endpoint."""

PRIVATE_PORT: Final = "PRIVATE_PORT"
"""The variable with the private port of a service, which one without such a port may set itself."""

CONTAINER_BEGINNINGS: Final = ("aws-", "ecs-")
"""What the names of the containers begin with that AWS adds to a task: Service Connect's proxy, GuardDuty's agent."""

OF_THE_SERVICE: Final = ("PORT", "BASE_PATH", "SERVICE_NAME", "DEPLOY_ENVIRONMENT")
"""Variables that the service's own container gets, and its sidecars do not."""

VARIABLES: Final = {
    **dict.fromkeys(OF_THE_SERVICE, "is set by the platform"),
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-metadata.html, task-iam-roles.html
    **dict.fromkeys(
        (
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_DEFAULT_REGION",
            "AWS_EXECUTION_ENV",
            "AWS_REGION",
            "ECS_AGENT_URI",
            "ECS_CONTAINER_METADATA_URI",
            "ECS_CONTAINER_METADATA_URI_V4",
        ),
        "is set by ECS",
    ),
    # https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html; and what the kubelet sets
    **dict.fromkeys(
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_STS_REGIONAL_ENDPOINTS",
            "KUBERNETES_SERVICE_HOST",
            "KUBERNETES_SERVICE_PORT",
        ),
        "is set by Kubernetes",
    ),
    # https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html: SDKs try these before the container's role
    **dict.fromkeys(
        ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        "would replace the service's own role",
    ),
}
"""Variables that a manifest cannot set, and why. It can set all others, such as AWS_MAX_ATTEMPTS."""
