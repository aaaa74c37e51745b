"""Small handwritten stacks for comparisons."""

from __future__ import annotations

from typing import Any

from ops.assembly import Stack

PREFIX = "quay-test-"


def resource(
    kind: str, *, keep: str = "", on_replace: str = "", depends_on: list[str] | None = None, **properties: Any
) -> dict[str, Any]:
    """A resource with its properties; `keep` and `on_replace` are its deletion and update-replace policies."""
    body: dict[str, Any] = {"Type": kind, "Properties": properties}
    if keep:
        body["DeletionPolicy"] = keep
    if on_replace:
        body["UpdateReplacePolicy"] = on_replace
    if depends_on:
        body["DependsOn"] = depends_on
    return body


def stack(
    identifier: str, resources: dict[str, Any], *, outputs: dict[str, Any] | None = None, needs: str = "", **more: Any
) -> Stack:
    """A stack; `needs` are the ids of those that the CLI deploys before it."""
    template = {"Resources": resources, "Parameters": more.pop("parameters", {}), "Outputs": outputs or {}}
    name = more.pop("name", f"{PREFIX}{identifier}")
    return Stack(identifier, name, f"{identifier}.json", template, needs=frozenset(needs.split()), **more)


def weak(identifier: str, output: str) -> dict[str, Any]:
    """A weak reference to another stack's output."""
    return {"Fn::GetStackOutput": {"StackName": f"{PREFIX}{identifier}", "OutputName": output}}


def strong(export: str) -> dict[str, Any]:
    """A strong reference to an export."""
    return {"Fn::ImportValue": export}


def output(value: Any, export: str = "") -> dict[str, Any]:
    """An output, exported if the export has a name."""
    return {"Value": value, **({"Export": {"Name": export}} if export else {})}


def ref(name: str) -> dict[str, Any]:
    return {"Ref": name}


def att(name: str, attribute: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, attribute]}
