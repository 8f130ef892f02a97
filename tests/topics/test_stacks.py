"""Random stacks of layers: every shape, equation, gradient, count and number of operations agrees with torch.nn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st

from derive.catalogue.registry import layers
from derive.checks.judges import judge
from derive.errors import InputError
from derive.pipeline import solve, verify, vocabulary
from derive.problem.model import Given, Network
from derive.problem.read import read_problem
from derive.problem.types import Activation
from tests.drawn import examples

WORDS = dict(layers)
ACTIVATIONS = ["relu", "tanh", "sigmoid", "gelu", "silu", "softplus", "elu", "leaky_relu"]
QUESTIONS = vocabulary().questions


def make(word: str, **settings_: Any) -> Any:
    return WORDS[word](**settings_)


def judged(network: Network, asked: list[str], loss: str = "mse") -> None:
    given_ = Given(network=network, loss=vocabulary().losses[loss]())
    for word in asked:
        for step in QUESTIONS[word]().derive(given_).steps:
            verdict = judge(step.claim)
            assert verdict.passed, (word, network, step.claim, verdict)


activation = st.sampled_from(ACTIVATIONS).map(lambda name: make("activate", activation=Activation(name)))
size = st.integers(1, 5)


@st.composite
def on_rows(draw: Any) -> Network:
    """Layers that take a batch in rows."""
    kinds = st.one_of(
        st.builds(lambda n, b: make("dense", units=n, bias=b), size, st.booleans()), activation,
        st.just(make("batch_norm")), st.just(make("layer_norm")),
    )  # fmt: skip
    chosen = draw(st.lists(kinds, min_size=1, max_size=3))
    width = draw(size)
    block = make(
        "residual", layers=(make("dense", units=draw(size), activation=Activation("tanh")), make("dense", units=width))
    )
    first = (make("dense", units=width), block) if draw(st.booleans()) else (make("dense", units=width),)
    return Network(draw(st.integers(2, 4)), (*first, *chosen), "row")


@examples(25, suppress_health_check=[HealthCheck.too_slow])
@given(on_rows())
def test_random_stacks_on_rows(network: Network) -> None:
    judged(network, ["shapes", "forward", "backward", "parameters", "flops"])


@st.composite
def on_images(draw: Any) -> Network:
    """Layers on an image: convolutions of any stride and padding, pooling, batch norm, and a dense end."""
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kinds = st.one_of(
        st.builds(lambda f, k, s, p, b: make("conv2d", filters=f, kernel=k, stride=s, padding=p, bias=b),
                  st.integers(1, 3), pair, pair, st.sampled_from(["valid", (1, 1), (0, 1)]), st.booleans()),
        st.builds(lambda word, k: make(word, kernel=k, stride=(1, 2)), st.sampled_from(["max_pool2d", "avg_pool2d"]), pair),
        activation, st.just(make("batch_norm")),
    )  # fmt: skip
    listed = draw(st.lists(kinds, min_size=1, max_size=3))
    end = [make("global_avg_pool2d")] if draw(st.booleans()) else []
    network = Network((draw(st.integers(1, 2)), 9, 8), (*listed, *end, make("flatten"), make("dense", units=2)), "row")
    shape = network.input
    for layer in network.layers:  # batch norm needs more than one place
        try:
            assume(layer.name != "batch_norm" or shape[1] * shape[2] > 1)
            shape = layer.out(shape)
        except ValueError:
            assume(False)
    return network


@examples(15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(on_images())
def test_random_stacks_on_images(network: Network) -> None:
    judged(network, ["shapes", "forward", "backward", "parameters", "flops"])


@examples(6)
@given(st.sampled_from(["rnn", "lstm", "gru"]), st.integers(1, 3), size, size)
def test_random_recurrent_stacks(kind: str, steps: int, features: int, units: int) -> None:
    network = Network((steps, features), (make(kind, units=units), make("dense", units=2)))
    judged(network, ["shapes", "forward", "backward", "parameters", "flops"])


@examples(6)
@given(st.integers(1, 3), st.sampled_from([1, 2, 4]), st.integers(2, 5))
def test_random_attention(size_of_head: int, heads: int, positions: int) -> None:
    network = Network((positions, size_of_head * heads), (make("self_attention", heads=heads),))
    judged(network, ["shapes", "forward", "backward", "parameters", "flops"])


@examples(25)
@given(st.data())
def test_random_convolutional_stacks(data: Any) -> None:
    shape: tuple[int, ...] = (
        data.draw(st.integers(1, 3)),
        data.draw(st.integers(8, 16)),
        data.draw(st.integers(8, 16)),
    )
    found, here = [], shape
    for _ in range(data.draw(st.integers(1, 4))):
        pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
        layer = data.draw(
            st.one_of(
                st.builds(
                    lambda f, k, s, p: make("conv2d", filters=f, kernel=k, stride=s, padding=p),
                    size, pair, pair, st.sampled_from(["valid", (1, 1)]),
                ),
                st.builds(lambda f, k, s: make("conv_transpose2d", filters=f, kernel=k, stride=s), size, pair, pair),
                st.builds(lambda k: make("max_pool2d", kernel=(k, k)), st.integers(1, 2)),
                st.builds(lambda k: make("avg_pool2d", kernel=(k, k)), st.integers(1, 2)),
                st.just(make("batch_norm")),
            )
        )  # fmt: skip
        try:
            here = layer.out(here)
        except ValueError:
            continue
        found.append(layer)
    judged(Network(shape, (*found, make("flatten"), make("dense", units=3))), ["shapes", "parameters", "flops"])


@examples(10)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 2)), min_size=1, max_size=4))
def test_receptive_fields_are_what_autograd_sees(windows: list[tuple[int, int, int]]) -> None:
    convolutions = tuple(
        make("conv2d", filters=1, kernel=(k, k), stride=(s, s), dilation=(d, d)) for k, s, d in windows
    )
    judged(Network((1, 200, 200), convolutions), ["receptive_field"])


def solved(tmp_path: Path, text: str) -> Any:
    file = tmp_path / "p.yaml"
    file.write_text("title: t\n" + text)
    return solve(read_problem(file, vocabulary()))


@pytest.mark.parametrize("table", [[0, 0, 0, 1], [0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 1, 1], [0, 1, 1, 0, 1, 0, 0, 1],
                                   [0, 0, 0, 1, 0, 1, 1, 1], [1, 1, 0, 0, 0, 0, 1, 0], [0, 0], [1, 0]])  # fmt: skip
def test_every_truth_table_has_a_network(tmp_path: Path, table: list[int]) -> None:
    solution = solved(tmp_path, f"given: {{}}\nask:\n  - implements: {{table: {table}}}\n")
    assert verify(solution).passed


def test_what_a_sheet_claims_of_exclusive_or_is_refuted(tmp_path: Path) -> None:
    wrong = "disputed:\n  - {of: hidden_layers, value: 2, by: a sheet}\n"
    assert verify(solved(tmp_path, "given: {}\nask:\n  - implements: xor\n" + wrong)).passed


FAULTS = [
    ("network: {input: [3, 8, 8], layers: [{dense: 3}]}", "put 'flatten' before"),
    ("network: {input: [1, 4, 4], layers: [{conv2d: {filters: 2, kernel: 5}}]}", "does not fit into 4"),
    ("network: {input: 4, convention: column, layers: [batch_norm]}", "needs 'convention: row'"),
    ("network: {input: 4, convention: row, layers: [{residual: [{dense: 3}]}]}", "must keep its shape"),
    ("network: {input: [3, 5], layers: [{self_attention: {heads: 2}}]}", "do not split into 2 heads"),
    ("network: {input: [3, 4], layers: [{rnn: 2}, {self_attention: 1}]}", "do not go together|takes positions"),
]


@pytest.mark.parametrize(("given_", "message"), FAULTS, ids=[message for _, message in FAULTS])
def test_layers_that_do_not_fit_are_named(tmp_path: Path, given_: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        solved(tmp_path, f"given:\n  {given_}\nask: [shapes]\n")
