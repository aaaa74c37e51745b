"""Asks an IAM evaluator that is not ours (npm's @cloud-copilot/iam-simulate) whether policies allow calls.

It knows every action, its resources and condition keys from AWS's Service Authorization Reference, so a call that AWS would not
understand is an error, not a denial.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

# The types whose policies are evaluated, for docs/evidence.md.
EVALUATED = frozenset(
    {
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::KMS::Key",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    }
)
ALLOWED = "Allowed"
DENIED = frozenset({"ImplicitlyDenied", "ExplicitlyDenied"})
# It drops keys of an encryption context, as their names are not in AWS's list: they are asked under a name that is kept.
_CONTEXT_KEY, _KEPT_KEY = "kms:EncryptionContext:", "aws:PrincipalTag/EncryptionContext-"
_SCRIPT = Path(__file__).parent / "evaluate.mjs"


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call.

    Attributes:
        principal: an ARN, or the name of a service.
        action: such as "s3:PutObject".
        resource: the ARN that it is made on, or "*" where the action knows none.
        account: the resource's account.
        context: condition keys and their values.
        policies: those of the principal.
        resource_policy: that of the resource, if it has one.
    """

    principal: str
    action: str
    resource: str
    account: str
    context: dict[str, Any] = field(default_factory=dict)
    policies: Sequence[dict[str, Any]] = ()
    resource_policy: dict[str, Any] | None = None


def evaluate(requests: Sequence[Request]) -> list[str]:
    """The verdict on each request: ALLOWED, or one of DENIED."""
    rows = [asdict(request) for request in requests]
    for row in rows:
        row["resourcePolicy"] = row.pop("resource_policy")
    done = subprocess.run(
        ["node", str(_SCRIPT)],
        input=json.dumps(rows).replace(_CONTEXT_KEY, _KEPT_KEY),
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    verdicts: list[str] = json.loads(done.stdout)
    wrong = [
        f"{request.action} on {request.resource}: {verdict}"
        for request, verdict in zip(requests, verdicts, strict=True)
        if verdict != ALLOWED and verdict not in DENIED
    ]
    assert not wrong, "\n".join(sorted(set(wrong)))
    return verdicts
