"""Networks that were refused or got a wrong answer once: each with the right value, worked out beside derive."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sympy import Basic, Integer
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.catalogue.registry import layers
from derive.checks.judges import judge
from derive.checks.reasons import unfit_reasons
from derive.derivation import HasShape, IsDrawn, IsGradient
from derive.errors import InputError
from derive.pipeline import solve, vocabulary
from derive.problem.model import Given, Network
from derive.problem.read import read_problem
from tests.drawn import examples
from tests.shipped import PROBLEMS, solution

WORDS, LOSSES, QUESTIONS = dict(layers), vocabulary().losses, vocabulary().questions


def make(word: str, **settings_: Any) -> Any:
    return WORDS[word](**settings_)


def derived(network: Network, question: str, loss: str = "") -> Any:
    return QUESTIONS[question]().derive(Given(network=network, loss=LOSSES[loss]() if loss else None))


def solved(tmp_path: Path, given_: str, ask: str = "forward, backward") -> Any:
    file = tmp_path / "p.yaml"
    file.write_text(f"title: t\ngiven:\n{given_}\nask: [{ask}]\n")
    return solve(read_problem(file, vocabulary()))


def failures(steps: Any) -> list[str]:
    """What the referee refuses of the steps, of which there must be some."""
    steps = list(steps)
    assert steps
    return [f"{step.claim}: {found.detail}" for step in steps if not (found := judge(step.claim)).passed]


def all_hold(solution: Any) -> dict[str, Any]:
    """The answers, after the referee has found no claim to refuse."""
    assert failures(step for _, step in solution.steps()) == []
    assert unfit_reasons(solution) == {}
    return {answer.name: answer.value for derivation in solution.derivations for answer in derivation.answers}


def numbers(matrix: Any) -> list[float]:
    return [float(entry) for entry in matrix]


# receptive fields

CONV = make("conv2d", filters=1, kernel=(3, 3))
SAME = make("conv2d", filters=1, kernel=(3, 3), padding="same")
FIELDS = [
    ((1, 5, 5), (CONV, CONV), 5),
    ((1, 4, 4), (make("conv_transpose2d", filters=1, kernel=(2, 2), stride=(2, 2)),), 1),
    ((1, 4, 4), (make("conv_transpose2d", filters=1, kernel=(3, 3), stride=(2, 2)),), 2),
    ((1, 4, 4), (make("conv_transpose2d", filters=1, kernel=(3, 3), stride=(2, 2)), CONV), 3),
    ((1, 9, 9), (make("residual", layers=(SAME, SAME)), CONV), 7),
    ((1, 9, 9), (make("concatenate", branches=(SAME, make("conv2d", filters=2, kernel=(7, 7), padding=(3, 3)))),), 7),
    ((1, 8, 8), (make("max_pool2d", kernel=(2, 2)), CONV, make("global_avg_pool2d")), 8),
]


@pytest.mark.parametrize(("shape", "listed", "rows"), FIELDS, ids=range(len(FIELDS)))
def test_a_receptive_field_holds_and_another_is_refused(shape: Any, listed: Any, rows: int) -> None:
    derivation = derived(Network(shape, listed), "receptive_field")
    (answer,) = derivation.answers
    assert answer.value == rows
    assert not failures(derivation.steps)
    assert not judge(answer.claim(Integer(rows + 1))).passed
    assert not judge(answer.claim(Integer(rows - 1))).passed


@examples(12)
@given(st.data())
def test_receptive_fields_of_layers_that_gather_and_spread(data: Any) -> None:
    size = st.integers(1, 3)
    kinds = st.one_of(
        st.builds(lambda k, s, p: make("conv2d", filters=2, kernel=(k, k), stride=(s, s), padding=(p, p)), size, size, size),
        st.builds(lambda k, s: make("conv_transpose2d", filters=2, kernel=(k, k), stride=(s, s)), st.integers(1, 4), size),
        st.builds(lambda k: make("residual", layers=(make("conv2d", filters=2, kernel=(k, k), padding="same"),)), st.integers(1, 4)),
        st.just(make("batch_norm")),
    )  # fmt: skip
    listed = (make("conv2d", filters=2, kernel=(1, 1)), *data.draw(st.lists(kinds, min_size=1, max_size=4)))
    assert not failures(derived(Network((1, 60, 60), listed), "receptive_field").steps)


def test_layers_that_have_no_windows_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no receptive field through dense"):
        solved(
            tmp_path,
            "  network: {input: [2, 9], layers: [{conv1d: {filters: 2, kernel: 3}}, {dense: 3}]}",
            "receptive_field",
        )


# multiplications


def products_with_weights(module: torch.nn.Module, x: torch.Tensor) -> int:
    """Pairs of an output entry and a weight or gain that it depends on: by torch's Jacobian, with no formula of sizes."""
    weights = {name: p for name, p in module.named_parameters() if "bias" not in name}

    def output(values: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.func.functional_call(module, values, (x,))

    jacobians = torch.func.jacrev(output)(weights)
    return sum(int((jacobian != 0).sum()) for jacobian in jacobians.values())


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(make("batch_norm"), (4,)), (make("batch_norm"), (3, 2, 5)), (make("layer_norm"), (6,)), (make("layer_norm"), (2, 3)),
     (make("dense", units=3), (4,)), (make("conv2d", filters=2, kernel=(2, 3)), (3, 4, 5))],
    ids=str,
)  # fmt: skip
def test_a_multiplication_is_a_product_with_a_weight_or_a_gain(layer: Any, shape: tuple[int, ...]) -> None:
    derivation = derived(Network(shape if len(shape) > 1 else shape[0], (layer,), "row"), "flops")
    name = layer.twin_name(shape) if hasattr(layer, "twin_name") else layer.torch
    module = getattr(torch.nn, name.rpartition(".")[2])(**layer.twin(shape)).to(torch.float64).eval()
    assert derivation.answers[0].value == products_with_weights(module, torch.randn(1, *shape, dtype=torch.float64))
    assert not failures(derivation.steps)


