"""What questions about convolution and pooling share: sizes, strides and padding, and whether they fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd
from typing import Any

from sympy import Integer

from derive.catalogue.layers.convolution import Conv2d
from derive.catalogue.layers.pool import AvgPool2d, MaxPool2d
from derive.errors import GivenError
from derive.problem.model import Network

AXES = (("H", "height"), ("W", "width"))


@dataclass(frozen=True)
class Plane:
    """A layer over channels x height x width."""

    layer: Any
    sizes: tuple[int, int, int]

    @property
    def is_convolution(self) -> bool:
        return hasattr(self.layer, "filters")

    @property
    def stride(self) -> tuple[int, int]:
        return self.layer.stride or self.layer.kernel

    @property
    def padding(self) -> Any:
        return (0, 0) if self.layer.padding == "valid" else self.layer.padding

    @property
    def is_same(self) -> bool:
        return self.layer.padding == "same"

    @property
    def channels_out(self) -> int:
        return self.layer.filters if self.is_convolution else self.sizes[0]


def plane_of(given: Any, layout: str = "channels_first") -> Plane:
    """The layer and the sizes of its input; raises GivenError where they are missing or do not fit."""
    layer = _layer(given)
    sizes = _sizes(given.input, layout)
    plane = Plane(layer, sizes)
    path = ("given", "layer", layer.name)
    if plane.is_same and (not plane.is_convolution or max(plane.stride) > 1):
        raise GivenError("'same' padding is for convolutions with stride 1", (*path, "padding"))
    if plane.is_convolution and (sizes[0] % layer.groups or layer.filters % layer.groups):
        common = gcd(sizes[0], layer.filters)
        fitting = ", ".join(str(n) for n in range(1, min(common, layer.groups) + 1) if common % n == 0)
        raise GivenError(
            f"{sizes[0]} channels and {layer.filters} filters do not split into {layer.groups} groups; "
            f"they do for groups: {fitting}",
            (*path, "groups"),
        )
    if not plane.is_same:
        for axis in range(2):
            _compare_kernel(plane, axis, path)
    return plane


def _compare_kernel(plane: Plane, axis: int, path: tuple[str, ...]) -> None:
    """Whether the kernel fits into the padded input along an axis; raises GivenError with the most that would."""
    layer, name = plane.layer, AXES[axis][1]
    room = plane.sizes[axis + 1] + 2 * plane.padding[axis]
    reach = layer.dilation[axis] * (layer.kernel[axis] - 1) + 1
    if reach > room:
        padded = " with its padding" if plane.padding[axis] else ""
        most = (room - 1) // layer.dilation[axis] + 1
        raise GivenError(
            f"a kernel that covers {reach} does not fit into a {name} of {room}{padded}; use a kernel of {name} {most} "
            "at most, or a larger input",
            (*path, "kernel"),
        )
    if not plane.is_convolution and 2 * plane.padding[axis] > layer.kernel[axis]:
        most = layer.kernel[axis] // 2
        raise GivenError(
            f"pooling pads by at most half of its kernel, here by at most {most} along the {name}", (*path, "padding")
        )


def is_planar(layer: Any) -> bool:
    """Whether the layer slides windows over height and width, for which there are formulas of sizes and counts."""
    return isinstance(layer, Conv2d | MaxPool2d | AvgPool2d)


def as_network(given: Any) -> Any:
    """What is given with the one layer as a network, for the layers that have no formulas of their own here."""
    sizes = given.input if isinstance(given.input, tuple) else (given.input,)
    if any(not isinstance(size, Integer) or size < 1 for size in sizes):
        raise GivenError(
            "the input's sizes are needed here, such as 'input: 10' or 'input: [3, 32, 32]'",
            ("given",) if given.input is None else ("given", "input"),
        )
    shape = tuple(map(int, sizes))
    return replace(given, network=Network(shape if len(shape) > 1 else shape[0], (given.layer,)))


def _layer(given: Any) -> Any:
    if given.layer is None:
        raise GivenError("a layer is needed here, such as 'layer: {conv2d: {filters: 5, kernel: 3}}'", ("given",))
    if not is_planar(given.layer):
        raise GivenError(
            f"this question is about convolution and pooling, not about '{given.layer.name}'", ("given", "layer")
        )
    return given.layer


def _sizes(value: Any, layout: str) -> tuple[int, int, int]:
    wrong = GivenError(
        "the input's sizes are needed here, such as 'input: [3, 32, 32]' (channels, height, width) or [30, 40]",
        ("given", "input"),
    )
    if value is None:
        raise GivenError(wrong.message, ("given",))
    if (
        not isinstance(value, tuple)
        or len(value) not in (2, 3)
        or any(isinstance(v, tuple) or not v.is_Integer or v < 1 for v in value)
    ):
        raise wrong
    a, b, c = (1, *map(int, value)) if len(value) == 2 else tuple(map(int, value))
    return (c, a, b) if layout == "channels_last" and len(value) == 3 else (a, b, c)
