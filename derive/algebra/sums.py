"""Sums over data: totals of arrays as sums over an index, linearity, and centred sums. Each law is in a docstring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Add, Expr, Indexed, Integer, Mul, Pow, Sum, Symbol, expand, factor_terms, fraction, sqrt, together
from sympy.matrices.expressions import MatMul
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.array_notation import component
from derive.algebra.arrays import Norm, Scalar
from derive.algebra.nodes import Factors, Map, Mean, Quotient, Slot, Terms, Total, hadamard, transpose
from derive.errors import NotDerivable

i, j = Symbol("i", integer=True, positive=True), Symbol("j", integer=True, positive=True)


def in_components(expr: Any) -> Any:
    """1' f(x) = sum_i f(x_i): every total over a column as a sum over i; means of plain data keep their bar."""
    if isinstance(expr, Total):
        return Sum(_inside(component(expr.array, i)), (i, 1, expr.array.shape[0]))
    if isinstance(expr, Mean) and not isinstance(expr.array, MatrixSymbol):
        return in_components(Total(expr.array)) / expr.array.shape[0]
    if isinstance(expr, Norm):
        return sqrt(in_components(Total(Map(Slot(0) ** 2, expr.array))))
    if isinstance(expr, Scalar) and isinstance(expr.array, MatMul) and len(expr.array.args) == 2:
        return in_components(Total(hadamard(transpose(expr.array.args[0]), expr.array.args[1])))
    if isinstance(expr, Mean) or not getattr(expr, "args", ()):
        return expr
    return expr.func(*map(in_components, expr.args))


def _inside(expr: Expr) -> Expr:
    if expr.has(Total):
        raise NotDerivable("a sum within a sum")
    return expr


def derivative(expr: Expr, symbol: Symbol) -> Expr:
    """d/dt sum_i f_i(t) = sum_i f_i'(t), constants taken out of each sum."""
    return Add(*[_term_derivative(term, symbol) for term in Add.make_args(expr)])


def _term_derivative(term: Expr, symbol: Symbol) -> Expr:
    sums = [f for f in Mul.make_args(term) if isinstance(f, Sum)]
    if not sums:
        return term.diff(symbol)
    if len(sums) > 1 or (term / sums[0]).has(symbol):
        raise NotDerivable("a product of sums")
    coefficient, rest = factor_terms(sums[0].function.diff(symbol)).as_coeff_Mul()
    brackets = sums[0].function.atoms(Add)
    for f in Mul.make_args(rest):
        if -f in brackets:  # y - w x stays that, and does not become -(w x - y)
            coefficient, rest = -coefficient, rest.xreplace({f: -f})
    return (term / sums[0]) * coefficient * constant_out(Sum(rest, *sums[0].limits))


def constant_out(total: Sum) -> Expr:
    """sum_i c f_i = c sum_i f_i."""
    constant, rest = total.function.as_independent(i, as_Add=False)
    return constant * (total.limits[0][2] if rest == 1 else Sum(rest, *total.limits))


def by_linearity(expr: Expr) -> Expr:
    """sum_i (a f_i + b g_i) = a sum_i f_i + b sum_i g_i, and sum_i 1 = N: only sums of monomials are left."""
    return expand(expr.replace(lambda e: isinstance(e, Sum), _split))


def _split(total: Sum) -> Expr:
    terms = Add.make_args(expand(total.function))
    if any(set(term.atoms(Indexed)) and not _is_monomial(term) for term in terms):
        raise NotDerivable("the data do not enter as products of powers")
    return Add(*[constant_out(Sum(term, *total.limits)) for term in terms])


def _is_monomial(term: Expr) -> bool:
    return all(
        not f.has(i) or isinstance(f, Indexed) or (isinstance(f, Pow) and isinstance(f.base, Indexed))
        for f in Mul.make_args(term)
    )


def summand(atom: Expr, size: Expr) -> Expr | None:
    """The monomial whose sum an atom is; 1 for N; None for what is no sum."""
    if isinstance(atom, Sum):
        return atom.function
    return Integer(1) if atom == size else None


def mean_of(monomial: Expr, weight: Expr, size: Expr) -> Expr:
    """The (weighted) mean of a monomial: the bar for plain data, else a quotient of sums."""
    if weight == 1 and isinstance(monomial, Indexed):
        return Mean(MatrixSymbol(str(monomial.base.label), size, 1))
    return Quotient(*[total(m, size).xreplace({i: j}) for m in (weight * monomial, weight)])  # it stands in sums over i


