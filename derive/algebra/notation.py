"""Expressions to LaTeX, the way a teacher writes them: positive terms first, vectors bold, sums over entries.

`latex` and `text` are the two doors. Nothing is rewritten here; only the order of terms and factors is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sympy import (
    Add,
    Expr,
    Float,
    Function,
    Indexed,
    IndexedBase,
    Integer,
    MatrixBase,
    Mul,
    Piecewise,
    Pow,
    Rational,
    Sum,
    Symbol,
    count_ops,
    fraction,
    log,
)
from sympy.core.relational import Relational
from sympy.matrices.expressions import MatAdd, MatMul, Transpose
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol
from sympy.printing.latex import LatexPrinter

from derive.algebra import arrays, nodes
from derive.algebra.array_notation import ArrayPrinter, has_only_indicators, names_in
from derive.algebra.functions import TABLE, TableFunction
from derive.algebra.names import latex_name
from derive.algebra.numbers import decimal_text, is_long, is_short
from derive.algebra.tex_text import tex_text

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4  # how tightly a thing holds together


_BESIDE: ContextVar[frozenset[str]] = ContextVar("names beside what is printed", default=frozenset())


@contextmanager
def beside(names: Iterable[str]) -> Iterator[None]:
    """What is printed inside stands beside these names: no sum runs over a letter that is one of them."""
    before = _BESIDE.set(frozenset(names))
    try:
        yield
    finally:
        _BESIDE.reset(before)


def latex(expr: Any) -> str:
    """The LaTeX of an expression, an array, a relation, a tuple of sizes or plain words."""
    if isinstance(expr, str):
        return rf"\text{{{tex_text(expr)}}}"
    if isinstance(expr, tuple | list):
        return "(" + ", ".join(map(latex, expr)) + ")"
    return _Printer(expr).doprint(expr)


def text(expr: Any) -> str:
    """The same in NumPy's notation, as authors write it."""
    from derive.algebra.plaintext import numpy_text

    return numpy_text(expr)


def name(symbol: Any) -> str:
    """The LaTeX name of a symbol: vectors and matrices bold, 1 x 1 arrays as the scalars that they are."""
    if isinstance(symbol, MatrixSymbol):
        return latex_name(symbol.name, bold=symbol.shape != (1, 1))
    return latex_name(str(symbol))


def is_inexact(expr: Any) -> bool:
    """Whether rounded digits are shown somewhere in it."""
    if isinstance(expr, tuple | list):
        return any(map(is_inexact, expr))
    return hasattr(expr, "atoms") and any(not n.is_exact for n in numerals_in(expr))


def numerals_in(expr: Any) -> Iterable[nodes.Numeral]:
    """Every numeral that is shown in an expression."""
    if isinstance(expr, nodes.Numeral):
        yield expr
    elif isinstance(expr, MatrixBase):
        for entry in expr:
            yield from numerals_in(entry)
    else:
        for arg in getattr(expr, "args", ()):
            yield from numerals_in(arg)


def relation_between(left: Any, right: Any) -> str:
    """'=' between exact things, the approximation sign where either shows rounded digits."""
    return r"\approx" if is_inexact(left) or is_inexact(right) else "="


def leads_with_minus(term: Any) -> bool:
    """Whether a term is printed with a minus in front."""
    if isinstance(term, nodes.Numeral):
        return term.value < 0
    if isinstance(term, Rational | Float):
        return bool(term < 0)
    if isinstance(term, MatMul):
        return bool(leads_with_minus(term.args[0])) and not nodes.is_array(term.args[0])
    if isinstance(term, Mul):
        return term.could_extract_minus_sign() and bool(term.as_coeff_Mul()[0] < 0)
    if isinstance(term, nodes.Factors):
        return leads_with_minus(term.args[0])
    return False


def positive_first(terms: Iterable[Any]) -> list[Any]:
    """The terms in their order, save that one with a plus leads when there is one."""
    ordered = list(terms)
    lead = next((k for k, term in enumerate(ordered) if not leads_with_minus(term)), 0)
    return [ordered[lead], *ordered[:lead], *ordered[lead + 1 :]]