# targets


@pytest.mark.parametrize(("loss", "last"), [("cross_entropy", "softmax"), ("binary_cross_entropy", "sigmoid")])
@pytest.mark.parametrize("convention", ["column", "row", ""])
def test_a_drawn_target_is_what_its_loss_compares_with(tmp_path: Path, loss: str, last: str, convention: str) -> None:
    said = (
        f"convention: {convention}, batch: 3, "
        if convention == "row"
        else f"convention: {convention}, "
        if convention
        else ""
    )
    text = f"  network: {{{said}input: 2, layers: [{{dense: 3, activation: {last}}}]}}\n  loss: {loss}\n  draw: {{seed: 4}}"
    solution = solved(tmp_path, text, "forward")
    assert failures(step for _, step in solution.steps()) == []
    world = next(step.claim.world for _, step in solution.steps() if dict(step.claim.world.values))
    target = next(value for symbol, value in world.values if symbol.name in "yY")
    examples = target.tolist() if convention == "row" else target.T.tolist()
    assert all(entry in (0, 1) for row in examples for entry in row)
    assert loss != "cross_entropy" or all(sum(row) == 1 for row in examples)


def test_every_loss_says_what_it_compares_with() -> None:
    from derive.checks.targets import DOMAINS
    from derive.topics.drawing import TARGETS

    assert {loss.target for loss in LOSSES.values()} <= set(TARGETS) == set(DOMAINS)


# what was refused


def test_the_loss_on_an_image_is_over_all_its_entries(tmp_path: Path) -> None:
    values = "{X: [[1, 2], [3, 5]], W1: [[2]], b1: [1], y: [[0], [1], [2], [3]]}"
    text = (
        "  network: {input: [1, 2, 2], layers: [{conv2d: {filters: 1, kernel: 1}}]}\n  loss: mse\n  values: " + values
    )
    answers = all_hold(solved(tmp_path, text))
    errors = [3 - 0, 5 - 1, 7 - 2, 11 - 3]  # 2 x + 1 - y
    assert answers["L"] * 4 == sum(e**2 for e in errors)
    assert list(answers["dW1"]) == [Integer(2 * sum(e * x for e, x in zip(errors, (1, 2, 3, 5), strict=True))) / 4]


def test_a_question_changes_no_name(tmp_path: Path) -> None:
    text = (
        "  network: {input: 2, layers: [{dense: 1, activation: sigmoid}]}\n  loss: binary_cross_entropy\n"
        "  values: {x: [1, 1], y: [1], W1: [[0.5, -0.5]], b1: [0]}"
    )
    answers = all_hold(solved(tmp_path, text, "forward, backward, gradient_check, predict"))
    assert numbers(answers["dW1"]) == [-0.5, -0.5]


RECURRENT = (
    "  network: {{input: [1, 3], layers: [{{{kind}: 2}}, {{dense: 1}}]}}\n  loss: mse\n"
    "  values: {{x_1: [1, 0, 2], {weights}, W2: [[1, 1]], b2: [0], y: [1]{more}}}"
)


