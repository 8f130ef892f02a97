"""A task of a problem file to its runs: what `compare` and `sweep` change, each fault at its place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from derive.errors import did_you_mean, one_of
from derive.problem.task import DataFile, Run, Task, TaskFile, UntilFlat, with_activation, with_dropout
from derive.problem.types import to_activation, to_exact
from derive.problem.words import plain_message, resolve

Path = tuple[Any, ...]
PLAIN = ("init", "batch_size", "order", "epochs", "seed")
CHANGEABLE = ("data", "model", "loss", "optimizer", *PLAIN)
SHORT = ("dropout", "activation", "learning_rate", "momentum")  # a setting within a model or an optimiser


@dataclass(frozen=True)
class TaskReader:
    """Reads one task; `reader` is the reader of the problem file, which knows layers and keeps the faults."""

    reader: Any
    file: TaskFile

    def task(self) -> Task | None:
        """The task, or None where something in it is at fault."""
        file = self.file
        if file.compare and file.sweep:
            self.reader.report(("task", "sweep"), "a task has either 'compare' or 'sweep'", True)
            return None
        if len(file.sweep) > 1:
            self.reader.report(("task", "sweep", list(file.sweep)[1]), "a sweep goes over one setting", True)
            return None
        if not (file.compare or file.sweep):
            runs = [self.run("", {}, {})]
        elif file.compare:
            runs = [
                self.run(name, changes, {key: ("task", "compare", name, key) for key in changes})
                for name, changes in file.compare.items()
            ]
        else:
            runs = [
                self.run(f"{key} {value}", {key: value}, {key: ("task", "sweep", key, k)})
                for key, values in file.sweep.items()
                for k, value in enumerate(values)
            ]
        settled = tuple(run for run in runs if run is not None)
        if len(settled) < len(runs):
            return None
        key = next(iter(file.sweep), "")
        return Task(settled, tuple(file.report), key, tuple(file.sweep.get(key, ())))

    def run(self, name: str, changes: dict[str, Any], places: dict[str, Path]) -> Run | None:
        """One run, or None after its faults were reported; `places` says where each change stands."""
        known = (*CHANGEABLE, *SHORT)
        for key in changes:
            if key not in known:
                place = places[key][:3] if self.file.sweep else places[key]
                self.reader.report(place, f"'{key}' cannot differ{did_you_mean(key, known)} {one_of(known)}", True)
                return None
        file = self.changed(changes, places)
        if file is None:
            return None

        def where(key: str) -> Path:
            return places.get(key, ("task", key))

        data = self.data(file.data, where("data"))
        layers = self.reader.layers(list(file.model), where("model"))
        vocabulary, report = self.reader.vocabulary, self.reader.report
        loss = resolve("loss", vocabulary.losses, file.loss, where("loss"), report)
        optimizer = resolve("optimizer", vocabulary.optimisers, file.optimizer, where("optimizer"), report)
        if data is None or loss is None or optimizer is None or len(layers) != len(file.model):
            return None
        try:
            layers, optimizer = self.shortened(changes, layers, optimizer)
        except ValueError as fault:
            key = next(key for key in changes if key in SHORT)
            self.reader.report(places[key], str(fault))
            return None
        until = file.epochs if isinstance(file.epochs, UntilFlat) else None
        count = file.epochs.at_most if isinstance(file.epochs, UntilFlat) else file.epochs
        return Run(
            name, data.model_dump(), layers, loss, optimizer, file.init, file.batch_size, file.order, count,
            until.until_flat if until else 0, file.seed, until.watch if until else "held_out",
        )  # fmt: skip

    def changed(self, changes: dict[str, Any], places: dict[str, Path]) -> TaskFile | None:
        """The task with the changes that are settings of its own, valid; or None after a report."""
        update = {key: value for key, value in changes.items() if key in CHANGEABLE}
        if not update:
            return self.file
        fields = {key: getattr(self.file, key) for key in TaskFile.model_fields}
        try:
            return TaskFile.model_validate({**fields, **update, "compare": {}, "sweep": {}})
        except ValidationError as fault:
            for error in fault.errors():
                first, *rest = error["loc"]
                self.reader.pydantic_fault({**error, "loc": (*places[str(first)], *rest)}, TaskFile)
            return None

    def data(self, value: Any, path: Path) -> DataFile | None:
        if isinstance(value, DataFile):
            return value
        try:
            return DataFile.model_validate({"name": value})
        except ValidationError as fault:
            self.reader.report(path, f"this data set is not known: {plain_message(fault.errors()[0])}")
            return None

    def shortened(
        self, changes: dict[str, Any], layers: tuple[Any, ...], optimizer: Any
    ) -> tuple[tuple[Any, ...], Any]:
        """Settings that stand for a change within every layer, or within the optimiser."""
        if "dropout" in changes:
            if not any(layer.name == "dropout" for layer in layers):
                raise ValueError("there is no dropout in the model that could differ")
            layers = with_dropout(layers, to_exact(changes["dropout"]))
        if "activation" in changes:
            layers = with_activation(layers, to_activation(changes["activation"]))
        for key in ("learning_rate", "momentum"):
            if key in changes:
                if not hasattr(optimizer, key):
                    raise ValueError(f"the optimiser '{optimizer.name}' has no '{key}'")
                optimizer = replace(optimizer, **{key: to_exact(changes[key])})
        return layers, optimizer
