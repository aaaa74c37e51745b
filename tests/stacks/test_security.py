"""Who may reach and do what: security groups, roles, keys, logs, tables and secrets."""

from __future__ import annotations

import re
from typing import Any

import pytest

from config import limits
from config.fields.tables import Index, Table
from config.service import HttpService, ServiceSpec
from config.settings import Egress, Platform, Removal
from tests.stacks.templates import Assembly, Resource, statements

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
EC2_DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")

# Statements without a resource, because IAM has no resource type for them or the resource does not exist yet.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
ANY_RESOURCE = {
    "ecr:GetAuthorizationToken": "has no resource type",
    "ec2:CreateNetworkInterface": "Lambda creates the network interface, so its ARN is not known before",
    "ec2:DeleteNetworkInterface": "see ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces": "has no resource type",
    "ec2:DescribeSubnets": "has no resource type",
    # Of the role of a state machine: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html and
    # https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html
    **dict.fromkeys(
        (
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:UpdateLogDelivery",
        ),
        "delivers the log of a state machine; CloudWatch Logs supports no resource for it",
    ),
    **dict.fromkeys(
        ("xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
        "has no resource type",
    ),
}

ANY_RESOURCE_WITH_EXEC = {
    "logs:DescribeLogGroups": "looks the log group up in the list of all",
    "ssmmessages:CreateControlChannel": "has no resource type",
    "ssmmessages:CreateDataChannel": "has no resource type",
    "ssmmessages:OpenControlChannel": "has no resource type",
    "ssmmessages:OpenDataChannel": "has no resource type",
}


def group_of(assembly: Assembly, stack: str) -> Resource:
    return assembly.one("AWS::EC2::SecurityGroup", stack=stack)


def inbound(assembly: Assembly) -> list[tuple[str, dict[str, Any]]]:
    """(stack, rule) for each inbound rule, wherever it is written."""
    inline = [
        (group.stack, {**rule, "GroupId": group.att("GroupId")})
        for group in assembly.resources("AWS::EC2::SecurityGroup")
        for rule in group.get("SecurityGroupIngress", [])
    ]
    return inline + [(rule.stack, rule.properties) for rule in assembly.resources("AWS::EC2::SecurityGroupIngress")]


def outbound(assembly: Assembly) -> list[tuple[str, dict[str, Any]]]:
    inline = [
        (group.stack, {**rule, "GroupId": group.att("GroupId")})
        for group in assembly.resources("AWS::EC2::SecurityGroup")
        for rule in group.get("SecurityGroupEgress", [])
    ]
    return inline + [(rule.stack, rule.properties) for rule in assembly.resources("AWS::EC2::SecurityGroupEgress")]


# --- security groups --------------------------------------------------------------------------------------------------


def test_ec2_takes_every_description_of_a_security_group(assembly):
    texts = [group["GroupDescription"] for group in assembly.resources("AWS::EC2::SecurityGroup")]
    texts += [rule["Description"] for _, rule in inbound(assembly) + outbound(assembly) if "Description" in rule]
    assert texts
    for text in texts:
        assert EC2_DESCRIPTION.fullmatch(re.sub(r"<[^>]*>", "x", text)), text


def test_only_the_load_balancer_is_open_to_the_ranges_of_the_setting(assembly):
    balancers = assembly.one("AWS::ElasticLoadBalancingV2::LoadBalancer", stack="Ecs")["SecurityGroups"]
    open_to_ranges = {
        (rule["GroupId"], rule["CidrIp"], rule["FromPort"])
        for stack, rule in inbound(assembly)
        if "CidrIp" in rule and stack != "Network"
    }
    ports = (80, 443) if assembly.settings.domain else (80,)
    assert open_to_ranges == {
        (group, cidr, port) for group in balancers for cidr in assembly.settings.load_balancer_cidrs for port in ports
    }


def test_nothing_in_the_network_stack_is_open_to_the_internet(assembly):
    for stack, rule in inbound(assembly):
        assert "CidrIpv6" not in rule
        if stack == "Network":
            assert rule["CidrIp"] == assembly.settings.vpc_cidr


def test_exactly_the_declared_calls_are_open_between_services(assembly):
    services = {group_of(assembly, f"Ecs-{s.name}").att("GroupId"): s for s in assembly.services(Platform.ECS)}
    balancer = group_of(assembly, "Ecs").att("GroupId")
    admitted = {
        (services[rule["SourceSecurityGroupId"]].name, services[rule["GroupId"]].name, rule["FromPort"], rule["ToPort"])
        for _, rule in inbound(assembly)
        if rule["GroupId"] in services and rule["SourceSecurityGroupId"] != balancer
    }
    declared = {
        (caller.name, callee.name, port, port)
        for caller in services.values()
        for callee in assembly.catalog.callees(caller)
        for port in callee.ports
    }
    assert admitted == declared


def test_the_load_balancer_reaches_each_service_only_on_its_port(assembly):
    balancer = group_of(assembly, "Ecs").att("GroupId")
    ports = {
        rule["GroupId"]: (rule["FromPort"], rule["ToPort"])
        for _, rule in inbound(assembly)
        if rule.get("SourceSecurityGroupId") == balancer
    }
    http = [s for s in assembly.services(Platform.ECS) if isinstance(s, HttpService) and s.routed]
    assert ports == {group_of(assembly, f"Ecs-{s.name}").att("GroupId"): (s.port, s.port) for s in http}


def test_the_load_balancer_may_send_only_inside_the_vpc_and_to_ports_that_a_manifest_may_have(assembly):
    balancer = group_of(assembly, "Ecs").att("GroupId")
    ways_out = [rule for _, rule in outbound(assembly) if rule["GroupId"] == balancer]
    assert [(rule["CidrIp"], rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) for rule in ways_out] == [
        (assembly.settings.vpc_cidr, "tcp", limits.LOWEST_PORT, limits.HIGHEST_PORT)
    ]


def test_each_port_between_services_is_open_on_both_sides(assembly):
    balancer = group_of(assembly, "Ecs").att("GroupId")
    ways_in = {
        (rule["SourceSecurityGroupId"], rule["GroupId"], rule["FromPort"])
        for _, rule in inbound(assembly)
        if rule.get("SourceSecurityGroupId", balancer) != balancer
    }
    ways_out = {
        (rule["GroupId"], rule["DestinationSecurityGroupId"], rule["FromPort"])
        for _, rule in outbound(assembly)
        if not str(rule.get("DestinationSecurityGroupId", "sg-")).startswith("sg-")
    }
    assert ways_in == ways_out


def test_a_service_reaches_the_outside_only_over_https_and_where_its_manifest_says(assembly):
    services = {group_of(assembly, f"Ecs-{s.name}").att("GroupId"): s for s in assembly.services(Platform.ECS)}
    found: dict[str, set[tuple[Any, ...]]] = {s.name: set() for s in services.values()}
    for _, rule in outbound(assembly):
        place = rule.get("CidrIp") or rule["DestinationSecurityGroupId"]
        if rule["GroupId"] in services and ("CidrIp" in rule or place.startswith("sg-")):
            found[services[rule["GroupId"]].name].add((place, rule["FromPort"], rule["ToPort"], rule["IpProtocol"]))
    for spec in services.values():
        declared = {
            (place, to.port, to.port, to.protocol.value)
            for to in spec.egress
            for place in to.cidrs or (to.security_group,)
        }
        assert found[spec.name] == {("0.0.0.0/0", 443, 443, "tcp"), *declared}


def test_the_group_of_another_owner_gets_no_rule_of_ours(assembly):
    for _, rule in inbound(assembly):
        assert not rule["GroupId"].startswith("sg-")


def test_rules_between_stacks_are_in_the_services_stacks(assembly):
    """So the cluster's stack never depends on a service."""
    for kind in ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"):
        assert all(rule.stack.startswith("Ecs-") for rule in assembly.resources(kind))


# --- IAM --------------------------------------------------------------------------------------------------------------


def test_no_statement_allows_every_action(assembly):
    for role in assembly.roles():
        for statement in assembly.statements(role):
            assert statement.effect == "Allow"
            for action in statement.actions:
                assert not re.fullmatch(r"\*|[\w-]+:\*", action), f"{role.path}: {action}"


def test_a_statement_without_a_resource_is_on_the_short_list(assembly):
    seen = {
        action
        for role in assembly.roles()
        for statement in assembly.statements(role)
        if "*" in statement.resources and not _is_vendors(role)
        for action in statement.actions
    }
    of_manifests = {
        a for s in assembly.catalog.services for right in s.rights for a in right.actions if right.wildcards
    }
    with_exec = set(ANY_RESOURCE_WITH_EXEC) if assembly.settings.exec else set()
    assert seen - set(ANY_RESOURCE) - with_exec - of_manifests == set()


def _is_vendors(role: Resource) -> bool:
    """Roles of CDK's own custom resources, which the project cannot write."""
    return "CustomResourceProvider" in role.id or "NatInstance" in role.id


def test_every_entry_of_the_short_list_is_used(production, corners):
    used = {
        action
        for assembly in (production, corners)
        for role in assembly.roles()
        for s in assembly.statements(role)
        if "*" in s.resources
        for action in s.actions
    }
    assert set(ANY_RESOURCE) - used == set()


def test_a_role_is_assumed_by_one_service_or_by_the_account(assembly):
    for role in assembly.roles():
        for statement in statements(role["AssumeRolePolicyDocument"]):
            assert statement.principals != "*"
            assert "*" not in str(statement.principals)


def test_every_role_has_the_boundary_of_the_settings(assembly):
    """Those of CDK's own custom resources too."""
    name = assembly.settings.permissions_boundary
    bounds = {str(role.get("PermissionsBoundary")).partition(":policy/")[2] for role in assembly.roles()}
    assert bounds == {name or ""}


def test_a_boundary_is_on_every_role_in_corners(corners):
    assert corners.settings.permissions_boundary
    assert any("CustomResourceProvider" in role.id for role in corners.roles())


def test_only_its_own_service_can_use_a_table(assembly):
    """Task role on ECS, Pod Identity's role on Kubernetes; no other role names a table."""
    reach: dict[str, set[str]] = {_table_arn(table): set() for table in assembly.resources("AWS::DynamoDB::Table")}
    for role in assembly.roles():
        for statement in assembly.statements(role):
            if any(action.startswith("dynamodb:") for action in statement.actions):
                for arn in statement.resources:
                    reach.setdefault(re.sub(r"/index/\w+$", "", arn), set()).add(role.stack)
    for spec in assembly.catalog.services:
        for arn in tables_of(assembly, spec):
            assert reach.pop(arn) == {f"{p.value.title()}-{spec.name}" for p in spec.platforms}
    assert reach == {}


def test_a_table_is_read_and_written_but_never_changed(assembly):
    for role in assembly.roles():
        for statement in assembly.statements(role):
            for action in statement.actions:
                if action.startswith("dynamodb:"):
                    assert re.fullmatch(r"dynamodb:(\w*Item|Query|Scan|ConditionCheckItem|DescribeTable)", action)


def test_the_task_role_not_the_execution_role_reads_and_writes_the_table(assembly):
    for spec in assembly.services(Platform.ECS):
        definition = assembly.one("AWS::ECS::TaskDefinition", stack=f"Ecs-{spec.name}")
        actions = {
            name: {a for s in assembly.statements(assembly.by_reference(definition[name])) for a in s.actions}
            for name in ("TaskRoleArn", "ExecutionRoleArn")
        }
        assert any(a.startswith("dynamodb:") for a in actions["TaskRoleArn"]) is bool(spec.all_tables)
        assert not any(a.startswith("dynamodb:") for a in actions["ExecutionRoleArn"])
        not_its_own = (
            "ecr:",
            "secretsmanager:",
            "ssm:",
            *(() if assembly.settings.exec else ("logs:", "ssmmessages:")),
        )
        assert not any(a.startswith(not_its_own) for a in actions["TaskRoleArn"])


def test_secrets_are_granted_one_by_one_and_are_never_in_a_template(assembly):
    for spec in assembly.catalog.services:
        for platform in spec.platforms:
            stack = f"{platform.value.title()}-{spec.name}"
            reached = {
                resource.rstrip("-?")
                for role in assembly.roles()
                if role.stack == stack
                for s in assembly.statements(role)
                if any(a.startswith(("secretsmanager:", "ssm:")) for a in s.actions)
                for resource in s.resources
            }
            wanted = {
                f":secret:{s.secrets_manager}" if s.secrets_manager else f":parameter{s.ssm}"
                for s in spec.secrets.values()
            }
            assert len(reached) == len(wanted), stack
            statements = [s for role in assembly.roles() if role.stack == stack for s in assembly.statements(role)]
            named = [r for s in statements for r in s.resources if r.rstrip("-?") in reached]
            assert len(named) == len(set(named)), f"{stack} names a secret twice"
            assert all(any(arn.endswith(end) for arn in reached) for end in wanted), stack


def test_secrets_reach_the_container_by_reference(assembly):
    for spec in assembly.services(Platform.ECS):
        container = assembly.one("AWS::ECS::TaskDefinition", stack=f"Ecs-{spec.name}")["ContainerDefinitions"][0]
        given = {secret["Name"]: secret["ValueFrom"] for secret in container.get("Secrets", [])}
        assert set(given) == set(spec.secrets)
        for name, source in spec.secrets.items():
            assert given[name].startswith("arn:")
            named = f":parameter{source.ssm}" if source.ssm else f":secret:{source.secrets_manager}"
            pinned = f":{source.key or ''}:{source.stage or ''}:{source.version_id or ''}"
            assert given[name].endswith(f"{named}{pinned if source.key or source.version else ''}")
        assert not set(spec.secrets) & {variable["Name"] for variable in container["Environment"]}


# --- keys -------------------------------------------------------------------------------------------------------------


def _table_arn(table: Resource) -> str:
    return f"arn:<AWS::Partition>:dynamodb:<AWS::Region>:<AWS::AccountId>:table/{table.ref}"


def _own(assembly: Assembly, kind: str, name: str) -> Resource:
    logical_id = re.compile(f"{name.replace('-', '')}[0-9A-F]{{8}}")
    found = [t for t in assembly.resources(kind, stack="State") if logical_id.fullmatch(t.id)]
    assert len(found) == 1, name
    return found[0]


def tables_of(assembly: Assembly, spec: ServiceSpec) -> dict[str, tuple[Table, Resource | None]]:
    """A service's tables by ARN: as declared, and what is made of it."""
    ids = {spec.table_variable: f"Table{spec.name}"}
    ids |= {spec.variable_of_table(name): f"Tables{spec.name}{name}" for name in spec.tables}
    found: dict[str, tuple[Table, Resource | None]] = {}
    for variable, declared in spec.all_tables.items():
        own = None if declared.existing else _own(assembly, "AWS::DynamoDB::Table", ids[variable])
        arn = f"arn:<AWS::Partition>:dynamodb:<AWS::Region>:<AWS::AccountId>:table/{declared.existing}"
        found[_table_arn(own) if own else arn] = declared, own
    return found


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("AWS::Logs::LogGroup", ("KmsKeyId",)),
        ("AWS::SNS::Topic", ("KmsMasterKeyId",)),
        ("AWS::SQS::Queue", ("KmsMasterKeyId",)),
        ("AWS::DynamoDB::Table", ("SSESpecification", "KMSMasterKeyId")),
        ("AWS::ECR::Repository", ("EncryptionConfiguration", "KmsKey")),
    ],
)
def test_the_environments_key_encrypts(assembly, kind, path):
    keys = assembly.resources("AWS::KMS::Key", stack="Foundation")
    assert len(keys) == int(assembly.settings.customer_managed_key)
    found = assembly.resources(kind)
    assert found
    for resource in found:
        value: Any = resource.properties
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        assert value in ({keys[0].att("Arn"), keys[0].ref} if keys else {None}), resource.path


