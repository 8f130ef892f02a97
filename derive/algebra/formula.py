"""NumPy-notation text to expressions, by an allow-list over `ast`. The text is never evaluated.

Scalars and arrays mix as in NumPy: `w1 * x + w0` with x a vector works entry by entry, `X @ w` is the matrix product,
`sum` and `mean` run over all entries. A fault carries the character at which it lies.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from sympy import Abs, Expr, Max, Min, Pow, Rational, exp, log, sqrt

from derive.algebra.functions import TABLE
from derive.algebra.nodes import (
    LogSoftmax,
    Map,
    Mean,
    Slot,
    Softmax,
    Total,
    add,
    hadamard,
    is_array,
    matmul,
    shape_text,
    transpose,
)  # fmt: skip
from derive.errors import FormulaError, ShapeError, did_you_mean, one_of

LONGEST, DEEPEST = 2_000, 60  # characters; brackets within brackets
LARGEST_EXPONENT = 64
MOST_DIGITS = 40


def parse_formula(text: str, symbols: Mapping[str, Any]) -> Any:
    """The expression that a formula denotes, its names looked up in `symbols`.

    Raises FormulaError with the place of the first fault: syntax, an unknown name, sizes that do not fit.
    """
    _refuse_bombs(text)
    source = text.strip()
    shift = len(text) - len(text.lstrip())
    try:
        tree = ast.parse(source, mode="eval").body
    except SyntaxError as fault:
        raise FormulaError(_syntax(source, fault), shift + max((fault.offset or 1) - 1, 0)) from None
    except (ValueError, MemoryError, RecursionError):
        raise FormulaError("this cannot be read as a formula") from None
    try:
        return _Reader(source, symbols).read(tree)
    except FormulaError as fault:
        raise FormulaError(fault.message, fault.offset + shift, fault.length) from None
    except RecursionError:
        raise FormulaError("the formula is nested too deeply") from None


def _refuse_bombs(text: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise FormulaError("an empty formula")
    if len(text) > LONGEST:
        raise FormulaError(f"a formula of {len(text)} characters; at most {LONGEST} are read")
    depth = 0
    for offset, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth > DEEPEST:
            raise FormulaError(f"more than {DEEPEST} brackets within brackets", offset)
        if character == "^":
            raise FormulaError("'^' is not a power in NumPy's notation; write '**'", offset)
        if character in "\n\r\0" or not (character.isprintable()):
            raise FormulaError("a formula is one line of printable characters", offset)


def _syntax(source: str, fault: SyntaxError) -> str:
    if source.count("(") != source.count(")"):
        return "brackets are not balanced"
    if "=" in source.replace("==", ""):
        return "a formula has no '='; the name stands before the colon"
    return f"this is not a formula in NumPy's notation ({fault.msg})"


class _Reader:
    """Walks the tree; every node kind that is not listed is refused."""

    def __init__(self, source: str, symbols: Mapping[str, Any]):
        self.source, self.symbols = source, symbols

    def read(self, node: ast.AST) -> Any:
        kinds: dict[type, Callable[[Any], Any]] = {
            ast.BinOp: self.operation,
            ast.UnaryOp: self.sign,
            ast.Constant: self.constant,
            ast.Name: self.name,
            ast.Call: self.call,
            ast.Attribute: self.attribute,
        }
        if type(node) not in kinds:
            raise self.fault(node, f"{_plain_kind(node)} has no place in a formula")
        try:
            return kinds[type(node)](node)
        except ShapeError as fault:
            raise self.fault(node, str(fault)) from None

    def fault(self, node: Any, message: str) -> FormulaError:
        start = len(self.source.encode()[: node.col_offset].decode(errors="ignore"))
        end = len(self.source.encode()[: node.end_col_offset].decode(errors="ignore"))
        return FormulaError(message, start, max(end - start, 1))

    def constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise self.fault(node, f"{node.value!r} is no number")
        digits = (ast.get_source_segment(self.source, node) or "").replace("_", "")
        if (
            len(digits) > MOST_DIGITS
            or not digits.lower().replace(".", "").replace("e", "").replace("-", "").replace("+", "").isdigit()
        ):
            raise self.fault(node, "a plain decimal number is needed here")
        if "e" in digits.lower() and abs(int(digits.lower().split("e")[1])) > 300:
            raise self.fault(node, "this exponent is too large")
        return Rational(digits)

    def name(self, node: ast.Name) -> Any:
        if node.id in self.symbols:
            return self.symbols[node.id]
        if node.id in FUNCTIONS:
            raise self.fault(node, f"'{node.id}' is a function; write {node.id}(...)")
        known = [str(k) for k in self.symbols]
        raise self.fault(node, f"unknown name '{node.id}'{did_you_mean(node.id, known)} {one_of(known)}")

    def attribute(self, node: ast.Attribute) -> Any:
        if node.attr != "T":
            raise self.fault(node, f"'.{node.attr}' has no place in a formula; only '.T' has")
        value = self.read(node.value)
        if not is_array(value):
            raise self.fault(node, "only an array has a transpose")
        return transpose(value)

    def sign(self, node: ast.UnaryOp) -> Any:
        value = self.read(node.operand)
        if isinstance(node.op, ast.UAdd):
            return value
        if not isinstance(node.op, ast.USub):
            raise self.fault(node, f"{_plain_kind(node.op)} has no place in a formula")
        return matmul(-1, value) if is_array(value) else -value

    def operation(self, node: ast.BinOp) -> Any:
        if isinstance(node.op, ast.Pow):
            return self.power(node)
        operations = {
            ast.Add: _plus, ast.Sub: _minus, ast.Mult: _times, ast.Div: _over, ast.MatMult: _matrix_product,
        }  # fmt: skip
        if type(node.op) not in operations:
            raise self.fault(node, f"{_plain_kind(node.op)} has no place in a formula; use + - * / ** @")
        left, right = self.read(node.left), self.read(node.right)
        if isinstance(node.op, ast.Div) and right == 0:
            raise self.fault(node.right, "division by zero")
        return operations[type(node.op)](left, right)

    def power(self, node: ast.BinOp) -> Any:
        base, exponent = self.read(node.left), self.read(node.right)
        if is_array(exponent):
            raise self.fault(node.right, "an exponent is a scalar")
        if exponent.is_number and (not exponent.is_Rational or abs(exponent) > LARGEST_EXPONENT):
            raise self.fault(node.right, f"exponents go up to {LARGEST_EXPONENT}")
        if not is_array(base):
            if base == 0 and exponent.is_number and exponent <= 0:
                raise self.fault(node, "0 to this power")
            if base.is_number and exponent.is_number and not base.is_Rational:
                raise self.fault(node, "a power of a power of numbers")
            return Pow(base, exponent)
        return Map(Slot(0) ** exponent, base)

    def call(self, node: ast.Call) -> Any:
        if not isinstance(node.func, ast.Name):
            raise self.fault(node.func, "only a function's name can be called")
        name = node.func.id
        if name not in FUNCTIONS:
            raise self.fault(node.func, f"unknown function '{name}'{did_you_mean(name, FUNCTIONS)} {one_of(FUNCTIONS)}")
        if node.keywords or any(isinstance(arg, ast.Starred) for arg in node.args):
            raise self.fault(node, f"{name} takes plain arguments here")
        low, high, function = FUNCTIONS[name]
        if not low <= len(node.args) <= high:
            needed = f"{low}" if low == high else f"{low} to {high}"
            raise self.fault(node, f"{name} takes {needed} argument{'s' if high > 1 else ''}, not {len(node.args)}")
        return function(*map(self.read, node.args))


def _plain_kind(node: Any) -> str:
    words = {
        "Compare": "a comparison", "Lambda": "a lambda", "Subscript": "an index", "List": "a list", "Tuple": "a comma",
        "Dict": "a dictionary", "BoolOp": "'and' or 'or'", "IfExp": "'if'", "Mod": "'%'", "FloorDiv": "'//'",
        "BitXor": "'^'", "Starred": "'*'", "JoinedStr": "text", "NamedExpr": "':='", "Not": "'not'", "Invert": "'~'",
    }  # fmt: skip
    return words.get(type(node).__name__, f"'{type(node).__name__}'")


def _entrywise(function: Callable[..., Expr], *args: Any) -> Any:
    """A scalar function of scalars and arrays, entry by entry over the arrays (which must have one shape)."""
    arrays = [arg for arg in args if is_array(arg)]
    if not arrays:
        return function(*args)
    places = iter(range(len(arrays)))
    return Map(function(*[Slot(next(places)) if is_array(arg) else arg for arg in args]), *arrays)


def _plus(left: Any, right: Any) -> Any:
    if is_array(left) and is_array(right):
        return add(left, right)
    return _entrywise(lambda a, b: a + b, left, right)


def _minus(left: Any, right: Any) -> Any:
    if is_array(left) and is_array(right):
        return add(left, matmul(-1, right))
    return _entrywise(lambda a, b: a - b, left, right)


def _times(left: Any, right: Any) -> Any:
    if is_array(left) and is_array(right):
        return hadamard(left, right)
    return matmul(left, right) if is_array(left) or is_array(right) else left * right


def _over(left: Any, right: Any) -> Any:
    return _entrywise(lambda a, b: a / b, left, right)


def _matrix_product(left: Any, right: Any) -> Any:
    """A row times a column is a scalar, as `x.T @ y` is in a teacher's eyes."""
    if not is_array(left) or not is_array(right):
        raise ShapeError("'@' multiplies arrays; use '*' with a scalar")
    if left.shape[1] == 1 and right.shape[1] == 1 and left.shape[0] == right.shape[0] and left.shape[0] != 1:
        raise ShapeError(
            f"{shape_text(left.shape)} times {shape_text(right.shape)}: the inner sizes differ; write x.T @ y"
        )
    product = matmul(left, right)
    if product.shape == (1, 1) and left.shape[0] == 1 and right.shape[1] == 1:
        return Total(hadamard(transpose(left), right))
    return product


