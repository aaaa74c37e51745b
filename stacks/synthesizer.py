"""How a service's image reaches that service's own repository with plain `cdk deploy`.

The CLI builds and pushes each image straight to the repository that the stack's synthesizer names, under its content hash: no
second copy, no custom resource. The stock synthesizer leaves one thing out: the CLI asks for the repository before it builds,
and builds before it deploys, so the first deployment of an empty account fails. Here the stack's assets depend on Registry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsii
from aws_cdk import DefaultStackSynthesizer, Stack
from aws_cdk.cloud_assembly_schema import ArtifactType, AssetManifestProperties

from config.settings import Platform, Settings

if TYPE_CHECKING:
    from aws_cdk import IBoundStackSynthesizer, ISynthesisSession

# A tag tells which platform pushed it, so that neither waits for the other and lifecycle rules count them apart.
TAG_PREFIXES = {Platform.ECS: "ecs-", Platform.EKS: "eks-"}
# The bootstrap version that image publishing needs, as the stock synthesizer asks for.
_BOOTSTRAP_VERSION = 6


def repository_name(settings: Settings, service: str) -> str:
    """<app>-<environment>/<service>."""
    return f"{settings.prefix}/{service}"


def publisher_role_name(settings: Settings, region: str) -> str:
    """Role names are global in an account, so the region is part of it."""
    return f"{settings.prefix}-images-{region}"


class ServiceSynthesizer(DefaultStackSynthesizer):
    """The synthesizer of one service on one platform."""

    def __init__(self, *, settings: Settings, service: str, platform: Platform, registry: Stack) -> None:
        role = publisher_role_name(settings, "${AWS::Region}")
        super().__init__(
            image_assets_repository_name=repository_name(settings, service),
            image_asset_publishing_role_arn=f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{role}",
            docker_tag_prefix=TAG_PREFIXES[platform],
        )
        self._registry_artifact = registry.artifact_id
        self._assets_artifact = ""

    @jsii.member(jsii_name="reusableBind")
    def reusable_bind(self, stack: Stack) -> IBoundStackSynthesizer:
        """Binds this object itself: the stock method binds a copy, which would lose the override below."""
        self.bind(stack)
        self._assets_artifact = f"{stack.artifact_id}.assets"
        return self

    @jsii.member(jsii_name="synthesize")
    def synthesize(self, session: ISynthesisSession) -> None:
        """Synthesizes as usual, then makes the stack's assets wait for the repositories."""
        super().synthesize(session)
        artifact = self._assets_artifact
        session.assembly.add_artifact(
            artifact,
            type=ArtifactType.ASSET_MANIFEST,
            properties=AssetManifestProperties(
                file=f"{artifact}.json",
                requires_bootstrap_stack_version=_BOOTSTRAP_VERSION,
                bootstrap_stack_version_ssm_parameter=f"/cdk-bootstrap/{self.bootstrap_qualifier}/version",
            ),
            dependencies=[self._registry_artifact],
        )
