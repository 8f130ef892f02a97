"""A minibatch of targets and outputs with its loss: symbols, numbers, and the world in which torch computes it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from sympy import Abs, Expr, Integer, Rational, Symbol
from sympy.core.sympify import _sympify as strict

from derive.algebra.nodes import Magnitude
from derive.algebra.notation import as_written
from derive.algebra.numbers import decimal_text, numeral
from derive.errors import GivenError
from derive.topics.saturation import LARGE
from derive.worlds import LossRun

KINDS = ("outputs", "probabilities", "logits")
LARGEST_LOGIT = 10**9  # beyond, double precision has not the digits of what is added to it
NEAREST_TO_ONE = Rational(1, 10**5)  # nearer to 1 a probability in double precision has not the digits of 1 - p


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

    def weights(self, i: int) -> tuple[Any, ...]:
        """The target probability of each class, for example i (from 0) of a loss over classes."""
        target = self.targets[i]
        if isinstance(target, tuple):
            return target
        return tuple(Integer(int(j == target)) for j in range(len(self.outputs[i])))

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

    def is_large(self, outputs: Any) -> bool:
        """Whether e to one of these logits is so large (or so small) that its digits drown."""
        return self.outputs_are == "logits" and any(abs(value) > LARGE for value in outputs)

    def large_term(self, target: Expr, logit: Expr) -> Expr:
        """The loss of one element from a large logit."""
        return as_written(self.loss.from_large_logit(target, logit))

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
                    symbol = Symbol(f"{self.output_symbol}_{i + 1}_{j + 1}", real=True)
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
    targets, outputs = _listed(given.targets, "targets"), _listed(getattr(given, kind), kind)
    if given.loss.on == "classes" and not isinstance(outputs[0], tuple):
        targets, outputs = _one_row(targets, outputs), (outputs,)
    found_as = kind
    if given.loss.name == "binary_cross_entropy_with_logits":
        kind = "logits"
    if given.loss.name == "binary_cross_entropy" and kind == "outputs":
        kind = "probabilities"
    batch = Minibatch(given.loss, targets, outputs, kind)
    _compare(batch, found_as)
    _domains(batch, found_as)
    return batch


def _one_row(targets: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The target of a single example: a class index stays one, a row of probabilities becomes a row."""
    single = isinstance(targets[0], tuple) or (len(targets) == 1 and len(outputs) > 1)
    return targets if single else (targets,)


def _listed(value: Any, key: str) -> tuple[Any, ...]:
    """A list of numbers, or of rows of numbers; raises GivenError for what is nested deeper."""
    listed = value if isinstance(value, tuple) else (value,)
    for k, row in enumerate(listed):
        if isinstance(row, tuple) and any(isinstance(entry, tuple) for entry in row):
            raise GivenError(
                f"'{key}' are a list of numbers, or of rows of numbers; these are nested deeper", ("given", key, k)
            )
    return listed


def _compare(batch: Minibatch, kind: str) -> None:
    targets, outputs = batch.targets, batch.outputs
    if len(targets) != len(outputs):
        raise GivenError(f"{len(targets)} targets for {len(outputs)} {kind}; as many are needed", ("given", "targets"))
    target_rows = isinstance(targets[0], tuple)
    if batch.loss.on == "classes":
        classes = len(outputs[0])
        if classes < 2:
            raise GivenError("at least two classes are needed, each with a number of its own", ("given", kind))
        if not target_rows:
            for k, target in enumerate(targets):
                if not target.is_Integer or not 0 <= target < classes:
                    raise GivenError(
                        f"class {_shown(target)} is not one of 0 to {classes - 1}", ("given", "targets", k)
                    )
            return
    if target_rows != batch.is_rows or (target_rows and len(targets[0]) != len(outputs[0])):
        raise GivenError(f"targets and {kind} must have one shape", ("given", "targets"))


def _domains(batch: Minibatch, kind: str) -> None:
    """Probabilities lie between 0 and 1, labels are labels, rows of probabilities sum to one, logarithms exist."""
    name = batch.loss.name
    if batch.outputs_are == "logits":
        for path, value in _numbers(kind, batch.outputs):
            if abs(value) > LARGEST_LOGIT:
                raise GivenError(
                    f"a logit between -{LARGEST_LOGIT} and {LARGEST_LOGIT} is needed, not {_shown(value)}", path
                )
    if name.startswith("binary_cross_entropy"):
        _binary(batch, kind)
    elif name == "hinge":
        for path, value in _numbers("targets", batch.targets):
            if value not in (-1, 1):
                raise GivenError(f"a target of the hinge loss is -1 or 1, not {_shown(value)}", path)
    elif name in ("cross_entropy", "kl_divergence"):
        if batch.loss.on == "elements" or isinstance(batch.targets[0], tuple):
            _distributions("targets", batch.targets)
        if batch.outputs_are != "logits":
            _distributions(kind, batch.outputs)
            _have_logarithms(batch, kind)


def _binary(batch: Minibatch, kind: str) -> None:
    """Each target is a probability; each output has a logarithm, and so has what it lacks to one."""
    targets = dict(_numbers("targets", batch.targets))
    for path, value in targets.items():
        if not 0 <= value <= 1:
            raise GivenError(f"a target of binary cross-entropy lies between 0 and 1, not {_shown(value)}", path)
    if batch.outputs_are == "logits":
        return
    for path, value in _numbers(kind, batch.outputs):
        if not 0 < value < 1:
            raise GivenError(
                f"a probability strictly between 0 and 1 is needed, not {_shown(value)}: its logarithm is taken", path
            )
        target = targets[("given", "targets", *path[2:])]
        if target != 1 and 1 - value < NEAREST_TO_ONE:
            raise GivenError(
                f"{_shown(value)} is too near to 1 for a target of {_shown(target)}: its loss cannot be judged in double precision",
                path,
            )


def _have_logarithms(batch: Minibatch, kind: str) -> None:
    """A probability is above 0 where its logarithm is taken: where its class (or its entry of the target) has a weight."""
    if batch.loss.on == "classes":
        weights = {("given", kind, i, j): w for i in range(batch.rows) for j, w in enumerate(batch.weights(i))}
    else:
        weights = {("given", kind, *path[2:]): value for path, value in _numbers("targets", batch.targets)}
    for path, value in _numbers(kind, batch.outputs):
        if value == 0 and weights[path] != 0:
            raise GivenError("a probability above 0 is needed here: its logarithm is taken", path)


def _shown(value: Any) -> str:
    return decimal_text(numeral(value))


def _distributions(key: str, rows: tuple[Any, ...]) -> None:
    """Every row (or the one flat list) consists of probabilities that sum to one."""
    for path, value in _numbers(key, rows):
        if not 0 <= value <= 1:
            raise GivenError(f"a probability lies between 0 and 1, not {_shown(value)}", path)
    is_rows = isinstance(rows[0], tuple)
    for k, row in enumerate(rows if is_rows else (rows,)):
        if sum(row) != 1:
            path = ("given", key, k) if is_rows else ("given", key)
            raise GivenError(f"these probabilities add up to {float(sum(row)):g}, not to 1", path)


def _numbers(key: str, nested: tuple[Any, ...]) -> list[tuple[tuple[Any, ...], Any]]:
    found: list[tuple[tuple[Any, ...], Any]] = []
    for k, entry in enumerate(nested):
        if isinstance(entry, tuple):
            found += [(("given", key, k, j), value) for j, value in enumerate(entry)]
        else:
            found.append((("given", key, k), entry))
    return found
