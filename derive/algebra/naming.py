"""Names for the parts of an expression that a teacher would name: arguments of functions, and what occurs twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sympy import Basic, Mul, Pow, Symbol, count_ops, expand
from sympy.matrices.expressions import Identity, MatAdd, MatMul, OneMatrix, Transpose, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra import arrays
from derive.algebra.nodes import Map, Mean, Slot, Softmax, Total, filled, is_array
from derive.algebra.tidy import hidden, tidy

Definitions = list[tuple[Any, Any]]

FUNCTIONS_OF_ARRAYS = (
    Map, Softmax, arrays.Norm, arrays.LogDet, arrays.Det, arrays.Inv, arrays.LogSumExp, arrays.LargestEntry, arrays.RowLogSumExp,
    arrays.RowLargest, arrays.Diag,
)  # fmt: skip
RESIDUALS, PRODUCTS = "ruvq", "zhuvg"


class Namer:
    """Gives names to parts that depend on the symbols `varying`: those that `name_of` chooses, from what the part is and the
    letters that suit it."""

    def __init__(self, varying: Iterable[Any], name_of: Callable[[Any, Iterable[str]], str]):
        self.varying, self.name_of = set(varying), name_of
        self.named: dict[Any, Any] = {}

    def name(self, definitions: Sequence[tuple[Any, Any]]) -> Definitions:
        """The definitions with new ones before them, in an order in which each uses earlier ones only."""
        result: Definitions = []
        repeated = self._repeated([expr for _, expr in definitions])
        for symbol, expr in definitions:
            before = len(self.named)
            rewritten = self._rewrite(expr, repeated)
            result += [(new, old) for old, new in list(self.named.items())[before:]]
            result.append((symbol, rewritten))
            self.varying.add(symbol)
        return result

    def _varies(self, expr: Any) -> bool:
        return bool(expr.free_symbols & self.varying)

    def _repeated(self, exprs: list[Any]) -> set[Any]:
        seen: dict[Any, int] = {}

        def count(expr: Any) -> None:
            if is_array(expr) and expr.args and not isinstance(expr, MatrixSymbol | Transpose):
                seen[expr] = seen.get(expr, 0) + 1
            for arg in getattr(expr, "args", ()):
                count(arg)

        for expr in exprs:
            count(expr)
        return {expr for expr, k in seen.items() if k > 1}

    def _rewrite(self, expr: Any, repeated: set[Any]) -> Any:
        if not isinstance(expr, Basic) or not expr.args or isinstance(expr, MatrixSymbol) or not self._varies(expr):
            return expr
        inner = []
        for arg in expr.args:
            part = self._rewrite(arg, repeated) if isinstance(arg, Basic) else arg
            if is_array(part) and self._worth_a_name(arg, part, expr, repeated):
                part = self._symbol(part)
            inner.append(part)
        return expr if tuple(inner) == expr.args else expr.func(*inner)

    def _worth_a_name(self, arg: Any, part: Any, parent: Any, repeated: set[Any]) -> bool:
        if not self._varies(part) or isinstance(part, MatrixSymbol) or is_simple(part):
            return False
        if part.shape == (1, 1) or (isinstance(parent, Transpose) and not arg.args):
            return False
        return isinstance(parent, FUNCTIONS_OF_ARRAYS) or arg in repeated

    def _symbol(self, part: Any) -> Any:
        if part not in self.named:
            residual = isinstance(part, MatAdd) and any(_is_negative(term) for term in part.args)
            letters = RESIDUALS if residual else PRODUCTS
            wide = part.shape[1] != 1
            name = self.name_of(part, [letter.upper() if wide else letter for letter in letters])
            self.named[part] = MatrixSymbol(name, *part.shape)
        return self.named[part]


def _is_negative(term: Any) -> bool:
    return isinstance(term, MatMul) and not is_array(term.args[0]) and bool(term.args[0].could_extract_minus_sign())


def is_simple(part: Any) -> bool:
    """A transpose, a multiple or a repetition of a name needs no name of its own."""
    if isinstance(part, MatrixSymbol | OneMatrix | Identity | ZeroMatrix):
        return True
    if isinstance(part, Transpose):
        return is_simple(part.args[0])
    if isinstance(part, MatMul):
        factors = [a for a in part.args if is_array(a) and not isinstance(a, OneMatrix)]
        return len(factors) <= 1 and all(map(is_simple, factors))
    return False


def by_names(expr: Any, definitions: Iterable[tuple[Any, Any]]) -> Any:
    """The expression with what was defined called by its name: sigmoid(z) as p where p = sigmoid(z)."""
    for symbol, meaning in definitions:
        if isinstance(meaning, MatAdd | MatMul | Transpose | MatrixSymbol | Symbol) or not meaning.args:
            continue
        if isinstance(meaning, Map):
            expr = _replace_map(expr, symbol, meaning)
        elif isinstance(meaning, Pow) and meaning.exp.is_number:
            expr = _replace_power(expr, symbol, meaning)
        else:
            expr = expr.xreplace({meaning: symbol})
    return expr


def _replace_power(expr: Any, symbol: Any, meaning: Pow) -> Any:
    """(b^p)^k = b^(pk) for whole k, and for no other in general: 1/(v + eps) is s^-2 where s = sqrt(v + eps), while s^2 is
    no power of f = s^3 where s may be negative."""
    powers = {node: node.exp / meaning.exp for node in expr.atoms(Pow) if node.base == meaning.base}
    return expr.xreplace({node: symbol**k for node, k in powers.items() if k.is_Integer})


def by_means(expr: Any, definitions: Iterable[tuple[Any, Any]]) -> Any:
    """sum(x) as N m where m is the mean of x: the sum of x - m is then zero."""
    means = {meaning.array: symbol for symbol, meaning in definitions if isinstance(meaning, Mean)}
    known = {Total(x): Mul(*x.shape) * m for x, m in means.items()}
    if not known or not isinstance(expr, Basic):
        return expr
    totals = {}
    for node in expr.atoms(Total):
        if node.free_symbols & set(means):
            flat, back = hidden(tidy(node, distribute=True).xreplace(known))
            flat = expand(flat).xreplace(back)
            if flat == 0 or count_ops(flat) < count_ops(node):
                totals[node] = flat
    return expr.xreplace(totals)


def _replace_map(expr: Any, symbol: Any, meaning: Map) -> Any:
    if expr == symbol or not isinstance(expr, Basic) or not expr.args or isinstance(expr, MatrixSymbol):
        return expr
    inner = [_replace_map(arg, symbol, meaning) if isinstance(arg, Basic) else arg for arg in expr.args]
    expr = expr if tuple(inner) == expr.args else expr.func(*inner)
    if not isinstance(expr, Map) or not all(array in expr.arrays for array in meaning.arrays):
        return expr
    slots: dict[Basic, Basic] = {Slot(k): Slot(expr.arrays.index(array)) for k, array in enumerate(meaning.arrays)}
    body = filled(meaning.body, slots)
    found = expr.body.xreplace({body: Slot(len(expr.arrays))})
    return expr if found == expr.body else Map(found, *expr.arrays, symbol)


def without(expr: Any, definitions: Sequence[tuple[Any, Any]]) -> Any:
    """The expression with these names written out, the last first."""
    for symbol, meaning in reversed(list(definitions)):
        expr = expr.xreplace({symbol: meaning})
    return tidy(expr)