def test_keys_rotate(assembly):
    keys = assembly.resources("AWS::KMS::Key")
    assert keys
    assert all(key["EnableKeyRotation"] is True for key in keys)


def test_a_key_in_a_workloads_role_serves_only_one_aws_service(assembly):
    for role in assembly.roles():
        for statement in assembly.statements(role):
            if any(action.startswith("kms:") for action in statement.actions) and role.stack[:4] in {"Ecs-", "Eks-"}:
                assert "*" not in statement.resources
                session = "kms:EncryptionContext:aws:ssm:SessionId"  # of ECS Exec, whose agent calls KMS itself
                assert any(limit in str(statement.conditions) for limit in ("kms:ViaService", session)), role.path


def test_the_key_admits_the_aws_services_that_encrypt_on_the_accounts_behalf(assembly):
    for key in assembly.resources("AWS::KMS::Key", stack="Foundation"):
        services = str([s.principals for s in statements(key["KeyPolicy"])])
        region = assembly.settings.region or "<AWS::Region>"
        for name in ("cloudwatch", "events", "sns", "logs"):
            assert (
                f"'{name}.amazonaws.com'" in services
                or f"'{name}.{region}.amazonaws.com'" in services
                or (f"'{name}.<AWS::Region>.amazonaws.com'" in services)
            ), name


