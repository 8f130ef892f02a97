"""`convolve`: a small convolution by hand, every window shown, and what flows back through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import ImmutableDenseMatrix, Integer, Symbol
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol

from derive.algebra.nodes import Factors, Gradient, Map, Numeral, Slot, Terms, Total, plain
from derive.algebra.numbers import as_matrix, numeral, numerals
from derive.catalogue.layers.convolution import Conv2d
from derive.derivation import Answer, Claim, Derivation, Equal, IsGradient, Section, Work, rule
from derive.errors import GivenError
from derive.problem.types import Padding, Pair
from derive.topics.registry import questions
from derive.worlds import StackRun

WINDOW = rule("window of a convolution", "the window at row {0}, column {1}, times the kernel entry by entry, added up")
FLIPPED = rule("flipped kernel", "a convolution in the sense of mathematics turns the kernel by half a turn first")
COMPUTE = rule("compute a convolution", "compute")
ALL = rule("windows of a convolution together", "all windows together")
UPSTREAM = rule("what comes from above", "with D for the derivative in the output, so L is the sum of D times Y")
KERNEL_BACK = rule("derivative in a kernel entry", "the entry meets these inputs, one in each window")
INPUT_BACK = rule(
    "derivative in the input", "each input passes on to the windows that hold it; the kernel, turned, slides over D"
)
MOST = 64


@questions("convolve")
@dataclass(frozen=True)
class Convolve:
    """The convolution (as networks have it: a cross-correlation; `flip: true` for the mathematicians') of the matrix `X`
    with the kernel `K` under `values`; with `D`, the derivative in its output, also the derivatives in K and X."""

    stride: Pair = (1, 1)
    padding: Padding = "valid"
    flip: bool = False

    def derive(self, given: Any) -> Derivation:
        x, kernel = _matrix(given, "X"), _matrix(given, "K")
        used = kernel if not self.flip else ImmutableDenseMatrix(kernel.rows, kernel.cols, list(kernel)[::-1])
        layer = Conv2d(1, kernel.shape, self.stride, self.padding, bias=False)
        try:
            _, rows, columns = layer.out((1, *x.shape))
        except ValueError as error:
            raise GivenError(str(error), ("given", "values")) from None
        if rows * columns > MOST:
            raise GivenError(f"{rows * columns} windows are too many to show; at most {MOST}", ("given", "values"))
        X, K, Y = (MatrixSymbol(n, *m) for n, m in (("X", x.shape), ("K", used.shape), ("Y", (rows, columns))))
        world = world_of(layer, x, used, X, K, Y)
        sections = []
        pad = pad_of(layer, kernel.shape)
        padded = ImmutableDenseMatrix(
            x.rows + pad[0][0] + pad[0][1], x.cols + pad[1][0] + pad[1][1],
            lambda i, j: x[i - pad[0][0], j - pad[1][0]] if 0 <= i - pad[0][0] < x.rows and 0 <= j - pad[1][0] < x.cols else Integer(0),
        )  # fmt: skip
        work = Work("Windows", world)
        if self.flip:
            work.equal(K, numerals(used), why=FLIPPED)
        values = []
        for i in range(rows):
            for j in range(columns):
                window = _window(padded, used, i * self.stride[0], j * self.stride[1])
                value = plain(window)
                values.append(value)
                work.equal(MatrixElement(Y, i, j), window, why=WINDOW, about=(Integer(i + 1), Integer(j + 1)))
                work.equal(window, numeral(value), why=COMPUTE)
        result = ImmutableDenseMatrix(rows, columns, values)
        work.equal(Y, numerals(result), why=ALL, result=True)
        sections.append(work.section())
        answers = [Answer("Y", result, lambda v: Equal(world, (Y, _as(v))), True)]
        if "D" in given.values:
            section, more = self.backward(given, world, padded, used, (X, K, Y), pad)
            sections.append(section)
            answers += more
        return Derivation("Convolution by hand", tuple(sections), tuple(answers))

    def backward(
        self, given: Any, world: StackRun, padded: Any, kernel: Any, symbols: Any, pad: Any
    ) -> tuple[Section, list[Answer]]:
        """The derivatives in the kernel, entry by entry, and in the input."""
        X, K, Y = symbols
        d = _matrix(given, "D")
        if d.shape != Y.shape:
            raise GivenError(f"D has the size of the output, {Y.shape[0]} x {Y.shape[1]}", ("given", "values", "D"))
        L = Symbol("L")
        work = Work("What flows back", world_with(world, L, Total(Map(Slot(0) * Slot(1), numerals(d), Y))))
        work.gradient(L, Y, numerals(d), why=UPSTREAM)
        entries = []
        for a in range(kernel.rows):
            for b in range(kernel.cols):
                terms = [
                    Factors(Numeral(d[i, j]), Numeral(padded[i * self.stride[0] + a, j * self.stride[1] + b]))
                    for i in range(d.rows) for j in range(d.cols)
                ]  # fmt: skip
                entry = MatrixElement(Gradient(L, K), a, b)
                work.equal(entry, Terms(*terms), why=KERNEL_BACK)
                entries.append(plain(Terms(*terms)))
        for_kernel = ImmutableDenseMatrix(kernel.rows, kernel.cols, entries)
        work.gradient(L, K, numerals(for_kernel), why=ALL, result=True)
        received = [[Integer(0)] * padded.cols for _ in range(padded.rows)]
        for i in range(d.rows):
            for j in range(d.cols):
                for a in range(kernel.rows):
                    for b in range(kernel.cols):
                        received[i * self.stride[0] + a][j * self.stride[1] + b] += d[i, j] * kernel[a, b]
        top, left = pad[0][0], pad[1][0]
        for_input = ImmutableDenseMatrix(X.shape[0], X.shape[1], lambda i, j: received[i + top][j + left])
        work.gradient(L, X, numerals(for_input), why=INPUT_BACK, result=True)
        there = work.world

        def claim(symbol: Any) -> Any:
            def says(value: Any) -> Claim:
                return IsGradient(there, L, symbol, (_as(value),))

            return says

        return work.section(), [Answer("dK", for_kernel, claim(K)), Answer("dX", for_input, claim(X))]


def _as(value: Any) -> Any:
    return as_matrix(value) if isinstance(value, tuple) else value


def _matrix(given: Any, name: str) -> ImmutableDenseMatrix:
    if name not in given.values:
        raise GivenError(f"'{name}' is needed here: a matrix of numbers", ("given", "values"))
    return as_matrix(given.values[name])


def pad_of(layer: Conv2d, kernel: tuple[int, int]) -> list[tuple[int, int]]:
    """Zeros before and after, on each axis; 'same' puts the odd one behind, as torch does."""
    if layer.padding == "same":
        return [((k - 1) // 2, k - 1 - (k - 1) // 2) for k in kernel]
    pads = (0, 0) if layer.padding == "valid" else layer.padding
    return [(p, p) for p in pads]


def _window(padded: Any, kernel: Any, top: int, left: int) -> Any:
    factors = [
        Factors(Numeral(padded[top + a, left + b]), Numeral(kernel[a, b]))
        for a in range(kernel.rows) for b in range(kernel.cols)
    ]  # fmt: skip
    return Terms(*factors)


def world_of(layer: Conv2d, x: Any, kernel: Any, X: Any, K: Any, Y: Any) -> StackRun:
    """torch.nn.Conv2d with this kernel on this input."""
    observed = ((X, ("channel_in", 0)), (K, ("kernel", "0")), (Y, ("channel", "0", 0)))
    values = ((X, x), (K, kernel))
    return StackRun((layer,), (1, *x.shape), "row", 1, None, observed, values)


def world_with(world: StackRun, symbol: Any, meaning: Any) -> StackRun:
    """The same, with one more definition."""
    from dataclasses import replace

    return replace(world, definitions=((symbol, meaning),))
