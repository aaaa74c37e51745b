"""What the services on Fargate share: the cluster, one load balancer, and the names by which they find each other.

This stack never learns of a service. Everything that ties a service to it (listener rule, target group, security group rules)
lives in the service's own stack, so that adding one touches nothing that runs.
"""

from __future__ import annotations

from aws_cdk import (
    Aws,
    CfnOutput,
    Duration,
    aws_ec2,
    aws_ecs,
    aws_elasticloadbalancingv2,
    aws_iam,
    aws_kms,
    aws_route53,
    aws_route53_targets,
    aws_s3,
    aws_servicediscovery,
)
from constructs import Construct

from config.settings import Insights, Settings
from stacks.acknowledgements import acknowledge
from stacks.alarms import Metric
from stacks.base import PlatformStack
from stacks.domain import DomainName
from stacks.logs import own_provider_log_group, owned_log_group
from stacks.network import NetworkStack

_INSIGHTS = {
    Insights.DISABLED: aws_ecs.ContainerInsights.DISABLED,
    Insights.ENABLED: aws_ecs.ContainerInsights.ENABLED,
    Insights.ENHANCED: aws_ecs.ContainerInsights.ENHANCED,
}
# Load balancer logs answer "who called" for as long as an investigation usually reaches back.
_ACCESS_LOG_DAYS = 90