# What may outlive its stack: it holds data, or encrypts what does.
_DATA = {
    "AWS::DynamoDB::Table", "AWS::ECR::Repository", "AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::SQS::Queue"
}  # fmt: skip


def _reports_failed_runs(resource) -> bool:
    """The queue of a job's failures, which are of no use without the job."""
    return resource.type == "AWS::SQS::Queue" and resource.stack != "State"


def test_only_data_outlives_its_stack_and_not_a_failed_first_creation(assembly):
    """Anything else that stayed would have its name in the way of the next try, or cost money."""
    resources = [r for r in assembly.resources() if not _reports_failed_runs(r)]
    policies = {(r.type, r.body.get("DeletionPolicy"), r.body.get("UpdateReplacePolicy")) for r in resources}
    kept = {(kind, deleted, replaced) for kind, deleted, replaced in policies if kind in _DATA}
    gone = {policy for policy in policies - kept if {"Retain", "RetainExceptOnCreate"} & set(policy[1:])}
    assert gone == set()
    if assembly.settings.removal is Removal.KEPT:
        assert {policy[1:] for policy in kept} == {("RetainExceptOnCreate", "Retain")}
    else:
        assert {policy[1:] for policy in kept} == {("Delete", "Delete")}


# --- logs -------------------------------------------------------------------------------------------------------------


