"""Coding tasks: programs that run by themselves, on original formats, the same each time, with the gradients that derive derives."""

from __future__ import annotations

import ast
import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from derive.checks.bindings import Bindings
from derive.checks.evaluate import evaluate
from derive.errors import InputError
from derive.pipeline import vocabulary
from derive.problem.read import find, read_problem
from derive.problem.types import to_activation
from derive.session import task_report
from derive.tasks.data import DATA_SETS, as_used, is_fashion
from derive.tasks.program import notebook, program
from derive.tasks.report import report_of
from derive.tasks.runner import Quiet, plan, run_all
from derive.tasks.stacks import parameter_counts, shapes_of
from derive.topics.stack import stack_of
from derive.topics.stack_answers import objective_of
from tests.tasks.made import Heard, cifar_folder, idx_folder, loaded, problem

ROOT = Path(__file__).resolve().parents[2]
TASKS = [p for sheet in find([ROOT / "problems" / "coding"], vocabulary()) for p in sheet.problems]


DENSE = "  model: [flatten, {dense: 12, activation: relu}, {dense: 10}]\n"


@pytest.mark.parametrize("compress", [False, True])
def test_a_program_runs_by_itself_on_the_original_format(tmp_path: Path, compress: bool) -> None:
    made = problem(tmp_path, f"  data: mnist\n{DENSE}  epochs: 8\n  batch_size: 10\n")
    (one,) = plan(made, idx_folder(tmp_path, compress))
    assert not one.is_stand_in and "derive" not in one.text
    told = Heard()
    (finished,) = run_all([one], tmp_path / "out", told)
    history = finished.results["history"]
    assert len(history) == 8 and history[-1]["train_loss"] < history[0]["train_loss"] and history[-1]["accuracy"] > 0.5
    assert finished.results["parameters"] == 784 * 12 + 12 + 12 * 10 + 10 and finished.results["shape"] == [1, 28, 28]
    assert sum(finished.results["class_counts"]) == 20 and told.steps[-1][1:3] == (8, 8)
    again = run_all([one], tmp_path / "out", Quiet())[0]
    assert again.was_cached and again.results == finished.results
    if compress:
        return
    forced = run_all([one], tmp_path / "out", Quiet(), force=True)[0]
    losses = [[row["test_loss"] for row in run.results["history"]] for run in (finished, forced)]
    assert not forced.was_cached and losses[0] == losses[1]


def test_cifar_is_read_grey_and_nothing_but_arrays_is_unpickled(tmp_path: Path) -> None:
    folder = cifar_folder(tmp_path)
    made = problem(tmp_path, f"  data: {{name: cifar10, grayscale: true}}\n{DENSE}  epochs: 1\n")
    (one,) = plan(made, folder)
    module = loaded(one.text, tmp_path)
    train, labels, test, _ = module.load_data(folder)
    assert train.shape == (50, 1, 32, 32) and test.shape == (10, 1, 32, 32) and labels[:10].tolist() == list(range(10))
    batch = pickle.loads((folder / "data_batch_1").read_bytes(), encoding="bytes")
    colour = torch.from_numpy(batch[b"data"]).reshape(-1, 3, 32, 32).float()
    grey = (torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1) * colour / 255).sum(1, keepdim=True)
    assert torch.allclose(train[:10], grey)
    (folder / "test_batch").write_bytes(pickle.dumps(print))
    with pytest.raises(pickle.UnpicklingError, match="does not belong"):
        module.load_data(folder)


def test_a_stand_in_says_that_it_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("derive.tasks.fetch.fetched", lambda *_: "there is no network")
    made = problem(tmp_path, f"  data: cifar10\n{DENSE}  epochs: 1\n")
    told = Heard()
    planned = plan(made, tmp_path, listener=told)
    assert "CIFAR-10" in told.lines[0] and "no network" in told.lines[0]
    assert planned[0].is_stand_in
    report = report_of(run_all(planned, tmp_path / "out", Quiet()), ("accuracy",))
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


