"""`evaluate`: named quantities at given numbers, exactly, one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Integer, Symbol
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra import values_arrays  # noqa: F401  registers values
from derive.algebra.inserting import put_in
from derive.algebra.nodes import Numeral, is_array
from derive.algebra.numbers import as_matrix, numerals
from derive.algebra.values import value_of
from derive.derivation import Answer, Derivation, Equal, Work, rule
from derive.errors import GivenError
from derive.problem.types import Formula
from derive.topics.registry import questions
from derive.worlds import Formulas

FORMULA = rule("formula to evaluate", "the formula")
INSERT = rule("insert numbers", "insert the numbers")
VALUE = rule("value", "compute")


@questions("evaluate")
@dataclass(frozen=True)
class Evaluate:
    """The value of `of` at the numbers under `values`, through every defined quantity that it uses."""

    of: Formula

    def derive(self, given: Any) -> Derivation:
        numbers = numbers_of(given)
        sizes = {s: v for s, v in numbers.items() if s.is_integer and not is_array(v) and s.name not in given.values}
        defined = dict(given.define)
        steps = [(s, e) for s, e in given.define if s in needed(self.of, given)]
        if self.of not in defined:
            name = Symbol(given.named(self.of, "fgJL"), real=True)
            steps.append((name if not is_array(self.of) else _array_name(self.of, given), self.of))
        known = dict(numbers)
        definitions: list[tuple[Any, Any]] = [(s.xreplace(sizes), v) for s, v in numbers.items() if s not in sizes]
        work = Work("Values", Formulas(tuple(definitions)))
        for symbol, expr in steps:
            local, meaning = symbol.xreplace(sizes), expr.xreplace(sizes)
            value = value_of(expr, known)
            known[symbol] = value
            shown = {s.xreplace(sizes): _written(v) for s, v in known.items() if s not in sizes and s != symbol}
            inserted = put_in(meaning, shown)
            definitions.append((local, meaning))
            work.world = Formulas(tuple(definitions))
            work.equal(local, meaning, why=FORMULA)
            if inserted != meaning:
                work.equal(meaning, inserted, why=INSERT)
            work.equal(inserted, numerals(value), why=VALUE, result=symbol == steps[-1][0])
        last = steps[-1][0]
        target, value = last.xreplace(sizes), numerals(known[last])
        world = Formulas(tuple(definitions))
        answer = Answer(last.name, value, lambda v: Equal(world, (target, as_array(v))), is_main=True)
        return Derivation("Evaluate", (work.section(),), (answer,))


def as_array(value: Any) -> Any:
    """An author's list as a column, nested lists as a matrix."""
    return as_matrix(value) if isinstance(value, tuple) else value


def _array_name(expr: Any, given: Any) -> Any:
    return MatrixSymbol(given.named(expr, "FGHY"), *expr.shape)


def _written(value: Any) -> Any:
    """Numbers as they are shown, their exact values kept."""
    return numerals(value) if is_array(value) else Numeral(value) if value.is_Rational else numerals(value)


def needed(of: Any, given: Any) -> set[Any]:
    """The defined quantities that a formula uses, itself included."""
    found = {of} | set(of.free_symbols)
    for symbol, expr in reversed(list(given.define)):
        if symbol in found:
            found |= expr.free_symbols
    return found


def numbers_of(given: Any) -> dict[Any, Any]:
    """The numbers under `values` by symbol; sizes follow from them. Raises GivenError where they do not fit."""
    found: dict[Any, Any] = {}
    for name, nested in given.values.items():
        symbol = given.symbols.get(name)
        if symbol is None or symbol in dict(given.define):
            raise GivenError(f"'{name}' is no declared symbol", ("given", "values", name))
        if not is_array(symbol):
            if isinstance(nested, tuple):
                raise GivenError(f"'{name}' is declared as one number", ("given", "values", name))
            found[symbol] = nested
            continue
        matrix = as_matrix(nested)
        for size, actual in zip(symbol.shape, matrix.shape, strict=True):
            wanted = int(found.setdefault(size, Integer(actual)) if isinstance(size, Symbol) else size)
            if wanted != actual:
                raise GivenError(f"'{name}' has {actual} where its shape says {wanted}", ("given", "values", name))
        found[symbol] = matrix
    return found
