"""What both platforms share of a service: its image, its variables, and the permissions of its role.

Kept in one place so that a field of service.yaml cannot mean one thing on ECS and another on EKS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import aws_ec2, aws_iam

from config.catalog import Catalog
from config.extras import Hooks
from config.reserved import PRIVATE_PORT
from config.service import HttpService, ServiceSpec, Worker, queue_variable
from config.settings import Platform, Settings
from stacks.base import EnvironmentStack
from stacks.data import Data
from stacks.extra import Added, ExtraService
from stacks.image import ServiceImage, add_service_image
from stacks.narrow import narrow
from stacks.permissions import allow, allow_key
from stacks.queues import QueueAccess
from stacks.rights import grant_rights
from stacks.secrets import grant_secrets

# Taking messages and giving them back; neither sending nor the queue's own settings, nor emptying it.
_TAKE = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
_SEND = ["sqs:SendMessage"]
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
_TAKE_KEY = ["kms:Decrypt"]
_SEND_KEY = ["kms:Decrypt", "kms:GenerateDataKey"]


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One service with everything around it that its two stacks need.

    Attributes:
        spec: the manifest.
        settings: the environment.
        catalog: all services, to look up callees and callers.
        data: its tables and its bucket.
        alarm_topic_arn: the topic that alarms are published to.
        queues: by worker, the queues that the service takes from or sends to.
        hooks: the service's own CDK code, if it has any.
        added: what that code has added on this platform.
    """

    spec: ServiceSpec
    settings: Settings
    catalog: Catalog
    data: Data
    alarm_topic_arn: str
    queues: Mapping[str, QueueAccess] = field(default_factory=dict)
    hooks: Hooks | None = None
    added: Added = field(default_factory=Added)

    def environment(self) -> dict[str, str]:
        """The variables of the container, in a stable order: those that we set, then the manifest's, then extra.py's."""
        spec = self.spec
        variables = {"SERVICE_NAME": spec.name, "DEPLOY_ENVIRONMENT": self.settings.environment}
        if isinstance(spec, HttpService):
            variables |= {"PORT": str(spec.port), "BASE_PATH": spec.base_path}
            if spec.private_port is not None:
                variables[PRIVATE_PORT] = str(spec.private_port)
        for callee in self.catalog.callees(spec):
            variables |= callee.addresses
        variables |= self.data.environment()
        variables |= {queue_variable(name): queue.url for name, queue in self.queues.items()}
        return variables | dict(sorted(spec.environment.items())) | self.added.variables

    @property
    def needs_role(self) -> bool:
        """Whether the service's code, or whoever fetches its secrets, needs rights in AWS."""
        return self.spec.needs_role or bool(self.added.statements)

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

    def note_queues(self, stack: EnvironmentStack) -> None:
        """The same for the queues that the service uses: in order or not, each is another queue. The name of one that somebody
        else owns is in the template anyway.
        """
        workers = [narrow(self.catalog.service(name), Worker) for name in self.queues]
        in_order = [worker.name for worker in workers if worker.queue and worker.queue.fifo]
        if in_order:
            stack.add_metadata("FifoQueues", in_order)

    def extra_service(
        self, stack: EnvironmentStack, *, platform: Platform, vpc: aws_ec2.IVpc, security_group_id: str | None = None
    ) -> ExtraService | None:
        """The service as its own CDK code gets it; None if it has no such code."""
        if self.hooks is None:
            return None
        return ExtraService(
            stack=stack,
            platform=platform,
            spec=self.spec,
            settings=self.settings,
            vpc=vpc,
            security_group_id=security_group_id,
            hooks=self.hooks,
            added=self.added,
            taken=frozenset(self.environment()),
        )

    def grant_added(self, role: aws_iam.IRole) -> None:
        """Adds the statements of extra.py to the role that the container has."""
        for statement in self.added.statements:
            role.add_to_principal_policy(statement)

    def add_image(self, stack: EnvironmentStack) -> ServiceImage:
        """The image, built by the CDK CLI from the copy of the service's folder in the cloud assembly."""
        return add_service_image(stack, source=self.catalog.images[self.spec.name], display_name=self.spec.name)

    def add_sidecar_images(self, stack: EnvironmentStack) -> dict[str, str]:
        """The URI of each sidecar's image, by the sidecar's name; copied through the service's repository."""
        return {
            name: add_service_image(stack, source=source, display_name=f"{self.spec.name}, sidecar {name}").uri
            for name, source in self.catalog.sidecar_images.get(self.spec.name, {}).items()
        }

    def grant_data(self, role: aws_iam.Role) -> None:
        """Lets a role do what the service itself may: use its tables and its bucket, and what its `rights` say."""
        self.data.grant(role)
        grant_rights(role, self.spec.rights)

    def grant_queues(self, role: aws_iam.IRole) -> None:
        """Lets a role take from the worker's own queue, and send to those that the manifest lists under `sends`."""
        own = [queue for name, queue in self.queues.items() if name == self.spec.name]
        others = [queue for name, queue in self.queues.items() if name != self.spec.name]
        for queues, actions, key_actions in ((own, _TAKE, _TAKE_KEY), (others, _SEND, _SEND_KEY)):
            if queues:
                allow(role, actions, *(queue.arn for queue in queues))
            # The environment's key is one object for all queues that are made.
            for key in dict.fromkeys(queue.key for queue in queues if queue.key):
                allow_key(role, key, key_actions, service="sqs")

    def grant_secrets(self, role: aws_iam.Role, *, read_secret: list[str]) -> dict[str, str]:
        """Lets a role read the service's secrets; returns how a task definition names the value of each variable."""
        return grant_secrets(role, self.spec.secrets, read_secret=read_secret)
