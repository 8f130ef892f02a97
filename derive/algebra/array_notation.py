"""How arrays are written in LaTeX: products, transposes and inverses, traces, norms, sums over entries, derivatives."""

from __future__ import annotations

from typing import Any

from sympy import Add, Basic, Expr, Indexed, IndexedBase, Integer, MatrixBase, Mul, Piecewise, Symbol, fraction
from sympy.matrices.expressions import MatAdd, MatMul, OneMatrix, Transpose
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol

from derive.algebra import arrays, nodes
from derive.algebra.names import latex_name

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4


class ArrayPrinter:
    """The part of the LaTeX printer that knows arrays."""

    _print: Any
    bracket: Any
    wrap: Any
    strength: Any
    join_factors: Any
    with_indices: Any
    names_here: set[str]
    running: list[Symbol]

    def _print_Transpose(self, expr: Transpose) -> str:
        inner = expr.args[0]
        if expr.shape == (1, 1):
            return self._print(inner)
        if isinstance(inner, arrays.Inv):
            return rf"{self.bracket(inner.array, ATOM)}^{{-\top}}"
        return rf"{self.bracket(inner, ATOM)}^{{\top}}"

    def _print_MatMul(self, expr: MatMul) -> str:
        scalars, found = [[a for a in expr.args if nodes.is_array(a) == kind] for kind in (False, True)]
        factors = nodes.without_ones(found)
        if scalars and nodes.is_one(factors[0]):
            return self.join_factors(scalars)
        several = len(factors) > 1
        return self.join_factors(
            [*scalars, *(Bracketed(a) if several and is_entrywise_product(a) else a for a in factors)]
        )

    def _print_Bracketed(self, expr: Any) -> str:
        return self.wrap(self._print(expr.args[0]))

    def _print_Grouped(self, expr: arrays.Grouped) -> str:
        return str(self.wrap(self._print(expr.array)))

    def _print_MatrixElement(self, expr: MatrixElement) -> str:
        indices = [self._print(i + 1) for i in (expr.i, expr.j)]
        if expr.parent.shape[1] == 1:
            indices = [] if expr.parent.shape[0] == 1 else indices[:1]
        if isinstance(expr.parent, MatrixSymbol):
            letter = latex_name(expr.parent.name)
            if not indices:
                return letter
            if len(indices) == 1 or "_{" not in letter:
                return self.with_indices(letter, indices)
        inner = self._print(expr.parent)
        return rf"\left[{inner}\right]_{{{','.join(indices)}}}" if indices else inner

    def _print_ImmutableDenseMatrix(self, expr: MatrixBase) -> str:
        if expr.shape == (1, 1):
            return self._print(expr[0, 0])
        rows = r" \\ ".join(" & ".join(map(self._print, row)) for row in expr.tolist())
        return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}"

    _print_MutableDenseMatrix = _print_ImmutableDenseMatrix

    def _print_ZeroMatrix(self, expr: Any) -> str:
        return r"\bm{0}" if expr.shape != (1, 1) else "0"

    def _print_OneMatrix(self, expr: Any) -> str:
        if expr.shape == (1, 1):
            return "1"
        return r"\bm{1}^{\top}" if expr.shape[0] == 1 else r"\bm{1}"

    def _print_Identity(self, expr: Any) -> str:
        return "1" if nodes.is_one(expr) else r"\bm{I}"

    def _print_Softmax(self, expr: nodes.Softmax) -> str:
        return rf"\operatorname{{softmax}}\left({self._print(expr.args[0])}\right)"

    def _print_LogSoftmax(self, expr: nodes.LogSoftmax) -> str:
        return rf"\log\operatorname{{softmax}}\left({self._print(expr.args[0])}\right)"

    def _print_Scalar(self, expr: arrays.Scalar) -> str:
        return str(self._print(expr.array))

    def _print_Norm(self, expr: arrays.Norm) -> str:
        index = "_{F}" if expr.array.shape[1] != 1 else ""
        return rf"\left\|{self._print(expr.array)}\right\|{index}"

    def called(self, name: str, expr: Any) -> str:
        return rf"{name}\left({self._print(expr.args[0])}\right)"

    def _print_TraceOf(self, expr: Any) -> str:
        return self.called(r"\operatorname{tr}", expr)

    def _print_Det(self, expr: Any) -> str:
        return self.called(r"\det", expr)

    def _print_Rank(self, expr: Any) -> str:
        return self.called(r"\operatorname{rank}", expr)

    def _print_LogDet(self, expr: Any) -> str:
        return self.called(r"\log\det", expr)

    def _print_Largest(self, expr: Any) -> str:
        return rf"\max\left({', '.join(map(self._print, expr.args))}\right)"

    _print_Max = _print_Largest

    def _print_LargestEntry(self, expr: Any) -> str:
        return self.called(r"\max", expr)

    _print_RowLargest = _print_LargestEntry

    def _print_LogSumExp(self, expr: Any) -> str:
        return self.called(r"\operatorname{logsumexp}", expr)

    _print_RowLogSumExp = _print_LogSumExp

    def _print_Inv(self, expr: arrays.Inv) -> str:
        return rf"{self.bracket(expr.array, ATOM)}^{{-1}}"

    def _print_Diag(self, expr: Any) -> str:
        return self.called(r"\operatorname{diag}", expr)

    _print_Diagonal = _print_Diag

    def _print_Kron(self, expr: arrays.Kron) -> str:
        return r" \otimes ".join(self.bracket(arg, POWER) for arg in expr.args)

    def _print_Commutation(self, expr: arrays.Commutation) -> str:
        return rf"\bm{{K}}_{{{self._print(expr.args[0])},{self._print(expr.args[1])}}}"

    def _print_Unit(self, expr: arrays.Unit) -> str:
        if nodes.is_one(expr):
            return "1"
        return rf"\bm{{e}}_{{{self._print(expr.args[1] + 1)}}}"

    def _print_Reshaped(self, expr: arrays.Reshaped) -> str:
        rows, columns = map(self._print, expr.shape)
        return rf"\operatorname{{reshape}}_{{{rows} \times {columns}}}\left({self._print(expr.array)}\right)"

    def _print_Patches(self, expr: Any) -> str:
        return self.called(r"\operatorname{patches}", expr)

    def _print_Folded(self, expr: Any) -> str:
        return self.called(r"\operatorname{fold}", expr)

    def _print_WindowLargest(self, expr: Any) -> str:
        return self.called(r"\operatorname{maxpool}", expr)

    def _print_Unpooled(self, expr: arrays.Unpooled) -> str:
        image = self._print(expr.image)
        return rf"\operatorname{{unpool}}_{{{image}}}\left({self._print(expr.array)}\right)"

    def _print_Jacobian(self, expr: arrays.Jacobian) -> str:
        of, wrt = expr.args
        if of.shape[1] == wrt.shape[1] == 1:
            above = f" {self._print(of)}" if isinstance(of, MatrixSymbol) else ""
            after = "" if above else f" {self.bracket(of, ATOM)}"
            return rf"\frac{{\partial{above}}}{{\partial {self._print(wrt)}^{{\top}}}}{after}"
        vec = r"\operatorname{vec}"
        above = rf"{vec}\left({self._print(of)}\right)"
        return rf"\frac{{\partial\, {above}}}{{\partial\, {vec}\left({self._print(wrt)}\right)^{{\top}}}}"

    def _print_Hessian(self, expr: arrays.Hessian) -> str:
        of, wrt = (self._print(arg) for arg in expr.args)
        if expr.args[1].shape[1] == 1:
            return rf"\frac{{\partial^{{2}} {of}}}{{\partial {wrt}\, \partial {wrt}^{{\top}}}}"
        vec = rf"\operatorname{{vec}}\left({wrt}\right)"
        return rf"\frac{{\partial^{{2}} {of}}}{{\partial\, {vec}\, \partial\, {vec}^{{\top}}}}"

    def _print_SmallChange(self, expr: arrays.SmallChange) -> str:
        return rf"\mathrm{{d}}{latex_name(expr.name[1:], bold=True)}"

    def _print_Change(self, expr: Any) -> str:
        return rf"\mathrm{{d}}{self.bracket(expr.args[0], ATOM)}"

    _print_ScalarChange = _print_Change

    def _print_RowLogSoftmax(self, expr: arrays.RowLogSoftmax) -> str:
        return str(self._print_LogSoftmax(expr))

    def _print_Total(self, expr: nodes.Total) -> str:
        from derive.algebra.notation import leads_with_minus

        rows, columns = expr.array.shape
        if columns == 1 and rows != 1 and isinstance(expr.array, MatMul) and is_array_product(expr.array):
            return rf"\bm{{1}}^{{\top}} {self.bracket(expr.array, PRODUCT)}"
        if columns != 1 and not has_components(expr.array):
            return rf"\bm{{1}}^{{\top}} {self.bracket(expr.array, POWER)} \bm{{1}}"
        letters = self.fresh_letters(rows, columns)
        body = component(expr.array, letters[0]) if columns == 1 else entry(expr.array, *letters)
        if (rows, columns) == (1, 1):
            return str(self._print(body))
        sign = "-" if leads_with_minus(body) else ""
        self.running += letters
        summand = self.bracket(-body if sign else body, PRODUCT)
        del self.running[-len(letters) :]
        over = zip(letters, (rows, columns), strict=False)
        sums = " ".join(rf"\sum_{{{self._print(k)}=1}}^{{{self._print(size)}}}" for k, size in over)
        return f"{sign}{sums} {summand}"

    def fresh_letters(self, rows: Any, columns: Any) -> list[Symbol]:
        """Letters for the entries of an array, none of which means anything else in the formula: k, or i and j."""
        taken = self.names_here | {letter.name for letter in self.running}
        found: list[Symbol] = []
        for options in ["kijlr"] if columns == 1 else ["ilpst", "jmqst"]:
            found.append(Symbol(next(letter for letter in options + "uvwxyz" if letter not in taken)))
            taken.add(found[-1].name)
        return found

    def _print_Mean(self, expr: nodes.Mean) -> str:
        if isinstance(expr.array, MatrixSymbol):
            return rf"\bar{{{latex_name(expr.array.name)}}}"
        size = Mul(*expr.array.shape)
        return rf"\frac{{1}}{{{self._print(size)}}} {self._print_Total(nodes.Total(expr.array))}"


