"""Optimisers as recurrences: the numbers that are known, the answers that are wrong, and runs of torch.optim made here."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sympy import Float, Integer, Rational, Sum

from derive.algebra.nodes import Numeral, Rounded
from derive.algebra.numbers import exact
from derive.catalogue.registry import optimisers
from derive.checks.judges import check
from derive.checks.referee import points
from derive.derivation import Derivation, Equal, HasMean
from derive.errors import GivenError
from derive.pipeline import vocabulary
from derive.problem.model import Given, GradientProcess
from derive.topics.closed_form import ClosedForm, closed_form
from derive.topics.expectation import ExpectedMoment
from derive.topics.moments import entry, hyper, i, t
from derive.topics.update import Update
from tests.catalogue.test_optimisers import CLASSES, SETTINGS, slopes, stepped
from tests.drawn import examples

vocabulary()
QUICK = examples(12)
STATES = [(cls, state) for cls in CLASSES for state in cls().states]


def refuted(derivation: Derivation) -> list[str]:
    """Steps that fail, and answers that fail as the author's own."""
    claims = [step.claim for step in derivation.steps]
    claims += [answer.claim(answer.value) for answer in derivation.answers]
    assert claims
    return [f"{claim}: {verdict.detail}" for claim in claims if not (verdict := check(claim)).passed]


TWO = Integer(2)


def expected(of: str, at: tuple[int, ...], mean: Any = TWO, second: Any = None, **settings_: Any) -> Derivation:
    optimiser = optimisers["adam"](**settings_)
    return ExpectedMoment(of, at).derive(Given(optimizer=optimiser, gradient=GradientProcess(mean, second, True)))


def test_adam_with_and_without_bias_correction() -> None:
    """beta1 = 0.9 and a gradient of mean 2, after 2, 10 and 100 steps."""
    at = (2, 10, 100)
    plain_, corrected = expected("m", at), expected("m_hat", at)
    assert corrected.answers[0].value == (2, 2, 2)
    values = plain_.answers[0].value
    assert values == tuple(2 * (1 - Rational(9, 10) ** k) for k in at)
    assert values[:2] == (Rational("0.38"), Rational("1.3026431198"))
    assert not refuted(plain_) and not refuted(corrected)


def test_digits_are_exact_where_the_expansion_ends_and_rounded_where_it_does_not() -> None:
    steps = [step.claim for step in expected("m", (2, 10, 100)).steps]
    shown = [claim.sides[-1] for claim in steps if isinstance(claim, Equal) and isinstance(claim.sides[-1], Numeral)]
    assert [n.is_exact for n in shown] == [True, True, False]
    assert [n.shown for n in shown] == [Rational("0.38"), Rational("1.3026431198"), Rational("1.99994688")]


def test_the_expectation_is_derived_in_symbols_before_any_number() -> None:
    derivation = expected("m_hat", ())
    reasons = [step.reason.rule.name for step in derivation.steps]
    order = ["linearity of the expectation", "stationary gradient", "count backwards", "geometric series"]
    places = [reasons.index(name) for name in [*order, "cancel the factor", "bias correction", "bias is gone"]]
    assert places == sorted(places) and not derivation.answers
    assert not refuted(derivation)


@pytest.mark.parametrize(
    "of,key,right",
    [
        ("m", (Rational("0.38"), Rational("1.3026431198")), True),
        ("m", (Rational("0.38"), Rational("1.3026431203")), False),
        ("m", (Rational("0.38"), Rational("1.302643")), False),
        ("m", (Rational("0.38"), Rounded(Rational("1.302643"), 6)), True),
        ("m", (Rational("0.38"), Rounded(Rational("1.302644"), 6)), False),
        ("m_hat", (Integer(2), Integer(2)), True),
        ("m_hat", (Rational("0.38"), Rational("1.3026431198")), False),
    ],
)
def test_a_key_is_judged_to_its_last_digit(of: str, key: tuple[Any, ...], right: bool) -> None:
    """An expectation at given numbers is no random thing: what differs from it in the tenth decimal is wrong."""
    verdict = check(expected(of, (2, 10)).answers[0].claim(key))
    assert verdict.passed is right and verdict.points == 1