def test_every_log_group_expires_and_is_removed_as_the_environment_is(assembly):
    groups = assembly.resources("AWS::Logs::LogGroup")
    assert groups
    wanted = "Delete" if assembly.settings.removal is Removal.DISPOSABLE else "RetainExceptOnCreate"
    for group in groups:
        assert group["RetentionInDays"] == assembly.settings.log_retention_days, group.path
        assert group.deletion_policy == wanted, group.path


def test_every_function_writes_to_a_log_group_of_its_stack(assembly):
    functions = assembly.resources("AWS::Lambda::Function")
    assert functions
    for function in functions:
        groups = [
            group
            for group in assembly.resources("AWS::Logs::LogGroup", stack=function.stack)
            if group.ref == function.get("LoggingConfig", {}).get("LogGroup")
            or group.get("LogGroupName") == f"/aws/lambda/{function.ref}"
        ]
        assert len(groups) == 1, function.path


def test_log_groups_that_aws_would_create_are_created_first(assembly):
    prefix = assembly.settings.prefix
    groups = {g.get("LogGroupName", ""): g for g in assembly.resources("AWS::Logs::LogGroup")}
    named = {name: g for name, g in groups.items() if name and not name.startswith("/aws/lambda/")}
    wanted = {f"/aws/eks/{prefix}/cluster"}
    wanted |= {f"/aws/containerinsights/{prefix}/{name}" for name in ("application", "dataplane", "host")}
    if assembly.settings.container_insights.value != "disabled":
        wanted |= {f"/aws/ecs/containerinsights/{prefix}/performance", f"/aws/containerinsights/{prefix}/performance"}
    assert set(named) == wanted
    control_plane = named[f"/aws/eks/{prefix}/cluster"]
    assert control_plane.id in assembly.one("AWS::EKS::Cluster", stack="Eks").depends_on


