"""An image asset with our own hash and build context; CDK's construct would compute its own fingerprint of the folder."""

from __future__ import annotations

from dataclasses import dataclass

from config.image import ImageSource
from stacks.base import EnvironmentStack


@dataclass(frozen=True, kw_only=True)
class ServiceImage:
    """One service's image, as the CLI builds and pushes it.

    Attributes:
        repository: the name of the repository that it is pushed to.
        uri: the image that the containers run.
    """

    repository: str
    uri: str


def add_service_image(stack: EnvironmentStack, *, source: ImageSource, display_name: str) -> ServiceImage:
    """Has the image built and pushed before the stack is deployed."""
    location = stack.synthesizer.add_docker_image_asset(
        source_hash=source.digest,
        directory_name=source.staged_name,
        docker_build_args=dict(source.build_arguments) or None,
        docker_build_target=source.target,
        docker_file=source.staged_dockerfile,
        platform=source.platform,
        display_name=display_name,
    )
    return ServiceImage(repository=location.repository_name, uri=location.image_uri)