def test_expectations_at_given_numbers_are_one_run() -> None:
    """Nothing in it is random, whichever of the moments is given."""
    for of, mean, second in [("m", Integer(2), None), ("v", None, Rational(4)), ("v", Integer(1), Rational(4))]:
        derivation = expected(of, (3, 12, 40), mean, second)
        claims = [step.claim for step in derivation.steps if isinstance(step.claim, HasMean) and step.claim.world.at]
        assert len(claims) == 3
        assert [len(list(points(claim.world, claim.sides, seed=5))) for claim in claims] == [1, 1, 1]


@pytest.mark.parametrize(
    "mean,second", [(None, Rational(1, 100)), (Rational(1, 10), Rational(1, 100)), (Integer(0), Rational(3))]
)
def test_the_second_moment_alone_or_of_a_certain_gradient(mean: Any, second: Any) -> None:
    for of in ("v", "v_hat"):
        assert not refuted(expected(of, (1, 3, 20), mean, second))


@pytest.mark.parametrize("cls,state", STATES, ids=lambda x: getattr(x, "name", None))
def test_expectations_of_every_state_of_every_optimiser(cls: Any, state: Any) -> None:
    given_ = Given(optimizer=cls(), gradient=GradientProcess(Rational(3, 2), Rational(5), True))
    assert not refuted(ExpectedMoment(state.name, (1, 4, 30)).derive(given_))


def test_independent_draws_have_these_means() -> None:
    """The referee looks at the outcomes of two-valued gradients; independent normal ones have the same expectation."""
    mean, deviation, steps, runs = 2.0, 1.5, 50, 40_000
    generator = torch.Generator().manual_seed(11)
    parameter = torch.nn.Parameter(torch.zeros(runs, dtype=torch.float64))
    stepper = torch.optim.Adam([parameter], betas=(0.9, 0.99))
    for _ in range(steps):
        parameter.grad = mean + deviation * torch.randn(runs, generator=generator, dtype=torch.float64)
        stepper.step()
    second = Rational(mean) ** 2 + Rational(deviation) ** 2
    for of, kept in (("m", "exp_avg"), ("v", "exp_avg_sq")):
        derivation = expected(of, (steps,), Rational(mean), second, beta1=Rational(9, 10), beta2=Rational(99, 100))
        sample = stepper.state[parameter][kept]
        error = float(sample.std()) / runs**0.5
        assert abs(float(sample.mean()) - float(derivation.answers[0].value[0])) < 5 * error


