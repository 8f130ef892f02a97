"""Embeddings, residual connections and branches that are put side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from derive.algebra.nodes import add, matmul
from derive.catalogue.layers.base import Layer, Shape, Weight, expanded, seen_through, united
from derive.catalogue.registry import layers
from derive.errors import NotDerivable
from derive.problem.types import InnerLayers, Size


@layers("embedding")
@dataclass(frozen=True)
class Embedding(Layer):
    """A vector of `size` numbers for each of `words` words. On the page a word is a one-hot row, and its embedding that
    row times the table: PyTorch's Embedding. The input counts the words of a text."""

    words: Size
    size: Size

    torch: ClassVar[str] = "torch.nn.Embedding"
    conventions: ClassVar[tuple[str, ...]] = ("row",)
    in_words: ClassVar[str] = "a vector for each word"

    def out(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError("embedding takes the words of a text: their number is the input")
        return (shape[0], self.size)

    def weights(self, shape: Shape, row: bool) -> tuple[Weight, ...]:
        return (Weight("E", (self.words, self.size), "weight"),)

    def equations(self, step: Any) -> None:
        step.result("a", matmul(step.x, step.weight("E")))

    def twin(self, shape: Shape) -> dict[str, Any]:
        return {"num_embeddings": self.words, "embedding_dim": self.size}


@layers("residual")
@dataclass(frozen=True)
class Residual(Layer):
    """x + F(x), for the layers F in it (He et al. 2016); they must keep the shape."""

    layers: InnerLayers

    torch: ClassVar[str] = "residual"
    in_words: ClassVar[str] = "the input is added to what comes out"

    def inner(self, shape: Shape) -> tuple[Any, ...]:
        """The layers inside, each of its own kind."""
        return expanded(self.layers, shape)

    def out(self, shape: Shape) -> Shape:
        here = shape
        for layer in self.layers:
            here = layer.out(here)
        if here != shape:
            raise ValueError(f"a residual block must keep its shape: {shape} goes in, {here} comes out")
        return shape

    def rows_seen(self, first: int, last: int, shape: Shape) -> tuple[int, int]:
        return united([(first, last), seen_through(self.layers, first, last, shape)])

    def equations(self, step: Any) -> None:
        step.result("a", add(step.x, step.through(self.layers)))


@layers("concatenate")
@dataclass(frozen=True)
class Concatenate(Layer):
    """The outputs of branches side by side (the channels of images): sizes, counts and operations."""

    branches: InnerLayers

    torch: ClassVar[str] = "concatenate"
    in_words: ClassVar[str] = "the outputs of branches side by side"

    def out(self, shape: Shape) -> Shape:
        outs = [layer.out(shape) for layer in self.branches]
        axis = 0 if len(shape) == 3 else len(shape) - 1
        others = {out[:axis] + out[axis + 1 :] for out in outs}
        if len(others) != 1:
            raise ValueError(f"branches put side by side differ in size: {' and '.join(map(str, outs))}")
        total = sum(out[axis] for out in outs)
        return (*outs[0][:axis], total, *outs[0][axis + 1 :])

    def rows_seen(self, first: int, last: int, shape: Shape) -> tuple[int, int]:
        if len(shape) != 3:
            raise NotDerivable("a receptive field through rows side by side")
        return united(seen_through([branch], first, last, shape) for branch in self.branches)
