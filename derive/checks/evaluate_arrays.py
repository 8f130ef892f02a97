"""The values of the nodes of matrix calculus, in torch; derivatives of any order by torch.autograd."""

from __future__ import annotations

from typing import Any

import torch
from sympy.matrices.expressions import Determinant
from torch import nn

from derive.algebra import arrays
from derive.checks.bindings import Bindings, together
from derive.checks.evaluate import (
    NO_NUMBER,
    Scope,
    integer,
    inverse,
    scalars,
    trace,
    value_in,
    value_of,
    where_invertible,
)
from derive.errors import Bug

Tensor = torch.Tensor


@value_in.register(arrays.Scalar)
def _scalar(expr: arrays.Scalar, scope: Scope) -> Tensor:
    value = value_of(expr.array, scope)
    if value[0].numel() != 1:
        raise Bug(f"an array of size {tuple(value.shape[1:])} is no scalar")
    return value


@value_in.register(arrays.Norm)
def _norm(expr: arrays.Norm, scope: Scope) -> Tensor:
    return scalars(torch.linalg.vector_norm(value_of(expr.array, scope), dim=(1, 2)))


@value_in.register(arrays.TraceOf)
def _trace(expr: arrays.TraceOf, scope: Scope) -> Tensor:
    return trace(value_of(expr.array, scope))


@value_in.register(arrays.Det)
@value_in.register(Determinant)
def _det(expr: Any, scope: Scope) -> Tensor:
    matrices = value_of(expr.args[0], scope)
    singular = scalars(torch.linalg.det(matrices.detach()))
    return where_invertible(lambda m: scalars(torch.linalg.det(m)), matrices, singular)


@value_in.register(arrays.LogDet)
def _logdet(expr: arrays.LogDet, scope: Scope) -> Tensor:
    """Defined where the determinant is positive."""
    matrices = value_of(expr.array, scope)
    return where_invertible(_log_determinants, matrices)


def _log_determinants(matrices: Tensor) -> Tensor:
    signs, logarithms = torch.linalg.slogdet(matrices)
    return torch.where(scalars(signs) > 0, scalars(logarithms), NO_NUMBER)


@value_in.register(arrays.Rank)
def _rank(expr: arrays.Rank, scope: Scope) -> Tensor:
    return torch.linalg.matrix_rank(value_in(expr.array, scope)).to(torch.float64)


@value_in.register(arrays.LargestEntry)
def _largest(expr: arrays.LargestEntry, scope: Scope) -> Tensor:
    return value_of(expr.array, scope).amax((1, 2), keepdim=True)


@value_in.register(arrays.LogSumExp)
def _logsumexp(expr: arrays.LogSumExp, scope: Scope) -> Tensor:
    return torch.logsumexp(value_of(expr.array, scope), (1, 2), keepdim=True)


@value_in.register(arrays.RowLogSumExp)
def _row_logsumexp(expr: arrays.RowLogSumExp, scope: Scope) -> Tensor:
    return torch.logsumexp(value_of(expr.array, scope), 2, keepdim=True)


@value_in.register(arrays.RowLargest)
def _row_largest(expr: arrays.RowLargest, scope: Scope) -> Tensor:
    return value_of(expr.array, scope).amax(2, keepdim=True)


@value_in.register(arrays.RowSoftmax)
def _row_softmax(expr: arrays.RowSoftmax, scope: Scope) -> Tensor:
    return torch.softmax(value_of(expr.args[0], scope), 2)


@value_in.register(arrays.RowLogSoftmax)
def _row_log_softmax(expr: arrays.RowLogSoftmax, scope: Scope) -> Tensor:
    return torch.log_softmax(value_of(expr.args[0], scope), 2)


@value_in.register(arrays.Inv)
def _inverse(expr: arrays.Inv, scope: Scope) -> Tensor:
    return inverse(value_of(expr.array, scope))


@value_in.register(arrays.Diag)
def _diag(expr: arrays.Diag, scope: Scope) -> Tensor:
    return torch.diag_embed(value_of(expr.array, scope)[:, :, 0])


@value_in.register(arrays.Diagonal)
def _diagonal(expr: arrays.Diagonal, scope: Scope) -> Tensor:
    return torch.diagonal(value_of(expr.array, scope), dim1=1, dim2=2).unsqueeze(2)


@value_in.register(arrays.Grouped)
def _grouped(expr: arrays.Grouped, scope: Scope) -> Tensor:
    return value_in(expr.array, scope)


@value_in.register(arrays.Kron)
def _kron(expr: arrays.Kron, scope: Scope) -> Tensor:
    left, right = (value_of(arg, scope) for arg in expr.args)
    (a, b), (c, d) = left.shape[1:], right.shape[1:]
    return (left[:, :, None, :, None] * right[:, None, :, None, :]).reshape(-1, a * c, b * d)


@value_in.register(arrays.Reshaped)
def _reshaped(expr: arrays.Reshaped, scope: Scope) -> Tensor:
    return value_of(expr.array, scope).reshape(-1, *(integer(size, scope) for size in expr.shape))


