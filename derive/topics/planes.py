"""What questions about convolution and pooling share: sizes, strides and padding, and whether they fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from derive.errors import GivenError

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
    if plane.is_same and (not plane.is_convolution or max(plane.stride) > 1):
        raise GivenError("'same' padding is for convolutions with stride 1", ("given", "layer"))
    if plane.is_convolution and (sizes[0] % layer.groups or layer.filters % layer.groups):
        raise GivenError(
            f"{sizes[0]} channels and {layer.filters} filters do not split into {layer.groups} groups",
            ("given", "layer"),
        )
    if not plane.is_same:
        for axis, (_, name) in enumerate(AXES):
            room = sizes[axis + 1] + 2 * plane.padding[axis]
            reach = layer.dilation[axis] * (layer.kernel[axis] - 1) + 1
            if reach > room:
                raise GivenError(
                    f"a kernel that covers {reach} does not fit into a {name} of {room}", ("given", "layer")
                )
            if not plane.is_convolution and 2 * plane.padding[axis] > layer.kernel[axis]:
                raise GivenError("pooling pads by at most half of its kernel", ("given", "layer"))
    return plane


def _layer(given: Any) -> Any:
    if given.layer is None:
        raise GivenError("a layer is needed here, such as 'layer: {conv2d: {filters: 5, kernel: 3}}'", ("given",))
    if not hasattr(given.layer, "kernel"):
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
