"""Laws of every optimiser in the catalogue: its lines, states and defaults are those of its twin in torch.optim.

torch.optim is stepped here directly, and not by the referee's observer, so that a fault of the observer shows as well.
"""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sympy import Integer, Rational, Symbol

from derive.algebra.nodes import plain
from derive.catalogue.optimisers.base import hyper_values
from derive.catalogue.registry import optimisers
from derive.pipeline import vocabulary
from tests.drawn import examples

vocabulary()
CLASSES = sorted(set(optimisers.values()), key=lambda cls: cls.name)
TORCH = {
    "sgd": lambda h: (torch.optim.SGD, {"lr": h["learning_rate"]}),
    "momentum": lambda h: (torch.optim.SGD, {"lr": h["learning_rate"], "momentum": h["momentum"]}),
    "nesterov": lambda h: (torch.optim.SGD, {"lr": h["learning_rate"], "momentum": h["momentum"], "nesterov": True}),
    "adagrad": lambda h: (torch.optim.Adagrad, {"lr": h["learning_rate"], "eps": h["epsilon"]}),
    "rmsprop": lambda h: (torch.optim.RMSprop, {"lr": h["learning_rate"], "alpha": h["decay"], "eps": h["epsilon"]}),
    "adam": lambda h: (
        torch.optim.Adam,
        {"lr": h["learning_rate"], "betas": (h["beta1"], h["beta2"]), "eps": h["epsilon"]},
    ),
    "adamw": lambda h: (
        torch.optim.AdamW,
        {
            "lr": h["learning_rate"], "betas": (h["beta1"], h["beta2"]), "eps": h["epsilon"],
            "weight_decay": h["weight_decay"],
        },
    ),
}  # fmt: skip


def stepped(optimiser: Any, gradients: list[float], start: float) -> list[dict[str, float]]:
    """What torch.optim does, from the table above: the parameter and every entry of its state, after each step."""
    build, keywords = TORCH[optimiser.name]({f.name: float(getattr(optimiser, f.name)) for f in fields(optimiser)})
    parameter = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    stepper, history = build([parameter], **keywords), []
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient, dtype=torch.float64)
        stepper.step()
        kept = {key: float(value) for key, value in stepper.state[parameter].items() if value is not None}
        history.append({"w": float(parameter.detach()), **kept})
    return history


def test_every_optimiser_is_judged_here() -> None:
    assert set(TORCH) == {cls.name for cls in CLASSES}


shares = st.integers(1, 99).map(lambda k: Rational(k, 100))
SETTINGS = dict.fromkeys(("learning_rate", "momentum", "decay", "beta1", "beta2", "weight_decay", "epsilon"), shares)
slopes = st.integers(-30, 30).map(lambda k: Rational(k, 10))


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.name)
@examples(15)
@given(data=st.data(), gradients=st.lists(slopes, min_size=1, max_size=6), start=slopes)
def test_the_lines_are_what_torch_does(cls: Any, data: Any, gradients: list[Any], start: Any) -> None:
    optimiser = cls(**{f.name: data.draw(SETTINGS[f.name]) for f in fields(cls)})
    history = stepped(optimiser, [float(g) for g in gradients], float(start))
    known: dict[Any, float] = {symbol: float(value) for symbol, value in hyper_values(optimiser).items()}
    known.update({Symbol("w_0"): float(start), **{Symbol(f"{s.name}_0"): 0.0 for s in optimiser.states}})
    for t, (gradient, theirs) in enumerate(zip(gradients, history, strict=True), 1):
        known[Symbol(f"g_{t}")] = float(gradient)

        def at(name: str, *, before: bool = False, _t: int = t) -> Symbol:
            return Symbol(f"{name}_{_t - 1 if before else _t}")

        for symbol, line in optimiser.lines(at, Integer(t)):
            known[symbol] = float(plain(line).subs(known))
        assert known[at("w")] == pytest.approx(theirs["w"], rel=1e-12, abs=1e-12)
        for state in optimiser.states:
            assert known[at(state.name)] == pytest.approx(theirs[state.torch], rel=1e-12, abs=1e-12), state.name


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.name)
def test_every_setting_has_a_keyword_of_torch(cls: Any) -> None:
    module, _, name = cls.twin.name.rpartition(".")
    assert module == "torch.optim"
    accepted = inspect.signature(getattr(torch.optim, name)).parameters
    assert {setting for setting, _ in cls.twin.keywords} == {f.name for f in fields(cls)}
    assert {keyword.partition(".")[0] for _, keyword in cls.twin.keywords} <= set(accepted)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.name)
def test_defaults_are_torchs(cls: Any) -> None:
    """Except for momentum, which torch switches off unless it is asked for."""
    accepted = inspect.signature(getattr(torch.optim, cls.twin.name.rpartition(".")[2])).parameters
    for setting, keyword in cls.twin.keywords:
        if setting == "momentum":
            continue
        name, _, place = keyword.partition(".")
        default = accepted[name].default[int(place)] if place else accepted[name].default
        assert float(getattr(cls(), setting)) == default, setting


@pytest.mark.parametrize("name", ["momentum", "nesterov"])
def test_no_momentum_is_plain_descent_and_is_refused(name: str) -> None:
    """torch keeps no buffer then (or refuses), so that nothing could judge the state."""
    with pytest.raises(ValidationError, match="momentum"):
        TypeAdapter(optimisers[name]).validate_python({"momentum": 0})
