"""Where the nodes and edges of graphs go: Graphviz, as WebAssembly, in one Node process for all pictures.

Graphviz never sees a text of a template: nodes are numbers with a size, so that no name can change what it reads.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ops.process import capture

SCRIPT: Final = Path(__file__).with_name("layout.mjs")
_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_SECONDS: Final = 30.0
_INCH: Final = 72.0
_HEADER: Final = (
    "digraph{rankdir=LR;nodesep=0.2;ranksep=0.4;splines=true;newrank=true;"
    'node[shape=box,fixedsize=true,label=""];edge[arrowsize=0.6];'
)
_NUMBER: Final = re.compile(r"-?[0-9.]+(?:e[-+]?[0-9]+)?")

Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Order:
    """A graph without its texts.

    Attributes:
        sizes: width and height of each node.
        groups: the numbers of the nodes that share a frame.
        first: numbers of the nodes that are farthest left.
        edges: source, target, and width and height of the label; 0 for none.
    """

    sizes: tuple[Point, ...]
    groups: tuple[tuple[int, ...], ...]
    first: tuple[int, ...]
    edges: tuple[tuple[int, int, float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """An edge: the points of its Bézier curve, the tip of its arrow, and the middle of its label."""

    points: tuple[Point, ...]
    tip: Point
    label: Point


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A graph with coordinates that grow to the right and down.

    Attributes:
        size: of the whole drawing.
        nodes: the middle of each node.
        groups: left, top, width and height of each frame.
        edges: the curve of each edge.
    """

    size: Point
    nodes: tuple[Point, ...]
    groups: tuple[Box, ...]
    edges: tuple[Curve, ...]


class LayoutError(Exception):
    """Nothing could be placed; the text says why."""


def placed(orders: Sequence[Order], node: str | Path | None = None) -> list[Placed | None]:
    """Places graphs; None for one that Graphviz refuses.

    Args:
        orders: the graphs.
        node: the command of Node; by default that of the virtual environment, else the one on PATH.

    Raises:
        LayoutError: Node is missing, or ends with an error.
    """
    command = node or _node()
    done = capture([command, SCRIPT], env=_environment(), timeout=_SECONDS, stdin=json.dumps([_dot(o) for o in orders]))
    if not done.ok:
        raise LayoutError(done.last_line())
    try:
        return [
            None if found is None else _read(order, found)
            for order, found in zip(orders, json.loads(done.out), strict=True)
        ]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise LayoutError(f"the layout cannot be read ({error!r})") from error


def _node() -> str | Path:
    own = _ROOT / ".venv" / "bin" / "node"
    return own if own.exists() else shutil.which("node") or "node"


def _environment() -> dict[str, str]:
    """The caller's, without options that would make Node load something else."""
    return {key: value for key, value in os.environ.items() if key not in {"NODE_OPTIONS", "NODE_PATH"}}


def _dot(order: Order) -> str:
    """https://graphviz.org/doc/info/lang.html"""
    parts = [
        f"n{i}[width={width / _INCH:.3f},height={height / _INCH:.3f}]" for i, (width, height) in enumerate(order.sizes)
    ]
    for i, members in enumerate(order.groups):
        parts.append(f"subgraph cluster_{i}{{margin=14;label={_space(40, 16)};labeljust=l;{_list(members)}}}")
    parts.append(f"{{rank=source;{_list(order.first)}}}")
    for number, (source, target, width, height) in enumerate(order.edges):
        # An edge to the farthest left is turned around for the layout, so that its other end stays where it belongs.
        back = target in order.first and source not in order.first
        ends = f"n{target}->n{source}" if back else f"n{source}->n{target}"
        label = f";label={_space(width, height)}" if width else ""
        parts.append(f"{ends}[id=e{number}{label}{';dir=back' if back else ''}]")
    return _HEADER + ";".join(parts) + "}"


def _list(numbers: Sequence[int]) -> str:
    return ";".join(f"n{number}" for number in numbers)


def _space(width: float, height: float) -> str:
    """A label of that size without text."""
    return f'<<TABLE BORDER="0" FIXEDSIZE="TRUE" WIDTH="{width:.0f}" HEIGHT="{height:.0f}"><TR><TD></TD></TR></TABLE>>'


def _read(order: Order, found: dict[str, Any]) -> Placed:
    """https://graphviz.org/docs/outputs/json/"""
    left, bottom, right, top = _numbers(found["bb"])
    by_name = {entry["name"]: entry for entry in found.get("objects", ())}
    by_id = {edge["id"]: edge for edge in found.get("edges", ())}  # in no order that means anything

    def point(x: float, y: float) -> Point:
        return x - left, top - y

    def box(text: str) -> Box:
        x, low, far, high = _numbers(text)
        return (*point(x, high), far - x, high - low)

    return Placed(
        size=(right - left, top - bottom),
        nodes=tuple(point(*_numbers(by_name[f"n{i}"]["pos"])) for i in range(len(order.sizes))),
        groups=tuple(box(by_name[f"cluster_{i}"]["bb"]) for i in range(len(order.groups))),
        edges=tuple(_curve(by_id[f"e{i}"], point) for i in range(len(order.edges))),
    )


def _curve(edge: dict[str, Any], point: Callable[..., Point]) -> Curve:
    """`pos` is "e,x,y x,y ...": the tip, or with s the tip of an edge that was turned around, then the curve.

    https://graphviz.org/docs/attr-types/splineType/
    """
    parts = edge["pos"].split(";")[0].split()
    points = [point(*_numbers(part)) for part in parts if not part.startswith(("e,", "s,"))]
    if edge.get("dir") == "back":
        points.reverse()
    tip = next((point(*_numbers(part)) for part in parts if part.startswith(("e,", "s,"))), points[-1])
    label = point(*_numbers(edge["lp"])) if "lp" in edge else points[len(points) // 2]
    return Curve(points=tuple(points), tip=tip, label=label)


def _numbers(text: str) -> list[float]:
    return [float(number) for number in _NUMBER.findall(text)]
