"""Small handwritten services on both platforms, for what can reach what."""

from __future__ import annotations

import json

from ops.changes.objects import APPLIED
from tests.fakes.stacks import att, ref, resource, stack, weak

EC2 = "AWS::EC2::"
ELB = "AWS::ElasticLoadBalancingV2::"
WORLD = "0.0.0.0/0"


def opened(cidr, low=443, high=None, protocol="tcp"):
    return {"CidrIp": cidr, "IpProtocol": protocol, "FromPort": low, "ToPort": high or low}


def network():
    return stack(
        "Network",
        {
            "Vpc": resource(f"{EC2}VPC", CidrBlock="10.20.0.0/16"),
            "Private": resource(f"{EC2}Subnet", CidrBlock="10.20.96.0/20"),
            "Public": resource(
                f"{EC2}Subnet", CidrBlock="10.20.0.0/20", Tags=[{"Key": "kubernetes.io/role/elb", "Value": "1"}]
            ),
            "Out": resource(f"{EC2}Route", DestinationCidrBlock=WORLD, NatGatewayId="nat-1"),
        },
        outputs={"Private": {"Value": ref("Private")}, "Public": {"Value": ref("Public")}},
    )


_HTTP = opened(WORLD, 80)
_HTTPS = opened(WORLD)
_INWARDS = opened("10.20.0.0/16", 1024, 65535)


def shared(scheme="internet-facing", ingress=(_HTTP,), egress=(_INWARDS,)):
    """The load balancer of the services on ECS."""
    return stack(
        "Ecs",
        {
            "Guard": resource(f"{EC2}SecurityGroup", SecurityGroupIngress=[*ingress], SecurityGroupEgress=[*egress]),
            "LoadBalancer": resource(f"{ELB}LoadBalancer", Scheme=scheme, SecurityGroups=[att("Guard", "GroupId")]),
            "Http": resource(
                f"{ELB}Listener",
                LoadBalancerArn=ref("LoadBalancer"),
                Port=80,
                Protocol="HTTP",
                DefaultActions=[{"Type": "fixed-response"}],
            ),
        },
        outputs={"Guard": {"Value": att("Guard", "GroupId")}, "Http": {"Value": ref("Http")}},
    )


def service(name, *, egress=(_HTTPS,), ingress=(), public=False, more=None):
    """A service on ECS with its group."""
    return stack(
        f"Ecs-{name}",
        {
            "Group": resource(f"{EC2}SecurityGroup", SecurityGroupEgress=[*egress], SecurityGroupIngress=[*ingress]),
            "Service": resource(
                "AWS::ECS::Service",
                LoadBalancers=[{"TargetGroupArn": ref("Targets"), "ContainerPort": 8080}],
                NetworkConfiguration={
                    "AwsvpcConfiguration": {
                        "AssignPublicIp": "ENABLED" if public else "DISABLED",
                        "SecurityGroups": [att("Group", "GroupId")],
                        "Subnets": [weak("Network", "Private")],
                    }
                },
            ),
            "Targets": resource(f"{ELB}TargetGroup", Port=8080),
            **(more or {}),
        },
        outputs={"Group": {"Value": att("Group", "GroupId")}},
    )


def routed(name, *patterns, priority=5, action="forward", **more):
    """A service behind the load balancer."""
    condition = {"Field": "path-pattern", "PathPatternConfig": {"Values": list(patterns)}}
    rule = resource(
        f"{ELB}ListenerRule",
        ListenerArn=weak("Ecs", "Http"),
        Priority=priority,
        Conditions=[condition, *more.pop("conditions", ())],
        Actions=[{"Type": action, "TargetGroupArn": ref("Targets")}],
    )
    admits = {"SourceSecurityGroupId": weak("Ecs", "Guard"), "IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080}
    return service(name, ingress=[admits], more={"Rule": rule}, **more)


def pods(name, policy=None, *, port=8080, kind="Deployment", applied=(), **spec):
    """A service on EKS."""
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": port}]}], **spec},
    }
    body = {"jobTemplate": {"spec": {"template": template}}} if kind == "CronJob" else {"template": template}
    items = [{"kind": kind, "metadata": {"name": name, "namespace": "quay"}, "spec": body}]
    if policy is not None:
        types = {"policyTypes": ["Ingress", "Egress"], "podSelector": {"matchLabels": labels}, **policy}
        items.append({"kind": "NetworkPolicy", "metadata": {"name": name, "namespace": "quay"}, "spec": types})
    return stack(f"Eks-{name}", {"Objects": resource(APPLIED, Manifest=json.dumps([*items, *applied]))})


def to(name, port="http", **more):
    return {"to": [{"podSelector": {"matchLabels": {"app": name}}}], "ports": [{"port": port, **more}]}


def from_(name, port="http", **more):
    return {"from": [{"podSelector": {"matchLabels": {"app": name}}}], "ports": [{"port": port, **more}]}


def entered(name, path="/admin", scheme="internet-facing", policy=None, backend="http", **annotations):
    """A service on EKS behind an Ingress."""
    of = {"namespace": "quay"}
    applied = [
        {"kind": "IngressClassParams", "metadata": {"name": "shared"}, "spec": {"scheme": scheme}},
        {
            "kind": "IngressClass",
            "metadata": {"name": "shared"},
            "spec": {"parameters": {"name": "shared"}},
        },
        {
            "kind": "Service",
            "metadata": {"name": name, **of},
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 8080, "targetPort": "http"}]},
        },
        {
            "kind": "Ingress",
            "metadata": {"name": name, **of, "annotations": annotations},
            "spec": {
                "ingressClassName": "shared",
                "rules": [
                    {
                        "http": {
                            "paths": [
                                {
                                    "path": path,
                                    "pathType": "Prefix",
                                    "backend": {"service": {"name": name, "port": {"name": backend}}},
                                }
                            ]
                        }
                    }
                ],
            },
        },
    ]
    block = [{"from": [{"ipBlock": {"cidr": "10.20.0.0/20"}}], "ports": [{"port": 8080}]}]
    return pods(name, {"ingress": block} if policy is None else policy, applied=applied)
