"""Max, average and global pooling, and flattening."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from sympy import Integer
from sympy.matrices.expressions import Identity, OneMatrix

from derive.algebra.arrays import Kron, Patches, Reshaped, WindowLargest
from derive.algebra.nodes import Largest, Quotient, Terms, matmul, transpose
from derive.catalogue.layers.base import Layer, Shape, image
from derive.catalogue.layers.convolution import reach
from derive.catalogue.registry import layers
from derive.problem.types import Padding, Pair


class _Pool(Layer):
    """What the two pooling layers share."""

    kernel: Any
    stride: Any
    padding: Any

    def out(self, shape: Shape) -> Shape:
        channels, *plane = image(shape, self.name)
        if self.padding == "same":
            raise ValueError("pooling has no 'same' padding")
        pad = (0, 0) if self.padding == "valid" else self.padding
        step = self.stride or self.kernel
        return (channels, *(reach(size, self.kernel[k], step[k], pad[k], 1) for k, size in enumerate(plane)))

    def plan(self, step: Any) -> tuple[int, ...]:
        """The image's size, the window's, the strides and the padding; NotDerivable where places are no rows."""
        step.image()
        pad = (0, 0) if self.padding == "valid" else self.padding
        return (*step.place.shape[1:], *self.kernel, *(self.stride or self.kernel), *pad)

    def window(self) -> tuple[int, int]:
        return self.kernel[0], (self.stride or self.kernel)[0]

    def rows_seen(self, first: int, last: int, shape: Shape) -> tuple[int, int]:
        (field, stride), pad = self.window(), 0 if self.padding == "valid" else self.padding[0]
        return first * stride - pad, last * stride - pad + field - 1

    def twin(self, shape: Shape) -> dict[str, Any]:
        padding = 0 if self.padding == "valid" else self.padding
        return {"kernel_size": self.kernel, "stride": self.stride, "padding": padding}


@layers("max_pool2d")
@dataclass(frozen=True)
class MaxPool2d(_Pool):
    """The largest entry of each window; windows do not overlap unless a stride is given. PyTorch's MaxPool2d."""

    kernel: Pair
    stride: Pair | None = None
    padding: Padding = "valid"

    dilation: ClassVar[tuple[int, int]] = (1, 1)
    rule: ClassVar[str] = "the largest entry of the window"
    torch: ClassVar[str] = "torch.nn.MaxPool2d"
    in_words: ClassVar[str] = "the largest entry of each window"

    def equations(self, step: Any) -> None:
        step.result("p", WindowLargest(step.x, self.plan(step)))

    def of_window(self, entries: list[Any]) -> Any:
        """What a window becomes."""
        return Largest(*entries) if len(entries) > 1 else entries[0]


@layers("avg_pool2d")
@dataclass(frozen=True)
class AvgPool2d(_Pool):
    """The mean of each window; windows do not overlap unless a stride is given. PyTorch's AvgPool2d."""

    kernel: Pair
    stride: Pair | None = None
    padding: Padding = "valid"

    dilation: ClassVar[tuple[int, int]] = (1, 1)
    rule: ClassVar[str] = "the mean of the window"
    torch: ClassVar[str] = "torch.nn.AvgPool2d"
    in_words: ClassVar[str] = "the mean of each window"
    observable: ClassVar[str] = "u"

    def equations(self, step: Any) -> None:
        windows = step.define("u", Patches(step.x, self.plan(step)))
        size = Integer(prod(self.kernel))
        sums = Kron(Identity(step.x.shape[1]), OneMatrix(size, Integer(1)))  # of the entries of each channel
        step.result("p", matmul(1 / size, windows, sums))

    def of_window(self, entries: list[Any]) -> Any:
        """What a window becomes."""
        return Quotient(Terms(*entries), len(entries)) if len(entries) > 1 else entries[0]


@layers("global_avg_pool2d")
@dataclass(frozen=True)
class GlobalAvgPool2d(Layer):
    """The mean of each channel: PyTorch's AdaptiveAvgPool2d(1), flattened by what follows."""

    torch: ClassVar[str] = "torch.nn.AdaptiveAvgPool2d"
    in_words: ClassVar[str] = "the mean of each channel"

    def out(self, shape: Shape) -> Shape:
        return (image(shape, "global_avg_pool2d")[0], 1, 1)

    def rows_seen(self, first: int, last: int, shape: Shape) -> tuple[int, int]:
        return 0, shape[1] - 1

    def equations(self, step: Any) -> None:
        step.image()
        places = step.x.shape[0]
        step.result("p", matmul(1 / places, OneMatrix(Integer(1), places), step.x))

    def twin(self, shape: Shape) -> dict[str, Any]:
        return {"output_size": 1}


@layers("flatten")
@dataclass(frozen=True)
class Flatten(Layer):
    """All entries of an example in one vector: PyTorch's Flatten."""

    torch: ClassVar[str] = "torch.nn.Flatten"
    in_words: ClassVar[str] = "all entries in one vector"

    def out(self, shape: Shape) -> Shape:
        return (prod(shape),)

    def equations(self, step: Any) -> None:
        if len(step.place.shape) == 1:
            step.result("a", step.x)
            return
        if len(step.place.shape) == 2:  # a sequence: a row for each position
            step.result("a", Reshaped(step.x, Integer(1), Integer(prod(step.place.shape))))
            return
        step.image()
        if step.place.shape[1:] == (1, 1):
            step.result("a", step.x)
            return
        step.result("a", Reshaped(transpose(step.x), Integer(1), Integer(prod(step.place.shape))))
