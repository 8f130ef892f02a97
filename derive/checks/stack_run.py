"""The observer of stacks: any layers of torch.nn in float64, run forward and backward, counted, and updated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from derive.checks.bindings import Bindings, exact_tensor, observe
from derive.checks.evaluate import evaluate
from derive.checks.exactly import Exact, added, exact_of, snapped, through
from derive.checks.inside import quantity
from derive.checks.loss_run import loss_by_torch
from derive.checks.optimiser_run import torch_optimiser
from derive.checks.receptive import rows_seen
from derive.checks.targets import target_for
from derive.checks.twins import named
from derive.worlds import StackRun

Tensor = torch.Tensor
SIZES_ONLY = ("count", "operations", "receptive")
BEFORE = "before "  # marks, among the outputs by path, what goes into a layer
GAINED = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm)


@dataclass
class Node:
    """A layer with its module (None for blocks) and the layers inside, at its path in the stack."""

    path: str
    layer: Any
    module: nn.Module | None
    inner: list[Node]


def build(layers: Any, shape: tuple[int, ...], prefix: str = "") -> tuple[list[Node], tuple[int, ...]]:
    """The tree of modules; sizes are followed by running torch itself on the device 'meta'."""
    nodes: list[Node] = []
    sizes_only = torch.get_default_device().type == "meta"
    known: dict[
        Any, tuple[nn.Module | None, tuple[int, ...]]
    ] = {}  # of equal layers, of which sizes alone are wanted, one is built
    for k, layer in enumerate(layers):
        path = f"{prefix}{k}"
        if sizes_only and (layer, shape) in known:
            module, after = known[layer, shape]
            nodes.append(Node(path, layer, module, []))
            shape = after
            continue
        if layer.torch == "residual":
            inner, _ = build(layer.inner(shape), shape, f"{path}.")
            node = Node(path, layer, None, inner)
        elif layer.torch == "concatenate":
            node = Node(
                path, layer, None, [build([b], shape, f"{path}.{i}.")[0][0] for i, b in enumerate(layer.branches)]
            )
        else:
            node = Node(path, layer, _module(layer, shape), [])
        nodes.append(node)
        after = _followed(node, shape)
        if not node.inner:
            known[layer, shape] = (node.module, after)
        shape = after
    return nodes, shape


def _module(layer: Any, shape: tuple[int, ...]) -> nn.Module:
    name = layer.twin_name(shape) if hasattr(layer, "twin_name") else layer.torch
    settings = layer.twin(shape)
    module = named(name)(*settings.pop("args", ()), **settings)
    return module.train(getattr(layer, "mode", "train") == "train")


def _followed(node: Node, shape: tuple[int, ...]) -> tuple[int, ...]:
    kinds = torch.int64 if getattr(node.layer, "words", None) else torch.float64
    probe = torch.zeros(2, *shape, dtype=kinds, device="meta")
    moved = _on(node, "meta")
    return tuple(run([moved], probe, {}).shape[1:])


def _on(node: Node, device: str) -> Node:
    from copy import deepcopy

    module = None if node.module is None else deepcopy(node.module).to(device=device, dtype=torch.float64)
    return Node(node.path, node.layer, module, [_on(inner, device) for inner in node.inner])


def run(nodes: list[Node], x: Tensor, outputs: dict[str, Tensor], exact: Exact | None = None) -> Tensor:
    """The stack at an input; what comes out of each layer is kept by its path. `exact` is the input, where it was given."""
    return _run(nodes, x, outputs, exact)[0]


def _run(nodes: list[Node], x: Tensor, outputs: dict[str, Tensor], exact: Exact | None) -> tuple[Tensor, Exact | None]:
    for node in nodes:
        outputs[f"{BEFORE}{node.path}"] = x
        if node.layer.torch == "residual":
            inner, inner_exact = _run(node.inner, x, outputs, exact)
            x, exact = x + inner, added(exact, inner_exact)
        elif node.layer.torch == "concatenate":
            parts = [_run([branch], x, outputs, exact)[0] for branch in node.inner]
            x, exact = torch.cat(parts, dim=1 if x.ndim == 4 else -1), None
        else:
            x, exact = called(node, x), through(node.module, exact)
        outputs[node.path] = x = snapped(x, exact)
    return x, exact


def called(node: Node, x: Tensor) -> Tensor:
    """The twin of one layer, called as its kind wants."""
    module: Any = node.module
    if node.layer.call == "attention":
        return module(x, x, x)[0]
    if node.layer.call == "recurrent":
        return module(x, *_started(module, x))[0][:, -1]
    return module(x)


def _started_with(module: Any, letter: str, given: Tensor | None, generator: torch.Generator) -> Tensor:
    """The state before the first step, a column, kept with its module; a random one where none is given."""
    drawn = torch.randn(module.hidden_size, 1, generator=generator, dtype=torch.float64)
    state = drawn if given is None else given
    module.initial = {**getattr(module, "initial", {}), letter: state.T}
    return state


def _started(module: Any, x: Tensor) -> tuple[Any, ...]:
    """The states before the first step, where any is given: the other starts at zero."""
    given = getattr(module, "initial", {})
    if not given:
        return ()
    none = torch.zeros(x.shape[0], module.hidden_size, dtype=x.dtype)
    h, cell = (given.get(letter, none).unsqueeze(0) for letter in "hs")
    return ((h, cell),) if isinstance(module, nn.LSTM) else (h,)


def modules(nodes: list[Node]) -> dict[str, nn.Module]:
    """Every module by its path."""
    found = {}
    for node in nodes:
        if node.module is not None:
            found[node.path] = node.module
        found.update(modules(node.inner))
    return found


@observe.register
def observe_stack(world: StackRun, generator: torch.Generator) -> Bindings:
    """Rows in torch; on the page columns are transposed rows, weights and their blocks as each layer says."""
    tags = {tag: symbol for symbol, tag in world.observed}
    bindings = Bindings({}, "the network built and run in torch.nn")
    known = dict(world.values)
    given = {tag: exact_tensor(known[symbol]) for tag, symbol in tags.items() if symbol in known}
    if all(tag[0] in SIZES_ONLY for tag in tags):
        with torch.device("meta"):
            nodes, _ = build(world.layers, world.input)
        return _counted(world, tags, nodes, bindings)
    if world.sizes_only:
        with torch.device("meta"):
            return _sized(world, tags, int(torch.randint(3, 6, (), generator=generator, device="cpu")))
    nodes, _ = build(world.layers, world.input)
    found = modules(nodes)
    for module in found.values():
        module.to(torch.float64)
        for parameter in module.parameters():
            with torch.no_grad():
                parameter.copy_(torch.empty_like(parameter).uniform_(-1, 1, generator=generator))
    _fill(found, given)
    batch = world.batch or int(torch.randint(3, 6, (), generator=generator))
    x = _input(world, given, batch, generator)
    outputs: dict[str, Tensor] = {}
    for tag in [tag for tag in tags if tag[0] == "initial"]:
        bindings.values[tags[tag]] = _started_with(found[tag[1]], tag[2], given.get(tag), generator)
    out = run(nodes, x, outputs, exact_of(x) if given and x.is_floating_point() else None)
    _bind_input(world, tags, bindings, x, batch)
    _bind_arrays(world, tags, bindings, found, outputs, x)
    if ("target",) in tags:
        y = given.get(("target",))
        target = target_for(world.loss, out.shape, generator) if y is None else _from_page(y, out, world)
        bindings.values[tags["target",]] = on_page(target) if target.ndim == 4 else shown(target, world)
        if world.loss is not None and ("loss",) in tags:
            logits = _logits(nodes, x, outputs) if given and world.loss.after else None
            bindings.values[tags["loss",]] = _loss(world, out, target, found, logits)
    if world.optimiser is not None:
        _updates(world, tags, nodes, found, x, bindings)
    _counted(world, tags, nodes, bindings)
    for symbol, expr in world.definitions:
        bindings.values[symbol] = evaluate(expr, bindings)
    return bindings


def _bind_arrays(
    world: StackRun,
    tags: dict[Any, Any],
    bindings: Bindings,
    found: dict[str, nn.Module],
    outputs: dict[str, Tensor],
    x: Tensor,
) -> None:
    """The learned arrays, and what comes out of layers."""
    for tag, symbol in tags.items():
        if tag[0] == "weight":
            leaf, view = _parameter(found, tag[1], tag[2])
            bindings.values[symbol] = view(leaf)
            bindings.leaves[symbol] = (leaf, view)
        elif tag[0] == "whole":
            bindings.values[symbol] = dict(found[tag[1]].named_parameters())[tag[2].torch]
        elif tag[0] == "page":
            bindings.values[symbol] = on_page(outputs[tag[1]])
            bindings.leaves[symbol] = (outputs[tag[1]], on_page)
        elif tag[0] == "output":
            bindings.values[symbol] = shown(outputs[tag[1]], world)
            bindings.leaves[symbol] = (outputs[tag[1]], lambda g: shown(g, world))
        elif tag[0] == "channel":
            bindings.values[symbol] = outputs[tag[1]][0, tag[2]]
            bindings.leaves[symbol] = (outputs[tag[1]], lambda g, c=tag[2]: g[0, c])  # type: ignore[misc]
        elif tag[0] == "kernel":
            leaf = dict(found[tag[1]].named_parameters())["weight"]
            bindings.values[symbol] = leaf[0, 0]
            bindings.leaves[symbol] = (leaf, lambda g: g[0, 0])
        elif tag[0] == "channel_in":
            bindings.values[symbol] = x[0, tag[1]]
            bindings.leaves[symbol] = (x, lambda g, c=tag[1]: g[0, c])  # type: ignore[misc]
        elif tag[0] == "inside":
            module, before = found[tag[1]], outputs[f"{BEFORE}{tag[1]}"]
            page = on_page(before) if before.ndim == 4 else shown(before, world)
            states = _started(module, before) if isinstance(module, nn.RNNBase) else ()
            bindings.values[symbol] = quantity(module, before, page, tag[2], world.convention == "row", states)
        elif tag[0] == "mask":
            kept = (outputs[tag[1]] != 0).to(torch.float64)
            bindings.values[symbol] = on_page(kept) if kept.ndim == 4 else shown(kept, world)


def _sized(world: StackRun, tags: dict[Any, Any], batch: int) -> Bindings:
    """The sizes of everything, on the device 'meta', where layers work as in evaluation."""
    nodes, _ = build(world.layers, world.input)
    found = modules(nodes)
    for module in found.values():
        module.to(torch.float64).eval()
    bindings = Bindings({}, "the network built in torch.nn and its sizes followed")
    batch = world.batch or batch
    count = batch if len(world.input) == 1 and world.convention == "row" else 1
    words = getattr(world.layers[0], "words", None)
    x = torch.zeros(1 if words else count, *world.input, dtype=torch.int64 if words else torch.float64)
    outputs: dict[str, Tensor] = {}
    run(nodes, x, outputs)
    with torch.device("cpu"):
        _bind_input(world, tags, bindings, x, batch)
    _bind_arrays(world, tags, bindings, found, outputs, x)
    return bindings


def shown(tensor: Tensor, world: StackRun) -> Tensor:
    """A torch tensor as the page has it: examples in rows, or one in a column; images without the batch of one."""
    if tensor.ndim >= 3:
        return tensor[0]
    return tensor if world.convention == "row" else tensor.T


def on_page(images: Tensor) -> Tensor:
    """The first image as the page has it: a row for each place, a column for each channel."""
    return images[0].flatten(1).T


def in_columns(filters: Tensor) -> Tensor:
    """Each filter as a column, its entries channel after channel."""
    return filters.flatten(1).T


def _as_rows(array: Tensor, world: StackRun) -> Tensor:
    return array if world.convention == "row" else array.T


def _from_page(array: Tensor, like: Tensor, world: StackRun) -> Tensor:
    """An array of the page in torch's shape of `like`: an image from its rows of places, a vector from its row or column."""
    return (array.T if like.ndim == 4 else _as_rows(array, world)).reshape(like.shape)


