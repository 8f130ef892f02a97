"""Figures are statements: what they show are the problem's own numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from derive.checks.judges import judge
from derive.document.figures import MOST_UNITS, chain_figure, network_figure
from derive.document.latex import _figure
from derive.pipeline import vocabulary
from derive.problem.read import read_problem
from derive.topics.figure import figure_of
from tests.drawn import examples
from tests.shipped import PROBLEMS

NETWORKS = sorted(name for name, problem in PROBLEMS.items() if problem.given.network is not None)


def layers_of_file(name: str) -> tuple[Any, list[Any]]:
    """The input and the layers, repeated ones one by one, as the file has them."""
    network = yaml.safe_load(Path(PROBLEMS[name].path).read_text())["given"]["network"]
    found = []
    for layer in network["layers"]:
        found += [layer] * (layer.get("repeat", 1) if isinstance(layer, dict) else 1)
    return network["input"], found


@pytest.mark.parametrize("name", NETWORKS)
def test_the_boxes_of_a_figure_are_the_layers_of_the_file(name: str) -> None:
    step = figure_of(PROBLEMS[name].given)
    if step is None:
        return
    figure = chain_figure(step.claim)
    _, layers = layers_of_file(name)
    boxes = figure.boxes[1:]
    assert sum(box.times for box in boxes) == len(layers)
    if step.claim.layers[0].symbol is not None:  # units are drawn, with their activation alone below
        return
    dense = [layer["dense"] for layer in layers if isinstance(layer, dict) and "dense" in layer]
    drawn = [size for box in boxes if box.name.split(",")[0] == "dense" for size in [box.size[-1]] * box.times]
    assert drawn == dense


dense_layers = st.lists(
    st.tuples(st.integers(1, 12), st.sampled_from(["relu", "sigmoid", "tanh"]), st.integers(1, 3)),
    min_size=1,
    max_size=3,
)


@examples(60)
@given(st.integers(1, 12), dense_layers)
def test_units_and_layers_that_are_drawn_are_those_of_the_network(
    tmp_path_factory: pytest.TempPathFactory, inputs: int, layers: list[tuple[int, str, int]]
) -> None:
    file = tmp_path_factory.mktemp("figure") / "net.yaml"
    listed = [{"dense": units, "activation": f, "repeat": times} for units, f, times in layers]
    data = {"title": "t", "given": {"network": {"input": inputs, "layers": listed}}, "ask": ["shapes"]}
    file.write_text(yaml.safe_dump(data))
    given_data = read_problem(file, vocabulary()).given
    sizes = [inputs, *[units for units, _, times in layers for _ in range(times)]]
    claim = figure_of(given_data).claim
    assert judge(claim).passed
    if claim.layers[0].symbol is None:
        chain = chain_figure(claim)
        assert [box.times for box in chain.boxes[1:]] == [times for _, _, times in layers]
        tex = _figure(claim)
        for _, _, times in layers:
            assert times == 1 or rf"$\times\, {times}$" in str(tex)
        return
    figure = network_figure(claim)
    columns: dict[float, list[Any]] = {}
    for unit in figure.units:
        columns.setdefault(unit.x, []).append(unit)
    assert len(columns) == len(sizes) == len(figure.captions)
    for size, units in zip(sizes, columns.values(), strict=True):
        shown = [unit.label for unit in units if unit.label is not None]
        assert len(shown) == size if size <= MOST_UNITS else str(shown[-1]).endswith(f"_{size}")


def test_what_tex_cannot_set_is_an_input_error_with_its_place(tmp_path: Path) -> None:
    from derive.document.glyphs import unset_characters

    file = tmp_path / "words.yaml"
    file.write_text(
        "title: Größe α ≤ β\nstatement: Гр\ngiven:\n  symbols: {x: scalar}\nask: [{gradient: {of: x**2, wrt: x}}]\n"
    )
    problem = read_problem(file, vocabulary())
    (fault,) = unset_characters(problem)
    assert (fault.line, "U+0413" in fault.message) == (2, True)


def test_a_sheet_in_letters_without_a_glyph_is_told_and_printed_without_them(tmp_path: Path) -> None:
    from derive.document.glyphs import settable
    from derive.problem.model import Sheet

    (tmp_path / "sheet.yaml").write_text("course: logic\ntitle: α and 作业 1\n", encoding="utf-8")
    sheet = Sheet("s", "α and 作业 1", tmp_path, (), course="logic")
    shown, (fault,) = settable(sheet)
    assert (shown.title, shown.course) == ("α and ?? 1", "logic")
    assert (Path(fault.path).name, fault.line) == ("sheet.yaml", 2) and "U+4F5C" in fault.message
    assert settable(shown) == (shown, ())
