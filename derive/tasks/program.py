"""A run as a program in plain PyTorch: what a student could have handed in. It knows nothing of derive."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from derive.checks.twins import named
from derive.document.templates import package_templates
from derive.errors import GivenError
from derive.problem.task import Run
from derive.tasks.data import DATA_SETS, DataSet, as_used, data_code, unfit
from derive.tasks.formatting import formatted
from derive.tasks.reports import REPORTS
from derive.tasks.stacks import shapes_of

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
STANDARD = ("import argparse", "import json", "import math", "import os", "import time")
LOSSES = {
    "cross_entropy": "CrossEntropyLoss", "mse": "MSELoss", "mae": "L1Loss", "huber": "HuberLoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
}  # fmt: skip


@lru_cache(maxsize=1)
def environment() -> ImmutableSandboxedEnvironment:
    """Jinja's own delimiters, for Python."""
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(str(package_templates())), undefined=StrictUndefined, keep_trailing_newline=True
    )


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


def loss_code(loss: Any, classes: int) -> str:
    """nn.HuberLoss(delta=2.0)."""
    name = LOSSES[loss.name]
    settings = {f.name: getattr(loss, f.name) for f in fields(loss)}
    parameters = inspect.signature(named(f"torch.nn.{name}").__init__).parameters
    shown = {k: v if isinstance(v, str) else float(v) for k, v in settings.items() if k in parameters}
    arguments = ", ".join(f"{k}={v!r}" for k, v in shown.items() if parameters[k].default != v)
    if name != "BCEWithLogitsLoss":
        return f"nn.{name}({arguments})"
    return f"binary(nn.{name}({arguments}))"


BINARY = '''def binary(loss_function):
    """The loss of one output for each example; the targets are classes 0 and 1."""
    return lambda outputs, targets: loss_function(outputs.squeeze(1), targets.float())'''


def fit_together(run: Run, data: DataSet, layers: list[Any], out: tuple[int, ...]) -> None:
    """Raises GivenError where the loss, the data and the end of the model do not go together."""

    def refuse(message: str, key: str) -> None:
        raise GivenError(message, ("task", key))

    loss = run.loss.name
    if loss not in LOSSES:
        refuse(f"programs are trained with {', '.join(sorted(LOSSES))}, not with '{loss}'", "loss")
    if getattr(run.loss, "reduction", "mean") == "none":
        refuse("training needs one number: the reduction is mean or sum", "loss")
    last = getattr(getattr(layers[-1][0], "activation", None), "name", "")
    ends = " x ".join(map(str, out))
    if loss == "cross_entropy":
        if not data.classes:
            refuse(f"cross_entropy is for classes; {data.title} has numbers to predict (mse, mae or huber)", "loss")
        if out != (data.classes,):
            refuse(f"the model must end in {data.classes} outputs, one for each class; it ends in {ends}", "model")
        if last == "softmax":
            refuse("cross_entropy takes the outputs before softmax: leave the softmax out", "model")
    elif loss == "binary_cross_entropy_with_logits":
        if data.classes != 2:
            refuse(f"'{loss}' is for two classes; {data.title} has {data.classes or 'none'}", "loss")
        if out != (1,):
            refuse(f"the model must end in one output; it ends in {ends}", "model")
        if last == "sigmoid":
            refuse(f"'{loss}' takes the output before the sigmoid: leave the sigmoid out", "model")
    elif data.classes:
        refuse(f"'{loss}' is for numbers to predict; {data.title} has classes (cross_entropy)", "loss")
    elif out != (1,):
        refuse(f"the model must end in one output, as the targets have; it ends in {ends}", "model")
    if run.order == "sorted" and not data.classes:
        refuse("an order by class needs classes", "order")


def program(run: Run, title: str, file: str, data_name: str = "", reports: Sequence[str] = ()) -> str:
    """The program's text; `data_name` names another data set than the task does (a stand-in). Raises GivenError."""
    return formatted(source(run, title, file, data_name, reports))


