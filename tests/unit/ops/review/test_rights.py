"""The sentences about rights, and what makes none."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.review.model import Gate, Weight
from ops.review.pair import Pair, Side
from ops.review.rights import rights
from tests.fakes.stacks import att, output, ref, resource, stack, strong, weak

TABLE = {
    "Fn::Join": [
        "",
        ["arn:", ref("AWS::Partition"), ":dynamodb:", ref("AWS::Region"), ":", ref("AWS::AccountId"), ":table/"],
    ]
}
READ = ["dynamodb:GetItem", "dynamodb:Query"]


def allow(actions, resources="*", *, effect="Allow", **more):
    return {"Effect": effect, "Action": actions, "Resource": resources, **more}


def policy(*statements, roles=("Role",), **more):
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return resource(
        "AWS::IAM::Policy", PolicyName="p", PolicyDocument=document, Roles=[ref(name) for name in roles], **more
    )


def trust(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def assume(**principal):
    return {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}


STATE = {
    "Tabletracking0A1B2C3D": resource("AWS::DynamoDB::Table"),
    "Queuenotices0A1B2C3D": resource("AWS::SQS::Queue"),
}
OUTPUTS = {
    "TableArn": output(att("Tabletracking0A1B2C3D", "Arn"), "the-table"),
    "TableName": output(ref("Tabletracking0A1B2C3D")),
    "QueueArn": output(att("Queuenotices0A1B2C3D", "Arn")),
}


def service(platform, *statements, role=None, name="tracking", **more):
    """A service's stack, with its role and what the role may do."""
    role = role or {"AssumeRolePolicyDocument": trust(assume(Service="ecs-tasks.amazonaws.com"))}
    found = {"Role": resource("AWS::IAM::Role", **role), "Policy": policy(*statements), **more}
    if platform == "Ecs":
        found["Task"] = resource("AWS::ECS::TaskDefinition", TaskRoleArn=att("Role", "Arn"))
    else:
        found["Identity"] = resource(
            "AWS::EKS::PodIdentityAssociation", Namespace="quay", ServiceAccount=name, RoleArn=att("Role", "Arn")
        )
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "quay"}}
        found["Objects"] = manifest({**account, "automountServiceAccountToken": False})
    return stack(f"{platform}-{name}", found)


def manifest(*objects):
    return resource("Custom::AWSCDK-EKS-KubernetesResource", Manifest=json.dumps(objects))


def reviewed(before, after):
    state = stack("State", STATE, outputs=OUTPUTS)
    one, other = ([state, *(side if isinstance(side, list) else [side])] for side in (before, after))
    return rights(Pair(Side("then", one), Side("now", other)))


def texts(before, after):
    return [item.text for item in reviewed(before, after)]


def on_ecs(*statements, **more):
    return service("Ecs", *statements, **more)


READS = allow(READ, weak("State", "TableArn"))


def only(before, after):
    [item] = reviewed(before, after)
    return item


def test_one_more_action_is_one_sentence_for_both_platforms_with_the_statement_then_and_now():
    before = [service(platform, READS) for platform in ("Ecs", "Eks")]
    more = allow([*READ, "dynamodb:DeleteItem"], weak("State", "TableArn"))
    item = only(before, [service(platform, more) for platform in ("Ecs", "Eks")])
    assert item.text == "tracking on ECS and EKS may also delete items of the table tracking (dynamodb:DeleteItem)"
    assert (item.weight, item.gate, item.service) == (Weight.CAUTION, Gate.WIDER_RIGHTS, "tracking")
    assert [(one.stack, one.name) for one in item.evidence] == [("Ecs-tracking", "Policy"), ("Eks-tracking", "Policy")]
    then, now = (yaml.safe_load(text) for text in (item.evidence[0].before, item.evidence[0].after))
    assert set(now["Action"]) - set(then["Action"]) == {"dynamodb:DeleteItem"}
    assert now["Resource"] == "<State/Tabletracking.Arn>"