def names_in(expr: Any) -> set[str]:
    """The names that stand in an expression, those of sizes among them."""
    if isinstance(expr, MatrixBase | tuple | list):
        return set().union(*map(names_in, expr))
    found: set[str] = set()
    for symbol in getattr(expr, "free_symbols", ()):
        found.add(getattr(symbol, "name", str(symbol)))
        for size in symbol.shape if isinstance(symbol, MatrixSymbol) else ():
            found |= {inner.name for inner in getattr(size, "free_symbols", ())}
    return found


class Bracketed(Basic):
    """An array that stands in brackets."""

    is_symbol = False

    @property
    def shape(self) -> Any:
        return self.args[0].shape


def is_entrywise_product(array: Any) -> bool:
    """Whether an array is printed with circled products."""
    inner = array.body if isinstance(array, nodes.Map) and array.shape != (1, 1) else None
    if inner is None or not (inner.is_Mul or isinstance(inner, nodes.Factors)):
        return False
    return sum(any(isinstance(s, nodes.Slot) for s in f.free_symbols) for f in inner.args) > 1 and not has_denominator(
        inner
    )


def has_denominator(body: Any) -> bool:
    """Whether a body is printed as a fraction of arrays."""
    return any(s for s in fraction(body, exact=True)[1].free_symbols if isinstance(s, nodes.Slot))


