"""What every stack of the platform has in common: its name, where it lives, its tags, and how it is taken down."""

from __future__ import annotations

from aws_cdk import Environment, RemovalPolicy, Stack, StackSynthesizer
from constructs import Construct

from config.settings import Removal, Settings


class PlatformStack(Stack):
    """A stack whose construct id is its room (`Network`, `Ecs-web`) and whose CloudFormation name carries app and
    environment in front, so that two environments live in one account.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        description: str,
        synthesizer: StackSynthesizer | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=f"{settings.prefix}-{construct_id}",
            description=description,
            env=Environment(account=settings.account, region=settings.region),
            tags={**settings.tags, "app": settings.app, "environment": settings.environment},
            termination_protection=settings.removal is Removal.KEPT,
            analytics_reporting=False,
            synthesizer=synthesizer,
        )
        self.settings = settings

    @property
    def removal_policy(self) -> RemovalPolicy:
        """What becomes of stateful resources when their stack goes: deleted where the environment is disposable."""
        return RemovalPolicy.DESTROY if self.settings.removal is Removal.DISPOSABLE else RemovalPolicy.RETAIN

    @property
    def disposable(self) -> bool:
        return self.settings.removal is Removal.DISPOSABLE
