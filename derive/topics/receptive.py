"""`receptive_field`: how many rows of the input one entry of a layer's output depends on."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from sympy import Integer

from derive.algebra.nodes import Factors, Numeral, Terms
from derive.catalogue.layers.base import PlaceByPlace, seen_through
from derive.catalogue.layers.convolution import ConvTranspose2d
from derive.derivation import Derivation, HasCount, Reason, Work, rule
from derive.errors import GivenError, NotDerivable
from derive.topics.registry import questions
from derive.topics.stack import Place, Stack, stack_of
from derive.topics.stack_answers import count_answer, count_symbols

FIELD = rule("receptive field of a layer", "a window of {0} steps over places that lie {1} apart in the input")
SAME_FIELD = rule("receptive field kept", "it looks at one place of its input")
BACK = rule("receptive field followed back", "followed back through the layers, for the row that looks at the most")
ENDLESS = rule(
    "receptive field without borders",
    "counted on an image without borders, from the first row that is looked at to the last; statistics are taken as given",
)
MOST_ROWS = 1000  # rows of an output after which the pattern of the rows that they look at must repeat


@questions("receptive_field")
@dataclass(frozen=True)
class ReceptiveField:
    """How many rows of the input one entry of each layer's output depends on: r = r_before + (K - 1) j, with j the product
    of the strides before (Araujo, Norris and Sim 2019); where rows spread or branches meet, by following each row back."""

    def derive(self, given: Any) -> Derivation:
        stack = stack_of(given)
        seen = [place for place in stack.places if len(place.out) == len(stack.shape) > 1]
        if not any(hasattr(layer, "kernel") for place in seen for layer in inside(place.layer)):
            raise GivenError("a receptive field belongs to convolutions and pooling", ("given", "network"))
        symbols = count_symbols("r", seen)
        world = stack.counting([(symbols[place.path], ("receptive", place.path)) for place in seen])
        work = Work("Layer by layer", world, Reason(ENDLESS))
        field, apart = 1, 1  # of the layer before, while every layer works in windows or at single places
        in_windows = True
        for k, place in enumerate(seen):
            symbol, rows = symbols[place.path], rows_seen(stack, seen[: k + 1])
            window = place.layer.window() if in_windows else None
            at_one_place = in_windows and isinstance(place.layer, PlaceByPlace)
            in_windows = window is not None or at_one_place
            if window is not None:
                kernel, stride = window
                written = Terms(Numeral(field), Factors(Terms(Numeral(kernel), Integer(-1)), Numeral(apart)))
                about = (Integer(kernel), Integer(apart))
                work.claim(HasCount(world, symbol, (written, Integer(rows))), FIELD, about, place is seen[-1])
                apart *= stride
            else:
                work.claim(HasCount(world, symbol, (Integer(rows),)), SAME_FIELD if at_one_place else BACK)
            field = rows
        answer = count_answer("receptive_field", world, symbols[seen[-1].path], field, True)
        return Derivation("Receptive field", (work.section(),), (answer,))


def rows_seen(stack: Stack, places: list[Place]) -> int:
    """How many rows, from the first to the last, the row of the last layer's output looks at that looks at the most.

    Raises GivenError where a layer has no such rows, and where the pattern of the rows is too long to follow.
    """
    layers = [place.layer for place in places]
    spreading = [inner for layer in layers for inner in inside(layer) if isinstance(inner, ConvTranspose2d)]
    period = prod(layer.stride[0] for layer in spreading)
    if period > MOST_ROWS:
        raise GivenError("so many strides of transposed convolutions are not followed", ("given", "network", "layers"))
    try:
        ranges = [seen_through(layers, row, row, stack.shape) for row in range(period)]
    except NotDerivable as error:
        raise GivenError(f"there is no {str(error).removeprefix('a ')}", ("given", "network", "layers")) from None
    return max(last - first + 1 for first, last in ranges)


def inside(layer: Any) -> list[Any]:
    """The layer, or those inside of a block."""
    inner = getattr(layer, "layers", None) or getattr(layer, "branches", None)
    return [layer] if inner is None else [found for part in inner for found in inside(part)]
