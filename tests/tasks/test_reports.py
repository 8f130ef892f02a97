"""What reports say of runs, against what the trained networks do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from derive.errors import GivenError, InputError
from derive.problem.task import REPORTS as NAMES
from derive.tasks.finished import Finished
from derive.tasks.program import program
from derive.tasks.report import report_of
from derive.tasks.reports import REPORTS
from derive.tasks.runner import Quiet, plan, run_all
from tests.tasks.made import idx_folder, loaded, problem


def ran(folder: Path, task: str, data: Path | None = None) -> Any:
    """The finished runs of a task, and their report."""
    made = problem(folder, task)
    finished = run_all(plan(made, data), folder / "out", Quiet())
    assert all(one.results for one in finished), [one.error for one in finished]
    return finished, report_of(finished, made.task.report)


def test_a_file_may_ask_for_exactly_the_reports_that_there_are() -> None:
    assert set(NAMES) == set(REPORTS)


@pytest.fixture
def module(tmp_path: Path) -> Any:
    """A program with the reports on units and pictures."""
    task = "  data: mnist\n  model: [{conv2d: {filters: 5, kernel: 3}}, {activate: relu}, flatten, {dense: 10}]\n"
    made = problem(tmp_path, task + "  report: [dead_units, different_units, misclassified, filters, confusion]\n")
    return loaded(program(made.task.runs[0], "t", "p.py", reports=made.task.report), tmp_path)


def test_dead_units_are_those_that_no_example_makes_positive(module: Any) -> None:
    torch.manual_seed(0)
    model, inputs = (
        torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2)),
        torch.randn(50, 3),
    )
    model[0].weight.data[:2] = 0
    model[0].bias.data[:2] = torch.tensor([-1.0, 0.0])
    for size in (7, 50):  # also where the examples come in several parts
        assert module.dead_units(model, inputs, size) == {
            "1: ReLU": [int((model[0](inputs).max(0).values <= 0).sum()), 6]
        }
    assert module.dead_units(model, inputs)["1: ReLU"][0] >= 2


def test_different_units_are_counted_up_to_rounding(module: Any) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 6))
    model[0].weight.data[1] = model[0].weight.data[0] * (1 + 1e-7)
    model[0].weight.data[2] = model[0].weight.data[0]
    assert module.different_units(model) == {"0: Linear": [4, 6]}


def test_misclassified_images_are_the_first_that_are_wrong(module: Any) -> None:
    inputs, targets = torch.rand(40, 1, 28, 28), torch.arange(40) % 10
    predictions = targets.clone()
    predictions[[3, 17, 39]] = (targets[[3, 17, 39]] + 1) % 10
    found = module.misclassified(inputs, targets, predictions, most=2)
    assert [(f["true"], f["predicted"]) for f in found] == [(3, 4), (7, 8)]
    image = torch.tensor(found[0]["image"])
    assert image.shape == (1, 28, 28) and image.min() == 0 and image.max() == 255
    order = inputs[3].flatten().argsort()
    assert image.flatten()[order].diff().min() >= 0


def test_filters_have_the_shape_of_what_they_see(module: Any) -> None:
    model = module.make_model()
    assert torch.tensor(module.learned_filters(model, (1, 28, 28))).shape == (5, 1, 3, 3)
    dense = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 40))
    assert torch.tensor(module.learned_filters(dense, (1, 28, 28))).shape == (32, 1, 28, 28)


def test_the_confusion_matrix_counts_pairs(module: Any) -> None:
    targets, predictions = torch.tensor([0, 0, 1, 2, 2]), torch.tensor([0, 1, 1, 0, 2])
    assert module.confusion_matrix(targets, predictions, 3) == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]


def test_a_boundary_shows_the_class_of_each_point(tmp_path: Path) -> None:
    made = problem(tmp_path, "  data: xor\n  model: [{dense: 3, activation: tanh}, {dense: 2}]\n  report: [boundary]\n")
    module = loaded(program(made.task.runs[0], "t", "p.py", reports=made.task.report), tmp_path)
    inputs, targets = module.load_data(tmp_path)[:2]
    model = module.make_model()
    found = module.decision_boundary(model, inputs, targets, steps=5)
    (left, low), (right, high) = found["low"], found["high"]
    for row in range(5):
        for column in range(5):
            point = torch.tensor([[left + (right - left) * column / 4, low + (high - low) * row / 4]])
            assert found["cells"][row][column] == int(model(point).argmax())


def test_every_report_finds_its_way_into_the_document(tmp_path: Path) -> None:
    """The PDF of a task that asks for all that images allow, with the pictures' files beside the .tex."""
    from derive.document.latex import sheet_latex
    from derive.document.outline import compose
    from derive.pipeline import Result, pictures, publish, solve, verify, vocabulary
    from derive.problem.read import find
    from derive.session import task_report

    asked = [name for name in NAMES if name not in ("boundary", "fit")]
    model = "[{conv2d: {filters: 4, kernel: 5}}, {activate: relu}, flatten, {dense: 10}]"
    task = f"  data: mnist\n  model: {model}\n  epochs: 2\n  batch_size: 10\n  report: {json.dumps(asked)}\n"
    folder = idx_folder(tmp_path, True)
    finished, report = ran(tmp_path, task, folder)
    made = problem(tmp_path, task)
    words = " ".join(report.sentences)
    assert "28 rows and 28 columns" in words and "60 to train with and 20 to test with" in words
    assert {table.title.split(" ")[0] for table in report.tables} == {"Rows", "Examples", "Installed", "Parameters"}
    versions = dict(next(table for table in report.tables if table.title.startswith("Installed")).rows)
    assert versions["torch"] == torch.__version__
    wrong = round(20 * (1 - finished[0].results["accuracy"]))
    assert [len(p.tiles) for p in report.pictures] == ([wrong] if wrong else []) + [4]
    solution = solve(made)
    result = Result(made, solution, verify(solution), task_report(made, tmp_path / "out"))
    assert result.task == report
    (sheet,) = find([tmp_path / "p.yaml"], vocabulary())
    done = publish(sheet_latex(compose(sheet, [result])), "p", tmp_path / "pdf", "", pictures([result]))
    assert done.pdf.stat().st_size > 10_000 and not done.overfull
    assert len(list((tmp_path / "pdf" / "pictures").iterdir())) == len(report.pictures)


