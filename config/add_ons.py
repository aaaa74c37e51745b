r"""The versions of EKS add-ons, each tried with the cluster versions that config/ accepts.

Without a version, EKS picks its default at creation and never updates it; a new environment would get another one than those
that exist. To move a pin, ask for the default of a cluster version, read the add-on's release notes, and change it here:

    aws eks describe-addon-versions --kubernetes-version 1.36 --addon-name metrics-server \
        --query 'addons[0].addonVersions[?compatibilities[?defaultVersion]].addonVersion'
"""

from __future__ import annotations

from typing import Final

METRICS: Final = "metrics-server"
SECRETS: Final = "aws-secrets-store-csi-driver-provider"
OBSERVABILITY: Final = "amazon-cloudwatch-observability"

# https://docs.aws.amazon.com/eks/latest/userguide/updating-an-add-on.html
VERSIONS: Final = {
    "1.36": {
        METRICS: "v0.9.0-eksbuild.11",
        SECRETS: "v3.1.1-eksbuild.2",
        OBSERVABILITY: "v6.7.0-eksbuild.1",
    }
}
"""Add-on versions by cluster version."""