def test_insights_groups_are_created_before_their_writers(production):
    groups = {g.get("LogGroupName", ""): g.id for g in production.resources("AWS::Logs::LogGroup")}
    cluster = production.one("AWS::ECS::Cluster", stack="Ecs")
    assert groups["/aws/ecs/containerinsights/harbour-production/performance"] in cluster.depends_on
    add_on = next(
        a for a in production.resources("AWS::EKS::Addon") if a["AddonName"] == "amazon-cloudwatch-observability"
    )
    agents = {group for name, group in groups.items() if name.startswith("/aws/containerinsights/")}
    assert len(agents) == 4
    assert agents <= set(add_on.depends_on)


def test_insights_follow_the_setting(assembly):
    settings = assembly.one("AWS::ECS::Cluster", stack="Ecs")["ClusterSettings"]
    assert settings == [{"Name": "containerInsights", "Value": assembly.settings.container_insights.value}]


# --- tables and buckets -----------------------------------------------------------------------------------------------


def test_a_table_has_the_manifests_keys(assembly):
    for spec in assembly.catalog.services:
        for declared, table in tables_of(assembly, spec).values():
            if table:
                assert _keys(table) == _declared_keys(declared)
                ttl = table.get("TimeToLiveSpecification", {"AttributeName": None})
                assert ttl["AttributeName"] == declared.ttl
                assert {a["AttributeType"] for a in table["AttributeDefinitions"]} == {"S"}
                indexes = {index["IndexName"]: index for index in table.get("GlobalSecondaryIndexes", [])}
                assert {name: _keys(index) for name, index in indexes.items()} == {
                    name: _declared_keys(index) for name, index in declared.indexes.items()
                }
                assert all(index["Projection"] == {"ProjectionType": "ALL"} for index in indexes.values())


