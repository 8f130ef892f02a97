"""The observers of optimisers: torch.optim stepped, its parameters and its states read off."""

from __future__ import annotations

from collections.abc import Iterator
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


def torch_optimiser(optimiser: Any, parameters: list[Tensor]) -> torch.optim.Optimizer:
    """The optimiser of torch.optim over parameters, with the settings that the problem gives."""
    settings = _settings(optimiser, None)
    made = twin(optimiser, settings, parameters[0])
    for parameter in parameters[1:]:
        made.param_groups[0]["params"].append(parameter)
    return made


def run(
    optimiser: Any, settings: dict[str, float], gradients: list[Tensor], start: Tensor
) -> Iterator[dict[str, Tensor]]:
    """The parameter 'w' and the states after each step, the start first; corrected states from torch's own."""
    parameter = torch.nn.Parameter(start.clone())
    stepper = twin(optimiser, settings, parameter)
    states = {state.name: state.torch for state in optimiser.states}
    yield {"w": start.clone(), **{state: torch.zeros_like(start) for state in states}}
    for t, gradient in enumerate(gradients, 1):
        parameter.grad = gradient.clone()
        stepper.step()
        kept = stepper.state[parameter]
        record = {"w": parameter.detach().clone(), "g": gradient.clone()}
        record.update({state: kept[key].clone() for state, key in states.items()})
        for corrected, (state, beta) in CORRECTED.items():
            if state in record and beta in settings:
                record[corrected] = record[state] / (1 - settings[beta] ** t)
        yield record


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
    history = list(run(world.optimiser, settings, gradients, start))
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
    mean, second, spread = _two_values(world, generator)
    steps = world.at or (int(torch.randint(1, 7, (), generator=generator)),)
    bindings = Bindings({}, f"{world.optimiser.twin.name} run over every outcome of a two-valued gradient")
    means = _expected(world.optimiser, settings, mean, spread, steps)
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


def _two_values(world: MomentRun, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """The mean and the second moment of a gradient, and how far each of its two equally likely values is from the mean.

    Both are drawn where neither is given. Where one is, the other is chosen, the same at every point: what is asked
    does not depend on it, and a run in which nothing is random is judged more strictly.
    """
    if world.mean is None and world.second_moment is None:
        mean, spread = torch.randn(2, generator=generator, dtype=torch.float64)
        spread = torch.sqrt(spread**2 + 0.1)
        return mean, mean**2 + spread**2, spread
    if world.second_moment is None:
        mean, spread = exact_tensor(world.mean), torch.ones((), dtype=torch.float64)
        return mean, mean**2 + 1, spread
    second = exact_tensor(world.second_moment)
    if world.mean is None:
        mean = torch.sqrt(second) / 2
        return mean, second, torch.sqrt(second - mean**2)
    variance = exact_tensor(world.second_moment - world.mean**2)  # the difference of floats can fall below 0
    return exact_tensor(world.mean), second, torch.sqrt(variance)


def _expected(
    optimiser: Any, settings: dict[str, float], mean: Tensor, spread: Tensor, steps: tuple[int, ...]
) -> dict[int, dict[str, Tensor]]:
    """The mean of every state over the outcomes, after each of the steps. One run serves all of the long ones."""
    found = {}
    for last in {t if t <= ENUMERATED else max(steps) for t in steps}:
        if last <= ENUMERATED:
            signs = torch.tensor(list(product((-1.0, 1.0), repeat=last)), dtype=torch.float64).T
        else:
            signs = torch.tensor([[-1.0, 1.0]], dtype=torch.float64).expand(last, 2)
        start = torch.zeros(signs.shape[1], dtype=torch.float64)
        for t, record in enumerate(run(optimiser, settings, list(mean + spread * signs), start)):
            if t in steps and (t == last or t > ENUMERATED):
                found[t] = {state: values.mean() for state, values in record.items()}
    return found
