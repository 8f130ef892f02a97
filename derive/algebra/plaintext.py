"""Expressions in NumPy's notation: what an author would type, and what a terminal shows."""

from __future__ import annotations

import re
from typing import Any

from sympy import ITE, Add, And, Indexed, Integer, MatrixBase, Mul, Not, Or, Pow, Rational, Sum, Symbol
from sympy.logic.boolalg import BooleanAtom
from sympy.matrices.expressions import MatAdd, MatMul, Transpose
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.printing.str import StrPrinter

from derive.algebra import nodes
from derive.algebra.arrays import Reshaped, Scalar
from derive.algebra.names import NAMES_INSTEAD
from derive.algebra.numbers import decimal_text, is_long, is_short, numeral


def numpy_text(expr: Any) -> str:
    """The text of an expression, an array, a relation or a tuple of sizes."""
    if isinstance(expr, str):
        return expr
    if isinstance(expr, tuple | list):
        return "(" + ", ".join(map(numpy_text, expr)) + ")"
    return _Text().doprint(expr)


def _stands_for_entries(body: Any, index: Any) -> bool:
    """Whether an index occurs in a summand, and only as the index of a vector."""
    entries = {node: Symbol(f"entry{k}") for k, node in enumerate(body.atoms(Indexed)) if node.indices == (index,)}
    return bool(entries) and index not in body.xreplace(entries).free_symbols


def is_number(array: Any) -> bool:
    """Whether an array is an inserted one of size 1 x 1 (or its transpose), printed as the number that it is."""
    inner = array.args[0] if isinstance(array, Transpose) else array
    return nodes.is_one(inner) or (isinstance(inner, MatrixBase) and inner.shape == (1, 1))


OPERATION = re.compile(r"[\s+\-*/@<>=]")
NUMBER = re.compile(r"\b\d+(\.\d+)?(e[+-]?\d+)?|@\d+@")  # and the place of an array inside of a map

TIME = re.compile(r"_([A-Za-z0-9]+[+-]\w+)")  # w_t-1 would be w_t less 1


def outside_of_brackets(printed: str) -> str:
    """What is left of a printed formula without its brackets and what they hold."""
    left, depth = [], 0
    for character in printed:
        depth += character in "(["
        left += [character] if depth == 0 else []
        depth -= character in ")]"
    return "".join(left)


def is_tight(printed: str, besides: str = "") -> bool:
    """Whether a printed formula holds together whatever stands beside it: a name, a number without a sign, a call, an entry;
    `besides` is an operation that it may have all the same."""
    bare = outside_of_brackets(printed)
    if besides:
        bare = bare.replace(besides, "")
    return not OPERATION.search(NUMBER.sub("", bare))


