"""What a problem file may declare: `X: matrix(n, d)`, `S: positive_definite(n)`, ... One entry a word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sympy import Integer, Symbol
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra import arrays


@dataclass(frozen=True)
class Declaration:
    """How many sizes a word takes, an example of it, and the symbol that it makes of a name and sizes; or, where they are its
    `ends`, numbers."""

    sizes: tuple[int, ...]
    example: str
    symbol: Callable[[str, list[Any]], Any]
    ends: bool = False


def _scalar(**assumptions: bool) -> Callable[[str, list[Any]], Any]:
    return lambda name, sizes: Symbol(name, **assumptions)


def _array(kind: Callable[..., Any], scalar: Callable[[str, list[Any]], Any] | None = None) -> Any:
    def make(name: str, sizes: list[Any]) -> Any:
        if not sizes and scalar is not None:
            return scalar(name, sizes)
        rows, columns = sizes if len(sizes) == 2 else (sizes[0], Integer(1))
        return kind(name, rows, columns)

    return make


def _square(kind: Callable[..., Any]) -> Any:
    return lambda name, sizes: kind(name, sizes[0], sizes[-1])


def _matrix(name: str, sizes: list[Any]) -> Any:
    return (arrays.Column if sizes[1] == 1 else MatrixSymbol)(name, *sizes)


DECLARATIONS: dict[str, Declaration] = {
    "scalar": Declaration((0,), "scalar", _scalar(real=True)),
    "integer": Declaration((0,), "integer", _scalar(integer=True, positive=True)),
    "positive": Declaration((0, 1, 2), "positive", _array(arrays.PositiveArray, _scalar(positive=True))),
    "vector": Declaration((1,), "vector(n)", _array(MatrixSymbol)),
    "matrix": Declaration((2,), "matrix(m, n)", _matrix),
    "symmetric": Declaration((1,), "symmetric(n)", _square(arrays.Symmetric)),
    "positive_definite": Declaration((1,), "positive_definite(n)", _square(arrays.PositiveDefinite)),
    "probabilities": Declaration((1, 2), "probabilities(k)", _array(arrays.Distribution)),
    "one_hot": Declaration((1, 2), "one_hot(k)", _array(arrays.OneHot)),
    "probability": Declaration((0,), "probability", lambda name, sizes: arrays.UnitNumber(name)),
    "range": Declaration((2,), "range(-1, 1)", lambda name, ends: arrays.RangedNumber(name, *ends), ends=True),
    "at_least": Declaration((1,), "at_least(1)", lambda name, ends: arrays.RangedNumber(name, *ends), ends=True),
    "counts": Declaration((1, 2), "counts(n)", _array(arrays.CountArray)),
    "label": Declaration((0,), "label", lambda name, sizes: arrays.ChosenNumber(name, "binary")),
    "sign": Declaration((0,), "sign", lambda name, sizes: arrays.ChosenNumber(name, "sign")),
    "labels": Declaration((1, 2), "labels(n)", _array(arrays.LabelArray)),
    "signs": Declaration((1, 2), "signs(n)", _array(arrays.SignArray)),
}
EXAMPLES = [declaration.example for declaration in DECLARATIONS.values()]