def test_pictures_hold_the_pixels_that_were_found() -> None:
    import io

    import numpy as np
    from PIL import Image

    from derive.document.pictures import SHARP, Mosaic, Plane, png

    first, second = (((0, 255), (10, 20)),), (((30, 40), (50, 60)),)
    pixels = np.array(Image.open(io.BytesIO(png(Mosaic("t", ((first, "a"), (second, "b")))))))[::SHARP, ::SHARP]
    assert pixels[:, :, 0].tolist() == [[0, 255, 30, 40], [10, 20, 50, 60]]
    plane = np.array(Image.open(io.BytesIO(png(Plane("t", ((0, 0), (1, 1)), (0, 0), (1, 1), ())))))[::SHARP, ::SHARP]
    assert (plane[0] == plane[0, 0]).all() and (plane[0, 0] != plane[1, 0]).any()
    assert (
        plane[1, 0, 2] > plane[1, 0, 0] and plane[0, 0, 0] > plane[0, 0, 2]
    )  # below class 0, blue; above class 1, red


def test_equal_starts_stay_equal_and_zero_gradients_are_told(tmp_path: Path) -> None:
    task = "  data: moons\n  model: [{dense: 6, activation: relu}, {dense: 2}]\n  epochs: 2\n"
    task += "  compare:\n    zero: {init: zeros}\n    he: {init: he}\n"
    _, report = ran(tmp_path, task + "  report: [different_units, dead_units, gradient_norms, curves]\n")
    words = " ".join(report.sentences)
    assert "Zero: different weights have only 1 of 6 units of layer 0" in words and "He: every unit" in words
    assert (
        "6 of 6 units of layer 1" in words and "no gradient reaches the weights of layer 0: Linear and layer 2" in words
    )


def test_a_sweep_is_drawn_over_its_values(tmp_path: Path) -> None:
    task = "  data: moons\n  model: [{dense: 4, activation: relu}, {dropout: 0.5}, {dense: 2}]\n  epochs: 1\n"
    finished, report = ran(tmp_path, task + "  sweep: {dropout: [0, 1/4, 1]}\n  report: [curves]\n")
    chart = report.charts[0]
    assert chart.xs == (0.0, 0.25, 1.0) and chart.x_name == "dropout"
    assert chart.curves[0][1] == tuple(one.results["accuracy"] for one in finished)


