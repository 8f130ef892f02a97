"""Laws of the topics, on random numbers: every claim passes, and by-hand values agree with torch to 1e-12."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sympy import Rational, Symbol
from torch.nn import functional as F

from derive.algebra.numbers import exact
from derive.algebra.values import unfolded
from derive.catalogue.layers.convolution import Conv2d
from derive.catalogue.layers.pool import AvgPool2d, MaxPool2d
from derive.catalogue.registry import losses, optimisers
from derive.checks.judges import check
from derive.errors import GivenError
from derive.pipeline import vocabulary
from derive.problem.model import Given, GradientProcess
from derive.topics.closed_form import ClosedForm
from derive.topics.expectation import ExpectedMoment
from derive.topics.loss import Loss
from derive.topics.minimise import Minimise
from derive.topics.output import Output
from derive.topics.output_shape import OutputShape
from derive.topics.parameters import Parameters
from derive.topics.update import Update
from tests.drawn import examples

vocabulary()
QUICK = examples(12, suppress_health_check=[HealthCheck.too_slow])
numbers = st.fractions(-3, 3, max_denominator=10).map(lambda f: Rational(f.numerator, f.denominator))
chances = st.integers(1, 19).map(lambda k: Rational(k, 20))


def refuted(derivation) -> list[str]:
    steps = list(derivation.steps)
    assert steps
    return [f"{step.claim}: {verdict.detail}" for step in steps if not (verdict := check(step.claim)).passed]


def floats(values) -> torch.Tensor:
    return torch.tensor(
        [[float(v) for v in row] if isinstance(row, tuple) else float(row) for row in values for row in [row]],
        dtype=torch.float64,
    )


ELEMENTWISE = {
    "huber": (numbers, numbers, "outputs", F.huber_loss),
    "mse": (numbers, numbers, "outputs", F.mse_loss),
    "mae": (numbers, numbers, "outputs", F.l1_loss),
    "binary_cross_entropy": (st.sampled_from([Rational(0), Rational(1)]), chances, "probabilities", F.binary_cross_entropy),
    "binary_cross_entropy_with_logits": (
        st.sampled_from([Rational(0), Rational(1)]), numbers, "logits", F.binary_cross_entropy_with_logits,
    ),
    "hinge": (
        st.sampled_from([Rational(-1), Rational(1)]), numbers, "outputs",
        lambda s, y, reduction: F.margin_ranking_loss(s, torch.zeros_like(s), y, margin=1.0, reduction=reduction),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ELEMENTWISE))
@QUICK
@given(data=st.data(), reduction=st.sampled_from(["mean", "sum", "none"]))
def test_losses_agree_with_torch(name: str, data, reduction: str) -> None:
    target, output, kind, twin = ELEMENTWISE[name]
    size = data.draw(st.integers(1, 4))
    targets, outputs = (tuple(data.draw(s) for _ in range(size)) for s in (target, output))
    derivation = Loss().derive(Given(targets=targets, loss=losses[name](reduction=reduction), **{kind: outputs}))
    assert not refuted(derivation)
    answer = derivation.answers[0].value
    ours = [float(exact(unfolded(v))) for v in (answer if isinstance(answer, tuple) else (answer,))]
    theirs = twin(floats(outputs), floats(targets), reduction=reduction).reshape(-1).tolist()
    assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12)


def test_an_error_on_the_threshold_is_quadratic() -> None:
    derivation = Loss().derive(Given(targets=(Rational(0),), outputs=(Rational(1),), loss=losses["huber"]()))
    assert derivation.answers[0].value == Rational(1, 2) and not refuted(derivation)


@pytest.mark.parametrize(
    "given_,message",
    [
        ({"targets": (Rational(1),), "loss": "mse"}, "needs exactly one of 'outputs'"),
        ({"targets": (Rational(1),), "outputs": (Rational(1), Rational(2)), "loss": "mse"}, "1 targets for 2 outputs"),
        (
            {"targets": (Rational(1),), "probabilities": (Rational(1),), "loss": "binary_cross_entropy"},
            "strictly between 0 and 1",
        ),
        ({"targets": (Rational(2),), "outputs": (Rational(1),), "loss": "hinge"}, "is -1 or 1, not 2"),
        (
            {"targets": (Rational(3),), "probabilities": ((Rational(1, 2), Rational(1, 2)),), "loss": "cross_entropy"},
            "class 3 is not one of",
        ),
    ],
)
def test_a_minibatch_that_does_not_fit_is_refused(given_, message) -> None:
    with pytest.raises(GivenError, match=message):
        Loss().derive(Given(**{**given_, "loss": losses[given_["loss"]]()}))


@pytest.mark.parametrize("name", sorted({cls.name for cls in optimisers.values()}))
@QUICK
@given(gradients=st.lists(numbers, min_size=1, max_size=4), start=numbers)
def test_steps_agree_with_torch_optim(name: str, gradients, start) -> None:
    derivation = Update().derive(Given(optimizer=optimisers[name](), gradients=tuple(gradients), start=start))
    assert not refuted(derivation)


@pytest.mark.parametrize("name", sorted({cls.name for cls in optimisers.values()}))
def test_closed_forms_hold_for_every_state(name: str) -> None:
    optimiser = optimisers[name]()
    for state in optimiser.states:
        assert not refuted(ClosedForm(state.name).derive(Given(optimizer=optimiser)))


@QUICK
@given(
    beta=st.integers(0, 19),
    mean=numbers,
    second=st.integers(10, 20),
    at=st.lists(st.integers(1, 60), min_size=1, max_size=3, unique=True),
)
def test_expectations_for_any_beta_mean_and_time(beta, mean, second, at) -> None:
    optimiser = optimisers["adam"](beta1=Rational(beta, 20), beta2=Rational(beta, 20))
    process = GradientProcess(mean, Rational(second), True)
    for name in ("m", "v", "m_hat", "v_hat"):
        derivation = ExpectedMoment(name, tuple(at)).derive(Given(optimizer=optimiser, gradient=process))
        assert not refuted(derivation)


def test_a_gradient_that_is_not_stationary_is_refused() -> None:
    with pytest.raises(GivenError, match="stationary: true"):
        ExpectedMoment("m").derive(Given(optimizer=optimisers["adam"](), gradient=GradientProcess(Rational(1))))


@QUICK
@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)), stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.one_of(st.just("valid"), st.tuples(st.integers(0, 2), st.integers(0, 2))),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    groups=st.sampled_from([1, 2]), sizes=st.tuples(st.sampled_from([2, 4]), st.integers(7, 12), st.integers(7, 12)),
    layout=st.sampled_from(["channels_first", "channels_last"]),
)  # fmt: skip
def test_sizes_and_counts_of_convolutions(kernel, stride, padding, dilation, groups, sizes, layout) -> None:
    layer = Conv2d(4, kernel, stride, padding, dilation, groups)
    order = sizes if layout == "channels_first" else (*sizes[1:], sizes[0])
    given_ = Given(layer=layer, input=tuple(map(Rational, order)))
    assert not refuted(OutputShape(layout).derive(given_))
    assert not refuted(Parameters().derive(Given(layer=layer, input=tuple(map(Rational, sizes)))))


@QUICK
@given(
    kind=st.sampled_from([MaxPool2d, AvgPool2d]), kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.one_of(st.none(), st.tuples(st.integers(1, 2), st.integers(1, 2))), rows=st.integers(3, 5), data=st.data(),
)  # fmt: skip
def test_pooling_by_hand(kind, kernel, stride, rows, data) -> None:
    matrix = tuple(tuple(data.draw(numbers) for _ in range(4)) for _ in range(rows))
    assert not refuted(Output().derive(Given(layer=kind(kernel, stride), input=matrix)))


def test_a_kernel_that_does_not_fit_is_refused() -> None:
    with pytest.raises(GivenError, match="a kernel that covers 5 does not fit into a height of 4"):
        OutputShape().derive(Given(layer=Conv2d(1, (5, 5)), input=(Rational(4), Rational(9))))


def objective(text: str, *over: str) -> Minimise:
    from sympy import Symbol
    from sympy.matrices.expressions.matexpr import MatrixSymbol

    from derive.algebra.formula import parse_formula

    size = Symbol("N", integer=True, positive=True)

    symbols = {n: MatrixSymbol(n, size, 1) for n in ("x", "y", "u")} | {
        n: Symbol(n, real=True) for n in ("a", "b", "c")
    }
    return Minimise(parse_formula(text, symbols), tuple(symbols[n] for n in over))


@pytest.mark.parametrize(
    "text,over",
    [
        ("sum((y - a*x - b)**2)", "a b"), ("mean((y - a*x)**2)", "a"), ("sum((y - a)**2) / 2", "a"),
        ("sum((y - a*x - b*u)**2) + 3*a**2 + 3*b**2", "a b"), ("sum((y - a*x - b*u - c)**2)", "a b c"),
        ("sum((a*x - y)**2) + sum((a - u)**2)", "a"),
    ],
)  # fmt: skip
def test_quadratic_objectives_of_any_form(text: str, over: str) -> None:
    assert not refuted(objective(text, *over.split()).derive(Given()))


@pytest.mark.parametrize(
    "text", ["sum((y - a*x)**4)", "sum(exp(a*x) - y)", "sum(log(1 + exp(a*x)))", "sum(abs(y - a*x))"]
)
def test_what_is_not_quadratic_is_refused_honestly(text: str) -> None:
    derivation = objective(text, "a").derive(Given())
    remarks = {section.remark.rule.words for section in derivation.sections if section.remark is not None}
    assert not derivation.answers and any(words.startswith("derive found no closed form") for words in remarks)


def test_the_closed_form_is_what_lstsq_finds() -> None:
    from derive.checks.bindings import Bindings
    from derive.checks.evaluate import evaluate

    question = objective("sum((y - a*x - b)**2)", "a", "b")
    answers = question.derive(Given()).answers[:2]  # the unknowns; the least value comes after them
    x, y = torch.randn(2, 7, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    from sympy.matrices.expressions.matexpr import MatrixSymbol

    n = Symbol("N", integer=True, positive=True)
    values = {MatrixSymbol("x", n, 1): x, MatrixSymbol("y", n, 1): y, n: torch.tensor(7.0)}
    theirs = torch.linalg.lstsq(torch.cat([x, torch.ones_like(x)], 1), y).solution.reshape(-1)
    ours = torch.stack([evaluate(answer.value, Bindings(values, "")) for answer in answers])
    assert torch.allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_growth_with_layers_around_the_block() -> None:
    from derive.catalogue.layers.dense import Dense
    from derive.problem.model import Network
    from derive.topics.growth import Growth

    layers = (Dense(6), Dense(3, repeat=5), Dense(2), Dense(7))
    assert not refuted(Growth().derive(Given(network=Network(4, layers))))
    unbiased = tuple(Dense(layer.units, bias=False, repeat=layer.repeat) for layer in layers)
    assert not refuted(Growth().derive(Given(network=Network(4, unbiased))))
