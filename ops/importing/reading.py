"""Reads other tools' YAML without interpreting it: every scalar is the text that the file has.

Ports like 22:22, versions like 1.10 and words like `no` mean what they look like, tags such as !Ref are kept as text, anchors
and merge keys are followed, and no tag ever constructs an object.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from config.errors import one_line
from ops.errors import OpsError

DEEPEST: Final = 100  # levels of nesting
LARGEST: Final = 2 * 1024 * 1024  # bytes; the rendered chart of a whole application has a few hundred thousand
MOST_VALUES: Final = (
    200_000  # of a document with its aliases written out, so that a small file cannot become a huge one
)


class Template(str):
    """Text that another tool would replace: the value of a tag such as !Ref."""

    __slots__ = ()


class _Loader(yaml.SafeLoader):
    """Everything is text, but for null."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag in ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _tagged(loader: _Loader, tag: str, node: yaml.Node) -> Any:
    if tag.startswith(("tag:yaml.org", "!reset", "!override")):  # the last two are compose's, about merging files
        return _plain(loader, node)
    return Template(f"{tag} {node.value}" if isinstance(node, yaml.ScalarNode) else tag)


def _plain(loader: _Loader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)  # noqa: S101  (there is no fourth kind of node)
    return loader.construct_mapping(node, deep=True)


_Loader.add_multi_constructor("", _tagged)


def read_text(path: Path) -> str:
    """A file's text. Raises OpsError if it cannot be read as text."""
    shown = one_line(str(path))
    try:
        if path.stat().st_size > LARGEST:
            raise OpsError(f"{shown}: has more than {LARGEST} bytes; import one service at a time", exit_code=2)
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise OpsError(f"{shown}: is not UTF-8; save it as UTF-8", exit_code=2) from None
    except OSError as error:
        raise OpsError(f"{shown}: cannot be read ({error.strerror}); name a readable file", exit_code=2) from None


def documents(text: str, name: str) -> list[dict[str, Any]]:
    """The mappings in a YAML text, one per document. `name` is the file's in messages. Raises OpsError."""
    try:
        _refuse_depth(text)
        found = [document for document in yaml.load_all(text, Loader=_Loader) if document is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        remedy = "run `helm template` first and import what it prints" if "{{" in text else "fix that line"
        problem = one_line((error.problem or "cannot be parsed").strip())
        raise OpsError(f"{name}: {where}is not YAML: {problem}; {remedy}", exit_code=2) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise OpsError(f"{name}: is not YAML; fix it, or import another file", exit_code=2) from None
    for document in found:
        if not isinstance(document, dict):
            raise OpsError(f"{name}: holds something other than 'key: value' lines; name a manifest", exit_code=2)
        if _too_large(document):
            raise OpsError(f"{name}: has aliases that make it too large; write the values out", exit_code=2)
    return found


def _refuse_depth(text: str) -> None:
    """Raises RecursionError for a text nested deeper than any manifest, whatever the limit of the process is."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise RecursionError


def _too_large(document: dict[str, Any]) -> bool:
    """Whether its aliases stand for more than anybody wrote; one inside itself has no end."""
    try:
        return _values(document, MOST_VALUES) < 0
    except RecursionError:
        return True


def _values(value: Any, left: int) -> int:
    """What is left of `left` after each value has been counted as often as it is used; below zero for too many."""
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        left = _values(child, left - 1)
        if left < 0:
            break
    return left
