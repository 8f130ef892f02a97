"""NumPy-notation text to expressions, by an allow-list over `ast`. The text is never evaluated.

Scalars and arrays mix as in NumPy: `w1 * x + w0` with x a vector works entry by entry, `X @ w` is the matrix product,
`sum` and `mean` run over all entries or along an axis. A fault carries the character at which it lies.
"""

from __future__ import annotations

import ast
import keyword
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sympy import Eq, Ge, Gt, Le, Lt, Ne, Piecewise, Pow, Rational

from derive.algebra import formula_words as words
from derive.algebra.arrays import Column, Grouped
from derive.algebra.formula_words import FUNCTIONS, REDUCTIONS, Axis, Value
from derive.algebra.names import NAMES_INSTEAD
from derive.algebra.nodes import is_array, matmul
from derive.errors import FormulaError, ShapeError, UnknownName, did_you_mean, one_of

LONGEST, DEEPEST = 2_000, 60  # characters; brackets within brackets
MOST_PARTS, DEEPEST_PARTS = 600, 120  # names, numbers and operations; operations within operations
LARGEST_EXPONENT = 64
LARGEST_POWER = 4_096  # of powers of powers, all exponents together
MOST_DIGITS = 40
LARGEST_NUMBER = 1e300
LARGEST_ARRAY = 100_000  # entries, where the sizes are numbers


def parse_formula(text: str, symbols: Mapping[str, Any]) -> Any:
    """The expression that a formula denotes, its names looked up in `symbols`.

    Raises FormulaError with the place of the first fault: syntax, an unknown name, sizes that do not fit.
    """
    return parse_value(text, symbols).expr


def parse_value(text: str, symbols: Mapping[str, Any]) -> Value:
    """The same, with what NumPy would make of it: whether a column is a vector or a matrix."""
    found: Value = _parsed(text, symbols, lambda reader, tree: reader.read(tree))
    return found


RELATIONS = {ast.Lt: Lt, ast.LtE: Le, ast.Gt: Gt, ast.GtE: Ge, ast.Eq: Eq, ast.NotEq: Ne}


class Statement(NamedTuple):
    """Two sides, and what is said of them: SymPy's Eq, Le, Lt, Ge or Gt; and the words in which the author wrote it."""

    left: Any
    right: Any
    relation: Any
    written: str = ""


def parse_equation(text: str, symbols: Mapping[str, Any]) -> Statement:
    """The two sides of `lhs == rhs`, of one shape, or of `lhs <= rhs` (`<`, `>=`, `>`) between numbers."""

    def sides(reader: _Reader, tree: Any) -> Any:
        if (
            not isinstance(tree, ast.Compare)
            or len(tree.ops) != 1
            or type(tree.ops[0]) not in set(RELATIONS) - {ast.NotEq}
        ):
            raise reader.fault(tree, "an identity or an inequality is needed here: left == right, or left <= right")
        relation = RELATIONS[type(tree.ops[0])]
        left, right = reader.read(tree.left), reader.read(tree.comparators[0])
        if left.expr == right.expr:  # what is meant may be the brackets, as in (A @ B) @ x == A @ (B @ x)
            reader.keeps_brackets = True
            left, right = reader.read(tree.left), reader.read(tree.comparators[0])
        if left.shape != right.shape or left.is_array != right.is_array:
            shapes = " and ".join("a number" if not v.is_array else words.shape_text(v.shape) for v in (left, right))
            raise reader.fault(tree, f"the two sides differ in shape: {shapes}")
        if left.is_array and relation is not Eq:
            raise reader.fault(tree, "an inequality is between numbers, not arrays")
        return Statement(left.expr, right.expr, relation, text.strip())

    found: Statement = _parsed(text, symbols, sides)
    return found


def _parsed(text: str, symbols: Mapping[str, Any], use: Callable[[Any, Any], Any]) -> Any:
    _refuse_bombs(text)
    source = text.strip()
    shift = len(text) - len(text.lstrip())
    try:
        tree = ast.parse(source, mode="eval").body
    except SyntaxError as fault:
        _refuse_keywords(source, shift)
        place = min(shift + max((fault.offset or 1) - 1, 0), max(len(text) - 1, 0))
        raise FormulaError(_syntax(source, fault), place) from None
    except (ValueError, MemoryError, RecursionError):
        raise FormulaError("this cannot be read as a formula") from None
    try:
        _refuse_size(tree)
        return use(_Reader(source, symbols), tree)
    except FormulaError as fault:
        raise type(fault)(fault.message, fault.offset + shift, fault.length) from None
    except RecursionError:
        raise FormulaError("the formula is nested too deeply") from None


