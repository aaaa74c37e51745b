"""The base of every stack: name, account and region, tags, key, and removal policy."""

from __future__ import annotations

from aws_cdk import Environment, PermissionsBoundary, RemovalPolicy, Stack, StackSynthesizer, aws_kms
from constructs import Construct, IConstruct

from config.names import stack_name
from config.settings import References, Removal, Settings
from stacks.narrow import narrow


class EnvironmentStack(Stack):
    """A stack whose construct id is short (`Network`, `Ecs-web`) and whose CloudFormation name starts with app and
    environment, so that two environments fit in one account.

    Attributes:
        settings: the environment.
        key: the environment's key, or None where AWS's own keys encrypt.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        description: str,
        key: aws_kms.IKey | None,
        synthesizer: StackSynthesizer | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=stack_name(settings, construct_id),
            description=description,
            env=Environment(account=settings.account, region=settings.region),
            tags={**settings.tags, "app": settings.app, "environment": settings.environment},
            termination_protection=settings.removal is Removal.KEPT,
            analytics_reporting=False,
            permissions_boundary=_boundary(settings),
            synthesizer=synthesizer,
        )
        self.settings = settings
        self.key = key

    def share(self, *values: str) -> None:
        """Exports what another stack may import, whether or not one does today.

        CDK exports a value only while another stack uses it, and CloudFormation refuses to drop an export that a deployed stack
        still imports: dropping a call, say, would fail in the stack of the called service, which deploys first. Weak
        references need no export.
        """
        if self.settings.references is References.STRONG:
            for value in values:
                self.export_value(value)

    @property
    def removal_policy(self) -> RemovalPolicy:
        """What happens to what holds data when its stack is deleted: kept, unless the environment is disposable.

        A stack whose first creation fails takes even this with it: it is empty, and its name would be in the way of the next try.
        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
        """
        return RemovalPolicy.DESTROY if self.disposable else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE

    @property
    def disposable(self) -> bool:
        return self.settings.removal is Removal.DISPOSABLE


def _boundary(settings: Settings) -> PermissionsBoundary | None:
    """CDK puts it on every role of a stack, those of its own custom resources included."""
    policy = settings.permissions_boundary
    if policy is None:
        return None
    return PermissionsBoundary.from_arn(policy) if policy.startswith("arn:") else PermissionsBoundary.from_name(policy)


def stack_of(scope: IConstruct) -> EnvironmentStack:
    """The stack that a construct is in; its settings and key apply to the construct.

    Raises:
        TypeError: the construct is in no EnvironmentStack.
    """
    return scope if isinstance(scope, EnvironmentStack) else narrow(EnvironmentStack.of(scope), EnvironmentStack)
