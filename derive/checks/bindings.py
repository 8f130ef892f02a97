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


@dataclass(frozen=True)
class Bindings:
    """Values in float64 by symbol: scalars 0-d, arrays 2-d (columns n x 1); symbolic sizes are 0-d too.

    The tensors hang together in one autograd graph, so that any of them can be differentiated in any other.
    `leaves` gives, for a symbol whose tensor is only a view of what torch used (a transposed row, say), the tensor to
    differentiate in and the view to take of the gradient. `samples` are the equally likely values of random symbols.
    `method` says in words what torch did.
    """

    values: dict[Basic, torch.Tensor]
    method: str
    leaves: dict[Basic, tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]] = field(default_factory=dict)
    samples: dict[Basic, torch.Tensor] = field(default_factory=dict)
    standard_errors: dict[Basic, float] = field(default_factory=dict)

    def value(self, symbol: Basic) -> torch.Tensor:
        if symbol not in self.values:
            raise Bug(f"the world does not know {symbol}")
        return self.values[symbol]

    def gradient(self, of: torch.Tensor, wrt: Basic) -> torch.Tensor:
        """The derivative of a 0-d (or one-element) tensor of this graph in a symbol, by torch.autograd."""
        leaf, view = self.leaves.get(wrt, (self.values.get(wrt), lambda g: g))
        if leaf is None or not leaf.requires_grad:
            raise Bug(f"the world cannot differentiate in {wrt}")
        (found,) = torch.autograd.grad(of.sum(), leaf, retain_graph=True, create_graph=True, allow_unused=True)
        return view(torch.zeros_like(leaf) if found is None else found)


@singledispatch
def observe(world: World, generator: torch.Generator) -> Bindings:
    """Builds the world in torch, with whatever is free drawn from the generator."""
    raise Bug(f"no observer for worlds of kind {type(world).__name__}")


def exact_tensor(value: Any) -> torch.Tensor:
    """Nested tuples of exact numbers (or a SymPy matrix) as a float64 tensor of the same shape."""

    def as_float(entry: Any) -> Any:
        return [as_float(e) for e in entry] if isinstance(entry, tuple | list) else float(entry)

    if hasattr(value, "tolist"):
        value = value.tolist()
    return torch.tensor(as_float(value), dtype=torch.float64)
