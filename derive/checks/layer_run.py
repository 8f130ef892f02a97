"""The observers of single layers and of counted stacks: torch.nn's modules, built, run and counted."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn

from derive.checks.bindings import Bindings, exact_tensor, observe
from derive.errors import Bug
from derive.worlds import CountRun, LayerRun

MOST_PRODUCTS = 50_000_000  # above, the sizes of a layer are followed by torch without computing its entries


def module_of(layer: Any, channels: int, device: str = "cpu") -> nn.Module:
    """The layer as a module of torch.nn, in float64; on the device 'meta' it has sizes and no numbers."""
    padding = 0 if layer.padding == "valid" else layer.padding
    if layer.name == "conv2d":
        return nn.Conv2d(
            channels,
            layer.filters,
            layer.kernel,
            layer.stride,
            padding,
            layer.dilation,
            layer.groups,
            layer.bias,
            device=device,
            dtype=torch.float64,
        )
    pools: dict[str, Any] = {"max_pool2d": nn.MaxPool2d, "avg_pool2d": nn.AvgPool2d}
    if layer.name in pools:
        return pools[layer.name](layer.kernel, layer.stride, padding)
    raise Bug(f"no twin for the layer {layer.name}")


@observe.register
def observe_layer(world: LayerRun, generator: torch.Generator) -> Bindings:
    """The module built, its parameters counted, a tensor sent through it. Torch follows the sizes of a large one alone."""
    device = "cpu" if world.arrays is not None or _products(world) <= MOST_PRODUCTS else "meta"
    module = module_of(world.layer, world.sizes[0], device)
    if world.arrays is None:
        given = torch.zeros(1, *world.sizes, device=device, dtype=torch.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # 'same' padding of even kernels copies its input
            output = module(given)[0].detach()
    else:
        given = exact_tensor(world.arrays).unsqueeze(1)
        output = module(given).detach()[:, 0]
    run = "run" if device == "cpu" else "its sizes followed on torch's meta device"
    bindings = Bindings({}, f"torch.nn.{type(module).__name__} built and {run}")
    for symbol, (kind, *details) in world.observed:
        bindings.values[symbol] = _observed(kind, details, module, given, output)
    return bindings


def _products(world: LayerRun) -> int:
    """At most so many products make the output: one for each weight (each entry of a window) at each padded place."""
    layer, (channels, *plane) = world.layer, world.sizes
    pads = (0, 0) if layer.padding == "valid" else layer.kernel if layer.padding == "same" else layer.padding
    weights = sum(p.numel() for p in module_of(layer, channels, "meta").parameters())
    window = channels * layer.kernel[0] * layer.kernel[1]
    return max(weights, window) * (plane[0] + 2 * pads[0]) * (plane[1] + 2 * pads[1])


def _observed(
    kind: str, details: list[Any], module: nn.Module, given: torch.Tensor, output: torch.Tensor
) -> torch.Tensor:
    if kind == "output":
        if not details:
            return output
        return output.permute(1, 2, 0) if details[0] == "channels_last" else output[details[0]]
    if kind == "input":
        return given[details[0], 0]
    counts = {
        "parameters": sum(p.numel() for p in module.parameters()),
        "weights": sum(p.numel() for n, p in module.named_parameters() if n == "weight"),
        "biases": sum(p.numel() for n, p in module.named_parameters() if n == "bias"),
        "output_size": output.shape[details[0]] if kind == "output_size" else 0,
        "given": details[0] if details else 0,
    }
    return torch.tensor(float(counts[kind]), dtype=torch.float64)


@observe.register
def observe_counts(world: CountRun, generator: torch.Generator) -> Bindings:
    """A stack of nn.Linear, and the stacks with one layer, and one unit a layer, more; each counted."""

    def small() -> int:
        return int(torch.randint(2, 6, (), generator=generator))

    depth, width = world.depth or small(), world.width or small()
    before = world.before if world.depth else (*world.before[:-1], small())
    after = world.after if world.depth else (small(), *world.after[1:])

    def counted(layers: int, units: int) -> dict[str, int]:
        sizes = [*before, *[units] * layers, *after]
        pairs = zip(sizes, sizes[1:], strict=False)
        stack = nn.Sequential(*[nn.Linear(a, b, bias=world.bias, device="meta") for a, b in pairs])  # sizes, no numbers
        weights = sum(p.numel() for p in stack.parameters() if p.ndim == 2)
        return {"weights": weights, "parameters": sum(p.numel() for p in stack.parameters())}

    here = counted(depth, width)
    more = {"depth": counted(depth + 1, width), "width": counted(depth, width + 1)}
    sizes = {"inputs": before[-1], "outputs": after[0], "depth": depth, "width": width}
    bindings = Bindings({}, "stacks of torch.nn.Linear built and counted")
    for symbol, (kind, *details) in world.observed:
        if kind == "size":
            value = sizes[details[0]]
        elif kind == "count":
            value = here[details[0]]
        else:
            value = more[details[1]][details[0]] - here[details[0]]
        bindings.values[symbol] = torch.tensor(float(value), dtype=torch.float64)
    return bindings
