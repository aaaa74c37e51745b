"""What people call those who have rights, and what the rights are on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.names import service_of
from config.settings import Platform
from ops.assembly import Stack
from ops.changes.sentences import readable, short_type
from ops.references import Values
from ops.review.iam import Place, place_of, resources, shown
from ops.review.iam_statements import EVERYTHING, Some, cut, texts
from ops.review.text import listed

_WORDS: Final = {
    "AWS::DynamoDB::Table": "table",
    "AWS::DynamoDB::GlobalTable": "table",
    "AWS::SQS::Queue": "queue",
    "AWS::S3::Bucket": "bucket",
    "AWS::KMS::Key": "key",
    "AWS::SNS::Topic": "topic",
    "AWS::Logs::LogGroup": "log group",
    "AWS::SecretsManager::Secret": "secret",
    "AWS::ECR::Repository": "repository",
    "AWS::IAM::Role": "role",
    "AWS::IAM::User": "user",
    "AWS::IAM::Group": "group",
    "AWS::Lambda::Function": "function",
    "AWS::EKS::Cluster": "cluster",
    "AWS::ECS::Cluster": "cluster",
    "AWS::ECS::TaskDefinition": "task definition",
    "AWS::EC2::VPCEndpoint": "endpoint",
    "AWS::StepFunctions::StateMachine": "state machine",
}
_ARN_WORDS: Final = {
    "secretsmanager:secret": "secret",
    "ecr:repository": "repository",
    "eks:cluster": "cluster",
    "ecs:cluster": "cluster",
    "kms:key": "key",
    "kms:alias": "key",
    "dynamodb:table": "table",
    "logs:log-group": "log group",
    "ssm:parameter": "parameter",
    "lambda:function": "function",
    "iam:role": "role",
    "iam:user": "user",
    "iam:policy": "policy",
    "sqs:": "queue",
    "sns:": "topic",
    "s3:": "bucket",
}
_PARTS: Final = {
    ("table", "/index/*"): "the indexes of {}",
    ("table", "/stream/*"): "the streams of {}",
    ("bucket", "/*"): "{}",
    ("function", ":*"): "{}",
    ("log group", ":*"): "{}",
}
_PSEUDO: Final = re.compile(r"<AWS::(\w+)>")
_LEADING: Final = re.compile(r"(<[^<>]+/[^<>]+>)(.+)", re.DOTALL)
# An output of a stack that is not on either side, and what CDK calls it.
_FOREIGN: Final = re.compile(r"<Fn::(?:ImportValue|GetStackOutput) \('([^']*)', '([^']*)'\)")
_OUTPUT: Final = re.compile(r"(?:Publish|Exports)Output(?:Ref|FnGetAtt)([A-Za-z]+?)[0-9A-F]{8}\w*")
_ROLES: Final = {"AWS::ECS::TaskDefinition", "AWS::EKS::PodIdentityAssociation"}


@dataclass(frozen=True)
class Who:
    """Somebody with rights.

    Attributes:
        name: for a sentence, e.g. `tracking on ECS`.
        service: the service, if it is one's.
        platform: ECS or EKS if it is the service itself; empty for its helpers.
    """

    name: str
    service: str = ""
    platform: str = ""


class Labels:
    """Names of what is on either side."""

    def __init__(self, sides: list[tuple[Mapping[str, Stack], Values]]) -> None:
        """`sides` are the stacks of each side with their values; what the last says counts."""
        self._types: dict[Place, str] = {}
        self._own: set[str] = {"<AWS::AccountId>"}
        self._uses: dict[str, Who] = {}
        for stacks, values in sides:
            self._types |= _types(stacks)
            self._own |= {stack.place.removeprefix("aws://").partition("/")[0] for stack in stacks.values()}
            self._uses |= dict(self._used(stacks, values))
        self._count = Counter((place[0], kind) for place, kind in self._types.items())

    def is_own(self, account: str) -> bool:
        """Whether it is the account that the stacks are deployed to; unknown accounts are not."""
        return account in self._own

    def holder(self, key: str) -> Who:
        """Whoever has a role, user, group or policy."""
        place = place_of(key)
        if key in self._uses:
            return self._uses[key]
        if place is None:
            return Who(f"the role {key}")
        service, _ = belongs(place[0])
        if self._types.get(place, "") in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}:
            return Who(f"whoever has the policy {readable(place[1])}", service)
        return Who(self.thing(key), service)

    def thing(self, pattern: str) -> str:
        """A resource, by its ARN or a reference to it: `the table tracking`."""
        if pattern == EVERYTHING:
            return "every resource"
        pattern = cut(pattern)
        place = place_of(pattern)
        if place is not None:
            return self._resource(place)
        foreign = _FOREIGN.match(pattern)
        if foreign:
            name = _OUTPUT.sub(r"\1", foreign[2].rpartition(":")[2])
            return f"{name} of {foreign[1] or foreign[2].rpartition(':')[0] or 'another stack'}"
        leading = _LEADING.fullmatch(pattern)
        if leading and (place := place_of(leading[1])):
            return self._part(self._word(place), leading[2], self._resource(place))
        return self._arn(readable(pattern))

    def things(self, some: Some) -> str:
        """Several resources."""
        text = listed(dict.fromkeys(self.thing(pattern) for pattern in sorted(some.patterns)), most=4)
        return f"everything but {text}" if some.but else text

    def principal(self, some: Some) -> str:
        """Those whom a policy names."""
        text = listed(dict.fromkeys(self._principal(pattern) for pattern in sorted(some.patterns)), most=4)
        return f"anybody but {text}" if some.but else text

    def place(self, stack: str) -> str:
        """Where something is: `tracking on ECS`, or the stack's id."""
        service, platform = belongs(stack)
        return f"{service} on {platform}" if service else stack

    def _principal(self, text: str) -> str:
        if text == EVERYTHING:
            return "anybody"
        kind, _, name = cut(text).partition(":")
        if kind == "account":
            return "whoever this account's own policies allow" if self.is_own(name) else f"the account {name}"
        if place_of(name):
            return self.holder(shown(place_of(name) or ("", ""))).name
        if kind == "Federated":
            return f"whoever signs in through {self.thing(name)}"
        if kind == "Service":
            return name.replace(".<AWS::Region>", "")
        return self.thing(name)

    def _resource(self, place: Place) -> str:
        use = self._uses.get(shown(place))
        if use:
            return f"the role of {use.name}" if use.platform else use.name
        stack, name = place
        kind = self._types.get(place, "")
        word, short = self._word(place), readable(name)
        rest = short.replace(word.title().replace(" ", ""), "", 1)
        service, _ = belongs(stack)
        if not rest or (service and self._count[stack, kind] == 1):
            return f"the {word} of {self.place(stack)}"
        if rest.startswith("DeadLetters") and rest != "DeadLetters":
            return f"the dead-letter {word} {rest.removeprefix('DeadLetters')}"
        return f"the {word} {rest}" if rest[0].islower() else f"the {word} {rest} of {self.place(stack)}"

    def _word(self, place: Place) -> str:
        kind = self._types.get(place, "")
        return _WORDS.get(kind) or short_type(kind) or "resource"

    def _arn(self, pattern: str) -> str:
        parts = _PSEUDO.sub(r"<\1>", pattern).split(":", 5)
        if parts[0] != "arn" or len(parts) < 6:
            return pattern
        kind, name = ("", parts[5]) if f"{parts[2]}:" in _ARN_WORDS else _cut(parts[5])
        word = _ARN_WORDS.get(f"{parts[2]}:{kind}", f"{parts[2]} {kind}".strip())
        foreign = f" of the account {parts[4]}" if parts[4].isdigit() and not self.is_own(parts[4]) else ""
        if name == EVERYTHING:
            return f"every {word}{foreign or ' of this account'}"
        name = name.removesuffix("-??????").removesuffix("-*") if word == "secret" else name
        if name.endswith("/*") and word != "bucket":
            return f"every {word} under {name.removesuffix('/*')}{foreign}"
        return f"the {word} {name}{foreign}"

    @staticmethod
    def _part(word: str, rest: str, whole: str) -> str:
        """A part of a resource, by what follows its ARN."""
        if (word, rest) in _PARTS:
            return _PARTS[word, rest].format(whole)
        rest = _PSEUDO.sub(r"<\1>", rest)
        if word == "bucket" and rest.startswith("/"):
            return f"{rest[1:].removesuffix('*')} in {whole}"
        return f"{whole} ({rest})"

    def _used(self, stacks: Mapping[str, Stack], values: Values) -> Iterator[tuple[str, Who]]:
        """Roles by what they are used for."""
        for (stack, _), kind, properties in resources(stacks, values, _ROLES):
            service, platform = belongs(stack)
            if not service:
                continue
            task = kind == "AWS::ECS::TaskDefinition"
            # A task definition that runs before each deployment has the same roles.
            for role in _roles(properties, "TaskRoleArn" if task else "RoleArn"):
                yield role, Who(f"{service} on {platform}", service, platform)
            for role in _roles(properties, "ExecutionRoleArn"):
                yield role, Who(f"the execution role of {service} on {platform}", service)


def belongs(stack: str) -> tuple[str, str]:
    """The service whose stack it is, and the platform; empty if it is shared."""
    for platform in Platform:
        if service := service_of(stack, platform):
            return service, platform.value.upper()
    return "", ""


def _roles(properties: Mapping[str, Any], name: str) -> Iterator[str]:
    for text in texts(properties.get(name)):
        if place := place_of(text):
            yield shown(place)


def _cut(text: str) -> tuple[str, str]:
    """`table/x` or `secret:x` as type and name."""
    match = re.match(r"([a-z0-9-]+)[/:](.*)", text, re.DOTALL)
    return (match[1], match[2]) if match else ("", text)


def _types(stacks: Mapping[str, Stack]) -> dict[Place, str]:
    return {
        (identifier, name): resource["Type"]
        for identifier, stack in stacks.items()
        for name, resource in stack.resources.items()
    }
