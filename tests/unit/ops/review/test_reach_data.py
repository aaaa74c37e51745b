"""What services may do to data, by their roles, and what a policy opens to everybody."""

import pytest

from ops.changes.sides import Sides
from ops.review.reach import reach
from tests.fakes.stacks import att, ref, resource, stack, weak


def reached(*stacks):
    sides = Sides([], stacks)
    return {(edge.source, edge.target): edge.what for edge in reach(sides.after, sides.will_be).edges}


def state():
    return stack(
        "State",
        {
            "TabletrackingA563C38D": resource("AWS::DynamoDB::Table"),
            "Tablestrackingevents0123ABCD": resource("AWS::DynamoDB::Table"),
            "QueuenoticesA563C38D": resource("AWS::SQS::Queue"),
            "BuckettrackingA563C38D": resource("AWS::S3::Bucket"),
        },
        outputs={
            "Table": {"Value": ref("TabletrackingA563C38D")},
            "Events": {"Value": att("Tablestrackingevents0123ABCD", "Arn")},
            "Queue": {"Value": att("QueuenoticesA563C38D", "QueueName")},
        },
    )


def allowing(actions, resources, *, execution=False):
    """Tracking with one statement in its task's role, or in the role that fetches its secrets."""
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    role = {"ExecutionRoleArn" if execution else "TaskRoleArn": att("Role", "Arn")}
    return stack(
        "Ecs-tracking",
        {
            "Role": resource("AWS::IAM::Role"),
            "Policy": resource("AWS::IAM::Policy", Roles=[ref("Role")], PolicyDocument={"Statement": statement}),
            "Task": resource("AWS::ECS::TaskDefinition", **role),
        },
    )


def arn(service, rest):
    return {"Fn::Join": ["", ["arn:", ref("AWS::Partition"), f":{service}:", ref("AWS::Region"), ":1:", *rest]]}


TABLE = arn("dynamodb", ["table/", weak("State", "Table")])


@pytest.mark.parametrize(
    ("actions", "resources", "node", "verbs"),
    [
        (["dynamodb:GetItem", "dynamodb:DescribeTable"], TABLE, "table/tracking", ("reads",)),
        ("dynamodb:UpdateItem", TABLE, "table/tracking", ("writes",)),
        ("dynamodb:*", [weak("State", "Events")], "table/tracking/events", ("reads", "writes")),
        ("dynamodb:Get*", "arn:aws:dynamodb:eu-central-1:1:table/orders/index/x", "table/orders", ("reads",)),
        ("*", "*", "table/*", ("reads", "writes")),
        (["sqs:SendMessage"], arn("sqs", [weak("State", "Queue")]), "queue/notices", ("sends",)),
        (["sqs:ReceiveMessage", "sqs:DeleteMessage"], arn("sqs", ["orders"]), "queue/orders", ("receives",)),
        ("s3:PutObject", "arn:aws:s3:::archive/*", "bucket/archive", ("writes",)),
        (
            "secretsmanager:GetSecretValue",
            arn("secretsmanager", ["secret:quay/token-??????"]),
            "secret/quay/token",
            ("reads",),
        ),
    ],
)
def test_verbs_follow_from_actions(actions, resources, node, verbs):
    assert reached(state(), allowing(actions, resources))["ecs/tracking", node] == verbs


def test_looking_at_a_table_is_not_reading_it():
    assert reached(state(), allowing("dynamodb:DescribeTable", TABLE)) == {}


def test_of_the_execution_role_only_secrets_count():
    secret = arn("ssm", ["parameter/quay/token"])
    edges = reached(allowing("ssm:GetParameters", secret, execution=True))
    assert edges == {("ecs/tracking", "secret/quay/token"): ("reads",)}
    assert reached(state(), allowing("dynamodb:GetItem", TABLE, execution=True)) == {}


def test_a_pods_role_counts_as_a_tasks_does():
    service = allowing("dynamodb:GetItem", TABLE)
    identity = resource("AWS::EKS::PodIdentityAssociation", RoleArn=att("Role", "Arn"), ServiceAccount="tracking")
    pods = stack("Eks-tracking", {**service.resources, "Task": identity})
    assert reached(state(), pods) == {("eks/tracking", "table/tracking"): ("reads",)}


def public(condition=None, **bucket):
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": "*"}
    if condition:
        statement["Condition"] = condition
    return stack(
        "State",
        {
            "BuckettrackingA563C38D": resource("AWS::S3::Bucket", **bucket),
            "Open": resource(
                "AWS::S3::BucketPolicy", Bucket=ref("BuckettrackingA563C38D"), PolicyDocument={"Statement": [statement]}
            ),
        },
    )


def test_a_policy_for_everybody_opens_a_bucket_to_the_internet():
    assert reached(public()) == {("internet", "bucket/tracking"): ("reads",)}


@pytest.mark.parametrize(
    ("condition", "is_open"),
    [
        ({"StringEquals": {"aws:SourceAccount": "1"}}, False),
        ({"IpAddress": {"aws:SourceIp": ["198.51.100.0/24"]}}, False),
        ({"IpAddress": {"aws:SourceIp": ["198.51.100.0/24", "0.0.0.0/0"]}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"StringNotEquals": {"aws:SourceAccount": "1"}}, True),
        ({"StringLike": {"aws:SourceArn": "*"}}, True),
    ],
)
def test_only_a_condition_that_keeps_the_public_out_closes_it(condition, is_open):
    assert bool(reached(public(condition))) is is_open


def test_a_bucket_that_refuses_the_public_stays_closed():
    assert reached(public(PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})) == {}


def test_an_access_list_opens_a_bucket_too():
    bucket = stack("State", {"Bucketlogs": resource("AWS::S3::Bucket", AccessControl="PublicRead")})
    assert reached(bucket) == {("internet", "bucket/logs"): ("reads",)}
