"""Whether an environment can give a service the way out that its manifest asks for."""

from __future__ import annotations

from config.discovery import manifest_file
from config.errors import ConfigError
from config.service import ServiceSpec
from config.settings import Egress, Platform, Settings


def check_egress(spec: ServiceSpec, settings: Settings) -> None:
    """Checks a service as placed on the environment's platforms. Raises ConfigError for the first fault."""
    file = manifest_file(spec.name)
    for index, destination in enumerate(spec.egress):
        field = f"egress[{index}]"
        if destination.security_group and Platform.EKS in spec.platforms:
            # https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
            problem = "cannot be expressed on eks, whose network policies know only address ranges"
            raise ConfigError(file, f"{field}.security_group", problem, "write cidrs, or set platforms: [ecs]")
        public = destination.open_to_the_internet
        if public and settings.egress is Egress.ENDPOINTS:
            problem = f"holds {public[0]}, public addresses, and {settings.environment} has no route to any"
            remedy = (
                f"write private ranges under overrides.{settings.environment}, or another value of its setting egress"
            )
            raise ConfigError(file, f"{field}.cidrs", problem, remedy)