def _input(world: StackRun, given: dict[Any, Tensor], batch: int, generator: torch.Generator) -> Tensor:
    first = world.layers[0]
    if getattr(first, "words", None):
        if ("input",) in given:
            return given["input",].argmax(1, keepdim=True).T
        return torch.randint(0, first.words, (1, *world.input), generator=generator)
    if ("input",) in given:
        rows = _as_rows(given["input",], world)
        return rows if len(world.input) == 1 else rows.reshape(1, *world.input)
    if ("input page",) in given:
        return given["input page",].T.reshape(1, *world.input).requires_grad_()
    if ("channel_in", 0) in given:
        return given["channel_in", 0].reshape(1, *world.input).requires_grad_()
    steps = [value for tag, value in sorted((t, v) for t, v in given.items() if t[0] == "step")]
    if steps:
        return torch.stack([step[:, 0] for step in steps]).unsqueeze(0)
    count = batch if len(world.input) == 1 and world.convention == "row" else 1
    return torch.randn(count, *world.input, generator=generator, dtype=torch.float64).requires_grad_()


def _bind_input(world: StackRun, tags: dict[Any, Any], bindings: Bindings, x: Tensor, batch: int) -> None:
    if ("batch",) in tags:
        bindings.values[tags["batch",]] = torch.tensor(float(batch), dtype=torch.float64)
    if ("input",) in tags:
        if getattr(world.layers[0], "words", None):
            known = (
                torch.zeros_like(x[0], device="cpu") if x.is_meta else x[0]
            )  # of words of which sizes alone are known
            bindings.values[tags["input",]] = nn.functional.one_hot(known, world.layers[0].words).to(torch.float64)
            return
        bindings.values[tags["input",]] = shown(x, world)
        bindings.leaves[tags["input",]] = (x, lambda g: shown(g, world))
    if ("input page",) in tags:
        bindings.values[tags["input page",]] = on_page(x)
        bindings.leaves[tags["input page",]] = (x, on_page)
    for tag, symbol in tags.items():
        if tag[0] == "step":
            bindings.values[symbol] = x[0, tag[1] : tag[1] + 1].T


