"""The JSON Schema of service.yaml, for editors: a union of the kinds, discriminated by `kind`."""

from __future__ import annotations

import json
from typing import Any, Final

from config.manifest import MERGED_BY_KEY
from config.service import KINDS, Kind, Kinded, ServiceSpec
from config.validation import visible_fields

SCHEMA_FILE: Final = "docs/service.schema.json"

_KIND_DESCRIPTION: Final = Kinded.model_fields["kind"].description

_Json = dict[str, Any]


def schema_text() -> str:
    """docs/service.schema.json."""
    return json.dumps(service_schema(), indent=2, ensure_ascii=False) + "\n"


def service_schema() -> _Json:
    """The JSON Schema (draft 2020-12) of service.yaml."""
    definitions: _Json = {}
    kinds = {kind: _kind_schema(kind, model, definitions) for kind, model in KINDS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "service.yaml",
        "description": "One service, for ECS and EKS alike.",
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": [kind.value for kind in Kind], "description": _KIND_DESCRIPTION}},
        "oneOf": [{"$ref": f"#/$defs/{KINDS[kind].__name__}"} for kind in kinds],
        "$defs": {**{KINDS[kind].__name__: schema for kind, schema in kinds.items()}, **definitions},
    }


def _kind_schema(kind: Kind, model: type[ServiceSpec], definitions: _Json) -> _Json:
    """One kind's schema; the models of its fields go to `definitions`."""
    schema = _without_titles(model.model_json_schema())
    definitions |= schema.get("$defs", {})
    fields = {name: schema["properties"][name] for name in visible_fields(model)}
    fields["kind"] = {"const": kind.value, "description": _KIND_DESCRIPTION}
    return {
        "description": model.__doc__,
        "type": "object",
        "properties": {**fields, "overrides": _overrides(model.__name__, fields, schema["$defs"])},
        "required": [name for name in schema["required"] if name in fields],
        **{key: schema[key] for key in ("if", "then") if key in schema},
        "additionalProperties": False,
    }


def _without_titles(node: Any) -> Any:
    """Pydantic makes every field's name its title, which editors would show instead of the description."""
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_titles(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))
    }


def _overrides(name: str, fields: _Json, definitions: _Json) -> _Json:
    """Any field but overrides; null removes the manifest's value; merged mappings need not be complete."""
    own = f"#/$defs/{name}/properties"
    loose: _Json = {field: {"anyOf": [{"$ref": f"{own}/{field}"}, {"type": "null"}]} for field in fields}
    for field in sorted(MERGED_BY_KEY & fields.keys()):
        values = _nullable_values(fields[field], definitions)
        loose[field] = {"description": fields[field]["description"], **_or_text(fields[field], values)}
    return {
        "description": "An environment's name, then the keys that differ there.",
        "type": "object",
        "additionalProperties": {"type": "object", "properties": loose, "additionalProperties": False},
        "examples": [{"production": {"memory": 1024}}],
    }


def _or_text(field: _Json, values: _Json) -> _Json:
    """A merged mapping, or null; or text, where that is its short form."""
    mapping = {"type": ["object", "null"], **values}
    short = [option for option in field.get("anyOf", ()) if option.get("type") == "string"]
    return {"anyOf": [*short, mapping]} if short else mapping


def _nullable_values(field: _Json, definitions: _Json) -> _Json:
    reference = field.get("$ref") or next((o["$ref"] for o in field.get("anyOf", ()) if "$ref" in o), None)
    if reference is None:
        return {"additionalProperties": {"anyOf": [field["additionalProperties"], {"type": "null"}]}}
    properties = definitions[reference.rsplit("/", 1)[1]]["properties"]
    nullable = {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in properties.items()}
    return {"properties": nullable, "additionalProperties": False}
