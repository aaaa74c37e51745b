"""Stack names: the only place that builds and parses them.

A stack's id is its construct id (`Network`, `Ecs`, `Ecs-web`): the name in the cloud assembly and on `cdk deploy`'s command
line. Its name is CloudFormation's, with app and environment in front, so two environments fit into one account.
"""

from __future__ import annotations

from typing import Final

from config.settings import Platform, Settings

FOUNDATION: Final = "Foundation"
NETWORK: Final = "Network"
REGISTRY: Final = "Registry"
STATE: Final = "State"


def stack_id(platform: Platform, service: str | None = None) -> str:
    """Id of a service's stack on a platform, or of the stack that the platform's services share."""
    shared = platform.value.capitalize()
    return shared if service is None else f"{shared}-{service}"


def stack_name(settings: Settings, identifier: str) -> str:
    """CloudFormation's name of the stack with that id."""
    return f"{settings.prefix}-{identifier}"


def platform_of(identifier: str) -> Platform | None:
    """The platform that a stack id belongs to; None for stacks that both platforms use."""
    return next((p for p in Platform if identifier == stack_id(p) or service_of(identifier, p)), None)


def service_of(identifier: str, platform: Platform) -> str | None:
    """The service whose stack on the platform has that id; None if it is another stack."""
    prefix = stack_id(platform, "")
    return identifier.removeprefix(prefix) if identifier.startswith(prefix) else None
