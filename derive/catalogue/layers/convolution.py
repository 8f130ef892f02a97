"""Convolutions in one and two dimensions, and the transposed one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from derive.algebra.arrays import Patches
from derive.algebra.nodes import matmul
from derive.catalogue.layers.base import Layer, Shape, Weight, image
from derive.catalogue.registry import layers
from derive.errors import NotDerivable
from derive.problem.types import Padding, Pair, Size


def reach(size: int, kernel: int, stride: int, padding: Any, dilation: int) -> int:
    """floor((H + 2P - D(K - 1) - 1)/S) + 1; ValueError where the kernel does not fit."""
    if padding == "same":
        if stride != 1:
            raise ValueError("'same' padding is for stride 1")
        return size
    pad = 0 if padding == "valid" else padding
    room = size + 2 * pad - dilation * (kernel - 1) - 1
    if room < 0:
        raise ValueError(f"a kernel that covers {dilation * (kernel - 1) + 1} does not fit into {size + 2 * pad}")
    return room // stride + 1


def before(kernel: int, padding: Any, dilation: int) -> int:
    """How many zeros stand before the first entry; of an odd number 'same' puts one more behind, as torch does."""
    return dilation * (kernel - 1) // 2 if padding == "same" else 0 if padding == "valid" else padding


def _along(value: Any, axis: int) -> Any:
    return value if isinstance(value, str) else value[axis]


@layers("conv2d")
@dataclass(frozen=True)
class Conv2d(Layer):
    """`filters` kernels of kernel height x width over all input channels (of a group), each with a bias: PyTorch's Conv2d.

    The output has floor((H + 2P - D(K - 1) - 1)/S) + 1 rows (Dumoulin and Visin 2016); 'same' padding keeps the size.
    """

    filters: Size
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = "valid"
    dilation: Pair = (1, 1)
    groups: Size = 1
    bias: bool = True

    torch: ClassVar[str] = "torch.nn.Conv2d"
    in_words: ClassVar[str] = "every filter slides over the image"
    observable: ClassVar[str] = "u"

    def out(self, shape: Shape) -> Shape:
        channels, *plane = image(shape, "conv2d")
        if channels % self.groups or self.filters % self.groups:
            raise ValueError(f"{channels} channels and {self.filters} filters do not split into {self.groups} groups")
        sizes = [
            reach(size, self.kernel[k], self.stride[k], _along(self.padding, k), self.dilation[k])
            for k, size in enumerate(plane)
        ]
        return (self.filters, *sizes)

    def weights(self, shape: Shape, row: bool) -> tuple[Weight, ...]:
        kernel = Weight("W", (self.filters, shape[0] // self.groups, *self.kernel), "weight")
        return (kernel, Weight("b", (self.filters,), "bias", is_bias=True)) if self.bias else (kernel,)

    def operations(self, shape: Shape) -> tuple[tuple[Any, str], ...]:
        return (((*self.out(shape), shape[0] // self.groups, *self.kernel), "a window for each output entry"),)

    def window(self) -> tuple[int, int]:
        return self.dilation[0] * (self.kernel[0] - 1) + 1, self.stride[0]

    def rows_seen(self, first: int, last: int, shape: Shape) -> tuple[int, int]:
        (field, stride), pad = self.window(), before(self.kernel[0], _along(self.padding, 0), self.dilation[0])
        return first * stride - pad, last * stride - pad + field - 1

    def equations(self, step: Any) -> None:
        if self.groups > 1 or self.dilation != (1, 1):
            raise NotDerivable("forward equations of a convolution in groups or with gaps in matrix notation")
        step.image()
        pad = tuple((k - 1) // 2 for k in self.kernel) if self.padding == "same" else self.padding
        if self.padding == "same" and not all(k % 2 for k in self.kernel):
            raise NotDerivable("forward equations of a convolution that pads more on one side in matrix notation")
        pad = (0, 0) if pad == "valid" else pad
        plan = (*step.place.shape[1:], *self.kernel, *self.stride, *pad)
        windows = step.define("u", Patches(step.x, plan))
        product = matmul(windows, step.weight("W"))
        step.result("z", step.plus(product, step.weight("b")) if self.bias else product)

    def twin(self, shape: Shape) -> dict[str, Any]:
        padding = 0 if self.padding == "valid" else self.padding
        return {
            "in_channels": shape[0], "out_channels": self.filters, "kernel_size": self.kernel, "stride": self.stride,
            "padding": padding, "dilation": self.dilation, "groups": self.groups, "bias": self.bias,
        }  # fmt: skip


@layers("conv1d")
@dataclass(frozen=True)
class Conv1d(Layer):
    """`filters` kernels of length `kernel` that slide along a sequence of channels: PyTorch's Conv1d."""

    filters: Size
    kernel: Size
    stride: Size = 1
    padding: Padding = "valid"
    dilation: Size = 1
    groups: Size = 1
    bias: bool = True

    torch: ClassVar[str] = "torch.nn.Conv1d"
    in_words: ClassVar[str] = "every filter slides along the sequence"

    @property
    def pad(self) -> Any:
        return self.padding if isinstance(self.padding, str) else self.padding[0]

    def out(self, shape: Shape) -> Shape:
        channels, length = image(shape, "conv1d", 2)
        if channels % self.groups or self.filters % self.groups:
            raise ValueError(f"{channels} channels and {self.filters} filters do not split into {self.groups} groups")
        return (self.filters, reach(length, self.kernel, self.stride, self.pad, self.dilation))

    def weights(self, shape: Shape, row: bool) -> tuple[Weight, ...]:
        kernel = Weight("W", (self.filters, shape[0] // self.groups, self.kernel), "weight")
        return (kernel, Weight("b", (self.filters,), "bias", is_bias=True)) if self.bias else (kernel,)

    def operations(self, shape: Shape) -> tuple[tuple[Any, str], ...]:
        return (((*self.out(shape), shape[0] // self.groups, self.kernel), "a window for each output entry"),)

    def window(self) -> tuple[int, int]:
        return self.dilation * (self.kernel - 1) + 1, self.stride

    def rows_seen(self, first: int, last: int, shape: Shape) -> tuple[int, int]:
        (field, stride), pad = self.window(), before(self.kernel, self.pad, self.dilation)
        return first * stride - pad, last * stride - pad + field - 1

    def twin(self, shape: Shape) -> dict[str, Any]:
        padding = 0 if self.pad == "valid" else self.pad
        return {
            "in_channels": shape[0], "out_channels": self.filters, "kernel_size": self.kernel, "stride": self.stride,
            "padding": padding, "dilation": self.dilation, "groups": self.groups, "bias": self.bias,
        }  # fmt: skip


@layers("conv_transpose2d")
@dataclass(frozen=True)
class ConvTranspose2d(Layer):
    """The transposed convolution: sizes (H - 1) S - 2P + K, the adjoint of a convolution. PyTorch's ConvTranspose2d."""

    filters: Size
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = "valid"
    bias: bool = True

    torch: ClassVar[str] = "torch.nn.ConvTranspose2d"
    in_words: ClassVar[str] = "every entry spreads over a window"

    @property
    def pad(self) -> Any:
        if self.padding == "same":
            raise ValueError("a transposed convolution has no 'same' padding")
        return (0, 0) if self.padding == "valid" else self.padding

    def out(self, shape: Shape) -> Shape:
        image(shape, "conv_transpose2d")
        sizes = [(shape[k + 1] - 1) * self.stride[k] - 2 * self.pad[k] + self.kernel[k] for k in range(2)]
        if min(sizes) < 1:
            raise ValueError("this padding leaves nothing of the output")
        return (self.filters, *sizes)

    def weights(self, shape: Shape, row: bool) -> tuple[Weight, ...]:
        kernel = Weight("W", (shape[0], self.filters, *self.kernel), "weight")
        return (kernel, Weight("b", (self.filters,), "bias", is_bias=True)) if self.bias else (kernel,)

    def operations(self, shape: Shape) -> tuple[tuple[Any, str], ...]:
        return (((*shape, self.filters, *self.kernel), "a window for each input entry"),)

    def rows_seen(self, first: int, last: int, shape: Shape) -> tuple[int, int]:
        """Input row i spreads over the output rows i S - P to i S - P + K - 1."""
        pad, stride = self.pad[0], self.stride[0]
        return -((self.kernel[0] - 1 - pad - first) // stride), (last + pad) // stride

    def twin(self, shape: Shape) -> dict[str, Any]:
        return {
            "in_channels": shape[0], "out_channels": self.filters, "kernel_size": self.kernel, "stride": self.stride,
            "padding": self.pad, "bias": self.bias,
        }  # fmt: skip
