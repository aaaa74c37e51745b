"""The load balancer that all services on ECS share, its listeners and its address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_ec2, aws_elasticloadbalancingv2, aws_route53, aws_route53_targets, aws_wafv2

from config import limits
from stacks.acknowledgements import acknowledge
from stacks.alarms import Metric
from stacks.base import EnvironmentStack
from stacks.domain import DomainName
from stacks.ecs.access_logs import keep_access_logs


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """What a service needs to be reached from outside.

    Every attribute is read from CDK once: each read is a call to Node, and every service's stack needs them.

    Attributes:
        load_balancer_full_name: the name that CloudWatch's metrics use.
        security_group_id: the load balancer's; each service admits it on its own port.
        http_listener_arn: where services add their rules.
        https_listener_arn: likewise, with a domain.
        url: the address for a browser.
        shared: what services' stacks may import, with a domain or without.
    """

    load_balancer_full_name: str
    security_group_id: str
    http_listener_arn: str
    https_listener_arn: str | None
    url: str
    shared: Sequence[str]

    def metric(self, name: str, target_group: str, *, statistic: str) -> Metric:
        """A metric of the load balancer for one target group (its full name), over one minute."""
        dimensions = {"LoadBalancer": self.load_balancer_full_name, "TargetGroup": target_group}
        return Metric(namespace="AWS/ApplicationELB", name=name, dimensions=dimensions, statistic=statistic)


def create_entrance(scope: EnvironmentStack, *, vpc: aws_ec2.IVpc) -> Entrance:
    """Creates the load balancer with its listeners, logs and domain name.

    Args:
        scope: the cluster's stack; the resources are its direct children, which keeps their logical ids.
        vpc: the network whose public subnets hold the load balancer.
    """
    security_group = _create_security_group(scope, vpc)
    load_balancer = _create_load_balancer(scope, vpc, security_group)
    keep_access_logs(scope, load_balancer)
    _put_behind_web_acl(scope, load_balancer)
    domain = _create_domain(scope)
    http, *https = [listener.listener_arn for listener in _create_listeners(scope, load_balancer, domain)]
    full_name, group_id = load_balancer.load_balancer_full_name, security_group.security_group_id
    return Entrance(
        load_balancer_full_name=full_name,
        security_group_id=group_id,
        http_listener_arn=http,
        https_listener_arn=https[0] if https else None,
        url=_create_url(scope, load_balancer, domain),
        shared=(full_name, group_id, load_balancer.load_balancer_dns_name, http, *https),
    )


def _create_security_group(scope: EnvironmentStack, vpc: aws_ec2.IVpc) -> aws_ec2.SecurityGroup:
    settings = scope.settings
    group = aws_ec2.SecurityGroup(
        scope,
        "LoadBalancerSecurityGroup",
        vpc=vpc,
        description="The load balancer of the services on ECS",
        allow_all_outbound=False,
    )
    for cidr in settings.load_balancer_cidrs:
        for port in (80, 443) if settings.domain else (80,):
            group.add_ingress_rule(aws_ec2.Peer.ipv4(cidr), aws_ec2.Port.tcp(port))
    # One egress rule for all services, as a group has room for 60 rules; each service's own rule admits only its port.
    ports = aws_ec2.Port.tcp_range(limits.LOWEST_PORT, limits.HIGHEST_PORT)
    group.add_egress_rule(aws_ec2.Peer.ipv4(settings.vpc_cidr), ports, "To the services")
    if "0.0.0.0/0" in settings.load_balancer_cidrs:
        acknowledge(
            group,
            {
                "AwsSolutions-EC23": "The load balancer is the public entrance; load_balancer_cidrs can narrow it. Only the "
                "listeners' ports are open."
            },
        )
    return group


def _create_load_balancer(
    scope: EnvironmentStack, vpc: aws_ec2.IVpc, security_group: aws_ec2.SecurityGroup
) -> aws_elasticloadbalancingv2.ApplicationLoadBalancer:
    return aws_elasticloadbalancingv2.ApplicationLoadBalancer(
        scope,
        "LoadBalancer",
        vpc=vpc,
        internet_facing=True,
        security_group=security_group,
        vpc_subnets=aws_ec2.SubnetSelection(subnet_type=aws_ec2.SubnetType.PUBLIC),
        drop_invalid_header_fields=True,
        deletion_protection=not scope.disposable,
    )


def _put_behind_web_acl(
    scope: EnvironmentStack, load_balancer: aws_elasticloadbalancingv2.ApplicationLoadBalancer
) -> None:
    if scope.settings.web_acl_arn:
        aws_wafv2.CfnWebACLAssociation(
            scope,
            "WebAcl",
            resource_arn=load_balancer.load_balancer_arn,
            web_acl_arn=scope.settings.web_acl_arn,
        )


def _create_domain(scope: EnvironmentStack) -> DomainName | None:
    domain = scope.settings.domain
    return DomainName(scope, "Domain", domain=domain, label="ecs") if domain else None


def _create_listeners(
    scope: EnvironmentStack,
    load_balancer: aws_elasticloadbalancingv2.ApplicationLoadBalancer,
    domain: DomainName | None,
) -> list[aws_elasticloadbalancingv2.ApplicationListener]:
    """Returns the listener for HTTP and, with a domain, the one for HTTPS.

    With a domain, HTTP redirects what no rule takes. A domain that is added later interrupts nothing: each service's rule on
    HTTP goes on answering until the service's own stack has created its rule on HTTPS.
    """
    not_found = aws_elasticloadbalancingv2.ListenerAction.fixed_response(
        404,
        content_type="application/problem+json",
        message_body='{"title":"No service has this path","status":404}',
    )
    if domain is None:
        return [load_balancer.add_listener("Http", port=80, open=False, default_action=not_found)]
    http = load_balancer.add_listener(
        "Http",
        port=80,
        open=False,
        default_action=aws_elasticloadbalancingv2.ListenerAction.redirect(protocol="HTTPS", port="443", permanent=True),
    )
    https = load_balancer.add_listener(
        "Https",
        port=443,
        open=False,
        certificates=[domain.certificate],
        # Without one, a listener that CloudFormation creates takes the policy of 2016.
        ssl_policy=aws_elasticloadbalancingv2.SslPolicy.TLS13_12_RES_PQ,
        default_action=not_found,
    )
    more = [aws_elasticloadbalancingv2.ListenerCertificate.from_arn(arn) for arn in scope.settings.certificates]
    if more:
        https.add_certificates("Hosts", more)
    return [http, https]


def _create_url(
    scope: EnvironmentStack,
    load_balancer: aws_elasticloadbalancingv2.ApplicationLoadBalancer,
    domain: DomainName | None,
) -> str:
    if domain is None:
        return f"http://{load_balancer.load_balancer_dns_name}"
    aws_route53.ARecord(
        scope,
        "Alias",
        zone=domain.zone,
        record_name=f"{domain.host}.",
        target=aws_route53.RecordTarget.from_alias(aws_route53_targets.LoadBalancerTarget(load_balancer)),
    )
    return f"https://{domain.host}"