def dense_tail(run: Any, layers: list[Any]) -> int:
    """Where the last layers begin that are dense (with what is applied entrywise), so that derive has matrix equations."""
    start = len(layers)
    while start and (layers[start - 1][0].name == "dense" or getattr(layers[start - 1][0], "name", "") == "activate"):
        start -= 1
    while layers[start][0].name != "dense":
        start += 1
    return start


LOSS_OF = {"cross_entropy": "cross_entropy", "mse": "{mse: {reduction: mean}}"}


@pytest.mark.parametrize("task", TASKS, ids=[p.id for p in TASKS])
def test_programs_take_the_gradients_that_derive_derives(task: Any, tmp_path: Path) -> None:
    """One training step of each generated program against the symbolic gradients, at the same weights: of all dense layers
    after the last layer of another kind (whose output is taken from the program), and of what enters them."""
    for run in {(run.layers, run.loss, run.init): run for run in task.task.runs}.values():
        data = as_used(DATA_SETS[run.data["name"]], run.data)
        module = loaded(program(run, task.title, "p.py", reports=task.task.report), tmp_path)
        torch.manual_seed(1)
        model = module.make_model().double()
        module.initialise(model)
        layers, _ = shapes_of(run, data)
        start = dense_tail(run, layers)
        inputs = torch.rand(8, *data.shape).double()
        targets = torch.arange(8) % data.classes if data.classes else torch.rand(8, 1).double()
        features = model[:start](inputs).detach().requires_grad_()
        loss_function = torch.nn.CrossEntropyLoss() if data.classes else torch.nn.MSELoss()
        loss_function(model[start:](features), targets).backward()
        objective, stack = symbolic(layers[start:], features.shape[1], run.loss.name, tmp_path)
        linear = [layer for layer in model[start:] if isinstance(layer, torch.nn.Linear)]
        values = {stack.x: features.detach(), stack.batch: torch.tensor(8.0).double()}
        values[stack.y] = torch.nn.functional.one_hot(targets, data.classes).double() if data.classes else targets
        theirs = {}
        by_name = {s.name: s for s in stack.parameters}
        for k, layer in enumerate(linear, 1):
            values[by_name[f"W{k}"]], values[by_name[f"b{k}"]] = layer.weight.detach().T, layer.bias.detach()[:, None]
            theirs |= {f"W{k}": layer.weight.grad.T, f"b{k}": layer.bias.grad[:, None]}
        bindings = Bindings(values, "")
        for symbol, expr in objective.named:
            bindings.values[symbol] = evaluate(expr, bindings)
        assert theirs
        for name, gradient in theirs.items():
            ours = evaluate(objective.gradients[by_name[name]], bindings)
            assert torch.allclose(ours, gradient, rtol=1e-9, atol=1e-12), (run.name, name)


CONVOLUTIONAL = [p for p in TASKS if any(layer.name == "conv2d" for layer in p.task.runs[0].layers)]


