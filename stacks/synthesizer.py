"""Makes plain `cdk deploy` push a service's image to that service's own repository.

The CLI builds and pushes each image straight to the repository that the stack's synthesizer names, under its content hash: no
second copy, no custom resource. The stock synthesizer alone is not enough: the CLI checks the repository before it builds,
and builds before it deploys, so the first deployment to an empty account would fail. So the services' assets depend on Registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jsii
from aws_cdk import DefaultStackSynthesizer, Stack
from aws_cdk.cloud_assembly_schema import ArtifactType, AssetManifestProperties

from config.settings import Platform, Settings

if TYPE_CHECKING:
    from aws_cdk import IBoundStackSynthesizer, ISynthesisSession

# A tag starts with its platform, so neither waits for the other's push.
TAG_PREFIXES = {Platform.ECS: "ecs-", Platform.EKS: "eks-"}
# The bootstrap version that image publishing needs, as in the stock synthesizer.
_BOOTSTRAP_VERSION = 6


def repository_name(settings: Settings, service: str) -> str:
    """<app>-<environment>/<service>."""
    return f"{settings.prefix}/{service}"


def publisher_role_name(settings: Settings, region: str) -> str:
    """Role names are global in an account, so the region is part of it.

    It starts with cdk- because a CI role is usually allowed to assume `role/cdk-*`, the bootstrap's roles, and no other.
    https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
    """
    return f"cdk-{settings.prefix}-push-{region}"


class _SelfBound(DefaultStackSynthesizer):
    """A synthesizer that binds itself. The stock one binds a copy, which Python would take for the unbound original."""

    @jsii.member(jsii_name="reusableBind")
    def reusable_bind(self, stack: Stack) -> IBoundStackSynthesizer:
        """Binds this object."""
        self.bind(stack)
        return self


class ServiceSynthesizer(_SelfBound):
    """The synthesizer of one service on one platform: its images go to the service's own repository."""

    def __init__(self, *, settings: Settings, service: str, platform: Platform) -> None:
        role = publisher_role_name(settings, "${AWS::Region}")
        super().__init__(
            image_assets_repository_name=repository_name(settings, service),
            image_asset_publishing_role_arn=f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{role}",
            docker_tag_prefix=TAG_PREFIXES[platform],
        )


class RegistrySynthesizer(_SelfBound):
    """The synthesizer of Registry: also makes the services' assets wait for it.

    What it adds to the assembly replaces what the services' synthesizers added, so Registry must be the app's last stack:
    stacks are synthesized in the order in which they were created. In the services' own synthesizers the order would
    not matter, but each stack would cost a call from Node back into Python and four more from there.
    """

    def __init__(self, *, registry: str, waiting: Sequence[str]) -> None:
        """Prepares the synthesizer. The artifact id of a stack directly below the app is its construct id.

        Args:
            registry: construct id of Registry.
            waiting: construct ids of the stacks whose images go to Registry's repositories.
        """
        super().__init__()
        self._registry = registry
        self._waiting = waiting

    @jsii.member(jsii_name="synthesize")
    def synthesize(self, session: ISynthesisSession) -> None:
        """Synthesizes as usual, then makes the services' assets wait for the repositories."""
        super().synthesize(session)
        assembly = session.assembly
        version = f"/cdk-bootstrap/{self.bootstrap_qualifier}/version"
        for stack in self._waiting:
            assembly.add_artifact(
                f"{stack}.assets",
                type=ArtifactType.ASSET_MANIFEST,
                properties=AssetManifestProperties(
                    file=f"{stack}.assets.json",
                    requires_bootstrap_stack_version=_BOOTSTRAP_VERSION,
                    bootstrap_stack_version_ssm_parameter=version,
                ),
                dependencies=[self._registry],
            )