def _keys(holder: Resource | dict[str, Any]) -> dict[str, str]:
    return {key["KeyType"]: key["AttributeName"] for key in holder["KeySchema"]}


def _declared_keys(declared: Table | Index) -> dict[str, str]:
    wanted = {"HASH": declared.partition_key, "RANGE": declared.sort_key}
    return {kind: name for kind, name in wanted.items() if name}


def test_tables_can_be_restored_and_are_encrypted_and_cost_nothing_idle(assembly):
    tables = assembly.resources("AWS::DynamoDB::Table")
    assert tables
    for table in tables:
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["SSESpecification"]["SSEEnabled"] is True
        assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_kept_data_survives_the_stack_and_accidental_deletion(assembly):
    kept = assembly.settings.removal is Removal.KEPT
    for table in assembly.resources("AWS::DynamoDB::Table"):
        assert table["DeletionProtectionEnabled"] is kept
    for kind in ("AWS::DynamoDB::Table", "AWS::ECR::Repository", "AWS::S3::Bucket", "AWS::KMS::Key"):
        for resource in assembly.resources(kind):
            assert resource.deletion_policy == ("RetainExceptOnCreate" if kept else "Delete"), resource.path
    balancer = assembly.one("AWS::ElasticLoadBalancingV2::LoadBalancer", stack="Ecs")
    assert {"Key": "deletion_protection.enabled", "Value": str(kept).lower()} in balancer["LoadBalancerAttributes"]


def test_access_logs_are_private_expire_and_come_from_this_account(assembly):
    bucket = assembly.one("AWS::S3::Bucket", stack="Ecs")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 90
    policy = statements(assembly.one("AWS::S3::BucketPolicy", stack="Ecs")["PolicyDocument"])
    delivery = [s for s in policy if "logdelivery.elasticloadbalancing.amazonaws.com" in str(s.principals)]
    assert [s.actions for s in delivery] == [("s3:PutObject",)]
    # In the path, not in a condition on aws:SourceAccount: a delivery may not send that.
    assert delivery[0].resources == (f"{bucket.att('Arn')}/AWSLogs/<AWS::AccountId>/*",)
    assert delivery[0].conditions == {}
    assert any(s.effect == "Deny" and "aws:SecureTransport" in str(s.conditions) for s in policy)
    balancer = assembly.one("AWS::ElasticLoadBalancingV2::LoadBalancer", stack="Ecs")
    assert assembly.one("AWS::S3::BucketPolicy", stack="Ecs").id in balancer.depends_on


def test_queues_and_topics_refuse_plain_http(assembly):
    for kind in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
        policies = assembly.resources(kind)
        assert policies
        for policy in policies:
            denied = [s for s in statements(policy["PolicyDocument"]) if s.effect == "Deny"]
            assert any("aws:SecureTransport" in str(s.conditions) for s in denied), policy.path


