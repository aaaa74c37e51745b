"""One VPC for both platforms. Tasks and nodes are private; how they reach AWS and the internet is a setting."""

from __future__ import annotations

import jsii
from aws_cdk import CfnOutput, Fn, Tags, aws_ec2, aws_kms
from constructs import Construct

from config.endpoints import endpoints_of
from config.settings import Egress, Settings
from stacks.acknowledgements import acknowledge
from stacks.base import EnvironmentStack
from stacks.logs import own_provider_log_group, owned_log_group
from stacks.nat_instance import NatInstance

_AWS_SERVICES = aws_ec2.InterfaceVpcEndpointAwsService

# By the names in config.endpoints.
_SERVICES = {
    "EcrApi": _AWS_SERVICES.ECR,
    "EcrDocker": _AWS_SERVICES.ECR_DOCKER,
    "Logs": _AWS_SERVICES.CLOUDWATCH_LOGS,
    "Monitoring": _AWS_SERVICES.CLOUDWATCH_MONITORING,
    "SecretsManager": _AWS_SERVICES.SECRETS_MANAGER,
    "Ssm": _AWS_SERVICES.SSM,
    "SsmMessages": _AWS_SERVICES.SSM_MESSAGES,
    "Kms": _AWS_SERVICES.KMS,
    "Sts": _AWS_SERVICES.STS,
    "Ecs": _AWS_SERVICES.ECS,
    "EcsAgent": _AWS_SERVICES.ECS_AGENT,
    "EcsTelemetry": _AWS_SERVICES.ECS_TELEMETRY,
    "Ec2": _AWS_SERVICES.EC2,
    "Eks": _AWS_SERVICES.EKS,
    "EksAuth": _AWS_SERVICES.EKS_AUTH,
    "ElasticLoadBalancing": _AWS_SERVICES.ELASTIC_LOAD_BALANCING,
    "Lambda": _AWS_SERVICES.LAMBDA_,
    "StepFunctions": _AWS_SERVICES.STEP_FUNCTIONS,
    "Sqs": _AWS_SERVICES.SQS,
}


class NetworkStack(EnvironmentStack):
    """The VPC.

    Attributes:
        vpc: public subnets hold only load balancers and NAT; private ones hold tasks and nodes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        key: aws_kms.IKey | None,
        queues: bool = False,
    ) -> None:
        """Builds the stack.

        Args:
            scope: the app.
            construct_id: Network.
            settings: the environment.
            key: the environment's key, if it has one.
            queues: whether any service uses a queue, which then needs an endpoint where there is no way to the internet.
        """
        super().__init__(scope, construct_id, settings=settings, description=f"{settings.prefix}: the VPC", key=key)
        self._nat_instance = NatInstance(self) if settings.egress is Egress.NAT_INSTANCE else None
        self.vpc = self._create_vpc()
        if self._nat_instance:
            self._nat_instance.admit()
        self._tag_subnets_for_load_balancers()
        if isinstance(settings.zones, tuple):
            self._acknowledge_named_zones()
        if settings.egress is Egress.ENDPOINTS:
            self._create_interface_endpoints(endpoints_of(settings.platforms, exec_on_ecs=settings.exec, queues=queues))
        own_provider_log_group(self, "Custom::VpcRestrictDefaultSGCustomResourceProvider")
        CfnOutput(self, "VpcId", value=self.vpc.vpc_id)
        subnets = [*self.vpc.public_subnets, *self.private_subnets]
        self.share(self.vpc.vpc_id, *(subnet.subnet_id for subnet in subnets))

    @property
    @jsii.member(jsii_name="availabilityZones")
    def availability_zones(self) -> list[str]:
        """Zones without a look-up: those that the settings name, else the region's first few at deployment."""
        if isinstance(self.settings.zones, tuple):
            return list(self.settings.zones)
        return [Fn.select(index, Fn.get_azs()) for index in range(self.settings.zones)]

    def _create_vpc(self) -> aws_ec2.Vpc:
        private_type = (
            aws_ec2.SubnetType.PRIVATE_ISOLATED
            if self.settings.egress is Egress.ENDPOINTS
            else aws_ec2.SubnetType.PRIVATE_WITH_EGRESS
        )
        zones = self.availability_zones
        nat_gateways = {Egress.NAT_PER_ZONE: len(zones), Egress.ENDPOINTS: 0}.get(self.settings.egress, 1)
        return aws_ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=aws_ec2.IpAddresses.cidr(self.settings.vpc_cidr),
            availability_zones=zones,
            # Ranges are cut for every zone that there is room for, so that adding a zone moves none of them.
            reserved_azs=self.settings.zones_with_room - len(zones),
            nat_gateways=nat_gateways,
            nat_gateway_provider=self._nat_instance.provider if self._nat_instance else None,
            restrict_default_security_group=True,
            subnet_configuration=[
                aws_ec2.SubnetConfiguration(
                    name="Public", subnet_type=aws_ec2.SubnetType.PUBLIC, map_public_ip_on_launch=False
                ),
                aws_ec2.SubnetConfiguration(name="Private", subnet_type=private_type),
            ],
            # Both are free; without them image layers and table traffic would go through NAT, which charges for them.
            gateway_endpoints={
                "S3": aws_ec2.GatewayVpcEndpointOptions(service=aws_ec2.GatewayVpcEndpointAwsService.S3),
                "DynamoDb": aws_ec2.GatewayVpcEndpointOptions(service=aws_ec2.GatewayVpcEndpointAwsService.DYNAMODB),
            },
            flow_logs={"FlowLogs": self._flow_logs()},
        )

    def _flow_logs(self) -> aws_ec2.FlowLogOptions:
        return aws_ec2.FlowLogOptions(
            destination=aws_ec2.FlowLogDestination.to_cloud_watch_logs(owned_log_group(self, "FlowLogGroup")),
            # An investigation starts from refused connections; logging accepted ones would cost more than it is worth.
            traffic_type=aws_ec2.FlowLogTrafficType.REJECT,
        )

    def _tag_subnets_for_load_balancers(self) -> None:
        # https://docs.aws.amazon.com/eks/latest/userguide/tag-subnets-auto.html
        for subnet in self.vpc.public_subnets:
            Tags.of(subnet).add("kubernetes.io/role/elb", "1")
        for subnet in self.private_subnets:
            Tags.of(subnet).add("kubernetes.io/role/internal-elb", "1")

    def _acknowledge_named_zones(self) -> None:
        for subnet in [*self.vpc.public_subnets, *self.private_subnets]:
            acknowledge(
                subnet,
                {"CloudFormation-Validate::W3010": "The setting zones of this environment names its zones on purpose."},
            )

    @property
    def private_subnets(self) -> list[aws_ec2.ISubnet]:
        """The subnets of tasks and nodes, for any egress setting."""
        isolated = self.settings.egress is Egress.ENDPOINTS
        return self.vpc.isolated_subnets if isolated else self.vpc.private_subnets

    def _create_interface_endpoints(self, names: tuple[str, ...]) -> None:
        security_group = aws_ec2.SecurityGroup(
            self, "Endpoints", vpc=self.vpc, description="HTTPS from inside the VPC", allow_all_outbound=False
        )
        security_group.add_ingress_rule(aws_ec2.Peer.ipv4(self.settings.vpc_cidr), aws_ec2.Port.tcp(443))
        for name in names:
            self.vpc.add_interface_endpoint(
                f"{name}Endpoint",
                service=_SERVICES[name],
                security_groups=[security_group],
                open=False,
                subnets=aws_ec2.SubnetSelection(subnets=self.private_subnets),
            )
