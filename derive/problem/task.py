"""Coding tasks in problem files: the keys that a task may have, and what they become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from derive.problem.types import PLAIN, SETTINGS, Size, branch

INITS = ("default", "zeros", "uniform", "normal", "xavier", "he")
Report = Literal[
    "curves", "accuracy", "parameters", "confusion", "misclassified", "filters", "boundary", "fit", "gradient_norms",
    "dead_units", "different_units", "data", "versions",
]  # fmt: skip
REPORTS: tuple[str, ...] = get_args(Report)


class DataFile(BaseModel):
    """A data set by name, and what is done to it."""

    model_config = ConfigDict(extra="forbid")
    name: Literal["mnist", "fashion_mnist", "cifar10", "digits", "moons", "circles", "blobs", "xor", "sine"]
    grayscale: bool = Field(default=False, description="one channel from three")
    normalise: bool = Field(default=False, description="mean 0 and deviation 1 over the training set")
    resize: Annotated[int, Field(ge=2, le=512)] | None = Field(
        default=None, description="images of this height and width"
    )
    flip: bool = Field(default=False, description="training images are mirrored with probability 1/2")
    shift: Annotated[int, Field(ge=1, le=64)] | None = Field(
        default=None, description="each batch of training images is moved by up to so many pixels"
    )
    subset: Size | None = Field(default=None, description="so many training examples")
    split: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None, description="the share of the training set that is trained on; the rest is for validation"
    )
    classes: list[int] | None = Field(default=None, description="these classes only")


class UntilFlat(BaseModel):
    """Training until a loss has not fallen for some epochs: the one that is held out, or the training loss."""

    model_config = ConfigDict(extra="forbid")
    until_flat: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="so many epochs without a lower loss"
    )
    watch: Literal["held_out", "train"] = "held_out"
    at_most: Annotated[int, Field(ge=1, le=1000)] = 100


class TaskFile(BaseModel):
    """An experiment: data, a model, and how it is trained; several runs by `compare` or `sweep`."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    data: Annotated[Annotated[DataFile, Tag(SETTINGS)] | Annotated[str, Tag(PLAIN)], Discriminator(branch)] = Field(
        description="a data set: its name, or its name with what is done to it"
    )
    model: list[Any] = Field(min_length=1, max_length=60, description="layers, as in a network")
    loss: Any = Field(default="cross_entropy", description="a loss; cross_entropy takes the outputs before softmax")
    optimizer: Any = Field(default="adam", description="an optimiser")
    init: Literal["default", "zeros", "uniform", "normal", "xavier", "he"] = "default"
    batch_size: Size = 64
    order: Literal["shuffled", "sorted"] = Field(default="shuffled", description="sorted: class after class")
    epochs: Annotated[
        Annotated[UntilFlat, Tag(SETTINGS)] | Annotated[int, Field(ge=1, le=1000), Tag(PLAIN)], Discriminator(branch)
    ] = 10
    seed: Annotated[int, Field(ge=0)] = 0
    compare: dict[str, dict[str, Any]] = Field(default={}, description="runs by name, each with what differs")
    sweep: dict[str, Annotated[list[Any], Field(min_length=1, max_length=100)]] = Field(
        default={}, description="one setting with its values"
    )
    report: list[Report] = Field(default=["curves", "accuracy", "parameters"])


@dataclass(frozen=True)
class Run:
    """One training run, everything settled."""

    name: str
    data: Mapping[str, Any]
    layers: tuple[Any, ...]
    loss: Any
    optimizer: Any
    init: str
    batch_size: int
    order: str
    epochs: int
    patience: int
    seed: int
    watch: str = "held_out"


@dataclass(frozen=True)
class Task:
    """A coding task: its runs, and what is reported of them."""

    runs: tuple[Run, ...]
    report: tuple[str, ...]
    swept: str = ""
    values: tuple[Any, ...] = field(default=())


def with_dropout(layers: tuple[Any, ...], p: Any) -> tuple[Any, ...]:
    """The layers with another probability in every dropout."""
    return tuple(replace(layer, p=p) if layer.name == "dropout" else layer for layer in layers)


def with_activation(layers: tuple[Any, ...], activation: Any) -> tuple[Any, ...]:
    """The layers with another activation everywhere but at the end."""
    *inner, last = layers
    changed = []
    for layer in inner:
        has_one = getattr(layer, "activation", None) is not None and layer.activation.name != "identity"
        changed.append(replace(layer, activation=activation) if has_one else layer)
    return (*changed, last)