def test_a_recurrent_matrix_and_the_state_before_are_given(tmp_path: Path) -> None:
    weights = "W1: [[0.1, 0.2, 0.3], [0, 0.1, 0]], b1: [0, 0], U1: [[1, 0], [2, 1]], c1: [0, 0]"
    at_rest = all_hold(solved(tmp_path, RECURRENT.format(kind="rnn", weights=weights, more="")))
    assert at_rest["dU1"].is_zero_matrix
    module = torch.nn.RNN(3, 2, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        module.weight_ih_l0.copy_(torch.tensor([[0.1, 0.2, 0.3], [0, 0.1, 0]]))
        module.weight_hh_l0.copy_(torch.tensor([[1.0, 0], [2, 1]]))
        module.bias_ih_l0.zero_(), module.bias_hh_l0.zero_()
    start = torch.tensor([[[0.3, -0.2]]], dtype=torch.float64)
    loss = (module(torch.tensor([[[1.0, 0, 2]]], dtype=torch.float64), start)[1].sum() - 1) ** 2
    loss.backward()
    answers = all_hold(solved(tmp_path, RECURRENT.format(kind="rnn", weights=weights, more=", h1_0: [0.3, -0.2]")))
    assert numbers(answers["dU1"]) == pytest.approx(module.weight_hh_l0.grad.flatten().tolist(), rel=1e-6)


def test_a_batch_of_one_has_no_variance(tmp_path: Path) -> None:
    text = "  network: {{input: 2, {}convention: row, layers: [{{dense: 2}}, batch_norm, {{dense: 1}}]}}\n  loss: mse{}"
    with pytest.raises(InputError) as one:
        solved(tmp_path, text.format("batch: 1, ", ""))
    assert {(fault.line, "no variance" in fault.message) for fault in one.value.faults} == {(3, True)}
    with pytest.raises(InputError, match="p.yaml:5.*no variance"):
        solved(tmp_path, text.format("", "\n  values: {X: [[1, 2]]}"))
    assert failures(step for _, step in solved(tmp_path, text.format("", ""), "parameters, shapes").steps()) == []


@pytest.mark.parametrize("image", ["[[1, 2], [3, 4]]", "[[[1, 2], [3, 4]]]", "[1, 2, 3, 4]"])
def test_an_image_is_taken_as_it_is_written(tmp_path: Path, image: str, capfd: Any) -> None:
    text = (
        "  network: {input: [1, 2, 2], layers: [{max_pool2d: [1, 2]}, flatten, {dense: 1}], convention: row}\n  loss: mse\n"
        f"  values: {{X: {image}, W3: [[1], [10]], b3: [0], y: [1]}}"
    )
    assert all_hold(solved(tmp_path, text, "forward"))["L"] == (2 + 40 - 1) ** 2
    assert "Warning" not in capfd.readouterr().err


def test_two_norms_on_an_image_and_other_scalars_made_of_arrays() -> None:
    norm = make("batch_norm")
    end = (make("global_avg_pool2d"), make("flatten"), make("dense", units=2))
    derivation = derived(Network((1, 3, 2), (norm, norm, *end), "row"), "backward", "mse")
    gradients = [step for step in derivation.steps if isinstance(step.claim, IsGradient) and step.is_result]
    assert len(gradients) == 6 and not failures(gradients)


@pytest.mark.parametrize(("layer", "size", "count"), [
    ("{conv1d: {filters: 2, kernel: 3}}", "[4, 10]", 2 * 4 * 3 + 2), ("{dense: 3}", "10", 33),
    ("{conv_transpose2d: {filters: 2, kernel: 3}}", "[4, 5, 5]", 4 * 2 * 9 + 2), ("{rnn: 2}", "[3, 5]", 2 * (5 + 2 + 2)),
])  # fmt: skip
def test_any_layer_alone_has_its_parameters_and_its_output(tmp_path: Path, layer: str, size: str, count: int) -> None:
    answers = all_hold(solved(tmp_path, f"  layer: {layer}\n  input: {size}", "parameters, output_shape"))
    assert answers["parameters"] == count


def test_equations_that_there_are_not_are_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no forward equations of conv1d"):
        solved(tmp_path, "  network: {input: [2, 10], layers: [{conv1d: {filters: 2, kernel: 3}}]}", "forward")


@pytest.mark.parametrize("convention", ["", "row"])
def test_sizes_and_counts_are_made_without_the_numbers(convention: str) -> None:
    wide = Network(10**6, (make("dense", units=10**6),), convention)
    assert not failures(step for word in ("parameters", "flops", "shapes") for step in derived(wide, word).steps)
    deep = Network(10, (make("dense", units=5, repeat=300), make("dense", units=2)), convention)
    answers = {answer.name: answer for word in ("parameters", "flops") for answer in derived(deep, word).answers}
    assert answers["parameters"].value == 10 * 5 + 5 + 299 * (5 * 5 + 5) + 5 * 2 + 2
    assert answers["flops"].value == 10 * 5 + 299 * 5 * 5 + 5 * 2
    assert not failures(step for word in ("parameters", "flops") for step in derived(deep, word).steps)
    assert all(not judge(answer.claim(answer.value + 1)).passed for answer in answers.values())


# numbers that saturate, and numbers that meet a kink

SATURATED = (
    "  network: {{{said}input: 1, layers: [{{dense: 1, activation: sigmoid}}]}}\n  loss: binary_cross_entropy\n"
    "  values: {{{x}: [{z}], y: [{y}], W1: [[1]], b1: [0]}}"
)


@pytest.mark.parametrize(("z", "y"), [(16, 0), (150, 0), (150, 1), (-40, 1), (2000, 0)])
@pytest.mark.parametrize("said", ["", "convention: row, "])
def test_a_saturated_unit_has_its_loss_and_its_gradient(tmp_path: Path, z: int, y: int, said: str) -> None:
    answers = all_hold(solved(tmp_path, SATURATED.format(said=said, x="X" if said else "x", z=z, y=y)))
    logit = torch.tensor([float(z)], dtype=torch.float64, requires_grad=True)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, torch.tensor([float(y)], dtype=torch.float64))
    loss.backward()
    assert float(answers["L"]) == pytest.approx(loss.item(), rel=1e-14, abs=0)
    if z > 0 and y == 1:  # p - 1 = -1/(1 + e^z), where torch has 0
        assert numbers(answers["db1"]) == pytest.approx([-(2.718281828459045**-z)], rel=1e-9, abs=0)
    else:
        assert numbers(answers["db1"]) == pytest.approx([logit.grad.item()], rel=1e-12)


