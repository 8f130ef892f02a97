"""The sign that an expression has by its form: sums of what is not negative, squares, exponentials, positive symbols. What is
found holds for all values of the symbols; nothing found says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import (
    Abs,
    Add,
    Dummy,
    Expr,
    Integer,
    Mul,
    Number,
    NumberSymbol,
    Pow,
    Symbol,
    count_ops,
    exp,
    factor,
    log,
    together,
)
from sympy.matrices.expressions import Identity, MatAdd, MatMul, OneMatrix, Transpose, ZeroMatrix

from derive.algebra import arrays
from derive.algebra.critical import written_out
from derive.algebra.functions import TableFunction
from derive.algebra.nodes import Map, Mean, Slot, Total, is_array

POSITIVE, NOT_NEGATIVE, ZERO, NOT_POSITIVE, NEGATIVE = 2, 1, 0, -1, -2
ENTRIES: list[tuple[type, int]] = [  # the sign of every entry of an array by name
    (arrays.PositiveArray, POSITIVE), (arrays.Distribution, NOT_NEGATIVE), (arrays.LabelArray, NOT_NEGATIVE),
    (arrays.CountArray, NOT_NEGATIVE), (OneMatrix, POSITIVE), (Identity, NOT_NEGATIVE), (ZeroMatrix, ZERO),
]  # fmt: skip
UNIT = (arrays.LabelArray, arrays.Distribution)  # arrays with entries from 0 to 1
SMALL = 60  # operations up to which other forms are tried
Slots = Mapping[Any, Any]  # which array stands in a slot


def sign_of(expr: Any, slots: Slots | None = None) -> int | None:
    """2 for positive, 1 for not negative, 0 for zero, -1 and -2 likewise; None where the form does not tell."""
    slots = slots or {}
    found = _by_form(expr, slots)
    if found is None and isinstance(expr, Expr) and expr.has(Add) and count_ops(expr) <= SMALL:
        for plain in dict.fromkeys((expr, written_out(expr))):
            for form in (factor(together(plain)), together(plain)):
                found = _by_form(form, slots) if found is None and form != expr else found
    return found


def _by_form(expr: Any, slots: Slots) -> int | None:
    if isinstance(expr, Slot) and expr in slots:
        return sign_of_entries(slots[expr])
    if isinstance(expr, Number | NumberSymbol | Symbol):
        return _by_assumptions(expr)
    for kinds, rule in RULES:
        if isinstance(expr, kinds):
            return rule(expr, slots)
    return None


def _by_assumptions(expr: Any) -> int | None:
    if expr.is_zero:
        return ZERO
    if expr.is_positive or expr.is_negative:
        return POSITIVE if expr.is_positive else NEGATIVE
    if expr.is_nonnegative or expr.is_nonpositive:
        return NOT_NEGATIVE if expr.is_nonnegative else NOT_POSITIVE
    return None


def together_as_sum(signs: list[int | None]) -> int | None:
    """A sum of terms of one sign has it; one term that is not zero is enough."""
    if None in signs:
        return None
    known = [s for s in signs if s is not None]
    if all(s >= 0 for s in known):
        return max(known, default=0)
    return min(known) if all(s <= 0 for s in known) else None


def together_as_product(signs: list[int | None]) -> int | None:
    """The product of the signs; not zero where no factor is."""
    if 0 in signs:
        return ZERO
    if None in signs:
        return None
    known = [s for s in signs if s is not None]
    negative = sum(s < 0 for s in known) % 2
    strict = all(abs(s) == 2 for s in known)
    return (NEGATIVE if strict else NOT_POSITIVE) if negative else (POSITIVE if strict else NOT_NEGATIVE)


def _of_sum(expr: Any, slots: Slots) -> int | None:
    found = together_as_sum([_by_form(term, slots) for term in expr.args])
    return _between_ends(expr, slots) if found is None else found


def _between_ends(expr: Any, slots: Slots) -> int | None:
    """1 - p for p between 0 and 1 (or n - sum(y) for labels y): what is affine in p lies between its values at the ends."""
    totals = [node for node in expr.atoms(Total) if isinstance(node.array, UNIT)]
    for symbol in [*totals, *sorted(expr.free_symbols, key=str)]:
        is_open = isinstance(symbol, arrays.UnitNumber)
        is_entry = isinstance(symbol, Slot) and isinstance(slots.get(symbol), UNIT)
        if not is_open and not is_entry and not isinstance(symbol, Total):
            continue
        probe = Dummy()
        flat = expr.xreplace({symbol: probe})
        if not flat.is_polynomial(probe) or flat.diff(probe).has(probe):
            continue
        most = Mul(*symbol.array.shape) if isinstance(symbol, Total) else Integer(1)
        ends = [_by_form(flat.xreplace({probe: end}), slots) for end in (Integer(0), most)]
        if None in ends:
            continue
        low, high = sorted(e for e in ends if e is not None)
        if low >= 0:
            return POSITIVE if low == 2 or (is_open and high == 2) else NOT_NEGATIVE
        if high <= 0:
            return NEGATIVE if high == -2 or (is_open and low == -2) else NOT_POSITIVE
    return None


def _of_product(expr: Any, slots: Slots) -> int | None:
    return together_as_product([sign_of(factor_, slots) for factor_ in expr.args])


def _of_power(expr: Any, slots: Slots) -> int | None:
    base, power = expr.args
    sign = _by_form(base, slots)
    if sign == POSITIVE:
        return POSITIVE
    if power.is_integer and power.is_even:
        return POSITIVE if power.is_negative or sign == NEGATIVE else NOT_NEGATIVE
    if sign is None or not power.is_number:
        return None
    if power.is_negative and sign:  # where it is defined, the base is not zero
        return POSITIVE if sign > 0 else NEGATIVE if power.is_integer else None
    return sign if sign >= 0 or power.is_integer else None


def _of_log(expr: Any, slots: Slots) -> int | None:
    return sign_of(expr.args[0] - 1, slots)


def _of_total(expr: Any, slots: Slots) -> int | None:
    return sign_of_entries(expr.array, slots)


def _of_form(expr: Any, slots: Slots) -> int | None:
    """x' A' C A x for a positive definite C (or none)."""
    from derive.algebra.differentials import chains

    return together_as_sum([together_as_product([sign_of(s, slots), _of_chain(c)]) for s, c in chains(expr.array)])


def _of_chain(chain: tuple[Any, ...]) -> int | None:
    from derive.algebra.tidy import transposed

    middle = len(chain) // 2
    half = chain[:middle]
    if chain[len(chain) - middle :] != tuple(transposed(f) for f in reversed(half)):
        return None
    if len(chain) % 2 == 0:
        return NOT_NEGATIVE
    centre = chain[middle]
    if isinstance(centre, arrays.Diag):
        sign = sign_of_entries(centre.array)
        return None if sign is None else max(-1, min(1, sign))
    inner = centre.array if isinstance(centre, arrays.Inv) else centre
    return NOT_NEGATIVE if isinstance(inner, arrays.PositiveDefinite) else None


RULES: list[tuple[tuple[type, ...], Any]] = [
    ((Add,), _of_sum), ((Mul,), _of_product), ((Pow,), _of_power), ((log,), _of_log),
    ((exp,), lambda e, s: POSITIVE), ((Abs, arrays.Norm), lambda e, s: NOT_NEGATIVE),
    ((TableFunction,), lambda e, s: sign_of(e.definition, s)), ((Total, Mean), _of_total), ((arrays.Scalar,), _of_form),
]  # fmt: skip


def sign_of_entries(array: Any, slots: Slots | None = None) -> int | None:
    """The sign that all entries of an array have."""
    slots = slots or {}
    for kind, sign in ENTRIES:
        if isinstance(array, kind):
            return sign
    if isinstance(array, Map):
        inner = {Slot(k): part for k, part in enumerate(array.arrays)}
        return sign_of(array.body, {**slots, **inner})
    if isinstance(array, Transpose):
        return sign_of_entries(array.args[0], slots)
    if isinstance(array, MatAdd):
        return together_as_sum([sign_of_entries(part, slots) for part in array.args])
    if isinstance(array, MatMul):
        return together_as_product(
            [sign_of_entries(p, slots) if is_array(p) else sign_of(p, slots) for p in array.args]
        )
    return None
