"""The observer of free formulas: random points, then the definitions in order."""

from __future__ import annotations

import torch

from derive.checks.bindings import Bindings, observe
from derive.checks.evaluate import evaluate
from derive.checks.points import draw, free_symbols
from derive.worlds import Formulas


@observe.register
def observe_formulas(world: Formulas, generator: torch.Generator) -> Bindings:
    """Free symbols (those with a domain, and those in definitions) at random; each defined one as its formula says."""
    defined = {symbol for symbol, _ in world.definitions}
    symbols = free_symbols([symbol for symbol, _ in world.domains] + [expr for _, expr in world.definitions])
    values = draw([s for s in symbols if s not in defined], dict(world.domains), generator, world.small)
    bindings = Bindings(values, "evaluated in torch at random points")
    for symbol, expr in world.definitions:
        value = evaluate(
            expr, bindings
        ).clone()  # each name is a tensor of its own in the graph, a second name for one too
        # a quantity that is given as a number can be differentiated in as well
        bindings.values[symbol] = value if value.requires_grad else value.detach().requires_grad_()
    return bindings
