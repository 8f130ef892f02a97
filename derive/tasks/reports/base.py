"""A kind of report: the functions that it puts into the program, and what it tells of the runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from derive.document.charts import Chart
from derive.document.pictures import Mosaic, Plane
from derive.tasks.data import DataSet
from derive.tasks.finished import Finished

REPORTS: dict[str, Report] = {}


@dataclass(frozen=True)
class Table:
    """A table with a heading."""

    title: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Told:
    """What a report shows: sentences, tables, charts, pictures; every number in them is taken from a run."""

    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    pictures: tuple[Mosaic | Plane, ...] = ()


class Report:
    """One kind. `code` is written into the program; `each_epoch` is an expression whose value goes into each row of the
    history, `at_end` one whose value goes into the results, both under the report's name; `plot` is a cell of the notebook.

    The expressions may use model, device, train_inputs, train_targets, test_inputs, test_targets, predictions.
    """

    name: ClassVar[str]
    code: ClassVar[str] = ""
    each_epoch: ClassVar[str] = ""
    at_end: ClassVar[str] = ""
    plot: ClassVar[str] = ""
    form: ClassVar[Any] = Any  # the type of the value that `each_epoch` or `at_end` adds to the results
    imports: ClassVar[tuple[str, ...]] = ()
    helpers: ClassVar[tuple[str, ...]] = ()  # functions that other reports may need too

    def __init_subclass__(cls) -> None:
        REPORTS[cls.name] = cls()

    def unfit(self, data: DataSet, layers: Sequence[tuple[Any, tuple[int, ...]]]) -> str:
        """Why this cannot be told of such data and such layers (with the shape that enters each); empty where it can."""
        return ""

    def tell(self, done: list[Finished]) -> Told:
        """What is shown of the runs that have results."""
        return Told()


def percent(share: float) -> str:
    """0.9312 as 93.12 %."""
    return f"{100 * share:.2f} %"
