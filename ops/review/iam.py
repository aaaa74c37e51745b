"""Every policy of one side: who holds it or what it protects, its statements, and where they are written."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from ops.assembly import Stack
from ops.changes.sides import properties as followed
from ops.references import Pointer, Text, Values
from ops.review.iam_statements import EVERYTHING, Statement, statements, texts

_PATHS: Final = {
    "AWS::KMS::Key": ("KeyPolicy", ""),
    "AWS::KMS::ReplicaKey": ("KeyPolicy", ""),
    "AWS::S3::BucketPolicy": ("PolicyDocument", "Bucket"),
    "AWS::S3::AccessPoint": ("Policy", ""),
    "AWS::SQS::QueuePolicy": ("PolicyDocument", "Queues"),
    "AWS::SQS::QueueInlinePolicy": ("PolicyDocument", "Queue"),
    "AWS::SNS::TopicPolicy": ("PolicyDocument", "Topics"),
    "AWS::SNS::TopicInlinePolicy": ("PolicyDocument", "TopicArn"),
    "AWS::ECR::Repository": ("RepositoryPolicyText", ""),
    "AWS::ECR::RegistryPolicy": ("PolicyText", ""),
    "AWS::DynamoDB::Table": ("ResourcePolicy/PolicyDocument", ""),
    "AWS::Logs::ResourcePolicy": ("PolicyDocument", ""),
    "AWS::SecretsManager::ResourcePolicy": ("ResourcePolicy", "SecretId"),
    "AWS::EC2::VPCEndpoint": ("PolicyDocument", ""),
    "AWS::EFS::FileSystem": ("FileSystemPolicy", ""),
    "AWS::Backup::BackupVault": ("AccessPolicy", ""),
    "AWS::OpenSearchService::Domain": ("AccessPolicies", ""),
    "AWS::Kinesis::ResourcePolicy": ("ResourcePolicy", "ResourceArn"),
    "AWS::ApiGateway::RestApi": ("Policy", ""),
}
"""Resource policies: where the document is, and what names the resource that it protects; empty if it is the resource itself."""
_STREAM: Final = "StreamSpecification/ResourcePolicy/PolicyDocument"
_IDENTITIES: Final = {"AWS::IAM::Role": "RoleName", "AWS::IAM::User": "UserName", "AWS::IAM::Group": "GroupName"}
_ATTACHED: Final = ("Roles", "Users", "Groups", "RoleName", "UserName", "GroupName")
_POLICIES: Final = {
    "AWS::IAM::Policy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::UserPolicy",
    "AWS::IAM::GroupPolicy",
}
_POINTER: Final = re.compile(r"<([^<>/]+)/([^<>/.]+)(?:\.[^<>]*)?>")
_IDENTITY_ARN: Final = re.compile(r"arn:.*:(?:role|user|group)/(?:.*/)?([^/]+)")
ENDPOINT: Final = "AWS::EC2::VPCEndpoint"
# What an endpoint without a policy lets through.
# https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
_DEFAULT_OF_ENDPOINT: Final = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}
Place = tuple[str, str]


class Role(StrEnum):
    """What a policy is to its holder."""

    IDENTITY = "identity"
    RESOURCE = "resource"
    TRUST = "trust"
    ENDPOINT = "endpoint"


@dataclass(frozen=True, order=True)
class Holder:
    """Whose policy it is: `key` is the resource as `<stack/logical id>`, or a name."""

    role: Role
    key: str


@dataclass
class Policies:
    """The policies of one side.

    Attributes:
        statements: by holder, each with the resource where it is written.
        managed: AWS's own and foreign managed policies, by the role that has them.
        boundaries: permissions boundaries by role.
        places: where a holder is defined, as (stack, logical id).
        types: the type of each resource that was read.
        present: every resource that exists.
    """

    statements: dict[Holder, dict[Statement, Place]] = field(default_factory=lambda: defaultdict(dict))
    managed: dict[Holder, dict[str, Place]] = field(default_factory=lambda: defaultdict(dict))
    boundaries: dict[Holder, str] = field(default_factory=dict)
    places: dict[Holder, Place] = field(default_factory=dict)
    types: dict[Place, str] = field(default_factory=dict)
    present: set[Place] = field(default_factory=set)


def policies(stacks: Mapping[str, Stack], values: Values) -> Policies:
    """Every policy in the stacks; what cannot be read is left out."""
    return _Reader(stacks, values).read()


def resources(
    stacks: Mapping[str, Stack], values: Values, kinds: set[str]
) -> Iterator[tuple[Place, str, Mapping[str, Any]]]:
    """Every resource of these types with its properties, references followed."""
    for identifier, stack in stacks.items():
        for name, resource in stack.resources.items():
            found = followed(stack, name, values) if resource["Type"] in kinds else None
            if isinstance(found, Mapping):
                yield (identifier, name), resource["Type"], found


def shown(place: Place) -> str:
    """A resource as its references are spelt."""
    return str(Pointer(*place))


def place_of(text: str) -> Place | None:
    """The resource that a text refers to, if it is nothing but a reference."""
    match = _POINTER.fullmatch(text)
    return (match[1], match[2]) if match else None


class _Reader:
    def __init__(self, stacks: Mapping[str, Stack], values: Values) -> None:
        kinds = {*_PATHS, *_IDENTITIES, *_POLICIES, "AWS::Lambda::Permission", "AWS::DynamoDB::GlobalTable"}
        self._resources = list(resources(stacks, values, kinds))
        self._found = Policies(present=set(_present(stacks)))
        self._names: dict[str, str] = {}
        for place, kind, properties in self._resources:
            name = properties.get(_IDENTITIES.get(kind, ""))
            if isinstance(name, str | Text):
                self._names[str(name)] = shown(place)

    def read(self) -> Policies:
        for place, kind, properties in self._resources:
            self._found.types[place] = kind
            if kind in _IDENTITIES:
                self._identity(place, properties)
            elif kind in _POLICIES:
                self._policy(place, properties)
            elif kind == "AWS::Lambda::Permission":
                self._permission(place, properties)
            else:
                self._protected(place, kind, properties)
        self._attach()
        return self._found

    def _identity(self, place: Place, properties: Mapping[str, Any]) -> None:
        key = shown(place)
        holder, trust = Holder(Role.IDENTITY, key), Holder(Role.TRUST, key)
        self._found.places |= {holder: place, trust: place}
        for inline in dicts(properties.get("Policies")):
            self._add(holder, place, inline.get("PolicyDocument"), EVERYTHING)
        self._add(trust, place, properties.get("AssumeRolePolicyDocument"), f"{key[:-1]}.Arn>")
        for policy in texts(properties.get("ManagedPolicyArns")):
            self._found.managed[holder][policy] = place
        for boundary in texts(properties.get("PermissionsBoundary")):
            self._found.boundaries[holder] = boundary

    def _policy(self, place: Place, properties: Mapping[str, Any]) -> None:
        holders = [self._holder(value) for name in _ATTACHED for value in texts(properties.get(name))]
        own = Holder(Role.IDENTITY, shown(place))
        self._found.places[own] = place
        for holder in {*holders} or {own}:
            self._add(holder, place, properties.get("PolicyDocument"), EVERYTHING)

    def _holder(self, text: str) -> Holder:
        arn = _IDENTITY_ARN.fullmatch(text)
        found = place_of(text)
        name = arn[1] if arn else text
        return Holder(Role.IDENTITY, shown(found) if found else self._names.get(name, name))

    def _permission(self, place: Place, properties: Mapping[str, Any]) -> None:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-permission.html"""
        function = "".join(texts(properties.get("FunctionName"))[:1])
        principal = "".join(texts(properties.get("Principal"))[:1])
        condition: dict[str, dict[str, Any]] = {}
        for name, operator, key in (
            ("SourceArn", "ArnLike", "aws:SourceArn"),
            ("SourceAccount", "StringEquals", "aws:SourceAccount"),
            ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
            ("FunctionUrlAuthType", "StringEquals", "lambda:FunctionUrlAuthType"),
        ):
            if name in properties:
                condition.setdefault(operator, {})[key] = properties[name]
        statement = {
            "Effect": "Allow",
            "Action": properties.get("Action"),
            "Principal": {"Service" if principal.endswith(("amazonaws.com", "amazonaws.com.cn")) else "AWS": principal},
            "Resource": function,
            "Condition": condition,
        }
        self._add(self._resource(function), place, {"Statement": statement}, function)

    def _protected(self, place: Place, kind: str, properties: Mapping[str, Any]) -> None:
        if kind == ENDPOINT:
            holder = Holder(Role.ENDPOINT, shown(place))
            self._found.places[holder] = place
            self._add(holder, place, properties.get("PolicyDocument") or _DEFAULT_OF_ENDPOINT, EVERYTHING)
            return
        own = shown(place)
        if kind == "AWS::DynamoDB::GlobalTable":
            for replica in dicts(properties.get("Replicas")):
                self._add(self._resource(own), place, _at(replica, "ResourcePolicy/PolicyDocument"), own)
            return
        document, names = _PATHS[kind]
        for protected in texts(properties.get(names)) if names else [own]:
            self._add(self._resource(protected), place, _at(properties, document), protected)
        self._add(self._resource(own), place, _at(properties, _STREAM), f"{own}/stream")

    def _resource(self, text: str) -> Holder:
        found = place_of(text)
        holder = Holder(Role.RESOURCE, shown(found) if found else text)
        if found:
            self._found.places[holder] = found
        return holder

    def _add(self, holder: Holder, place: Place, document: Any, own: str) -> None:
        for statement in statements(document, own):
            self._found.statements[holder].setdefault(statement, place)

    def _attach(self) -> None:
        """Managed policies of these templates count for whoever has them, and on their own only if nobody does."""
        for holder, attached in list(self._found.managed.items()):
            for policy in list(attached):
                place = place_of(policy)
                if place is None or self._found.types.get(place) != "AWS::IAM::ManagedPolicy":
                    continue
                own = Holder(Role.IDENTITY, shown(place))
                written = self._written(place)
                self._found.statements.pop(own, None)
                self._found.statements[holder].update(written)
                del attached[policy]

    def _written(self, place: Place) -> dict[Statement, Place]:
        properties = next(found for where, _, found in self._resources if where == place)
        return dict.fromkeys(statements(properties.get("PolicyDocument")), place)


def _present(stacks: Mapping[str, Stack]) -> Iterator[Place]:
    for identifier, stack in stacks.items():
        yield from ((identifier, name) for name in stack.resources)


def dicts(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; none of anything else."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _at(value: Any, path: str) -> Any:
    for part in path.split("/"):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
