"""How many rows of its input a row of a stack's output depends on, by torch: where the gradient of one output entry is not zero.

Every layer runs in torch with positive weights on a column of rows, long enough that no border is met: the windows keep their
heights, and one column and one channel are enough to see rows.
"""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import nn

from derive.checks.twins import named
from derive.errors import Bug

Tensor = torch.Tensor
LONGEST = 1 << 17
THIN = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1}  # of the second axis


def rows_seen(layers: Any, input_shape: tuple[int, ...]) -> int:
    """From the first to the last row, for the output row in the middle (of all that can differ) that looks at the most."""
    length = 64
    while length <= LONGEST:
        found = _extents(layers, input_shape, length)
        if found is not None:
            return found
        length *= 4
    raise Bug(f"a receptive field that does not fit into {LONGEST} rows")


def _extents(layers: Any, input_shape: tuple[int, ...], length: int) -> int | None:
    """None where the borders of an input of this length are met."""
    rank = len(input_shape)
    start = 1e-3 * torch.ones(1, 1, length, *[1] * (rank - 2), dtype=torch.float64)
    x = start.requires_grad_()
    strides: list[int] = []
    try:
        out, _ = _through(layers, x, input_shape, strides)
    except RuntimeError:  # the strides leave nothing of an input of this length
        return None
    column = out.sum(1).reshape(-1)
    middle, most = len(column) // 2, 0
    for row in range(middle, min(middle + prod(strides), len(column))):
        (slope,) = torch.autograd.grad(column[row], x, retain_graph=True)
        rows = slope.reshape(-1).nonzero()[:, 0]
        if len(rows) == 0:
            continue
        first, last = int(rows.min()), int(rows.max())
        if first == 0 or last == length - 1:
            return None
        most = max(most, last - first + 1)
    return None if middle + prod(strides) > len(column) else most


def _through(layers: Any, x: Tensor, shape: tuple[int, ...], strides: list[int]) -> tuple[Tensor, tuple[int, ...]]:
    """The thin stack at x, the true shape beside it, and the strides of layers that spread rows."""
    for layer in layers:
        if layer.torch == "residual":
            x = x + _through(layer.inner(shape), x, shape, strides)[0]
        elif layer.torch == "concatenate":
            parts = [_through([branch], x, shape, strides) for branch in layer.branches]
            x = torch.cat([part for part, _ in parts], dim=1)
            shape = (sum(s[0] for _, s in parts), *parts[0][1][1:])
        else:
            true = _true(layer, shape)
            module = _thin(layer, shape, x.shape[1])
            if isinstance(module, nn.ConvTranspose2d):
                strides.append(module.stride[0])
            x, shape = module(x), true
    return x, shape


def _true(layer: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that torch gives the output of the layer itself."""
    with torch.device("meta"):
        module = _module(layer, shape, layer.twin(shape))
        return tuple(module.eval()(torch.zeros(1, *shape)).shape[1:])


def _module(layer: Any, shape: tuple[int, ...], settings: dict[str, Any]) -> nn.Module:
    name = layer.twin_name(shape) if hasattr(layer, "twin_name") else layer.torch
    return named(name)(*settings.pop("args", ()), **settings)


def _thin(layer: Any, shape: tuple[int, ...], channels: int) -> nn.Module:
    settings = {key: _first(key, value) for key, value in layer.twin((channels, *shape[1:])).items()}
    if layer.torch == "torch.nn.AdaptiveAvgPool2d":  # the mean over the image's own rows, as the image here is longer
        return nn.AvgPool2d((shape[1], 1), 1)
    if "out_channels" in settings:
        settings |= {"in_channels": channels, "out_channels": 1, "groups": 1}
    if layer.torch == "torch.nn.MaxPool2d":  # which passes on one entry at a time
        return nn.AvgPool2d(**settings)
    module = _module(layer, (channels, *shape[1:]), settings).to(torch.float64).eval()
    for parameter in module.parameters():
        nn.init.constant_(parameter, 1 / parameter[0].numel() if parameter.ndim > 1 else 0.0)
        if parameter is getattr(module, "weight", None) and parameter.ndim == 1:
            nn.init.ones_(parameter)
    return module


def _first(key: str, value: Any) -> Any:
    """A setting of two axes with its first alone."""
    return (value[0], THIN[key]) if isinstance(value, tuple) and key in THIN else value
