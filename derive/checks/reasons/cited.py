"""A reason where it is cited: the step, the steps before it; and what can be read off expressions. Nothing is derived here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sympy import Basic, Indexed, MatrixBase, Number, Tuple
from sympy.matrices.expressions import Identity, OneMatrix, Transpose, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra.nodes import (
    Expectation,
    Factors,
    Gradient,
    LimitOf,
    Numeral,
    Partial,
    Terms,
    gradient_symbol,
    is_array,
    plain,
)
from derive.derivation import (
    Assumption,
    Claim,
    Definition,
    Equal,
    HasCount,
    HasMean,
    HasShape,
    Holds,
    IsGradient,
    IsLimit,
    IsMinimum,
    IsSaddle,
    Step,
)

Test = Callable[[Any], bool]


@dataclass(frozen=True)
class Cited:
    """A step whose reason is judged, what stands before it in the solution, the nearest last, and all steps of the solution.
    `is_answer` says that it stands among the author's answers."""

    step: Step
    before: tuple[Step, ...] = ()
    others: tuple[Step, ...] = ()
    is_answer: bool = False

    @property
    def claim(self) -> Any:
        return self.step.claim

    @property
    def world(self) -> Any:
        return self.claim.world

    @property
    def about(self) -> tuple[Any, ...]:
        return self.step.reason.about

    @cached_property
    def sides(self) -> tuple[Any, ...]:
        """What the claim shows, from left to right."""
        return sides_of(self.claim)

    @property
    def left(self) -> Any:
        return self.sides[0] if self.sides else None

    @property
    def right(self) -> Any:
        return self.sides[-1] if self.sides else None

    @cached_property
    def tags(self) -> dict[Any, tuple[Any, ...]]:
        """What torch's run calls the symbols of the world."""
        return dict(getattr(self.world, "observed", ()))

    @cached_property
    def definitions(self) -> dict[Any, Any]:
        return dict(getattr(self.world, "definitions", ()))

    @cached_property
    def values(self) -> dict[Any, Any]:
        return dict(getattr(self.world, "values", ()))

    def tag(self, symbol: Any) -> tuple[Any, ...]:
        """What the run calls a symbol, or the symbol of an entry; () for none."""
        if isinstance(symbol, MatrixElement):
            symbol = symbol.parent
        if isinstance(symbol, Gradient | Partial):
            symbol = symbol.args[1]
        if isinstance(symbol, Expectation):
            symbol = symbol.args[0]
        return self.tags.get(symbol, ())


def sides_of(claim: Claim) -> tuple[Any, ...]:
    """What a claim shows, from left to right."""
    if isinstance(claim, Equal):
        return claim.sides
    if isinstance(claim, Definition):
        return (claim.symbol, claim.meaning)
    if isinstance(claim, IsGradient):
        return (gradient_symbol(claim.of, claim.wrt), *claim.sides)
    if isinstance(claim, HasMean):
        return (Expectation(claim.of), *claim.sides)
    if isinstance(claim, IsLimit):
        return (LimitOf(claim.of, claim.variable, claim.to), claim.value)
    if isinstance(claim, HasCount):
        return (claim.of, *claim.sides)
    if isinstance(claim, HasShape):
        return (claim.of, Tuple(*claim.shape))
    if isinstance(claim, Holds):
        return tuple(claim.relation.args)
    if isinstance(claim, Assumption):
        return tuple(claim.relation.args)
    if isinstance(claim, IsMinimum | IsSaddle):
        return (Tuple(*[value for _, value in claim.point]), claim.objective)
    return ()


def parts(expr: Any) -> Iterator[Any]:
    """The expression and everything in it."""
    yield expr
    if isinstance(expr, MatrixBase):
        children: Any = expr.flat()
    elif isinstance(expr, Numeral) or not isinstance(expr, Basic | tuple):
        return
    else:
        children = expr if isinstance(expr, tuple) else expr.args
    for child in children:
        yield from parts(child)


def has(*kinds: type) -> Test:
    """Whether something of these kinds stands in an expression."""
    return lambda expr: any(isinstance(part, kinds) for part in parts(expr))


def is_a(*kinds: type) -> Test:
    """Whether the expression itself is of these kinds."""
    return lambda expr: isinstance(expr, kinds)


def symbols(expr: Any) -> set[Any]:
    """The free symbols of an expression, of an array, of a tuple."""
    if isinstance(expr, tuple):
        return set().union(*map(symbols, expr)) if expr else set()
    return set(getattr(expr, "free_symbols", ()))


def is_numeric(expr: Any) -> bool:
    """Whether no letters are left in it."""
    return not symbols(expr)


def is_symbolic(expr: Any) -> bool:
    return bool(symbols(expr))


def is_value(expr: Any) -> bool:
    """A number as it is, or an array of such."""
    if isinstance(expr, MatrixBase):
        return all(map(is_value, expr.flat()))
    if isinstance(expr, Tuple):
        return all(map(is_value, expr.args))
    return isinstance(expr, Number | Numeral | ZeroMatrix | OneMatrix | Identity | int)


def is_sum_of_numbers(expr: Any) -> bool:
    """Numbers that are to be added, and nothing else."""
    return isinstance(expr, Terms) and all(map(_is_signed, expr.args))


def _is_signed(expr: Any) -> bool:
    return is_value(expr) or (
        isinstance(expr, Factors) and len(expr.args) == 2 and expr.args[0] == -1 and is_value(expr.args[1])
    )


def is_product_of_numbers(expr: Any) -> bool:
    return isinstance(expr, Factors) and all(map(is_value, expr.args))


def is_name(expr: Any) -> bool:
    """A letter, an entry of one, or a member of a sequence."""
    if isinstance(expr, Transpose):
        return is_name(expr.args[0])
    return (
        bool(getattr(expr, "is_symbol", False))
        or isinstance(expr, Indexed)
        or (isinstance(expr, MatrixElement) and is_name(expr.parent))
    )


def is_zero(expr: Any) -> bool:
    return (
        isinstance(expr, ZeroMatrix)
        or same(expr, 0)
        or (isinstance(expr, MatrixBase) and all(map(is_zero, expr.flat())))
    )


def same(one: Any, other: Any) -> bool:
    """Whether two expressions are one, however their numbers are shown."""
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    return bool(one == other or plain(one) == plain(other))


def number(expr: Any) -> Any:
    """The exact number that an expression without letters comes to, where SymPy says at once; None otherwise."""
    try:
        found = plain(expr)
        return found if isinstance(found, Number | int) else None
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return None


def path_to(expr: Any, symbol: Any) -> list[Any] | None:
    """The nodes from an expression down to the only place of a symbol; None where it stands in several places or in none."""
    if expr == symbol:
        return []
    ways = [
        (arg, path_to(arg, symbol)) for arg in getattr(expr, "args", ()) if isinstance(arg, Basic) and arg.has(symbol)
    ]
    if len(ways) != 1 or ways[0][1] is None:
        return None
    return [expr, *ways[0][1]]


def entries_counted_from_one(element: MatrixElement) -> tuple[Any, Any]:
    return element.i + 1, element.j + 1


def arrays_in(args: tuple[Any, ...]) -> list[Any]:
    return [arg for arg in args if is_array(arg)]