def ordered_factors(factors: Iterable[Expr]) -> list[Expr]:
    """Numbers, then single letters, powers and functions, then brackets, then sums: x (1 - x) and not (1 - x) x."""

    def rank(factor: Expr) -> int:
        if isinstance(factor, nodes.Numeral):
            return 0
        base = factor.base if isinstance(factor, Pow) else factor
        if factor.is_number and not factor.has(Function):
            return 0
        if isinstance(base, Sum | nodes.Total | log):
            return 4
        return 3 if isinstance(base, Add | nodes.Terms) else 1

    return sorted(factors, key=rank)


WORD = (
    r"(?<!_\{)(?<!,)\\(?:mathrm|text)\{[^{}]{2,}\}\}*"  # a name of several letters, inside of \bm or an accent perhaps
)
ENDS_IN_WORD = re.compile(WORD + r"(?:_\{(?:[^{}]|\{[^{}]*\})*\})?(?:\^\{(?:[^{}]|\{[^{}]*\})*\})?$")
BEGINS_WITH_WORD = re.compile(r"(?:\\(?:bm|hat|bar|tilde)\{)*" + WORD)


def between(left: str, right: str) -> str:
    """What stands between two printed factors: nothing where a reader takes them apart anyway, else a dot. A dot keeps
    2 and 3 from being 23, 2 and the ones vector from being 21, precision and recall from being one word, and the symbol
    sigma in front of a bracket from being the function."""
    number = left[-1:].isdigit() and not left.endswith("\\bm{1}")
    if right[:1].isdigit():
        return r" \cdot "
    if number and (right.startswith((r"\bm{1}", r"\bm{0}", r"\frac")) or re.match(r"\\left\((-?\d|\\left\|)", right)):
        return r" \cdot "
    if BEGINS_WITH_WORD.match(right):
        return r" \, " if number else r" \cdot "
    if ENDS_IN_WORD.search(left) or (left.endswith(r"\sigma") and right.startswith(r"\left(")):
        return r" \cdot "
    return " "


def _without_minus(coefficient: Any, rest: Expr) -> Expr:
    return rest if coefficient == -1 else Mul(-coefficient, rest, evaluate=False)


