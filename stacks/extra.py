"""What a service's own CDK code gets (services/<name>/extra.py, docs/extra.md), and where what it adds is kept."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from aws_cdk import aws_ec2, aws_iam
from pydantic_core import PydanticCustomError

from config.errors import ConfigError
from config.extras import Hooks
from config.service import ServiceSpec
from config.service_rules import check_variables
from config.settings import Platform, Settings
from stacks.base import EnvironmentStack


@dataclass
class Added:
    """What extra.py adds to a service on one platform.

    Attributes:
        variables: of the container.
        statements: of the role that the container has.
        closed: whether the container and its role are described already, so that nothing more would reach them.
    """

    variables: dict[str, str] = field(default_factory=dict)
    statements: list[aws_iam.PolicyStatement] = field(default_factory=list)
    closed: bool = False


@dataclass(frozen=True, kw_only=True)
class ExtraService:
    """One service on one platform, as `add` and `change` in extra.py get it.

    Attributes:
        stack: Ecs-<name> or Eks-<name>; what is created in it is deployed and rolled back with the service.
        platform: which of the two.
        spec: the manifest, after the environment's overrides.
        settings: the environment.
        vpc: the network; tasks and pods run in its private subnets.
        security_group_id: of the tasks on ECS; None on EKS, where pods have the cluster's.
        hooks, added, taken: the functions, what they have added so far, and the variables that are set already.
    """

    stack: EnvironmentStack
    platform: Platform
    spec: ServiceSpec
    settings: Settings
    vpc: aws_ec2.IVpc
    security_group_id: str | None
    hooks: Hooks
    added: Added
    taken: AbstractSet[str]

    def set_variable(self, name: str, value: str) -> None:
        """Gives the container a variable; only in `add`, before the container is described.

        Raises:
            ConfigError: the name is not valid, or it is set already; or this is not `add`.
        """
        self._check_open("set_variable")
        if name in self.taken or name in self.added.variables or name in self.spec.secrets:
            raise ConfigError(self.hooks.file, name, "is set already", "choose another name")
        try:
            check_variables({name: value})
        except PydanticCustomError as error:
            said = error.context or {}
            raise ConfigError(self.hooks.file, name, said["problem"], said["remedy"]) from None
        self.added.variables[name] = value

    def allow(self, *statements: aws_iam.PolicyStatement) -> None:
        """Adds statements to the role that the container has; only in `add`. Raises ConfigError elsewhere."""
        self._check_open("allow")
        self.added.statements.extend(statements)

    def run(self, function: str) -> None:
        """Calls `add` or `change`. Raises ConfigError for whatever it raises."""
        self.added.closed = function != "add"
        self.hooks.run(function, self)

    def _check_open(self, method: str) -> None:
        if self.added.closed:
            raise ConfigError(self.hooks.file, method, "does nothing once the container is described", "call it in add")
