"""Quadratic functions of several scalars: where they are stationary, and the sum of squares that they are.

q(u) = c + sum_k d_k l_k(u)^2 with l_k = u_k + (a combination of later unknowns) - (a number): completing the square, one
unknown after another (Lagrange's reduction). All d_k positive: one minimum; some zero: a whole line (plane, ...) of them; one
negative: none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sympy import (
    Add,
    Expr,
    Integer,
    Matrix,
    Mul,
    Symbol,
    cancel,
    expand,
    factor_terms,
    hessian,
    linsolve,
    simplify,
    together,
)

from derive.errors import NotDerivable


@dataclass(frozen=True)
class Quadratic:
    """A function whose second derivatives do not depend on the unknowns."""

    function: Expr
    unknowns: tuple[Symbol, ...]

    @cached_property
    def matrix(self) -> Matrix:
        """The second derivatives."""
        found = hessian(self.function, self.unknowns).applyfunc(lambda e: cancel(together(expand(e))))
        if found.free_symbols & set(self.unknowns):
            raise NotDerivable("the second derivatives depend on the unknowns")
        return found

    @cached_property
    def gradient(self) -> tuple[Expr, ...]:
        return tuple(expand(self.function.diff(u)) for u in self.unknowns)

    @cached_property
    def point(self) -> dict[Symbol, Expr] | None:
        """The stationary points: each unknown, where there are many in terms of those that may have any value, which stand
        for themselves; None where there is none."""
        found = linsolve(list(self.gradient), list(self.unknowns))
        if not found:
            return None
        (values,) = found
        return {u: cancel(together(value)) for u, value in zip(self.unknowns, values, strict=True)}

    @cached_property
    def squares(self) -> list[tuple[Expr, Expr]]:
        """(d_k, l_k) of the quadratic part, in the order of the unknowns; what has no square left, (0, u_k)."""
        rest, found = self._centred, []
        for u in self.unknowns:
            rest = expand(rest)
            d = cancel(rest.coeff(u, 2))
            if d == 0:
                if cancel(rest.coeff(u, 1)) != 0:
                    raise NotDerivable(f"{u} stands in a product without a square of its own")
                found.append((Integer(0), u))
                continue
            line = u + cancel(rest.coeff(u, 1) / (2 * d))
            found.append((d, expand(line)))
            rest = expand(cancel(together(rest - d * line**2)))
        return found

    @cached_property
    def _centred(self) -> Expr:
        """u' H u / 2."""
        u = Matrix(self.unknowns)
        return expand((u.T * self.matrix * u)[0, 0] / 2)

    @cached_property
    def least(self) -> Expr:
        """The value at the stationary points."""
        assert self.point is not None
        return simplify(cancel(together(expand(self.function.xreplace(self.point)))))

    @cached_property
    def completed(self) -> Expr:
        """The function as squares around the point, and the value there."""
        assert self.point is not None
        centre = {u: u - value for u, value in self.point.items()}
        terms = [
            d * factor_terms(expand(line.subs(centre, simultaneous=True))) ** 2 for d, line in self.squares if d != 0
        ]
        return Add(*terms, self.least, evaluate=True) if terms else self.least

    @cached_property
    def signs(self) -> tuple[int, ...]:
        """The signs of the d_k; raises NotDerivable where one depends on a parameter."""
        return tuple(_sign(d) for d, _ in self.squares)

    def direction(self, sign: int) -> tuple[Expr, ...] | None:
        """A direction along which the quadratic part has this sign, or None."""
        m = self.matrix
        for candidate in self._candidates():
            value = expand((candidate.T * m * candidate)[0, 0])
            if value.is_number and value * sign > 0:
                return tuple(candidate)
        return None

    def _candidates(self) -> list[Matrix]:
        size = len(self.unknowns)
        axes = [Matrix([Integer(int(i == k)) for i in range(size)]) for k in range(size)]
        pairs = [a + s * b for k, a in enumerate(axes) for b in axes[k + 1 :] for s in (1, -1)]
        return [*axes, *pairs, *self._of_squares()]

    def _of_squares(self) -> list[Matrix]:
        """For each square, the direction along which all others stay zero."""
        try:
            squares = self.squares
        except NotDerivable:
            return []
        lines = Matrix([[line.coeff(u) for u in self.unknowns] for _, line in squares])
        return [lines.LUsolve(Matrix([Integer(int(i == k)) for i in range(len(squares))])) for k in range(len(squares))]

    def flat_direction(self) -> tuple[Expr, ...] | None:
        """A direction along which the second derivatives are zero and the first is not: the function falls without bound."""
        start = Matrix(self.gradient).subs(dict.fromkeys(self.unknowns, 0))
        for direction in self.matrix.nullspace():
            slope = expand((start.T * direction)[0, 0])
            if slope.is_number and slope != 0:
                return tuple(direction * (-1 if slope > 0 else 1))
        return None


def _sign(d: Expr) -> int:
    for sign, holds in ((0, d.is_zero), (1, d.is_positive), (-1, d.is_negative)):
        if holds:
            return sign
    raise NotDerivable(f"the sign of {Mul(2, d)} depends on the parameters")
