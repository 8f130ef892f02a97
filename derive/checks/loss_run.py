"""The observer of losses: torch.nn.functional's loss on the minibatch, reduced and element by element."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

from derive.checks.bindings import Bindings, exact_tensor, observe
from derive.checks.twins import named
from derive.worlds import LossRun


@observe.register
def observe_loss(world: LossRun, generator: torch.Generator) -> Bindings:
    """Each tag's value; the terms are torch's own, with reduction 'none'."""
    targets, outputs = _random(world, generator) if world.targets is None else _given(world)
    terms = loss_by_torch(world.loss, outputs, targets, "none", world.outputs_are)
    bindings = Bindings({}, twin_name(world.loss, world.outputs_are))
    for symbol, tag in world.observed:
        kind, *index = tag
        place = tuple(index[0]) if index and isinstance(index[0], tuple) else tuple(index)
        if targets.ndim == 2 and len(place) == 1 and terms.ndim == 2:
            place = (0, *place)
        if kind == "setting":
            value = torch.tensor(float(getattr(world.loss, index[0])))
        elif kind == "loss":
            value = loss_by_torch(world.loss, outputs, targets, world.loss.reduction, world.outputs_are)
        elif kind in ("targets", "outputs"):
            value = {"targets": targets, "outputs": outputs}[kind][0]
        else:
            value = {"element": terms, "target": targets, "output": outputs}[kind][place]
        bindings.values[symbol] = value.to(torch.float64)
    return bindings


WITH_LOGITS = {"binary_cross_entropy": "torch.nn.functional.binary_cross_entropy_with_logits"}


def twin_name(loss: Any, outputs_are: str) -> str:
    """The function of torch that computes the loss, by its whole name."""
    return WITH_LOGITS.get(loss.name, loss.twin) if outputs_are == "logits" else loss.twin


def _given(world: LossRun) -> tuple[torch.Tensor, torch.Tensor]:
    targets, outputs = exact_tensor(world.targets), exact_tensor(world.outputs)
    if world.loss.name == "kl_divergence" and outputs.ndim == 1:
        targets, outputs = targets.unsqueeze(0), outputs.unsqueeze(0)  # one row: torch divides by the number of rows
    return targets, outputs.requires_grad_()


def _random(world: LossRun, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """One element (or example, where the loss sums over classes): labels where the loss needs labels, probabilities
    where it needs probabilities."""

    def uniform(low: float, high: float, classes: Any = None) -> torch.Tensor:
        size = (1,) if classes is None else (1, int(classes))
        return low + (high - low) * torch.rand(size, generator=generator, dtype=torch.float64)

    name = world.loss.name
    if world.loss.on == "classes":
        scores, target = uniform(-1.5, 1.5, world.outputs), torch.softmax(uniform(-1.5, 1.5, world.outputs), 1)
        output = scores if world.outputs_are == "logits" else torch.softmax(scores, 1)
        return target, output.detach().requires_grad_()
    if name in ("binary_cross_entropy", "binary_cross_entropy_with_logits"):
        target = uniform(0, 1)
        output = uniform(-3, 3) if world.outputs_are == "logits" else uniform(0.05, 0.95)
    elif name == "hinge":
        target = 2 * torch.randint(0, 2, (1,), generator=generator).to(torch.float64) - 1
        output = uniform(-2, 2)
    elif name == "kl_divergence":
        target, output = uniform(0.05, 0.95), uniform(0.05, 0.95)
    else:
        target, output = uniform(-2, 2), uniform(-2, 2)
    return target, output.requires_grad_()


def loss_by_torch(
    loss: Any, output: torch.Tensor, target: torch.Tensor, reduction: str, outputs_are: str
) -> torch.Tensor:
    """The loss as torch.nn.functional computes it: its twin by name, or an adapter where torch's call differs."""
    adapter = ADAPTERS.get((loss.name, outputs_are)) or ADAPTERS.get((loss.name, ""))
    if adapter is not None:
        return adapter(output, target, reduction)
    settings = {key: float(value) for key, value in vars(loss).items() if key != "reduction"}
    return named(loss.twin)(output, target, reduction=reduction, **settings)


def _class_indices(scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return target.to(torch.int64) if target.ndim < scores.ndim else target


LEAST = -1000.0  # log 0: softmax makes exactly 0 of it, and, other than -inf, it may be multiplied by a target of 0


def _from_probabilities(p: torch.Tensor, target: torch.Tensor, reduction: str) -> torch.Tensor:
    """Cross-entropy from probabilities p is that of the scores log p, for softmax gives p back."""
    return F.cross_entropy(torch.log(p).clamp(min=LEAST), _class_indices(p, target), reduction=reduction)


def _divergence(p: torch.Tensor, target: torch.Tensor, reduction: str) -> torch.Tensor:
    """torch takes log p; it warns that its mean is over entries, which is what 'mean' is documented to be here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return F.kl_div(torch.log(p).clamp(min=LEAST), target, reduction=reduction)


ADAPTERS: dict[tuple[str, str], Callable[[torch.Tensor, torch.Tensor, str], torch.Tensor]] = {
    ("binary_cross_entropy", "logits"): lambda z, y, r: F.binary_cross_entropy_with_logits(z, y, reduction=r),
    ("cross_entropy", "logits"): lambda z, y, r: F.cross_entropy(z, _class_indices(z, y), reduction=r),
    ("cross_entropy", ""): _from_probabilities,
    ("kl_divergence", ""): _divergence,
    ("hinge", ""): lambda s, y, r: F.margin_ranking_loss(s, torch.zeros_like(s), y, margin=1.0, reduction=r),
}