def _parameter(found: dict[str, nn.Module], path: str, weight: Any) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The leaf in torch, and the part of it (or of its gradient) that the page calls this weight."""
    leaf = dict(found[path].named_parameters())[weight.torch]

    def view(tensor: Tensor) -> Tensor:
        part = tensor.chunk(weight.parts, weight.axis)[weight.part]
        if part.ndim == 1:
            return part.unsqueeze(1)
        if part.ndim > 2:
            return in_columns(part)
        return part.T if weight.transposed else part

    return leaf, view


def _fill(found: dict[str, nn.Module], given: dict[Any, Tensor]) -> None:
    for tag, value in given.items():
        if tag[0] == "kernel":
            with torch.no_grad():
                dict(found[tag[1]].named_parameters())["weight"].copy_(value)
        if tag[0] != "weight":
            continue
        leaf, _ = _parameter(found, tag[1], tag[2])
        with torch.no_grad():
            part = leaf.chunk(tag[2].parts, tag[2].axis)[tag[2].part]
            if part.ndim > 2:
                part.copy_(value.T.reshape(part.shape))
            else:
                part.copy_(value[:, 0] if part.ndim == 1 else value.T if tag[2].transposed else value)


def _logits(nodes: list[Node], x: Tensor, outputs: dict[str, Tensor]) -> Tensor:
    """What goes into the last layer: where numbers are given they may saturate, and torch's losses of logits lose no digits."""
    return outputs[nodes[-2].path] if len(nodes) > 1 else x


