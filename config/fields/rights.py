"""Rights of a service's own, beyond those that its tables, buckets and secrets bring."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from config.errors import shown
from config.model import NOT_EMPTY, UNIQUE, Model, Pattern, Rule, fault
from config.service_rules import check_text

PLACEHOLDERS: Final = ("partition", "region", "account")
"""What stands for the environment's own in an ARN: {account} and so on."""

LARGEST: Final = 3000
"""Characters of a statement. CDK moves statements that exceed a role's inline policies to managed ones of 6,144 characters each,
and never splits a statement."""

_ACTION: Final = re.compile(r"[a-z0-9-]+:[A-Za-z0-9]+")
_ARN: Final = re.compile(
    r"arn:(aws(?:-[a-z]+)*|\{partition\}):([a-z0-9-]+):([a-z0-9-]*|\{region\}):([0-9]{12}|aws|\{account\}|):(.+)",
    re.DOTALL,
)
# Who may change rights can take all of them; the other two are about accounts and people.
_REFUSED: Final = {
    "iam": "IAM's actions change who may do what",
    "organizations": "an organization's actions change other accounts",
    "account": "an account's settings are not a service's",
}
# Actions that take no resource, by their services' pages in the Service Authorization Reference, such as
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
_WITHOUT_RESOURCE: Final = frozenset(
    {
        "cloudwatch:PutMetricData",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
)
_OPERATOR: Final = re.compile(
    r"((ForAllValues|ForAnyValue):)?"
    r"(String(Not)?(Equals(IgnoreCase)?|Like)|Numeric(Not)?Equals|Numeric(Less|Greater)Than(Equals)?|Date(Not)?Equals|"
    r"Date(Less|Greater)Than(Equals)?|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like))(IfExists)?|Null"
)
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""


def _check_actions(actions: tuple[str, ...]) -> None:
    for index, action in enumerate(actions):
        if "*" in action or "?" in action:
            raise fault(f"is {shown(action)}, which holds a wildcard", "list the actions", field=f"[{index}]")
        if not _ACTION.fullmatch(action):
            problem = f"is {shown(action)}, which is not an action"
            raise fault(problem, "write service:Action, e.g. sqs:SendMessage", field=f"[{index}]")
        service = action.partition(":")[0]
        if service in _REFUSED:
            raise fault(f"is {action}, and {_REFUSED[service]}", "remove it", field=f"[{index}]")
        if service == "sts" and action not in {"sts:AssumeRole", "sts:TagSession"}:
            raise fault(f"is {action}", "use sts:AssumeRole, on the roles' ARNs", field=f"[{index}]")


def _check_resources(resources: tuple[str, ...]) -> None:
    for index, resource in enumerate(resources):
        _check_written(resource, field=f"[{index}]")
        if resource == "*":
            continue
        found = _ARN.fullmatch(resource)
        if not found:
            problem = f"is {shown(resource)}, which is not an ARN"
            remedy = "write one, e.g. arn:{partition}:sqs:{region}:{account}:orders"
            raise fault(problem, remedy, field=f"[{index}]")
        if found[5] in {"*", "?"}:
            problem = f"is {shown(resource)}, which is everything of {found[2]}"
            raise fault(problem, "name what the service uses", field=f"[{index}]")
        _check_placeholders(resource, field=f"[{index}]")


def _check_placeholders(resource: str, *, field: str) -> None:
    # ${aws:...} is one of IAM's own variables.
    unknown = [name for name in re.findall(r"(?<!\$)\{([^}]*)\}", resource) if name not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise fault(f"contains {{{unknown[0]}}}", f"use one of {known}", field=field)


def _check_conditions(conditions: Mapping[str, Mapping[str, tuple[str, ...]]]) -> None:
    for operator, keys in conditions.items():
        if not _OPERATOR.fullmatch(operator):
            problem = "is not an operator of IAM"
            raise fault(problem, "write one, e.g. StringEquals", field=operator)
        for key, values in keys.items():
            if not re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9/:._-]+", key):
                raise fault(
                    f"holds {shown(key)}, which is not a key", "write one, e.g. aws:RequestedRegion", field=operator
                )
            for value in values:
                _check_written(value, field=operator)


def _check_written(text: str, *, field: str) -> None:
    try:
        check_text(text)
    except PydanticCustomError as error:
        found = error.context or {}
        raise fault(found["problem"], found["remedy"], field=field) from None


class Statement(Model):
    """What the service may do besides what its other fields allow; the same on both platforms."""

    actions: Annotated[tuple[str, ...], NOT_EMPTY, UNIQUE, Rule(_check_actions)] = Field(
        description="Actions of AWS, each by its name.", examples=[["sqs:SendMessage"]]
    )
    resources: Annotated[tuple[str, ...], NOT_EMPTY, UNIQUE, Rule(_check_resources)] = Field(
        description="ARNs; {partition}, {region} and {account} stand for the environment's own.",
        examples=[["arn:{partition}:sqs:{region}:{account}:orders"]],
    )
    conditions: Annotated[dict[str, dict[str, tuple[str, ...]]], Rule(_check_conditions)] = Field(
        {},
        description="IAM's conditions: operator, key, list of values.",
        examples=[{"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}}],
    )
    reason: (
        Annotated[
            str,
            Pattern(r"[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*", "one line", "Orders are filed by day", 300),
            Rule(check_text),
        ]
        | None
    ) = Field(
        None,
        description="Why a resource holds a wildcard, for whoever reviews the rights; required if one does.",
        examples=["Orders are filed by day"],
    )

    @property
    def wildcards(self) -> tuple[str, ...]:
        """The resources that stand for several."""
        return tuple(resource for resource in self.resources if "*" in resource or "?" in resource)

    @model_validator(mode="after")
    def _check_wildcards(self) -> Self:
        roles = [action for action in self.actions if action.startswith("sts:")]
        for wildcard in self.wildcards:
            field = f"resources.[{self.resources.index(wildcard)}]"
            if roles:
                raise fault(
                    f"is {shown(wildcard)}, and {roles[0]} is only for roles that are named", "name them", field=field
                )
            everything = wildcard == "*" and not set(self.actions) <= _WITHOUT_RESOURCE
            if everything and not self.conditions:
                raise fault("is '*', everything of the account", "write ARNs, or add conditions", field=field)
            if not self.reason:
                raise fault(f"is {shown(wildcard)}, which holds a wildcard", "add reason: why it has to", field=field)
        if self.reason and not self.wildcards:
            raise fault("is for wildcards, and there is none", "write a comment instead", field="reason")
        return self

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        size = self.size
        if size > LARGEST:
            raise fault(f"makes a statement of {size} characters, and {LARGEST} fit", "write two statements")
        return self

    @property
    def size(self) -> int:
        """Upper bound for the characters of the statement in a policy."""
        written = [*self.actions, *self.resources, json.dumps(self.conditions, separators=(",", ":"))]
        longest = len("ap-southeast-1") + len("123456789012") + len("aws-us-gov")
        return 100 + sum(len(text) + 3 for text in written) + longest * sum("{" in r for r in self.resources)
