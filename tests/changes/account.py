"""An account that deploys one stack after the other and refuses what CloudFormation refuses.

A second opinion about docs/changes.md: it knows less than ops/changes, shares no code with it, and finds out by doing.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint

from ops.assembly import Stack

Json = dict[str, Any]
_SCHEMAS = Path(str(cfnlint.__file__)).parent / "data" / "schemas"
# Named by the template, and unique in the account and region.
NAMES = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::ECR::Repository": "RepositoryName",
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::EKS::Cluster": "Name",
    "AWS::IAM::Role": "RoleName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SSM::Parameter": "Name",
    "AWS::ServiceDiscovery::HttpNamespace": "Name",
}
_OWN = re.compile(r'"(Ref|Fn::GetAtt)": \[?"(?!AWS::)')
_KEEPING = {"Retain", "RetainExceptOnCreate"}


class RefusedError(Exception):
    """What CloudFormation would say."""


class Account:
    """Stacks by name, and whatever exists in the account: each thing with the stack and logical id that owns it."""

    def __init__(self, stacks: Iterable[Stack]) -> None:
        self.stacks = {stack.name: stack for stack in stacks}
        self.things: dict[tuple[str, str], set[str]] = {}
        self.properties: dict[tuple[str, str], Json] = {}
        for stack in self.stacks.values():
            for name, body in stack.resources.items():
                self.things[stack.name, name] = set(self._claims(stack, body))
                self.properties[stack.name, name] = self._plain(body.get("Properties", {}))

    def destroy(self, names: Iterable[str]) -> None:
        for name in names:
            stack = self.stacks.pop(name)
            for logical, body in stack.resources.items():
                if body.get("DeletionPolicy") not in _KEEPING:
                    del self.things[name, logical]

    def deploy(self, stacks: Iterable[Stack]) -> None:
        """One after the other, in the order given. Raises RefusedError."""
        for stack in stacks:
            old = self.stacks.get(stack.name)
            if old is not None and json.dumps(old.template) == json.dumps(stack.template):
                continue  # the CLI skips it
            self._read_outputs(stack)
            self._keep_exports(old, stack)
            was = {} if old is None else {name: self.properties[old.name, name] for name in old.resources}
            self.stacks[stack.name] = stack
            self._create_and_update(stack, was, {} if old is None else old.resources)
            for name in was.keys() - stack.resources.keys():
                if old is not None and old.resources[name].get("DeletionPolicy") not in _KEEPING:
                    del self.things[stack.name, name]

    # --- one stack ---

    def _read_outputs(self, stack: Stack) -> None:
        for function, argument in _calls(stack.template):
            if function == "Fn::GetStackOutput" and argument["StackName"] != stack.name:
                source = self.stacks.get(argument["StackName"])
                if source is None or argument["OutputName"] not in source.outputs:
                    raise RefusedError(f"{stack.id}: no output {argument['OutputName']}")
            if function == "Fn::ImportValue" and argument not in self._exports():
                raise RefusedError(f"{stack.id}: no export {argument}")

    def _keep_exports(self, old: Stack | None, new: Stack) -> None:
        if old is None:
            return
        before, after = _exports(old), _exports(new)
        for name, value in before.items():
            readers = [
                other.id
                for other in self.stacks.values()
                if other.name != old.name and ("Fn::ImportValue", name) in list(_calls(other.template))
            ]
            if readers and name not in after:
                raise RefusedError(f"{new.id}: export {name} is in use by {readers}")
            if readers and (after[name] != value or self._is_replaced(old, new, value)):
                raise RefusedError(f"{new.id}: export {name} changes while it is in use by {readers}")

    def _is_replaced(self, old: Stack, new: Stack, value: Any) -> bool:
        """Whether an output's value is of a resource that is replaced for a property of its own."""
        name = value.get("Ref") or value.get("Fn::GetAtt", [""])[0] if isinstance(value, dict) else ""
        if name not in old.resources or name not in new.resources:
            return False
        after = self._plain(new.resources[name].get("Properties", {}))
        return _replaces(new.resources[name]["Type"], self.properties[old.name, name], after)

    def _create_and_update(self, stack: Stack, was: Json, old: Json) -> None:
        """New resources and those that are replaced exist beside the old ones."""
        for name, body in stack.resources.items():
            kind, properties = body["Type"], self._plain(body.get("Properties", {}))
            claims = set(self._claims(stack, body))
            if name in old and old[name]["Type"] != kind:
                raise RefusedError(f"{stack.id}/{name}: another type")
            held = self.things.get((stack.name, name), set())
            new = claims if name not in was or _replaces(kind, was[name], properties) else claims - held
            for owner, others in self.things.items():
                taken = {one for one in new if any(_same(one, other) for other in others)}
                if taken and (owner != (stack.name, name) or new is claims):
                    raise RefusedError(f"{stack.id}/{name}: {min(taken)} exists")
            self.things[stack.name, name] = claims
            self.properties[stack.name, name] = properties

    # --- what is unique ---

    def _claims(self, stack: Stack, body: Json) -> Iterator[str]:
        """What only one resource can have, as text."""
        kind, properties = body["Type"], self._plain(body.get("Properties", {}))
        if kind in NAMES and NAMES[kind] in properties:
            text = json.dumps(properties[NAMES[kind]])
            # A name with a reference to a resource of the stack is another one in each stack.
            yield f"{kind} {text}{stack.name if _OWN.search(text) else ''}"
        if kind == "AWS::ElasticLoadBalancingV2::ListenerRule":
            yield f"{kind} {json.dumps([properties['ListenerArn'], properties['Priority']])}"
        if kind == "AWS::EC2::Subnet":
            yield f"range {stack.name} {properties['CidrBlock']}"

    def _plain(self, node: Any) -> Any:
        """A value with references to other stacks followed, as text that names the resource."""
        if isinstance(node, list):
            return [self._plain(value) for value in node]
        if not isinstance(node, dict):
            return node
        if "Fn::GetStackOutput" in node:
            source = self.stacks.get(node["Fn::GetStackOutput"]["StackName"])
            output = source.outputs.get(node["Fn::GetStackOutput"]["OutputName"]) if source else None
            return [source.name, output["Value"]] if source and output else node
        if "Fn::ImportValue" in node:
            return self._exports().get(node["Fn::ImportValue"], node)
        return {key: self._plain(value) for key, value in node.items()}

    def _exports(self) -> dict[str, Any]:
        return {name: [stack.name, value] for stack in self.stacks.values() for name, value in _exports(stack).items()}


