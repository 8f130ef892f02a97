"""A claim to its wrong neighbours: sign, coefficient, exponent, index, transpose, dropped term, swapped operands.

The tests turn them on the referee: every mutant that changes the mathematics must be refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

from sympy import Add, Basic, Float, Indexed, Integer, MatrixBase, Mul, Number, Pow, Rational, Sum, Symbol, oo
from sympy.core.relational import Ge, Gt, Le, Lt, Relational
from sympy.matrices.expressions import Identity, MatAdd, MatMul, OneMatrix, Transpose, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixExpr
from sympy.matrices.immutable import ImmutableDenseMatrix

from derive.algebra import arrays, nodes
from derive.derivation import (
    Claim,
    Equal,
    HasCount,
    HasMean,
    HasShape,
    Holds,
    IsDrawn,
    IsGradient,
    IsLimit,
    IsMinimum,
    IsPositiveDefinite,
    IsSaddle,
    IsStationary,
    NoMinimum,
    Point,
)
from derive.errors import ShapeError

LABELLED = arrays.Jacobian | arrays.Hessian | arrays.Change | arrays.ScalarChange


@dataclass(frozen=True)
class Mutant:
    """A wrong neighbour: what was done, and the claim that came of it."""

    mutation: str
    claim: Claim
    before: Any
    after: Any


@singledispatch
def mutants(claim: Claim) -> Iterator[Mutant]:
    """Every mutant of the claim's last side (or of its shape, relation or point)."""
    return iter(())


@mutants.register(Equal)
@mutants.register(IsGradient)
@mutants.register(HasCount)
@mutants.register(HasMean)
def _of_sides(claim: Any) -> Iterator[Mutant]:
    *front, last = claim.sides
    for mutation, mutant in neighbours(last):
        yield Mutant(mutation, replace(claim, sides=(*front, mutant)), last, mutant)


@mutants.register(HasShape)
def _of_shape(claim: HasShape) -> Iterator[Mutant]:
    sizes = tuple(nodes.plain(size) for size in claim.shape)
    for k, size in enumerate(sizes):
        wrong = (*sizes[:k], size + 1, *sizes[k + 1 :])
        yield Mutant("size", replace(claim, shape=wrong), sizes, wrong)
    if sizes != sizes[::-1]:
        yield Mutant("transpose", replace(claim, shape=sizes[::-1]), sizes, sizes[::-1])


@mutants.register(IsDrawn)
def _of_drawing(claim: IsDrawn) -> Iterator[Mutant]:
    """Every number, name, mark of one layer changed; a layer left out; two that are told apart in each other's place."""
    layers = claim.layers
    for k, layer in enumerate(layers):
        wrong = [
            ("number", replace(layer, number=layer.number + 1)),
            ("count", replace(layer, times=layer.times + 1)),
            ("word", replace(layer, word="gelu" if layer.word != "gelu" else "relu")),
            ("arrow", replace(layer, loops=not layer.loops)),
            ("arrow", replace(layer, adds=not layer.adds)),
            *(
                ("size", replace(layer, size=(*layer.size[:axis], size + 1, *layer.size[axis + 1 :])))
                for axis, size in enumerate(layer.size)
            ),
        ]
        if layer.symbol is not None:
            wrong.append(("name", replace(layer, symbol=Symbol(f"{layer.symbol}1"))))
        if layer.weights is not None:
            wrong.append(
                ("weight", replace(layer, weights=layer.weights + layer.weights.applyfunc(lambda e: Integer(1))))
            )
        for mutation, other in wrong:
            changed = (*layers[:k], other, *layers[k + 1 :])
            yield Mutant(mutation, replace(claim, layers=changed), (layer,), (other,))
    for k in range(1, len(layers)):
        yield Mutant("left out", replace(claim, layers=(*layers[:k], *layers[k + 1 :])), layers, layers[:k])


@mutants.register(Holds)
def _of_relation(claim: Holds) -> Iterator[Mutant]:
    opposite = {Lt: Ge, Le: Gt, Gt: Le, Ge: Lt}
    relation = claim.relation
    for kind, other in opposite.items():
        if isinstance(relation, kind):
            wrong = other(*relation.args, evaluate=False)
            yield Mutant("relation", replace(claim, relation=wrong), relation, wrong)
            return


def moved_bounds(claim: Holds) -> Iterator[Mutant]:
    """The number on one side a few percent larger and smaller. One of the two may well be true: what is asked is that no
    false one gets a tick."""
    relation = claim.relation
    for k, side in enumerate(relation.args):
        bound = nodes.plain(side)
        if isinstance(bound, Number) and bound != 0 and relation.free_symbols:
            for factor in (Rational(97, 100), Rational(103, 100)):
                sides = [bound * factor if j == k else arg for j, arg in enumerate(relation.args)]
                moved = relation.func(*sides, evaluate=False)
                yield Mutant("bound", replace(claim, relation=moved), relation, moved)