def test_no_line_shows_a_probability_that_is_not_one_as_one(tmp_path: Path) -> None:
    from sympy import log

    from derive.algebra.nodes import Numeral

    solution = solved(tmp_path, SATURATED.format(said="", x="x", z=16, y=0))
    sides = [side for _, step in solution.steps() for side in getattr(step.claim, "sides", ())]
    inside = [numeral for side in sides for node in side.atoms(log) for numeral in node.atoms(Numeral)]
    assert inside and all(numeral.is_exact for numeral in inside)


@pytest.mark.parametrize(("logits", "target"), [((123, 456, 789), 1), ((-1000, 5, 0), 0), ((1e6, 1e6, 0), 2)])
def test_large_logits_lose_no_digits(tmp_path: Path, logits: tuple[float, ...], target: int) -> None:
    text = f"  logits: [[{', '.join(format(x, '.0f') for x in logits)}]]\n  targets: [{target}]\n  loss: cross_entropy"
    answers = all_hold(solved(tmp_path, text, "loss"))
    scores = torch.tensor([logits], dtype=torch.float64)
    assert float(answers["loss"]) == pytest.approx(
        torch.nn.functional.cross_entropy(scores, torch.tensor([target])).item()
    )


@pytest.mark.parametrize("loss", ["kl_divergence", "cross_entropy"])
def test_what_has_no_probability_and_no_weight_adds_nothing(tmp_path: Path, loss: str) -> None:
    text = f"  probabilities: [[0.5, 0, 0.5]]\n  targets: [[0.5, 0, 0.5]]\n  loss: {loss}"
    answers = all_hold(solved(tmp_path, text, "loss"))
    assert float(answers["loss"]) == pytest.approx({"kl_divergence": 0.0, "cross_entropy": 0.6931471805599453}[loss])


KINKED = (
    "  network: {{input: 1, layers: [{{dense: 1, activation: {activation}}}, {{dense: 1}}]}}\n  loss: mse\n"
    "  values: {{x: [0.1], W1: [[3]], b1: [-0.3], W2: [[1]], b2: [0], y: [1]}}"
)


