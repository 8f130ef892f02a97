"""What a network's figure shows, as a claim: each layer with its number, its word and its size. Nothing is laid out here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sympy import Symbol

from derive.derivation import Drawn, IsDrawn, Reason, Step, rule
from derive.errors import GivenError
from derive.topics.stack import Stack, is_stack, stack_of

NETWORK = rule("figure of the network", "the network")
MOST_LAYERS = 6  # of which the units are drawn
MOST_BOXES = 20
MOST_LABELS = 12  # weights written on the edges of one layer


def figure_of(given: Any) -> Step | None:
    """The figure of the network that is given; None where there is none, or its layers do not fit or are too many."""
    if given.network is None:
        return None
    try:
        stack = stack_of(given)
        claim = units_of(stack) if has_units(given.network) else boxes_of(stack)
    except (GivenError, ValueError):  # the questions tell what is wrong
        return None
    return None if claim is None else Step(claim, Reason(NETWORK))


def has_units(network: Any) -> bool:
    """Whether the units are drawn: few dense layers on a vector."""
    dense = all(hasattr(layer, "repeat") for layer in network.layers) and not isinstance(network.input, tuple)
    return dense and sum(layer.repeat for layer in network.layers) <= MOST_LAYERS


def units_of(stack: Stack) -> IsDrawn:
    """Columns of units, input at the left."""
    listed = stack.given.network.layers
    layers = [layer for layer in listed for _ in range(layer.repeat)]
    names = unit_names(stack, len(layers))
    found, observed, values = [Drawn(0, "input", stack.shape, names[0])], [], []
    known = stack.values if stack.given.values else {}
    matrices = {place.number: (place, weight, s) for place, weight, s in stack.weights() if not weight.is_bias}
    for number, layer in enumerate(layers, 1):
        place, weight, W = matrices[number]
        matrix = known.get(W) if layer.units * place.shape[0] <= MOST_LABELS else None
        if matrix is not None:
            observed.append((W, ("weight", place.path, weight)))
            values.append((W, matrix))
            matrix = matrix.T if weight.transposed else matrix
        word = layer.activation.name.replace("_", " ")
        found.append(Drawn(number, word, (layer.units,), names[number], matrix))
    world = replace(stack.counting(observed), values=tuple(values), sizes_only=not values)
    return IsDrawn(world, tuple(listed), tuple(found))


def unit_names(stack: Stack, count: int) -> list[Symbol]:
    """What goes in and what each layer puts out, by the names of the other questions; of rows the one of any example i."""
    if not is_stack(stack.given):
        return [Symbol("x"), *(Symbol("y_hat" if k == count else f"a{k}") for k in range(1, count + 1))]
    outputs = {place.number: step.output for place, step in stack.run}
    row = "_i" if stack.row else ""
    return [Symbol(f"{symbol.name}{row}") for symbol in (stack.x, *(outputs[k] for k in range(1, count + 1)))]


def boxes_of(stack: Stack) -> IsDrawn | None:
    """A chain of boxes, a layer each."""
    listed, shape, number = stack.given.network.layers, stack.shape, 1
    if len(listed) >= MOST_BOXES:
        return None
    found = [Drawn(0, "input", shape)]
    for layer in listed:
        shape, times = layer.out(shape), getattr(layer, "repeat", 1)
        is_recurrent = layer.call == "recurrent"
        found.append(
            Drawn(number, word_of(layer), shape, times=times, loops=is_recurrent, adds=layer.torch == "residual")
        )
        number += times
    return IsDrawn(stack.counting([]), tuple(listed), tuple(found))


def word_of(layer: Any) -> str:
    """The author's word for a layer, with its activation."""
    name, activation = layer.name, getattr(layer, "activation", None)
    if name == "activate":
        name = layer.activation.name
    elif activation is not None and activation.name != "identity":
        name = f"{name}, {activation.name}"
    return str(name).replace("_", " ")
