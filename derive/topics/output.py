"""`output`: pooling by hand, window by window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import ImmutableDenseMatrix, Integer
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol

from derive.algebra.nodes import Numeral, plain
from derive.algebra.numbers import as_matrix, numeral, numerals
from derive.derivation import Answer, Derivation, Equal, Heading, Reason, Section, Work, rule
from derive.errors import GivenError
from derive.topics import headings
from derive.topics.output_shape import axis_value
from derive.topics.planes import Plane, plane_of
from derive.topics.registry import questions
from derive.worlds import LayerRun

LARGEST = rule("largest of a window", "the largest entry of the window")
AVERAGE = rule("mean of a window", "the mean of the window")
COMPUTE = rule("compute the window", "compute")
TOGETHER = rule("windows together", "all windows together")
MOST_WINDOWS = 100


@questions("output")
@dataclass(frozen=True)
class Output:
    """What a pooling layer makes of given arrays of numbers, with every window shown."""

    def derive(self, given: Any) -> Derivation:
        arrays = arrays_of(given)
        rows, columns = arrays[0].shape
        plane = plane_of(_Sized(given.layer, (Integer(rows), Integer(columns))))
        if plane.is_convolution:
            raise GivenError(
                "this question shows pooling; a convolution has no numbers for its filters here", ("given", "layer")
            )
        if plane.padding != (0, 0):
            raise GivenError("pooling by hand is shown without padding", ("given", "layer"))
        names = [
            (MatrixSymbol(f"X{_index(k, arrays)}", rows, columns), _output_symbol(plane, k, arrays))
            for k in range(len(arrays))
        ]
        observed: list[tuple[Any, tuple[Any, ...]]] = []
        for k, (x, y) in enumerate(names):
            observed += [(x, ("input", k)), (y, ("output", k))]
        nested = tuple(tuple(tuple(row) for row in array.tolist()) for array in arrays)
        world = LayerRun(plane.layer, (1, rows, columns), nested, tuple(observed))
        sections, values = [], []
        for k, (array, (_, y)) in enumerate(zip(arrays, names, strict=True)):
            section, value = _pooled(
                plane, world, array, y, Reason(headings.ARRAY, (Integer(k + 1),)) if len(arrays) > 1 else ""
            )
            sections.append(section)
            values.append(value)
        return Derivation(TITLES[plane.layer.name], tuple(sections), _answers(world, names, values))


TITLES = {"max_pool2d": "Max pooling", "avg_pool2d": "Average pooling"}


@dataclass(frozen=True)
class _Sized:
    layer: Any
    input: Any


def arrays_of(given: Any) -> list[ImmutableDenseMatrix]:
    """One matrix or a list of them, all of one size."""
    value = given.input
    depth = 0
    inner = value
    while isinstance(inner, tuple):
        depth, inner = depth + 1, inner[0]
    if depth not in (2, 3):
        raise GivenError(
            "a matrix of numbers is needed here, or a list of matrices of one size",
            ("given", "input") if depth else ("given",),
        )
    return [as_matrix(matrix) for matrix in (value if depth == 3 else (value,))]


def _index(k: int, arrays: list[Any]) -> str:
    return str(k + 1) if len(arrays) > 1 else ""


def _output_symbol(plane: Plane, k: int, arrays: list[Any]) -> MatrixSymbol:
    return MatrixSymbol(f"Y{_index(k, arrays)}", axis_value(plane, 0), axis_value(plane, 1))


def _pooled(plane: Plane, world: LayerRun, array: Any, y: MatrixSymbol, heading: Heading) -> tuple[Section, Any]:
    rows, columns = map(int, y.shape)
    if rows * columns > MOST_WINDOWS:
        raise GivenError(f"{rows * columns} windows are too many to show; at most {MOST_WINDOWS}", ("given", "input"))
    work = Work(heading, world)
    why = LARGEST if plane.layer.name == "max_pool2d" else AVERAGE
    values = []
    for i in range(rows):
        for j in range(columns):
            window = plane.layer.of_window([Numeral(entry) for entry in _window(plane, array, i, j)])
            value = plain(window)
            work.equal(MatrixElement(y, i, j), window, why=why)
            if window != Numeral(value):
                work.equal(window, numeral(value), why=COMPUTE)
            values.append(value)
    result = ImmutableDenseMatrix(rows, columns, values)
    work.equal(y, numerals(result), why=TOGETHER, result=True)
    return work.section(), result


def _window(plane: Plane, array: Any, i: int, j: int) -> list[Any]:
    top, left = i * plane.stride[0], j * plane.stride[1]
    height, width = plane.layer.kernel
    return [array[top + a, left + b] for a in range(height) for b in range(width)]


def _answers(world: LayerRun, names: list[Any], values: list[Any]) -> tuple[Answer, ...]:
    def answer(name: str, symbol: MatrixSymbol, value: Any) -> Answer:
        def claim(v: Any) -> Equal:
            matrix = as_matrix(v) if isinstance(v, tuple) else v
            if matrix.shape != symbol.shape:
                raise ValueError(f"{symbol.shape[0]} x {symbol.shape[1]} numbers are needed")
            return Equal(world, (symbol, matrix))

        return Answer(name, value, claim)

    return tuple(answer(str(y.name), y, value) for (_, y), value in zip(names, values, strict=True))