class _Printer(ArrayPrinter, LatexPrinter):
    """SymPy's printer, with our order, our nodes and our names."""

    def __init__(self, whole: Any) -> None:
        self.names_here, self.running = names_in(whole) | _BESIDE.get(), []
        super().__init__({"mul_symbol": "dot", "mat_delim": "[", "ln_notation": False})

    # names and numbers

    def _print_Symbol(self, expr: Symbol, style: str = "plain") -> str:
        return latex_name(expr.name)

    _print_Dummy = _print_Idx = _print_Symbol

    def _print_MatrixSymbol(self, expr: MatrixSymbol, style: str = "plain") -> str:
        return name(expr)

    def _print_IndexedBase(self, expr: IndexedBase) -> str:
        return latex_name(str(expr.label))

    def _print_Indexed(self, expr: Indexed) -> str:
        return self.with_indices(latex_name(str(expr.base.label)), [self._print(i) for i in expr.indices])

    def with_indices(self, letter: str, indices: list[str]) -> str:
        if letter.endswith("}") and "_{" in letter:
            return letter[:-1] + "," + ",".join(indices) + "}"
        return f"{letter}_{{{','.join(indices)}}}"

    def _print_Numeral(self, expr: nodes.Numeral) -> str:
        digits = decimal_text(expr, "10^{{{}}}", r" \cdot ")
        if "/" not in digits:
            return digits
        top, bottom = digits.lstrip("-").split("/")
        return ("-" if digits.startswith("-") else "") + rf"\frac{{{top}}}{{{bottom}}}"

    _print_Rounded = _print_Numeral

    def _print_Integer(self, expr: Integer) -> str:
        return self._print_Numeral(nodes.Numeral(expr)) if is_long(expr) else str(expr)

    def _print_Rational(self, expr: Rational) -> str:
        if is_long(Integer(expr.q)) and is_short(expr):
            return self._print_Numeral(nodes.Numeral(expr))
        return str(super()._print_Rational(expr))

    def _print_Float(self, expr: Float) -> str:
        from derive.algebra.numbers import numeral

        return self._print_Numeral(numeral(expr))

    # sums and products

    def bracket(self, expr: Any, level: int) -> str:
        printed = self._print(expr)
        loose = self.strength(expr) < level or (level >= PRODUCT and printed.startswith("-"))
        return self.wrap(printed) if loose else printed

    def wrap(self, inner: str) -> str:
        return rf"\left({inner}\right)"

    def strength(self, expr: Any) -> int:
        if isinstance(expr, nodes.Numeral):
            digits = decimal_text(expr)
            return SUM if expr.value < 0 or " " in digits else PRODUCT if "/" in digits or "e" in digits else ATOM
        if isinstance(expr, Integer) and is_long(expr):
            return self.strength(nodes.Numeral(expr))
        if isinstance(expr, MatrixBase) and expr.shape == (1, 1):
            return self.strength(expr[0, 0])
        if isinstance(expr, Transpose) and expr.shape == (1, 1):
            return self.strength(expr.args[0])
        if isinstance(expr, arrays.Scalar):
            return self.strength(expr.array)
        if isinstance(expr, arrays.Kron):
            return PRODUCT
        if isinstance(expr, arrays.Inv):
            return POWER
        if isinstance(expr, nodes.Map) and expr.body.has(Piecewise) and not has_only_indicators(expr.body):
            return ATOM
        if isinstance(expr, nodes.Map):
            return ATOM if isinstance(expr.body, Function) else self.strength(expr.body)
        if isinstance(expr, Add | nodes.Terms | MatAdd | Relational) or leads_with_minus(expr):
            return SUM
        if isinstance(expr, Mul | nodes.Factors | MatMul | Sum | nodes.Total | nodes.Partial) or getattr(
            expr, "is_Piecewise", False
        ):
            return PRODUCT
        if isinstance(expr, nodes.Mean) and not isinstance(expr.array, MatrixSymbol):
            return PRODUCT
        if isinstance(expr, Rational) and not isinstance(expr, Integer):
            return PRODUCT
        if isinstance(expr, nodes.Quotient | nodes.Gradient):
            return PRODUCT
        if isinstance(expr, Pow | nodes.Power | Transpose) or (
            isinstance(expr, Function) and expr.func.__name__ == "exp"
        ):
            return POWER
        return ATOM

    def join_terms(self, terms: Iterable[Any]) -> str:
        pieces: list[str] = []
        for term in terms:
            printed = self._print(term)
            if isinstance(term, Add | nodes.Terms | MatAdd):
                printed = self.wrap(printed)
            if not pieces:
                pieces.append(printed)
            elif printed.startswith("-"):
                pieces.append(" - " + printed[1:].lstrip())
            else:
                pieces.append(" + " + printed)
        return "".join(pieces)

    def _print_Add(self, expr: Add, order: Any = None) -> str:
        terms = positive_first(expr.as_ordered_terms() if not expr.has(nodes.Written) else expr.args)
        if expr.has(log):
            terms = sorted(
                terms, key=lambda term: (leads_with_minus(term) != leads_with_minus(terms[0]), len(str(term)))
            )
        if all(map(leads_with_minus, terms)) and not expr.has(nodes.Written):
            return "-" + self.wrap(self.join_terms([-term for term in terms]))
        return self.join_terms(terms)

    def _print_Piecewise(self, expr: Piecewise) -> str:
        lines = []
        for branch, condition in expr.args:
            when = r"\text{otherwise}" if condition == True else rf"\text{{if }} {self._print(condition)}"  # noqa: E712
            lines.append(rf"{self._print(branch)} & {when}")
        return r"\begin{cases} " + r" \\ ".join(lines) + r" \end{cases}"

    def _print_Relational(self, expr: Relational) -> str:
        if count_ops(expr.lhs) < count_ops(expr.rhs):
            expr = expr.reversed
        signs = {"<": "<", "<=": r"\le", ">": ">", ">=": r"\ge", "==": "=", "!=": r"\neq"}
        return f"{self._print(expr.lhs)} {signs[expr.rel_op]} {self._print(expr.rhs)}"

    def _print_Terms(self, expr: nodes.Terms) -> str:
        return self.join_terms(expr.args)

    def _print_MatAdd(self, expr: MatAdd) -> str:
        return self.join_terms(positive_first(expr.args))

    def _print_Factors(self, expr: nodes.Factors) -> str:
        return self.join_factors(expr.args)

    def join_factors(self, factors: Iterable[Any]) -> str:
        printed = ""
        listed = list(factors)
        if len(listed) > 1 and listed[0] == -1:
            return "-" + self.join_factors(listed[1:])
        for k, factor in enumerate(listed):
            piece = self.bracket(factor, PRODUCT)
            if k == 0 and leads_with_minus(factor) and not isinstance(factor, Add):
                piece = self._print(factor)
            if isinstance(factor, Sum | nodes.Total) and k < len(listed) - 1:
                piece = self.wrap(self._print(factor))
            if not printed:
                printed = piece
                continue
            dotted = isinstance(factor, nodes.Numeral) or (
                isinstance(listed[k - 1], nodes.Numeral) and isinstance(factor, Function)
            )
            printed += (r" \cdot " if dotted else between(printed, piece)) + piece
        return printed

    def _print_Mul(self, expr: Mul) -> str:
        coefficient, rest = expr.as_coeff_Mul()
        if coefficient.is_negative:
            magnitude = -expr if not expr.has(nodes.Written) else _without_minus(coefficient, rest)
            return "-" + self.bracket(magnitude, PRODUCT)
        top, bottom = fraction(rest, exact=True) if not expr.has(nodes.Written) else (rest, Integer(1))
        factors = ordered_factors(Mul.make_args(top))
        if bottom != 1:
            above = [f for f in ([Integer(coefficient.p)] if coefficient.p != 1 else []) + factors if f != 1] or [
                Integer(1)
            ]
            below = ([Integer(coefficient.q)] if coefficient.q != 1 else []) + ordered_factors(Mul.make_args(bottom))
            return rf"\frac{{{self.product(above)}}}{{{self.product(below)}}}"
        lead = [] if coefficient == 1 else [coefficient]
        return self.product(lead + factors)

    def product(self, factors: list[Any]) -> str:
        return self._print(factors[0]) if len(factors) == 1 else self.join_factors(factors)

    def _print_Quotient(self, expr: nodes.Quotient) -> str:
        return rf"\frac{{{self._print(expr.args[0])}}}{{{self._print(expr.args[1])}}}"

    def _print_Power(self, expr: nodes.Power) -> str:
        return rf"{self.bracket(expr.args[0], ATOM)}^{{{self._print(expr.args[1])}}}"

    def _print_Pow(self, expr: Pow) -> str:
        base, exponent = expr.args
        if isinstance(base, TableFunction) and exponent.is_Integer and exponent > 0:
            return rf"{base.row.latex}^{{{exponent}}}\left({self._print(base.args[0])}\right)"
        if exponent.is_negative and exponent.is_Rational:
            return rf"\frac{{1}}{{{self._print(Pow(base, -exponent, evaluate=exponent == -1) if exponent != -1 else base)}}}"
        if exponent == Rational(1, 2):
            return rf"\sqrt{{{self._print(base)}}}"
        return rf"{self.bracket(base, ATOM)}^{{{self._print(exponent)}}}"

    def _print_Magnitude(self, expr: nodes.Magnitude) -> str:
        return rf"\left|{self._print(expr.args[0])}\right|"

    def _print_Floor(self, expr: nodes.Floor) -> str:
        return rf"\left\lfloor{self._print(expr.args[0])}\right\rfloor"

    def _print_Sum(self, expr: Sum) -> str:
        for index in [i for i, *_ in expr.limits if i.name in self.names_here]:
            used = self.names_here | {s.name for s in expr.atoms(Symbol)}
            expr = expr.xreplace({index: Symbol(next(c for c in "ijklmpqstuvwxyz" if c not in used), integer=True)})
        limits = "".join(
            rf"\sum_{{{self._print(i)}={self._print(a)}}}^{{{self._print(b)}}} " for i, a, b in expr.limits
        )
        return limits + self.bracket(expr.function, PRODUCT)

    # functions

    def _print_Function(self, expr: Function, exp: Any = None) -> str:
        if isinstance(expr, TableFunction):
            return rf"{expr.row.latex}\left({self._print(expr.args[0])}\right)"
        return super()._print_Function(expr, exp)

    def _print_exp(self, expr: Function, exp: Any = None) -> str:
        if "e" in self.names_here:
            return rf"\exp\left({self._print(expr.args[0])}\right)"
        return rf"e^{{{self._print(expr.args[0])}}}"

    def _print_log(self, expr: Function, exp: Any = None) -> str:
        inner = self._print(expr.args[0])
        simple = self.strength(expr.args[0]) == ATOM
        return rf"\log {inner}" if simple and not inner.startswith(r"\left") else rf"\log\left({inner}\right)"

    def _print_Prime(self, expr: nodes.Prime, exp: Any = None) -> str:
        return rf"{TABLE[str(expr.args[0])].row.latex}'\left({self._print(expr.args[1])}\right)"

    def _print_Expectation(self, expr: nodes.Expectation) -> str:
        return rf"\mathrm{{E}}\left[{self._print(expr.args[0])}\right]"

    def _print_LimitOf(self, expr: nodes.LimitOf) -> str:
        of, variable, to = expr.args[:3]
        side = {(): "", (1,): "^{+}", (-1,): "^{-}"}[expr.args[3:]]
        return rf"\lim_{{{self._print(variable)} \to {self._print(to)}{side}}} {self.bracket(of, PRODUCT)}"

    def _print_At(self, expr: nodes.At) -> str:
        places = r",\, ".join(f"{self._print(variable)} = {self._print(value)}" for variable, value in expr.places)
        return rf"\left. {self.bracket(expr.args[0], PRODUCT)} \right|_{{{places}}}"

    def _print_Partial(self, expr: nodes.Partial) -> str:
        return self.derivative(expr.args[0], expr.args[1:])

    def _print_Gradient(self, expr: nodes.Gradient) -> str:
        return self.derivative(expr.args[0], expr.args[1:])

    def derivative(self, of: Any, wrt: tuple[Any, ...]) -> str:
        order = f"^{{{len(wrt)}}}" if len(wrt) > 1 else ""
        if len(wrt) > 1 and len(set(wrt)) == 1:
            below = rf"\partial {self._print(wrt[0])}{order}"
        else:
            below = r"\, ".join(rf"\partial {self._print(symbol)}" for symbol in wrt)
        if isinstance(of, Symbol | MatrixSymbol | Indexed | MatrixElement):
            return rf"\frac{{\partial{order} {self._print(of)}}}{{{below}}}"
        return rf"\frac{{\partial{order}}}{{{below}}} {self.bracket(of, ATOM)}"

    # arrays: see array_notation.py

    def _print_Map(self, expr: nodes.Map) -> str:
        from derive.algebra.entrywise import printed_map

        return printed_map(self, expr)


