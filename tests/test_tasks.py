"""Coding tasks: programs that run by themselves, on original formats, the same each time, with the gradients that derive derives."""

from __future__ import annotations

import ast
import gzip
import importlib.util
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from derive.checks.bindings import Bindings
from derive.checks.evaluate import evaluate
from derive.errors import InputError
from derive.pipeline import vocabulary
from derive.problem.read import find, read_problem
from derive.session import task_report
from derive.tasks.data import DATA_SETS, is_fashion
from derive.tasks.program import notebook, program
from derive.tasks.report import report_of
from derive.tasks.runner import plan, run_all
from derive.topics.stack import stack_of
from derive.topics.stack_answers import objective_of

ROOT = Path(__file__).resolve().parents[1]
TASKS = [p for sheet in find([ROOT / "problems" / "coding"], vocabulary()) for p in sheet.problems]


def problem(tmp_path: Path, task: str, name: str = "p") -> Any:
    file = tmp_path / f"{name}.yaml"
    file.write_text(f"title: t\ntask:\n{task}")
    return read_problem(file, vocabulary())


def loaded(text: str, tmp_path: Path) -> Any:
    path = tmp_path / "program_under_test.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("program_under_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_idx(folder: Path, name: str, array: np.ndarray, compress: bool) -> None:
    data = bytes([0, 0, 8, array.ndim]) + b"".join(int(s).to_bytes(4, "big") for s in array.shape) + array.tobytes()
    (folder / (f"{name}.gz" if compress else name)).write_bytes(gzip.compress(data) if compress else data)


def idx_folder(folder: Path, compress: bool) -> Path:
    random = np.random.default_rng(0)
    for part, count in (("train", 60), ("t10k", 20)):
        labels = random.integers(0, 10, count, dtype=np.uint8)
        images = np.zeros((count, 28, 28), dtype=np.uint8)
        for k, label in enumerate(labels):
            images[k, 2 * label : 2 * label + 3] = 200
        write_idx(folder, f"{part}-images-idx3-ubyte", images, compress)
        write_idx(folder, f"{part}-labels-idx1-ubyte", labels, compress)
    return folder


def cifar_folder(folder: Path) -> Path:
    random = np.random.default_rng(0)
    for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        batch = {b"data": random.integers(0, 256, (10, 3072), dtype=np.uint8), b"labels": [int(k) for k in range(10)]}
        (folder / name).write_bytes(pickle.dumps(batch))
    return folder


DENSE = "  model: [flatten, {dense: 12, activation: relu}, {dense: 10}]\n"


@pytest.mark.parametrize("compress", [False, True])
def test_a_program_runs_by_itself_on_the_original_format(tmp_path: Path, compress: bool) -> None:
    made = problem(tmp_path, f"  data: mnist\n{DENSE}  epochs: 8\n  batch_size: 10\n")
    (one,) = plan(made, idx_folder(tmp_path, compress))
    assert not one.is_stand_in and "derive" not in one.text
    said: list[str] = []
    (finished,) = run_all([one], tmp_path / "out", said.append)
    history = finished.results["history"]
    assert len(history) == 8 and history[-1]["train_loss"] < history[0]["train_loss"] and history[-1]["accuracy"] > 0.5
    assert finished.results["parameters"] == 784 * 12 + 12 + 12 * 10 + 10 and finished.results["shape"] == [1, 28, 28]
    assert sum(map(sum, finished.results["confusion"])) == 20 and any("epoch 8/8" in line for line in said)
    again = run_all([one], tmp_path / "out", said.append)[0]
    assert again.was_cached and again.results == finished.results
    forced = run_all([one], tmp_path / "out", said.append, force=True)[0]
    losses = [[row["test_loss"] for row in run.results["history"]] for run in (finished, forced)]
    assert not forced.was_cached and losses[0] == losses[1]


def test_cifar_is_read_grey_and_nothing_but_arrays_is_unpickled(tmp_path: Path) -> None:
    folder = cifar_folder(tmp_path)
    made = problem(tmp_path, f"  data: {{name: cifar10, grayscale: true}}\n{DENSE}  epochs: 1\n")
    (one,) = plan(made, folder)
    module = loaded(one.text, tmp_path)
    train, labels, test, _ = module.load_data(folder)
    assert train.shape == (50, 1, 32, 32) and test.shape == (10, 1, 32, 32) and labels[:10].tolist() == list(range(10))
    colour = (
        torch.from_numpy(pickle.loads((folder / "data_batch_1").read_bytes())[b"data"]).reshape(-1, 3, 32, 32).float()
    )
    grey = (torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1) * colour / 255).sum(1, keepdim=True)
    assert torch.allclose(train[:10], grey)
    (folder / "test_batch").write_bytes(pickle.dumps(print))
    with pytest.raises(pickle.UnpicklingError, match="does not belong"):
        module.load_data(folder)


