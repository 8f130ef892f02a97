"""A run as a program in plain PyTorch: what a student could have handed in. It knows nothing of derive."""

from __future__ import annotations

import inspect
import textwrap
from dataclasses import fields
from functools import lru_cache
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from derive.checks.twins import named
from derive.document.templates import package_templates
from derive.errors import GivenError
from derive.problem.task import Run
from derive.tasks.data import DATA_SETS, DataSet, data_code

INIT = {
    "default": ("PyTorch's own initialisation.", [], ""),
    "zeros": ("All weights and biases start at zero.", ["nn.init.zeros_(layer.weight)"], "nn.init.zeros_(layer.bias)"),
    "uniform": (
        "Weights and biases start between -1 and 1.",
        ["nn.init.uniform_(layer.weight, -1, 1)"], "nn.init.uniform_(layer.bias, -1, 1)",
    ),
    "normal": (
        "Weights start with a deviation of 0.01, biases at zero.",
        ["nn.init.normal_(layer.weight, std=0.01)"], "nn.init.zeros_(layer.bias)",
    ),
    "xavier": ("Glorot and Bengio's initialisation.", ["nn.init.xavier_uniform_(layer.weight)"], "nn.init.zeros_(layer.bias)"),
    "he": (
        "He's initialisation.",
        ["nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')"], "nn.init.zeros_(layer.bias)",
    ),
}  # fmt: skip
STANDARD = ("import argparse", "import json", "import os", "import time")
LOSSES = {
    "cross_entropy": "nn.CrossEntropyLoss()", "mse": "nn.MSELoss()", "mae": "nn.L1Loss()", "huber": "nn.HuberLoss()",
    "binary_cross_entropy_with_logits": "nn.BCEWithLogitsLoss()",
}  # fmt: skip


@lru_cache(maxsize=1)
def environment() -> ImmutableSandboxedEnvironment:
    """Jinja's own delimiters, for Python."""
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(str(package_templates())), undefined=StrictUndefined, keep_trailing_newline=True
    )


def shapes_of(run: Run, data: DataSet) -> tuple[list[Any], tuple[int, ...]]:
    """The layers of the program in order, with the shape that enters each; raises GivenError where one does not fit."""
    from derive.catalogue.layers.base import expanded

    shape: tuple[int, ...] = (1, *data.shape[1:]) if run.data.get("grayscale") and len(data.shape) == 3 else data.shape
    found = []
    path = ("task", "model")
    try:
        for layer in expanded(run.layers, shape):
            if layer.call != "plain" or layer.torch in ("residual", "concatenate") or getattr(layer, "words", 0):
                raise GivenError(f"programs are stacks of plain layers; '{layer.name}' is none", path)
            if layer.name == "dense" and len(shape) > 1:
                raise ValueError("put 'flatten' before the dense layer")
            found.append((layer, shape))
            shape = layer.out(shape)
    except ValueError as error:
        raise GivenError(str(error), path) from None
    return found, shape


def layer_code(layer: Any, shape: tuple[int, ...]) -> str:
    """nn.Conv2d(1, 8, kernel_size=(3, 3)): what the twin's signature needs, without its defaults."""
    name = layer.twin_name(shape) if hasattr(layer, "twin_name") else layer.torch
    kind = named(name)
    settings = layer.twin(shape)
    arguments = [repr(value) for value in settings.pop("args", ())]
    parameters = inspect.signature(kind.__init__).parameters
    for key, value in settings.items():
        default = parameters[key].default if key in parameters else None
        if isinstance(value, tuple) and len(set(value)) == 1:
            value = value[0]
        if value != default:
            first = key in (
                "in_features",
                "out_features",
                "in_channels",
                "out_channels",
                "num_features",
                "normalized_shape",
            )
            arguments.append(repr(value) if first else f"{key}={value!r}")
    return f"nn.{name.rpartition('.')[2]}({', '.join(arguments)})"


def optimiser_code(optimiser: Any) -> str:
    """torch.optim.SGD(model.parameters(), lr=0.01)."""
    twin = optimiser.twin
    settings: dict[str, Any] = dict(twin.always)
    for setting, keyword in twin.keywords:
        name, _, place = keyword.partition(".")
        value = float(getattr(optimiser, setting))
        settings[name] = (*settings.get(name, ()), value) if place else value
    parameters = inspect.signature(named(twin.name).__init__).parameters
    if "fused" in parameters:
        settings["fused"] = True  # one pass over the parameters for each step, not one an operation
    shown = [f"{k}={v!r}" for k, v in settings.items() if k == "lr" or parameters[k].default != v]
    return f"{twin.name}(model.parameters(), {', '.join(shown)})"