def as_written(expr: Expr) -> Expr:
    """The expression with its sums fixed in the order in which they are printed, so that inserting numbers keeps it."""
    if not getattr(expr, "args", ()) or isinstance(expr, nodes.Numeral):
        return expr
    if isinstance(expr, Add):
        return nodes.Terms(*map(as_written, positive_first(expr.as_ordered_terms())))
    return expr.func(*map(as_written, expr.args))


def signed_terms(expr: Any) -> tuple[str, list[str], str]:
    """A sum as its printed terms, each with its sign, and what stands before and after them; for breaking lines.

    What is no sum is one term.
    """
    printer = _Printer(expr)
    if isinstance(expr, nodes.Quotient | nodes.Map) or not isinstance(expr, Add | nodes.Terms | MatAdd):
        return "", [printer._print(expr)], ""
    args = list(expr.args)
    if not isinstance(expr, nodes.Terms):
        args = positive_first(
            expr.as_ordered_terms() if isinstance(expr, Add) and not expr.has(nodes.Written) else args
        )
    first, *rest = args
    pieces = [printer.join_terms([first])]
    for term in rest:
        printed = printer.join_terms([term])
        pieces.append(" - " + printed[1:].lstrip() if printed.startswith("-") else " + " + printed)
    return "", pieces, ""
