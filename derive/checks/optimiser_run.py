"""The observers of optimisers: torch.optim stepped, its parameters and its states read off."""

from __future__ import annotations

from dataclasses import fields
from itertools import product
from typing import Any

import torch
from sympy import Symbol

from derive.algebra.nodes import Expectation
from derive.checks.bindings import Bindings, exact_tensor, observe
from derive.checks.twins import named
from derive.worlds import MomentRun, OptimiserRun

Tensor = torch.Tensor
CORRECTED = {"m_hat": ("m", "beta1"), "v_hat": ("v", "beta2")}
ENUMERATED = 8  # steps up to which all outcomes of independent draws are run


def twin(optimiser: Any, settings: dict[str, float], parameter: Tensor) -> torch.optim.Optimizer:
    """The optimiser of torch.optim with these settings, by the names in its class."""
    keywords: dict[str, Any] = dict(optimiser.twin.always)
    for setting, keyword in optimiser.twin.keywords:
        name, _, place = keyword.partition(".")
        keywords[name] = (*keywords.get(name, ()), settings[setting]) if place else settings[setting]
    return named(optimiser.twin.name)([parameter], **keywords)


def run(optimiser: Any, settings: dict[str, float], gradients: list[Tensor], start: Tensor) -> list[dict[str, Tensor]]:
    """The parameter 'w' and the states after each step, the start first; corrected states from torch's own."""
    parameter = torch.nn.Parameter(start.clone())
    stepper = twin(optimiser, settings, parameter)
    states = {state.name: state.torch for state in optimiser.states}
    history = [{"w": start.clone(), **{state: torch.zeros_like(start) for state in states}}]
    for t, gradient in enumerate(gradients, 1):
        parameter.grad = gradient.clone()
        stepper.step()
        kept = stepper.state[parameter]
        record = {"w": parameter.detach().clone(), "g": gradient.clone()}
        record.update({state: kept[key].clone() for state, key in states.items()})
        for corrected, (state, beta) in CORRECTED.items():
            if state in record and beta in settings:
                record[corrected] = record[state] / (1 - settings[beta] ** t)
        history.append(record)
    return history


def _settings(optimiser: Any, random: torch.Generator | None) -> dict[str, float]:
    """The optimiser's hyper-parameters, or random ones."""
    names = [f.name for f in fields(optimiser)]
    if random is None:
        return {name: float(getattr(optimiser, name)) for name in names}
    draws = torch.rand(len(names), generator=random, dtype=torch.float64)
    return {name: float(0.05 + 0.9 * draw) for name, draw in zip(names, draws, strict=True)}


@observe.register
def observe_optimiser(world: OptimiserRun, generator: torch.Generator) -> Bindings:
    """The given run, or a random one of three to six steps."""
    if world.gradients is None:
        settings = _settings(world.optimiser, generator)
        steps = int(torch.randint(3, 7, (), generator=generator))
        gradients = list(torch.randn(steps, generator=generator, dtype=torch.float64))
        start = torch.randn((), generator=generator, dtype=torch.float64)
    else:
        settings = _settings(world.optimiser, None)
        gradients, start = list(exact_tensor(world.gradients)), exact_tensor(world.start)
    history = run(world.optimiser, settings, gradients, start)
    bindings = Bindings({}, f"{world.optimiser.twin.name} stepped")
    index: dict[Any, int] = {"now": len(gradients), "before": len(gradients) - 1}
    for symbol, (kind, *details) in world.observed:
        if kind == "hyper":
            value = torch.tensor(settings[details[0]], dtype=torch.float64)
        elif kind == "time":
            value = torch.tensor(float(len(gradients)), dtype=torch.float64)
        elif kind == "gradients":
            value = torch.stack(gradients)
        else:
            name = {"parameter": "w", "gradient": "g"}.get(kind) or details[0]
            value = history[index[details[-1]] if details[-1] in index else int(details[-1])][name]
        bindings.values[symbol] = value
    return bindings


@observe.register
def observe_moments(world: MomentRun, generator: torch.Generator) -> Bindings:
    """Expectations over a gradient with two equally likely values: every outcome of independent draws is run up to
    `ENUMERATED` steps; beyond, the two outcomes of one draw that is kept, which is stationary as well."""
    settings = _settings(world.optimiser, None if world.at else generator)
    mean = _drawn(world.mean, generator)
    second = (
        mean**2 + _drawn(None, generator) ** 2 + 0.1
        if world.second_moment is None
        else exact_tensor(world.second_moment)
    )
    spread = torch.sqrt(second - mean**2)
    steps = world.at or (int(torch.randint(1, 7, (), generator=generator)),)
    bindings = Bindings({}, f"{world.optimiser.twin.name} run over every outcome of a two-valued gradient")
    means = {t: _expected(world.optimiser, settings, mean, spread, t) for t in steps}
    for symbol, (kind, *details) in world.observed:
        if kind == "state":
            t = steps[0] if details[1] == "now" else details[1]
            bindings.values[Expectation(symbol)] = means[t][details[0]]
        elif kind == "gradients":
            g = Symbol(str(symbol.label))
            bindings.values[Expectation(g)] = mean.repeat(max(steps))
            bindings.values[Expectation(g**2)] = second.repeat(max(steps))
        elif kind == "hyper":
            bindings.values[symbol] = torch.tensor(settings[details[0]], dtype=torch.float64)
        else:
            known = {"mean": mean, "second_moment": second, "time": torch.tensor(float(steps[0]), dtype=torch.float64)}
            bindings.values[symbol] = known[kind]
    return bindings


def _drawn(value: Any, generator: torch.Generator) -> Tensor:
    return exact_tensor(value) if value is not None else torch.randn((), generator=generator, dtype=torch.float64)


def _expected(
    optimiser: Any, settings: dict[str, float], mean: Tensor, spread: Tensor, steps: int
) -> dict[str, Tensor]:
    """The mean of every state over the outcomes."""
    if steps <= ENUMERATED:
        signs = torch.tensor(list(product((-1.0, 1.0), repeat=steps)), dtype=torch.float64).T
    else:
        signs = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(steps, 1)
    gradients = list(mean + spread * signs)
    last = run(optimiser, settings, gradients, torch.zeros(signs.shape[1], dtype=torch.float64))[-1]
    return {state: values.mean() for state, values in last.items()}