@mutants.register(IsLimit)
def _of_limit(claim: IsLimit) -> Iterator[Mutant]:
    if claim.value in (oo, -oo):
        yield Mutant("sign", replace(claim, value=-claim.value), Integer(1), Integer(-1))
        return
    yield Mutant("coefficient", replace(claim, value=claim.value + 1), claim.value, claim.value + 1)
    for mutation, mutant in neighbours(claim.value):
        yield Mutant(mutation, replace(claim, value=mutant), claim.value, mutant)


@mutants.register(IsMinimum)
@mutants.register(IsSaddle)
def _of_point(claim: Any) -> Iterator[Mutant]:
    for mutation, point, before, after in _moved(claim.point):
        yield Mutant(mutation, replace(claim, point=point), before, after)


@mutants.register(IsStationary)
def _of_points(claim: IsStationary) -> Iterator[Mutant]:
    for k, listed in enumerate(claim.points):
        for mutation, point, before, after in _moved(listed):
            wrong = (*claim.points[:k], point, *claim.points[k + 1 :])
            yield Mutant(mutation, replace(claim, points=wrong), before, after)
        if claim.are_all:
            rest = (*claim.points[:k], *claim.points[k + 1 :])
            yield Mutant("dropped term", replace(claim, points=rest), Integer(1), Integer(0))


@mutants.register(IsPositiveDefinite)
def _of_definite(claim: IsPositiveDefinite) -> Iterator[Mutant]:
    wrong = _negative(claim.matrix)
    yield Mutant("sign", replace(claim, matrix=wrong), claim.matrix, wrong)


@mutants.register(NoMinimum)
def _of_bound(claim: NoMinimum) -> Iterator[Mutant]:
    wrong = -claim.bound if claim.bound.is_infinite else claim.bound - 1
    yield Mutant("bound", replace(claim, bound=wrong), Integer(1), Integer(-1))
    yield Mutant("sense", replace(claim, is_maximum=not claim.is_maximum), Integer(1), Integer(-1))


def _moved(point: Point) -> Iterator[tuple[str, Point, Any, Any]]:
    """The point with one of its values wrong; what may have any value stays."""
    for k, (symbol, value) in enumerate(point):
        if value == symbol:
            continue
        for mutation, mutant in neighbours(value):
            yield mutation, (*point[:k], (symbol, mutant), *point[k + 1 :]), value, mutant


def neighbours(expr: Any) -> Iterator[tuple[str, Any]]:
    """The expression with one thing wrong in it, for each thing and each place."""
    yield from _here(expr)
    args = list(expr.args) if isinstance(expr, Basic) else []
    if isinstance(expr, MatrixBase):
        yield from _in_matrix(expr)
        return
    if isinstance(expr, nodes.Numeral | Number):
        return
    for k, arg in enumerate(args):
        if isinstance(arg, Basic) and not _is_label(expr, k):
            for mutation, mutant in neighbours(arg):
                changed = _rebuilt(expr, [*args[:k], mutant, *args[k + 1 :]])
                if changed is not None and changed != expr:
                    yield mutation, changed


def _is_label(expr: Basic, k: int) -> bool:
    """Arguments that name things: what is differentiated, the limits of a sum, conditions of branches."""
    if isinstance(expr, nodes.Gradient | nodes.Partial | nodes.Prime | nodes.Expectation | LABELLED):
        return True
    if isinstance(expr, arrays.Commutation | arrays.Unit | OneMatrix | ZeroMatrix | Identity):
        return True  # sizes
    if isinstance(expr, arrays.Reshaped | arrays.OfWindows | nodes.At) and k > 0:
        return True
    if isinstance(expr, Relational):
        return True
    return (isinstance(expr, Sum) and k > 0) or (
        isinstance(expr, MatrixExpr) and not expr.args[k:][0].args and expr.is_symbol
    )


def _rebuilt(expr: Basic, args: list[Any]) -> Any:
    try:
        if isinstance(expr, MatMul):
            return nodes.matmul(*args)
        if isinstance(expr, MatAdd):
            return nodes.add(*args)
        if isinstance(expr, arrays.TraceOf | arrays.Det | arrays.LogDet | arrays.Inv):
            arrays.square(args[0])
        rebuilt = expr.func(*args)
        if isinstance(expr, arrays.Scalar) and args[0].shape != (1, 1):
            return None
        if isinstance(expr, arrays.Diag) and args[0].shape[1] != 1:
            return None
        return rebuilt
    except (ShapeError, TypeError, ValueError):
        return None


