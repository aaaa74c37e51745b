"""Names that the platform itself uses, so no service or manifest can.

The code that creates those things takes their names from here.
"""

from __future__ import annotations

from typing import Final

# Objects that all services share in the Kubernetes namespace: a service's own objects carry the service's name.
ENTRANCE: Final = "entrance"
NOT_FOUND: Final = "not-found"
TO_HTTPS: Final = "to-https"
INTERNAL: Final = "internal"
INTERNAL_ENTRANCE: Final = "internal-entrance"
INTERNAL_TO_HTTPS: Final = "internal-to-https"
SYNCING_ROLE: Final = "secret-syncing"
DEFAULT_DENY: Final = "default-deny"
ALLOW_DNS: Final = "allow-dns"

SERVICE_NAMES: Final = {
    ENTRANCE: "the Ingress that holds the load balancer",
    NOT_FOUND: "the load balancer's answer to paths that no service has",
    TO_HTTPS: "the Ingress that redirects HTTP to HTTPS",
    INTERNAL_ENTRANCE: "the Ingress that holds the internal load balancer",
    INTERNAL_TO_HTTPS: "the Ingress that redirects HTTP to HTTPS on the internal load balancer",
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

VARIABLES: Final = {
    **dict.fromkeys(("PORT", "BASE_PATH", "SERVICE_NAME", "DEPLOY_ENVIRONMENT"), "is set by the platform"),
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
