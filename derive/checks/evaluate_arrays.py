"""The values of the nodes of matrix calculus, in torch; derivatives of any order by torch.autograd."""

from __future__ import annotations

from typing import Any

import torch
from sympy.matrices.expressions import Determinant
from torch import nn

from derive.algebra import arrays
from derive.checks.bindings import Bindings
from derive.checks.evaluate import Scope, integer, value_in
from derive.errors import Bug

Tensor = torch.Tensor


@value_in.register(arrays.Scalar)
def _scalar(expr: arrays.Scalar, scope: Scope) -> Tensor:
    value = value_in(expr.array, scope)
    if value.numel() != 1:
        raise Bug(f"an array of size {tuple(value.shape)} is no scalar")
    return value.reshape(())


@value_in.register(arrays.Norm)
def _norm(expr: arrays.Norm, scope: Scope) -> Tensor:
    return torch.linalg.norm(value_in(expr.array, scope))


@value_in.register(arrays.TraceOf)
def _trace(expr: arrays.TraceOf, scope: Scope) -> Tensor:
    return torch.trace(value_in(expr.array, scope))


@value_in.register(arrays.Det)
@value_in.register(Determinant)
def _det(expr: Any, scope: Scope) -> Tensor:
    return torch.linalg.det(value_in(expr.args[0], scope))


@value_in.register(arrays.LogDet)
def _logdet(expr: arrays.LogDet, scope: Scope) -> Tensor:
    return torch.linalg.slogdet(value_in(expr.array, scope)).logabsdet


@value_in.register(arrays.Rank)
def _rank(expr: arrays.Rank, scope: Scope) -> Tensor:
    return torch.linalg.matrix_rank(value_in(expr.array, scope)).to(torch.float64)


@value_in.register(arrays.LargestEntry)
def _largest(expr: arrays.LargestEntry, scope: Scope) -> Tensor:
    return value_in(expr.array, scope).max()


@value_in.register(arrays.LogSumExp)
def _logsumexp(expr: arrays.LogSumExp, scope: Scope) -> Tensor:
    return torch.logsumexp(value_in(expr.array, scope).reshape(-1), 0)


@value_in.register(arrays.RowLogSumExp)
def _row_logsumexp(expr: arrays.RowLogSumExp, scope: Scope) -> Tensor:
    return torch.logsumexp(value_in(expr.array, scope), 1, keepdim=True)


@value_in.register(arrays.RowLargest)
def _row_largest(expr: arrays.RowLargest, scope: Scope) -> Tensor:
    return value_in(expr.array, scope).amax(1, keepdim=True)


@value_in.register(arrays.RowSoftmax)
def _row_softmax(expr: arrays.RowSoftmax, scope: Scope) -> Tensor:
    return torch.softmax(value_in(expr.args[0], scope), 1)


@value_in.register(arrays.RowLogSoftmax)
def _row_log_softmax(expr: arrays.RowLogSoftmax, scope: Scope) -> Tensor:
    return torch.log_softmax(value_in(expr.args[0], scope), 1)


@value_in.register(arrays.Inv)
def _inverse(expr: arrays.Inv, scope: Scope) -> Tensor:
    return torch.linalg.inv(value_in(expr.array, scope))


@value_in.register(arrays.Diag)
def _diag(expr: arrays.Diag, scope: Scope) -> Tensor:
    return torch.diag(value_in(expr.array, scope)[:, 0])


@value_in.register(arrays.Diagonal)
def _diagonal(expr: arrays.Diagonal, scope: Scope) -> Tensor:
    return torch.diagonal(value_in(expr.array, scope)).unsqueeze(1)


@value_in.register(arrays.Grouped)
def _grouped(expr: arrays.Grouped, scope: Scope) -> Tensor:
    return value_in(expr.array, scope)


@value_in.register(arrays.Kron)
def _kron(expr: arrays.Kron, scope: Scope) -> Tensor:
    return torch.kron(value_in(expr.args[0], scope).contiguous(), value_in(expr.args[1], scope).contiguous())


@value_in.register(arrays.Reshaped)
def _reshaped(expr: arrays.Reshaped, scope: Scope) -> Tensor:
    return value_in(expr.array, scope).reshape(*(integer(size, scope) for size in expr.shape))


def _as_image(page: Tensor, plan: tuple[int, ...]) -> Tensor:
    """Places x channels as one image of channels x height x width."""
    return page.T.reshape(1, -1, *plan[:2])


def _as_page(image: Tensor) -> Tensor:
    return image[0].flatten(1).T


