"""The observers of optimisers: torch.optim stepped, its parameters and its states read off."""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
from sympy import Symbol

from derive.algebra.nodes import Expectation
from derive.checks.bindings import Bindings, exact_tensor, observe
from derive.errors import Bug
from derive.worlds import MomentRun, OptimiserRun

Tensor = torch.Tensor
STATES = {
    "sgd": {},
    "momentum": {"b": "momentum_buffer"},
    "nesterov": {"b": "momentum_buffer"},
    "adagrad": {"s": "sum"},
    "rmsprop": {"v": "square_avg"},
    "adam": {"m": "exp_avg", "v": "exp_avg_sq"},
    "adamw": {"m": "exp_avg", "v": "exp_avg_sq"},
}
CORRECTED = {"m_hat": ("m", "beta1"), "v_hat": ("v", "beta2")}
ENUMERATED = 8  # steps up to which all outcomes of independent draws are run


def twin(name: str, settings: dict[str, float], parameter: Tensor) -> torch.optim.Optimizer:
    """The optimiser of torch.optim with these settings."""
    s, optim = settings, torch.optim
    makers: dict[str, Any] = {
        "sgd": lambda: optim.SGD([parameter], lr=s["learning_rate"]),
        "momentum": lambda: optim.SGD([parameter], lr=s["learning_rate"], momentum=s["momentum"]),
        "nesterov": lambda: optim.SGD([parameter], lr=s["learning_rate"], momentum=s["momentum"], nesterov=True),
        "adagrad": lambda: optim.Adagrad([parameter], lr=s["learning_rate"], eps=s["epsilon"]),
        "rmsprop": lambda: optim.RMSprop([parameter], lr=s["learning_rate"], alpha=s["decay"], eps=s["epsilon"]),
        "adam": lambda: optim.Adam(
            [parameter], lr=s["learning_rate"], betas=(s["beta1"], s["beta2"]), eps=s["epsilon"]
        ),
        "adamw": lambda: optim.AdamW(
            [parameter],
            lr=s["learning_rate"],
            betas=(s["beta1"], s["beta2"]),
            eps=s["epsilon"],
            weight_decay=s["weight_decay"],
        ),
    }
    if name not in makers:
        raise Bug(f"no twin for the optimiser {name}")
    return makers[name]()


def run(name: str, settings: dict[str, float], gradients: list[Tensor], start: Tensor) -> list[dict[str, Tensor]]:
    """The parameter 'w' and the states after each step, the start first; corrected states from torch's own."""
    parameter = torch.nn.Parameter(start.clone())
    optimiser = twin(name, settings, parameter)
    history = [{"w": start.clone(), **{state: torch.zeros_like(start) for state in STATES[name]}}]
    for t, gradient in enumerate(gradients, 1):
        parameter.grad = gradient.clone()
        optimiser.step()
        kept = optimiser.state[parameter]
        record = {"w": parameter.detach().clone(), "g": gradient.clone()}
        record.update({state: kept[key].clone() for state, key in STATES[name].items()})
        for corrected, (state, beta) in CORRECTED.items():
            if state in record and beta in settings:
                record[corrected] = record[state] / (1 - settings[beta] ** t)
        history.append(record)
    return history


def _settings(optimiser: Any, random: torch.Generator | None) -> dict[str, float]:
    """The optimiser's hyper-parameters, or random ones."""
    names = list(optimiser.__dataclass_fields__)
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
    history = run(world.optimiser.name, settings, gradients, start)
    bindings = Bindings({}, f"{_name(world.optimiser.name)} stepped")
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


def _name(name: str) -> str:
    classes = {
        "momentum": "SGD",
        "nesterov": "SGD",
        "sgd": "SGD",
        "adagrad": "Adagrad",
        "rmsprop": "RMSprop",
        "adamw": "AdamW",
    }
    return f"torch.optim.{classes.get(name, 'Adam')}"


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
    bindings = Bindings({}, f"{_name(world.optimiser.name)} run over every outcome of a two-valued gradient")
    means = {t: _expected(world.optimiser.name, settings, mean, spread, t) for t in steps}
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


def _expected(name: str, settings: dict[str, float], mean: Tensor, spread: Tensor, steps: int) -> dict[str, Tensor]:
    """The mean of every state over the outcomes."""
    if steps <= ENUMERATED:
        signs = torch.tensor(list(product((-1.0, 1.0), repeat=steps)), dtype=torch.float64).T
    else:
        signs = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(steps, 1)
    gradients = list(mean + spread * signs)
    last = run(name, settings, gradients, torch.zeros(signs.shape[1], dtype=torch.float64))[-1]
    return {state: values.mean() for state, values in last.items()}
