"""An image asset whose hash and build context are made before: CDK's own construct would fingerprint the folder its own way."""

from __future__ import annotations

from aws_cdk import aws_ecr
from constructs import Construct

from config.image import ImageSource
from stacks.base import stack_of


class ServiceImage(Construct):
    """One service's image, as the CLI builds and pushes it for the stack that this is in.

    Attributes:
        repository: where it is pushed to.
        uri: what runs.
    """

    def __init__(self, scope: Construct, construct_id: str, *, source: ImageSource, display_name: str) -> None:
        super().__init__(scope, construct_id)
        location = stack_of(self).synthesizer.add_docker_image_asset(
            source_hash=source.digest,
            directory_name=source.staged_name,
            docker_build_args=dict(source.build_arguments),
            platform=source.platform,
            display_name=display_name,
        )
        self.repository = aws_ecr.Repository.from_repository_name(self, "Repository", location.repository_name)
        self.uri = location.image_uri
