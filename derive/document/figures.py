"""A network's diagram as data: where units and connections lie, what stands on them. Its numbers and names are those of a claim
(IsDrawn) that the referee has judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Symbol

from derive.algebra.nodes import Numeral
from derive.derivation import Drawn, IsDrawn

MOST_UNITS = 8  # drawn in one layer; more are abbreviated with dots


@dataclass(frozen=True)
class Unit:
    """A unit at (x, y); `label` stands in it, None where dots stand for many."""

    x: float
    y: float
    label: Any


@dataclass(frozen=True)
class Edge:
    """A connection between two units, with a weight on it at a fraction of its length."""

    start: tuple[float, float]
    end: tuple[float, float]
    weight: Any = None
    place: float = 0.27


@dataclass(frozen=True)
class NetworkFigure:
    """Units, edges, and a caption below each column: its name and its activation."""

    units: tuple[Unit, ...]
    edges: tuple[Edge, ...]
    captions: tuple[tuple[float, float, str, str], ...]


def network_figure(drawn: IsDrawn) -> NetworkFigure:
    """The drawing of a stack of dense layers, input at the left."""
    layers = drawn.layers
    has_numbers = any(layer.weights is not None for layer in layers)
    apart, pitch = (3.4, 1.5) if has_numbers else (2.7, 1.05)
    columns = [_column(k * apart, layer.size[0], str(layer.symbol)) for k, layer in enumerate(layers)]
    tallest = max(len(column) for column in columns)
    placed = [[Unit(u.x, u.y * pitch, u.label) for u in column] for column in columns]
    edges = [edge for k, layer in enumerate(layers[1:]) for edge in _edges(layer, placed[k], placed[k + 1])]
    low = -pitch * (tallest - 1) / 2 - 0.85
    captions = [(0.0, low, layers[0].word, "")]
    for k, layer in enumerate(layers[1:], 1):
        hidden = f"hidden {layer.number}" if len(layers) > 3 else "hidden"
        captions.append((k * apart, low, "output" if k == len(layers) - 1 else hidden, layer.word))
    return NetworkFigure(tuple(u for column in placed for u in column), tuple(edges), tuple(captions))


def _column(x: float, size: int, name: str) -> list[Unit]:
    shown = list(range(size)) if size <= MOST_UNITS else [0, 1, 2, None, size - 1]
    top = (len(shown) - 1) / 2
    return [Unit(x, top - row, None if k is None else _name(name, k, size)) for row, k in enumerate(shown)]


def _name(name: str, k: int, size: int) -> Symbol:
    return Symbol(name if size == 1 else f"{name}_{k + 1}")


def _edges(layer: Drawn, left: list[Unit], right: list[Unit]) -> list[Edge]:
    edges = []
    for i, source in enumerate(left):
        for j, target in enumerate(right):
            if source.label is None or target.label is None:
                continue
            weight = Numeral(layer.weights[j, i]) if layer.weights is not None else None
            edges.append(Edge((source.x, source.y), (target.x, target.y), weight))
    return edges


@dataclass(frozen=True)
class Box:
    """A layer in a chain of boxes: its place in the grid, its name, the size that leaves it, and how many of it follow one
    another."""

    row: int
    column: int
    name: str
    size: tuple[Any, ...]
    loops: bool = False
    adds: bool = False
    times: int = 1


@dataclass(frozen=True)
class ChainFigure:
    """Layers one after another, in rows of a few boxes; `loops` marks what is carried from step to step, `adds` what the
    input is added to."""

    boxes: tuple[Box, ...]


IN_A_ROW = 5


def chain_figure(drawn: IsDrawn) -> ChainFigure:
    """The drawing of any stack of layers, a box each."""
    boxes = [
        Box(k // IN_A_ROW, k % IN_A_ROW, layer.word, layer.size, layer.loops, layer.adds, layer.times)
        for k, layer in enumerate(drawn.layers)
    ]
    return ChainFigure(tuple(boxes))