def source(run: Run, title: str, file: str, data_name: str = "", reports: Sequence[str] = ()) -> str:
    """The same before it is formatted: what results are kept by."""
    origin = DATA_SETS[data_name or run.data["name"]]
    settings = dict(run.data)
    if len(origin.shape) != 3 or origin.shape[0] == 1:
        settings["grayscale"] = False
    wrong = unfit(origin, settings)
    if wrong:
        raise GivenError(wrong, ("task", "data"))
    data = as_used(origin, settings)
    layers, out = shapes_of(run, data)
    fit_together(run, data, layers, out)
    kinds = [REPORTS[name] for name in reports]
    for kind in kinds:
        why = kind.unfit(data, layers)
        if why:
            raise GivenError(f"'{kind.name}' cannot be reported: {why}", ("task", "report"))
    code, imports = data_code(origin, settings)
    code_of_loss = loss_code(run.loss, data.classes)
    functions = [BINARY] if "binary(" in code_of_loss else []
    functions += dict.fromkeys(piece for kind in kinds for piece in (*kind.helpers, kind.code) if piece)
    words, init_code, bias_code = INIT[run.init]
    held = "validation" if settings.get("split") else "test"
    order = (
        "torch.randperm(len(train_inputs))" if run.order == "shuffled"
        else "torch.argsort(train_targets.cpu(), stable=True)  # class after class, the same in every epoch"
    )  # fmt: skip
    text: str = environment().get_template("program.py.j2").render(
        title=as_words(title), file=as_words(file), seed=run.seed, batch_size=run.batch_size, epochs=run.epochs, patience=run.patience,
        imports=sorted({*imports, *STANDARD, *(line for kind in kinds for line in kind.imports)}, key=_import_order), data_code=code,
        layers=[layer_code(*pair) for pair in layers], ends_in=ending(data), augment=augmentation(settings), split=settings.get("split"),
        summary="\n".join(textwrap.wrap(as_words(summary(run, origin)), 100)), init_words=words, init_code=init_code, bias_code=bias_code,
        loss_code=code_of_loss, optimiser_code=optimiser_code(run.optimizer), order_code=order, classes=data.classes, held=held,
        class_code="(outputs[:, 0] > 0).long()" if functions[:1] == [BINARY] else "outputs.argmax(1)",
        watched="train" if run.watch == "train" else held, functions=functions,
        convolves=any(layer.name == "conv2d" for layer, _ in layers),
        each_epoch=[(kind.name, kind.each_epoch) for kind in kinds if kind.each_epoch],
        at_end=[(kind.name, kind.at_end) for kind in kinds if kind.at_end],
    )  # fmt: skip
    return text


def _import_order(line: str) -> tuple[bool, str]:
    return line.startswith("from"), line


def ending(data: DataSet) -> str:
    """What the network's outputs are."""
    return "one number for each class" if data.classes else "the prediction"


def augmentation(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is done to a batch of training images."""
    if not settings.get("flip") and not settings.get("shift"):
        return None
    words = []
    if settings.get("flip"):
        words.append("each image mirrored with probability 1/2")
    if settings.get("shift"):
        words.append(f"the batch moved by up to {settings['shift']} pixels")
    sentence = ", ".join(words)
    return {
        "flip": bool(settings.get("flip")),
        "shift": settings.get("shift"),
        "words": sentence[0].upper() + sentence[1:] + ".",
    }


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


def notebook(text: str, title: str, arguments: Sequence[str] = (), reports: Sequence[str] = ()) -> Any:
    """The same program as a notebook: a cell for each part, then the run, then a cell for each report."""
    import nbformat

    head, _, body = text.partition("\n\nimport argparse")
    parts = ("import argparse" + body).split("\n\n\n")
    words = [line for line in head.strip().strip('"').strip().splitlines()[1:] if not line.startswith("    python")]
    cells = [nbformat.v4.new_markdown_cell(f"# {title}\n\n" + "\n".join(words).strip())]
    cells += [nbformat.v4.new_code_cell(part.strip()) for part in parts if not part.startswith("if __name__")]
    cells.append(nbformat.v4.new_code_cell(f"results = main({list(arguments)!r})"))
    cells += [nbformat.v4.new_code_cell(REPORTS[name].plot) for name in reports if REPORTS[name].plot]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # the same each time
    book = nbformat.v4.new_notebook(cells=cells)
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return book