def _in_matrix(expr: MatrixBase) -> Iterator[tuple[str, Any]]:
    rows, columns = expr.shape
    for i in range(rows):
        for j in range(columns):
            for mutation, mutant in neighbours(expr[i, j]):
                entries = list(expr)
                entries[i * columns + j] = mutant
                yield mutation, ImmutableDenseMatrix(rows, columns, entries)


@singledispatch
def _here(expr: Any) -> Iterator[tuple[str, Any]]:
    """What can go wrong at the top of this expression."""
    return iter(())


@_here.register(Add)
@_here.register(nodes.Terms)
@_here.register(MatAdd)
def _in_sum(expr: Any) -> Iterator[tuple[str, Any]]:
    args = list(expr.args)
    for k, term in enumerate(args):
        rest = args[:k] + args[k + 1 :]
        yield "dropped term", rest[0] if len(rest) == 1 else expr.func(*rest)
        yield "sign", expr.func(*args[:k], _negative(term), *args[k + 1 :])


def _negative(term: Any) -> Any:
    return nodes.matmul(-1, term) if nodes.is_array(term) else Mul(-1, term)


@_here.register(Mul)
@_here.register(nodes.Factors)
def _in_product(expr: Any) -> Iterator[tuple[str, Any]]:
    yield "sign", Mul(-1, nodes.plain(expr))
    yield "coefficient", Mul(2, nodes.plain(expr))
    for k in range(len(expr.args)):
        rest = [*expr.args[:k], *expr.args[k + 1 :]]
        yield "dropped factor", rest[0] if len(rest) == 1 else expr.func(*rest)


@_here.register(Pow)
@_here.register(nodes.Power)
def _in_power(expr: Any) -> Iterator[tuple[str, Any]]:
    yield "exponent", expr.func(expr.args[0], expr.args[1] + 1)


@_here.register(MatMul)
def _in_matrix_product(expr: MatMul) -> Iterator[tuple[str, Any]]:
    yield "sign", MatMul(-1, *expr.args)
    scalars = [arg for arg in expr.args if not nodes.is_array(arg)]
    arrays = [arg for arg in expr.args if nodes.is_array(arg)]
    for k, factor in enumerate(arrays):
        turned = [*arrays[:k], nodes.transpose(factor), *arrays[k + 1 :]]
        if _fits(turned):
            yield "transpose", MatMul(*scalars, *turned)
    for k in range(len(arrays) - 1):
        swapped = [*arrays[:k], arrays[k + 1], arrays[k], *arrays[k + 2 :]]
        if _fits(swapped):
            yield "swapped operands", MatMul(*scalars, *swapped)


def _fits(arrays: list[Any]) -> bool:
    return all(left.shape[1] == right.shape[0] for left, right in zip(arrays, arrays[1:], strict=False))


@_here.register(Transpose)
def _in_transpose(expr: Transpose) -> Iterator[tuple[str, Any]]:
    yield "transpose", expr.args[0]


@_here.register(nodes.Map)
def _in_map(expr: nodes.Map) -> Iterator[tuple[str, Any]]:
    yield "sign", nodes.Map(-nodes.plain(expr.body), *expr.arrays)
    if len(expr.arrays) == 2:
        yield "swapped operands", nodes.Map(expr.body, *reversed(expr.arrays))


@_here.register(nodes.Numeral)
def _in_numeral(expr: nodes.Numeral) -> Iterator[tuple[str, Any]]:
    """One unit of the last digit that is shown, and the other sign."""
    from derive.algebra.numbers import places_of

    places = expr.places if expr.places >= 0 else places_of(Rational(expr.shown))
    unit = Rational(1, 10 ** (places or 0))
    yield "digit", type(expr)(expr.value + unit, expr.places)
    if expr.value != 0:
        yield "sign", type(expr)(-expr.value, expr.places)


@_here.register(Rational)
@_here.register(Integer)
@_here.register(Float)
def _in_number(expr: Any) -> Iterator[tuple[str, Any]]:
    yield "coefficient", expr + 1


@_here.register(Indexed)
def _in_index(expr: Indexed) -> Iterator[tuple[str, Any]]:
    """The neighbouring entry; entries are counted from one."""
    yield "index", Indexed(expr.base, *[index + 1 for index in expr.indices])


@_here.register(MatrixElement)
def _in_entry(expr: MatrixElement) -> Iterator[tuple[str, Any]]:
    rows, columns = expr.parent.shape
    if isinstance(rows, int | Integer) and rows > 1 and isinstance(expr.i, Integer):
        yield "index", MatrixElement(expr.parent, (expr.i + 1) % rows, expr.j)
    if isinstance(columns, int | Integer) and columns > 1 and isinstance(expr.j, Integer):
        yield "index", MatrixElement(expr.parent, expr.i, (expr.j + 1) % columns)
