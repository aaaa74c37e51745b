"""Which service may reach which on ECS: a security group per service, and a rule on both sides for each declared call."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from aws_cdk import aws_ec2
from constructs import Construct

from config.fields.egress import Destination, Protocol

_PORTS = {Protocol.TCP: aws_ec2.Port.tcp, Protocol.UDP: aws_ec2.Port.udp}


def create_security_group(
    scope: Construct, *, vpc: aws_ec2.IVpc, service: str, egress: Iterable[Destination]
) -> aws_ec2.SecurityGroup:
    """The group of a service's tasks: out over HTTPS and to the declared systems outside, and nothing in.

    Args:
        scope: the service's stack.
        vpc: where its tasks run.
        service: its name, for the description.
        egress: the systems outside. The group of one that has a group is its owner's, so only our side of the rule is here.
    """
    group = aws_ec2.SecurityGroup(
        scope,
        "SecurityGroup",
        vpc=vpc,
        description=f"{service} on ECS",
        allow_all_outbound=False,
    )
    group.add_egress_rule(*_https_anywhere(), "HTTPS to AWS and beyond")
    for destination in egress:
        _open_to(group, destination, description=f"{service} to {destination.name}")
    return group


def _open_to(group: aws_ec2.SecurityGroup, destination: Destination, *, description: str) -> None:
    port = _PORTS[destination.protocol](destination.port)
    for cidr in destination.cidrs:
        group.add_egress_rule(aws_ec2.Peer.ipv4(cidr), port, description)
    if destination.security_group:
        group.add_egress_rule(aws_ec2.Peer.security_group_id(destination.security_group), port, description)


@cache  # the same for every service; creating it takes two calls to Node
def _https_anywhere() -> tuple[aws_ec2.IPeer, aws_ec2.Port]:
    return aws_ec2.Peer.any_ipv4(), aws_ec2.Port.tcp(443)


def admit(
    scope: Construct, identity: str, *, source: str, target: str, port: int, description: str
) -> aws_ec2.CfnSecurityGroupIngress:
    """Admits one security group to another on one port; returns the rule.

    Args:
        scope: a construct in the stack that gets the rule.
        identity: what the rule's id ends with.
        source: id of the group that calls.
        target: id of the group that is called.
        port: the TCP port.
        description: as the console shows it.
    """
    return aws_ec2.CfnSecurityGroupIngress(
        scope,
        f"Ingress-{identity}",
        group_id=target,
        source_security_group_id=source,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        description=description,
    )


def open_port(scope: Construct, identity: str, *, source: str, target: str, port: int, description: str) -> None:
    """Opens one port from one security group to another, on both sides; the arguments are those of admit()."""
    admit(scope, identity, source=source, target=target, port=port, description=description)
    aws_ec2.CfnSecurityGroupEgress(
        scope,
        f"Egress-{identity}",
        group_id=source,
        destination_security_group_id=target,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        description=description,
    )
