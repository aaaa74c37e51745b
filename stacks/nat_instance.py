"""A NAT instance: the cheapest egress. Its stack fails if it does not forward."""

from __future__ import annotations

import hashlib
from typing import Final

import jsii
from aws_cdk import Aws, CfnCreationPolicy, CfnResourceSignal, aws_ec2
from constructs import Construct

from stacks.acknowledgements import acknowledge
from stacks.base import EnvironmentStack
from stacks.narrow import narrow
from stacks.nat_script import NAT_SCRIPT

_TYPE: Final = "t4g.nano"
# A dynamic reference, not a template parameter: with one of type SSM, the CDK CLI never skips the stack. CloudFormation reads it
# again whenever it updates the stack. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm.html
_NEWEST_IMAGE: Final = "{{resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64}}"
_READY_WITHIN: Final = "PT15M"  # an instance is usually ready after two minutes
_PAUSE: Final = 10  # seconds between attempts


@jsii.implements(aws_ec2.IMachineImage)
class _Image:
    def __init__(self, image_id: str) -> None:
        self._image_id = image_id

    def get_image(self, _scope: Construct) -> aws_ec2.MachineImageConfig:
        return aws_ec2.MachineImageConfig(
            image_id=self._image_id, os_type=aws_ec2.OperatingSystemType.LINUX, user_data=aws_ec2.UserData.for_linux()
        )


class NatInstance:
    """The NAT instance of a VPC that does not exist yet.

    Attributes:
        provider: what the VPC is created with.
    """

    def __init__(self, stack: EnvironmentStack) -> None:
        self._vpc_cidr = stack.settings.vpc_cidr
        text = self._user_data(stack)
        # User data runs only at the first boot, so another script needs another instance. Another id also makes CloudFormation
        # wait for the signal of the new one before it moves the routes and deletes the old one.
        settled = f"{_TYPE}\n{stack.settings.nat_image}\n{self._vpc_cidr}\n{NAT_SCRIPT}"
        digest = hashlib.sha256(settled.encode()).hexdigest()
        self._logical_id = f"NatInstance{digest[:8]}"
        self.provider = aws_ec2.NatProvider.instance_v2(
            instance_type=aws_ec2.InstanceType(_TYPE),
            machine_image=_Image(stack.settings.nat_image or _NEWEST_IMAGE),
            user_data=aws_ec2.UserData.custom(text.replace("@RESOURCE@", self._logical_id)),
            default_allowed_traffic=aws_ec2.NatTrafficDirection.OUTBOUND_ONLY,
            associate_public_ip_address=True,
        )

    def admit(self) -> None:
        """Completes the instance once the VPC has created it: the VPC may use it, and CloudFormation waits for its signal."""
        self.provider.security_group.add_ingress_rule(
            aws_ec2.Peer.ipv4(self._vpc_cidr), aws_ec2.Port.all_traffic(), "From the private subnets"
        )
        (instance,) = self.provider.gateway_instances
        self._complete(narrow(instance.node.default_child, aws_ec2.CfnInstance))
        acknowledge(
            instance,
            {
                "AwsSolutions-EC28": "The environment chose the cheapest egress, a NAT instance; its traffic shows up "
                "in the VPC's own metrics. nat-per-zone replaces it where this is not enough.",
                "AwsSolutions-EC29": "The instance holds no state: deleting it costs a minute of egress, and the stack "
                "replaces it.",
            },
        )

    def _user_data(self, stack: EnvironmentStack) -> str:
        variables = {
            "STACK": stack.stack_name,
            "RESOURCE": "@RESOURCE@",
            "REGION": Aws.REGION,
            "VPC_CIDR": self._vpc_cidr,
            # An address of AWS that every NAT has to reach; any answer will do.
            "PROBE": f"cloudformation.{Aws.REGION}.{Aws.URL_SUFFIX}",
            "PAUSE": str(_PAUSE),
        }
        return "\n".join(["#!/bin/bash", *(f"{name}={value}" for name, value in variables.items()), NAT_SCRIPT])

    def _complete(self, resource: aws_ec2.CfnInstance) -> None:
        resource.override_logical_id(self._logical_id)
        resource.cfn_options.creation_policy = CfnCreationPolicy(
            resource_signal=CfnResourceSignal(count=1, timeout=_READY_WITHIN)
        )
        resource.block_device_mappings = [
            aws_ec2.CfnInstance.BlockDeviceMappingProperty(
                device_name="/dev/xvda",
                ebs=aws_ec2.CfnInstance.EbsProperty(encrypted=True, volume_type="gp3", volume_size=8),
            )
        ]
        resource.metadata_options = aws_ec2.CfnInstance.MetadataOptionsProperty(
            http_tokens="required", http_put_response_hop_limit=1
        )
