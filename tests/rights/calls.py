"""The calls of needed.yaml, filled in for a role of an assembly."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from config.fields.buckets import Bucket
from config.fields.queue import Queue
from config.fields.tables import Table
from config.service import ServiceSpec
from tests.rights.evaluator import Request
from tests.rights.ground import Ground
from tests.stacks.templates import Resource

NEEDED = Path(__file__).parent / "needed.yaml"


@cache
def needed() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(NEEDED.read_text(encoding="utf-8"))
    return content


@cache
def managed_documents() -> dict[str, dict[str, Any]]:
    """The AWS managed policies that we attach, from moto's copy of all."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    copies = json.loads(aws_managed_policies_data)
    return {name: copies[name] for name in needed()["managed"]}


def entry_of(role: Resource) -> tuple[str, dict[str, Any]]:
    """The only entry that describes a role."""
    found = [(name, entry) for name, entry in needed()["roles"].items() if re.fullmatch(entry["match"], role.path)]
    assert len(found) == 1, f"{role.path}: {len(found)} entries in needed.yaml; write down what its holder calls"
    return found[0]


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A role on its ground, with the calls of whoever holds it."""

    ground: Ground
    role: Resource

    @property
    def entry(self) -> dict[str, Any]:
        return entry_of(self.role)[1]

    @property
    def arn(self) -> str:
        return self.ground.arn(self.role)

    @cached_property
    def own(self) -> list[dict[str, Any]]:
        """The policies that this project writes."""
        return self.ground.policies(self.role)

    @cached_property
    def managed(self) -> list[dict[str, Any]]:
        """The AWS managed policies, as the partition has them."""
        names = [arn.rsplit("/", 1)[1] for arn in self.role.get("ManagedPolicyArns", [])]
        text = json.dumps([managed_documents()[name]["Document"] for name in names])
        documents: list[dict[str, Any]] = json.loads(text.replace("arn:aws:", f"arn:{self.ground.partition}:"))
        return documents

    def request(self, action: str, resource: str, context: dict[str, Any]) -> Request:
        """A call of the holder."""
        session = {"aws:PrincipalTag/eks:eks-cluster-name": self.ground.assembly.settings.prefix}
        return Request(
            principal=self.arn,
            action=action,
            resource=resource,
            account=self.ground.account,
            context={"aws:SecureTransport": "true", **session, **context},
            policies=self.own + self.managed,
            resource_policy=self._key_policy(resource) if action.startswith("kms:") else None,
        )

    def _key_policy(self, arn: str) -> dict[str, Any]:
        """Of a key of ours; other keys leave their use to IAM, as those that the console makes do."""
        ground = self.ground
        for key in ground.assembly.resources("AWS::KMS::Key"):
            if ground.arn(key) == arn:
                policy: dict[str, Any] = ground.concrete(key["KeyPolicy"])
                return policy
        root = {"AWS": f"arn:{ground.partition}:iam::{ground.account}:root"}
        statement = {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": root}
        return {"Version": "2012-10-17", "Statement": [statement]}

    def needed(self) -> list[Request]:
        """What must be allowed."""
        return [self.request(action, resource, context) for action, resource, context, _, _ in self._calls()]

    def refused(self) -> list[Request]:
        """The same calls elsewhere, or without what limits them."""
        requests = []
        for action, _, context, call, each in self._calls():
            requests += [self.request(action, self._text(r, each), context) for r in call.get("not_on", [])]
        for action, resource, context, call, each in self._calls():
            for key in call.get("without", []):
                requests.append(self.request(action, resource, {k: v for k, v in context.items() if k != key}))
                requests.append(self.request(action, resource, {**context, key: "something-else"}))
            for key, value in call.get("not_with", {}).items():
                requests.append(self.request(action, resource, {**context, key: self._text(value, each)}))
        # AWS's own policies may allow more than ours; what they must not is in `dangerous`.
        return [replace(request, policies=self.own) for request in requests]

    def dangerous(self) -> list[Request]:
        """What no holder may do."""
        return [
            self.request(call["action"], self._text(call["resource"], ""), call.get("context", {}))
            for call in needed()["dangerous"]
        ]

    def _calls(self) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any], str]]:
        yield from self._of_manifest()
        for call in (call for call in self.entry["calls"] if call.get("each") != "rights"):
            for each in self._items(call.get("each")):
                context = {key: self._text(value, each) for key, value in call.get("context", {}).items()}
                for action in call["actions"]:
                    target = call["resource"]
                    pattern = target[action] if isinstance(target, dict) else target
                    resource = self._text(pattern, each)
                    if "suffix" in call:
                        resource = f"{resource.removesuffix('*')}{self._text(call['suffix'], each)}"
                    yield action, resource, context, call, each

    def _of_manifest(self) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any], str]]:
        """What the manifest's rights allow, each on one resource that a wildcard stands for."""
        if not any(call.get("each") == "rights" for call in self.entry["calls"]) or not self._spec:
            return
        for right in self._spec.rights:
            context = {key: values[0] for keys in right.conditions.values() for key, values in keys.items()}
            for action, resource in itertools.product(right.actions, right.resources):
                call = {
                    "without": list(context),
                    "not_on": [] if resource == "*" else [_other(resource)],
                }
                named = "*" if resource == "*" else resource.replace("*", "drawing")
                yield action, self._text(named, ""), context, call, ""

    @property
    def _spec(self) -> ServiceSpec | None:
        return next((s for s in self.ground.assembly.catalog.services if s.name == self._service), None)

    def _items(self, kind: str | None) -> list[str]:
        if kind is None:
            return [""]
        spec = self._spec
        sources = list(spec.secrets.values()) if spec else []
        keys = [self.ground.arn(r) for r in self.ground.assembly.resources("AWS::KMS::Key", stack="Foundation")]
        tables = self._tables()
        bucket = spec.bucket if spec else None
        queues = {name: self.ground.assembly.catalog.service(name).queue for name in (spec.queues if spec else ())}
        own = {name: queue for name, queue in queues.items() if name == self._service}
        receivers = {name: queue for name, queue in queues.items() if name != self._service}
        return {
            "queues": [self._queue(name, queue) for name, queue in own.items()],
            "queue_keys": self._keys_of(own.values(), keys),
            "receivers": [self._queue(name, queue) for name, queue in receivers.items()],
            "receiver_keys": self._keys_of(receivers.values(), keys),
            "secrets": sorted({s.secrets_manager for s in sources if s.secrets_manager}),
            "parameters": sorted({s.ssm for s in sources if s.ssm}),
            "tables": list(tables),
            "indexes": [f"{arn}/index/{name}" for arn, declared in tables.items() for name in declared.indexes],
            "buckets": [self._bucket(bucket)] if bucket else [],
            "keys": keys,
            "table_keys": self._keys_of(tables.values(), keys),
            "bucket_keys": self._keys_of([bucket] if bucket else [], keys),
            "web_acls": [acl] if (acl := self.ground.assembly.settings.web_acl_arn) else [],
            "sessions": [""] if self.ground.assembly.settings.exec else [],
            "session_keys": keys if self.ground.assembly.settings.exec else [],
        }[kind]

    def _tables(self) -> dict[str, Table]:
        """The service's tables by ARN."""
        spec, ground = self._spec, self.ground
        if not spec:
            return {}
        name = self._service.replace("-", "")
        ids = {spec.table_variable: f"Table{name}"}
        ids |= {spec.variable_of_table(table): f"Tables{name}{table.replace('-', '')}" for table in spec.tables}
        found = {}
        for variable, declared in spec.all_tables.items():
            existing = f"arn:{ground.partition}:dynamodb:{ground.region}:{ground.account}:table/{declared.existing}"
            found[existing if declared.existing else ground.named("State", ids[variable])] = declared
        return found

    def _bucket(self, bucket: Bucket) -> str:
        name = f"Bucket{self._service.replace('-', '')}"
        existing = f"arn:{self.ground.partition}:s3:::{bucket.existing}"
        return existing if bucket.existing else self.ground.named("State", name)

    def _queue(self, worker: str, queue: Queue) -> str:
        ground = self.ground
        existing = f"arn:{ground.partition}:sqs:{ground.region}:{ground.account}:{queue.existing}"
        return existing if queue.existing else ground.named("State", f"Queue{worker.replace('-', '')}")

    @staticmethod
    def _keys_of(kept: Iterable[Table | Bucket | Queue], own: list[str]) -> list[str]:
        """The environment's key, and those that others have for what exists."""
        keys = [one.kms_key for one in kept if one.existing and one.kms_key]
        return keys + (own if any(not one.existing for one in kept) else [])

    def _key_of_secret(self, name: str) -> str:
        """The key that a manifest names, or any of the account."""
        spec = self._spec
        named = {s.name: s.kms_key for s in spec.secrets.values()} if spec else {}
        return (
            named.get(name) or f"arn:{self.ground.partition}:kms:{self.ground.region}:{self.ground.account}:key/of-it"
        )

    @property
    def _service(self) -> str:
        return self.role.stack.partition("-")[2]

    def _text(self, pattern: str, each: str) -> str:
        def named(match: re.Match[str]) -> str:
            stack, _, name = match[1].rpartition("/")
            return self.ground.named(stack or self.role.stack, name)

        ground = self.ground
        values = {"partition": ground.partition, "region": ground.region, "account": ground.account}
        values["key"] = self._key_of_secret(each)
        values |= {"prefix": ground.assembly.settings.prefix, "service": self._service, "each": each}
        text = re.sub(r"\{@([\w/-]+)\}", named, pattern)
        return re.sub(r"\{(\w+)\}", lambda match: values[match[1]], text)


def _other(resource: str) -> str:
    """An ARN of the same type that one of a manifest does not stand for, whatever its wildcards do."""
    fixed, wildcard, rest = resource.partition("*")
    if not wildcard:
        return f"{resource}-other"
    named = rest.replace("*", "drawing")
    if fixed.endswith("/"):
        return f"{fixed[:-1]}-other/drawing{named}"
    cut = max(fixed.rfind("/"), fixed.rfind(":")) + 1
    return f"{fixed[:cut]}other-{fixed[cut:]}drawing{named}"
