"""Self-attention with one head or several, and the transformer block that is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sympy import sqrt

from derive.algebra.arrays import RowSoftmax
from derive.algebra.nodes import add, matmul, transpose
from derive.catalogue.layers.base import Layer, Shape, Weight
from derive.catalogue.layers.dense import Dense
from derive.catalogue.layers.normalisation import LayerNorm
from derive.catalogue.layers.structure import Residual
from derive.catalogue.registry import layers
from derive.problem.types import Activation, ActivationWord, Size


@layers("self_attention")
@dataclass(frozen=True)
class SelfAttention(Layer):
    """Each position asks all positions: softmax(Q K'/sqrt(d)) V a head, heads added through their output weights
    (Vaswani et al. 2017): PyTorch's MultiheadAttention, with `bias: false` unless asked for."""

    heads: Size = 1

    torch: ClassVar[str] = "torch.nn.MultiheadAttention"
    call: ClassVar[str] = "attention"
    conventions: ClassVar[tuple[str, ...]] = ("row",)
    in_words: ClassVar[str] = "each position looks at all positions"
    observable: ClassVar[str] = "QKVPH"

    def out(self, shape: Shape) -> Shape:
        if len(shape) != 2:
            raise ValueError("self_attention takes positions and features, such as input: [5, 8]")
        if shape[1] % self.heads:
            raise ValueError(f"{shape[1]} features do not split into {self.heads} heads")
        return shape

    def weights(self, shape: Shape, row: bool) -> tuple[Weight, ...]:
        d = shape[1]
        size, found = d // self.heads, []
        for h in range(self.heads):
            mark = f"_{h + 1}" if self.heads > 1 else ""
            for k, letter in enumerate(("Q", "K", "V")):
                place = k * self.heads + h
                found.append(Weight(f"W_{letter}{mark}", (d, size), "in_proj_weight", True, place, 3 * self.heads))
            found.append(Weight(f"W_O{mark}", (size, d), "out_proj.weight", True, h, self.heads, 1))
        return tuple(found)

    def operations(self, shape: Shape) -> tuple[tuple[Any, str], ...]:
        t, d = shape
        size = d // self.heads
        return (
            ((3, t, d, d), "queries, keys and values"),
            ((self.heads, t, t, size), "a score for each pair of positions"),
            ((self.heads, t, t, size), "values weighted by the scores"),
            ((t, d, d), "the output weights"),
        )

    def equations(self, step: Any) -> None:
        x, terms = step.x, []
        size = x.shape[1] / self.heads
        for h in range(self.heads):
            mark = f"_{h + 1}" if self.heads > 1 else ""
            q, k, v = (step.define(f"{letter}{mark}", matmul(x, step.weight(f"W_{letter}{mark}"))) for letter in "QKV")
            scores = step.define(f"S{mark}", matmul(1 / sqrt(size), q, transpose(k)))
            shares = step.define(f"P{mark}", RowSoftmax(scores))
            head = step.define(f"H{mark}", matmul(shares, v))
            terms.append(matmul(head, step.weight(f"W_O{mark}")))
        step.result("a", add(*terms) if len(terms) > 1 else terms[0])

    def twin(self, shape: Shape) -> dict[str, Any]:
        return {"embed_dim": shape[1], "num_heads": self.heads, "bias": False, "batch_first": True}


@layers("transformer_block")
@dataclass(frozen=True)
class TransformerBlock(Layer):
    """Attention and a two-layer net, each with a residual connection and layer normalisation after it."""

    hidden: Size
    heads: Size = 1
    activation: ActivationWord = Activation("relu")

    in_words: ClassVar[str] = "attention and a small net, both residual"

    def expanded(self, shape: Shape) -> tuple[Any, ...]:
        net = (Dense(self.hidden, self.activation), Dense(shape[-1]))
        return Residual((SelfAttention(self.heads),)), LayerNorm(), Residual(net), LayerNorm()