def _scalar_of(node: type) -> Callable[[Any], Any]:
    return lambda array: node(array) if is_array(array) else array


def _norm(array: Any) -> Any:
    return sqrt(Total(Map(Slot(0) ** 2, array))) if is_array(array) else Abs(array)


def _dot(left: Any, right: Any) -> Any:
    return Total(_times(left, right)) if is_array(left) and is_array(right) else left * right


def _needs_column(node: type) -> Callable[[Any], Any]:
    def apply(array: Any) -> Any:
        if not is_array(array) or array.shape[1] != 1:
            raise ShapeError("this function takes a vector")
        return node(array)

    return apply


def _table_function(name: str) -> Callable[..., Any]:
    function = TABLE[name]
    defaults = [value for _, value in function.row.parameters]
    return lambda x, *given: _entrywise(lambda t: function(t, *given, *defaults[len(given) :]), x)


FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "sum": (1, 1, _scalar_of(Total)),
    "mean": (1, 1, _scalar_of(Mean)),
    "dot": (2, 2, _dot),
    "norm": (1, 1, _norm),
    "exp": (1, 1, lambda x: _entrywise(exp, x)),
    "log": (1, 1, lambda x: _entrywise(log, x)),
    "sqrt": (1, 1, lambda x: _entrywise(sqrt, x)),
    "abs": (1, 1, lambda x: _entrywise(Abs, x)),
    "maximum": (2, 2, lambda x, y: _entrywise(Max, x, y)),
    "minimum": (2, 2, lambda x, y: _entrywise(Min, x, y)),
    "softmax": (1, 1, _needs_column(Softmax)),
    "log_softmax": (1, 1, _needs_column(LogSoftmax)),
    **{name: (1, 1 + len(row.row.parameters), _table_function(name)) for name, row in TABLE.items()},
}