VALUES = ("None", "True", "False")  # words of Python that formulas may hold


def of_python(word: str) -> str:
    """What to say of a name that Python keeps for itself; nothing where it does not."""
    if not keyword.iskeyword(word):
        return ""
    return f"'{word}' is a word of Python and cannot name a quantity; write {NAMES_INSTEAD.get(word, f'{word}1')}"


def _refuse_keywords(source: str, shift: int) -> None:
    for found in re.finditer(r"[A-Za-z_]\w*", source):
        if found.group() not in VALUES and (message := of_python(found.group())):
            raise FormulaError(message, shift + found.start(), len(found.group()))


def _refuse_size(tree: ast.AST) -> None:
    """Counts the parts level by level, so that nothing recurses."""
    level, parts = [tree], 0
    for _ in range(DEEPEST_PARTS):
        parts += len(level)
        level = [child for node in level for child in ast.iter_child_nodes(node) if not isinstance(child, ast.Load)]
        if parts > MOST_PARTS:
            raise FormulaError(f"more than {MOST_PARTS} parts; give parts of it a name under 'define'")
        if not level:
            return
    raise FormulaError("the formula is nested too deeply; give parts of it a name under 'define'")


SYMBOL_HINTS = {
    "^": "'^' is not a power in NumPy's notation; write '**'",
    "\u2212": "this is a typographic minus, not the minus of a keyboard; write '-'",
    "#": "'#' has no place in a formula",
}


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
        if character in SYMBOL_HINTS:
            raise FormulaError(SYMBOL_HINTS[character], offset)
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
        self.keeps_brackets = False

    def read(self, node: ast.AST) -> Value:
        kinds: dict[type, Callable[[Any], Value]] = {
            ast.BinOp: self.operation,
            ast.UnaryOp: self.sign,
            ast.Constant: self.constant,
            ast.Name: self.name,
            ast.Call: self.call,
            ast.Attribute: self.attribute,
            ast.Subscript: self.subscript,
        }
        if type(node) not in kinds:
            raise self.fault(node, f"{_plain_kind(node)} has no place in a formula")
        try:
            return self.bounded(node, kinds[type(node)](node))
        except ShapeError as fault:
            raise self.fault(node, str(fault)) from None

    def bounded(self, node: Any, value: Value) -> Value:
        """A plain number must be a real one of a size that can be computed with."""
        expr = value.expr
        if is_array(expr):
            if message := too_many(expr.shape):
                raise self.fault(node, message)
            return value
        if not expr.is_number:
            return value
        if not math.isfinite(magnitude(expr)):
            raise self.fault(node, "this is not a real number of a size that can be computed with")
        return value

    def fault(self, node: Any, message: str, kind: type[FormulaError] = FormulaError) -> FormulaError:
        start = len(self.source.encode()[: node.col_offset].decode(errors="ignore"))
        end = len(self.source.encode()[: node.end_col_offset].decode(errors="ignore"))
        return kind(message, start, max(end - start, 1))

    def constant(self, node: ast.Constant) -> Value:
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
        return Value(Rational(digits))

    def name(self, node: ast.Name) -> Value:
        if node.id in self.symbols:
            symbol = self.symbols[node.id]
            return Value(symbol, isinstance(symbol, Column))
        if node.id in FUNCTIONS:
            raise self.fault(node, f"'{node.id}' is a function; write {node.id}(...)")
        known = [str(k) for k in self.symbols]
        raise self.fault(node, f"unknown name '{node.id}'{did_you_mean(node.id, known)} {one_of(known)}", UnknownName)

    def attribute(self, node: ast.Attribute) -> Value:
        if node.attr != "T":
            raise self.fault(node, f"'.{node.attr}' has no place in a formula; only '.T' has")
        value = self.read(node.value)
        if not value.is_array:
            raise self.fault(node, "only an array has a transpose")
        return words.transposed(value)

    def subscript(self, node: ast.Subscript) -> Value:
        """x[i] and A[i, j] with whole numbers; x[:, None] is a column, x[None, :] a row."""
        value = self.read(node.value)
        if not value.is_array:
            raise self.fault(node, "only an array has entries")
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if value.is_vector and len(parts) == 2:
            kinds = [_is_colon(part) for part in parts], [_is_none(part) for part in parts]
            if kinds == ([True, False], [False, True]):
                return Value(value.expr, True)
            if kinds == ([False, True], [True, False]):
                return words.transposed(value)
        if not all(isinstance(p, ast.Constant) and type(p.value) is int and p.value < 10**6 for p in parts):
            raise self.fault(node, "an entry is x[0] or A[0, 1], with whole numbers; a column is x[:, None]")
        return words.entry(value, tuple(p.value for p in parts))  # type: ignore[attr-defined,misc]

    def sign(self, node: ast.UnaryOp) -> Value:
        value = self.read(node.operand)
        if isinstance(node.op, ast.UAdd):
            return value
        if not isinstance(node.op, ast.USub):
            raise self.fault(node, f"{_plain_kind(node.op)} has no place in a formula")
        return Value(matmul(-1, value.expr), value.kept) if value.is_array else Value(-value.expr)

    def operation(self, node: ast.BinOp) -> Value:
        if isinstance(node.op, ast.Pow):
            return self.power(node)
        operations = {
            ast.Add: words.plus, ast.Sub: words.minus, ast.Mult: words.times, ast.Div: words.over,
            ast.MatMult: words.matrix_product,
        }  # fmt: skip
        if type(node.op) not in operations:
            raise self.fault(node, f"{_plain_kind(node.op)} has no place in a formula; use + - * / ** @")
        left, right = self.read(node.left), self.read(node.right)
        if self.keeps_brackets and isinstance(node.op, ast.MatMult):
            left, right = self.bracketed(left, node.left, node), self.bracketed(right, node.right, None)
        if isinstance(node.op, ast.Div) and right.expr == 0:
            raise self.fault(node.right, "division by zero")
        return operations[type(node.op)](left, right)

    def bracketed(self, value: Value, node: ast.AST, beginning: ast.AST | None) -> Value:
        """A product inside of a product in the brackets in which it stands; `beginning` is what would begin where it does
        if it had none."""
        stands_free = beginning is not None and node.col_offset == beginning.col_offset  # type: ignore[attr-defined]
        is_product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult) and value.is_array
        return Value(Grouped(value.expr), value.kept) if is_product and not stands_free else value

    def power(self, node: ast.BinOp) -> Value:
        base, exponent = self.read(node.left), self.read(node.right)
        if exponent.is_array:
            raise self.fault(node.right, "an exponent is a scalar")
        power = exponent.expr
        if power.is_number and not power.is_Rational:
            raise self.fault(node.right, "an exponent is a whole number, a fraction or a symbol")
        if power.is_number and abs(power) > LARGEST_EXPONENT:
            raise self.fault(node.right, f"exponents go up to {LARGEST_EXPONENT}")
        if degree(base.expr) * (abs(power) if power.is_number else 1) > LARGEST_POWER:
            raise self.fault(node, f"powers of powers go up to {LARGEST_POWER} in all")
        if base.is_array:
            return words.entrywise(lambda b: b**power, base)
        if base.expr.is_number and power.is_number:
            size = abs(magnitude(base.expr))
            if size == 0 and power <= 0:
                raise self.fault(node, "0 to this power")
            if base.expr.is_negative and not power.is_Integer:
                raise self.fault(node, "there is no such power among the real numbers")
            if size != 0 and abs(math.log10(size)) * float(abs(power)) > 300:
                raise self.fault(node, "this number is too large or too small to be computed with")
        return Value(Pow(base.expr, power))

    def call(self, node: ast.Call) -> Value:
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            raise self.fault(node.func, f"functions stand alone here: write {node.func.attr}(...) by itself")
        if not isinstance(node.func, ast.Name):
            raise self.fault(node.func, "only a function's name can be called")
        name = node.func.id
        if name in self.symbols:
            raise self.fault(node.func, f"'{name}' is no function; write '*' for a product")
        if name not in FUNCTIONS:
            raise self.fault(node.func, f"unknown function '{name}'{did_you_mean(name, FUNCTIONS)} {one_of(FUNCTIONS)}")
        if any(isinstance(arg, ast.Starred) for arg in node.args) or (node.keywords and name not in REDUCTIONS):
            raise self.fault(node, f"{name} takes plain arguments here")
        low, high, function = FUNCTIONS[name]
        if not low <= len(node.args) <= high:
            needed = f"{low}" if low == high else f"{low} to {high}"
            raise self.fault(node, f"{name} takes {needed} argument{'s' if high > 1 else ''}, not {len(node.args)}")
        if name == "where":
            return self.where(node)
        arguments = [self.read(arg) for arg in node.args]
        for argument, part in zip(arguments, node.args, strict=True):
            self.domain(name, argument, part)
        return function(*arguments, self.axis(node)) if name in REDUCTIONS else function(*arguments)

    def domain(self, name: str, argument: Value, node: Any) -> None:
        """Numbers outside of a function's domain are refused where they stand."""
        if argument.is_array or not argument.expr.is_number:
            return
        value = magnitude(argument.expr)
        if name == "log" and value <= 0:
            raise self.fault(node, "log is taken of numbers above 0")
        if name == "exp" and abs(value) > 690:
            raise self.fault(node, "the exponential of this number is too large or too small to be computed with")

    def axis(self, node: ast.Call) -> Axis:
        settings: dict[str, Any] = {}
        for setting in node.keywords:
            number = setting.value
            if isinstance(number, ast.UnaryOp) and isinstance(number.op, ast.USub):
                number = number.operand
            if setting.arg not in ("axis", "keepdims") or not isinstance(number, ast.Constant):
                raise self.fault(node, "the keywords here are axis=0, axis=1 and keepdims=True")
            allowed = (bool,) if setting.arg == "keepdims" else (int, type(None))
            if type(number.value) not in allowed:
                raise self.fault(setting.value, "axis is 0 or 1, keepdims is True or False")
            settings[setting.arg] = number.value if number is setting.value else -number.value  # type: ignore[operator]
        return Axis(**settings)

    def where(self, node: ast.Call) -> Value:
        """where(a > b, x, y), entry by entry."""
        condition, first, second = node.args
        if not isinstance(condition, ast.Compare) or len(condition.ops) != 1 or type(condition.ops[0]) not in RELATIONS:
            raise self.fault(condition, "where takes one comparison first, such as x > 0")
        relation = RELATIONS[type(condition.ops[0])]
        parts = [condition.left, condition.comparators[0], first, second]

        def choose(left: Any, right: Any, yes: Any, no: Any) -> Any:
            return Piecewise((yes, relation(left, right)), (no, True))

        return words.entrywise(choose, *[self.read(part) for part in parts])


