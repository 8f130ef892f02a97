"""What torch says the symbols of a world are worth; `observe` builds a world, one function a kind of world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import torch
from sympy import Basic

from derive.derivation import World
from derive.errors import Bug

Tensor = torch.Tensor


@dataclass(frozen=True)
class Bindings:
    """Values in float64 by symbol at one point: scalars 0-d, arrays 2-d (columns n x 1); symbolic sizes are 0-d too.

    The tensors hang together in one autograd graph, so that any of them can be differentiated in any other.
    `leaves` gives, for a symbol whose tensor is only a view of what torch used (a transposed row, say), the tensor to
    differentiate in and the view to take of the gradient. `samples` are the equally likely values of random symbols.
    `method` says in words what torch did. `known`, where it is no None, remembers what expressions are worth: it is there once
    the values are complete.
    """

    values: dict[Basic, Tensor]
    method: str
    leaves: dict[Basic, tuple[Tensor, Callable[[Tensor], Tensor]]] = field(default_factory=dict)
    samples: dict[Basic, Tensor] = field(default_factory=dict)
    standard_errors: dict[Basic, float] = field(default_factory=dict)
    known: dict[Basic, Tensor] | None = None

    count = 1  # points

    def has(self, symbol: Basic) -> bool:
        return symbol in self.values

    def value(self, symbol: Basic) -> Tensor:
        if symbol not in self.values:
            raise Bug(f"the world does not know {symbol}")
        return self.values[symbol]

    def gradient(self, of: Tensor, wrt: Basic) -> Tensor:
        """The derivative of a 0-d (or one-element) tensor of this graph in a symbol, by torch.autograd."""
        leaf, view = self.leaf(wrt)
        (found,) = torch.autograd.grad(of.sum(), leaf, retain_graph=True, create_graph=True, allow_unused=True)
        return view(torch.zeros_like(leaf) if found is None else found)

    def leaf(self, symbol: Basic) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """The tensor to differentiate in, and the view to take of the gradient."""
        leaf, view = self.leaves.get(symbol, (self.values.get(symbol), lambda g: g))
        if leaf is None or not leaf.requires_grad:
            raise Bug(f"the world cannot differentiate in {symbol}")
        return leaf, view

    # at all points at once, with the axes (point, row, column)

    def at_points(self, symbol: Basic) -> Tensor:
        return lifted(self.value(symbol))

    def gradient_at_points(self, of: Tensor, wrt: Basic) -> Tensor:
        """The derivative of one number a point in a symbol: since points do not depend on one another, that of their sum."""
        return lifted(self.gradient(of, wrt)) if of.requires_grad else torch.zeros_like(self.at_points(wrt))


class Drawn(Bindings):
    """Values at many points at once, with the axes (point, row, column); symbolic sizes are the same at all of them."""

    @property
    def count(self) -> int:  # type: ignore[override]
        return max((len(value) for value in self.values.values()), default=1)

    def at_points(self, symbol: Basic) -> Tensor:
        return self.value(symbol)

    def gradient_at_points(self, of: Tensor, wrt: Basic) -> Tensor:
        return self.gradient(of, wrt) if of.requires_grad else torch.zeros_like(self.value(wrt))


@dataclass(frozen=True)
class Joined(Bindings):
    """Several runs of one world whose values have the same sizes, taken as so many points. `values` are those of the first."""

    members: tuple[Bindings, ...] = ()

    @property
    def count(self) -> int:  # type: ignore[override]
        return len(self.members)

    def at_points(self, symbol: Basic) -> Tensor:
        return torch.cat([lifted(member.value(symbol)) for member in self.members])

    def gradient_at_points(self, of: Tensor, wrt: Basic) -> Tensor:
        if not of.requires_grad:
            return torch.zeros_like(self.at_points(wrt))
        leaves, views = zip(*[member.leaf(wrt) for member in self.members], strict=True)
        found = torch.autograd.grad(of.sum(), leaves, retain_graph=True, create_graph=True, allow_unused=True)
        slopes = [torch.zeros_like(leaf) if g is None else g for leaf, g in zip(leaves, found, strict=True)]
        return torch.cat([lifted(view(g)) for view, g in zip(views, slopes, strict=True)])


def lifted(value: Tensor) -> Tensor:
    """One value (a number, a sequence, an array, a stack of images) as one point's, with the axes (point, row, column)."""
    return value.reshape(1, -1, 1) if value.ndim < 2 else value.unsqueeze(0)


def together(*values: Tensor) -> list[Tensor]:
    """The same values, each at as many points as the one with the most."""
    most = max(len(value) for value in values)
    return [value if len(value) == most else value.expand(most, *value.shape[1:]) for value in values]


@singledispatch
def observe(world: World, generator: torch.Generator) -> Bindings:
    """Builds the world in torch, with whatever is free drawn from the generator."""
    raise Bug(f"no observer for worlds of kind {type(world).__name__}")


def exact_tensor(value: Any) -> Tensor:
    """Nested tuples of exact numbers (or a SymPy matrix) as a float64 tensor of the same shape."""

    def as_float(entry: Any) -> Any:
        return [as_float(e) for e in entry] if isinstance(entry, tuple | list) else float(entry)

    if hasattr(value, "tolist"):
        value = value.tolist()
    return torch.tensor(as_float(value), dtype=torch.float64)