def test_one_output_for_two_classes(tmp_path: Path) -> None:
    """Binary cross-entropy from logits learns what cross-entropy with two outputs learns, and counts the same."""
    task = "  data: blobs\n  model: [{dense: 1}]\n  loss: binary_cross_entropy_with_logits\n  epochs: 20\n  report: [confusion, boundary]\n"
    (one,), _ = ran(tmp_path, task)
    assert one.results["accuracy"] > 0.97
    matrix = one.results["confusion"]
    assert (matrix[0][0] + matrix[1][1]) / 1000 == pytest.approx(one.results["accuracy"])


def test_a_validation_set_is_kept_apart(tmp_path: Path) -> None:
    task = "  data: {name: moons, split: 0.9}\n  model: [{dense: 4, activation: relu}, {dense: 2}]\n  epochs: {until_flat: 1, at_most: 9}\n"
    (one,), report = ran(tmp_path, task)
    assert one.results["train"] == 1800 and one.results["test"] == 1000 and one.held_out == "validation"
    assert "validation loss" in report.columns and "test loss" in report.columns
    module = loaded(one.planned.text, tmp_path)
    whole, _, test, _ = module.load_data(tmp_path)
    assert len(whole) == 2000 and len(test) == 1000


def test_transforms_do_what_they_say(tmp_path: Path) -> None:
    folder = idx_folder(tmp_path, True)
    dense = "  model: [flatten, {dense: 2}]\n  epochs: 1\n"

    def module(data: str, model: str = dense) -> Any:
        (one,) = plan(problem(tmp_path, f"  data: {{name: mnist, {data}}}\n{model}"), folder)
        return loaded(one.text, tmp_path)

    plain = module("classes: [7, 2]")
    whole = loaded(
        plan(problem(tmp_path, "  data: mnist\n  model: [flatten, {dense: 10}]\n"), folder)[0].text, tmp_path
    )
    images, labels, *_ = whole.load_data(folder)
    kept, classes, *_ = plain.load_data(folder)
    chosen = (labels == 2) | (labels == 7)
    assert torch.equal(kept, images[chosen]) and torch.equal(classes, (labels[chosen] == 7).long())
    small = module("classes: [7, 2], resize: 14").load_data(folder)[0]
    assert small.shape[1:] == (1, 14, 14)
    assert torch.allclose(small, kept.reshape(-1, 1, 14, 2, 14, 2).mean((3, 5)), atol=0.2)
    scaled = module("classes: [7, 2], normalise: true").load_data(folder)[0]
    assert abs(float(scaled.mean())) < 1e-5 and abs(float(scaled.std()) - 1) < 1e-5
    moved = module("classes: [7, 2], flip: true, shift: 2")
    torch.manual_seed(0)
    out = torch.cat([moved.augment(images[:1]) for _ in range(200)])
    padded = torch.nn.functional.pad(images[:1], (2, 2, 2, 2))
    possible = [
        view[..., i : i + 28, j : j + 28] for i in range(5) for j in range(5) for view in (padded, padded.flip(-1))
    ]
    assert all(any(torch.equal(image, p[0]) for p in possible) for image in out)
    assert len(torch.unique(out, dim=0)) > 20


def test_a_loss_keeps_its_settings(tmp_path: Path) -> None:
    task = "  data: sine\n  model: [{dense: 1}]\n  loss: {huber: {delta: 2}}\n  epochs: 1\n  report: [fit]\n"
    made = problem(tmp_path, task)
    assert "nn.HuberLoss(delta=2.0)" in program(made.task.runs[0], "t", "p.py")


