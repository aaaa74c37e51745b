"""What both platforms share of a service: its image, its variables, and the permissions of its role.

Kept in one place so that a field of service.yaml cannot mean one thing on ECS and another on EKS.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_iam

from config.catalog import Catalog
from config.service import HttpService, ServiceSpec
from config.settings import Settings
from stacks.base import EnvironmentStack
from stacks.data import Data
from stacks.image import ServiceImage, add_service_image
from stacks.rights import grant_rights
from stacks.secrets import grant_secrets


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One service with everything around it that its two stacks need.

    Attributes:
        spec: the manifest.
        settings: the environment.
        catalog: all services, to look up callees and callers.
        data: its tables and its bucket.
        alarm_topic_arn: the topic that alarms are published to.
    """

    spec: ServiceSpec
    settings: Settings
    catalog: Catalog
    data: Data
    alarm_topic_arn: str

    def environment(self) -> dict[str, str]:
        """The variables of the container, in a stable order: those that we set, then the manifest's."""
        spec = self.spec
        variables = {"SERVICE_NAME": spec.name, "DEPLOY_ENVIRONMENT": self.settings.environment}
        if isinstance(spec, HttpService):
            variables |= {"PORT": str(spec.port), "BASE_PATH": spec.path}
        for callee in self.catalog.callees(spec):
            variables[callee.url_variable] = f"http://{callee.name}:{callee.port}"
        return variables | self.data.environment() | dict(sorted(spec.environment.items()))

    def note_data(self, stack: EnvironmentStack) -> None:
        """Deploys the service's stack after its data, and writes the keys of its own tables into the stack's template.

        A table with other keys is another table. With weak references the template would stay the same, so the CLI would skip
        the stack, and the service would go on with the table that is gone.
        """
        if self.data.stack and self.data.bucket:
            stack.add_stack_dependency(self.data.stack)
        table = self.spec.table
        if table and not table.existing:
            stack.add_metadata("TableKeys", list(table.keys))
        further = {name: list(each.keys) for name, each in self.spec.tables.items() if not each.existing}
        if further:
            stack.add_metadata("KeysOfTables", further)

    def add_image(self, stack: EnvironmentStack) -> ServiceImage:
        """The image, built by the CDK CLI from the copy of the service's folder in the cloud assembly."""
        return add_service_image(stack, source=self.catalog.images[self.spec.name], display_name=self.spec.name)

    def grant_data(self, role: aws_iam.Role) -> None:
        """Lets a role do what the service itself may: use its tables and its bucket, and what its `rights` say."""
        self.data.grant(role)
        grant_rights(role, self.spec.rights)

    def grant_secrets(self, role: aws_iam.Role, *, read_secret: list[str]) -> dict[str, str]:
        """Lets a role read the service's secrets; returns how a task definition names the value of each variable."""
        return grant_secrets(role, self.spec.secrets, read_secret=read_secret)