# --- network ----------------------------------------------------------------------------------------------------------


def test_there_are_always_gateway_endpoints(assembly):
    gateways = [
        e["ServiceName"] for e in assembly.resources("AWS::EC2::VPCEndpoint") if e.get("VpcEndpointType") == "Gateway"
    ]
    assert {name.rsplit(".", 1)[-1] for name in gateways} == {"s3", "dynamodb"}


def test_private_subnets_never_hand_out_public_addresses_and_neither_do_public_ones(assembly):
    subnets = assembly.resources("AWS::EC2::Subnet", stack="Network")
    assert len(subnets) == 2 * assembly.settings.zone_count
    assert not any(subnet.get("MapPublicIpOnLaunch", False) for subnet in subnets)


@pytest.mark.parametrize(
    ("name", "egress", "gateways", "instances"),
    [
        ("sandbox", Egress.NAT_INSTANCE, 0, 1),
        ("production", Egress.NAT_PER_ZONE, 3, 0),
        ("ecs-alone", Egress.SINGLE_NAT, 1, 0),
        ("corners", Egress.ENDPOINTS, 0, 0),
    ],
)
def test_egress_is_the_setting_and_nothing_more_expensive(synthesis, name, egress, gateways, instances):
    assembly = synthesis.assembly(name)
    settings = assembly.settings
    assert settings.egress is egress
    assert len(assembly.resources("AWS::EC2::NatGateway")) == gateways
    assert len(assembly.resources("AWS::EC2::Instance")) == instances
    private = [r for r in assembly.resources("AWS::EC2::Route") if "PrivateSubnet" in r.id]
    assert len(private) == (settings.zone_count if gateways or instances else 0)


def test_without_egress_every_aws_service_that_tasks_and_nodes_need_has_an_endpoint(corners):
    interfaces = [e for e in corners.resources("AWS::EC2::VPCEndpoint") if e["VpcEndpointType"] == "Interface"]
    names = {e["ServiceName"].split("eu-west-1.")[-1] for e in interfaces}
    pulls = {"ecr.api", "ecr.dkr"}
    logs_and_metrics = {"logs", "monitoring"}
    secrets_and_tokens = {"secretsmanager", "ssm", "kms", "sts"}
    tasks = {"ecs", "ecs-agent", "ecs-telemetry"}
    nodes = {"ec2", "eks", "eks-auth", "elasticloadbalancing"}
    kubectl_handler = {"lambda", "states"}
    assert corners.settings.exec
    tasks |= {"ssmmessages"}
    queues = {"sqs"}
    assert names == pulls | logs_and_metrics | secrets_and_tokens | tasks | nodes | kubectl_handler | queues
    private = {s.ref for s in corners.resources("AWS::EC2::Subnet", stack="Network") if "PrivateSubnet" in s.id}
    for endpoint in interfaces:
        assert endpoint["PrivateDnsEnabled"] is True
        assert set(endpoint["SubnetIds"]) == private


def test_endpoints_admit_only_https_from_the_vpc(corners):
    admitted = [(rule["CidrIp"], rule["FromPort"]) for stack, rule in inbound(corners) if stack == "Network"]
    assert admitted == [("10.99.0.0/16", 443)]


def test_only_the_environments_platforms_get_endpoints(synthesis):
    """Each interface endpoint is billed per hour and zone."""
    names = str([e["ServiceName"] for e in synthesis.assembly("eks-alone").resources("AWS::EC2::VPCEndpoint")])
    assert "eks-auth" in names
    assert "ecs-telemetry" not in names


def test_subnets_have_the_tags_that_kubernetes_load_balancers_look_for(assembly):
    for subnet in assembly.resources("AWS::EC2::Subnet", stack="Network"):
        role = "kubernetes.io/role/elb" if "Public" in subnet.id else "kubernetes.io/role/internal-elb"
        assert {"Key": role, "Value": "1"} in subnet["Tags"]


def test_the_default_security_group_is_emptied(assembly):
    assert assembly.one("Custom::VpcRestrictDefaultSG", stack="Network")


def test_refused_connections_are_logged(assembly):
    assert assembly.one("AWS::EC2::FlowLog", stack="Network")["TrafficType"] == "REJECT"
