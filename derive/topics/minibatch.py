"""A minibatch of targets and outputs with its loss: symbols, numbers, and the world in which torch computes it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from sympy import Abs, Expr, Symbol
from sympy.core.sympify import _sympify as strict

from derive.algebra.nodes import Magnitude
from derive.algebra.notation import as_written
from derive.errors import GivenError
from derive.worlds import LossRun

KINDS = ("outputs", "probabilities", "logits")


@dataclass(frozen=True)
class Minibatch:
    """Targets and outputs of one shape (or class indices for rows), the loss, and what the outputs are."""

    loss: Any
    targets: tuple[Any, ...]
    outputs: tuple[Any, ...]
    outputs_are: str

    @property
    def is_rows(self) -> bool:
        return isinstance(self.outputs[0], tuple)

    @property
    def rows(self) -> int:
        """How many examples there are."""
        return len(self.outputs) if self.is_rows else 1

    @cached_property
    def places(self) -> tuple[Any, ...]:
        """Where each element stands: an index, or in rows a pair, counted from 0."""
        if not self.is_rows:
            return tuple(range(len(self.outputs)))
        return tuple((i, j) for i, row in enumerate(self.outputs) for j in range(len(row)))

    @property
    def output_symbol(self) -> Symbol:
        return Symbol("z" if self.outputs_are == "logits" else "y_hat", real=True)

    def symbols(self, k: int) -> tuple[Symbol, Symbol, Symbol]:
        """The target, the output and the loss of element k (from 0), by name."""
        place = self.places[k]
        index = "_".join(str(i + 1) for i in (place if isinstance(place, tuple) else (place,)))
        return (
            Symbol(f"y_{index}", real=True),
            Symbol(f"{self.output_symbol}_{index}", real=True),
            Symbol(f"ell_{index}"),
        )

    def numbers(self, k: int) -> tuple[Any, Any]:
        place = self.places[k]
        if isinstance(place, tuple):
            return self.targets[place[0]][place[1]], self.outputs[place[0]][place[1]]
        return self.targets[place], self.outputs[place]

    @cached_property
    def settings(self) -> dict[Symbol, Any]:
        """The loss's own parameters by symbol, such as the threshold delta."""
        numeric = {f.name: getattr(self.loss, f.name) for f in fields(self.loss) if f.name != "reduction"}
        return {Symbol(name, positive=True): strict(value) for name, value in numeric.items()}

    def term(self, target: Expr, output: Expr) -> Expr:
        """The loss of one element, by the loss's own definition, its parameters as symbols."""
        loss = replace(self.loss, **{symbol.name: symbol for symbol in self.settings})
        formula = loss.from_logit(target, output) if self.outputs_are == "logits" else loss.term(target, output)
        return as_written(formula.replace(Abs, Magnitude))

    @property
    def elements(self) -> tuple[Symbol, ...]:
        """The terms that the reduction brings together: elements, or examples where classes are summed."""
        if self.loss.on == "classes":
            return tuple(Symbol(f"ell_{i + 1}") for i in range(self.rows))
        return tuple(self.symbols(k)[2] for k in range(len(self.places)))

    @cached_property
    def world(self) -> LossRun:
        observed: list[tuple[Any, tuple[Any, ...]]] = []
        if self.loss.on == "classes":
            for i in range(self.rows):
                observed.append((Symbol(f"ell_{i + 1}"), ("element", i)))
                for j in range(len(self.outputs[0])):
                    symbol = Symbol(f"{'z' if self.outputs_are == 'logits' else 'y_hat'}_{i + 1}_{j + 1}", real=True)
                    observed.append((symbol, ("output", (i, j))))
        else:
            for k, place in enumerate(self.places):
                for symbol, tag in zip(self.symbols(k), ("target", "output", "element"), strict=True):
                    observed.append((symbol, (tag, place)))
        if self.loss.reduction != "none":
            observed.append((Symbol("L"), ("loss",)))
        observed += [(symbol, ("setting", symbol.name)) for symbol in self.settings]
        return LossRun(self.loss, self.targets, self.outputs, tuple(observed), self.outputs_are)


