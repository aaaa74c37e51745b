"""What services may do to data, as their roles' statements say, and what is open to everybody by a policy of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.names import service_of
from config.settings import Platform
from ops.changes.sentences import readable
from ops.references import pointers
from ops.review.model import NodeKind
from ops.review.reach_graph import INTERNET, Graph, Resource, Resources, key_of, owner
from ops.review.reach_rules import Rule, listed, mapping, objects

READS: Final = "reads"
WRITES: Final = "writes"
SENDS: Final = "sends"
RECEIVES: Final = "receives"
_TABLE = (NodeKind.TABLE, "table")
_BUCKET = (NodeKind.BUCKET, "bucket")
_QUEUE = (NodeKind.QUEUE, "queue")
_SECRET = (NodeKind.SECRET, "secret")
# Types that hold data, and the words that their logical ids begin with in this project.
_TYPES: Final[Mapping[str, tuple[tuple[NodeKind, str], tuple[str, ...]]]] = {
    "AWS::DynamoDB::Table": (_TABLE, ("Table", "Tables")),
    "AWS::DynamoDB::GlobalTable": (_TABLE, ("Table", "Tables")),
    "AWS::S3::Bucket": (_BUCKET, ("Bucket",)),
    "AWS::SQS::Queue": (_QUEUE, ("Queue",)),
    "AWS::SecretsManager::Secret": (_SECRET, ("Secret",)),
}
# The part of an ARN that names what it is of, by the service of AWS.
_ARNS: Final = {
    "dynamodb": (_TABLE, re.compile(r":table/([^/]+)")),
    "s3": (_BUCKET, re.compile(r":::([^/]+)")),
    "sqs": (_QUEUE, re.compile(r":([^:]+)$")),
    "secretsmanager": (_SECRET, re.compile(r":secret:(.+?)(?:-\?{6})?$")),
    "ssm": (_SECRET, re.compile(r":parameter/?(.+)$")),
}
# What an action does, by how its name begins.
_VERBS: Final = {
    "dynamodb": (
        (READS, ("Get", "BatchGet", "Query", "Scan", "ConditionCheck", "PartiQLSelect")),
        (WRITES, ("Put", "BatchWrite", "Update", "Delete", "PartiQLInsert", "PartiQLUpdate", "PartiQLDelete", "Restore")),
    ),
    "s3": ((READS, ("Get", "List", "Head", "Select")), (WRITES, ("Put", "Delete", "Restore", "Abort", "Replicate"))),
    "sqs": ((SENDS, ("SendMessage",)), (RECEIVES, ("ReceiveMessage", "DeleteMessage", "PurgeQueue"))),
    "secretsmanager": ((READS, ("GetSecretValue", "BatchGetSecretValue")), (WRITES, ("Put", "Update", "Delete"))),
    "ssm": ((READS, ("GetParameter",)), (WRITES, ("PutParameter", "DeleteParameter"))),
}  # fmt: skip
_POLICIES: Final = {
    "AWS::S3::BucketPolicy": ("Bucket", "PolicyDocument"),
    "AWS::SQS::QueuePolicy": ("Queues", "PolicyDocument"),
    "AWS::SecretsManager::ResourcePolicy": ("SecretId", "ResourcePolicy"),
}
# Conditions with one fixed value that keep the public out:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
_NARROWING: Final = frozenset(
    f"aws:{key}".lower()
    for key in (
        *("SourceArn", "SourceVpc", "SourceVpce", "SourceVpcArn", "SourceAccount", "SourceOwner", "SourceOrgID"),
        *(
            "PrincipalAccount",
            "PrincipalArn",
            "PrincipalOrgID",
            "PrincipalOrgPaths",
            "SourceIp",
            "userid",
            "VpcSourceIp",
        ),
    )
) | {
    "kms:calleraccount",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
}
_PSEUDO: Final = re.compile(r"<AWS::(\w+)>")
_EVERYBODY: Final = ("*", "0.0.0.0/0", "::/0")
_PUBLIC_ACLS: Final = {"PublicRead": (READS,), "PublicReadWrite": (READS, WRITES)}


@dataclass(frozen=True)
class _Held:
    node: str
    resource: Resource


class Data:
    """What holds data, and who gets at it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._services = _services(graph.resources)
        self._names = set(self._services.values())
        self._held: dict[str, _Held] = {}
        for kind, (what, words) in _TYPES.items():
            for resource in graph.resources.of_type(kind):
                self._held[resource.key] = _Held(self._of(resource, what, words), resource)

    def connect(self) -> None:
        """Adds the edges from services to data."""
        statements = _statements(self._graph.resources)
        for source, role, only in _roles(self._graph):
            for statement, place in statements.get(role, ()):
                for verb, node in self._granted(statement, only):
                    self._graph.edge(source, node, verb, [Rule((), None, place, statement)])

    def public(self) -> None:
        """Adds the edges from the internet to data that a policy or an access list opens to everybody."""
        for kind, (field, document) in _POLICIES.items():
            for policy in self._graph.resources.of_type(kind):
                held = [self._held.get(key_of(one)) for one in listed(policy.properties.get(field))]
                for statement in objects(mapping(policy.properties.get(document)).get("Statement")):
                    if is_public(statement):
                        for verb, _ in self._granted(statement, ()):
                            self._open(filter(None, held), verb, policy, statement)
        for held_one in self._held.values():
            acl = str(held_one.resource.properties.get("AccessControl"))
            for verb in _PUBLIC_ACLS.get(acl, ()):
                if not _blocks(held_one.resource, "IgnorePublicAcls"):
                    rule = Rule((), None, held_one.resource.place, {"AccessControl": acl})
                    self._graph.edge(INTERNET, held_one.node, verb, [rule])

    def _open(self, held: Iterable[_Held], verb: str, policy: Resource, statement: Mapping[str, Any]) -> None:
        for one in held:
            if not _blocks(one.resource, "RestrictPublicBuckets") and not _blocks(one.resource, "BlockPublicPolicy"):
                self._graph.edge(INTERNET, one.node, verb, [Rule((), None, policy.place, statement)])

    def _granted(self, statement: Mapping[str, Any], only: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Each verb and what it is done to; `only` are the services of AWS that count, all if there are none."""
        if statement.get("Effect") != "Allow":
            return
        actions = ["*"] if "NotAction" in statement else listed(statement.get("Action"))
        verbs = {(service, verb) for action in actions for service, verb in _verbs(action)}
        if not verbs:
            return
        resources = ["*"] if "NotResource" in statement else listed(statement.get("Resource"))
        for resource in resources:
            for service, node in self._named(resource, sorted({service for service, _ in verbs})):
                if not only or service in only:
                    yield from ((verb, node) for of, verb in sorted(verbs) if of == service)

    def _named(self, resource: Any, services: list[str]) -> Iterator[tuple[str, str]]:
        """The service of AWS and the node of what a statement names."""
        for pointer in pointers(resource):
            held = self._held.get(f"{pointer.stack}/{pointer.name}")
            if held:
                kind = self._graph.nodes[held.node].kind
                yield from ((one, held.node) for one in services if _ARNS[one][0][0] is kind)
                return
        text = _PSEUDO.sub(r"\1", str(resource))
        parts = text.split(":")
        for service in services:
            (kind, word), pattern = _ARNS[service]
            if text == "*":
                yield service, self._graph.node(f"{word}/*", kind, f"every {word}")
            elif len(parts) > 2 and parts[2] == service and (found := pattern.search(text)):
                name = readable(found.group(1).strip("<>"))
                label = f"every {word}" if name == "*" else name
                yield service, self._graph.node(f"{word}/{name}", kind, label)

    def _of(self, resource: Resource, what: tuple[NodeKind, str], words: tuple[str, ...]) -> str:
        """The node of a resource of ours: table/tracking, table/depot/events, bucket/Ecs/AccessLogs."""
        kind, word = what
        name = readable(resource.name)
        if name.startswith("DeadLetters"):
            name, words = name.removeprefix("DeadLetters") + "-dead-letters", ()
        rests = [name.removeprefix(begin) for begin in words if name.startswith(begin) and name != begin]
        if words and not rests:
            rests = [f"{self._services.get(resource.stack, resource.stack)}/{name}"]
        spelled = [self._spelled(rest) for rest in rests or [name]]
        name = next(
            (one for one, rest in zip(spelled, rests, strict=False) if one != rest or rest in self._names), spelled[0]
        )
        return self._graph.node(
            f"{word}/{name}", kind, name.replace("/", " ").replace("-dead-letters", " dead letters")
        )

    def _spelled(self, name: str) -> str:
        """A logical id has no hyphens, and nothing between a service and its table: depotevents is depot's events."""
        for length in range(len(name), 0, -1):
            service = self._services.get(name[:length].lower())
            if service and (rest := name[length:]):
                return service + (rest if rest.startswith(("/", "-")) else f"/{rest}")
            if service:
                return service
        return name


def _services(resources: Resources) -> dict[str, str]:
    """Services by the letters of their names and by the ids of their stacks."""
    named = {stack: owned[1] for stack in resources.stacks if (owned := owner(stack))}
    return {**{name.replace("-", "").lower(): name for name in named.values()}, **named}


def _roles(graph: Graph) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The node of each service with its roles, and the services of AWS that count of each: a task's execution role is ECS's
    own, and only fetches secrets for the task.
    """
    for task in graph.resources.of_type("AWS::ECS::TaskDefinition"):
        if service_of(task.stack, Platform.ECS):
            node = graph.service(task.stack, Platform.ECS)
            yield node, key_of(task.properties.get("TaskRoleArn")), ()
            yield node, key_of(task.properties.get("ExecutionRoleArn")), ("secretsmanager", "ssm")
    for identity in graph.resources.of_type("AWS::EKS::PodIdentityAssociation"):
        account = str(identity.properties.get("ServiceAccount"))
        if service_of(identity.stack, Platform.EKS):
            yield graph.service(identity.stack, Platform.EKS, account), key_of(identity.properties.get("RoleArn")), ()


def _statements(resources: Resources) -> dict[str, list[tuple[Mapping[str, Any], tuple[str, str]]]]:
    """The statements of each role by its key, with the resource that has them."""
    found: dict[str, list[tuple[Mapping[str, Any], tuple[str, str]]]] = {}
    for policy in resources.of_type("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"):
        roles = [*listed(policy.properties.get("Roles")), *listed(policy.properties.get("RoleName"))]
        for statement in objects(mapping(policy.properties.get("PolicyDocument")).get("Statement")):
            for role in roles:
                found.setdefault(key_of(role), []).append((statement, policy.place))
    for role in resources.of_type("AWS::IAM::Role"):
        for inline in objects(role.properties.get("Policies")):
            for statement in objects(mapping(inline.get("PolicyDocument")).get("Statement")):
                found.setdefault(role.key, []).append((statement, role.place))
    return found


def _verbs(action: Any) -> Iterator[tuple[str, str]]:
    """What an action does, for each service of AWS that it is one of. `dynamodb:Get*` begins as GetItem does."""
    service, colon, name = str(action).partition(":")
    for one, verbs in _VERBS.items():
        if str(action) == "*" or (colon and service.lower() == one):
            for verb, starts in verbs:
                if str(action) == "*" or any(_begins(name, start.lower()) for start in starts):
                    yield one, verb


def _begins(name: str, start: str) -> bool:
    fixed = name.partition("*")[0].lower()
    return fixed.startswith(start) or ("*" in name and start.startswith(fixed))


def is_public(statement: Mapping[str, Any]) -> bool:
    """Whether a statement allows everybody, without a condition that keeps the public out."""
    principal = statement.get("Principal")
    named = listed(mapping(principal).get("AWS")) if isinstance(principal, dict) else listed(principal)
    if statement.get("Effect") != "Allow" or ("*" not in named and "NotPrincipal" not in statement):
        return False
    for operator, keys in mapping(statement.get("Condition")).items():
        plain = str(operator).rpartition(":")[2]
        if "Not" in plain or plain.endswith("IfExists") or plain == "Null":
            continue
        for key, values in mapping(keys).items():
            if str(key).lower() in _NARROWING and not any(value in _EVERYBODY for value in listed(values)):
                return False
    return True


def _blocks(resource: Resource, switch: str) -> bool:
    """Whether a bucket refuses the public, whatever a policy says."""
    return str(mapping(resource.properties.get("PublicAccessBlockConfiguration")).get(switch)).lower() == "true"
