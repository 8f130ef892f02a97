"""Where a formula is defined: what must be positive, not zero, or of full rank, in the order in which one meets it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sympy import Abs, Add, Basic, Eq, Gt, Integer, Mul, Ne, Piecewise, Pow, Symbol, exp, log
from sympy.matrices.expressions import MatAdd, MatMul, Transpose
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol

from derive.algebra import arrays
from derive.algebra.functions import TABLE
from derive.algebra.nodes import Map, Mean, Slot, Softmax, Total, is_array
from derive.algebra.tidy import tidy, transposed

POSITIVE, NONNEGATIVE, UNKNOWN = 2, 1, 0
SIGNS = {"sigmoid": POSITIVE, "softplus": POSITIVE, "relu": NONNEGATIVE}


@dataclass(frozen=True)
class Condition:
    """A relation under which a formula is defined, in every entry where its left side is an array; and what needs it: 'log',
    'power', 'divisor', 'logdet', 'inverse', 'rank'."""

    relation: Any
    needed_by: str

    @property
    def is_of_array(self) -> bool:
        return is_array(self.relation.args[0])


def conditions(definitions: Iterable[tuple[Any, Any]]) -> list[Condition]:
    """The conditions under which every definition has a value, each relation once."""
    signs = Signs(dict(definitions))
    found: dict[Any, Condition] = {}
    for _, meaning in signs.known.items():
        for condition in signs.needed(meaning, ()):
            found.setdefault(condition.relation, condition)
    return list(found.values())


class Signs:
    """What can be told of the signs of expressions whose names are `known`."""

    def __init__(self, known: dict[Any, Any]):
        self.known = known

    def needed(self, expr: Any, parts: tuple[Any, ...]) -> Iterator[Any]:
        """The conditions of a node and of its parts, inside of the map over `parts`."""
        if not isinstance(expr, Basic) or isinstance(expr, MatrixSymbol):
            return
        if isinstance(expr, Map):
            yield from self.needed(expr.body, expr.arrays)
            for part in expr.arrays:
                yield from self.needed(part, ())
            return
        if isinstance(expr, Piecewise):
            return  # each branch where it holds: nothing can be said for all points
        for arg in expr.args:
            yield from self.needed(arg, () if is_array(arg) else parts)
        yield from self.at_node(expr, parts)

    def at_node(self, expr: Any, parts: tuple[Any, ...]) -> Iterator[Any]:
        if isinstance(expr, log) and self.sign(expr.args[0], parts) < POSITIVE:
            yield from relations(Gt, expr.args[0], parts, "log")
        elif isinstance(expr, Pow) and not _is_whole(expr.exp) and not expr.base.is_number:
            if self.sign(expr.base, parts) < POSITIVE:
                yield from relations(Gt, expr.base, parts, "power")
        elif isinstance(expr, Pow) and expr.exp.is_negative and not expr.base.is_number:
            if self.sign(expr.base, parts) < POSITIVE and not expr.base.is_nonzero:
                yield from relations(Ne, expr.base, parts, "divisor")
        elif isinstance(expr, arrays.LogDet) and not is_definite(expr.array):
            yield full_rank(expr.array) or Condition(Gt(arrays.Det(expr.array), 0, evaluate=False), "logdet")
        elif isinstance(expr, arrays.Inv) and not is_definite(expr.array):
            yield full_rank(expr.array) or Condition(Ne(arrays.Det(expr.array), 0, evaluate=False), "inverse")

    def sign(self, expr: Any, parts: tuple[Any, ...] = ()) -> int:
        """POSITIVE, NONNEGATIVE, or UNKNOWN."""
        if isinstance(expr, Slot) and expr.index < len(parts):
            return self.entries(parts[expr.index])
        if isinstance(expr, Symbol) and expr in self.known:
            return max(_assumed(expr), self.sign(self.known[expr]))
        if isinstance(expr, Add):
            return self.of_sum(expr, parts)
        if isinstance(expr, Mul):
            return min(self.sign(factor, parts) for factor in expr.args)
        if isinstance(expr, Pow):
            inner = self.sign(expr.base, parts)
            even = NONNEGATIVE if expr.exp.is_even else UNKNOWN
            return max(inner if expr.exp.is_real else UNKNOWN, even)
        if isinstance(expr, exp):
            return POSITIVE
        if isinstance(expr, Abs | arrays.Norm):
            return NONNEGATIVE
        if isinstance(expr, Total | Mean):
            return self.entries(expr.array)
        if isinstance(expr, arrays.Scalar):
            return self.of_form(expr.array)
        if isinstance(expr, MatrixElement):
            return self.entries(expr.parent)
        name = type(expr).__name__
        return SIGNS[name] if name in SIGNS and name in TABLE else _assumed(expr)

    def of_sum(self, expr: Add, parts: tuple[Any, ...]) -> int:
        signs = [self.sign(term, parts) for term in expr.args]
        if min(signs) >= NONNEGATIVE:
            return max(signs)
        rest = 1 - expr  # 1 - p for what lies between 0 and 1
        return POSITIVE if self.is_probability(rest, parts) else UNKNOWN

    def is_probability(self, expr: Any, parts: tuple[Any, ...]) -> bool:
        """Whether a number lies between 0 and 1, without these."""
        if isinstance(expr, Slot) and expr.index < len(parts):
            part = parts[expr.index]
            meaning = self.known.get(part, part)
            return isinstance(meaning, Map) and self.is_probability(meaning.body, meaning.arrays)
        meaning = self.known.get(expr, expr)
        return isinstance(meaning, arrays.UnitNumber | TABLE["sigmoid"])

    def entries(self, array: Any) -> int:
        """What can be told of every entry of an array."""
        if isinstance(array, MatrixSymbol) and array in self.known:
            return self.entries(self.known[array])
        if isinstance(array, arrays.PositiveArray | Softmax):
            return POSITIVE
        if isinstance(array, arrays.Distribution | arrays.LabelArray | arrays.CountArray):
            return NONNEGATIVE
        if isinstance(array, Map):
            return self.sign(array.body, array.arrays)
        if isinstance(array, Transpose):
            return self.entries(array.args[0])
        if isinstance(array, MatAdd):
            signs = [self.entries(arg) for arg in array.args]
            return max(signs) if min(signs) >= NONNEGATIVE else UNKNOWN
        if isinstance(array, MatMul):
            return min(self.entries(arg) if is_array(arg) else self.sign(arg) for arg in array.args)
        return POSITIVE if type(array).__name__ == "OneMatrix" else UNKNOWN

    def of_form(self, array: Any) -> int:
        """x' S x for S positive definite (or absent) is not negative; of a product of arrays, the least of its factors."""
        factors = tuple(a for a in array.args if is_array(a)) if isinstance(array, MatMul) else (array,)
        half = len(factors) // 2
        turned = tuple(transposed(f) for f in reversed(factors[:half]))
        middle = factors[half : len(factors) - half]
        if turned == factors[len(factors) - half :] and all(isinstance(m, arrays.PositiveDefinite) for m in middle):
            return NONNEGATIVE
        return self.entries(array)