def _as_image(page: Tensor, plan: tuple[int, ...]) -> Tensor:
    """Places x channels as images of channels x height x width."""
    return page.mT.reshape(page.shape[0], -1, *plan[:2])


def _as_page(image: Tensor) -> Tensor:
    return image.flatten(2).mT


@value_in.register(arrays.Patches)
def _patches(expr: arrays.Patches, scope: Scope) -> Tensor:
    _, _, kh, kw, sh, sw, ph, pw = expr.plan
    image = _as_image(value_of(expr.array, scope), expr.plan)
    return nn.functional.unfold(image, (kh, kw), padding=(ph, pw), stride=(sh, sw)).mT


@value_in.register(arrays.Folded)
def _folded(expr: arrays.Folded, scope: Scope) -> Tensor:
    height, width, kh, kw, sh, sw, ph, pw = expr.plan
    columns = value_of(expr.array, scope).mT
    return _as_page(nn.functional.fold(columns, (height, width), (kh, kw), padding=(ph, pw), stride=(sh, sw)))


@value_in.register(arrays.WindowLargest)
def _window_largest(expr: arrays.WindowLargest, scope: Scope) -> Tensor:
    _, _, kh, kw, sh, sw, ph, pw = expr.plan
    return _as_page(
        nn.functional.max_pool2d(_as_image(value_of(expr.array, scope), expr.plan), (kh, kw), (sh, sw), (ph, pw))
    )


@value_in.register(arrays.Unpooled)
def _unpooled(expr: arrays.Unpooled, scope: Scope) -> Tensor:
    """Window by window, without torch's own way back."""
    height, width, kh, kw, sh, sw, ph, pw = expr.plan
    given, page = together(value_of(expr.array, scope), value_of(expr.image, scope))
    out, window = torch.zeros_like(page), 0
    for top in range(-ph, height + ph - kh + 1, sh):
        for left in range(-pw, width + pw - kw + 1, sw):
            inside = [
                y * width + x
                for y in range(top, top + kh)
                for x in range(left, left + kw)
                if 0 <= y < height and 0 <= x < width
            ]
            leads = torch.tensor(inside)[page[:, inside].argmax(1, keepdim=True)]
            out = out.scatter_add(1, leads, given[:, window : window + 1])
            window += 1
    return out


@value_in.register(arrays.Unit)
def _unit(expr: arrays.Unit, scope: Scope) -> Tensor:
    size, place = (integer(arg, scope) for arg in expr.args)
    return torch.eye(size, dtype=torch.float64)[None, :, place : place + 1]


@value_in.register(arrays.Commutation)
def _commutation(expr: arrays.Commutation, scope: Scope) -> Tensor:
    m, n = (integer(size, scope) for size in expr.args)
    k = torch.zeros(m * n, m * n, dtype=torch.float64)
    for i in range(m):
        for j in range(n):
            k[j + i * n, i + j * m] = 1.0
    return k.unsqueeze(0)


def stacked(value: Tensor) -> Tensor:
    """vec: the columns below one another, at each point."""
    return value.mT.flatten(1)


@value_in.register(arrays.Jacobian)
def _jacobian(expr: arrays.Jacobian, scope: Scope) -> Tensor:
    """Row after row by torch.autograd."""
    of, wrt = expr.args
    return _rows(stacked(value_of(of, scope)), wrt, scope.bindings)


@value_in.register(arrays.Hessian)
def _hessian(expr: arrays.Hessian, scope: Scope) -> Tensor:
    """The gradient by torch.autograd, and each of its entries differentiated once more."""
    of, wrt = expr.args
    first = scope.bindings.gradient_at_points(value_of(of, scope), wrt)
    return _rows(stacked(first), wrt, scope.bindings)


def _rows(entries: Tensor, wrt: Any, bindings: Bindings) -> Tensor:
    if not entries.requires_grad:
        return torch.zeros(1, entries.shape[1], bindings.at_points(wrt)[0].numel(), dtype=torch.float64)
    return torch.stack([stacked(bindings.gradient_at_points(entry, wrt)) for entry in entries.unbind(1)], 1)


@value_in.register(arrays.Change)
@value_in.register(arrays.ScalarChange)
def _change(expr: Any, scope: Scope) -> Tensor:
    """The derivative in a direction, by differentiating the pull-back of an arbitrary weight in that weight."""
    of, *directions = expr.args
    value = value_of(of, scope)
    weight = torch.zeros_like(value).requires_grad_()
    total = torch.zeros_like(value)
    if not value.requires_grad:
        return total
    weighted = (weight * value).sum()
    for symbol, direction in zip(directions[::2], directions[1::2], strict=True):
        pulled = scope.bindings.gradient_at_points(weighted, symbol)
        if pulled.requires_grad:
            paired = (pulled * value_of(direction, scope)).sum()
            (along,) = torch.autograd.grad(paired, weight, retain_graph=True, create_graph=True, allow_unused=True)
            total = total if along is None else total + along
    return total
