"""`update`: steps of an optimiser on given gradients, with numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from sympy import Integer, Symbol

from derive.algebra.nodes import Numeral
from derive.algebra.notation import as_written
from derive.algebra.numbers import exact, numeral
from derive.catalogue.optimisers.base import hyper, hyper_values
from derive.derivation import Answer, Derivation, Equal, Reason, Section, Work, rule
from derive.errors import GivenError
from derive.problem.types import Size
from derive.topics import headings
from derive.topics.moments import at_time, hyper_tags, names_at, optimiser_of, t
from derive.topics.registry import questions
from derive.topics.training import network_update
from derive.worlds import OptimiserRun

LINE = rule("line of the optimiser", "the optimiser's rule")
INSERT = rule("insert into the rule", "insert the numbers")
COMPUTE = rule("compute the step", "compute")


@questions("update")
@dataclass(frozen=True)
class Update:
    """The parameter and the optimiser's states after each of the given gradients; for a network with numbers, its weights
    after `steps` steps on its own gradients."""

    steps: Size = 1

    def derive(self, given: Any) -> Derivation:
        optimiser = optimiser_of(given)
        if given.network is not None:
            return network_update(given, self.steps)
        if given.gradients is None or given.start is None:
            raise GivenError(
                "'gradients' (one for each step) and 'start' (the parameter before) are needed", ("given",)
            )
        start = given.start if isinstance(given.start, tuple) else (given.start,)
        rows = [row if isinstance(row, tuple) else (row,) for row in _listed(given.gradients)]
        if any(isinstance(entry, tuple) for entry in start):
            raise GivenError("'start' is a number or a list of numbers, one for each weight", ("given", "start"))
        if any(len(row) != len(start) or any(isinstance(entry, tuple) for entry in row) for row in rows):
            needed = "1 number" if len(start) == 1 else f"{len(start)} numbers"
            raise GivenError(f"each gradient needs {needed}, as 'start' has", ("given", "gradients"))
        sections, answers = [rules_section(optimiser)], []
        for c in range(len(start)):
            made, answer = coordinate(optimiser, [row[c] for row in rows], start[c], c + 1 if len(start) > 1 else None)
            sections += made
            answers.append(answer)
        return Derivation(Reason(headings.STEPS_OF, (_title(optimiser),)), tuple(sections), tuple(answers))


def _listed(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _title(optimiser: Any) -> str:
    return {
        "sgd": "stochastic gradient descent",
        "momentum": "gradient descent with momentum",
        "nesterov": "Nesterov's momentum",
    }.get(optimiser.name, type(optimiser).__name__)


def rules_section(optimiser: Any) -> Section:
    """The optimiser's rules in symbols, checked on random runs."""
    observed: list[tuple[Any, tuple[Any, ...]]] = [(t, ("time",)), *hyper_tags(optimiser)]
    lines = optimiser.lines(names_at(t, t - 1), t)
    for name in (
        "w",
        "g",
        *[s.name for s in optimiser.states],
        *[s.corrected for s in optimiser.states if s.corrected],
    ):
        observed.append((at_time(name, t), ("state", name, "now")))
        if name != "g" and not name.endswith("_hat"):
            observed.append((at_time(name, t - 1), ("state", name, "before")))
    work = Work("One step in symbols", OptimiserRun(optimiser, None, None, tuple(observed)))
    for symbol, expr in lines:
        work.equal(symbol, expr, why=LINE)
    return work.section()


def coordinate(optimiser: Any, gradients: list[Any], start: Any, number: int | None) -> tuple[list[Section], Answer]:
    """Every step of one coordinate of the parameter."""
    suffix = "" if number is None else f"_{number}"

    def named(name: str, k: int) -> Symbol:
        return Symbol(f"{name}_{k}{suffix}", real=True)

    kept = ["w", *[s.name for s in optimiser.states], *[s.corrected for s in optimiser.states if s.corrected]]
    observed: list[tuple[Any, tuple[Any, ...]]] = []
    for k in range(len(gradients) + 1):
        observed += [(named(name, k), ("state", name, k)) for name in kept if k > 0 or not name.endswith("_hat")]
        observed += [(named("g", k), ("state", "g", k))] if k > 0 else []
    world = OptimiserRun(optimiser, tuple(gradients), start, (*observed, *hyper_tags(optimiser)))
    values: dict[Any, Any] = {named("w", 0): start, **{named(s.name, 0): Integer(0) for s in optimiser.states}}
    values.update(hyper_values(optimiser))
    sections = []
    for k, gradient in enumerate(gradients, 1):
        at_step = (Integer(k),) if number is None else (Integer(number), Integer(k))
        work = Work(Reason(headings.STEP if number is None else headings.COORDINATE, at_step), world)
        values[named("g", k)] = gradient

        def at(name: str, *, before: bool = False, _k: int = k) -> Symbol:
            return named(name, _k - 1 if before else _k)

        for symbol, expr in optimiser.lines(at, Integer(k)):
            values[symbol] = _line(work, symbol, expr, values, symbol == named("w", k))
        sections.append(work.section())
    final = named("w", len(gradients))
    answer = Answer(f"w{suffix}", values[final], lambda v: Equal(world, (final, v)))
    return sections, answer


def _line(work: Work, symbol: Symbol, expr: Any, values: dict[Any, Any], result: bool) -> Any:
    known = {s: v for s, v in values.items() if expr.has(s)}
    inserted = as_written(expr).xreplace(
        {s: numeral(v) if s not in work_hyper(work) else Numeral(v) for s, v in known.items()}
    )
    value = exact(expr.xreplace(known))
    work.equal(symbol, inserted, why=INSERT)
    if inserted != numeral(value):
        work.equal(inserted, numeral(value), why=COMPUTE, result=result)
    return value


def work_hyper(work: Work) -> set[Symbol]:
    """The hyper-parameters' symbols, which are shown whole however many decimals they have."""
    return {hyper(f.name) for f in fields(work.world.optimiser)}  # type: ignore[attr-defined]
