"""The only reader of CloudFormation's references: Ref, Fn::GetAtt, Fn::Sub, Fn::Join, Fn::GetStackOutput, Fn::ImportValue."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_SUBSTITUTION = re.compile(r"\$\{([^!${}][^${}]*)\}")
_REGISTRY_HOST = re.compile(r"^\$\{AWS::AccountId\}\.dkr\.ecr\.\$\{AWS::Region\}\.\$\{AWS::URLSuffix\}/")
_STAND_IN = "stand-in"
# Ids whose form an API checks, e.g. a NodeClass's subnetSelectorTerms, by what the name of the reference contains.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
_ID_FORMS = (("SecurityGroup", "sg-"), ("Subnet", "subnet-"), ("Vpc", "vpc-"))

# An output as other stacks refer to it: (stack name, output), or ("", export).
Output = tuple[str, str]


def is_reference(node: Any) -> bool:
    """True for an object that CloudFormation replaces with a value."""
    return isinstance(node, dict) and any(key == "Ref" or key.startswith("Fn::") for key in node)


def names(node: Any) -> set[str]:
    """Logical ids, parameters and pseudo parameters that a node refers to, at any depth."""
    found: set[str] = set()
    for holder in _walk(node):
        if len(holder) != 1:
            continue
        [(function, value)] = holder.items()
        if function == "Ref" and isinstance(value, str):
            found.add(value)
        elif function == "Fn::GetAtt":
            found.add(_attribute(value)[0])
        elif function == "Fn::Sub":
            text, own = value if isinstance(value, list) else (value, {})
            found |= {name.split(".", maxsplit=1)[0] for name in _SUBSTITUTION.findall(text)} - set(own)
    return found


def outputs_used(node: Any) -> Iterator[Output]:
    """Outputs of other stacks that a node reads, at any depth."""
    for holder in _walk(node):
        weak = holder.get("Fn::GetStackOutput")
        if isinstance(weak, dict):
            yield _output(weak)
        strong = holder.get("Fn::ImportValue")
        if isinstance(strong, str):
            yield "", strong


def text(node: Any, unknown: Callable[[str, Any], str]) -> str:
    """The text that a node resolves to.

    Args:
        node: a string or a reference.
        unknown: gives the text of any reference but Fn::Join, from its function and argument.
    """
    if isinstance(node, str):
        return node
    [(function, value)] = node.items()
    if function == "Fn::Join":
        return str(value[0]).join(text(part, unknown) for part in value[1])
    return unknown(function, value)


@dataclass(frozen=True)
class Known:
    """The known values of a deployment, to resolve references with; all others become a readable stand-in.

    Attributes:
        outputs: values of stacks' outputs.
        registry: where images are pulled from, e.g. localhost:4566.
        account: 12 digits.
        region: the region's code.
    """

    outputs: Mapping[Output, str]
    registry: str
    account: str
    region: str

    def text(self, node: Any) -> str:
        """The text that a node resolves to."""
        return text(node, self._value)

    def _value(self, function: str, value: Any) -> str:
        if function == "Fn::Sub" and isinstance(value, str):
            return _REGISTRY_HOST.sub(f"{self.registry}/", value)
        if function == "Fn::GetStackOutput":
            return self.outputs.get(_output(value)) or _stand_in(_output(value)[1])
        if function == "Fn::ImportValue" and isinstance(value, str):
            return self.outputs.get(("", value)) or _stand_in(value.rpartition(":")[2])
        if function == "Ref":
            pseudo = {"AWS::Region": self.region, "AWS::AccountId": self.account, "AWS::Partition": "aws"}
            return pseudo.get(value) or _stand_in(str(value))
        if function == "Fn::GetAtt":
            return _stand_in(_attribute(value)[1])
        return _STAND_IN


def _stand_in(name: str) -> str:
    """A value of the right form for a reference that nothing resolves, always the same for the same name."""
    for part, prefix in _ID_FORMS:
        if part in name:
            return prefix + hashlib.sha256(name.encode()).hexdigest()[:17]
    return _STAND_IN


def replaced(node: Any, *, registry: str, attributes: Mapping[Output, str]) -> Any:
    """A copy of the node whose images come from another registry, with the given attributes replaced by their values.

    Args:
        node: any part of a template.
        registry: host of the registry, e.g. localhost:4566.
        attributes: values by logical id and attribute.
    """
    if isinstance(node, list):
        return [replaced(value, registry=registry, attributes=attributes) for value in node]
    if not isinstance(node, dict):
        return node
    image, attribute = node.get("Fn::Sub"), node.get("Fn::GetAtt")
    if isinstance(image, str) and _REGISTRY_HOST.match(image):
        return _REGISTRY_HOST.sub(f"{registry}/", image)
    if attribute is not None and _attribute(attribute) in attributes:
        return attributes[_attribute(attribute)]
    return {key: replaced(value, registry=registry, attributes=attributes) for key, value in node.items()}


def _attribute(value: Any) -> tuple[str, str]:
    """Logical id and attribute of a Fn::GetAtt, in either spelling."""
    parts = value if isinstance(value, list) else str(value).split(".", maxsplit=1)
    return str(parts[0]), str(parts[-1])


def _output(value: Mapping[str, Any]) -> Output:
    return str(value.get("StackName")), str(value.get("OutputName"))


def _walk(node: Any) -> Iterator[Mapping[str, Any]]:
    """Every object below a node, itself included."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value)
