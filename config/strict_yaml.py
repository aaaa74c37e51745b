"""YAML without its traps: values mean what they look like.

Only `true`, `false`, `null` and plain decimal whole numbers are typed; `yes`, `on`, `012`, `1:30`, `1.36` and `~` stay
text. Duplicate keys, anchors, aliases, tags, tabs, several documents and huge files are refused. The reader works on parser
events, so no tag ever constructs an object and no alias is expanded.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from config.errors import ConfigError, shown

LARGEST_FILE = 256 * 1024  # bytes; a long but sensible manifest has a few thousand
DEEPEST = 8  # levels; the deepest field (a value in overrides.<env>.rights[0].conditions.<operator>.<key>) is at eight
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_PLAIN = re.compile(r"[A-Za-z/](?:[\w./ @+-]|:(?! ))*")  # text that needs no quotes
_UNQUOTABLE = re.compile(
    r"(?P<key>[^:#]+):\s+(?P<value>[*&!%@`|>-].{0,80})"
)  # YAML reads these first characters as syntax
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where the wheel has it: ten times as fast


def read_mapping(path: Path, file: str) -> dict[str, Any]:
    """The mapping in a YAML file. `file` is its name in messages. Raises ConfigError for anything else."""
    return _Reader(file).read(_text(path, file))


def scalar(text: str) -> str | int | bool | None:
    """A plain scalar as this dialect types it."""
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else text


def flow(value: object) -> str:
    """A value written on one line in this dialect."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(flow(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, str) and isinstance(scalar(value), str) and _PLAIN.fullmatch(value):
        return value
    return json.dumps(value)


def without_nulls(data: dict[str, Any]) -> dict[str, Any]:
    """The mapping without its null values, at any depth: null means 'not set'."""
    return {k: without_nulls(v) if isinstance(v, dict) else v for k, v in data.items() if v is not None}


def _text(path: Path, file: str) -> str:
    try:
        if not path.is_file():
            raise ConfigError(file, "file", "is not a regular file", "put a YAML file there")
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise ConfigError(file, "file", f"has {size} bytes, more than {LARGEST_FILE}", "keep data out of it")
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(file, "file", f"cannot be read ({error.strerror})", "make it readable") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(file, f"line {line}", "is not UTF-8", "save the file as UTF-8") from None


class _Reader:
    """Turns the events of one document into plain Python values."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.events: list[Any] = []
        self.position = 0

    def read(self, text: str) -> dict[str, Any]:
        self._refuse_tabs(text)
        events = self._parse(text)
        documents = [e for e in events if isinstance(e, yaml.DocumentStartEvent)]
        if len(documents) > 1:
            raise self._error(documents[1], "starts a second document", "keep one per file and remove the '---'")
        self.events = [e for e in events if isinstance(e, yaml.NodeEvent | yaml.CollectionEndEvent)]
        if not self.events or self._is_empty(self.events[0]):
            raise self._nothing()
        value = self._value("", 0)
        if not isinstance(value, dict):
            kind = "a list" if isinstance(value, list) else "a single value"
            raise ConfigError(self.file, "file", f"contains {kind} at the top", "write 'key: value' lines")
        if not value:
            raise self._nothing()
        return value

    def _nothing(self) -> ConfigError:
        return ConfigError(self.file, "file", "is empty", "write 'key: value' lines, the required keys at least")

    def _refuse_tabs(self, text: str) -> None:
        at = text.find("\t")
        if at >= 0:
            line = text.count("\n", 0, at) + 1
            raise ConfigError(self.file, f"line {line}", "contains a tab", "indent with two spaces per level")

    def _parse(self, text: str) -> list[Any]:
        try:
            return list(yaml.parse(text, Loader=_LOADER))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f"line {mark.line + 1}" if mark else "file"
            problem = (error.problem or "cannot be parsed").strip()
        except (yaml.YAMLError, ValueError) as error:  # a character that YAML does not allow
            where, problem = "file", str(getattr(error, "reason", None) or "contains a character that YAML forbids")
        raise ConfigError(self.file, where, f"is not YAML: {problem}", self._remedy(text, where))

    @staticmethod
    def _remedy(text: str, where: str) -> str:
        """How to write the line if its value only lacks quotes: `*/5 * * * *` begins like an alias."""
        number = where.removeprefix("line ")
        line = text.splitlines()[int(number) - 1] if number.isdigit() and int(number) <= len(text.splitlines()) else ""
        bare = _UNQUOTABLE.fullmatch(line)
        if bare:
            return f"put the value in quotes: {bare['key'].strip()}: {json.dumps(bare['value'].rstrip())}"
        return "fix that line; a value with ':' or '#' needs quotes"

    @staticmethod
    def _is_empty(event: Any) -> bool:
        return isinstance(event, yaml.ScalarEvent) and event.value == "" and event.style in (None, "")

    def _error(self, event: Any, problem: str, remedy: str, field: str = "") -> ConfigError:
        line = f"line {event.start_mark.line + 1}"
        return ConfigError(self.file, f"{field} ({line})" if field else line, problem, remedy)

    def _next(self) -> Any:
        event = self.events[self.position]
        self.position += 1
        return event

    def _value(self, field: str, depth: int) -> Any:
        event = self._next()
        self._refuse_graph(event, field)
        if depth > DEEPEST:
            raise self._error(
                event,
                f"is nested deeper than {DEEPEST} levels",
                "no field is that deep: look for a stray indent",
                field,
            )
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(field, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(field, depth)
        return self._scalar(event, field)

    def _refuse_graph(self, event: Any, field: str) -> None:
        if isinstance(event, yaml.AliasEvent):
            raise self._error(event, f"uses the alias *{event.anchor}", "write the value out", field)
        if getattr(event, "anchor", None):
            raise self._error(
                event, f"has the anchor &{event.anchor}", "remove it and write each value where it is used", field
            )
        if getattr(event, "tag", None):
            raise self._error(event, f"has the tag {event.tag}", "remove the tag", field)

    def _scalar(self, event: Any, field: str) -> str | int | bool | None:
        text = str(event.value)
        if any("\ud800" <= c <= "\udfff" for c in text):
            raise self._error(event, "contains half a character (a lone surrogate)", "write the whole character", field)
        if event.style not in (None, ""):
            return text
        if text == "":
            raise self._error(event, "has no value", "write one, or remove the line", field)
        return scalar(text)

    def _sequence(self, field: str, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(self.events[self.position], yaml.SequenceEndEvent):
            items.append(self._value(f"{field}[{len(items)}]", depth + 1))
        self._next()
        return items

    def _mapping(self, field: str, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(self.events[self.position], yaml.MappingEndEvent):
            event = self.events[self.position]
            key = self._key(field)
            inner = f"{field}.{key}" if field else key
            if key in result:
                raise self._error(event, "is written twice", "keep one of the two", inner)
            result[key] = self._value(inner, depth + 1)
        self._next()
        return result

    def _key(self, field: str) -> str:
        event = self._next()
        self._refuse_graph(event, field)
        if not isinstance(event, yaml.ScalarEvent) or self._is_empty(event):
            raise self._error(event, "has a key that is not text", "write keys as plain words", field)
        key = self._scalar(event, field)
        if not isinstance(key, str):
            raise self._error(
                event, f"has the key {shown(key)}, which is not text", f'put it in quotes: "{event.value}"', field
            )
        return key