def _assumed(expr: Any) -> int:
    return POSITIVE if expr.is_positive else NONNEGATIVE if expr.is_nonnegative else UNKNOWN


def _is_whole(power: Any) -> bool:
    return bool(power.is_integer)


def relations(relation: Any, base: Any, parts: tuple[Any, ...], needed_by: str) -> Iterator[Condition]:
    """base > 0 or base != 0, in every entry where it is inside of a map; of a product and of a power, no factor is zero."""
    if relation is Ne and isinstance(base, Mul | Pow):
        for factor in base.args if isinstance(base, Mul) else [base.base]:
            if not factor.is_number:
                yield from relations(Ne, factor, parts, needed_by)
        return
    if any(isinstance(s, Slot) for s in base.free_symbols):
        base = tidy(Map(base, *parts))
    right: Any = Integer(0)
    if relation is Ne and isinstance(base, Add) and len(base.args) == 2:  # x - a != 0 as x != a
        left, other = sorted(base.args, key=lambda term: bool(term.could_extract_minus_sign()))
        base, right = (left, -other) if other.could_extract_minus_sign() else (base, right)
    yield Condition(relation(base, right, evaluate=False), needed_by)


def is_definite(array: Any) -> bool:
    """Whether a matrix is known to be positive definite: by name, or as one plus positive multiples of squares."""
    if isinstance(array, arrays.PositiveDefinite):
        return True
    if isinstance(array, arrays.Inv):
        return is_definite(array.array)
    terms = array.args if isinstance(array, MatAdd) else (array,)
    kinds = [_definite_term(term) for term in terms]
    return bool(kinds) and min(kinds) >= NONNEGATIVE and max(kinds) == POSITIVE


def _definite_term(term: Any) -> int:
    scalars = [a for a in term.args if not is_array(a)] if isinstance(term, MatMul) else []
    factors = tuple(a for a in term.args if is_array(a)) if isinstance(term, MatMul) else (term,)
    if not all(s.is_positive for s in scalars):
        return UNKNOWN
    if len(factors) == 1:
        single = isinstance(factors[0], arrays.PositiveDefinite) or type(factors[0]).__name__ == "Identity"
        return POSITIVE if single else UNKNOWN
    half = len(factors) // 2
    turned = tuple(transposed(f) for f in reversed(factors[:half])) == factors[len(factors) - half :]
    middle = factors[half : len(factors) - half]
    fine = all(isinstance(m, arrays.PositiveDefinite) or type(m).__name__ == "Identity" for m in middle)
    return NONNEGATIVE if turned and fine else UNKNOWN


def full_rank(array: Any) -> Condition | None:
    """Of Y' Y, which is positive definite where Y has full column rank; None for another matrix."""
    if isinstance(array, MatMul) and len(array.args) == 2 and transposed(array.args[0]) == array.args[1]:
        root = array.args[1]
        inner = root.args[0] if isinstance(root, Transpose) else root
        return Condition(Eq(arrays.Rank(inner), root.shape[1], evaluate=False), "rank")
    return None
