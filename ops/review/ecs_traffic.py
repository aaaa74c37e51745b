"""What reaches a service on ECS and what it reaches, how it is checked, and when alarms go off."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from ops.review.workload import (
    Facts,
    Resources,
    at,
    check_command,
    each,
    first,
    listed,
    number,
    one,
    seconds,
    text,
    whole,
    words,
)

_WHERE: Final = ("CidrIp", "CidrIpv6", "DestinationPrefixListId", "DestinationSecurityGroupId")
_GROUP: Final = re.compile(r"<Ecs-([^/]+)/")


def traffic(resources: Resources, own: Mapping[str, Any]) -> Facts:
    """How requests get to it."""
    ports = own.get("PortMappings")
    http = first(ports, "Name", "http") or next(each(ports), {})
    service = one(resources, "AWS::ECS::Service")
    routes = [_route(rule) for rule in _forwarding(resources)]
    listeners = {text(rule.get("ListenerArn")) for rule in _forwarding(resources)}
    timeouts = (at(entry, "Timeout", "PerRequestTimeoutSeconds") for entry in _connected(service))
    return {
        "port": text(http.get("ContainerPort")),
        "private_port": text(first(ports, "Name", "private").get("ContainerPort")),
        "protocol": text(http.get("AppProtocol") or ("tcp" if http else "")),
        "path": listed(path for _, path, _ in routes),
        "hosts": listed(host for host, _, _ in routes),
        "priority": listed(priority for _, _, priority in routes),
        "load balancer": listed("internal" if "nternal" in name else "public" for name in listeners),
        "sticky": _sticky(resources),
        "call_timeout": listed(text(limit, "s") for limit in timeouts if limit),
    }


def _connected(service: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    return each(service, "ServiceConnectConfiguration", "Services")


def _forwarding(resources: Resources) -> list[Mapping[str, Any]]:
    rules = resources.get("AWS::ElasticLoadBalancingV2::ListenerRule", ())
    return [rule for rule in rules if at(rule, "Actions", 0, "Type") == "forward"]


def _route(rule: Mapping[str, Any]) -> tuple[str, str, str]:
    hosts = at(first(rule.get("Conditions"), "Field", "host-header"), "HostHeaderConfig", "Values")
    paths = at(first(rule.get("Conditions"), "Field", "path-pattern"), "PathPatternConfig", "Values")
    path = text(at(paths, 0)).removesuffix("/*")
    return listed(hosts or ()), path or ("/" if paths else ""), text(rule.get("Priority"))


def _sticky(resources: Resources) -> str:
    found = set()
    for group in resources.get("AWS::ElasticLoadBalancingV2::TargetGroup", ()):
        attributes = {
            text(entry.get("Key")): text(entry.get("Value")) for entry in each(group, "TargetGroupAttributes")
        }
        if attributes.get("stickiness.enabled") == "true":
            found.add(f"{attributes.get('stickiness.lb_cookie.duration_seconds', '')} s")
    return listed(found)


def health(resources: Resources, own: Mapping[str, Any]) -> Facts:
    """The target group's check, or the container's own."""
    group = one(resources, "AWS::ElasticLoadBalancingV2::TargetGroup")
    grace = at(one(resources, "AWS::ECS::Service"), "HealthCheckGracePeriodSeconds")
    if group is None:
        check = own.get("HealthCheck")
        return {
            "health": words(check_command(own)),
            "health.interval": seconds(at(check, "Interval")),
            "health.timeout": seconds(at(check, "Timeout")),
            "health.retries": text(at(check, "Retries")),
            "health.start": seconds(at(check, "StartPeriod")),
        }
    return {
        "health": text(group.get("HealthCheckPath")),
        "health.codes": text(at(group, "Matcher", "HttpCode") or at(group, "Matcher", "GrpcCode")),
        "health.interval": seconds(group.get("HealthCheckIntervalSeconds")),
        "health.timeout": seconds(group.get("HealthCheckTimeoutSeconds")),
        "health.healthy": text(group.get("HealthyThresholdCount")),
        "health.unhealthy": text(group.get("UnhealthyThresholdCount")),
        "health_grace": seconds(grace),
    }


def network(resources: Resources, callees: Collection[str]) -> Facts:
    """Whom it calls, where it connects to, its alarms and its logs."""
    groups = resources.get("AWS::EC2::SecurityGroup", ())
    rules = [rule for group in groups for rule in each(group, "SecurityGroupEgress")]
    alarms = resources.get("AWS::CloudWatch::Alarm", ())
    return {
        "calls": listed(callees),
        "egress": listed(_way_out(rule) for rule in rules),
        "alarms": ", ".join(sorted(_alarm(alarm) for alarm in alarms)),
        "logs kept": listed(
            text(group.get("RetentionInDays"), "days")
            for group in resources.get("AWS::Logs::LogGroup", ())
            if group.get("RetentionInDays")
        ),
    }


def group_owner(group: Any) -> str:
    """The service on ECS whose stack a security group is in; empty for any other."""
    found = _GROUP.match(text(group))
    return found[1] if found else ""


def _way_out(rule: Mapping[str, Any]) -> str:
    """Empty for the way that every service has: HTTPS to AWS and beyond."""
    protocol, low, high = (text(rule.get(key)) for key in ("IpProtocol", "FromPort", "ToPort"))
    where = next((text(rule[key]) for key in _WHERE if rule.get(key)), "")
    ports = low if low == high else f"{low}-{high}"
    found = f"{protocol} {ports} to {where}"
    return "" if found == "tcp 443 to 0.0.0.0/0" else found


def _alarm(alarm: Mapping[str, Any]) -> str:
    return f"{text(alarm.get('AlarmName')).rpartition('-')[2]} {whole(number(alarm.get('Threshold')))}".strip()
