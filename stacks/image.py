"""An image asset whose hash and build context are made before: CDK's own construct would fingerprint the folder its own way."""

from __future__ import annotations

from dataclasses import dataclass

from config.image import ImageSource
from stacks.base import EnvironmentStack


@dataclass(frozen=True, kw_only=True)
class ServiceImage:
    """One service's image, as the CLI builds and pushes it.

    Attributes:
        repository: name of the repository that it is pushed to.
        uri: what runs.
    """

    repository: str
    uri: str


def add_service_image(stack: EnvironmentStack, *, source: ImageSource, display_name: str) -> ServiceImage:
    """Has the image built and pushed before the stack is deployed."""
    location = stack.synthesizer.add_docker_image_asset(
        source_hash=source.digest,
        directory_name=source.staged_name,
        docker_build_args=dict(source.build_arguments),
        platform=source.platform,
        display_name=display_name,
    )
    return ServiceImage(repository=location.repository_name, uri=location.image_uri)
