"""The dense (fully connected, linear) layer, with the activation that follows it; and an activation by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from derive.algebra.nodes import matmul
from derive.catalogue.layers.base import Layer, PlaceByPlace, Shape, Weight, features
from derive.catalogue.registry import layers
from derive.errors import NotDerivable
from derive.problem.types import Activation, ActivationWord, Size


@layers("dense", "linear")
@dataclass(frozen=True)
class Dense(Layer):
    """a = f(W x + b), with W of size units x inputs and b, a columns of `units` entries (Goodfellow et al. 2016, eq. 6.36).

    `activation` is a function of the table, or softmax; `bias: false` leaves b out; `repeat` stacks that many of it.
    """

    units: Size
    activation: ActivationWord = Activation("identity")
    bias: bool = True
    repeat: Size = 1

    torch: ClassVar[str] = "torch.nn.Linear"
    in_words: ClassVar[str] = "every output sees every input"

    def expanded(self, shape: Shape) -> tuple[Any, ...]:
        linear = Dense(self.units, bias=self.bias)
        pair = (linear,) if self.activation.name == "identity" else (linear, Activate(self.activation))
        return pair * self.repeat

    def out(self, shape: Shape) -> Shape:
        features(shape, "dense")
        return (*shape[:-1], self.units)

    def weights(self, shape: Shape, row: bool) -> tuple[Weight, ...]:
        size = (shape[-1], self.units) if row else (self.units, shape[-1])
        bias = (Weight("b", (self.units,), "bias", is_bias=True),) if self.bias else ()
        return (Weight("W", size, "weight", transposed=row), *bias)

    def operations(self, shape: Shape) -> tuple[tuple[Any, str], ...]:
        return (((*shape, self.units), "a product for each weight"),)

    def equations(self, step: Any) -> None:
        W, x = step.weight("W"), step.x
        product = matmul(x, W) if step.row else matmul(W, x)
        step.result("z", step.plus(product, step.weight("b")) if self.bias else product)

    def twin(self, shape: Shape) -> dict[str, Any]:
        return {"in_features": shape[-1], "out_features": self.units, "bias": self.bias}


@layers("activate")
@dataclass(frozen=True)
class Activate(PlaceByPlace):
    """An activation by itself: a function of the table entry by entry, or softmax over the features."""

    activation: ActivationWord

    @property
    def in_words(self) -> str:  # type: ignore[override]
        """Softmax looks at all entries at once, the functions of the table at one."""
        return "positive, with sum one" if self.activation.name == "softmax" else "a function, entry by entry"

    @property
    def torch(self) -> str:  # type: ignore[override]
        """The twin's name: the row of the table knows it."""
        from derive.algebra.functions import TABLE

        return "torch.nn.Softmax" if self.activation.name == "softmax" else TABLE[self.activation.name].row.module

    def equations(self, step: Any) -> None:
        from derive.algebra.arrays import RowSoftmax
        from derive.algebra.functions import TABLE
        from derive.algebra.nodes import Map, Slot, Softmax

        if self.activation.name == "softmax":
            if len(step.place.out) == 3:
                raise NotDerivable("forward equations of softmax on an image")
            step.result("p", RowSoftmax(step.x) if step.row else Softmax(step.x))
            return
        row = TABLE[self.activation.name].row
        chosen = dict(self.activation.parameters)
        parameters = [chosen.get(key, default) for key, default in row.parameters]
        step.result("a", Map(TABLE[self.activation.name](Slot(0), *parameters), step.x))

    def twin(self, shape: Shape) -> dict[str, Any]:
        from derive.algebra.functions import TABLE

        if self.activation.name == "softmax":
            return {"dim": -1}
        chosen = dict(self.activation.parameters)
        row = TABLE[self.activation.name].row
        return {"args": [float(chosen.get(key, default)) for key, default in row.parameters]}