def test_one_action_less_is_a_note_without_a_gate():
    item = only(on_ecs(READS), on_ecs(allow("dynamodb:Query", weak("State", "TableArn"))))
    assert item.text == "tracking on ECS may no longer read items of the table tracking (dynamodb:GetItem)"
    assert (item.weight, item.gate) == (Weight.NOTE, None)


IF_VIA_SQS = {"StringEquals": {"kms:ViaService": "sqs.eu-central-1.amazonaws.com"}}
KEY = "arn:aws:kms:eu-central-1:111122223333:key/abc"


@pytest.mark.parametrize(
    ("before", "after", "text", "weight"),
    [
        (
            [READS],
            [allow("dynamodb:*", weak("State", "TableArn"))],
            "tracking on ECS may also do everything that dynamodb offers with the table tracking (dynamodb:*)",
            Weight.DANGER,
        ),
        (
            [allow("dynamodb:*", weak("State", "TableArn"))],
            [READS],
            "tracking on ECS may no longer do everything that dynamodb offers with the table tracking (dynamodb:*), "
            "only read items of the table tracking (dynamodb:GetItem, dynamodb:Query)",
            Weight.NOTE,
        ),
        (
            [READS],
            [allow(READ)],
            "tracking on ECS may also read items of every resource (dynamodb:GetItem, dynamodb:Query)",
            Weight.DANGER,
        ),
        ([], [allow("*")], "tracking on ECS may do everything with every resource", Weight.DANGER),
        (
            [],
            [allow("ecr:GetAuthorizationToken")],
            "tracking on ECS may sign in to ECR (ecr:GetAuthorizationToken)",
            Weight.CAUTION,
        ),
        (
            [allow("kms:Decrypt", KEY, Condition=IF_VIA_SQS)],
            [allow("kms:Decrypt", KEY)],
            "tracking on ECS may now decrypt with the key abc of the account 111122223333 (kms:Decrypt) at any time, "
            "before only if it comes through sqs.eu-central-1.amazonaws.com",
            Weight.CAUTION,
        ),
        (
            [allow("kms:Decrypt", KEY)],
            [allow("kms:Decrypt", KEY, Condition=IF_VIA_SQS)],
            "tracking on ECS may now decrypt with the key abc of the account 111122223333 (kms:Decrypt) only if it comes "
            "through sqs.eu-central-1.amazonaws.com, before at any time",
            Weight.NOTE,
        ),
        (
            [READS],
            [READS, allow("dynamodb:Query", weak("State", "TableArn"), effect="Deny")],
            "tracking on ECS is now forbidden to read items of the table tracking (dynamodb:Query)",
            Weight.NOTE,
        ),
        (
            [READS, allow("dynamodb:*", effect="Deny")],
            [READS],
            "tracking on ECS is no longer forbidden to do anything that dynamodb offers with every resource (dynamodb:*)",
            Weight.CAUTION,
        ),
        (
            [READS],
            [READS, {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
            "tracking on ECS may also do everything but iam:* on every resource",
            Weight.DANGER,
        ),
        (
            [READS],
            [
                READS,
                allow(
                    "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-central-1:1:secret:quay/token-??????"
                ),
            ],
            "tracking on ECS may also read the secret quay/token of the account 1 (secretsmanager:GetSecretValue)",
            Weight.CAUTION,
        ),
    ],
)
def test_a_change_of_a_statement_is_said_in_plain_words(before, after, text, weight):
    item = only(on_ecs(*before), on_ecs(*after))
    assert (item.text, item.weight) == (text, weight)
    assert item.gate is (Gate.WIDER_RIGHTS if weight > Weight.NOTE else None)


MANAGED = resource("AWS::IAM::ManagedPolicy", PolicyDocument=trust(READS), Roles=[ref("Role")])
INLINE = {
    "AssumeRolePolicyDocument": trust(assume(Service="ecs-tasks.amazonaws.com")),
    "Policies": [{"PolicyName": "x", "PolicyDocument": trust(READS)}],
}


@pytest.mark.parametrize(
    "after",
    [
        on_ecs(allow(READ, strong("the-table"))),
        on_ecs(allow(READ, {"Fn::Join": ["", [*TABLE["Fn::Join"][1], weak("State", "TableName")]]})),
        on_ecs(*(allow(action, weak("State", "TableArn")) for action in reversed(READ))),
        on_ecs({**READS, "Sid": "Reads"}, READS),
        on_ecs(READS, allow("dynamodb:getitem", weak("State", "TableArn"))),
        on_ecs(role=INLINE),
        on_ecs(More=MANAGED),
        on_ecs(More=policy(READS)),
    ],
    ids=["strong", "by name", "split", "repeated", "covered", "inline", "managed", "moved"],
)
def test_the_same_rights_in_another_spelling_or_place_are_no_change(after):
    assert texts(on_ecs(READS), after) == []
    assert texts(after, on_ecs(READS)) == []


def test_a_managed_policy_of_aws_a_boundary_and_a_foreign_account_that_may_assume_the_role():
    role = {
        "AssumeRolePolicyDocument": trust(assume(Service="ecs-tasks.amazonaws.com"), assume(AWS="999999999999")),
        "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"],
        "PermissionsBoundary": "arn:aws:iam::999999999999:policy/limit",
    }
    there = reviewed(on_ecs(READS), on_ecs(READS, role=role))
    assert [(item.text, item.weight) for item in there] == [
        ("the account 999999999999 may assume the role of tracking on ECS (sts:AssumeRole)", Weight.DANGER),
        ("tracking on ECS also has the rights of AWS's policy AdministratorAccess", Weight.DANGER),
        (
            "tracking on ECS may do no more than its boundary, the policy limit of the account 999999999999, allows",
            Weight.NOTE,
        ),
    ]
    back = reviewed(on_ecs(READS, role=role), on_ecs(READS))
    assert [item.text for item in back if item.gate] == [
        "tracking on ECS is no longer bound by the policy limit of the account 999999999999"
    ]


def test_a_new_service_says_what_its_role_may_do_and_only_notes_who_assumes_it():
    items = reviewed([], [on_ecs(READS), service("Eks", READS)])
    assert [(item.text, item.weight) for item in items] == [
        (
            "tracking on ECS and EKS may read items of the table tracking (dynamodb:GetItem, dynamodb:Query)",
            Weight.CAUTION,
        ),
        ("ecs-tasks.amazonaws.com may assume the role of tracking on ECS (sts:AssumeRole)", Weight.NOTE),
        ("ecs-tasks.amazonaws.com may assume the role of tracking on EKS (sts:AssumeRole)", Weight.NOTE),
        ("tracking on EKS gets a role of its own", Weight.NOTE),
    ]


def protected(kind, statement, **names):
    return stack("Shared", {"Thing0A1B2C3D": resource(kind, PolicyDocument=trust(*statement), **names)})


ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}