def _loss(
    world: StackRun, out: Tensor, target: Tensor, found: dict[str, nn.Module], logits: Tensor | None = None
) -> Tensor:
    if out.ndim == 3:  # the positions of one example are rows
        out, target = out[0], target.reshape(out.shape)[0]
        logits = None if logits is None else logits[0]
    kind_of = "logits" if logits is not None else "probabilities" if world.loss.after else "outputs"
    loss = loss_by_torch(world.loss, out if logits is None else logits, target, world.loss.reduction, kind_of)
    for other, factor in world.plus:
        loss = loss + float(factor) * loss_by_torch(other, out, target, other.reduction, "outputs")
    for kind, rate in world.penalty:
        for module in found.values():
            for name, parameter in module.named_parameters():
                if not name.rpartition(".")[2].startswith("bias"):
                    size = parameter.abs() if kind == "l1" else parameter**2
                    loss = loss + float(rate) * size.sum()
    return loss


def _updates(
    world: StackRun, tags: dict[Any, Any], nodes: list[Node], found: dict[str, nn.Module], x: Tensor, bindings: Bindings
) -> None:
    """Steps of torch.optim on copies of the modules."""
    copies = [_on(node, "cpu") for node in nodes]
    there = modules(copies)
    optimiser = torch_optimiser(world.optimiser, [p for module in there.values() for p in module.parameters()])
    target = bindings.values[tags["target",]].detach()
    for k in range(1, world.steps + 1):
        optimiser.zero_grad()
        out = run(copies, x.detach(), {})
        _loss(world, out, _from_page(target, out, world), there).backward()
        optimiser.step()
        for tag, symbol in tags.items():
            if tag[0] == "after" and tag[1] == k:
                leaf, view = _parameter(there, tag[2], tag[3])
                bindings.values[symbol] = view(leaf.detach().clone())


