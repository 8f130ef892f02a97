"""The form of a run's results: a file of any other form is not taken for them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from derive.tasks.data import DATA_SETS
from derive.tasks.finished import Planned
from derive.tasks.reports import REPORTS

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Epoch(BaseModel):
    """One row of the history; a loss that is no number is one that diverged."""

    model_config = ConfigDict(extra="allow", strict=True)
    epoch: Annotated[int, Field(ge=1)]
    train_loss: float
    seconds: Annotated[float, Field(ge=0)]
    accuracy: Share | None = None


class Results(BaseModel):
    """What a program writes at its end; each kind of report adds a key of its own."""

    model_config = ConfigDict(extra="allow", strict=True)
    device: Annotated[str, Field(max_length=40)]
    torch: Annotated[str, Field(max_length=40)]
    parameters: Count
    train: Count
    test: Count
    shape: Annotated[list[Count], Field(max_length=4)]
    held_out: Literal["test", "validation"]
    history: Annotated[list[Epoch], Field(min_length=1)]
    test_loss: float
    accuracy: Share | None = None
    class_counts: list[Count] = []
    predicted_counts: list[Count] = []


def checked(found: Any, planned: Planned) -> dict[str, Any]:
    """The results, if they are such as the planned program writes; raises ValueError in words."""
    try:
        results = Results.model_validate(found)
        for name in planned.reports:
            report = REPORTS[name]
            if report.at_end:
                TypeAdapter(report.form).validate_python(found.get(name), strict=True)
            if report.each_epoch:
                for row in found["history"]:
                    TypeAdapter(report.form).validate_python(row.get(name), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where}: {first['msg']}" if where else first["msg"]) from None
    if [row.epoch for row in results.history] != list(range(1, len(results.history) + 1)):
        raise ValueError("history: the epochs are not counted from 1")
    if any(type(row.get(f"{results.held_out}_loss")) is not float for row in found["history"]):
        raise ValueError(f"history: each row needs the number {results.held_out}_loss")
    if DATA_SETS[planned.data].classes and not (
        results.accuracy is not None and results.class_counts and results.predicted_counts
    ):
        raise ValueError("accuracy, class_counts and predicted_counts are missing")
    return dict(found)