@pytest.mark.parametrize("task", CONVOLUTIONAL, ids=[p.id for p in CONVOLUTIONAL])
def test_whole_convolutional_programs_take_the_gradients_that_derive_derives(task: Any, tmp_path: Path) -> None:
    """One step on one image: every filter, gain and weight, through convolutions, batch norm and pooling."""
    run = task.task.runs[0]
    data = as_used(DATA_SETS[run.data["name"]], run.data)
    torch.manual_seed(1)
    model = loaded(program(run, task.title, "p.py"), tmp_path).make_model().double()
    for layer in model:
        layer.train(not isinstance(layer, torch.nn.Dropout))
    image, label = torch.rand(1, *data.shape).double(), torch.tensor([3])
    torch.nn.CrossEntropyLoss()(model(image), label).backward()
    file = tmp_path / "q.yaml"
    file.write_text(
        "title: t\ngiven:\n  network: {convention: row, input: 2, layers: [flatten]}\n  loss: cross_entropy\nask: [shapes]\n"
    )
    given = read_problem(file, vocabulary()).given
    ending = replace(run.layers[-1], activation=to_activation("softmax"))
    stack = stack_of(
        replace(given, network=replace(given.network, input=data.shape, layers=(*run.layers[:-1], ending)))
    )
    objective = objective_of(stack)
    values = {stack.x: image[0].flatten(1).T, stack.y: torch.nn.functional.one_hot(label, data.classes).double()}
    names = dict(model.named_children())

    def page(weight: Any, tensor: torch.Tensor) -> torch.Tensor:
        return tensor[:, None] if tensor.ndim == 1 else tensor.flatten(1).T

    theirs = {}
    for place, weight, symbol in stack.weights():
        tensor = getattr(names[place.path], weight.torch)
        values[symbol], theirs[symbol] = page(weight, tensor.detach()), page(weight, tensor.grad)
    bindings = Bindings(values, "")
    for symbol, expr in objective.named:
        bindings.values[symbol] = evaluate(expr, bindings)
    assert set(theirs) == set(stack.parameters) and len(theirs) == len(list(model.parameters()))
    for symbol, gradient in theirs.items():
        ours = evaluate(objective.gradients[symbol], bindings)
        assert torch.allclose(ours, gradient, rtol=1e-8, atol=1e-11), symbol


def symbolic(layers: list[Any], inputs: int, loss: str, folder: Path) -> Any:
    """derive's objective with its gradients, for dense layers on rows."""
    words: list[Any] = []
    for layer, _ in layers:
        if layer.name == "dense":
            words.append({"dense": int(layer.units), "activation": layer.activation.name})
        elif layer.name == "activate":
            words[-1]["activation"] = layer.activation.name
    if loss == "cross_entropy":
        words[-1]["activation"] = "softmax"
    text = {"convention": "row", "input": inputs, "layers": words}
    file = folder / "q.yaml"
    file.write_text(f"title: t\ngiven:\n  network: {json.dumps(text)}\n  loss: {loss}\nask: [backward]\n")
    stack = stack_of(read_problem(file, vocabulary()).given)
    return objective_of(stack), stack


@pytest.mark.parametrize("task", TASKS, ids=[p.id for p in TASKS])
def test_every_task_makes_programs_of_its_own(task: Any, tmp_path: Path) -> None:
    for run in task.task.runs:
        text = program(run, task.title, "p.py", reports=task.task.report)
        module = loaded(text, tmp_path)
        data = as_used(DATA_SETS[run.data["name"]], run.data)
        model = module.make_model()
        module.initialise(model)
        assert model(torch.rand(3, *data.shape)).shape == (3, data.classes or 1)
        counts = [count for _, _, count in parameter_counts(run, data)]
        learned = [sum(p.numel() for p in layer.parameters()) for layer in model]
        assert counts == [count for count in learned if count]


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
    book = notebook(one.text, "t", ["--device", "cpu", "--epochs", "1", "--limit", "100"])
    nbformat.validate(book)
    from nbclient import NotebookClient

    NotebookClient(book, timeout=120, kernel_name="python3").execute()
    printed = "".join(out.get("text", "") for out in book.cells[-1].outputs if out.output_type == "stream")
    assert "epoch 1/1" in printed


def test_diverging_and_not_learning_are_called_so(tmp_path: Path) -> None:
    task = "  data: circles\n  model: [{dense: 8, activation: relu}, {dense: 2}]\n  epochs: 2\n"
    runs = (
        task
        + "  compare:\n    zero: {init: zeros}\n    wild: {optimizer: {sgd: {learning_rate: 1e30}}}\n  report: [gradient_norms]\n"
    )
    report = report_of(run_all(plan(problem(tmp_path, runs), None), tmp_path / "out", Quiet()), ("gradient_norms",))
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
    (finished,) = run_all(plan(made, None), tmp_path / "out", Quiet())
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
