"""What both platforms share of a service: its image, its variables, and the permissions of its role.

Kept in one place so that a field of service.yaml cannot mean one thing on ECS and another on EKS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import Aws, aws_dynamodb, aws_iam, aws_kms, aws_secretsmanager, aws_sqs, aws_ssm
from constructs import Construct

from config.catalog import Catalog
from config.service import HttpService, ServiceSpec, Worker, queue_variable
from config.settings import Settings
from stacks.acknowledgements import acknowledge
from stacks.base import EnvironmentStack, stack_of
from stacks.image import ServiceImage, add_service_image
from stacks.narrow import narrow

# Reading and writing items; neither streams nor the table's own settings.
_TABLE_DATA = [
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:DescribeTable",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
]
# How DynamoDB uses the key on the caller's behalf.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
_TABLE_KEY = [
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
]
# Taking messages and giving them back; neither sending nor the queue's own settings, nor emptying it.
_TAKE = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
_SEND = ["sqs:SendMessage"]
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
_TAKE_KEY = ["kms:Decrypt"]
_SEND_KEY = ["kms:Decrypt", "kms:GenerateDataKey"]


def allow_key(role: aws_iam.IRole, key: aws_kms.IKey, actions: list[str], *, service: str) -> None:
    """Lets a role use a key through one AWS service only, without the wildcards of CDK's own grants."""
    role.add_to_principal_policy(
        aws_iam.PolicyStatement(actions=actions, resources=[key.key_arn], conditions={"StringEquals": _via(service)})
    )


def _allow(role: aws_iam.Role, actions: list[str], resource: str) -> None:
    role.add_to_policy(aws_iam.PolicyStatement(actions=actions, resources=[resource]))


