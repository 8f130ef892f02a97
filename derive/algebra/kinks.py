"""Where a formula has no derivative: kinks, borders of branches that do not meet smoothly, ties."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sympy import Abs, And, Basic, Max, Min, Not, Piecewise, Pow, S, Symbol, false, sign, true
from sympy.core.relational import Relational

from derive.algebra import arrays
from derive.algebra.branches import letters, meet, value_at_a_point, zeros
from derive.algebra.domains import NONNEGATIVE, Signs
from derive.algebra.functions import TableFunction
from derive.algebra.nodes import Map, Slot, Total, is_array
from derive.algebra.tidy import tidy


@dataclass(frozen=True)
class Kink:
    """`node` has no derivative where left = right: numbers, or the entries of the array `left` and a number."""

    node: Any
    left: Any
    right: Any


def kinks(expr: Any, moving: Any) -> list[Kink]:
    """The kinks of a formula that one meets when the symbols `moving` vary, each once."""
    found = dict.fromkeys(_Walk(set(moving)).of(tidy(expr), (), true))
    return list({(kink.left, kink.right): kink for kink in found}.values())


@dataclass(frozen=True)
class Tie(Kink):
    """The largest entry of `node`, which has no derivative but where `left`, the number of largest entries, is `right`: one."""


@dataclass(frozen=True)
class _Walk:
    moving: set[Any]

    def varies(self, expr: Any, parts: tuple[Any, ...]) -> bool:
        if not isinstance(expr, Basic):
            return False
        if is_array(expr):
            return bool(expr.free_symbols & self.moving)
        slots = [parts[s.index] for s in expr.free_symbols if isinstance(s, Slot) and s.index < len(parts)]
        return bool(expr.free_symbols & self.moving) or any(part.free_symbols & self.moving for part in slots)

    def of(self, expr: Any, parts: tuple[Any, ...], where: Any) -> Iterator[Kink]:
        """The kinks of a node and of what it is made of, inside of the map over `parts` and where a condition holds."""
        if not self.varies(expr, parts):
            return
        for kink in at_node(expr):
            varies = self.varies(kink.left, parts) or self.varies(kink.right, parts)
            if varies and not touches(kink, parts) and is_reached(kink, where):
                yield closed(kink, parts)
        if isinstance(expr, Pow) and isinstance(expr.base, arrays.Norm) and expr.exp.is_even and expr.exp.is_positive:
            yield from self.of(expr.base.array, (), where)
        elif isinstance(expr, Map):
            yield from self.of(expr.body, expr.arrays, where)
            for part in expr.arrays:
                yield from self.of(part, (), where)
        elif isinstance(expr, Piecewise):
            before: Any = true
            for value, condition in expr.args:
                yield from self.of(value, parts, And(where, before, condition))
                before = And(before, Not(condition))
        else:
            for arg in expr.args:
                yield from self.of(arg, () if is_array(arg) else parts, where)


def touches(kink: Kink, parts: tuple[Any, ...]) -> bool:
    """Whether what stands inside of |u|, relu(u), max(u, 0) is never negative: that is u itself, whose own kinks count."""
    if isinstance(kink.node, Piecewise | arrays.Norm) or is_array(kink.left) or kink.right != 0:
        return False
    return Signs({}).sign(kink.left, parts) >= NONNEGATIVE


def is_reached(kink: Kink, where: Any) -> bool:
    """Whether a kink inside of a branch can lie where that branch holds."""
    if where == true or is_array(kink.left):
        return True
    for symbol in letters(kink.left - kink.right):
        places = zeros(kink.left - kink.right, symbol)
        if places is not None:
            return any(may_hold(where, symbol, place) for place in places)
    return True


def may_hold(condition: Any, symbol: Any, place: Any) -> bool:
    """Whether a condition is not known to be false at a place; of what has no value there nothing is known."""
    try:
        return bool(condition.xreplace({symbol: place}) != false)
    except (TypeError, ValueError):
        return True


def closed(kink: Kink, parts: tuple[Any, ...]) -> Kink:
    """With the arrays of the map in the places of its slots."""
    if is_array(kink.left) or not any(isinstance(s, Slot) for s in (kink.left - kink.right).free_symbols):
        return kink
    left, right = (kink.left, kink.right) if kink.right.is_number else (kink.left - kink.right, S.Zero)
    if left.is_number:
        left, right = right, left
    return Kink(kink.node, tidy(Map(left, *parts)), right)


def at_node(node: Any) -> Iterator[Kink]:
    """The places where a node by itself has no derivative; its parts have their own."""
    if isinstance(node, Abs | sign):
        yield Kink(node, node.args[0], S.Zero)
    elif isinstance(node, arrays.Norm):
        yield Kink(node, node, S.Zero)
    elif isinstance(node, arrays.LargestEntry):
        yield Tie(node, Total(tidy(Map(Piecewise((1, Slot(0) >= node), (0, True)), node.array))), S.One)
    elif isinstance(node, Max | Min):
        for k, one in enumerate(node.args):
            for other in node.args[k + 1 :]:
                yield Kink(node, *((other, one) if one.is_number else (one, other)))
    elif isinstance(node, TableFunction) and node.row.kinks:
        t = Symbol("_place", real=True)
        if list(_rough(node.row.definition(t, *node.args[1:]))):
            for kink in node.row.kinks:
                yield Kink(node, node.args[0], S(kink))
    elif isinstance(node, Piecewise):
        for relation in _rough(node):
            yield Kink(node, *relation.args)


def _rough(expr: Any) -> Iterator[Relational]:
    """The conditions of branches that do not meet smoothly."""
    single = value_at_a_point(expr) if isinstance(expr, Piecewise) else None
    for value, condition in getattr(expr, "args", ()) if isinstance(expr, Piecewise) else ():
        for relation in condition.atoms(Relational):
            left, right = relation.args
            if single is not None:
                smooth = any(single.slopes(s) is not None for s in letters(left - right))
            else:
                smooth = len(expr.args) == 2 and meet(value, expr.args[1][0], left - right)
            if not smooth:
                yield relation
