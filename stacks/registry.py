"""One ECR repository per service, and the only role that pushes to them.

The role is our own because the bootstrap role may push only to the bootstrap's repository. It trusts what the bootstrap roles
trust (the account and, as with `cdk bootstrap --trust`, the accounts in trusted_accounts, session tags included) and allows
exactly the calls with which the CLI publishes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aws_cdk import Aws, Duration, aws_ecr, aws_iam, aws_kms
from constructs import Construct

from config.recipe import sidecar_label
from config.settings import Settings
from stacks.acknowledgements import acknowledge
from stacks.base import EnvironmentStack
from stacks.synthesizer import RegistrySynthesizer, publisher_role_name, repository_name

# The calls of cdk-assets when it publishes an image: check whether it exists, then docker push.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
_PUBLISHING = [
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:DescribeImages",
    "ecr:DescribeRepositories",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
]


class RegistryStack(EnvironmentStack):
    """Repositories named <app>-<environment>/<service>: immutable, scanned, encrypted, keeping the last N images."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        services: Mapping[str, Iterable[str]],
        waiting: Sequence[str],
        key: aws_kms.IKey | None,
    ) -> None:
        """Builds the stack, which must be the app's last.

        Args:
            scope: the app.
            construct_id: Registry.
            settings: the environment.
            services: the services that get a repository, each with the names of its sidecars, whose images are there too.
            waiting: the stacks whose images are pushed only after this one is deployed.
            key: the environment's key, or None.
        """
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            description=f"{settings.prefix}: image repositories",
            key=key,
            synthesizer=RegistrySynthesizer(registry=construct_id, waiting=waiting),
        )
        self._encryption = aws_ecr.RepositoryEncryption.KMS
        # A removed service keeps its repository until its stacks are deleted too (keep_repositories).
        names = sorted({*services, *settings.keep_repositories})
        self.repositories = {name: self._create_repository(name, sorted(services.get(name, ()))) for name in names}
        self._create_publisher_role()

    def _create_repository(self, service: str, sidecars: Sequence[str]) -> aws_ecr.Repository:
        return aws_ecr.Repository(
            self,
            f"Repository-{service}",
            repository_name=repository_name(self.settings, service),
            image_tag_mutability=aws_ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            encryption=self._encryption,
            encryption_key=self.key,
            lifecycle_rules=self._lifecycle_rules(sidecars),
            removal_policy=self.removal_policy,
            empty_on_delete=self.disposable,
        )

    def _lifecycle_rules(self, sidecars: Sequence[str]) -> list[aws_ecr.LifecycleRule]:
        """One count over both platforms, as their tags usually share one image: with a count per tag, one platform's rule would
        expire the image that the other still runs, under both tags.
        https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html

        A sidecar's images have a count of their own: they rarely change, so in one count with the service's the one that runs
        would be the oldest. What one rule selects, no later one expires.
        """
        untagged = aws_ecr.LifecycleRule(
            description="Drop what lost its tag",
            rule_priority=1,
            tag_status=aws_ecr.TagStatus.UNTAGGED,
            max_image_age=Duration.days(1),
        )
        count = self.settings.image_retention_count
        of_sidecars = [
            aws_ecr.LifecycleRule(
                description=f"Keep the last {count} images of the sidecar {name}",
                rule_priority=priority,
                tag_pattern_list=[f"*-{sidecar_label(name)}.*"],
                max_image_count=count,
            )
            for priority, name in enumerate(sidecars, start=2)
        ]
        keep = aws_ecr.LifecycleRule(
            description=f"Keep the last {count} images",
            rule_priority=2 + len(of_sidecars),
            tag_status=aws_ecr.TagStatus.ANY,
            max_image_count=count,
        )
        return [untagged, *of_sidecars, keep]

    def _create_publisher_role(self) -> None:
        role = aws_iam.Role(
            self,
            "ImagePublisher",
            role_name=publisher_role_name(self.settings, Aws.REGION),
            description="Assumed by the CDK CLI to push this environment's images",
            assumed_by=aws_iam.SessionTagsPrincipal(aws_iam.CompositePrincipal(*self._trusted())),
        )
        role.add_to_policy(
            aws_iam.PolicyStatement(
                actions=_PUBLISHING, resources=[self._repositories_arn(Aws.PARTITION, Aws.REGION, Aws.ACCOUNT_ID)]
            )
        )
        role.add_to_policy(aws_iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]))
        self._acknowledge_role(role)

    def _trusted(self) -> list[aws_iam.PrincipalBase]:
        others = [aws_iam.AccountPrincipal(account) for account in self.settings.trusted_accounts]
        return [aws_iam.AccountRootPrincipal(), *others]

    def _repositories_arn(self, partition: str, region: str, account: str) -> str:
        # One pattern for all: one ARN per repository would exceed IAM's 6,144 characters at about 80 services.
        return f"arn:{partition}:ecr:{region}:{account}:repository/{repository_name(self.settings, '*')}"

    def _acknowledge_role(self, role: aws_iam.Role) -> None:
        arn = self._repositories_arn("<AWS::Partition>", "<AWS::Region>", "<AWS::AccountId>")
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": "ecr:GetAuthorizationToken does not support a resource (IAM's reference).",
                f"AwsSolutions-IAM5[Resource::{arn}]": "The role publishes only to the repositories of this "
                "environment; naming each would exceed IAM's policy size at about 80 services.",
            },
        )