def _exports(stack: Stack) -> dict[str, Any]:
    return {o["Export"]["Name"]: o["Value"] for o in stack.outputs.values() if "Export" in o}


def _calls(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"Fn::GetStackOutput", "Fn::ImportValue"}:
                yield key, value
            yield from _calls(value)
    elif isinstance(node, list):
        for value in node:
            yield from _calls(value)


def _same(one: str, other: str) -> bool:
    if not (one.startswith("range ") and other.startswith("range ")):
        return one == other
    (_, stack, cidr), (_, other_stack, other_cidr) = one.split(), other.split()
    return stack == other_stack and ipaddress.ip_network(cidr).overlaps(ipaddress.ip_network(other_cidr))


def _replaces(kind: str, before: Json, after: Json) -> bool:
    return any(before.get(name) != after.get(name) for name in _create_only(kind))


@cache
def _create_only(kind: str) -> tuple[str, ...]:
    """Create-only properties at the top level, from the schema's file."""
    files = json.loads((_SCHEMAS / "providers" / "us-east-1.json").read_text("utf-8"))
    if kind not in files:
        return ()
    schema = json.loads((_SCHEMAS / "resources" / f"{files[kind]}.json").read_text("utf-8"))
    paths = [path.removeprefix("/properties/") for path in schema.get("createOnlyProperties") or ()]
    return tuple(path for path in paths if "/" not in path)
