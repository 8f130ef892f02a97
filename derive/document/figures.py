"""A network's diagram as data: where units and connections lie, what stands on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Symbol

from derive.algebra.nodes import Numeral
from derive.algebra.numbers import as_matrix

MOST_UNITS = 8  # drawn in one layer; more are abbreviated with dots
MOST_LABELS = 12  # weights written on the edges of one layer


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


def network_figure(given: Any) -> NetworkFigure:
    """The drawing of a stack of dense layers, input at the left."""
    layers = [layer for layer in given.network.layers for _ in range(layer.repeat)]
    sizes = [given.network.input, *[layer.units for layer in layers]]
    names = ["x", *[f"a{k}" for k in range(1, len(layers))], "y_hat"]
    apart = 3.4 if given.values else 2.7
    columns = [_column(k * apart, size, names[k]) for k, size in enumerate(sizes)]
    tallest = max(len(column) for column in columns)
    pitch = 1.5 if given.values and _labelled(given, sizes) else 1.05
    placed = [[Unit(u.x, u.y * pitch, u.label) for u in column] for column in columns]
    edges = [edge for k in range(len(layers)) for edge in _edges(given, k, placed[k], placed[k + 1], sizes)]
    low = -pitch * (tallest - 1) / 2 - 0.85
    captions = [(0.0, low, "input", "")]
    for k, layer in enumerate(layers, 1):
        kind = "output" if k == len(layers) else f"hidden {k}" if len(layers) > 2 else "hidden"
        captions.append((k * apart, low, kind, layer.activation.name.replace("_", " ")))
    return NetworkFigure(tuple(u for column in placed for u in column), tuple(edges), tuple(captions))


def _column(x: float, size: int, name: str) -> list[Unit]:
    shown = list(range(size)) if size <= MOST_UNITS else [0, 1, 2, None, size - 1]
    top = (len(shown) - 1) / 2
    return [Unit(x, top - row, None if k is None else _name(name, k, size)) for row, k in enumerate(shown)]


def _name(name: str, k: int, size: int) -> Symbol:
    return Symbol(name if size == 1 else f"{name}_{k + 1}")


def _labelled(given: Any, sizes: list[int]) -> bool:
    return all(a * b <= MOST_LABELS for a, b in zip(sizes, sizes[1:], strict=False))


def _edges(given: Any, k: int, left: list[Unit], right: list[Unit], sizes: list[int]) -> list[Edge]:
    nested = (given.values or {}).get(f"W{k + 1}")
    few = sizes[k] * sizes[k + 1] <= MOST_LABELS and nested is not None
    weights = as_matrix(nested) if few else None
    if weights is not None and given.network.convention == "row":
        weights = weights.T  # a column for each unit there
    edges = []
    for i, source in enumerate(left):
        for j, target in enumerate(right):
            if source.label is None or target.label is None:
                continue
            weight = Numeral(weights[j, i]) if weights is not None else None
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
MOST_BOXES = 20


def chain_figure(given: Any) -> ChainFigure | None:
    """The drawing of any stack of layers that fit; None where they do not, or are too many."""
    shape = given.network.input if isinstance(given.network.input, tuple) else (given.network.input,)
    boxes = [Box(0, 0, "input", shape)]
    for layer in given.network.layers:
        try:
            shape = layer.out(shape)
        except ValueError:
            return None
        name = layer.name.replace("_", " ")
        activation = getattr(layer, "activation", None)
        if activation is not None and activation.name != "identity":
            name = activation.name if name == "activate" else f"{name}, {activation.name}"
        k = len(boxes)
        recurrent = layer.call == "recurrent"
        times = getattr(layer, "repeat", 1)
        boxes.append(Box(k // IN_A_ROW, k % IN_A_ROW, name, shape, recurrent, layer.torch == "residual", times))
    return ChainFigure(tuple(boxes)) if len(boxes) <= MOST_BOXES else None
