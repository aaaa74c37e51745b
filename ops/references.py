"""The only reader of CloudFormation's references: Ref, Fn::GetAtt, Fn::Sub, Fn::Join, Fn::GetStackOutput, Fn::ImportValue."""

# Over 300 lines: every spelling of a reference is known here and nowhere else.
from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

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
        elif function == "Fn::Sub" and (parts := _pattern(value)):
            text, own = parts
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
            pseudo = {"AWS::Region": self.region, "AWS::AccountId": self.account}
            pseudo |= {"AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}
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
    parts = value if isinstance(value, list) and value else str(value).split(".", maxsplit=1)
    return str(parts[0]), str(parts[-1])


def _pattern(value: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Text and values of a Fn::Sub, in either spelling; None if it is neither."""
    match value if isinstance(value, list) else [value, {}]:
        case [str() as text, dict() as own]:
            return text, own
    return None


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


# --- values, for comparing templates ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pointer:
    """A value known only once its resource exists: a resource's `Ref` (no attribute) or one of its attributes.

    A parameter or pseudo parameter is a pointer too, the latter with an empty stack.
    """

    stack: str
    name: str
    attribute: str = ""

    def __str__(self) -> str:
        where = f"{self.stack}/{self.name}" if self.stack else self.name
        return f"<{where}.{self.attribute}>" if self.attribute else f"<{where}>"


@dataclass(frozen=True)
class Text:
    """Text with values inside."""

    parts: tuple[Any, ...]

    def inside_json(self, shown: Callable[[Any], str] = str) -> str:
        """The text as JSON, if that is what it holds: `shown` gives the text of a value, which must not end a string."""
        return "".join(
            part if isinstance(part, str) else json.dumps(shown(part), ensure_ascii=False)[1:-1] for part in self.parts
        )

    def __str__(self) -> str:
        return "".join(map(str, self.parts))


@dataclass(frozen=True)
class Call:
    """A function that only CloudFormation can evaluate, e.g. Fn::GetAZs."""

    function: str
    argument: Any

    def __str__(self) -> str:
        return f"<{self.function} {self.argument}>"


class Template(Protocol):
    """What `Values` reads of a stack."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def template(self) -> dict[str, Any]: ...


class Values:
    """The values in a set of templates. References across stacks are followed to the resource where they end, so a weak and a
    strong reference to the same attribute are the same value.
    """

    def __init__(self, stacks: Iterable[Template], known: Mapping[str, str]) -> None:
        """`known` gives values of pseudo parameters."""
        self._known = known
        self.followed: dict[tuple[str, str], Any] = {}
        """The properties of resources that were asked for, by stack and logical id."""
        self._following: list[Output] = []
        self._outputs: dict[Output, tuple[str, Any]] = {}
        for stack in stacks:
            for key, output in stack.template.get("Outputs", {}).items():
                found = (stack.id, output.get("Value"))
                self._outputs[stack.name, key] = found
                export = output.get("Export", {}).get("Name")
                if export is not None:
                    self._outputs["", str(self.of(stack.id, export))] = found

    def outputs(self) -> dict[Output, Any]:
        """The value of every output and every export."""
        return {key: self.of(stack, value) for key, (stack, value) in self._outputs.items()}

    def of(self, stack: str, node: Any) -> Any:
        """The node, from the template of the stack with that id, with its references as Pointer, Text or Call."""
        if isinstance(node, list):
            return [self.of(stack, value) for value in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1 and is_reference(node):
            [(function, argument)] = node.items()
            return self._value(stack, function, argument)
        return {key: self.of(stack, value) for key, value in node.items()}

    def _value(self, stack: str, function: str, argument: Any) -> Any:
        if function == "Ref":
            return self._pointer(stack, str(argument))
        if function == "Fn::GetAtt":
            return Pointer(stack, *_attribute(argument))
        match function, argument:
            case "Fn::Join", [str() as between, list() as parts]:
                return _joined(between, [self.of(stack, part) for part in parts])
        if function == "Fn::Sub" and (pattern := _pattern(argument)):
            return self._substituted(stack, *pattern)
        if function in {"Fn::GetStackOutput", "Fn::ImportValue"}:
            return self._across(stack, function, argument)
        return Call(function, frozen(self.of(stack, argument)))

    def _pointer(self, stack: str, name: str) -> Any:
        if not name.startswith("AWS::"):
            return Pointer(stack, name)
        return self._known.get(name, Pointer("", name))

    def _substituted(self, stack: str, pattern: str, own: Mapping[str, Any]) -> Any:
        parts: list[Any] = []
        for index, piece in enumerate(_SUBSTITUTION.split(pattern)):
            if index % 2 == 0:
                parts.append(piece.replace("${!", "${"))
            elif piece in own:
                parts.append(self.of(stack, own[piece]))
            else:
                parts.append(Pointer(stack, *_attribute(piece)) if "." in piece else self._pointer(stack, piece))
        return _joined("", parts)

    def _across(self, stack: str, function: str, argument: Any) -> Any:
        key = (
            _output(argument)
            if isinstance(argument, dict) and "OutputName" in argument
            else ("", str(self.of(stack, argument)))
        )
        if key not in self._outputs or key in self._following:  # the second: outputs that read each other in a circle
            return Call(function, key)
        owner, value = self._outputs[key]
        self._following.append(key)
        try:
            return self.of(owner, value)
        finally:
            self._following.pop()


def pointers(value: Any) -> Iterator[Pointer]:
    """Every pointer inside a value, at any depth."""
    if isinstance(value, Pointer):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from pointers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from pointers(inner)
    elif isinstance(value, Text):
        yield from pointers(value.parts)
    elif isinstance(value, Call):
        yield from pointers(value.argument)


def frozen(value: Any) -> Any:
    """The value with tuples for objects and lists, so it can be a key."""
    if isinstance(value, dict):
        return tuple((key, frozen(value[key])) for key in sorted(value))
    if isinstance(value, list | tuple):
        return tuple(frozen(inner) for inner in value)
    return value


def _joined(between: str, values: list[Any]) -> Any:
    """Text of the values; a plain string if all are, and the value itself if it is the only one."""
    parts: list[Any] = []
    for index, value in enumerate(values):
        pieces: list[Any] = [between] if index and between else []
        pieces += value.parts if isinstance(value, Text) else [value]
        for piece in pieces:
            if isinstance(piece, str) and parts and isinstance(parts[-1], str):
                parts[-1] += piece
            elif piece != "":
                parts.append(frozen(piece) if isinstance(piece, list | dict) else piece)
    if not parts:
        return ""
    return parts[0] if len(parts) == 1 else Text(tuple(parts))
