"""Reads a cloud assembly the way a reviewer would: resources by type, references resolved to their targets.

Every intrinsic becomes text: `<Network/Vpc8378EB38>` is a reference to that resource of that stack, `<Ecs/Cluster.Arn>` its
attribute, `<AWS::Region>` a pseudo parameter. References across stacks look the same whether weak or strong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from config.catalog import Catalog
from config.service import Kind, ServiceSpec
from config.settings import Platform, Settings

KUBERNETES = "Custom::AWSCDK-EKS-KubernetesResource"
JOB = "Custom::BeforeDeployOnKubernetes"
_PLUMBING = ("PublishOutput", "ExportsOutput")


@dataclass(frozen=True)
class Resource:
    """One resource, its properties in text form."""

    stack: str
    id: str
    type: str
    properties: dict[str, Any]
    depends_on: tuple[str, ...]
    deletion_policy: str | None
    body: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.properties[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.properties.get(name, default)

    @property
    def path(self) -> str:
        return f"{self.stack}/{self.id}"

    @property
    def ref(self) -> str:
        """The text of a `Ref` to it."""
        return f"<{self.path}>"

    def att(self, name: str) -> str:
        """The text of an `Fn::GetAtt` of it."""
        return f"<{self.path}.{name}>"


@dataclass(frozen=True)
class Statement:
    """One IAM statement, with every value a list."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    effect: str
    conditions: dict[str, Any]
    principals: Any


