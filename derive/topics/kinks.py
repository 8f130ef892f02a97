"""Kinks that given numbers meet exactly, and ties in the windows of max pooling: what PyTorch takes there."""

from __future__ import annotations

from typing import Any

from sympy import Piecewise
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol

from derive.algebra.arrays import WindowLargest
from derive.algebra.functions import TABLE, TableFunction, argument
from derive.algebra.nodes import Map, Slot, prime
from derive.algebra.numbers import numeral
from derive.algebra.values import value_of
from derive.algebra.values_arrays import places_of_windows
from derive.derivation import Work, rule

KINK = rule("at a kink", "{0} is exactly at the kink of {1}, where it has no derivative; PyTorch takes this value")
TIE = rule(
    "tie in a window",
    "the largest entries of one window, row by row: the derivative goes to the first of them, as in PyTorch",
)


def kinks_and_ties(work: Work, definitions: Any, values: dict[Any, Any]) -> None:
    """A line for each entry that stands at a kink, and for each window whose largest entry stands in it more than once."""
    for _, expr in definitions:
        for node in sorted(expr.atoms(Map), key=str):
            for function in sorted(node.body.atoms(TableFunction), key=str):
                _kinks(work, function, node, values)
        for node in expr.atoms(WindowLargest):
            _ties(work, node, values)


def _kinks(work: Work, function: Any, node: Map, values: dict[Any, Any]) -> None:
    at, *parameters = function.args
    array = node.arrays[at.index] if isinstance(at, Slot) else None
    if not isinstance(array, MatrixSymbol) or array not in values:
        return
    for kink in kinks_of(type(function), parameters):
        for i in range(values[array].rows):
            for j in range(values[array].cols):
                if values[array][i, j] == kink:
                    entry = MatrixElement(array, i, j)
                    slope = prime(function.row.name, entry, *parameters)
                    taken = value_of(prime(function.row.name, kink, *parameters), {})
                    work.equal(slope, numeral(taken), why=KINK, about=(entry, function.row.name.replace("_", " ")))


def kinks_of(function: Any, parameters: Any) -> list[Any]:
    """Where the slopes of the two branches differ: ELU with alpha 1 has no kink at 0."""
    t = argument()
    definition = TABLE[function.row.name].row.definition(t, *parameters)
    if not isinstance(definition, Piecewise):
        return []
    slopes = [branch.diff(t) for branch, _ in definition.args]
    return [kink for kink in function.row.kinks if len({slope.subs(t, kink) for slope in slopes}) > 1]


def _ties(work: Work, node: WindowLargest, values: dict[Any, Any]) -> None:
    array = node.array
    if array not in values:
        return
    for window in places_of_windows(node):
        places = [place for place in window if place is not None]
        for channel in range(values[array].cols):
            entries = {place: values[array][place, channel] for place in places}
            equal = [place for place in places if entries[place] == max(entries.values())]
            if len(equal) > 1:
                work.equal(*(MatrixElement(array, place, channel) for place in equal), why=TIE)