def test_a_stand_in_says_that_it_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("derive.tasks.runner.torchvision_works", lambda: False)
    made = problem(tmp_path, f"  data: cifar10\n{DENSE}  epochs: 1\n")
    planned = plan(made, tmp_path)
    assert planned[0].is_stand_in
    report = report_of(run_all(planned, tmp_path / "out", lambda _: None), ("accuracy",))
    assert report.is_stand_in and "CIFAR-10 was not there" in report.sentences[0]


def test_fashion_is_never_taken_for_digits(tmp_path: Path) -> None:
    assert not is_fashion(idx_folder(tmp_path, True))


def test_a_run_that_was_stopped_goes_on_to_the_same_end(tmp_path: Path) -> None:
    made = problem(tmp_path, "  data: moons\n  model: [{dense: 8, activation: tanh}, {dense: 2}]\n  epochs: 6\n")
    (one,) = plan(made, None)
    path = tmp_path / "program.py"
    path.write_text(one.text)

    def run(results: str, *more: str) -> list[float]:
        subprocess.run([sys.executable, str(path), "--device", "cpu", "--results", results, *more], cwd=tmp_path, check=True,
                       capture_output=True)  # fmt: skip
        return [row["test_loss"] for row in json.loads((tmp_path / results).read_text())["history"]]

    whole = run("a.json")
    run("b.json", "--checkpoint", "c.pt", "--epochs", "3")
    assert run("b.json", "--checkpoint", "c.pt") == whole


def test_programs_take_the_gradients_that_derive_derives(tmp_path: Path) -> None:
    """One step of a generated program against the symbolic gradients, at the same weights."""
    layers = "[{dense: 4, activation: tanh}, {dense: 2, activation: softmax}]"
    text = f"title: t\ngiven:\n  network: {{convention: row, input: 2, layers: {layers}}}\n"
    file = tmp_path / "q.yaml"
    file.write_text(text + "  loss: cross_entropy\nask: [backward]\n")
    stack = stack_of(read_problem(file, vocabulary()).given)
    objective = objective_of(stack)
    made = problem(tmp_path, "  data: moons\n  model: [{dense: 4, activation: tanh}, {dense: 2}]\n  epochs: 1\n")
    module = loaded(program(made.task.runs[0], "t", "p.py"), tmp_path)
    torch.manual_seed(1)
    model = module.make_model().double()
    inputs, targets, *_ = module.load_data(tmp_path)
    inputs, targets = inputs[:32].double(), targets[:32]
    torch.nn.CrossEntropyLoss()(model(inputs), targets).backward()
    first, second = model[0], model[2]
    values = {
        stack.x: inputs, stack.y: torch.nn.functional.one_hot(targets, 2).double(), stack.batch: torch.tensor(32.0).double(),
    }  # fmt: skip
    by_name = {s.name: s for s in stack.parameters}
    known = {"W1": first.weight.T, "b1": first.bias[:, None], "W2": second.weight.T, "b2": second.bias[:, None]}
    values.update({by_name[name]: tensor.detach() for name, tensor in known.items()})
    bindings = Bindings(values, "")
    for symbol, expr in objective.named:
        bindings.values[symbol] = evaluate(expr, bindings)
    theirs = {
        "W1": first.weight.grad.T,
        "b1": first.bias.grad[:, None],
        "W2": second.weight.grad.T,
        "b2": second.bias.grad[:, None],
    }
    for name, gradient in theirs.items():
        ours = evaluate(objective.gradients[by_name[name]], bindings)
        assert torch.allclose(ours, gradient, rtol=1e-10, atol=1e-12), name


@pytest.mark.parametrize("task", TASKS, ids=[p.id for p in TASKS])
def test_every_task_makes_programs_of_its_own(task: Any, tmp_path: Path) -> None:
    for run in task.task.runs:
        text = program(run, task.title, "p.py")
        module = loaded(text, tmp_path)
        data = DATA_SETS[run.data["name"]]
        shape = (1, *data.shape[1:]) if run.data["grayscale"] else data.shape
        model = module.make_model()
        module.initialise(model)
        assert model(torch.rand(3, *shape)).shape == (3, data.classes or 1)