@pytest.mark.parametrize(
    ("more", "text", "weight"),
    [
        (ANYBODY, "anybody may send messages to the queue notices (sqs:SendMessage)", Weight.DANGER),
        (
            {**ANYBODY, "Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
            "the account 123456789012 may send messages to the queue notices (sqs:SendMessage)",
            Weight.DANGER,
        ),
        (
            {
                **ANYBODY,
                "Principal": {"Service": "sns.amazonaws.com"},
                "Condition": {"ArnLike": {"aws:SourceArn": "arn:x"}},
            },
            "sns.amazonaws.com may send messages to the queue notices (sqs:SendMessage), only if aws:SourceArn is like arn:x",
            Weight.CAUTION,
        ),
        (
            {**ANYBODY, "Condition": {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}},
            "anybody may send messages to the queue notices (sqs:SendMessage), only if aws:SourceAccount is this account",
            Weight.CAUTION,
        ),
        (
            {**ANYBODY, "Effect": "Deny", "Action": "sqs:*", "Condition": {"Bool": {"aws:SecureTransport": False}}},
            "anybody is now forbidden to do anything that sqs offers with the queue notices (sqs:*) if it comes without TLS",
            Weight.NOTE,
        ),
    ],
)
def test_the_policy_of_a_queue_says_who_may_use_it(more, text, weight):
    state = {
        **STATE,
        "Policy": resource("AWS::SQS::QueuePolicy", Queues=[ref("Queuenotices0A1B2C3D")], PolicyDocument=trust(more)),
    }
    one, other = stack("State", STATE), stack("State", state)
    [item] = rights(Pair(Side("then", [one]), Side("now", [other])))
    assert (item.text, item.weight) == (text, weight)
    assert [(one.stack, one.name) for one in item.evidence] == [("State", "Policy")]


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::KMS::Key", lambda document: {"KeyPolicy": document}),
        ("AWS::ECR::Repository", lambda document: {"RepositoryPolicyText": document}),
        ("AWS::DynamoDB::Table", lambda document: {"ResourcePolicy": {"PolicyDocument": document}}),
        ("AWS::S3::BucketPolicy", lambda document: {"Bucket": ref("Bucket"), "PolicyDocument": document}),
        ("AWS::SNS::TopicPolicy", lambda document: {"Topics": [ref("Topic")], "PolicyDocument": document}),
        (
            "AWS::SecretsManager::ResourcePolicy",
            lambda document: {"SecretId": ref("Secret"), "ResourcePolicy": document},
        ),
        ("AWS::Logs::ResourcePolicy", lambda document: {"PolicyName": "x", "PolicyDocument": json.dumps(document)}),
    ],
)
def test_whoever_else_may_use_a_resource_is_named_wherever_its_policy_is(kind, properties):
    def side(*statements):
        return stack("Shared", {"Thing": resource(kind, **properties(trust(*statements)))})

    foreign = {"Effect": "Allow", "Principal": {"AWS": "999999999999"}, "Action": "x:Use", "Resource": "*"}
    [item] = rights(Pair(Side("then", [side()]), Side("now", [side(foreign)])))
    assert item.text.startswith("the account 999999999999 may call x:Use on ")
    assert item.weight is Weight.DANGER
    [gone] = rights(Pair(Side("then", [side(foreign)]), Side("now", [side()])))
    assert gone.gate is None


