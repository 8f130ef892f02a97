"""Recurrent layers, unrolled over the steps of a sequence; what goes on is the last state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sympy.matrices.expressions import MatrixSymbol, ZeroMatrix

from derive.algebra.functions import sigmoid, tanh
from derive.algebra.nodes import Map, Slot, add, hadamard, matmul
from derive.catalogue.layers.base import Layer, Shape, Weight
from derive.catalogue.registry import layers
from derive.problem.types import Size


@dataclass(frozen=True)
class _Recurrent(Layer):
    """What the three kinds share: gates, each W x + b + U h + c, with the weights stacked in torch."""

    units: Size

    call: ClassVar[str] = "recurrent"
    conventions: ClassVar[tuple[str, ...]] = ("column",)
    gates: ClassVar[tuple[str, ...]] = ("",)
    in_words: ClassVar[str] = "a state that is carried from step to step"
    observable: ClassVar[str] = "h"

    def out(self, shape: Shape) -> Shape:
        if len(shape) != 2:
            raise ValueError(f"{self.name} takes steps and features, such as input: [3, 2]")
        return (self.units,)

    def weights(self, shape: Shape, row: bool) -> tuple[Weight, ...]:
        found = []
        for k, gate in enumerate(self.gates):
            mark, parts = f"_{gate}" if gate else "", len(self.gates)
            found += [
                Weight(f"W{mark}", (self.units, shape[1]), "weight_ih_l0", part=k, parts=parts),
                Weight(f"b{mark}", (self.units,), "bias_ih_l0", part=k, parts=parts, is_bias=True),
                Weight(f"U{mark}", (self.units, self.units), "weight_hh_l0", part=k, parts=parts),
                Weight(f"c{mark}", (self.units,), "bias_hh_l0", part=k, parts=parts, is_bias=True),
            ]
        return tuple(found)

    def operations(self, shape: Shape) -> tuple[tuple[Any, str], ...]:
        steps, size = shape
        return (
            ((steps, len(self.gates), self.units, size), "weights times input, each step"),
            ((steps, len(self.gates), self.units, self.units), "weights times state, each step"),
        )

    def twin(self, shape: Shape) -> dict[str, Any]:
        return {"input_size": shape[1], "hidden_size": self.units, "batch_first": True}

    def from_input(self, step: Any, gate: str, x: Any) -> Any:
        """W x + b."""
        mark = f"_{gate}" if gate else ""
        return add(matmul(step.weight(f"W{mark}"), x), step.weight(f"b{mark}"))

    def from_state(self, step: Any, gate: str, h: Any) -> Any:
        """U h + c; c alone from the state zero."""
        mark = f"_{gate}" if gate else ""
        c = step.weight(f"c{mark}")
        return c if isinstance(h, ZeroMatrix) else add(matmul(step.weight(f"U{mark}"), h), c)

    def both(self, step: Any, gate: str, x: Any, h: Any) -> Any:
        """W x + b + U h + c."""
        return add(self.from_input(step, gate, x), self.from_state(step, gate, h))

    def start(self, step: Any, letter: str) -> Any:
        """The state before the first step: given under its name, or zero."""
        return step.initial(letter, self.units)


@layers("rnn")
@dataclass(frozen=True)
class RNN(_Recurrent):
    """h_t = tanh(W x_t + b + U h_(t-1) + c), h_0 = 0 (Elman 1990): PyTorch's RNN."""

    torch: ClassVar[str] = "torch.nn.RNN"

    def equations(self, step: Any) -> None:
        h = self.start(step, "h")
        for t, x in enumerate(step.sequence(), 1):
            z = step.define(f"z_{t}", self.both(step, "", x, h))
            h = step.define(f"h_{t}", Map(tanh(Slot(0)), z))
        step.result("h", h)


@layers("lstm")
@dataclass(frozen=True)
class LSTM(_Recurrent):
    """Input, forget and output gates around a cell (Hochreiter and Schmidhuber 1997): PyTorch's LSTM."""

    torch: ClassVar[str] = "torch.nn.LSTM"
    observable: ClassVar[str] = "hs"
    gates: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")

    def equations(self, step: Any) -> None:
        h, cell = self.start(step, "h"), self.start(step, "s")
        for t, x in enumerate(step.sequence(), 1):
            before = {gate: step.define(f"z_{gate}_{t}", self.both(step, gate, x, h)) for gate in self.gates}
            i, f, o = (step.define(f"{gate}_{t}", Map(sigmoid(Slot(0)), before[gate])) for gate in ("i", "f", "o"))
            g = step.define(f"g_{t}", Map(tanh(Slot(0)), before["g"]))
            kept = hadamard(i, g) if isinstance(cell, ZeroMatrix) else add(hadamard(f, cell), hadamard(i, g))
            cell = step.define(f"s_{t}", kept)
            h = step.define(f"h_{t}", hadamard(o, Map(tanh(Slot(0)), cell)))
        step.result("h", h)


@layers("gru")
@dataclass(frozen=True)
class GRU(_Recurrent):
    """Reset and update gates (Cho et al. 2014), the reset inside of the candidate as in PyTorch's GRU."""

    torch: ClassVar[str] = "torch.nn.GRU"
    gates: ClassVar[tuple[str, ...]] = ("r", "u", "n")

    def equations(self, step: Any) -> None:
        h = self.start(step, "h")
        for t, x in enumerate(step.sequence(), 1):
            before = {gate: step.define(f"z_{gate}_{t}", self.both(step, gate, x, h)) for gate in ("r", "u")}
            r, u = (step.define(f"{gate}_{t}", Map(sigmoid(Slot(0)), before[gate])) for gate in ("r", "u"))
            kept = self.from_state(step, "n", h)
            kept = (
                kept if isinstance(kept, MatrixSymbol) else step.define(f"q_{t}", kept)
            )  # c alone after the state zero
            inside = step.define(f"z_n_{t}", add(self.from_input(step, "n", x), hadamard(r, kept)))
            n = step.define(f"n_{t}", Map(tanh(Slot(0)), inside))
            fresh = hadamard(Map(1 - Slot(0), u), n)
            h = step.define(f"h_{t}", fresh if isinstance(h, ZeroMatrix) else add(fresh, hadamard(u, h)))
        step.result("h", h)