def test_words_of_a_file_never_become_code(tmp_path: Path) -> None:
    """A title and a run's name that try to end the docstring they stand in stay words."""
    hostile = '"""\\nimport pathlib; pathlib.Path("owned").touch()\\n"""\\\\" 100 %(prog)s'
    task = f"  data: moons\n  model: [{{dense: 2}}]\n  epochs: 1\n  compare: {{{json.dumps(hostile)}: {{}}}}\n"
    file = tmp_path / "p.yaml"
    file.write_text(f"title: {json.dumps(hostile)}\ntask:\n{task}")
    (one,) = plan(read_problem(file, vocabulary()), None)
    path = tmp_path / "program.py"
    path.write_text(one.text)
    subprocess.run([sys.executable, str(path), "--help"], cwd=tmp_path, check=True, capture_output=True)
    assert not (tmp_path / "owned").exists()
    tree = ast.parse(one.text)
    assert [type(node) for node in tree.body[:2]] == [ast.Expr, ast.Import] and "pathlib" in ast.get_docstring(tree)


def test_a_notebook_holds_the_program(tmp_path: Path) -> None:
    import nbformat

    made = problem(tmp_path, "  data: moons\n  model: [{dense: 2}]\n  epochs: 1\n")
    (one,) = plan(made, None)
    book = notebook(one.text, "t", "--device cpu --epochs 1 --limit 100")
    nbformat.validate(book)
    from nbclient import NotebookClient

    NotebookClient(book, timeout=120, kernel_name="python3").execute()
    printed = "".join(out.get("text", "") for out in book.cells[-1].outputs)
    assert "epoch 1/1" in printed


def test_diverging_and_not_learning_are_called_so(tmp_path: Path) -> None:
    task = "  data: circles\n  model: [{dense: 8, activation: relu}, {dense: 2}]\n  epochs: 2\n"
    runs = task + "  compare:\n    zero: {init: zeros}\n    wild: {optimizer: {sgd: {learning_rate: 1e30}}}\n"
    report = report_of(
        run_all(plan(problem(tmp_path, runs), None), tmp_path / "out", lambda _: None), ("gradient_norms",)
    )
    words = " ".join(report.sentences)
    assert "Zero has not learned" in words and "no gradient reaches the weights" in words
    assert "Wild diverged" in words or "Wild has not learned" in words


def test_a_document_holds_the_program_and_what_ran(tmp_path: Path) -> None:
    from derive.document.latex import sheet_latex
    from derive.document.outline import compose
    from derive.pipeline import Result, solve, verify

    made = problem(tmp_path, "  data: moons\n  model: [{dense: 2}]\n  epochs: 2\n")
    solution = solve(made)
    (sheet,) = find([tmp_path / "p.yaml"], vocabulary())

    def tex() -> str:
        result = Result(made, solution, verify(solution), task_report(made, tmp_path / "out"))
        return sheet_latex(compose(sheet, [result]))

    assert "Not run yet" in tex()
    (finished,) = run_all(plan(made, None), tmp_path / "out", lambda _: None)
    accuracy = f"{100 * finished.results['history'][-1]['accuracy']:.2f}"
    assert accuracy in tex() and "Not run yet" not in tex()


FAULTS = [
    ("  data: mnist\n  model: [{dense: 10}]\n", "put 'flatten' before"),
    ("  data: mnist\n  model: [flatten, {dense: 3}]\n", "must end in 10 outputs"),
    ("  data: moons\n  model: [{dense: 2, activation: softmax}]\n", "leave the softmax out"),
    ("  data: moons\n  model: [{lstm: 2}]\n", "takes steps|stacks of plain layers"),
    ("  data: nmist\n  model: [{dense: 2}]\n", "not known"),
    ("  data: moons\n  model: [{dense: 2}]\n  compare: {a: {lr: 1}}\n", "'lr' cannot differ"),
    ("  data: moons\n  model: [{dense: 2}]\n  epochs: 0\n", "at least 1"),
    ("  data: sine\n  model: [{dense: 1}]\n  loss: mse\n  order: sorted\n", "needs classes"),
]


@pytest.mark.parametrize(("task", "message"), FAULTS, ids=[message for _, message in FAULTS])
def test_what_is_wrong_with_a_task_is_said(tmp_path: Path, task: str, message: str) -> None:
    from derive.errors import GivenError

    with pytest.raises((InputError, GivenError), match=message):
        plan(problem(tmp_path, task), None)
