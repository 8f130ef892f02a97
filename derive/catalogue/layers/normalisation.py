"""Batch and layer normalisation, and dropout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from sympy import Integer, Rational, sqrt
from sympy.matrices.expressions import OneMatrix

from derive.algebra.nodes import Map, Mean, Slot, add, matmul, transpose
from derive.catalogue.layers.base import Layer, PlaceByPlace, Shape, Weight, features
from derive.catalogue.registry import layers
from derive.problem.types import Unit

EPSILON = Rational(1, 10**5)
GAIN = "each entry times its gain"


def by_rows(vector: Any, rows: Any) -> Any:
    """1 v': a vector repeated in every row."""
    return matmul(OneMatrix(rows, Integer(1)), transpose(vector))


@layers("batch_norm")
@dataclass(frozen=True)
class BatchNorm(PlaceByPlace):
    """Each feature minus its mean over the batch, over its standard deviation, times a gain, plus a shift (Ioffe and
    Szegedy 2015), as in training: PyTorch's BatchNorm1d. On images (BatchNorm2d) only sizes and counts."""

    conventions: ClassVar[tuple[str, ...]] = ("row",)
    in_words: ClassVar[str] = "each feature centred and scaled over the batch"
    observable: ClassVar[str] = "mCvsU"
    least_rows: ClassVar[int] = 2  # one has no variance
    learns: ClassVar[bool] = True

    @property
    def torch(self) -> str:  # type: ignore[override]
        """One class for vectors and images: torch accepts either by rank."""
        return "torch.nn.BatchNorm1d"

    def twin_name(self, shape: Shape) -> str:
        return "torch.nn.BatchNorm2d" if len(shape) == 3 else "torch.nn.BatchNorm1d"

    def weights(self, shape: Shape, row: bool) -> tuple[Weight, ...]:
        size = shape[0] if len(shape) == 3 else shape[-1]
        return Weight("g", (size,), "weight"), Weight("b", (size,), "bias", is_bias=True)

    def operations(self, shape: Shape) -> tuple[tuple[Any, str], ...]:
        return ((shape, GAIN),)

    def equations(self, step: Any) -> None:
        x, n = step.x, step.x.shape[0]
        ones = OneMatrix(n, Integer(1))
        mean = step.define("m", matmul(1 / n, transpose(x), ones))
        centred = step.define("C", add(x, matmul(-1, by_rows(mean, n))))
        variance = step.define("v", matmul(1 / n, transpose(Map(Slot(0) ** 2, centred)), ones))
        scale = step.define("s", Map(sqrt(Slot(0) + EPSILON), variance))
        scaled = step.define("U", Map(Slot(0) / Slot(1), centred, by_rows(scale, n)))
        gained = Map(Slot(0) * Slot(1), scaled, by_rows(step.weight("g"), n))
        step.result("a", add(gained, by_rows(step.weight("b"), n)))

    def twin(self, shape: Shape) -> dict[str, Any]:
        return {"num_features": shape[0] if len(shape) == 3 else shape[-1]}


@layers("layer_norm")
@dataclass(frozen=True)
class LayerNorm(Layer):
    """Each example minus its own mean, over its own standard deviation, times a gain, plus a shift (Ba, Kiros and
    Hinton 2016): PyTorch's LayerNorm."""

    torch: ClassVar[str] = "torch.nn.LayerNorm"
    in_words: ClassVar[str] = "each example centred and scaled"
    observable: ClassVar[str] = "mCvsUu"

    def weights(self, shape: Shape, row: bool) -> tuple[Weight, ...]:
        size = features(shape, "layer_norm")
        return Weight("g", (size,), "weight"), Weight("b", (size,), "bias", is_bias=True)

    def operations(self, shape: Shape) -> tuple[tuple[Any, str], ...]:
        return ((shape, GAIN),)

    def equations(self, step: Any) -> None:
        x = step.x
        if not step.row:
            mean = step.define("m", Mean(x))
            scale = step.define("s", sqrt(Mean(Map((Slot(0) - mean) ** 2, x)) + EPSILON))
            scaled = step.define("u", matmul(1 / scale, Map(Slot(0) - mean, x)))
            gained = Map(Slot(0) * Slot(1), step.weight("g"), scaled)
            step.result("a", add(gained, step.weight("b")))
            return
        n, d = x.shape
        ones = OneMatrix(d, Integer(1))
        across = OneMatrix(Integer(1), d)
        mean = step.define("m", matmul(1 / d, x, ones))
        centred = step.define("C", add(x, matmul(-1, mean, across)))
        variance = step.define("v", matmul(1 / d, Map(Slot(0) ** 2, centred), ones))
        scale = step.define("s", Map(sqrt(Slot(0) + EPSILON), variance))
        scaled = step.define("U", Map(Slot(0) / Slot(1), centred, matmul(scale, across)))
        gained = Map(Slot(0) * Slot(1), scaled, by_rows(step.weight("g"), n))
        step.result("a", add(gained, by_rows(step.weight("b"), n)))

    def twin(self, shape: Shape) -> dict[str, Any]:
        return {"normalized_shape": shape[-1]}


@layers("dropout")
@dataclass(frozen=True)
class Dropout(PlaceByPlace):
    """In training each entry is zero with probability p and divided by 1 - p otherwise (Srivastava et al. 2014), so that
    its mean stays; in evaluation nothing happens. PyTorch's Dropout."""

    p: Unit = Rational(1, 2)
    mode: Literal["eval", "train"] = "eval"

    torch: ClassVar[str] = "torch.nn.Dropout"
    in_words: ClassVar[str] = "entries left out at random while training"

    def equations(self, step: Any) -> None:
        if self.mode == "eval":
            step.result("a", step.x)
            return
        step.result("a", matmul(1 / (1 - self.p), Map(Slot(0) * Slot(1), step.mask(), step.x)))

    def twin(self, shape: Shape) -> dict[str, Any]:
        return {"p": float(self.p)}
