"""What the policies of keys, buckets, queues and topics admit: the services that deliver to them, and no other account's."""

from __future__ import annotations

from typing import Any

import pytest

from config.settings import Removal
from tests.rights.evaluator import ALLOWED, DENIED, Request, evaluate
from tests.rights.ground import Ground
from tests.rights.test_rights import ACCOUNT, PLACES, STRANGER
from tests.stacks.templates import Resource


@pytest.fixture(scope="module", params=PLACES, ids=lambda place: f"{place[0]}-{place[1]}")
def ground(request, synthesis) -> Ground:
    name, partition, region = request.param
    return Ground(assembly=synthesis.assembly(name), partition=partition, region=region, account=ACCOUNT)


def _allow_all(action: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


def _verdicts(policy: dict[str, Any], calls: list[tuple[str, str, str, dict[str, str]]]) -> list[str]:
    """Of calls (principal, action, resource, context); a principal with an ARN may do anything by its own policy."""
    requests = [
        Request(
            principal=principal,
            action=action,
            resource=resource,
            account=ACCOUNT,
            context={"aws:SecureTransport": "true", **context},
            policies=[_allow_all(f"{action.split(':')[0]}:*")] if principal.startswith("arn:") else [],
            resource_policy=policy,
        )
        for principal, action, resource, context in calls
    ]
    return evaluate(requests)


def _stranger(ground: Ground) -> str:
    return f"arn:{ground.partition}:iam::{STRANGER}:role/x"


def _emptier(ground: Ground, stack: str) -> list[str]:
    roles = [r for r in ground.assembly.roles() if r.stack == stack and "AutoDeleteObjects" in r.id]
    return [ground.arn(role) for role in roles]


def test_only_load_balancers_of_this_account_deliver_their_logs(ground):
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html"""
    delivery = "logdelivery.elasticloadbalancing.amazonaws.com"
    for resource in ground.assembly.resources("AWS::S3::BucketPolicy"):
        policy = ground.concrete(resource["PolicyDocument"])
        bucket = ground.arn(ground.assembly.by_reference(resource["Bucket"]))
        ours, theirs = f"{bucket}/AWSLogs/{ACCOUNT}/x", f"{bucket}/AWSLogs/{STRANGER}/x"
        allowed = _verdicts(policy, [(delivery, "s3:PutObject", ours, {})]) == [ALLOWED]
        assert allowed is (resource.stack != "State")  # where the buckets of services are
        refused: list[tuple[str, str, str, dict[str, str]]] = [
            (delivery, "s3:PutObject", theirs, {}),
            (delivery, "s3:PutObject", ours, {"aws:SecureTransport": "false"}),
            (delivery, "s3:GetObject", ours, {}),
            ("glue.amazonaws.com", "s3:PutObject", ours, {}),
            (_stranger(ground), "s3:PutObject", ours, {}),
            (_stranger(ground), "s3:GetObject", ours, {}),
            (_stranger(ground), "s3:PutBucketPolicy", bucket, {}),
        ]
        assert set(_verdicts(policy, refused)) <= DENIED


def test_a_bucket_can_be_emptied_by_its_handler_only(ground):
    """The calls of aws-cdk-lib, custom-resource-handlers/aws-s3/auto-delete-objects-handler."""
    for resource in ground.assembly.resources("AWS::S3::BucketPolicy"):
        policy = ground.concrete(resource["PolicyDocument"])
        bucket = ground.arn(ground.assembly.by_reference(resource["Bucket"]))
        on_bucket = ("GetBucketTagging", "GetBucketPolicy", "PutBucketPolicy", "ListBucketVersions")
        targets = {f"s3:{action}": bucket for action in on_bucket}
        targets |= {f"s3:{action}": f"{bucket}/x" for action in ("DeleteObject", "DeleteObjectVersion")}
        kept = ground.assembly.settings.removal is Removal.KEPT
        assert len(_emptier(ground, resource.stack)) == (0 if kept else 1)
        for emptier in _emptier(ground, resource.stack):
            requests = [
                Request(principal=emptier, action=a, resource=r, account=ACCOUNT, resource_policy=policy)
                for a, r in targets.items()
            ]
            assert set(evaluate(requests)) == {ALLOWED}
        assert set(_verdicts(policy, [(_stranger(ground), a, r, {}) for a, r in targets.items()])) <= DENIED


def test_a_workers_queue_admits_roles_of_the_account_over_tls_and_nobody_by_itself(ground):
    policies = ground.assembly.resources("AWS::SQS::QueuePolicy", stack="State")
    assert policies
    for resource in policies:
        policy = ground.concrete(resource["PolicyDocument"])
        queue = ground.arn(ground.assembly.by_reference(resource["Queues"][0]))
        ours = {"aws:SourceAccount": ACCOUNT}
        refused = [
            ("events.amazonaws.com", "sqs:SendMessage", queue, ours),
            ("sns.amazonaws.com", "sqs:SendMessage", queue, ours),
            (_stranger(ground), "sqs:SendMessage", queue, {}),
            (_stranger(ground), "sqs:ReceiveMessage", queue, {}),
        ]
        assert set(_verdicts(policy, refused)) <= DENIED


def test_only_eventbridge_of_this_account_sends_to_a_jobs_queue(ground):
    for resource in (r for r in ground.assembly.resources("AWS::SQS::QueuePolicy") if r.stack != "State"):
        policy = ground.concrete(resource["PolicyDocument"])
        queue = ground.arn(ground.assembly.by_reference(resource["Queues"][0]))
        rule = ground.named(resource.stack, "JobFailedRuns")
        ours = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": rule}
        theirs = {"aws:SourceAccount": STRANGER, "aws:SourceArn": rule.replace(ACCOUNT, STRANGER)}
        send = "sqs:SendMessage"
        assert _verdicts(policy, [("events.amazonaws.com", send, queue, ours)]) == [ALLOWED]
        refused = [
            ("events.amazonaws.com", send, queue, theirs),
            ("events.amazonaws.com", send, queue, {**ours, "aws:SecureTransport": "false"}),
            ("events.amazonaws.com", "sqs:ReceiveMessage", queue, ours),
            (_stranger(ground), send, queue, {}),
            (_stranger(ground), "sqs:ReceiveMessage", queue, {}),
        ]
        assert set(_verdicts(policy, refused)) <= DENIED


def test_only_alarms_of_this_account_are_published(ground):
    for resource in ground.assembly.resources("AWS::SNS::TopicPolicy"):
        policy = ground.concrete(resource["PolicyDocument"])
        topic = ground.arn(ground.assembly.by_reference(resource["Topics"][0]))
        ours, theirs = {"aws:SourceAccount": ACCOUNT}, {"aws:SourceAccount": STRANGER}
        publish = "sns:Publish"
        assert _verdicts(policy, [("cloudwatch.amazonaws.com", publish, topic, ours)]) == [ALLOWED]
        refused = [
            ("cloudwatch.amazonaws.com", publish, topic, theirs),
            ("cloudwatch.amazonaws.com", publish, topic, {**ours, "aws:SecureTransport": "false"}),
            (_stranger(ground), publish, topic, {}),
        ]
        assert set(_verdicts(policy, refused)) <= DENIED


def _key_calls(ground: Ground, key: Resource) -> tuple[list[Any], list[Any]]:
    """(allowed, refused) calls on the environment's key."""
    arn, logs = ground.arn(key), f"logs.{ground.region}.amazonaws.com"
    group = f"arn:{ground.partition}:logs:{ground.region}:{{}}:log-group:x"
    use = ("kms:Decrypt", "kms:GenerateDataKey")
    context = "kms:EncryptionContext:aws:logs:arn"
    allowed = [(s, a, arn, {"aws:SourceAccount": ACCOUNT}) for s in _SENDERS for a in use]
    # EventBridge may or may not pass the account on to KMS; the event of a failed run must arrive either way.
    allowed += [("events.amazonaws.com", a, arn, {}) for a in use]
    allowed += [(logs, a, arn, {context: group.format(ACCOUNT)}) for a in use]
    refused = [(s, a, arn, {"aws:SourceAccount": STRANGER}) for s in _SENDERS for a in use]
    refused += [(logs, a, arn, {context: group.format(STRANGER)}) for a in use]
    refused += [(s, "kms:CreateGrant", arn, {"aws:SourceAccount": ACCOUNT}) for s in (*_SENDERS, logs)]
    refused += [("glue.amazonaws.com", a, arn, {"aws:SourceAccount": ACCOUNT}) for a in use]
    return allowed, refused


# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html and
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
_SENDERS = ("cloudwatch.amazonaws.com", "events.amazonaws.com")


def test_keys_serve_this_account_and_its_services_only(ground):
    for key in ground.assembly.resources("AWS::KMS::Key"):
        policy, arn = ground.concrete(key["KeyPolicy"]), ground.arn(key)
        allowed, refused = _key_calls(ground, key) if key.stack == "Foundation" else ([], [])
        administrator = f"arn:{ground.partition}:iam::{ACCOUNT}:role/admin"
        allowed += [(administrator, "kms:PutKeyPolicy", arn, {})]
        refused += [(_stranger(ground), a, arn, {}) for a in ("kms:Decrypt", "kms:PutKeyPolicy", "kms:CreateGrant")]
        assert set(_verdicts(policy, allowed)) == {ALLOWED}
        assert set(_verdicts(policy, refused)) <= DENIED
