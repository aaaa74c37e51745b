"""Writes what the models know into docs/: a JSON Schema for editors, and the tables of fields and settings for readers.

`python -m config.schema` writes docs/service.schema.json, `--markdown` docs/manifest.md and docs/settings.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from config.manifest import MERGED_BY_KEY
from config.model import Model, Pattern
from config.service import REQUIRED, Kind, Scaling, SecretSource, ServiceSpec, Table, meaning_of
from config.settings import Domain, Settings
from config.strict_yaml import flow
from config.validation import bounds, strip, visible_fields

SCHEMA_FILE: Final = "docs/service.schema.json"
MANIFEST_FILE: Final = "docs/manifest.md"
SETTINGS_FILE: Final = "docs/settings.md"

_MADE_BY: Final = "<!-- Made by `python -m config.schema --markdown` from the models in config/; edits are lost. -->"


# --- JSON Schema -----------------------------------------------------------------------------------------------------


def service_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of service.yaml."""
    schema = _without_titles(ServiceSpec.model_json_schema())
    fields = {name: schema["properties"][name] for name in visible_fields(ServiceSpec)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "service.yaml",
        "description": "What one folder under services/ is, for ECS and EKS alike.",
        "type": "object",
        "properties": {**fields, "overrides": _overrides(fields, schema["$defs"])},
        "required": [name for name in schema["required"] if name in fields],
        "additionalProperties": False,
        "allOf": [_kind_rule(kind) for kind in Kind],
        "$defs": schema["$defs"],
    }


def _without_titles(node: Any) -> Any:
    """Pydantic titles every field with its own name again, which editors would show instead of the description."""
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_titles(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))
    }