@pytest.mark.parametrize("cls,state", STATES, ids=lambda x: getattr(x, "name", None))
@QUICK
@given(data=st.data(), gradients=st.lists(slopes, min_size=1, max_size=8))
def test_closed_forms_are_the_recurrence_run(cls: Any, state: Any, data: Any, gradients: list[Any]) -> None:
    optimiser = cls(**{f.name: data.draw(SETTINGS[f.name]) for f in fields(cls)})
    found = closed_form(state, t).subs({hyper(f.name): getattr(optimiser, f.name) for f in fields(cls)})
    found = found.subs(t, len(gradients)).doit().subs({entry(k): g for k, g in enumerate(gradients, 1)})
    theirs = stepped(optimiser, [float(g) for g in gradients], 0.0)[-1][state.torch]
    assert float(found) == pytest.approx(theirs, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_closed_form_wrong_by_an_index_is_refused(shift: int) -> None:
    (answer,) = ClosedForm("m").derive(Given(optimizer=optimisers["adam"]())).answers
    beta = hyper("beta1")
    right = (1 - beta) * Sum(beta ** (t - i) * entry(i), (i, 1, t))
    wrong = (1 - beta) * Sum(beta ** (t - i + shift) * entry(i), (i, 1, t))
    assert check(answer.claim(right)).passed and not check(answer.claim(wrong)).passed


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.name)
@QUICK
@given(data=st.data(), gradients=st.lists(slopes, min_size=1, max_size=5), start=slopes)
def test_the_last_weight_is_torchs(cls: Any, data: Any, gradients: list[Any], start: Any) -> None:
    optimiser = cls(**{f.name: data.draw(SETTINGS[f.name]) for f in fields(cls)})
    derivation = Update().derive(Given(optimizer=optimiser, gradients=tuple(gradients), start=start))
    theirs = stepped(optimiser, [float(g) for g in gradients], float(start))[-1]["w"]
    assert float(exact(derivation.answers[0].value)) == pytest.approx(theirs, rel=1e-12, abs=1e-12)
    assert not refuted(derivation)


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov"])
def test_steps_without_a_root_stay_rational(name: str) -> None:
    given_ = Given(optimizer=optimisers[name](), gradients=(Rational(1, 3), Rational(-2, 7)), start=Rational(1, 9))
    assert isinstance(Update().derive(given_).answers[0].value, Rational)


def test_steps_with_a_root_carry_fifty_digits() -> None:
    given_ = Given(optimizer=optimisers["adagrad"](), gradients=(Integer(1), Integer(2)), start=Integer(1))
    (answer,) = Update().derive(given_).answers
    assert isinstance(answer.value, Float)
    near = Rational(answer.value)
    assert check(answer.claim(near)).passed and not check(answer.claim(near + Rational(1, 10**10))).passed


def test_coordinates_are_worked_one_by_one() -> None:
    rows = ((Integer(1), Integer(-2)), (Integer(3), Integer(0)))
    derivation = Update().derive(Given(optimizer=optimisers["adam"](), gradients=rows, start=(Integer(1), Integer(-1))))
    assert [answer.name for answer in derivation.answers] == ["w_1", "w_2"] and not refuted(derivation)


REFUSED = [
    (ExpectedMoment("m", (2,)), {"gradient": None}, "stationary: true"),
    (ExpectedMoment("m", (2,)), {"gradient": GradientProcess(Integer(2), None, False)}, "stationary: true"),
    (ExpectedMoment("m", (2,)), {"gradient": GradientProcess(None, Integer(2), True)}, "gradient's 'mean'"),
    (ExpectedMoment("v", (2,)), {"gradient": GradientProcess(Integer(2), None, True)}, "gradient's 'second_moment'"),
    (ExpectedMoment("v", (2,)), {"gradient": GradientProcess(Integer(2), Integer(3), True)}, "below its mean squared"),
    (ExpectedMoment("mhat", (2,)), {"gradient": GradientProcess(Integer(2), None, True)}, "did you mean 'm_hat'"),
    (Update(), {"gradients": (Integer(1),)}, "'gradients' .* and 'start'"),
    (Update(), {"gradients": ((Integer(1),),), "start": ((Integer(1),),)}, "a number or a list of numbers"),
    (Update(), {"gradients": (((Integer(1),),),), "start": (Integer(1),)}, "needs 1 number, as"),
    (Update(), {"gradients": (Integer(1), Integer(2)), "start": (Integer(1), Integer(2))}, "needs 2 numbers, as"),
]


@pytest.mark.parametrize("question,given_,message", REFUSED)
def test_what_does_not_fit_is_refused_in_words(question: Any, given_: dict[str, Any], message: str) -> None:
    with pytest.raises(GivenError, match=message):
        question.derive(Given(optimizer=optimisers["adam"](), **given_))


def test_plain_descent_has_no_state_to_ask_for() -> None:
    with pytest.raises(GivenError, match="keeps no state"):
        ClosedForm("m").derive(Given(optimizer=optimisers["sgd"]()))
