"""The matrix of a review: rows begin, columns are reached, and each cell says what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ops.review.graph import called
from ops.review.model import Crossing, Exposure, Node, NodeKind, Status

_MOST_CELLS: Final = 900
"""Above, only rows and columns with a change are in the matrix; the list has all."""
_ORDER: Final = tuple(NodeKind)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A crossing as it is shown.

    Attributes:
        status: what becomes of it.
        kept: what stays.
        added: what is new.
        removed: what is gone.
    """

    status: Status
    kept: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A target."""

    name: str
    changes: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """A source with one cell, or None, for each column."""

    name: str
    changes: bool
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A crossing as a line of the list."""

    source: str
    target: str
    cell: Cell


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """The table.

    Attributes:
        columns: the targets.
        rows: the sources.
        whole: whether rows and columns that do not change are among them.
        lines: every crossing, those that change first.
        changes: how many crossings change.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    whole: bool
    lines: tuple[Line, ...]
    changes: int


def matrix(exposure: Exposure) -> Matrix:
    """The table of what can reach what."""
    nodes = {node.id: node for reach in (exposure.before, exposure.after) for node in reach.nodes}
    cells = {(crossing.source, crossing.target): _cell(crossing) for crossing in exposure.crossings}
    changes = {key for key, cell in cells.items() if cell.status is not Status.SAME}
    busy, reached = {source for source, _ in changes}, {target for _, target in changes}
    whole = len({key[0] for key in cells}) * len({key[1] for key in cells}) <= _MOST_CELLS
    shown = {key: cell for key, cell in cells.items() if whole or (key[0] in busy and key[1] in reached)}
    sources, targets = (_sorted({key[end] for key in shown}, nodes) for end in (0, 1))
    rows = tuple(
        Row(
            name=_name(source, nodes),
            changes=source in busy,
            cells=tuple(shown.get((source, target)) for target in targets),
        )
        for source in sources
    )
    if not whole and len(sources) * len(targets) > _MOST_CELLS:
        rows, targets = (), []  # so much changes that only the list is readable
    lines = [Line(source=_name(key[0], nodes), target=_name(key[1], nodes), cell=cell) for key, cell in cells.items()]
    return Matrix(
        columns=tuple(Column(name=_name(target, nodes), changes=target in reached) for target in targets),
        rows=rows,
        whole=whole,
        lines=tuple(sorted(lines, key=lambda line: line.cell.status is Status.SAME)),
        changes=len(changes),
    )


def _cell(crossing: Crossing) -> Cell:
    before, after = crossing.before, crossing.after
    return Cell(
        status=crossing.status,
        kept=tuple(what for what in after if what in before),
        added=tuple(what for what in after if what not in before),
        removed=tuple(what for what in before if what not in after),
    )


def _sorted(keys: Iterable[str], nodes: Mapping[str, Node]) -> Sequence[str]:
    """From the internet to the data, then by platform and name."""

    def place(key: str) -> tuple[int, str, str]:
        node = nodes.get(key)
        return (len(_ORDER), "", key) if node is None else (_ORDER.index(node.kind), node.platform, node.label)

    return sorted(keys, key=place)


def _name(key: str, nodes: Mapping[str, Node]) -> str:
    return called(nodes[key]) if key in nodes else key
