"""The observer of networks: the same stack in torch.nn, in float64, run forward and backward on one example."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from derive.algebra.functions import TABLE
from derive.checks.bindings import Bindings, exact_tensor, observe
from derive.checks.exactly import exact_of, snapped, through
from derive.checks.loss_run import loss_by_torch
from derive.checks.targets import target_for
from derive.checks.twins import named
from derive.worlds import NetworkRun

COUNTS = ("weights", "biases", "parameters")


def activation_of(activation: Any) -> nn.Module:
    """The activation's layer of torch.nn, by the name in its row; softmax over the entries of a row."""
    if activation.name == "softmax":
        return nn.Softmax(dim=1)
    settings = [float(value) for _, value in activation.parameters]
    return named(TABLE[activation.name].row.module)(*settings)


@observe.register
def observe_network(world: NetworkRun, generator: torch.Generator) -> Bindings:
    """Rows in torch, columns on the page: an array of torch's (1, n) is bound as its transpose."""
    tags = {tag: symbol for symbol, tag in world.observed}
    if all(kind in COUNTS for kind, *_ in tags):
        return _counted(world, tags)
    if world.sizes_only:
        with torch.device("meta"):
            return _sized(world, tags)
    linears, activations = build(world.network)
    given = {tag: exact_tensor(value) for symbol, value in world.values for s, tag in world.observed if s == symbol}
    _fill(linears, given, generator)
    x = (
        given["input",].T
        if ("input",) in given
        else torch.randn(1, world.network.input, generator=generator, dtype=torch.float64)
    )
    run: dict[tuple[Any, ...], torch.Tensor] = {("input",): x.clone().requires_grad_()}
    flowing, exact = run["input",], exact_of(x) if given else None
    for k, (linear, activation) in enumerate(zip(linears, activations, strict=True)):
        exact = through(linear, exact)
        run["pre_activation", k] = snapped(linear(flowing), exact)
        exact = through(activation, exact)
        run["activation", k] = flowing = snapped(activation(run["pre_activation", k]), exact)
    bindings = Bindings({}, "the network built and run in torch.nn")
    for k, linear in enumerate(linears):
        _bind(bindings, tags, ("weight", k), linear.weight, lambda t: t)
        if linear.bias is not None:
            _bind(bindings, tags, ("bias", k), linear.bias, lambda t: t.unsqueeze(1))
    y = given["target",].T if ("target",) in given else target_for(world.loss, flowing.shape, generator)
    run["target",] = y.clone().requires_grad_()
    for tag, tensor in run.items():
        _bind(bindings, tags, tag, tensor, lambda t: t.T)
    _counts(bindings, tags, linears)
    if world.loss is not None:
        if given and world.loss.after:  # numbers may saturate: torch's losses of logits lose no digits there
            loss = loss_of_logits(world.loss, run["pre_activation", len(linears) - 1], run["target",])
        else:
            loss = loss_of(world.loss, flowing, run["target",])
        _bind(bindings, tags, ("loss",), loss, lambda t: t)
        for k in range(len(linears)):
            if ("delta", k) in tags:
                (delta,) = torch.autograd.grad(loss, run["pre_activation", k], retain_graph=True)
                bindings.values[tags["delta", k]] = delta.T
    return bindings


def _counted(world: NetworkRun, tags: dict[Any, Any]) -> Bindings:
    """A network that is only counted: on the device 'meta' its layers have sizes and no numbers, so any width fits."""
    bindings = Bindings({}, "the network built in torch.nn and counted")
    with torch.device("meta"):
        linears, _ = build(world.network)
    _counts(bindings, tags, linears)
    return bindings


def _sized(world: NetworkRun, tags: dict[Any, Any]) -> Bindings:
    """The sizes of everything, on the device 'meta'."""
    linears, activations = build(world.network)
    bindings = Bindings({}, "the network built in torch.nn and its sizes followed")
    run: dict[tuple[Any, ...], torch.Tensor] = {("input",): torch.zeros(1, world.network.input)}
    flowing = run["input",]
    for k, (linear, activation) in enumerate(zip(linears, activations, strict=True)):
        run["pre_activation", k] = linear(flowing.to(linear.weight.dtype))
        run["activation", k] = flowing = activation(run["pre_activation", k])
        _bind(bindings, tags, ("weight", k), linear.weight, lambda t: t)
        if linear.bias is not None:
            _bind(bindings, tags, ("bias", k), linear.bias, lambda t: t.unsqueeze(1))
    run["target",] = flowing
    for tag, tensor in run.items():
        _bind(bindings, tags, tag, tensor, lambda t: t.T)
    return bindings


def build(network: Any) -> tuple[list[nn.Linear], list[nn.Module]]:
    """The linear maps and the activations of the stack, in float64."""
    linears: list[nn.Linear] = []
    activations: list[nn.Module] = []
    size, sizes_only = network.input, torch.get_default_device().type == "meta"
    for layer in network.layers:
        for k in range(layer.repeat):
            if sizes_only and k > 1:  # as the one before, which has no numbers of its own
                linears.append(linears[-1])
                activations.append(activations[-1])
                continue
            linears.append(nn.Linear(size, layer.units, bias=layer.bias, dtype=torch.float64))
            activations.append(activation_of(layer.activation))
            size = layer.units
    return linears, activations


def _fill(linears: list[nn.Linear], given: dict[tuple[Any, ...], torch.Tensor], random: torch.Generator) -> None:
    with torch.no_grad():
        for k, linear in enumerate(linears):
            for tag, parameter in ((("weight", k), linear.weight), (("bias", k), linear.bias)):
                if parameter is not None:
                    drawn = torch.randn(parameter.shape, generator=random, dtype=torch.float64)
                    drawn = drawn / linear.in_features**0.5  # so that no activation saturates
                    parameter.copy_(given[tag].reshape(parameter.shape) if tag in given else drawn)


def loss_of(loss: Any, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """torch.nn.functional's loss of one example. Over classes, from the probabilities that the network gives, it is
    the divergence plus the target's entropy, as `cross_entropy` would normalise them once more."""
    if loss.on == "classes":
        return F.kl_div(torch.log(output), target, reduction="sum") + torch.special.entr(target).sum()
    return loss_by_torch(loss, output, target, loss.reduction, "outputs")


def loss_of_logits(loss: Any, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The same from what goes into the last activation, sigmoid or softmax."""
    return loss_by_torch(loss, logits, target, loss.reduction, "logits")


def _bind(bindings: Bindings, tags: dict[Any, Any], tag: Any, tensor: torch.Tensor, view: Any) -> None:
    if tag in tags:
        bindings.values[tags[tag]] = view(tensor)
        bindings.leaves[tags[tag]] = (tensor, view)


def _counts(bindings: Bindings, tags: dict[Any, Any], linears: list[nn.Linear]) -> None:
    """Numbers of weights, of biases and of both: over all layers, and layer by layer (a layer's number behind the tag)."""
    groups: dict[tuple[int, ...], list[nn.Linear]] = {
        (): linears,
        **{(k,): [linears[k]] for k in {tag[1] for tag in tags if tag[0] in COUNTS and len(tag) > 1}},
    }
    for suffix, members in groups.items():
        weights = sum(linear.weight.numel() for linear in members)
        biases = sum(linear.bias.numel() for linear in members if linear.bias is not None)
        for name, count in zip(COUNTS, (weights, biases, weights + biases), strict=True):
            if (name, *suffix) in tags:
                bindings.values[tags[(name, *suffix)]] = torch.tensor(count)
