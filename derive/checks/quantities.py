"""What the symbols of a world stand for, in words that all worlds share: the layer and the part of a network, the state of an
optimiser, the term of a loss, the defining expression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import singledispatch
from typing import Any

from sympy import Basic, Indexed, MatrixBase, Sum, Symbol
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.arrays import Unit
from derive.algebra.nodes import Slot
from derive.derivation import Claim, World
from derive.worlds import LossRun, MomentRun, NetworkRun, OptimiserRun, StackRun

Quantity = tuple[Any, ...]  # equal for one quantity, whatever world it is seen in
COUNTS = {"parameters", "weights", "biases"}
STATES = {"gradient": ("state", "g"), "parameter": ("state", "w")}


@singledispatch
def quantity_of(world: World, tag: tuple[Any, ...]) -> Quantity:
    """The quantity that a tag of a world speaks of."""
    return (type(world).__name__, *tag)


@quantity_of.register(OptimiserRun)
@quantity_of.register(MomentRun)
def _of_optimiser(world: World, tag: tuple[Any, ...]) -> Quantity:
    """Parameters and gradients are called like other states; gradients may be random."""
    kind, *which = tag
    return ("optimiser", *STATES.get(kind, (kind,)), *which)


@quantity_of.register
def _of_loss(world: LossRun, tag: tuple[Any, ...]) -> Quantity:
    """Terms of the data that are given, or of any."""
    of = "set" if tag[0] == "setting" else "any" if world.targets is None else "given"
    return ("loss", of, *tag)


@quantity_of.register
def _of_stack(world: StackRun, tag: tuple[Any, ...]) -> Quantity:
    kind, *which = tag
    if kind in ("weight", "whole", "after"):
        which[-1] = getattr(which[-1], "letter", which[-1])
    if kind == "output" and which[0].isdigit() and _is_turned_page(world, int(which[0])):
        kind, which = "page", [str(int(which[0]) - 1)]
    return (_network(world.layers, world.input), kind, *which)


def _is_turned_page(world: StackRun, place: int) -> bool:
    """Whether a layer puts out what goes in: a flattened image of one place is the row that stands on its page."""
    shape = world.input
    for layer in world.layers[:place]:
        shape = layer.out(shape)
    return world.layers[place].name == "flatten" and tuple(shape[1:]) == (1, 1) and place > 0


@quantity_of.register
def _of_network(world: NetworkRun, tag: tuple[Any, ...]) -> Quantity:
    """A layer's number becomes the path that it has where activations are layers of their own."""
    kind, *which = tag
    paths, layers = _paths(world.network)
    network = _network(layers, (world.network.input,))
    if kind in COUNTS:
        return (network, "count", paths[which[0]][0] if which else "", kind)
    if not which:
        return (network, kind)
    first, last = paths[which[0]]
    words = {"weight": ("weight", first, "W"), "bias": ("weight", first, "b"), "pre_activation": ("output", first)}
    return (network, *words.get(kind, ("output", last) if kind == "activation" else (kind, first)))


def _paths(network: Any) -> tuple[list[tuple[str, str]], tuple[Any, ...]]:
    """The paths of each dense layer and of its activation (its own where it has none), and the layers at all paths."""
    found: list[tuple[str, str]] = []
    layers: list[Any] = []
    for layer in network.layers:
        parts = layer.expanded((network.input,))
        for part in parts:
            if hasattr(part, "units"):
                found.append((str(len(layers)), str(len(layers))))
            else:
                found[-1] = (found[-1][0], str(len(layers)))
            layers.append(part)
    return found, tuple(layers)


def _network(layers: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[Any, ...]:
    return ("network", tuple(layers), tuple(shape))


def symbols_in(value: Any) -> Iterator[Any]:
    """The symbols, the sizes and the bases of entries that are printed with a claim, or with an expression."""
    if isinstance(value, tuple | list | MatrixBase):
        for part in value:
            yield from symbols_in(part)
    elif isinstance(value, Claim):
        for field in fields(value):
            if field.name != "world":
                yield from symbols_in(getattr(value, field.name))
    elif isinstance(value, MatrixSymbol):
        yield value
        yield from symbols_in(tuple(value.shape))
    elif isinstance(value, Unit):
        yield value
    elif isinstance(value, Indexed):
        yield value.base
        yield from symbols_in(tuple(value.indices))
    elif isinstance(value, Symbol):
        if not isinstance(value, Slot):
            yield value
    elif isinstance(value, Sum):  # the printer chooses the letters that sums run over
        over = {limits[0] for limits in value.limits}
        yield from (symbol for part in value.args for symbol in symbols_in(part) if symbol not in over)
    elif isinstance(value, Basic):
        for part in value.args:
            yield from symbols_in(part)