def program(run: Run, title: str, file: str, data_name: str = "") -> str:
    """The program's text; `data_name` names another data set than the task does (a stand-in)."""
    data = DATA_SETS[data_name or run.data["name"]]
    layers, out = shapes_of(run, data)
    settings = {f: run.data.get(f) for f in ("grayscale", "normalise", "subset", "classes")}
    if len(data.shape) != 3 or data.shape[0] == 1:
        settings["grayscale"] = False
    code, imports = data_code(data, settings)
    loss = run.loss.name
    if loss not in LOSSES:
        raise GivenError(f"programs are trained with {', '.join(sorted(LOSSES))}, not with '{loss}'", ("task", "loss"))
    if loss == "cross_entropy" and (out != (data.classes,) or not data.classes):
        need = (
            f"the model must end in {data.classes} outputs, one for each class; it ends in {' x '.join(map(str, out))}"
        )
        raise GivenError(need, ("task", "model"))
    if loss == "cross_entropy" and getattr(getattr(layers[-1][0], "activation", None), "name", "") == "softmax":
        raise GivenError("cross_entropy takes the outputs before softmax: leave the softmax out", ("task", "model"))
    words, init_code, bias_code = INIT[run.init]
    order = (
        "torch.randperm(len(train_inputs))" if run.order == "shuffled"
        else "torch.argsort(train_targets.cpu(), stable=True)  # class after class, the same in every epoch"
    )  # fmt: skip
    if run.order == "sorted" and not data.classes:
        raise GivenError("an order by class needs classes", ("task", "order"))
    text = environment().get_template("program.py.j2").render(
        title=as_words(title), file=as_words(file), seed=run.seed, batch_size=run.batch_size, epochs=run.epochs, patience=run.patience,
        imports=sorted({*imports, *STANDARD}), data_code=code, layers=[layer_code(*pair) for pair in layers],
        ends_in="one number for each class" if data.classes else "the prediction",
        summary="\n".join(textwrap.wrap(as_words(summary(run, data)), 100)), init_words=words, init_code=init_code, bias_code=bias_code,
        loss_code=LOSSES[loss], optimiser_code=optimiser_code(run.optimizer), order_code=order, classes=data.classes,
        predictions="outputs.argmax(1)" if data.classes else "outputs",
    )  # fmt: skip
    return formatted(text)


def as_words(text: str) -> str:
    """A file's text as it may stand in a program's docstring and help: one line that nothing can end or expand."""
    plain = " ".join(text.split()).replace("\\", "/").replace('"', "'").replace("%", " per cent")
    return "".join(c for c in plain if c.isprintable())


def summary(run: Run, data: DataSet) -> str:
    """One sentence on what the program does."""
    settings = ", ".join(
        f"{f.name.replace('_', ' ')} {float(getattr(run.optimizer, f.name)):g}" for f in fields(run.optimizer)
    )
    name = f" ({run.name})" if run.name else ""
    return f"Trains a network on {data.title}{name}: {run.optimizer.name} with {settings}, batches of {run.batch_size}, seed {run.seed}."


def formatted(text: str) -> str:
    """As ruff formats it, where ruff is there."""
    import shutil
    import subprocess
    import sys
    from pathlib import Path

    ruff = shutil.which("ruff") or str(Path(sys.executable).with_name("ruff"))
    try:
        done = subprocess.run(
            [ruff, "format", "--line-length", "120", "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return text
    return done.stdout


def notebook(text: str, title: str, results: str = "") -> Any:
    """The same program as a notebook: a cell for each part, run at the end."""
    import nbformat

    head, _, body = text.partition("\n\nimport argparse")
    parts = ("import argparse" + body).split("\n\n\n")
    cells = [nbformat.v4.new_markdown_cell(f"# {title}\n\n" + head.strip().strip('"').partition("\n")[2].strip())]
    cells += [nbformat.v4.new_code_cell(part.strip()) for part in parts if not part.startswith("if __name__")]
    cells.append(nbformat.v4.new_code_cell(f"import sys\n\nsys.argv = {['program', *results.split()]!r}\nmain()"))
    book = nbformat.v4.new_notebook(cells=cells)
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return book