class _Text(StrPrinter):
    printmethod = "_as_formula"  # no node prints itself past the rules below

    def __init__(self) -> None:
        super().__init__()
        self.running: list[tuple[Any, ...]] = []

    def wrap(self, expr: Any) -> str:
        if isinstance(expr, Scalar):
            return self.wrap(expr.array)
        if isinstance(expr, MatrixBase) and expr.shape == (1, 1):
            return self.wrap(expr[0, 0])
        if isinstance(expr, Transpose) and is_number(expr):
            return self.wrap(expr.args[0])
        loose = (Add, MatAdd, Mul, MatMul, nodes.Terms, nodes.Factors, nodes.Quotient, nodes.Map, Sum)
        negative = (
            isinstance(expr, nodes.Numeral | Rational) and (expr.value if isinstance(expr, nodes.Numeral) else expr) < 0
        )
        is_sum = isinstance(expr, nodes.Numeral) and " " in decimal_text(expr)
        return f"({self._print(expr)})" if isinstance(expr, loose) or negative or is_sum else self._print(expr)

    def parenthesize(self, item: Any, level: int, strict: bool = False) -> str:
        """SymPy does not know how loosely our nodes bind, and would print log(x)*1 - y for log(x)*(1 - y)."""
        if isinstance(item, nodes.Written | Scalar):
            return self.wrap(item) if level > 0 else self._print(item)
        if isinstance(item, nodes.Partial | nodes.LimitOf):
            return self.tight(item) if level > 0 else self._print(item)
        return super().parenthesize(item, level, strict)

    def tight(self, expr: Any, besides: str = "") -> str:
        """The text of a base, an exponent or a divisor, in brackets unless it holds together by itself."""
        printed = self.wrap(expr)
        closed = printed.startswith("(") and not outside_of_brackets(printed)
        return printed if closed or is_tight(printed, besides) else f"({printed})"

    def _print_Symbol(self, expr: Symbol) -> str:
        return NAMES_INSTEAD.get(expr.name) or TIME.sub(r"_(\1)", expr.name)

    def _print_Numeral(self, expr: nodes.Numeral) -> str:
        return decimal_text(expr)

    _print_Rounded = _print_Numeral

    def _print_Float(self, expr: Any) -> str:
        return decimal_text(numeral(expr))

    def _print_Integer(self, expr: Any) -> str:
        return decimal_text(nodes.Numeral(expr)) if is_long(expr) else str(expr)

    def _print_Rational(self, expr: Any) -> str:
        is_power_of_ten = is_long(Integer(expr.q)) and is_short(expr)
        return decimal_text(nodes.Numeral(expr)) if is_power_of_ten else f"{expr.p}/{expr.q}"

    def _print_Relational(self, expr: Any) -> str:
        return f"{self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)}"

    def joined(self, terms: Any) -> str:
        line = ""
        for term in terms:
            printed = self._print(term)
            if isinstance(term, nodes.Terms | Add | MatAdd):
                printed = f"({printed})"
            line += printed if not line else f" - {printed[1:]}" if printed.startswith("-") else f" + {printed}"
        return line

    def _print_Add(self, expr: Add, order: Any = None) -> str:
        from derive.algebra.notation import positive_first

        return self.joined(positive_first(expr.as_ordered_terms() if not expr.has(nodes.Written) else expr.args))

    def _print_Terms(self, expr: nodes.Terms) -> str:
        return self.joined(expr.args)

    def _print_MatAdd(self, expr: MatAdd) -> str:
        from derive.algebra.notation import positive_first

        return self.joined(positive_first(expr.args))

    def _print_Factors(self, expr: nodes.Factors) -> str:
        if expr.args[0] == -1:
            return "-" + "*".join(map(self.wrap, expr.args[1:]))
        return "*".join(map(self.wrap, expr.args))

    def _print_Quotient(self, expr: nodes.Quotient) -> str:
        return f"{self.wrap(expr.args[0])}/{self.tight(expr.args[1], besides='**')}"

    def _print_Power(self, expr: nodes.Power) -> str:
        return f"{self.tight(expr.args[0])}**{self.tight(expr.args[1])}"

    def _print_Pow(self, expr: Pow, rational: bool = False) -> str:
        if expr.exp == -1:
            return f"1/{self.tight(expr.base, besides='**')}"
        if expr.exp == Rational(1, 2):
            return f"sqrt({self._print(expr.base)})"
        return f"{self.tight(expr.base)}**{self.tight(expr.exp)}"

    def _print_Magnitude(self, expr: nodes.Magnitude) -> str:
        return f"abs({self._print(expr.args[0])})"

    def _print_Largest(self, expr: nodes.Largest) -> str:
        return self.nested("maximum", expr.args)

    _print_Max = _print_Largest

    def _print_Min(self, expr: Any) -> str:
        return self.nested("minimum", expr.args)

    def nested(self, word: str, args: Any) -> str:
        """The largest of several, two by two: maximum(a, maximum(b, c))."""
        *rest, last = map(self._print, args)
        for one in reversed(rest):
            last = f"{word}({one}, {last})"
        return last

    def _print_Exp1(self, expr: Any) -> str:
        return "exp(1)"

    def _print_Abs(self, expr: Any) -> str:
        return f"abs({self._print(expr.args[0])})"

    def _print_sign(self, expr: Any) -> str:
        inner = self._print(expr.args[0])
        return f"where({inner} > 0, 1, where({inner} < 0, -1, 0))"

    def _print_Piecewise(self, expr: Any) -> str:
        *branches, (last, when) = expr.args
        printed = self._print(last) if when == True else self.chosen(when, self._print(last), "nan")  # noqa: E712
        for value, condition in reversed(branches):
            printed = self.chosen(condition, self._print(value), printed)
        return printed

    def chosen(self, condition: Any, yes: str, no: str) -> str:
        """where(a > b, yes, no); conditions that are made of several are taken apart."""
        if isinstance(condition, BooleanAtom):
            return yes if condition else no
        if isinstance(condition, Not):
            return self.chosen(condition.args[0], no, yes)
        if isinstance(condition, ITE):
            first, second, third = condition.args
            return self.chosen(first, self.chosen(second, yes, no), self.chosen(third, yes, no))
        if isinstance(condition, And | Or):
            first, *rest = condition.args
            others = self.chosen(condition.func(*rest), yes, no)
            return self.chosen(first, others, no) if isinstance(condition, And) else self.chosen(first, yes, others)
        return f"where({self._print(condition)}, {yes}, {no})"

    def _print_Floor(self, expr: nodes.Floor) -> str:
        return f"floor({self._print(expr.args[0])})"

    def _print_Prime(self, expr: nodes.Prime) -> str:
        return f"{expr.args[0]}'({self._print(expr.args[1])})"

    def _print_Function(self, expr: Any) -> str:
        row = getattr(expr, "row", None)
        if row is None:
            return str(super()._print_Function(expr))
        given = list(expr.args)
        for (_, default), own in reversed(list(zip(row.parameters, expr.args[1:], strict=True))):
            if own != default:
                break
            given.pop()
        return f"{row.name}({', '.join(map(self._print, given))})"

    def _print_Expectation(self, expr: nodes.Expectation) -> str:
        return f"E[{self._print(expr.args[0])}]"

    def _print_LimitOf(self, expr: nodes.LimitOf) -> str:
        variable, to = map(self._print, expr.args[1:3])
        side = {(): "", (1,): "+", (-1,): "-"}[expr.args[3:]]
        return f"lim {variable}->{to}{side} {self.wrap(expr.args[0])}"

    def _print_At(self, expr: nodes.At) -> str:
        of = expr.args[0]
        whole = self._print(of) if of.is_Symbol else f"({self._print(of)})"
        return f"{whole}({', '.join(f'{self._print(v)}={self._print(e)}' for v, e in expr.places)})"

    def _print_Partial(self, expr: nodes.Partial) -> str:
        below = " ".join(f"d{self._print(symbol)}" for symbol in expr.args[1:])
        order = f"^{len(expr.args) - 1}" if len(expr.args) > 2 else ""
        return (
            f"d{order}{self.wrap(expr.args[0])}/{below}"
            if not order
            else f"d{order} {self.wrap(expr.args[0])}/({below})"
        )

    _print_Gradient = _print_Partial

    def _print_Transpose(self, expr: Transpose) -> str:
        inner = expr.args[0]
        return self._print(inner) if is_number(inner) else f"{self.tight(inner)}.T"

    def _print_MatMul(self, expr: MatMul) -> str:
        scalar = Mul(*[a for a in expr.args if not nodes.is_array(a)])
        arrays = nodes.without_ones([a for a in expr.args if nodes.is_array(a)])
        if nodes.is_one(arrays[0]):
            return self._print(scalar)
        product = self.multiplied(arrays)
        if scalar.could_extract_minus_sign() and not scalar.is_Add:
            rest = -scalar
            return f"-{product}" if rest == 1 else f"-{self.factor(rest)}*{product}"
        return product if scalar == 1 else f"{self.factor(scalar)}*{product}"

    def multiplied(self, arrays: list[Any]) -> str:
        """A @ B, but 2*3 and 2*A where one of them is a number."""
        out = self.wrap(arrays[0])
        for before, array in zip(arrays, arrays[1:], strict=False):
            out += f"{'*' if is_number(before) or is_number(array) else ' @ '}{self.wrap(array)}"
        return out

    def factor(self, scalar: Any) -> str:
        """A scalar in front of a product."""
        loose = not isinstance(scalar, Mul | Rational | Pow) and self.wrap(scalar) != self._print(scalar)
        return self.wrap(scalar) if loose or scalar.is_Add else self._print(scalar)

    def _print_MatrixElement(self, expr: MatrixElement) -> str:
        indices = [expr.i] if expr.parent.shape[1] == 1 else [expr.i, expr.j]
        return f"{self.tight(expr.parent)}[{', '.join(map(self._print, indices))}]"

    def _print_Indexed(self, expr: Indexed) -> str:
        if expr.indices in self.running:
            return str(expr.base.label)
        return f"{expr.base.label}[{', '.join(self._print(i - 1) for i in expr.indices)}]"

    def _print_ImmutableDenseMatrix(self, expr: Any) -> str:
        if expr.shape == (1, 1):
            return self._print(expr[0, 0])
        rows = ["[" + ", ".join(map(self._print, row)) + "]" for row in expr.tolist()]
        return "[" + ", ".join(rows) + "]"

    def filled(self, word: str, shape: tuple[Any, ...]) -> str:
        sizes = shape[:1] if shape[1] == 1 else shape
        return f"{word}({', '.join(map(self._print, sizes))})"

    def _print_ZeroMatrix(self, expr: Any) -> str:
        return self.filled("zeros", expr.shape)

    def _print_OneMatrix(self, expr: Any) -> str:
        return "1" if nodes.is_one(expr) else self.filled("ones", expr.shape)

    def _print_Identity(self, expr: Any) -> str:
        return "1" if nodes.is_one(expr) else f"eye({self._print(expr.shape[0])})"

    def _print_Softmax(self, expr: nodes.Softmax) -> str:
        return f"softmax({self._print(expr.args[0])})"

    def _print_LogSoftmax(self, expr: nodes.LogSoftmax) -> str:
        return f"log_softmax({self._print(expr.args[0])})"

    def _print_Total(self, expr: nodes.Total) -> str:
        return f"sum({self._print(expr.array)})"

    def _print_Mean(self, expr: nodes.Mean) -> str:
        return f"mean({self._print(expr.array)})"

    def _print_Map(self, expr: nodes.Map) -> str:
        names: dict[Any, Any] = {nodes.Slot(k): Symbol(f"@{k}@") for k in range(len(expr.arrays))}
        body = self._print(nodes.filled(expr.body, names))
        for k, array in enumerate(map(self.as_vector, expr.arrays)):
            body = body.replace(f"(@{k}@)", f"({self._print(array)})").replace(f"@{k}@", self.wrap(array))
        return body

    def as_vector(self, array: Any) -> Any:
        """What stands beside vectors: the transpose of a row is a matrix of one column to NumPy, and no vector."""
        if isinstance(array, Transpose) and array.shape[1] == 1 != array.shape[0]:
            return Reshaped(array.args[0], array.shape[0], 1)
        return array

    def _print_Sum(self, expr: Sum) -> str:
        """A sum over the entries of vectors is a sum of arrays: sum((y - w*x)**2)."""
        (index, first, _), *others = expr.limits
        if not others and first == 1 and _stands_for_entries(expr.function, index):
            self.running.append((index,))
            whole = f"sum({self._print(expr.function)})"
            self.running.pop()
            return whole
        limits = ", ".join(f"{i}={self._print(a)}..{self._print(b)}" for i, a, b in expr.limits)
        return f"sum({self._print(expr.function)}, {limits})"

    def _print_Scalar(self, expr: Any) -> str:
        return str(self._print(expr.array))

    def _print_Unit(self, expr: Any) -> str:
        return "1" if nodes.is_one(expr) else f"e{self._print(expr.args[1])}"

    def _print_Commutation(self, expr: Any) -> str:
        return f"K({', '.join(map(self._print, expr.args))})"

    def _print_Reshaped(self, expr: Any) -> str:
        array, rows, columns = map(self._print, expr.args)
        return f"reshape({array}, {rows})" if columns == "1" else f"reshape({array}, {rows}, {columns})"

    def _print_Grouped(self, expr: Any) -> str:
        return f"({self._print(expr.array)})"

    def _print_Patches(self, expr: Any) -> str:
        return f"patches({self._print(expr.array)})"

    def _print_Folded(self, expr: Any) -> str:
        return f"fold({self._print(expr.array)})"

    def _print_WindowLargest(self, expr: Any) -> str:
        return f"maxpool({self._print(expr.array)})"

    def _print_Unpooled(self, expr: Any) -> str:
        return f"unpool({self._print(expr.array)}, {self._print(expr.image)})"

    def _print_Jacobian(self, expr: Any) -> str:
        return f"jacobian({', '.join(map(self._print, expr.args))})"

    def _print_Hessian(self, expr: Any) -> str:
        return f"hessian({', '.join(map(self._print, expr.args))})"

    def _print_Change(self, expr: Any) -> str:
        return f"d{self.wrap(expr.args[0])}"

    _print_ScalarChange = _print_Change


CALLED = {
    "Norm": "norm", "TraceOf": "trace", "Det": "det", "LogDet": "logdet", "LargestEntry": "max", "RowLargest": "max",
    "LogSumExp": "logsumexp", "RowLogSumExp": "logsumexp", "Inv": "inv", "Diag": "diag", "Diagonal": "diag",
    "Kron": "kron", "Rank": "rank", "RowSoftmax": "softmax", "RowLogSoftmax": "log_softmax",
}  # fmt: skip
OF_ROWS = {"RowLargest", "RowLogSumExp", "RowSoftmax", "RowLogSoftmax"}


def _called(node: str, name: str) -> Any:
    along = ", axis=1" if node in OF_ROWS else ""

    def method(self: Any, expr: Any) -> str:
        return f"{name}({', '.join(map(self._print, expr.args))}{along})"

    return method


for _node, _name in CALLED.items():
    setattr(_Text, f"_print_{_node}", _called(_node, _name))
