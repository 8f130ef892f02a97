"""The observer of free formulas: random points, then the definitions in order."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from sympy import Basic

from derive.checks.bindings import Bindings, Drawn, observe
from derive.checks.evaluate import evaluate, values_at
from derive.checks.points import draw, free_symbols
from derive.worlds import Formulas

METHOD = "evaluated in torch at random points"


@observe.register
def observe_formulas(world: Formulas, generator: torch.Generator) -> Bindings:
    """One moderate point: free symbols (those with a domain, and those in definitions) at random; each defined one as its
    formula says."""
    values = draw(free(world), dict(world.domains), generator, world.small)
    bindings = Bindings(values, METHOD)
    for symbol, expr in world.definitions:
        value = evaluate(
            expr, bindings
        ).clone()  # each name is a tensor of its own in the graph, a second name for one too
        # a quantity that is given as a number can be differentiated in as well
        bindings.values[symbol] = value if value.requires_grad else value.detach().requires_grad_()
    return bindings


def free(world: Formulas) -> list[Basic]:
    """The symbols that are drawn."""
    defined = {symbol for symbol, _ in world.definitions}
    symbols = free_symbols([symbol for symbol, _ in world.domains] + [expr for _, expr in world.definitions])
    return [symbol for symbol in symbols if symbol not in defined]


def completed(
    world: Formulas, values: Mapping[Basic, torch.Tensor], moved: Mapping[Basic, torch.Tensor] | None = None
) -> Drawn:
    """Many points at once: the definitions evaluated in order on top of what was drawn. What is `moved` keeps its value, and
    what is defined by it follows."""
    moved = moved or {}
    bindings = Drawn({**values, **moved}, METHOD)
    count = bindings.count
    for symbol, expr in world.definitions:
        if symbol in moved:
            continue
        value = values_at(expr, bindings)
        value = value.expand(count, *value.shape[1:]).clone()  # a tensor of its own, for a second name too
        bindings.values[symbol] = value if value.requires_grad else value.detach().requires_grad_()
    return Drawn(bindings.values, METHOD, known={})
