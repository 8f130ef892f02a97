"""Quantities inside of a layer, by torch's own functions on what went into the layer: means, variances, windows, heads, states.

What torch has no function for (a gate, a score before softmax) is not observed: the page gives it a name by a definition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

Tensor = torch.Tensor


def quantity(
    module: nn.Module, x: Tensor, page: Tensor, letter: str, row: bool, states: tuple[Any, ...] = ()
) -> Tensor:
    """A quantity by its letter in the layer's equations, as the page has it: `x` is what went in, `page` the same on the page,
    with examples (or places) in rows or one example in a column."""
    rule = next(rule for kinds, rule in RULES.items() if isinstance(module, kinds))
    return rule(module, x, page if row else page.T, letter, row, states)


def _batch_norm(module: Any, x: Tensor, page: Tensor, letter: str, row: bool, states: Any) -> Tensor:
    variance = torch.var(page, 0, unbiased=False).unsqueeze(1)
    found: dict[str, Callable[[], Tensor]] = {
        "m": lambda: page.mean(0).unsqueeze(1),
        "C": lambda: page - page.mean(0),
        "v": lambda: variance,
        "s": lambda: torch.sqrt(variance + module.eps),
        "U": lambda: F.batch_norm(page, None, None, training=True, eps=module.eps),
    }
    return found[letter]()


def _layer_norm(module: Any, x: Tensor, page: Tensor, letter: str, row: bool, states: Any) -> Tensor:
    variance = torch.var(page, 1, unbiased=False, keepdim=True)
    found: dict[str, Callable[[], Tensor]] = {
        "m": lambda: page.mean(1, keepdim=True),
        "C": lambda: page - page.mean(1, keepdim=True),
        "v": lambda: variance,
        "s": lambda: torch.sqrt(variance + module.eps),
        "U": lambda: F.layer_norm(page, module.normalized_shape, eps=module.eps),
    }
    value = found[letter if letter in found else letter.upper()]()
    return value if row else value.reshape(()) if value.numel() == 1 and letter in "ms" else value.T


def _windows(module: Any, x: Tensor, page: Tensor, letter: str, row: bool, states: Any) -> Tensor:
    """Every window with its entries channel after channel."""
    kernel = module.kernel_size
    padding = tuple((k - 1) // 2 for k in kernel) if module.padding == "same" else module.padding
    return F.unfold(x, kernel, padding=padding, stride=module.stride)[0].T


def _attention(module: Any, x: Tensor, page: Tensor, letter: str, row: bool, states: Any) -> Tensor:
    base, _, head = letter.partition("_")
    place = int(head or 1) - 1
    if base == "P":
        return module(x, x, x, average_attn_weights=False)[1][0, place]
    projected = F.linear(x[0], module.in_proj_weight).chunk(3, -1)
    q, k, v = (part.chunk(module.num_heads, -1)[place] for part in projected)
    return {"Q": q, "K": k, "V": v}[base] if base in "QKV" else F.scaled_dot_product_attention(q, k, v)


def _recurrent(module: Any, x: Tensor, page: Tensor, letter: str, row: bool, states: Any) -> Tensor:
    """The state after a step, and of an LSTM the cell: what torch gives for the sequence up to there."""
    base, _, step = letter.partition("_")
    last = module(x[:, : int(step)], *states)[1]
    if isinstance(last, tuple):
        last = last[0 if base == "h" else 1]
    return last[0].T


RULES: dict[Any, Callable[..., Tensor]] = {
    (nn.BatchNorm1d, nn.BatchNorm2d): _batch_norm,
    (nn.LayerNorm,): _layer_norm,
    (nn.Conv2d, nn.AvgPool2d): _windows,
    (nn.MultiheadAttention,): _attention,
    (nn.RNN, nn.LSTM, nn.GRU): _recurrent,
}
