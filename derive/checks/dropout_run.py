"""The observer of dropout: torch.nn.Dropout on many copies of one number."""

from __future__ import annotations

import torch

from derive.algebra.nodes import Expectation
from derive.checks.bindings import Bindings, observe
from derive.worlds import DropoutRun

COPIES = 400_000


@observe.register
def observe_dropout(world: DropoutRun, generator: torch.Generator) -> Bindings:
    """The means of the output, of its square and of its squared distance from the input, with their standard errors."""
    x = 0.5 + 2 * torch.rand((), generator=generator, dtype=torch.float64)
    p = 0.05 + 0.85 * float(torch.rand((), generator=generator)) if world.p is None else float(world.p)
    with torch.random.fork_rng():
        torch.manual_seed(int(torch.randint(0, 2**31, (), generator=generator)))
        outputs = torch.nn.Dropout(p).train()(x.expand(COPIES).clone())
    tags = {kind: symbol for symbol, (kind, *_) in world.observed}
    bindings = Bindings({}, f"the mean of {COPIES:,} runs of torch.nn.Dropout, within five standard errors")
    for symbol, (kind, *_) in world.observed:
        if kind != "output":
            bindings.values[symbol] = x if kind == "input" else torch.tensor(p, dtype=torch.float64)
            continue
        for quantity, samples in (
            (symbol, outputs), (symbol**2, outputs**2), ((symbol - tags["input"]) ** 2, (outputs - x) ** 2),
        ):  # fmt: skip
            bindings.values[Expectation(quantity)] = samples.mean()
            bindings.standard_errors[Expectation(quantity)] = float(samples.std()) / COPIES**0.5 + 1e-12
    return bindings