@value_in.register(arrays.Patches)
def _patches(expr: arrays.Patches, scope: Scope) -> Tensor:
    _, _, kh, kw, sh, sw, ph, pw = expr.plan
    image = _as_image(value_in(expr.array, scope), expr.plan)
    return nn.functional.unfold(image, (kh, kw), padding=(ph, pw), stride=(sh, sw))[0].T


@value_in.register(arrays.Folded)
def _folded(expr: arrays.Folded, scope: Scope) -> Tensor:
    height, width, kh, kw, sh, sw, ph, pw = expr.plan
    columns = value_in(expr.array, scope).T.unsqueeze(0)
    return _as_page(nn.functional.fold(columns, (height, width), (kh, kw), padding=(ph, pw), stride=(sh, sw)))


@value_in.register(arrays.WindowLargest)
def _window_largest(expr: arrays.WindowLargest, scope: Scope) -> Tensor:
    _, _, kh, kw, sh, sw, ph, pw = expr.plan
    return _as_page(
        nn.functional.max_pool2d(_as_image(value_in(expr.array, scope), expr.plan), (kh, kw), (sh, sw), (ph, pw))
    )


@value_in.register(arrays.Unpooled)
def _unpooled(expr: arrays.Unpooled, scope: Scope) -> Tensor:
    """Window by window, without torch's own way back."""
    height, width, kh, kw, sh, sw, ph, pw = expr.plan
    given, page = value_in(expr.array, scope), value_in(expr.image, scope)
    out, window = torch.zeros_like(page), 0
    for top in range(-ph, height + ph - kh + 1, sh):
        for left in range(-pw, width + pw - kw + 1, sw):
            inside = [
                y * width + x
                for y in range(top, top + kh)
                for x in range(left, left + kw)
                if 0 <= y < height and 0 <= x < width
            ]
            leads = torch.tensor(inside)[page[inside].argmax(0)]
            out = out.index_put((leads, torch.arange(page.shape[1])), given[window], accumulate=True)
            window += 1
    return out


@value_in.register(arrays.Unit)
def _unit(expr: arrays.Unit, scope: Scope) -> Tensor:
    size, place = (integer(arg, scope) for arg in expr.args)
    return torch.eye(size, dtype=torch.float64)[:, place : place + 1]


@value_in.register(arrays.Commutation)
def _commutation(expr: arrays.Commutation, scope: Scope) -> Tensor:
    m, n = (integer(size, scope) for size in expr.args)
    k = torch.zeros(m * n, m * n, dtype=torch.float64)
    for i in range(m):
        for j in range(n):
            k[j + i * n, i + j * m] = 1.0
    return k


def stacked(value: Tensor) -> Tensor:
    """vec: the columns below one another."""
    return value.T.reshape(-1)


@value_in.register(arrays.Jacobian)
def _jacobian(expr: arrays.Jacobian, scope: Scope) -> Tensor:
    """Row after row by torch.autograd."""
    of, wrt = expr.args
    return _rows(stacked(value_in(of, scope)), wrt, scope.bindings)


@value_in.register(arrays.Hessian)
def _hessian(expr: arrays.Hessian, scope: Scope) -> Tensor:
    """The gradient by torch.autograd, and each of its entries differentiated once more."""
    of, wrt = expr.args
    first = scope.bindings.gradient(value_in(of, scope), wrt)
    return _rows(stacked(first), wrt, scope.bindings)


def _rows(entries: Tensor, wrt: Any, bindings: Bindings) -> Tensor:
    if not entries.requires_grad:
        return torch.zeros(entries.numel(), bindings.value(wrt).numel(), dtype=torch.float64)
    return torch.stack([stacked(bindings.gradient(entry, wrt)) for entry in entries])


@value_in.register(arrays.Change)
@value_in.register(arrays.ScalarChange)
def _change(expr: Any, scope: Scope) -> Tensor:
    """The derivative in a direction, by differentiating the pull-back of an arbitrary weight in that weight."""
    of, *directions = expr.args
    value = value_in(of, scope)
    weight = torch.zeros_like(value).requires_grad_()
    total = torch.zeros_like(value)
    if not value.requires_grad:
        return total
    weighted = (weight * value).sum()
    for symbol, direction in zip(directions[::2], directions[1::2], strict=True):
        pulled = scope.bindings.gradient(weighted, symbol)
        if pulled.requires_grad:
            paired = (pulled * value_in(direction, scope)).sum()
            (along,) = torch.autograd.grad(paired, weight, retain_graph=True, create_graph=True, allow_unused=True)
            total = total if along is None else total + along
    return total
