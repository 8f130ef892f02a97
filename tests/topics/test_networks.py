"""Networks of every activation and loss: each claim of shapes, forward and backward passes the referee."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st
from sympy import Rational

from derive.algebra.functions import TABLE
from derive.catalogue import losses as _losses  # noqa: F401  registers the losses
from derive.catalogue.layers.dense import Dense
from derive.catalogue.registry import losses
from derive.checks import formulas, network_run  # noqa: F401  registers the observers
from derive.checks.judges import check
from derive.errors import GivenError
from derive.problem.model import Given, Network
from derive.problem.types import Activation
from derive.topics.backward import Backward
from derive.topics.forward import Forward
from derive.topics.shapes import Shapes
from derive.topics.vanishing import Vanishing
from tests.drawn import examples

ACTIVATIONS = sorted(TABLE)
ACCEPTED = {cls.name: cls.after for cls in losses.values() if cls.after is not None}


def network(inputs: int, *layers: tuple[int, str]) -> Network:
    return Network(inputs, tuple(Dense(units, Activation(name)) for units, name in layers))


def problem(net: Network, loss: str | None = "mse", values: dict | None = None) -> Given:
    return Given(network=net, loss=losses[loss]() if loss else None, values=values or {})


def refuted(given_: Given, *questions) -> list[str]:
    """What the referee refuses, and at least one claim must have been judged."""
    steps = [step for question in questions for step in question.derive(given_).steps]
    assert steps
    return [f"{step.claim}: {verdict.detail}" for step in steps if not (verdict := check(step.claim)).passed]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_hidden_and_last(activation: str) -> None:
    given_ = problem(network(2, (3, activation), (2, activation)))
    assert not refuted(given_, Shapes(), Forward(), Backward())


@pytest.mark.parametrize("loss", sorted(ACCEPTED))
def test_every_loss(loss: str) -> None:
    needed = ACCEPTED[loss]
    last = sorted(needed)[0] if needed else "identity"
    assert not refuted(problem(network(2, (3, "tanh"), (2, last)), loss), Forward(), Backward())


rationals = st.fractions(-2, 2, max_denominator=4).map(lambda f: Rational(f.numerator, f.denominator))


@st.composite
def numeric_problems(draw):
    sizes = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))
    loss = draw(st.sampled_from(sorted(ACCEPTED)))
    needed = ACCEPTED[loss]
    names = [draw(st.sampled_from(ACTIVATIONS)) for _ in sizes[2:]]
    if loss == "cross_entropy":
        sizes[-1] = max(sizes[-1], 2)
    names.append(sorted(needed)[0] if needed else draw(st.sampled_from(ACTIVATIONS)))

    def column(n):
        return tuple(draw(rationals) for _ in range(n))

    values = {"x": column(sizes[0]), "y": column(sizes[-1])}
    if loss == "cross_entropy":
        hot = draw(st.integers(0, sizes[-1] - 1))
        values["y"] = tuple(Rational(int(k == hot)) for k in range(sizes[-1]))
    if loss == "binary_cross_entropy":
        values["y"] = tuple(Rational(draw(st.integers(0, 1))) for _ in range(sizes[-1]))
    for k, (inputs, units) in enumerate(zip(sizes, sizes[1:], strict=False), 1):
        values[f"W{k}"] = tuple(column(inputs) for _ in range(units))
        values[f"b{k}"] = column(units)
    return problem(network(sizes[0], *zip(sizes[1:], names, strict=True)), loss, values)


@examples(25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(numeric_problems())
def test_numbers_agree_with_torch(given_: Given) -> None:
    inner = [a.value for a in Forward().derive(given_).answers if re.fullmatch(r"z\d+", a.name)]
    assume(
        not any(entry == 0 for value in inner for entry in value)
    )  # at a kink, torch's rounding error decides the side
    assert not refuted(given_, Forward(), Backward())


def test_a_relu_that_is_off_is_named_with_its_reason() -> None:
    values = {
        "x": (Rational(1), Rational(2)), "y": (Rational(1), Rational(0)),
        "W1": ((1, -1), (Rational(1, 2), Rational(1, 4))), "b1": (0, 0), "W2": ((1, 2), (-1, 1)), "b2": (0, 0),
    }  # fmt: skip
    given_ = problem(network(2, (2, "relu"), (2, "softmax")), "cross_entropy", values)
    derivation = Vanishing().derive(given_)
    assert {step.reason.rule.name for step in derivation.steps} >= {"unit is off", "flat branch", "silent input"}
    assert not refuted(given_, Vanishing())


def test_misfits_are_refused_with_what_would_be_right() -> None:
    with pytest.raises(GivenError, match="W1 is 2 x 2, but this network needs 3 x 2"):
        Forward().derive(problem(network(2, (3, "relu")), None, {"W1": ((1, 2), (3, 4))}))
    with pytest.raises(GivenError, match="numbers are missing for x, b1"):
        Forward().derive(problem(network(1, (1, "relu")), None, {"W1": ((1,),)}))
    with pytest.raises(GivenError, match="binary_cross_entropy needs probabilities: end the network with sigmoid"):
        Backward().derive(problem(network(1, (1, "relu")), "binary_cross_entropy"))
    with pytest.raises(GivenError, match="softmax belongs to the last layer"):
        Forward().derive(problem(network(2, (2, "softmax"), (1, "relu")), None))


def test_a_soft_target_and_a_wide_network() -> None:
    values = {"x": (1,), "y": (Rational(1, 4), Rational(3, 4)), "W1": ((1,), (2,)), "b1": (0, 0)}
    assert not refuted(problem(network(1, (2, "softmax")), "cross_entropy", values), Forward(), Backward())
    assert not refuted(problem(network(300, (50, "relu"), (10, "softmax")), "cross_entropy"), Forward(), Backward())


def test_a_target_that_the_loss_cannot_take_is_refused() -> None:
    values = {"x": (1,), "y": (1, 1), "W1": ((1,), (2,)), "b1": (0, 0)}
    with pytest.raises(GivenError, match="they add up to 1, not to 2"):
        Backward().derive(problem(network(1, (2, "softmax")), "cross_entropy", values))