class EcsClusterStack(PlatformStack):
    """Cluster, load balancer, listener and Service Connect namespace.

    Attributes:
        cluster: with both Fargate capacity providers; its default namespace is Service Connect's.
        vpc: where services run.
        private_subnets: where their tasks run.
        load_balancer: the one load balancer of all services on ECS.
        load_balancer_full_name: as CloudWatch's metrics name it.
        load_balancer_security_group_id: service stacks add what it may reach.
        cluster_name, namespace_arn: of the cluster and of Service Connect's namespace.
        listener_arn: where services add their rules.
        url: what a browser is pointed at.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        network: NetworkStack,
        key: aws_kms.IKey | None,
    ) -> None:
        super().__init__(
            scope, construct_id, settings=settings, description=f"{settings.prefix}: ECS cluster and its load balancer"
        )
        self._key = key
        self.vpc = network.vpc
        self.private_subnets = network.private_subnets
        self.namespace = aws_servicediscovery.HttpNamespace(
            self, "Namespace", name=settings.prefix, description="Service Connect names"
        )
        self.cluster = self._create_cluster()
        # Read once: each service's stack asks for these, and each question is a call to CDK's own process.
        self.cluster_name = self.cluster.cluster_name
        self.namespace_arn = self.namespace.namespace_arn
        self.load_balancer_security_group = self._create_load_balancer_security_group()
        self.load_balancer_security_group_id = self.load_balancer_security_group.security_group_id
        self.load_balancer = self._create_load_balancer()
        self.load_balancer_full_name = self.load_balancer.load_balancer_full_name
        self._keep_access_logs()
        domain = DomainName(self, "Domain", domain=settings.domain, label="ecs") if settings.domain else None
        listener = self._create_listeners(domain)
        self.listener_arn = listener.listener_arn
        self.url = self._create_url(domain)
        CfnOutput(self, "Url", value=self.url, description="The services on ECS, behind the load balancer")
        CfnOutput(self, "ClusterName", value=self.cluster.cluster_name)

    def _create_cluster(self) -> aws_ecs.Cluster:
        insights = self.settings.container_insights
        cluster = aws_ecs.Cluster(
            self,
            "Cluster",
            cluster_name=self.settings.prefix,
            vpc=self.vpc,
            container_insights_v2=_INSIGHTS[insights],
            enable_fargate_capacity_providers=True,
        )
        cluster_resource = cluster.node.default_child
        assert isinstance(cluster_resource, aws_ecs.CfnCluster)  # noqa: S101 - what an ECS cluster is made of
        cluster_resource.service_connect_defaults = aws_ecs.CfnCluster.ServiceConnectDefaultsProperty(
            namespace=self.namespace.namespace_arn
        )
        if insights is Insights.DISABLED:
            acknowledge(
                cluster,
                {
                    "AwsSolutions-ECS4": "container_insights: disabled is this environment's choice: its metrics cost more "
                    "than its idle tasks. Alarms use the load balancer's and the service's own metrics."
                },
            )
        else:
            # Container Insights would make this group by itself, without retention.
            group = owned_log_group(
                self,
                "InsightsLogGroup",
                key=self._key,
                name=f"/aws/ecs/containerinsights/{self.settings.prefix}/performance",
            )
            cluster.node.add_dependency(group)
        return cluster

    def _create_load_balancer_security_group(self) -> aws_ec2.SecurityGroup:
        group = aws_ec2.SecurityGroup(
            self,
            "LoadBalancerSecurityGroup",
            vpc=self.vpc,
            description="The load balancer of the services on ECS",
            allow_all_outbound=False,
        )
        for cidr in self.settings.load_balancer_cidrs:
            for port in (80, 443) if self.settings.domain else (80,):
                group.add_ingress_rule(aws_ec2.Peer.ipv4(cidr), aws_ec2.Port.tcp(port))
        if "0.0.0.0/0" in self.settings.load_balancer_cidrs:
            acknowledge(
                group,
                {
                    "AwsSolutions-EC23": "The load balancer is the public entrance; load_balancer_cidrs narrows it. Only its "
                    "listener's ports are open."
                },
            )
        return group

    def _create_load_balancer(self) -> aws_elasticloadbalancingv2.ApplicationLoadBalancer:
        return aws_elasticloadbalancingv2.ApplicationLoadBalancer(
            self,
            "LoadBalancer",
            vpc=self.vpc,
            internet_facing=True,
            security_group=self.load_balancer_security_group,
            vpc_subnets=aws_ec2.SubnetSelection(subnet_type=aws_ec2.SubnetType.PUBLIC),
            drop_invalid_header_fields=True,
            deletion_protection=not self.disposable,
        )

    def _keep_access_logs(self) -> None:
        bucket = aws_s3.Bucket(
            self,
            "AccessLogs",
            # Load balancers can deliver to SSE-S3 buckets alone.
            # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
            encryption=aws_s3.BucketEncryption.S3_MANAGED,
            block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=not self.disposable,
            lifecycle_rules=[self._access_log_lifecycle()],
            removal_policy=self.removal_policy,
            auto_delete_objects=self.disposable,
        )
        bucket.add_to_resource_policy(
            aws_iam.PolicyStatement(
                sid="LoadBalancerLogDelivery",
                principals=[aws_iam.ServicePrincipal("logdelivery.elasticloadbalancing.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects(f"AWSLogs/{Aws.ACCOUNT_ID}/*")],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        if self.disposable:
            own_provider_log_group(self, "Custom::S3AutoDeleteObjectsCustomResourceProvider", key=self._key)
        self.load_balancer.set_attribute("access_logs.s3.enabled", "true")
        self.load_balancer.set_attribute("access_logs.s3.bucket", bucket.bucket_name)
        if bucket.policy:
            self.load_balancer.node.add_dependency(bucket.policy)
        acknowledge(
            bucket,
            {
                "AwsSolutions-S1": "This bucket receives the load balancer's access logs; logging access to the logs "
                "themselves would have no end."
            },
        )

    def _access_log_lifecycle(self) -> aws_s3.LifecycleRule:
        return aws_s3.LifecycleRule(
            expiration=Duration.days(_ACCESS_LOG_DAYS),
            noncurrent_version_expiration=None if self.disposable else Duration.days(_ACCESS_LOG_DAYS),
            abort_incomplete_multipart_upload_after=Duration.days(1),
        )

    def _create_listeners(self, domain: DomainName | None) -> aws_elasticloadbalancingv2.ApplicationListener:
        not_found = aws_elasticloadbalancingv2.ListenerAction.fixed_response(
            404,
            content_type="application/problem+json",
            message_body='{"title":"No service has this path","status":404}',
        )
        if domain is None:
            return self.load_balancer.add_listener("Http", port=80, open=False, default_action=not_found)
        self.load_balancer.add_listener(
            "Http",
            port=80,
            open=False,
            default_action=aws_elasticloadbalancingv2.ListenerAction.redirect(
                protocol="HTTPS", port="443", permanent=True
            ),
        )
        return self.load_balancer.add_listener(
            "Https", port=443, open=False, certificates=[domain.certificate], default_action=not_found
        )

    def _create_url(self, domain: DomainName | None) -> str:
        if domain is None:
            return f"http://{self.load_balancer.load_balancer_dns_name}"
        aws_route53.ARecord(
            self,
            "Alias",
            zone=domain.zone,
            record_name=f"{domain.host}.",
            target=aws_route53.RecordTarget.from_alias(aws_route53_targets.LoadBalancerTarget(self.load_balancer)),
        )
        return f"https://{domain.host}"

    def load_balancer_metric(self, name: str, target_group: str, *, statistic: str) -> Metric:
        """A metric of the load balancer for one target group, over one minute."""
        dimensions = {"LoadBalancer": self.load_balancer_full_name, "TargetGroup": target_group}
        return Metric(namespace="AWS/ApplicationELB", name=name, dimensions=dimensions, statistic=statistic)