def too_many(shape: tuple[Any, Any]) -> str:
    """What to say of an array whose entries would be too many to write down; sizes with names are free."""
    rows, columns = shape
    if not (rows.is_Integer and columns.is_Integer) or rows * columns <= LARGEST_ARRAY:
        return ""
    return f"{rows} x {columns} are {int(rows * columns):,} entries; up to {LARGEST_ARRAY:,} are computed with, and sizes with names"


def _is_colon(part: Any) -> bool:
    return isinstance(part, ast.Slice) and part.lower is part.upper is part.step is None


def _is_none(part: Any) -> bool:
    return isinstance(part, ast.Constant) and part.value is None


def degree(expr: Any) -> float:
    """The exponents on the way to the deepest base, multiplied: how large a power of the expression would grow."""
    if isinstance(expr, Pow) and expr.exp.is_number:
        return float(abs(expr.exp)) * degree(expr.base)
    return max([1.0, *[degree(arg) for arg in getattr(expr, "args", ())]])


def magnitude(expr: Any) -> float:
    """A number of a formula in floating point; infinite or nan where it has no such value."""
    if expr.is_Rational:
        top, bottom = abs(int(expr.p)), int(expr.q)
        if top.bit_length() - bottom.bit_length() > 1000:
            return math.inf
        return float(expr)
    try:
        value = complex(expr.evalf(20))
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return value.real if abs(value.imag) < 1e-12 and abs(value.real) < LARGEST_NUMBER else math.nan


def _plain_kind(node: Any) -> str:
    words = {
        "Compare": "a comparison", "Lambda": "a lambda", "Subscript": "an index", "List": "a list", "Tuple": "a comma",
        "Dict": "a dictionary", "BoolOp": "'and' or 'or'", "IfExp": "'if'", "Mod": "'%'", "FloorDiv": "'//'",
        "BitXor": "'^'", "Starred": "'*'", "JoinedStr": "text", "NamedExpr": "':='", "Not": "'not'", "Invert": "'~'",
    }  # fmt: skip
    return words.get(type(node).__name__, f"'{type(node).__name__}'")