def _overrides(fields: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Any field but overrides; null takes away what the manifest says; merged mappings need not be complete."""
    loose: dict[str, Any] = {name: {"anyOf": [{"$ref": f"#/properties/{name}"}, {"type": "null"}]} for name in fields}
    for name in MERGED_BY_KEY:
        values = _nullable_values(fields[name], definitions)
        loose[name] = {"description": fields[name]["description"], "type": ["object", "null"], **values}
    return {
        "description": "What differs in an environment: its name, then any of the other keys.",
        "type": "object",
        "additionalProperties": {"type": "object", "properties": loose, "additionalProperties": False},
        "examples": [{"production": {"memory": 1024}}],
    }


def _nullable_values(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = field.get("$ref") or next((o["$ref"] for o in field.get("anyOf", ()) if "$ref" in o), None)
    if reference is None:
        return {"additionalProperties": {"anyOf": [field["additionalProperties"], {"type": "null"}]}}
    properties = definitions[reference.rsplit("/", 1)[1]]["properties"]
    nullable = {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in properties.items()}
    return {"properties": nullable, "additionalProperties": False}


def _kind_rule(kind: Kind) -> dict[str, Any]:
    foreign = [name for name in visible_fields(ServiceSpec) if not _applies(name, kind)]
    then: dict[str, Any] = {"properties": dict.fromkeys(foreign, False)} if foreign else {}
    if REQUIRED[kind]:
        then["required"] = list(REQUIRED[kind])
    return {"if": {"properties": {"kind": {"const": kind.value}}, "required": ["kind"]}, "then": then}


def _applies(field: str, kind: Kind) -> bool:
    meaning = meaning_of(field)
    return meaning is None or kind.value in meaning.kinds


# --- tables ----------------------------------------------------------------------------------------------------------


def manifest_markdown() -> str:
    """docs/manifest.md."""
    rows = [_manifest_row(name, info) for name, info in visible_fields(ServiceSpec).items()]
    rows.append(["`overrides`", "all", "map of maps", "none", "What differs in an environment.", "", ""])
    heads = ["Key", "Kinds", "Value", "Default", "Meaning", "On ECS", "On EKS"]
    return _page(
        _MANIFEST_INTRODUCTION,
        _table(heads, rows),
        *(text for model in (Scaling, SecretSource, Table) for text in _nested(model)),
        _MANIFEST_NOTES,
    )


def settings_markdown() -> str:
    """docs/settings.md."""
    rows = [_setting_row(name, info) for name, info in visible_fields(Settings).items()]
    return _page(
        _SETTINGS_INTRODUCTION,
        _table(["Setting", "Value", "Default", "Meaning"], rows),
        *_nested(Domain),
        _SETTINGS_NOTES,
    )


def _manifest_row(name: str, info: FieldInfo) -> list[str]:
    meaning = meaning_of(name)
    kinds = meaning.kinds if meaning else ()
    listed = "all" if len(kinds) == len(Kind) else ", ".join(kinds)
    platforms = [meaning.ecs, meaning.eks] if meaning else ["", ""]
    needed = [kind.value for kind in Kind if name in REQUIRED[kind]]
    default = f"required for {', '.join(needed)}" if needed else _default(info)
    return [f"`{name}`", listed, _value(info), default, info.description or "", *platforms]


def _setting_row(name: str, info: FieldInfo) -> list[str]:
    return [f"`{name}`", _value(info), _default(info), info.description or ""]


def _nested(model: type[Model]) -> Iterator[str]:
    title = {Scaling: "scaling", SecretSource: "secrets.<VARIABLE>", Table: "table", Domain: "domain"}[model]
    rows = [_setting_row(name, info) for name, info in visible_fields(model).items()]
    yield f"## {title}\n\n{(model.__doc__ or '').strip()}"
    yield _table(["Key", "Value", "Default", "Meaning"], rows)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default()
    if value is PydanticUndefined or value is None or value in ((), {}):
        return "none"
    if isinstance(value, Scaling):
        return "one copy"
    return f"`{flow(list(value) if isinstance(value, tuple) else value)}`"


def _value(info: FieldInfo) -> str:
    low, high = bounds(info)
    if low is not None:
        return f"{low} to {high}"
    says = _pattern_words([*info.metadata, info.annotation])
    if says:
        return says
    annotation = strip(info.annotation)
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_type_words(a) for a in get_args(annotation) if a is not NoneType)
    return _type_words(annotation)


def _pattern_words(annotations: Iterable[Any]) -> str | None:
    """What the field's pattern says, however deep in Optional it stands; not the pattern of a list's items."""
    for annotation in annotations:
        if isinstance(annotation, Pattern):
            return annotation.says
        if get_origin(annotation) in (Annotated, Union, UnionType):
            inner = annotation.__metadata__ if get_origin(annotation) is Annotated else get_args(annotation)
            found = _pattern_words(inner)
            if found:
                return found
    return None


def _type_words(annotation: Any) -> str:
    annotation = strip(annotation)
    if get_origin(annotation) is tuple:
        return f"list of {_type_words(get_args(annotation)[0])}"
    if get_origin(annotation) is dict:
        return f"map to {_type_words(get_args(annotation)[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return "map"
    if hasattr(annotation, "__members__"):
        return ", ".join(f"`{choice.value}`" for choice in annotation)
    return {int: "whole number", bool: "`true` or `false`"}.get(annotation, "text")


def _table(heads: list[str], rows: list[list[str]]) -> str:
    rule = "| " + " | ".join(["---"] * len(heads)) + " |"
    return "\n".join([_row(heads), rule, *(_row(row) for row in rows)])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;').replace('<', '&lt;') for cell in cells)} |"


def _page(title_and_text: str, *parts: str) -> str:
    return "\n\n".join([_MADE_BY, title_and_text.strip(), *(part.strip() for part in parts)]) + "\n"


_MANIFEST_INTRODUCTION: Final = """
# service.yaml

One file a service, in `services/<name>/`, beside a `Dockerfile` and a `.dockerignore`. The folder's name is the service's
name, so it is no key. Every key means the same on ECS and on EKS; what only one of them could do is refused. For completion
and checks while typing, put this line first; `make` checks with the same rules and more:

    # yaml-language-server: $schema=../../docs/service.schema.json
"""

_MANIFEST_NOTES: Final = """
## overrides

    overrides:
      production:
        memory: 1024
        scaling: {min: 3, max: 12}

`environment`, `secrets`, `scaling` and `table` are merged key by key, all other fields are replaced, and `null` takes a value
away. The overrides of every environment are checked whenever one is loaded.

## What the container is given

`SERVICE_NAME`, `DEPLOY_ENVIRONMENT`, `AWS_REGION`; for http also `PORT` and `BASE_PATH`; `<CALLEE>_URL` for each of `calls`
(`http://tracking:8080`); `<NAME>_TABLE` where there is a table. These names, and all that begin with `AWS_`, cannot be set by
hand.

## Routing

The rule of the deepest path is asked first. Its priority depends on the path alone (three segments or more: 1 to 5000, two:
5001 to 15000, one: 15001 to 49999, `/`: 50000), so that a new service never moves another's. Should two paths ever get the
same, the message says which `priority` to write.

## Schedules

Five fields, as in Kubernetes: numbers, `*`, lists, ranges, steps, and names of months and days. Sunday is 0 or SUN. Day of month
and day of week cannot both be restricted, and `L`, `W`, `#`, `?`, `@daily` and seconds are refused, since the two platforms
would not run such a schedule at the same times.

## YAML

Only `true`, `false`, `null` and whole numbers are typed; `yes`, `on`, `012`, `1.36` stay text. A field that wants text wants
quotes around a number (`"8080"`). Anchors, tags, tabs, duplicate keys and several documents are refused.

## When something is wrong

One line, exit code 2: `<file>: <field>: <what is wrong>; <what to write instead>`. `python -m config check` loads every
environment in a fraction of a second and lists what it found.
"""

_SETTINGS_INTRODUCTION: Final = """
# Settings

One file an environment, `config/environments/<name>.yaml`; `cdk ... -c env=<name>` picks it (sandbox when left out).
"""

_SETTINGS_NOTES: Final = """
## For one run

`-c key=value` stands above the file: `-c zones=3`, `-c platforms=ecs`, `-c eks_endpoint_cidrs=198.51.100.7/32,198.51.100.8/32`,
`-c domain.name=harbour.example.com`, `-c tags.owner=me`; `null` leaves a setting out. Lists take commas; text needs no quotes of
its own. A key that is no setting is refused.

## A new environment

Copy sandbox.yaml to another name and change what differs. Give it a `vpc_cidr` of its own where networks may ever be joined.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the files under --root."""
    parser = argparse.ArgumentParser(prog="python -m config.schema", description="Writes docs/ from the models.")
    parser.add_argument("--markdown", action="store_true", help=f"write {MANIFEST_FILE} and {SETTINGS_FILE}")
    parser.add_argument("--root", type=Path, default=Path(), help="the project's folder; default: where you are")
    options = parser.parse_args(arguments)
    files = {SCHEMA_FILE: schema_text()}
    if options.markdown:
        files = {MANIFEST_FILE: manifest_markdown(), SETTINGS_FILE: settings_markdown()}
    for name, text in files.items():
        (options.root / name).parent.mkdir(parents=True, exist_ok=True)
        (options.root / name).write_text(text, encoding="utf-8")
        print(name)
    return 0


def schema_text() -> str:
    """docs/service.schema.json."""
    return json.dumps(service_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
