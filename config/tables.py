"""The models as tables, for docs/manifest.md and docs/settings.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from config.documents import markdown_table
from config.fields.scaling import Scaling
from config.model import Model, OrText, Pattern
from config.service import KINDS, Kind, kinds_with, manifest_fields, meaning_of
from config.settings import Settings, mappings
from config.strict_yaml import flow
from config.validation import bounds, strip, visible_fields

MANIFEST_FILE: Final = "docs/manifest.md"
SETTINGS_FILE: Final = "docs/settings.md"


def manifest_parts() -> dict[str, str]:
    """The generated parts of docs/manifest.md, by the name of their markers."""
    rows = [_manifest_row(name, info) for name, info in manifest_fields().items()]
    rows.append(["`overrides`", "all", "map of maps", "none", "Keys that differ in an environment.", "", ""])
    heads = ["Key", "Kinds", "Value", "Default", "Meaning", "On ECS", "On EKS"]
    parts: dict[type[Model], str] = {}
    for part, model in _mappings(manifest_fields()):
        parts.setdefault(model, part)  # a model that several fields have is described with the first of them
    nested = {part: _nested(model) for model, part in parts.items()}
    return {"fields": markdown_table(heads, rows), **nested, **dict(_of_one_kind(manifest_fields()))}


def _mappings(fields: Mapping[str, FieldInfo], above: str = "") -> Iterator[tuple[str, type[Model]]]:
    """The model of each field that is a mapping, or has mappings in it, by the field's name; one within another by both."""
    for name, info in fields.items():
        for model in _models_in(info.annotation):
            yield f"{above}{name}", model
            yield from _mappings(visible_fields(model), f"{above}{name}-")


def _of_one_kind(fields: Mapping[str, FieldInfo]) -> Iterator[tuple[str, str]]:
    """The keys that a mapping has otherwise, or not at all, in its first kind, by the names of the field and of the kind."""
    for name, info in fields.items():
        known = [_setting_row(*key) for model in _models_in(info.annotation) for key in visible_fields(model).items()]
        for kind in kinds_with(name):
            for model in _models_in(KINDS[kind].model_fields[name].annotation):
                own = {
                    key: field for key, field in visible_fields(model).items() if _setting_row(key, field) not in known
                }
                if own:
                    yield f"{name}-{kind.value}", _keys(own)


def _models_in(annotation: Any) -> Iterator[type[Model]]:
    annotation = strip(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def settings_parts() -> dict[str, str]:
    """The generated parts of docs/settings.md, by the name of their markers."""
    rows = [_setting_row(name, info) for name, info in visible_fields(Settings).items()]
    return {
        "settings": markdown_table(["Setting", "Value", "Default", "Meaning"], rows),
        **{name: _nested(model) for name, model in mappings().items()},
    }


def _manifest_row(name: str, info: FieldInfo) -> list[str]:
    kinds = kinds_with(name)
    listed = "all" if len(kinds) == len(Kind) else ", ".join(kinds)
    needed = [kind for kind in kinds if len(kinds) < len(Kind) and KINDS[kind].model_fields[name].is_required()]
    default = f"required for {', '.join(needed)}" if needed else _default(info)
    meaning = meaning_of(name)
    return [f"`{name}`", listed, _value(info), default, info.description or "", meaning.ecs, meaning.eks]


def _setting_row(name: str, info: FieldInfo) -> list[str]:
    return [f"`{name}`", _value(info), _default(info), info.description or ""]


def _nested(model: type[Model]) -> str:
    return f"{(model.__doc__ or '').strip()}\n\n{_keys(visible_fields(model))}"


def _keys(fields: Mapping[str, FieldInfo]) -> str:
    rows = [_setting_row(name, info) for name, info in fields.items()]
    return markdown_table(["Key", "Value", "Default", "Meaning"], rows)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default()
    if value is PydanticUndefined or value is None or value in ((), {}):
        return "none"
    if isinstance(value, Scaling):
        return "one copy"
    if isinstance(value, Model):
        return "as below"
    return f"`{flow(list(value) if isinstance(value, tuple) else value)}`"


def _value(info: FieldInfo) -> str:
    low, high = bounds(info)
    if low is not None:
        return f"{low} to {high}"
    short = next((m for m in info.metadata if isinstance(m, OrText)), None)
    if short:
        return f"{short.form.says}, or map"
    says = _pattern_words([*info.metadata, info.annotation])
    if says:
        return says
    annotation = strip(info.annotation)
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_type_words(a) for a in get_args(annotation) if a is not NoneType)
    return _type_words(annotation)


def _pattern_words(annotations: Iterable[Any]) -> str | None:
    """The words of the field's pattern, however deeply nested in Optional; not those of a list's items."""
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
        return f"map or `{annotation.stands_for_mapping}`" if annotation.stands_for_mapping else "map"
    if hasattr(annotation, "__members__"):
        return ", ".join(f"`{choice.value}`" for choice in annotation)
    return {int: "whole number", bool: "`true` or `false`"}.get(annotation, "text")
