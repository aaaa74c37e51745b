"""Turns pydantic's errors into one line that a person can act on."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from config.errors import ConfigError, did_you_mean, nearest, shown
from config.model import FAULT, Model
from config.strict_yaml import flow

M = TypeVar("M", bound=Model)
Location = tuple[str | int, ...]
Where = Callable[[Location], tuple[str, str]]  # the file and the field of a location

_TYPE_WORDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "string_type": "text",
}


def validate(model: type[M], data: dict[str, Any], where: Where) -> M:
    """The model built from `data`. Raises ConfigError for the first fault, unknown keys before all others.

    Goes through JSON: pydantic's strict mode then accepts a list as a tuple and text as an enumeration, and nothing else.
    """
    try:
        return model.model_validate_json(json.dumps(data))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=True)
    unknown = [f for f in faults if f["type"] == "extra_forbidden"]
    raise _to_error(model, (unknown or faults)[0], where)


def dotted(location: Location) -> str:
    """A location as messages write it: scaling.max, platforms[0]."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "file"


def visible_fields(model: type[Model]) -> dict[str, FieldInfo]:
    """The fields that a file may set."""
    return {n: f for n, f in model.model_fields.items() if n not in model.given_by_loader}


def _to_error(model: type[Model], fault: Any, where: Where) -> ConfigError:
    location = _without_union_tags(model, fault["loc"])
    context = fault.get("ctx", {})
    if fault["type"] == FAULT:
        if context["field"]:
            location = (*location, *map(_step, context["field"].split(".")))
        file, field = where(location)
        return ConfigError(file, field, context["problem"], context["remedy"])
    file, field = where(location)
    problem, remedy = _words(model, location, fault, context)
    return ConfigError(file, field, problem, remedy)


def _step(text: str) -> str | int:
    """A step of a validator's own location: a key, or [0] for an item of a list."""
    return int(text[1:-1]) if re.fullmatch(r"\[\d+\]", text) else text


def _words(model: type[Model], location: Location, fault: Any, context: dict[str, Any]) -> tuple[str, str]:
    """The problem and the remedy for an error of pydantic's own."""
    kind, value = fault["type"], fault["input"]
    info = _field_at(model, location)
    example = _example(model, location)
    if kind in _TYPE_WORDS:
        return _wrong_type(kind, value, example)
    words: dict[str, Callable[[], tuple[str, str]]] = {
        "extra_forbidden": lambda: _unknown_key(model, location),
        "missing": lambda: (_missing(model, location), f"write it{example}"),
        "enum": lambda: _not_in_enumeration(info, value),
        "greater_than_equal": lambda: _out_of_range(info, value),
        "less_than_equal": lambda: _out_of_range(info, value),
        "too_long": lambda: (f"contains {context['actual_length']}", f"keep {context['max_length']} or fewer"),
    }
    if kind in words:
        return words[kind]()
    return f"is not valid ({fault['msg']})", f"write another value{example}"


def _wrong_type(kind: str, value: object, example: str) -> tuple[str, str]:
    if kind == "string_type" and isinstance(value, bool | int):
        return f"is {shown(value)}, not text", f'put it in quotes: "{shown(value)}"'
    return f"is {shown(value)}, not {_TYPE_WORDS[kind]}", f"write {_TYPE_WORDS[kind]}{example}"


def _out_of_range(info: FieldInfo | None, value: object) -> tuple[str, str]:
    low, high = bounds(info)
    return f"is {value}, out of range", f"write a whole number from {low} to {high}"


def _missing(model: type[Model], location: Location) -> str:
    inner = _model_at(model, location[:-1])
    return (inner.words_for_missing(str(location[-1])) if inner else None) or "is missing"


def _unknown_key(model: type[Model], location: Location) -> tuple[str, str]:
    inner = _model_at(model, location[:-1])
    known = inner.words_for_unknown(str(location[-1])) if inner else None
    if known:
        return known
    names = sorted(visible_fields(inner)) if inner else []
    return "is unknown", did_you_mean(str(location[-1]), names, else_say=f"remove it or use one of {', '.join(names)}")


def _not_in_enumeration(info: FieldInfo | None, value: object) -> tuple[str, str]:
    choices = [str(choice.value) for choice in _enumeration(info.annotation if info else None)]
    close = nearest(str(value), choices)
    listed = f"one of {', '.join(choices)}"
    return f"is {shown(value)}", f"write {close} ({listed})" if close else f"write {listed}"


def _enumeration(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return list(annotation)
    return [choice for inner in get_args(annotation) for choice in _enumeration(inner)]


def bounds(info: FieldInfo | None) -> tuple[int | None, int | None]:
    """Smallest and largest value of a field; None if unbounded."""
    metadata = info.metadata if info else []
    low = next((m.ge for m in metadata if getattr(m, "ge", None) is not None), None)
    high = next((m.le for m in metadata if getattr(m, "le", None) is not None), None)
    return low, high


def _example(model: type[Model], location: Location) -> str:
    """An example line, if the location is a field and not something inside one."""
    parent = _model_at(model, location[:-1])
    info = parent.model_fields.get(str(location[-1])) if parent else None
    return f", e.g. {location[-1]}: {flow(info.examples[0])}" if info and info.examples else ""


def strip(annotation: Any) -> Any:
    """The annotation without Optional and Annotated."""
    if get_origin(annotation) is Annotated:
        return strip(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return strip(inner[0]) if len(inner) == 1 else annotation
    return annotation


def _walk(model: type[Model], location: Location) -> tuple[Any, FieldInfo | None]:
    """The annotation at a location, and its field."""
    annotation: Any = model
    info: FieldInfo | None = None
    for part in location:
        annotation = strip(annotation)
        if isinstance(annotation, type) and issubclass(annotation, Model):
            info = annotation.model_fields.get(str(part))
            annotation = info.annotation if info else None
        elif get_origin(annotation) in (dict, tuple):
            annotation = get_args(annotation)[1 if get_origin(annotation) is dict else 0]
        else:
            return None, info
    return strip(annotation), info


def _field_at(model: type[Model], location: Location) -> FieldInfo | None:
    return _walk(model, location)[1]


def _model_at(model: type[Model], location: Location) -> type[Model] | None:
    annotation = _walk(model, location)[0]
    return annotation if isinstance(annotation, type) and issubclass(annotation, Model) else None


def _without_union_tags(model: type[Model], location: Location) -> Location:
    """Pydantic puts the union member that failed into the location, a name that is not in the file."""
    for end in range(1, len(location)):
        annotation = _walk(model, location[:end])[0]
        if get_origin(annotation) in (Union, types.UnionType):
            return location[:end]
    return location
