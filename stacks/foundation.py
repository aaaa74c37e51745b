"""What every other stack needs: the alarm topic, and the encryption key if the environment has one."""

from __future__ import annotations

from aws_cdk import Aws, CfnOutput, aws_iam, aws_kms, aws_sns, aws_sns_subscriptions
from constructs import Construct

from config.settings import Settings
from stacks.base import EnvironmentStack

# Services that use the key on the account's behalf, and for what. Only a key policy can grant access to a service
# principal.
KEY_USERS = ("cloudwatch.amazonaws.com", "sns.amazonaws.com")


class FoundationStack(EnvironmentStack):
    """The alarm topic, and the environment's key if its settings ask for one.

    Attributes:
        alarm_topic_arn: the topic that every alarm of the environment is published to.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            description=f"{settings.prefix}: encryption key and alarm topic",
            key=None,  # made below, in this stack
        )
        self.key = self._create_key() if settings.customer_managed_key else None
        self.alarm_topic_arn = self._create_alarm_topic().topic_arn
        self.share(self.alarm_topic_arn, *([self.key.key_arn] if self.key else []))

    def _create_key(self) -> aws_kms.Key:
        key = aws_kms.Key(
            self,
            "Key",
            description=f"{self.settings.prefix}: logs, alarms, queues, tables and images",
            enable_key_rotation=True,
            removal_policy=self.removal_policy,
        )
        key.add_to_resource_policy(self._let_services_use_it())
        key.add_to_resource_policy(self._let_events_use_it())
        key.add_to_resource_policy(self._let_log_groups_use_it())
        return key

    def _let_services_use_it(self) -> aws_iam.PolicyStatement:
        return aws_iam.PolicyStatement(
            sid="ServicesOfThisAccount",
            principals=[aws_iam.ServicePrincipal(name) for name in KEY_USERS],
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
        )

    def _let_events_use_it(self) -> aws_iam.PolicyStatement:
        """For the events of failed runs, which go to an encrypted queue.

        We could not see whether EventBridge passes the account on to KMS. Where it does, it must be this one; where it does
        not, the event must still arrive. The queue's own policy names this account in any case.
        """
        return aws_iam.PolicyStatement(
            sid="EventsOfThisAccount",
            principals=[aws_iam.ServicePrincipal("events.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            conditions={"StringEqualsIfExists": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
        )

    def _let_log_groups_use_it(self) -> aws_iam.PolicyStatement:
        # CloudWatch Logs names the log group in the encryption context, so the statement can be limited to this account's.
        arn = f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:*"
        return aws_iam.PolicyStatement(
            sid="LogGroupsOfThisAccount",
            principals=[aws_iam.ServicePrincipal(f"logs.{Aws.REGION}.amazonaws.com")],
            actions=["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            resources=["*"],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn}},
        )

    def _create_alarm_topic(self) -> aws_sns.Topic:
        # Alarms cannot be published to a topic under the AWS managed key, so without our own key the topic is not encrypted;
        # it carries names and states, no user data.
        topic = aws_sns.Topic(
            self, "Alarms", display_name=f"{self.settings.prefix} alarms", master_key=self.key, enforce_ssl=True
        )
        topic.add_to_resource_policy(
            aws_iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[aws_iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        if self.settings.alarm_email:
            topic.add_subscription(aws_sns_subscriptions.EmailSubscription(self.settings.alarm_email))
        CfnOutput(
            self, "AlarmTopicArn", value=topic.topic_arn, description="The topic that every alarm is published to"
        )
        return topic