def is_array_product(array: MatMul) -> bool:
    """Whether two arrays at least are multiplied."""
    return sum(map(nodes.is_array, array.args)) > 1


def is_indicator(body: Any) -> bool:
    """1 where a condition holds, 0 elsewhere."""
    return isinstance(body, Piecewise) and len(body.args) == 2 and (body.args[0][0], body.args[1][0]) == (1, 0)


def has_only_indicators(body: Any) -> bool:
    """Whether every choice between branches in a body is an indicator."""
    return all(is_indicator(node) for node in body.atoms(Piecewise))


def has_components(array: Any) -> bool:
    """Whether the entries of a matrix can be written with the entries of named matrices."""
    if isinstance(array, MatrixSymbol | OneMatrix):
        return True
    if isinstance(array, nodes.Map | MatAdd):
        return all(has_components(arg) for arg in (array.arrays if isinstance(array, nodes.Map) else array.args))
    if isinstance(array, Transpose):
        return isinstance(array.args[0], MatrixSymbol)
    return (
        isinstance(array, MatMul)
        and len(array.args) == 2
        and not nodes.is_array(array.args[0])
        and has_components(array.args[1])
    )


def entry(array: Any, i: Any, j: Any) -> Expr:
    """The entry of a matrix at symbolic indices, pushed inwards as far as it is entrywise."""
    if isinstance(array, MatrixSymbol):
        return Indexed(IndexedBase(array.name), i, j)
    if isinstance(array, Transpose):
        return entry(array.args[0], j, i)
    if isinstance(array, OneMatrix):
        return Integer(1)
    if isinstance(array, MatAdd):
        return Add(*[entry(arg, i, j) for arg in array.args])
    if isinstance(array, nodes.Map):
        return array.at([entry(part, i, j) for part in array.arrays])
    return array.args[0] * entry(array.args[1], i, j)


def _base(array: MatrixSymbol) -> IndexedBase:
    """The name of an array with indices; its entries are positive where the array's are."""
    return (
        IndexedBase(array.name, positive=True) if isinstance(array, arrays.PositiveArray) else IndexedBase(array.name)
    )


def component(array: Any, index: Any) -> Expr:
    """The entry of a column at a symbolic index, pushed inwards as far as it is entrywise."""
    if isinstance(array, MatrixSymbol):
        return MatrixElement(array, Integer(0), Integer(0)) if array.shape == (1, 1) else Indexed(_base(array), index)
    if isinstance(array, OneMatrix):
        return Integer(1)
    if isinstance(array, MatAdd):
        return Add(*[component(arg, index) for arg in array.args])
    if isinstance(array, nodes.Map):
        return array.at([component(part, index) for part in array.arrays])
    if isinstance(array, MatMul) and len(array.args) == 2 and not nodes.is_array(array.args[0]):
        return array.args[0] * component(array.args[1], index)
    return MatrixElement(array, index - 1, Integer(0))
