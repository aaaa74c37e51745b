"""Tables, buckets and rights in service.yaml: what is accepted, and the line that refuses the rest."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.config.project import HTTP, WORKER, Project

FILE = "services/tracking/service.yaml"
KMS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ORDERS = "arn:{partition}:sqs:{region}:{account}:orders"
TABLE = {"partition_key": "id"}


def right(**changes: Any) -> dict[str, Any]:
    return {"rights": [{"actions": ["sqs:SendMessage"], "resources": [ORDERS], **changes}]}


WRONG: list[tuple[dict[str, Any], str]] = [
    # tables
    ({"tables": {"events": {}}}, "tables.events.partition_key: is missing; write it, e.g. partition_key: id"),
    (
        {"tables": {"Events": TABLE}},
        "tables.Events: is not a valid name; write lower-case letters, digits and hyphens, e.g. events",
    ),
    (
        {"table": {**TABLE, "indexes": {"by-owner": {"partition_key": "owner", "sort_key": "owner"}}}},
        "table.indexes.by-owner.sort_key: is the partition key too; name another attribute",
    ),
    (
        {"table": {**TABLE, "indexes": {"x": TABLE}}},
        "table.indexes.x: is not a valid name; write an index's name, e.g. by_",
    ),
    (
        {"table": {**TABLE, "indexes": {f"index-{n}": dict(TABLE) for n in range(21)}}},
        "table.indexes: holds 21, and a table has 20 at most; remove some",
    ),
    (
        {"table": {**TABLE, "ttl": "until", "indexes": {"by_end": {"partition_key": "until"}}}},
        "table.ttl: is a key, and keys are text while an expiry is a number; name another attribute",
    ),
    (
        {"table": {**TABLE, "kms_key": KMS_KEY}},
        "table.kms_key: is for existing tables; others are under the environment's key; remove it",
    ),
    *(
        (
            {"table": {**TABLE, "existing": "orders-prod", field: value}},
            f"table.{field}: cannot be set on a table that somebody else owns; remove it, and set it where the table is made",
        )
        for field, value in (("ttl", "until"), ("stream", True))
    ),
    ({"table": {"existing": "orders-prod"}}, "table.partition_key: is missing; write it, e.g. partition_key: id"),
    (
        {"table": {**TABLE, "existing": "arn:aws:dynamodb:x"}},
        "table.existing: is 'arn:aws:dynamodb:x', which is not valid; write a table's name, e.g. orders-prod",
    ),
    # bucket
    ({"bucket": True}, "bucket: is true, not a mapping; write a mapping, e.g. bucket: {expire_days: 30}"),
    ({"bucket": {"expire_days": 0}}, "bucket.expire_days: is 0, out of range; write a whole number from 1 to 3650"),
    (
        {"bucket": {"public_read": True}},
        "bucket.public_read: is unknown; remove it or use one of existing, expire_days, ",
    ),
    (
        {"bucket": {"existing": "Orders.Archive"}},
        "bucket.existing: is 'Orders.Archive', which is not valid; write a bucket's name, without dots, e.g. orders-archive",
    ),
    *(
        (
            {"bucket": {"existing": "orders-archive", field: value}},
            f"bucket.{field}: cannot be set on a bucket that somebody else owns; remove it, and set it where the bucket is made",
        )
        for field, value in (("expire_days", 3), ("versions", True))
    ),
    ({"bucket": {"kms_key": KMS_KEY}}, "bucket.kms_key: is for existing buckets; "),
    # variables
    *(
        ({**manifest, "environment": {variable: "x"}}, f"environment.{variable}: is set by {field}; remove it")
        for manifest, variable, field in (
            ({"bucket": {}}, "TRACKING_BUCKET", "bucket"),
            ({"tables": {"old-events": TABLE}}, "TRACKING_OLD_EVENTS_TABLE", "tables.old-events"),
            ({"table": {**TABLE, "stream": True}}, "TRACKING_TABLE_STREAM", "table"),
        )
    ),
    # rights
    (right(actions=["*"]), "rights[0].actions[0]: is '*', which holds a wildcard; list the actions"),
    (right(actions=["sqs:*"]), "rights[0].actions[0]: is 'sqs:*', which holds a wildcard; list the actions"),
    (right(actions=["s3:Get*"]), "rights[0].actions[0]: is 's3:Get*', which holds a wildcard; list the actions"),
    (
        right(actions=["sqs:SendMessage", "SendMessage"]),
        "rights[0].actions[1]: is 'SendMessage', which is not an action; write service:Action, e.g. sqs:SendMessage",
    ),
    (right(actions=[]), "rights[0].actions: is an empty list; "),
    (
        right(actions=["iam:PassRole"]),
        "rights[0].actions[0]: is iam:PassRole, and IAM's actions change who may do what; remove it",
    ),
    (
        right(actions=["sts:GetFederationToken"]),
        "rights[0].actions[0]: is sts:GetFederationToken; use sts:AssumeRole, on the roles' ARNs",
    ),
    (
        right(resources=["*"]),
        "rights[0].resources[0]: is '*', everything of the account; write ARNs, or add conditions",
    ),
    (
        right(resources=["*"], conditions={"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}}),
        "rights[0].resources[0]: is '*', which holds a wildcard; add reason: why it has to",
    ),
    (
        right(actions=["cloudwatch:PutMetricData"], resources=["*"]),
        "rights[0].resources[0]: is '*', which holds a wildcard; add reason: why it has to",
    ),
    (
        right(resources=[f"{ORDERS}-*"]),
        "rights[0].resources[0]: is 'arn:{partition}:sqs:{region}:{account}:orders-*', which holds a ",
    ),
    (
        right(resources=["arn:aws:sqs:eu-west-1:123456789012:*"], reason="All queues"),
        "rights[0].resources[0]: is 'arn:aws:sqs:eu-west-1:123456789012:*', which is everything of sqs; name what ",
    ),
    (
        right(resources=["arn:aws:sqs:*:123456789012:orders"], reason="Regions"),
        "rights[0].resources[0]: is 'arn:aws:sqs:*:123456789012:orders', which is not an ARN; write one, e.g. arn:{par",
    ),
    (
        right(actions=["sts:AssumeRole"], resources=["arn:aws:iam::123456789012:role/app-*"], reason="Roles"),
        "rights[0].resources[0]: is 'arn:aws:iam::123456789012:role/app-*', and sts:AssumeRole is only for roles that are named",
    ),
    (
        right(resources=["arn:aws:sqs:{regoin}:123456789012:orders"]),
        "rights[0].resources[0]: is 'arn:aws:sqs:{regoin}:123456789012:orders', which is not an ARN; ",
    ),
    (
        right(resources=["arn:aws:sqs:eu-west-1:123456789012:{environment}-orders"]),
        "rights[0].resources[0]: contains {environment}; use one of {partition}, {region}, {account}",
    ),
    (
        right(resources=["arn:aws:sqs:eu-west-1:123456789012:{{resolve:ssm:x}}"]),
        "rights[0].resources[0]: contains {{resolve:, which CloudFormation would replace; ",
    ),
    (right(reason="Why not"), "rights[0].reason: is for wildcards, and there is none; write a comment instead"),
    (
        right(conditions={"StringEqual": {"aws:RequestedRegion": ["x"]}}),
        "rights[0].conditions.StringEqual: is not an operator of IAM; write one, e.g. StringEquals",
    ),
    (
        right(conditions={"StringEquals": {"region": ["x"]}}),
        "rights[0].conditions.StringEquals: holds 'region', which is not a key; write one, e.g. aws:RequestedRegion",
    ),
    (right(action=["x"]), "rights[0].action: is unknown; did you mean actions?"),
    (
        right(resources=[f"arn:aws:sqs:eu-west-1:123456789012:{'q' * 70}-{n}" for n in range(40)]),
        "characters, and 3000 fit; write two statements",
    ),
]

RIGHT: list[dict[str, Any]] = [
    {"tables": {"events": {**TABLE, "sort_key": "at", "ttl": "until", "stream": True}, "old-events": TABLE}},
    {
        "table": {
            **TABLE,
            "indexes": {"by_owner": {"partition_key": "owner", "sort_key": "at"}, "by_at": {"partition_key": "at"}},
        }
    },
    {
        "table": {
            **TABLE,
            "existing": "orders.prod_1",
            "kms_key": KMS_KEY,
            "indexes": {"by_owner": {"partition_key": "owner"}},
        }
    },
    {"bucket": {}},
    {"bucket": {"expire_days": 30, "versions": False}},
    {"bucket": {"existing": "orders-archive", "kms_key": KMS_KEY}},
    right(),
    right(
        actions=["s3:GetObject"],
        resources=["arn:aws:s3:::drawings/${aws:PrincipalTag/team}/*"],
        reason="One folder a team",
    ),
    right(
        actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"], reason="A trace has no resource"
    ),
    right(
        actions=["ses:SendEmail"],
        resources=["*"],
        conditions={
            "ForAllValues:StringLike": {"ses:Recipients": ["*@example.com"]},
            "BoolIfExists": {"aws:SecureTransport": ["true"]},
        },
        reason="Identities are verified by hand",
    ),
    right(actions=["sts:AssumeRole"], resources=["arn:aws:iam::210987654321:role/partner"]),
    right(
        actions=["bedrock:InvokeModel"], resources=["arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0"]
    ),
    {
        "overrides": {
            "production": {"table": {"existing": "orders-prod", "partition_key": "id"}, "bucket": {"expire_days": 90}}
        }
    },
    {"overrides": {"production": right(conditions={"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}})}},
]


@pytest.mark.parametrize(("fields", "message"), WRONG, ids=[message[:60] for _, message in WRONG])
def test_a_wrong_field_is_one_line_with_what_to_write(project, fields, message):
    project.service("tracking", {**HTTP, **fields})
    text = project.fault()
    assert text.startswith(f"{FILE}: ")
    assert "\n" not in text
    assert message in text


@pytest.mark.parametrize("fields", RIGHT, ids=[str(fields)[:60] for fields in RIGHT])
@pytest.mark.parametrize("base", [HTTP, WORKER])
def test_a_right_field_is_accepted(project, base, fields):
    assert project.spec({**base, **fields}).name == "tracking"


def test_an_environment_may_use_a_table_that_exists_where_another_makes_its_own(project: Project):
    manifest = {
        **HTTP,
        "table": {"partition_key": "id", "indexes": {"by_owner": {"partition_key": "owner"}}},
        "overrides": {"production": {"table": {"existing": "orders-prod"}}},
    }
    sandbox, production = project.spec(manifest), project.spec(manifest, "production")
    assert (sandbox.table.existing, production.table.existing) == (None, "orders-prod")
    assert sandbox.table.indexes == production.table.indexes
    assert (sandbox.keeps_data, production.keeps_data) == (True, False)


def test_each_table_has_a_variable_of_its_own(project: Project):
    spec = project.spec({**HTTP, "table": TABLE, "tables": {"old-events": dict(TABLE), "events": dict(TABLE)}})
    assert list(spec.all_tables) == ["TRACKING_TABLE", "TRACKING_OLD_EVENTS_TABLE", "TRACKING_EVENTS_TABLE"]


def test_a_stream_is_refused_where_nothing_leads_to_it(project: Project):
    project.service("tracking", {**HTTP, "tables": {"events": {"partition_key": "id", "stream": True}}})
    assert project.fault(egress="single-nat") == ""
    assert project.fault(egress="endpoints") == (
        f"{FILE}: tables.events.stream: cannot be read in sandbox, where egress is endpoints: they do not reach streams; "
        "remove it, or change the setting egress"
    )


def test_an_environment_may_use_a_queue_that_exists_where_another_makes_its_own(project: Project):
    existing = {"queue": {"existing": "orders-prod"}}
    overrides = {"production": existing, "sandbox": {"queue": {"tries": 3}}}
    manifest = {**WORKER, "queue": {}, "overrides": overrides}
    sandbox, production = project.spec(manifest), project.spec(manifest, "production")
    assert (sandbox.makes_queue, production.makes_queue) == (True, False)
    assert (sandbox.queues, production.queues) == (("tracking",), ("tracking",))
    assert (sandbox.keeps_data, production.keeps_data) == (False, False)
    # State has the alarm on what waits, if there is one.
    unwatched = project.spec({**WORKER, **existing, "alarms": "none"})
    assert [spec.holds_state for spec in (sandbox, production, unwatched)] == [True, True, False]
