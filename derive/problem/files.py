"""The pydantic models of problem files and sheet files: which keys there are, and of what type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from derive.problem.declarations import EXAMPLES
from derive.problem.task import TaskFile
from derive.problem.types import Exact, Numbers, Positive, Size, Sizes


def _text(value: Any) -> Any:
    if isinstance(value, bool) or (not isinstance(value, str | int) and not hasattr(value, "as_tuple")):
        raise ValueError("text is needed here")
    return str(value).strip()


@dataclass(frozen=True)
class IsText:
    """Marks what is text however it looks: a title may be NaN, 1e5, yes or 2024-01-01."""


def _words(value: Any) -> Any:
    if isinstance(value, list | dict | str):
        return value
    raise ValueError("a word, or a mapping of one word to its settings, is needed here")


Text = Annotated[str, BeforeValidator(_text), IsText(), WithJsonSchema({"type": "string"})]
Title = Annotated[Text, Field(min_length=1, max_length=200)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


class NetworkFile(_File):
    """A stack of layers on a number of inputs."""

    input: Sizes = Field(description="how many numbers go in; or [positions, features], or [channels, height, width]")
    layers: list[Any] = Field(
        min_length=1, max_length=1000, description="the layers in order, such as {dense: 3, activation: relu}"
    )

    convention: Literal["row", "column"] | None = Field(
        default=None, description="whether examples are the rows of a batch, or one example is a column"
    )
    batch: Size | None = Field(default=None, description="how many examples are in the batch")


class GradientFile(_File):
    """What is known of a random gradient."""

    mean: Exact = Field(default=None, description="E[g_t]")
    second_moment: Exact = Field(default=None, description="E[g_t^2]")
    stationary: bool = Field(default=False, description="whether these do not change with time")


class DrawFile(_File):
    """Numbers that nobody has to think of: drawn from a range, with few decimals, the same for the same seed."""

    seed: int = Field(default=0, ge=0)
    low: Exact = Field(default=-2)
    high: Exact = Field(default=2)
    places: int = Field(default=1, ge=0, le=4, description="decimals")


class GivenFile(_File):
    """Everything that a problem gives."""

    symbols: dict[str, Text] = Field(
        default={},
        description=f"names and shapes: {', '.join(EXAMPLES)}",
    )
    define: dict[str, Any] = Field(default={}, description="named quantities, as formulas in NumPy's notation")
    network: NetworkFile | None = Field(default=None, description="a network")
    networks: dict[str, NetworkFile] = Field(default={}, description="named networks, to be compared")
    loss: Any = Field(default=None, description="a loss")
    targets: Numbers = Field(default=None, description="the targets of a minibatch")
    outputs: Numbers = Field(default=None, description="the network's outputs for a minibatch")
    probabilities: Numbers = Field(default=None, description="outputs that are probabilities")
    logits: Numbers = Field(default=None, description="outputs before sigmoid or softmax")
    optimizer: Any = Field(default=None, description="an optimiser")
    gradient: GradientFile | None = Field(default=None, description="a random gradient")
    gradients: Numbers = Field(default=None, description="the gradients of successive steps")
    start: Numbers = Field(default=None, description="the parameter before the first step")
    layer: Any = Field(default=None, description="one layer")
    input: Numbers = Field(default=None, description="a layer's input: its sizes, or its numbers")
    plus: dict[str, Positive] = Field(
        default={}, description="further losses of a network's output, each with its factor: {mae: 0.5}"
    )
    penalty: dict[Literal["l1", "l2"], Positive] = Field(
        default={},
        description="added to a network's loss: l1 times the sum of |w|, l2 times the sum of w^2, over the weights",
    )
    draw: DrawFile | None = Field(default=None, description="draws the network's numbers that are not given")
    values_from: Text = Field(
        default="", description="a YAML or JSON file in the folder of this one, or below it, with more values"
    )
    values: dict[str, Numbers] = Field(default={}, description="numbers for a network's x, y, W1, b1, ...")


class DisputedFile(_File):
    """Somebody's wrong answer, to be refuted."""

    of: Text = Field(description="the answer's name")
    value: Any = Field(description="what they say")
    by: Text = Field(default="somebody", description="who says so")


class ProblemFile(_File):
    """A problem of a homework sheet: what is given, what is asked, and the author's own answers."""

    title: Title = Field(description="the problem's heading")
    source: Text = Field(default="", description="where the problem comes from")
    statement: Text = Field(default="", description="the question in words; `formulas` stand in backticks")
    note: Text = Field(default="", description="a remark to the reader")
    given: GivenFile = Field(default_factory=GivenFile)
    ask: list[Any] = Field(default=[], max_length=100, description="the questions, in order")
    task: TaskFile | None = Field(default=None, description="a coding task")
    expect: Any = Field(default=None, description="the author's own answers, checked like everything else")
    disputed: list[DisputedFile] = Field(default=[], description="wrong answers that the solution refutes")


class SheetFile(_File):
    """A folder of problems that come out as one document."""

    title: Title
    course: Text = ""
    author: Text = ""
    date: Text = ""
    note: Text = ""
    order: list[Text] = []


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's annotation speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)


def texts_of(model: type[BaseModel], data: Mapping[str, Any], path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of what is text in the data of a file."""
    for name, field in model.model_fields.items():
        if name in data:
            yield from _texts(field.annotation, field.metadata, data[name], (*path, name))


def _texts(annotation: Any, metadata: Any, value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if any(isinstance(mark, IsText) for mark in metadata):
        yield path
        return
    model = next(models_in(annotation), None)
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if model is not None and isinstance(value, dict) and set(value) & set(model.model_fields):
        yield from texts_of(model, value, path)
        return
    for inner in get_args(annotation)[-1:]:
        for key, entry in entries:
            yield from _texts(inner, getattr(inner, "__metadata__", ()), entry, (*path, key))