@pytest.mark.parametrize(("activation", "slope", "named"), [
    ("relu", 0, True), ("{leaky_relu: 0.1}", 0.1, True), ("{elu: 2}", 2, True), ("{elu: 1}", 1, False), ("tanh", 1, False),
])  # fmt: skip
def test_a_kink_that_is_met_exactly_is_named_with_what_torch_takes(
    tmp_path: Path, activation: str, slope: float, named: bool
) -> None:
    solution = solved(tmp_path, KINKED.format(activation=activation))
    answers = all_hold(solution)
    assert float(answers["db1"][0, 0]) == pytest.approx(-2 * slope)
    assert any(step.reason.rule.name == "at a kink" for _, step in solution.steps()) == named


def test_ties_in_a_window_are_named_and_the_first_is_the_one_that_torch_takes(tmp_path: Path) -> None:
    values = "{X: [[0.1, 0.2], [0.3, 0.1]], W1: [[3]], b1: [0], W4: [[1]], b4: [0], y: [1]}"
    text = (
        "  network: {input: [1, 2, 2], layers: [{conv2d: {filters: 1, kernel: 1}}, {max_pool2d: [1, 2]}, {max_pool2d: [2, 1]}, "
        "{dense: 1}], convention: row}\n  loss: mse\n  values: "
    ).replace("{dense: 1}", "flatten, {dense: 1}") + values.replace("W4", "W5").replace("b4", "b5")
    tied = text.replace("[[0.1, 0.2], [0.3, 0.1]]", "[[0.3, 0.2], [0.3, 0.3]]")
    assert not any(step.reason.rule.name == "tie in a window" for _, step in solved(tmp_path, text).steps())
    solution = solved(tmp_path, tied)
    all_hold(solution)
    assert sum(step.reason.rule.name == "tie in a window" for _, step in solution.steps()) == 2
    image = torch.tensor([[[2.0, 2.0], [1.0, 2.0]]], requires_grad=True)
    torch.nn.functional.max_pool2d(image, 2).sum().backward()
    assert image.grad.flatten().tolist() == [1, 0, 0, 0]


# names


def named_arrays(solution: Any) -> dict[str, set[tuple[str, ...]]]:
    """The shapes in which each name is printed, in every claim of a problem about a network."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for _, step in solution.steps():
        claim = step.claim
        if isinstance(claim, HasShape):
            found.setdefault(claim.of.name, set()).add(tuple(map(str, claim.shape)))
        expressions = (*getattr(claim, "sides", ()), getattr(claim, "wrt", None), getattr(claim, "meaning", None))
        for expression in expressions:
            for symbol in expression.atoms(MatrixSymbol) if isinstance(expression, Basic) else ():
                found.setdefault(symbol.name, set()).add(tuple(map(str, symbol.shape)))
    return found


NETWORKS = [name for name in PROBLEMS if PROBLEMS[name].given.network is not None]


@pytest.mark.parametrize("name", NETWORKS)
def test_no_name_has_two_shapes_in_a_problem(name: str) -> None:
    assert {symbol: shapes for symbol, shapes in named_arrays(solution(name)).items() if len(shapes) > 1} == {}


@pytest.mark.parametrize("name", [name for name in NETWORKS if any(q.name == "shapes" for q in PROBLEMS[name].ask)])
def test_every_weight_that_torch_has_is_in_the_table_of_dimensions(name: str) -> None:
    given_ = PROBLEMS[name].given
    tags = ("weight", "whole", "bias")
    listed = 0
    for step in QUESTIONS["shapes"]().derive(given_).steps:
        if dict(step.claim.world.observed)[step.claim.of][0] in tags:
            listed += prod(int(size) for size in step.claim.shape)
    claim = QUESTIONS["parameters"]().derive(given_).answers[0].claim
    assert judge(claim(Integer(listed))).passed


def test_a_figure_says_how_often_a_layer_is_repeated() -> None:
    from derive.document.figures import chain_figure
    from derive.topics.figure import figure_of

    repeated = Network(4, (make("dense", units=4, repeat=10), make("dense", units=1)))
    drawn = figure_of(Given(network=repeated))
    assert drawn is not None and isinstance(drawn.claim, IsDrawn) and judge(drawn.claim).passed
    figure = chain_figure(drawn.claim)
    assert [(box.size, box.times) for box in figure.boxes] == [((4,), 1), ((4,), 10), ((1,), 1)]


@pytest.mark.parametrize("first", ["{embedding: {words: 7, size: 3}}", "{rnn: 2}"])
def test_a_sequence_is_flattened_position_after_position(tmp_path: Path, first: str) -> None:
    given_ = f"  network: {{input: {4 if 'embedding' in first else [4, 2]}, layers: [{first}, flatten, {{dense: 2}}]}}\n  loss: mse"
    all_hold(solved(tmp_path, given_, "shapes, forward, backward, parameters"))