def made_up(folder: Path, **losses: tuple[list[float], list[float]]) -> list[Finished]:
    """Runs with these training and test losses."""
    compare = "".join(f"    {name.replace('_', ' ')}: {{}}\n" for name in losses)
    made = problem(folder, f"  data: moons\n  model: [{{dense: 2}}]\n  compare:\n{compare}")
    finished = []
    for planned, (train, test) in zip(plan(made, None), losses.values(), strict=True):
        rows = [
            {"train_loss": a, "test_loss": b, "seconds": 1.0, "accuracy": 0.9} for a, b in zip(train, test, strict=True)
        ]
        results = {
            "device": "cpu",
            "torch": "2",
            "parameters": 6,
            "train": 2000,
            "test": 1000,
            "shape": [2],
            "held_out": "test",
        }
        results |= {
            "history": rows,
            "test_loss": test[-1],
            "accuracy": 0.9,
            "class_counts": [500, 500],
            "predicted_counts": [600, 400],
        }
        finished.append(Finished(planned, results))
    return finished


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ([0.9, 0.5, 0.3, 0.1], [0.9, 0.5, 0.6, 0.8], True),
        ([0.9, 0.5, 0.3, 0.1], [0.9, 0.5, 0.51, 0.515], False),  # all but level
        ([0.9, 0.1, 0.02, 0.01], [0.9, 0.1, 0.006, 0.008], False),  # noise, far below where it began
        ([0.9, 0.5, 0.6, 0.9], [0.9, 0.5, 0.6, 0.9], False),  # it unlearns
    ],
)
def test_overfitting_is_a_test_loss_that_rises_while_the_training_loss_falls(
    tmp_path: Path, train: list[float], test: list[float], said: bool
) -> None:
    words = " ".join(report_of(made_up(tmp_path, a=(train, test)), []).sentences)
    assert ("A overfits: its test loss is lowest in epoch 2 (0.5000) and rises to 0.8000" in words) == said
    assert ("overfits" in words) == said


def test_a_trend_is_told_only_where_every_step_goes_the_same_way(tmp_path: Path) -> None:
    runs = {"width_1": ([0.5], [0.5]), "width_4": ([0.2], [0.2]), "width_2": ([0.3], [0.3])}
    words = " ".join(report_of(made_up(tmp_path, **runs), ["curves"]).sentences)
    assert "falls with every step of width, from 0.5000 at 1 to 0.2000 at 4" in words
    runs["width_2"] = ([0.1], [0.1])
    assert "every step" not in " ".join(report_of(made_up(tmp_path, **runs), ["curves"]).sentences)


UNFIT = [
    ("  data: moons\n  model: [{dense: 2}]\n  report: [filters]\n", "no images"),
    ("  data: digits\n  model: [flatten, {dense: 10}]\n  report: [boundary]\n", "no set of classes in the plane"),
    ("  data: moons\n  model: [{dense: 2}]\n  report: [curve]\n", "curves"),
    ("  data: {name: moons, classes: [0, 5]}\n  model: [{dense: 2}]\n", "at least two different numbers"),
    ("  data: {name: moons, resize: 5}\n  model: [{dense: 2}]\n", "is for images"),
    ("  data: {name: moons, split: 1.5}\n  model: [{dense: 2}]\n", "less than 1"),
    ("  data: moons\n  model: [{dense: 2}]\n  loss: mse\n", "is for numbers to predict"),
    ("  data: moons\n  model: [{dense: 2}]\n  loss: binary_cross_entropy_with_logits\n", "must end in one output"),
    (
        "  data: moons\n  model: [{dense: 2}]\n  compare: {a: {epochs: {until: 3}}}\n",
        "p.yaml:5:26: unknown key 'until'; did you mean 'until_flat'",
    ),
    (
        "  data: moons\n  model: [{dense: 2}]\n  compare: {a: {batch_size: -3}}\n",
        "p.yaml:5:29: at least 1 is needed here, not -3",
    ),
    (
        "  data: {name: moons, subste: 5}\n  model: [{dense: 2}]\n",
        "p.yaml:3:23: unknown key 'subste'; did you mean 'subset'",
    ),
    ("  data: moons\n  model: [{dense: 2}]\n  sweep: {epochs: [1, x]}\n", "p.yaml:5:23: a whole number"),
    ("  data: moons\n  model: [{dense: 2}]\n  optimizer: {sgd: {lr: 0.1}}\n", "p.yaml:5:21: 'sgd' has no setting 'lr'"),
    ("  data: moons\n  model: [{dense: 2}]\n  sweep: {dropout: [0.1]}\n", "no dropout in the model"),
    ("  data: moons\n  model: [{dense: 2}]\n  sweep: {momentum: [0.1]}\n", "has no 'momentum'"),
]


@pytest.mark.parametrize(("task", "message"), UNFIT, ids=[message for _, message in UNFIT])
def test_what_cannot_be_is_said(tmp_path: Path, task: str, message: str) -> None:
    with pytest.raises((InputError, GivenError), match=message):
        plan(problem(tmp_path, task), None)