def test_who_may_invoke_a_function():
    permission = resource(
        "AWS::Lambda::Permission",
        FunctionName=att("F", "Arn"),
        Action="lambda:InvokeFunction",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    function = resource("AWS::Lambda::Function")
    one, other = stack("X", {"F": function}), stack("X", {"F": function, "P": permission})
    [item] = rights(Pair(Side("then", [one]), Side("now", [other])))
    assert item.text == (
        "anybody may invoke the function F of X (lambda:InvokeFunction), only if lambda:FunctionUrlAuthType is NONE"
    )
    assert item.weight is Weight.DANGER


def test_what_an_endpoint_lets_through_is_compared_with_everything():
    def side(**more):
        return stack("Network", {"VpcS3": resource("AWS::EC2::VPCEndpoint", **more)})

    limited = side(PolicyDocument=trust({**allow("s3:GetObject"), "Principal": "*"}))
    [item] = rights(Pair(Side("then", [side()]), Side("now", [limited])))
    assert item.weight is Weight.NOTE
    [item] = rights(Pair(Side("then", [limited]), Side("now", [side()])))
    assert (item.weight, item.gate) == (Weight.CAUTION, Gate.WIDER_RIGHTS)
    assert rights(Pair(Side("then", []), Side("now", [side()]))) == ()


def test_what_a_resource_forbids_is_no_change_where_the_resource_itself_goes():
    deny = {**ANYBODY, "Effect": "Deny"}
    bucket = {
        "B": resource("AWS::S3::Bucket"),
        "P": resource("AWS::S3::BucketPolicy", Bucket=ref("B"), PolicyDocument=trust(deny)),
    }
    gone = Pair(Side("then", [stack("X", bucket)]), Side("now", [stack("X", {})]))
    assert rights(gone) == ()


def test_an_accepted_change_does_not_cover_a_wider_one():
    one = on_ecs(READS, allow("sqs:SendMessage", weak("State", "QueueArn")))
    more = on_ecs(READS, allow(["sqs:SendMessage", "sqs:PurgeQueue"], weak("State", "QueueArn")))
    again, wider = only(on_ecs(READS), one), only(on_ecs(READS), more)
    assert again.id == only(on_ecs(READS), one).id
    assert again.id != wider.id
    assert again.id.startswith("rights:Ecs-tracking/Role:")
    assert not set(again.id) & set(" \n\t")


# --- anything ------------------------------------------------------------------------------------------------------------

words = st.sampled_from(("*", "Allow", "s3:Get*", "sqs:x", "arn:aws:s3:::b/*", "<&\"'\u202e\n", "", "\ud800"))
anything = st.recursive(
    st.one_of(words, st.none(), st.booleans(), st.integers(), st.just(ref("Role")), st.just({"Fn::Sub": "${Role}/x"})),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                (
                    "Statement",
                    "Effect",
                    "Action",
                    "Resource",
                    "Principal",
                    "Condition",
                    "NotAction",
                    "rules",
                    "kind",
                    "StringLike",
                )
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
READERS = {
    "AWS::IAM::Role": ("Policies", "ManagedPolicyArns", "AssumeRolePolicyDocument", "PermissionsBoundary"),
    "AWS::IAM::Policy": ("PolicyDocument", "Roles"),
    "AWS::IAM::ManagedPolicy": ("PolicyDocument", "Users"),
    "AWS::KMS::Key": ("KeyPolicy",),
    "AWS::SQS::QueuePolicy": ("PolicyDocument", "Queues"),
    "AWS::Lambda::Permission": ("Action", "Principal", "FunctionName", "SourceArn"),
    "AWS::EC2::VPCEndpoint": ("PolicyDocument",),
    "AWS::EKS::AccessEntry": ("AccessPolicies", "KubernetesGroups", "PrincipalArn"),
    "AWS::EKS::PodIdentityAssociation": ("RoleArn", "ServiceAccount"),
    "AWS::ECS::TaskDefinition": ("TaskRoleArn", "ExecutionRoleArn"),
    "Custom::AWSCDK-EKS-KubernetesResource": ("Manifest",),
}
strange = st.one_of(
    *(
        st.fixed_dictionaries({}, optional=dict.fromkeys(names, anything)).map(
            lambda found, kind=kind: resource(kind, **found)
        )
        for kind, names in READERS.items()
    ),
    anything.map(lambda found: manifest({"kind": "ClusterRoleBinding", "roleRef": found, "subjects": [found]}, found)),
    anything.map(lambda found: manifest({"kind": "Role", "metadata": found, "rules": [found]})),
)
templates = st.dictionaries(st.sampled_from(("Role", "A", "B")), strange, max_size=3)


@settings(max_examples=60)
@given(templates, templates)
def test_no_template_is_too_strange_and_what_one_way_widens_the_way_back_narrows(before, after):
    one, other = [stack("Ecs-web", before)], [stack("Ecs-web", after)]
    there = rights(Pair(Side("then", one), Side("now", other)))
    back = rights(Pair(Side("then", other), Side("now", one)))
    assert bool(there) == bool(back)
    assert rights(Pair(Side("then", one), Side("now", one))) == ()
    assert len({item.id for item in there}) == len(there)
    assert there == rights(Pair(Side("then", one), Side("now", other)))