def minibatch_of(given: Any) -> Minibatch:
    """The minibatch that is given; raises GivenError where numbers are missing, do not match or are not allowed."""
    if given.loss is None:
        raise GivenError("a loss is needed here, such as 'loss: mse'", ("given",))
    found = [kind for kind in KINDS if getattr(given, kind, None) is not None]
    if given.targets is None:
        raise GivenError("'targets' are needed here, a list of numbers", ("given",))
    if len(found) != 1:
        allowed = " or ".join(f"'{kind}'" for kind in given.loss.takes)
        raise GivenError(f"{given.loss.name} needs exactly one of {allowed}", ("given",))
    kind = found[0]
    if kind not in given.loss.takes:
        allowed = " or ".join(f"'{name}'" for name in given.loss.takes)
        raise GivenError(f"{given.loss.name} takes {allowed}, not '{kind}'", ("given", kind))
    targets, outputs = _listed(given.targets), _listed(getattr(given, kind))
    if given.loss.on == "classes" and not isinstance(outputs[0], tuple):
        targets, outputs = (targets if len(targets) == len(outputs) == 1 else _one_row(targets, outputs)), (outputs,)
    if given.loss.name == "binary_cross_entropy_with_logits":
        kind = "logits"
    if given.loss.name == "binary_cross_entropy" and kind == "outputs":
        kind = "probabilities"
    batch = Minibatch(given.loss, targets, outputs, kind)
    _compare(batch, found[0])
    _domains(batch, found[0])
    return batch


def _one_row(targets: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The target of a single example: a class index stays one, a row of probabilities becomes a row."""
    return targets if len(targets) == 1 and len(outputs) > 1 else (targets,)


def _listed(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _compare(batch: Minibatch, kind: str) -> None:
    targets, outputs = batch.targets, batch.outputs
    if len(targets) != len(outputs):
        raise GivenError(f"{len(targets)} targets for {len(outputs)} {kind}; as many are needed", ("given", "targets"))
    target_rows = isinstance(targets[0], tuple)
    if batch.loss.on == "classes" and not target_rows:
        classes = len(outputs[0])
        for k, target in enumerate(targets):
            if not target.is_Integer or not 0 <= target < classes:
                raise GivenError(f"class {target} is not one of 0 to {classes - 1}", ("given", "targets", k))
    elif target_rows != batch.is_rows or (target_rows and len(targets[0]) != len(outputs[0])):
        raise GivenError(f"targets and {kind} must have one shape", ("given", "targets"))


def _domains(batch: Minibatch, kind: str) -> None:
    """Probabilities lie between 0 and 1, labels are labels, and rows of probabilities sum to one."""
    name = batch.loss.name
    for path, value in _numbers("targets", batch.targets):
        if name.startswith("binary_cross_entropy") and not 0 <= value <= 1:
            raise GivenError(f"a target of binary cross-entropy lies between 0 and 1, not {value}", path)
        if name == "hinge" and value not in (-1, 1):
            raise GivenError(f"a target of the hinge loss is -1 or 1, not {value}", path)
        if name == "kl_divergence" and not 0 < value <= 1:
            raise GivenError(f"a target of the divergence is a probability above 0, not {value}", path)
    if batch.outputs_are != "logits" and name in ("binary_cross_entropy", "cross_entropy", "kl_divergence"):
        for path, value in _numbers(kind, batch.outputs):
            if not 0 < value < 1:
                raise GivenError(
                    f"a probability strictly between 0 and 1 is needed, not {value}: its logarithm is taken", path
                )
    if name in ("cross_entropy", "kl_divergence"):
        for key, rows in (("targets", batch.targets), (kind, batch.outputs)):
            if key != "logits":
                _sum_to_one(key, rows)


def _sum_to_one(key: str, rows: tuple[Any, ...]) -> None:
    listed = (
        rows
        if isinstance(rows[0], tuple)
        else (rows,)
        if key != "targets" or (len(rows) > 1 and not _classes(rows))
        else ()
    )
    for k, row in enumerate(listed):
        if sum(row) != 1:
            path = ("given", key, k) if isinstance(rows[0], tuple) else ("given", key)
            raise GivenError(f"these probabilities add up to {float(sum(row)):g}, not to 1", path)


def _classes(rows: tuple[Any, ...]) -> bool:
    return all(value.is_Integer for value in rows)


def _numbers(key: str, nested: tuple[Any, ...]) -> list[tuple[tuple[Any, ...], Any]]:
    found: list[tuple[tuple[Any, ...], Any]] = []
    for k, entry in enumerate(nested):
        if isinstance(entry, tuple):
            found += [(("given", key, k, j), value) for j, value in enumerate(entry)]
        else:
            found.append((("given", key, k), entry))
    return found