def total(monomial: Expr, size: Expr) -> Expr:
    """sum_i of a monomial, N for 1."""
    return size if monomial == 1 else Sum(monomial, (i, 1, size))


@dataclass(frozen=True)
class Centred:
    """m, f, g of the law  S(m) S(m f g) - S(m f) S(m g) = S(m) sum m (f - f_bar)(g - g_bar),  where f_bar = S(m f)/S(m)."""

    weight: Expr
    f: Expr
    g: Expr
    size: Expr

    def sum(self) -> Sum:
        """sum m (f - f_bar)(g - g_bar)."""
        left, right = self._less_mean(self.f), self._less_mean(self.g)
        body = left**2 if self.f == self.g else left * right
        return Sum(self.weight * body, (i, 1, self.size))

    def _less_mean(self, monomial: Expr) -> Expr:
        return monomial - mean_of(monomial, self.weight, self.size)

    def multiplied_out(self) -> Terms:
        """S(m f g) - g_bar S(m f) - f_bar S(m g) + S(m) f_bar g_bar."""
        m, f, g, n = self.weight, self.f, self.g, self.size
        f_bar, g_bar = mean_of(f, m, n), mean_of(g, m, n)
        return Terms(
            total(m * f * g, n), Factors(Integer(-1), g_bar, total(m * f, n)), Factors(Integer(-1), f_bar, total(m * g, n)),
            Factors(total(m, n), f_bar, g_bar),
        )  # fmt: skip

    def short(self) -> Terms:
        """S(m f g) - S(m) f_bar g_bar."""
        m, f, g, n = self.weight, self.f, self.g, self.size
        return Terms(total(m * f * g, n), Factors(Integer(-1), total(m, n), mean_of(f, m, n), mean_of(g, m, n)))


def centre(expr: Expr, size: Expr) -> tuple[Expr, Expr, list[Centred]]:
    """expr = factor * rest, with pairs S(m) S(m f g) - S(m f) S(m g) in it as centred sums and the common S(m) as the
    factor; the laws that were used. Without such a pair: (1, expr, [])."""
    terms = list(Add.make_args(expand(expr)))
    for positive in terms:
        for negative in terms:
            found = _pair(positive, negative, size)
            if found is None:
                continue
            coefficient, law = found
            others = [term for term in terms if term not in (positive, negative)]
            factor = total(law.weight, size)
            rest = [_divided(term, factor) for term in others]
            if None in rest:
                continue
            return factor, Add(coefficient * law.sum(), *rest), [law]  # type: ignore[list-item]
    return Integer(1), expr, []


def _pair(positive: Expr, negative: Expr, size: Expr) -> tuple[Expr, Centred] | None:
    first, second = _two_atoms(positive, size), _two_atoms(negative, size)
    if first is None or second is None or first[0] + second[0] != 0:
        return None
    coefficient, a, b = first
    for m, mfg in ((a, b), (b, a)):
        mf, mg = second[1], second[2]
        f, g = mf / m, mg / m
        if m * f * g == mfg and all(_is_polynomial(x) for x in (f, g)):
            return coefficient, Centred(m, f, g, size)
    return None


def _two_atoms(term: Expr, size: Expr) -> tuple[Expr, Expr, Expr] | None:
    """The coefficient and the two summands of a product of two sums."""
    coefficient: Expr = Integer(1)
    atoms: list[Expr] = []
    for f in Mul.make_args(term):
        base, power = f.as_base_exp()
        inner = summand(base, size)
        if inner is None or not power.is_Integer or power < 0:
            coefficient *= f
        else:
            atoms += [inner] * int(power)
    return (coefficient, atoms[0], atoms[1]) if len(atoms) == 2 else None


def _is_polynomial(expr: Expr) -> bool:
    return not any(power.is_negative for f in Mul.make_args(expr) for power in [f.as_base_exp()[1]])


def _divided(term: Expr, factor: Expr) -> Expr | None:
    quotient = term / factor
    return quotient if fraction(together(quotient))[1].is_number else None


def unfolded(expr: Any, definitions: Sequence[tuple[Any, Any]]) -> Any:
    """The expression with every defined name replaced, the last defined first."""
    for symbol, meaning in reversed(list(definitions)):
        expr = expr.xreplace({symbol: meaning})
    return expr


def data_in(expr: Any) -> set[MatrixSymbol]:
    return expr.atoms(MatrixSymbol)


def sizes_of(columns: Iterable[MatrixSymbol]) -> set[Expr]:
    return {column.shape[0] for column in columns}