# sizes and counts


def _counted(world: StackRun, tags: dict[Any, Any], nodes: list[Node], bindings: Bindings) -> Bindings:
    operations = _operations(world) if any(tag[0] == "operations" for tag in tags) else {}
    for tag, symbol in tags.items():
        if tag[0] == "count":
            bindings.values[symbol] = torch.tensor(_count(nodes, tag[1], tag[2]))
        elif tag[0] == "operations":
            below = [
                n for path, n in operations.items() if not tag[1] or path == tag[1] or path.startswith(f"{tag[1]}.")
            ]
            bindings.values[symbol] = torch.tensor(sum(below))
        elif tag[0] == "receptive":
            rows = rows_seen(world.layers[: int(tag[1].split(".")[0]) + 1], world.input)
            bindings.values[symbol] = torch.tensor(rows)
    return bindings


def _count(nodes: list[Node], path: str, kind: str) -> int:
    """The numbers in the parameters at and below a path: 'weights' are arrays of two axes and more, and gains."""
    if kind == "hidden layers":
        return sum(isinstance(module, nn.Linear) for module in modules(nodes).values()) - 1
    total = 0
    for place, module in modules(nodes).items():
        if path and place != path and not place.startswith(f"{path}."):
            continue
        for name, parameter in module.named_parameters():
            is_bias = name.rpartition(".")[2].startswith("bias")
            if kind == "parameters" or (kind == "biases") == is_bias:
                total += parameter.numel()
    return total


def _operations(world: StackRun) -> dict[str, int]:
    """Multiplications of one example by the path of each layer, counted by torch as it follows the sizes: half the
    operations of its products, and one for each entry of an output that a gain has multiplied."""
    with torch.device("meta"):
        nodes, _ = build(world.layers, world.input)
        words = getattr(world.layers[0], "words", None)
        x = torch.zeros(1, *world.input, dtype=torch.int64 if words else torch.float32)
        for module in modules(nodes).values():
            module.eval()
        counted: dict[str, int] = {}
        _count_run(nodes, x, counted, {})
    return counted


def _count_run(nodes: list[Node], x: Tensor, counted: dict[str, int], known: dict[Any, tuple[int, Tensor]]) -> Tensor:
    """What torch counts at each path; equal layers on equal sizes are one module, which is counted once (`known`)."""
    for node in nodes:
        if node.layer.torch == "residual":
            x = x + _count_run(node.inner, x, counted, known)
        elif node.layer.torch == "concatenate":
            x = torch.cat([_count_run([b], x, counted, known) for b in node.inner], dim=1 if x.ndim == 4 else -1)
        elif (id(node.module), x.shape) in known:
            counted[node.path], x = known[id(node.module), x.shape]
        else:
            before = x.shape
            with FlopCounterMode(display=False) as counter:
                x = _plainly(node, x)
            counted[node.path] = counter.get_total_flops() // 2 + _gained(node.module, x)
            known[id(node.module), before] = counted[node.path], x
    return x


def _gained(module: Any, output: Tensor) -> int:
    """Entries that a gain multiplies: torch keeps a gain as a weight of the shape of what it scales (features, or channels)."""
    weight = getattr(module, "weight", None)
    return output.numel() if isinstance(weight, nn.Parameter) and isinstance(module, GAINED) else 0


def _plainly(node: Node, x: Tensor) -> Tensor:
    """A recurrent layer step by step by its cell, which torch's counter sees into; other layers as they are."""
    if node.layer.call != "recurrent":
        return called(node, x)
    module: Any = node.module
    cell: Any = {nn.RNN: nn.RNNCell, nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell}[type(module)](
        module.input_size, module.hidden_size, device=x.device, dtype=x.dtype
    )
    state: Any = None
    for t in range(x.shape[1]):
        state = cell(x[:, t], state)
    return state[0] if isinstance(state, tuple) else state
