"""Actions and conditions of policies in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ops.changes.sentences import readable
from ops.review.iam_statements import EVERYTHING, Some, Test, cut
from ops.review.text import listed

MOST: Final = 6
"""Words of a list in a sentence; the others are counted."""
# What an action does, so that a sentence can go on with the resource, unless there is a !.
_PHRASES: Final = {
    "read items of": "dynamodb: GetItem BatchGetItem Query Scan PartiQLSelect ConditionCheckItem",
    "write items of": "dynamodb: PutItem UpdateItem BatchWriteItem PartiQLInsert PartiQLUpdate",
    "delete items of": "dynamodb: DeleteItem PartiQLDelete",
    "delete": "dynamodb: DeleteTable; sqs: DeleteQueue; s3: DeleteBucket; secretsmanager: DeleteSecret; sns: DeleteTopic",
    "describe": "dynamodb: DescribeTable; kms: DescribeKey; eks: DescribeCluster; sqs: GetQueueAttributes GetQueueUrl; "
    "logs: DescribeLogStreams DescribeLogGroups; ecr: DescribeImages DescribeRepositories; secretsmanager: DescribeSecret",
    "read the stream of": "dynamodb: GetRecords GetShardIterator DescribeStream",
    "send messages to": "sqs: SendMessage SendMessageBatch",
    "receive messages of": "sqs: ReceiveMessage ChangeMessageVisibility",
    "delete messages of": "sqs: DeleteMessage DeleteMessageBatch",
    "empty": "sqs: PurgeQueue",
    "publish to": "sns: Publish",
    "read objects of": "s3: GetObject GetObjectVersion GetObjectTagging",
    "list objects of": "s3: ListBucket ListBucketVersions",
    "write objects to": "s3: PutObject PutObjectTagging AbortMultipartUpload",
    "delete objects of": "s3: DeleteObject DeleteObjectVersion",
    "read": "secretsmanager: GetSecretValue; ssm: GetParameter GetParameters GetParametersByPath",
    "change": "secretsmanager: PutSecretValue UpdateSecret; ssm: PutParameter; eks: UpdateClusterConfig",
    "decrypt with": "kms: Decrypt",
    "encrypt with": "kms: Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext ReEncrypt ReEncryptFrom ReEncryptTo",
    "pull images from": "ecr: BatchGetImage GetDownloadUrlForLayer BatchCheckLayerAvailability",
    "push images to": "ecr: PutImage InitiateLayerUpload UploadLayerPart CompleteLayerUpload",
    "sign in to ECR!": "ecr: GetAuthorizationToken",
    "write logs to": "logs: PutLogEvents CreateLogStream",
    "assume": "sts: AssumeRole AssumeRoleWithWebIdentity AssumeRoleWithSAML",
    "pass": "iam: PassRole",
    "invoke": "lambda: InvokeFunction InvokeFunctionUrl",
    "look at": "lambda: GetFunction",
    "run tasks of": "ecs: RunTask",
}
_WORDS: Final = {
    f"{service}:{action}".lower(): phrase
    for phrase, groups in _PHRASES.items()
    for service, _, actions in (group.strip().partition(":") for group in groups.split(";"))
    for action in actions.split()
}
# Goes with another right and says nothing of its own.
_SILENT: Final = {"sts:tagsession"}
_OPERATORS: Final = {
    "StringEquals": "is",
    "StringEqualsIgnoreCase": "is",
    "StringLike": "is like",
    "ArnLike": "is like",
    "ArnEquals": "is like",
    "StringNotEquals": "is not",
    "StringNotLike": "is not like",
    "ArnNotLike": "is not like",
    "ArnNotEquals": "is not like",
    "Bool": "is",
    "IpAddress": "is in",
    "NotIpAddress": "is not in",
    "NumericEquals": "is",
    "NumericLessThan": "is less than",
    "NumericLessThanEquals": "is at most",
    "NumericGreaterThan": "is more than",
    "NumericGreaterThanEquals": "is at least",
    "DateLessThan": "is before",
    "DateGreaterThan": "is after",
}


def phrase(actions: Sequence[Some], what: str) -> str:
    """What may be done, after `may`: `read and delete items of the table tracking (dynamodb:DeleteItem, dynamodb:GetItem)`."""
    names = sorted({cut(pattern) for some in actions for pattern in some.patterns if not some.but})
    but = [some for some in actions if some.but]
    if but:
        return f"do everything but {listed(sorted(but[0].patterns), most=MOST)} on {what}"
    if EVERYTHING in names:
        return f"do everything with {what}"
    wide = [name for name in names if name.endswith(":*")]
    known = _known(names) if not wide else [f"do everything that {_service(name)} offers with" for name in wide]
    other = [name for name in names if not wide and (_word(name) is None or (not known and not _word(name)))]
    again = "them" if what.startswith("every") or " and " in what else "it"
    parts = [
        text[:-1] if text.endswith("!") else f"{text} {again if index else what}" for index, text in enumerate(known)
    ]
    if other:
        parts.append(f"call {listed(other, most=4)} on {again if known else what}")
    inside = names if known else []
    return listed(parts, most=9) + (f" ({_comma(inside)})" if inside else "")


def when(tests: frozenset[Test]) -> str:
    """The conditions after `if`; empty if there are none."""
    ordered = sorted(tests, key=lambda test: (test.key, test.operator, sorted(test.values)))
    return " and ".join(_condition(test) for test in ordered)


def only(tests: frozenset[Test]) -> str:
    """When a right holds: `at any time`, `only if ...`."""
    return f"only if {when(tests)}" if tests else "at any time"


def _known(names: list[str]) -> list[str]:
    """The phrases, `read items of` and `delete items of` as `read and delete items of`."""
    verbs: dict[str, list[str]] = {}
    found = {_word(name) for name in names}
    for text in _PHRASES:
        if text in found:
            verb, _, rest = text.partition(" ")
            verbs.setdefault(rest, []).append(verb)
    return [f"{listed(words, most=9)} {rest}".strip() for rest, words in verbs.items()]


def _word(name: str) -> str | None:
    if name.lower() in _SILENT:
        return ""
    start = name.lower().rstrip("*")
    if start == name.lower():
        return _WORDS.get(start)
    found = {phrase for action, phrase in _WORDS.items() if action.startswith(start)}
    return found.pop() if len(found) == 1 else None


def _service(name: str) -> str:
    return name.partition(":")[0]


def _comma(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= MOST + 1 else f"{', '.join(names[:MOST])} and {len(names) - MOST} more"


def _condition(test: Test) -> str:
    values = listed(sorted(_value(value) for value in test.values), most=4).replace(" and ", " or ")
    operator = test.operator.rpartition(":")[2].removesuffix("IfExists")
    if (operator, test.key.lower()) == ("Bool", "aws:securetransport"):
        return "it comes over TLS" if values == "true" else "it comes without TLS"
    if test.key.lower() == "kms:viaservice" and operator == "StringEquals":
        return f"it comes through {values}"
    if operator == "Null":
        return f"{test.key} is {'missing' if values == 'true' else 'given'}"
    missing = " or missing" if test.operator.endswith("IfExists") else ""
    return f"{test.key} {_OPERATORS.get(operator, operator)} {values}{missing}"


def _value(value: str) -> str:
    plain = (
        cut(value)
        .replace(".<AWS::Region>", "")
        .replace("<AWS::AccountId>", "this account")
        .replace("<AWS::Region>", "*")
    )
    return readable(plain.replace("<AWS::Partition>", "aws"))
