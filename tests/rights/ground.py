"""Templates with names as a deployment would give them, so that an evaluator can compare ARNs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tests.stacks.templates import Assembly, Resource

# The ARN of a resource by type, after arn:partition:service:region:account.
_ARNS = {
    "AWS::DynamoDB::GlobalTable": "arn:{p}:dynamodb:{r}:{a}:table/{n}",
    "AWS::DynamoDB::Table": "arn:{p}:dynamodb:{r}:{a}:table/{n}",
    "AWS::ECS::Cluster": "arn:{p}:ecs:{r}:{a}:cluster/{n}",
    "AWS::ECS::TaskDefinition": "arn:{p}:ecs:{r}:{a}:task-definition/{n}:1",
    "AWS::Events::Rule": "arn:{p}:events:{r}:{a}:rule/{n}",
    "AWS::IAM::Role": "arn:{p}:iam::{a}:role/{n}",
    "AWS::KMS::Key": "arn:{p}:kms:{r}:{a}:key/{n}",
    "AWS::Lambda::Function": "arn:{p}:lambda:{r}:{a}:function:{n}",
    "AWS::Logs::LogGroup": "arn:{p}:logs:{r}:{a}:log-group:{n}:*",
    "AWS::S3::Bucket": "arn:{p}:s3:::{n}",
    "AWS::SNS::Topic": "arn:{p}:sns:{r}:{a}:{n}",
    "AWS::SQS::Queue": "arn:{p}:sqs:{r}:{a}:{n}",
}
_REF_IS_ARN = {"AWS::ECS::TaskDefinition", "AWS::SNS::Topic"}
_NAMES = ("ClusterName", "LogGroupName", "RoleName", "Name")
_REFERENCE = re.compile(r"<([\w-]+/\w+)(\.[\w.]+)?>")


@dataclass(frozen=True, kw_only=True)
class Ground:
    """An assembly as deployed to one place."""

    assembly: Assembly
    partition: str
    region: str
    account: str

    def concrete(self, value: Any) -> Any:
        """A value in the assembly's text form, with every reference replaced."""
        if isinstance(value, dict):
            return {key: self.concrete(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.concrete(item) for item in value]
        if not isinstance(value, str):
            return value
        text = value
        for name, pseudo in (("Partition", self.partition), ("Region", self.region), ("AccountId", self.account)):
            text = text.replace(f"<AWS::{name}>", pseudo)
        own_stack = f"arn:{self.partition}:cloudformation:{self.region}:{self.account}:stack/own/0"
        text = text.replace("<AWS::StackId>", own_stack)
        text = _REFERENCE.sub(lambda match: self._reference(match[1], match[2] or ""), text)
        assert "<" not in text, f"{value}: a reference that nothing here resolves"
        return text

    def arn(self, resource: Resource) -> str:
        """The resource's ARN."""
        name = next((resource.get(key) for key in _NAMES if resource.get(key)), f"{resource.stack}-{resource.id}")
        pattern = _ARNS[resource.type]
        return pattern.format(p=self.partition, r=self.region, a=self.account, n=self.concrete(name))

    def named(self, stack: str, name: str) -> str:
        """The ARN of the resource with a construct's name, its logical id without the hash."""
        candidates = [r for r in self.assembly.resources(stack=stack) if r.type in _ARNS]
        found = [r for r in candidates if re.fullmatch(f"{name}[0-9A-F]{{8}}", r.id)]
        assert len(found) == 1, f"{len(found)} resources {name} in {stack}"
        return self.arn(found[0])

    def _reference(self, path: str, attribute: str) -> str:
        resource = self.assembly.by_reference(path)
        if attribute == ".Arn" or (not attribute and resource.type in _REF_IS_ARN):
            return self.arn(resource)
        if attribute == ".DefaultSecurityGroup":
            return "sg-0123456789abcdef0"
        return (
            self.arn(resource).removesuffix(":*").split(":")[-1].split("/")[-1]
            if resource.type in _ARNS
            else f"{resource.stack}-{resource.id}"
        )

    # --- policies ---

    def policies(self, role: Resource) -> list[dict[str, Any]]:
        """The role's own policies: inline, and those of this project's templates."""
        documents = [p["PolicyDocument"] for p in role.get("Policies", [])]
        documents += [
            policy["PolicyDocument"]
            for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
            for policy in self.assembly.resources(kind)
            if role.ref in policy.get("Roles", [])
        ]
        return [self.concrete(document) for document in documents]