def _via(*services: str) -> dict[str, list[str]]:
    """A condition on the services through which a key is used; the form of the partitions aws and aws-us-gov."""
    return {"kms:ViaService": [f"{service}.{Aws.REGION}.amazonaws.com" for service in services]}


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One service with everything around it that its two stacks need.

    Attributes:
        spec: the manifest.
        settings: the environment.
        catalog: all services, to look up callees and callers.
        table: the service's own table, if it declares one.
        alarm_topic_arn: the topic that alarms are published to.
        queues: by worker, the queues that the service takes from or sends to.
    """

    spec: ServiceSpec
    settings: Settings
    catalog: Catalog
    table: aws_dynamodb.ITable | None
    alarm_topic_arn: str
    queues: Mapping[str, aws_sqs.IQueue] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The variables of the container, in a stable order: those that we set, then the manifest's."""
        spec = self.spec
        variables = {"SERVICE_NAME": spec.name, "DEPLOY_ENVIRONMENT": self.settings.environment}
        if isinstance(spec, HttpService):
            variables |= {"PORT": str(spec.port), "BASE_PATH": spec.path}
        for callee in self.catalog.callees(spec):
            variables[callee.url_variable] = f"http://{callee.name}:{callee.port}"
        if self.table:
            variables[spec.table_variable] = self.table.table_name
        variables |= {queue_variable(name): queue.queue_url for name, queue in self.queues.items()}
        return variables | dict(sorted(spec.environment.items()))

    def note_table_keys(self, stack: EnvironmentStack) -> None:
        """Writes the keys of the service's table into its stack's template.

        A table with other keys is another table. With weak references the template would stay the same, so the CLI would skip
        the stack, and the service would go on with the table that is gone.
        """
        table = self.spec.table
        if table:
            stack.add_metadata("TableKeys", [table.partition_key, *([table.sort_key] if table.sort_key else [])])

    def note_queues(self, stack: EnvironmentStack) -> None:
        """The same for the queues that the service uses: in order or not, each is another queue."""
        workers = [narrow(self.catalog.service(name), Worker) for name in self.queues]
        in_order = [worker.name for worker in workers if worker.queue and worker.queue.fifo]
        if in_order:
            stack.add_metadata("FifoQueues", in_order)

    def add_image(self, stack: EnvironmentStack) -> ServiceImage:
        """The image, built by the CDK CLI from the copy of the service's folder in the cloud assembly."""
        return add_service_image(stack, source=self.catalog.images[self.spec.name], display_name=self.spec.name)

    def grant_table(self, role: aws_iam.IRole) -> None:
        """Lets a role read and write items of the service's table."""
        if self.table is None:
            return
        role.add_to_principal_policy(
            aws_iam.PolicyStatement(actions=_TABLE_DATA, resources=[_table_arn(self.table.table_name)])
        )
        key = stack_of(role).key
        if key:
            allow_key(role, key, _TABLE_KEY, service="dynamodb")

    def grant_queues(self, role: aws_iam.IRole) -> None:
        """Lets a role take from the worker's own queue, and send to those that the manifest lists under `sends`."""
        own = [_queue_arn(queue) for name, queue in self.queues.items() if name == self.spec.name]
        others = [_queue_arn(queue) for name, queue in self.queues.items() if name != self.spec.name]
        key = stack_of(role).key
        for arns, actions, key_actions in ((own, _TAKE, _TAKE_KEY), (others, _SEND, _SEND_KEY)):
            if arns:
                role.add_to_principal_policy(aws_iam.PolicyStatement(actions=actions, resources=arns))
                if key:
                    allow_key(role, key, key_actions, service="sqs")

    def grant_secrets(self, scope: Construct, role: aws_iam.Role, *, read_secret: list[str]) -> dict[str, str]:
        """Lets a role read the service's secrets and parameters, with the calls of whoever fetches them on the platform.

        CDK's own grants hold more: they also describe secrets, list parameters and read parameters' history.

        Args:
            scope: where the secrets are looked up.
            role: the role of whoever fetches them.
            read_secret: the calls that it makes to Secrets Manager; from Parameter Store both platforms get several at once.

        Returns:
            The ARN of each, by the name of the variable that gets the value.
        """
        sources = {}
        for variable, secret in self._secrets_manager_secrets(scope).items():
            # The suffix that Secrets Manager adds to every name.
            _allow(role, read_secret, f"{secret.secret_arn}-??????")
            sources[variable] = secret.secret_arn
        for variable, parameter in self._ssm_parameters(scope).items():
            _allow(role, ["ssm:GetParameters"], parameter.parameter_arn)
            sources[variable] = parameter.parameter_arn
        self._let_decrypt(role)
        return sources

    def _let_decrypt(self, role: aws_iam.Role) -> None:
        """A secret may be under a key of the account's own, whose key policy leaves the right to use it to IAM.

        No manifest names the key, so the statements limit its use to the service's own secrets, through whatever keeps them.
        https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html and
        https://docs.aws.amazon.com/systems-manager/latest/userguide/secure-string-parameter-kms-encryption.html
        """
        sources = self.spec.secrets.values()
        secrets = sorted({f"*:secret:{s.secrets_manager}-??????" for s in sources if s.secrets_manager})
        parameters = sorted({f"*:parameter{s.ssm}" for s in sources if s.ssm})
        if secrets:
            _let_decrypt_via(role, "secretsmanager", context="SecretARN", patterns=secrets)
        if parameters:
            _let_decrypt_via(role, "ssm", context="PARAMETER_ARN", patterns=parameters)
        if secrets or parameters:
            key = _any_key("<AWS::Partition>", "<AWS::Region>", "<AWS::AccountId>")
            acknowledge(
                role,
                {
                    f"AwsSolutions-IAM5[Resource::{key}]": "The key of a secret is its owner's choice. The statement allows "
                    "only to decrypt, only this service's secrets, and only through the services that keep them."
                },
            )

    def _secrets_manager_secrets(self, scope: Construct) -> dict[str, aws_secretsmanager.ISecret]:
        """Secrets Manager secrets, by the name of the variable that gets the value."""
        return {
            variable: aws_secretsmanager.Secret.from_secret_partial_arn(
                scope,
                f"Secret-{variable}",
                _secret_arn(Aws.PARTITION, Aws.REGION, Aws.ACCOUNT_ID, source.secrets_manager),
            )
            for variable, source in sorted(self.spec.secrets.items())
            if source.secrets_manager
        }

    def _ssm_parameters(self, scope: Construct) -> dict[str, aws_ssm.IStringParameter]:
        """SSM SecureString parameters, by the name of the variable that gets the value."""
        return {
            variable: aws_ssm.StringParameter.from_secure_string_parameter_attributes(
                scope, f"Parameter-{variable}", parameter_name=source.ssm
            )
            for variable, source in sorted(self.spec.secrets.items())
            if source.ssm
        }


def _let_decrypt_via(role: aws_iam.Role, keeper: str, *, context: str, patterns: list[str]) -> None:
    """Lets a role decrypt what the keeper encrypted with one of the ARNs in its encryption context.

    The patterns leave out the ARN's beginning, which the key's own ARN and the keeper's address hold already: whole ARNs would
    leave a role's policies room for half as many secrets.
    """
    role.add_to_policy(
        aws_iam.PolicyStatement(
            actions=["kms:Decrypt"],
            resources=[_any_key(Aws.PARTITION, Aws.REGION, Aws.ACCOUNT_ID)],
            conditions={
                "StringEquals": _via(keeper),
                "StringLike": {f"kms:EncryptionContext:{context}": patterns},
            },
        )
    )


def _table_arn(name: str) -> str:
    # Built from the name, which the container needs anyway: the ARN would take up another of State's 200 outputs.
    return f"arn:{Aws.PARTITION}:dynamodb:{Aws.REGION}:{Aws.ACCOUNT_ID}:table/{name}"


def _queue_arn(queue: aws_sqs.IQueue) -> str:
    # From the name, which a metric needs too, as a table's is.
    return f"arn:{Aws.PARTITION}:sqs:{Aws.REGION}:{Aws.ACCOUNT_ID}:{queue.queue_name}"


def _any_key(partition: str, region: str, account: str) -> str:
    return f"arn:{partition}:kms:{region}:{account}:key/*"


def _secret_arn(partition: str, region: str, account: str, name: str) -> str:
    return f"arn:{partition}:secretsmanager:{region}:{account}:secret:{name}"