class Assembly:
    """A cloud assembly with the settings and the catalog that it was synthesized from."""

    def __init__(self, directory: Path, settings: Settings, catalog: Catalog) -> None:
        self.directory = directory
        self.settings = settings
        self.catalog = catalog

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return self._json("manifest.json")

    @cached_property
    def stacks(self) -> dict[str, dict[str, Any]]:
        """The stacks' artifacts by construct id."""
        artifacts = self.manifest["artifacts"]
        return {name: a for name, a in artifacts.items() if a["type"] == "aws:cloudformation:stack"}

    @cached_property
    def templates(self) -> dict[str, dict[str, Any]]:
        return {name: self._json(artifact["properties"]["templateFile"]) for name, artifact in self.stacks.items()}

    def text(self, stack: str) -> str:
        """The template as it is deployed, byte for byte."""
        return (self.directory / self.stacks[stack]["properties"]["templateFile"]).read_text(encoding="utf-8")

    def assets(self, stack: str) -> dict[str, Any]:
        """The stack's asset manifest."""
        return self._json(f"{stack}.assets.json")

    def acknowledged(self) -> list[tuple[str, str]]:
        """(construct, finding) of each acknowledgement that was recorded instead of made."""
        return [(path, finding) for path, finding in self._json("acknowledged.json")["acknowledged"]]

    def findings(self) -> list[tuple[str, str]]:
        """(construct, rule) of everything that the validation plugins reported."""
        return [
            (construct["constructPath"], violation["ruleName"])
            for plugin in self._json("validation-report.json")["pluginReports"]
            for violation in plugin["violations"]
            for construct in violation["violatingConstructs"]
        ]

    def _json(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.directory / name).read_text(encoding="utf-8"))
        return content

    # --- services ---

    def services(self, platform: Platform, *kinds: Kind) -> list[ServiceSpec]:
        """The platform's services, of some kinds or of all."""
        return [s for s in self.catalog.on(platform) if not kinds or s.kind in kinds]

    # --- resources ---

    @cached_property
    def _resources(self) -> list[Resource]:
        return [
            Resource(
                stack=stack,
                id=logical_id,
                type=body["Type"],
                properties=self.resolve(stack, body.get("Properties", {})),
                depends_on=tuple(_as_list(body.get("DependsOn", []))),
                deletion_policy=body.get("DeletionPolicy"),
                body=body,
            )
            for stack, template in self.templates.items()
            for logical_id, body in template["Resources"].items()
        ]

    def resources(self, kind: str | None = None, *, stack: str | None = None) -> list[Resource]:
        """Resources of a type, of a stack, or all."""
        return [r for r in self._resources if kind in {None, r.type} and stack in {None, r.stack}]

    def one(self, kind: str, *, stack: str) -> Resource:
        """The only resource of a type in a stack."""
        found = self.resources(kind, stack=stack)
        assert len(found) == 1, f"{len(found)} resources of {kind} in {stack}"
        return found[0]

    def by_reference(self, reference: str) -> Resource:
        """The resource that a reference in text form points to."""
        path = reference.strip("<>").split(".")[0]
        return next(r for r in self._resources if r.path == path)

    def outputs(self, stack: str) -> dict[str, str]:
        """The outputs for users, without those that other stacks read."""
        outputs = self.templates[stack].get("Outputs", {})
        return {k: self.resolve(stack, v["Value"]) for k, v in outputs.items() if not k.startswith(_PLUMBING)}

    # --- IAM ---

    def roles(self) -> list[Resource]:
        return self.resources("AWS::IAM::Role")

    def statements(self, role: Resource) -> list[Statement]:
        """All statements of a role, from all its policies."""
        documents = [p["PolicyDocument"] for p in role.get("Policies", [])]
        documents += [
            policy["PolicyDocument"]
            for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
            for policy in self.resources(kind)
            if role.ref in policy.get("Roles", [])
        ]
        return [s for document in documents for s in statements(document)]

    # --- Kubernetes ---

    def objects(self, stack: str | None = None) -> list[dict[str, Any]]:
        """The Kubernetes objects of a stack, or of all."""
        resources = [*self.resources(KUBERNETES, stack=stack), *self.resources(JOB, stack=stack)]
        return [o for resource in resources for o in json.loads(resource["Manifest"])]

    def object(self, stack: str, kind: str, name: str | None = None) -> dict[str, Any]:
        """The only object of a kind (and name) in a stack."""
        found = [o for o in self.objects(stack) if o["kind"] == kind and name in {None, o["metadata"]["name"]}]
        assert len(found) == 1, f"{len(found)} objects of kind {kind} in {stack}"
        return found[0]

    # --- references ---

    def resolve(self, stack: str, value: Any) -> Any:
        """A value of a stack's template with each intrinsic as text."""
        if isinstance(value, list):
            return [self.resolve(stack, item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._intrinsic(stack, name, argument)
        return {key: self.resolve(stack, item) for key, item in value.items()}

    def _intrinsic(self, stack: str, name: str, argument: Any) -> Any:
        readers = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Join": self._join,
            "Fn::Sub": self._sub,
            "Fn::GetStackOutput": self._stack_output,
            "Fn::ImportValue": self._import,
        }
        if name in readers:
            return readers[name](stack, argument)
        return f"<{name} {json.dumps(self.resolve(stack, argument), sort_keys=True)}>"

    def _ref(self, stack: str, argument: Any) -> str:
        return f"<{argument}>" if argument.startswith("AWS::") else f"<{stack}/{argument}>"

    def _get_att(self, stack: str, argument: Any) -> str:
        logical_id, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
        return f"<{stack}/{logical_id}.{attribute}>"

    def _join(self, stack: str, argument: Any) -> str:
        separator, parts = argument
        return str(separator).join(str(self.resolve(stack, part)) for part in parts)

    def _sub(self, _: str, argument: Any) -> str:
        return re.sub(r"\$\{([^}]+)\}", r"<\1>", argument if isinstance(argument, str) else argument[0])

    def _stack_output(self, _: str, argument: Any) -> Any:
        producer = self._by_stack_name[argument["StackName"]]
        return self.resolve(producer, self.templates[producer]["Outputs"][argument["OutputName"]]["Value"])

    def _import(self, _: str, argument: Any) -> Any:
        return self.resolve(*self._exports[argument])

    @cached_property
    def _by_stack_name(self) -> dict[str, str]:
        return {artifact["properties"]["stackName"]: name for name, artifact in self.stacks.items()}

    @cached_property
    def _exports(self) -> dict[str, tuple[str, Any]]:
        return {
            output["Export"]["Name"]: (stack, output["Value"])
            for stack, template in self.templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }


def statements(document: dict[str, Any]) -> list[Statement]:
    """The statements of a policy document."""
    return [
        Statement(
            actions=tuple(_as_list(s.get("Action", s.get("NotAction", [])))),
            resources=tuple(_as_list(s.get("Resource", s.get("NotResource", [])))),
            effect=s["Effect"],
            conditions=s.get("Condition", {}),
            principals=s.get("Principal"),
        )
        for s in document["Statement"]
    ]


def intrinsics(value: Any, name: str) -> Iterator[Any]:
    """The arguments of every use of an intrinsic in a raw template."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == name:
                yield item
            yield from intrinsics(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from intrinsics(item, name)


def tags(resource: Resource) -> dict[str, str]:
    """A resource's tags, in either of CloudFormation's two forms."""
    found = resource.get("Tags", [])
    return found if isinstance(found, dict) else {tag["Key"]: tag["Value"] for tag in found}


def pairs(items: Iterable[dict[str, str]], key: str, value: str) -> dict[str, str]:
    """A list of {key: ..., value: ...} as one mapping."""
    return {item[key]: item[value] for item in items}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
