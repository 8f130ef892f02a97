"""What is said of a task's runs: tables, curves, pictures and sentences, every number of which comes from the runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import ndiff
from math import isfinite, sqrt

from derive.document.charts import Chart
from derive.document.pictures import Mosaic, Plane
from derive.tasks.data import DATA_SETS
from derive.tasks.finished import Finished
from derive.tasks.reports import REPORTS, Table

RISE = 0.05  # a loss has risen where it is above its lowest by this share of that, and of all that it had fallen before
MOST_COMPARED = 6
FLAT = 0.02  # a loss that still falls by this share in an epoch is not flat


@dataclass(frozen=True)
class TaskReport:
    """What a document shows of a task: one program, a table of its runs (with `columns` as its head), and what each
    kind of report tells."""

    program: str
    file: str
    files: tuple[str, ...]
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    pictures: tuple[Mosaic | Plane, ...] = ()
    is_stand_in: bool = False
    differences: tuple[tuple[str, tuple[str, ...]], ...] = ()  # of the other programs, each with its file


def report_of(finished: list[Finished], asked: Sequence[str]) -> TaskReport:
    """The report of all runs of a task; where none has results, its program alone."""
    done = [one for one in finished if one.results]
    first = next(iter(done), finished[0])
    text, files = first.planned.text, tuple(one.planned.file for one in finished)
    others = tuple((one.planned.file, differences(text, one.planned.text)) for one in finished if one is not first)
    if not done:
        failed = tuple(f"{one.title} failed: {one.error}." for one in finished if one.error)
        return TaskReport(text, first.planned.file, files, sentences=failed, differences=others)
    told = [REPORTS[name].tell(done) for name in asked]
    sentences = [*_data(finished, first), *_ranking(done), *_by_run(done)]
    sentences += [s for one in finished for s in _remarks(one)]
    sentences += [s for one in told for s in one.sentences]
    return TaskReport(
        text, first.planned.file, files, _columns(done), tuple(map(_row, done)), tuple(sentences),
        tables=tuple(t for one in told for t in one.tables), charts=tuple(c for one in told for c in one.charts),
        pictures=tuple(p for one in told for p in one.pictures), is_stand_in=any(one.planned.is_stand_in for one in done),
        differences=others,
    )  # fmt: skip


def differences(first: str, other: str) -> tuple[str, ...]:
    """The lines in which a program differs from the first, with - and + before them; the words at its head are left out."""
    before, after = (text.partition('"""\n\nimport')[2].splitlines() for text in (first, other))
    return tuple(line for line in ndiff(before, after) if line[0] in "-+" and line[1:].strip())


def _columns(done: list[Finished]) -> tuple[str, ...]:
    held = done[0].held_out
    accuracy = ("accuracy",) if "accuracy" in done[0].found else ()
    test = ("test loss",) if held != "test" else ()
    return ("run", "parameters", "epochs", "train loss", f"{held} loss", *test, *accuracy, "seconds")


def _row(one: Finished) -> tuple[str, ...]:
    found = one.found
    accuracy = (f"{100 * found['accuracy']:.2f} %",) if "accuracy" in found else ()
    test = (f"{found['test_loss']:.4f}",) if one.held_out != "test" else ()
    losses = (f"{one.train_loss[-1]:.4f}", f"{one.held_loss[-1]:.4f}") if found["history"] else ("", "")
    seconds = sum(row["seconds"] for row in found["history"])
    return (
        one.name, f"{found['parameters']:,}", str(len(found["history"])), *losses, *test, *accuracy, f"{seconds:.1f}",
    )  # fmt: skip


def _data(finished: list[Finished], first: Finished) -> list[str]:
    planned, found = first.planned, first.found
    used, meant = DATA_SETS[planned.data], DATA_SETS[planned.run.data["name"]]
    size = " x ".join(map(str, found["shape"]))
    words = [
        f"{found['train']:,} training and {found['test']:,} test examples of {used.title}, each of size {size}; "
        f"trained on {found['device']} with PyTorch {found['torch']}, seed {planned.run.seed}."
    ]
    if planned.is_stand_in:
        words.insert(
            0,
            f"{meant.title} was not there and could not be fetched. What follows was run on {used.title} in its place, and says "
            f"nothing about {meant.title}.",
        )
    if any(one.planned.quick for one in finished):
        words.append(
            "This was a quick pass over a few examples, to see that the programs run; its numbers mean little."
        )
    missing = [one.name for one in finished if not one.results and not one.error]
    if missing:
        words.append(f"Not run yet: {', '.join(missing)}.")
    return words


def _ranking(done: list[Finished]) -> list[str]:
    if len(done) < 2:
        return []
    classes = all("accuracy" in one.found for one in done)
    key = "accuracy" if classes else "test_loss"
    ordered = sorted((one for one in done if isfinite(one.found[key])), key=lambda one: one.found[key], reverse=classes)
    if len(ordered) < 2:
        return []
    best, worst = ordered[0], ordered[-1]

    def figure(one: Finished) -> str:
        return f"{100 * one.found[key]:.2f} %" if classes else f"{one.found[key]:.4f}"

    what = "accuracy on the test set" if classes else "test loss"
    words = f"The best {what} is that of {best.name}, {figure(best)}; {worst.name} comes last with {figure(worst)}."
    if classes:
        gap, noise = best.found[key] - worst.found[key], 2 * _error(best)
        if gap < noise:
            words += f" Their difference of {100 * gap:.2f} points is within the noise of the test set ({100 * noise:.2f} points)."
    return [words]


def _by_run(done: list[Finished]) -> list[str]:
    """What each run gains or loses against the first."""
    if not 2 < len(done) <= MOST_COMPARED or not all("accuracy" in one.found for one in done):
        return []
    first, *others = done
    gains = [f"{one.name} {100 * (one.found['accuracy'] - first.found['accuracy']):+.2f}" for one in others]
    return [f"Points of accuracy against {first.name}: {', '.join(gains)}."]


def _error(one: Finished) -> float:
    """The standard error of a difference of two accuracies."""
    accuracy = one.found["accuracy"]
    return sqrt(2 * accuracy * (1 - accuracy) / max(one.found["test"], 1))


def _remarks(one: Finished) -> list[str]:
    """What is wrong with a run, or worth saying of it."""
    if one.results is None:
        return [f"{one.title} failed: {one.error}."] if one.error else []
    if not one.found["history"]:
        return []
    train, held = one.train_loss, one.held_loss
    if not isfinite(train[-1]) or not isfinite(held[-1]):
        return [f"{one.title} diverged: its loss is no number from epoch {len(train)} on."]
    return [*(_not_learned(one) or _overfits(one, train, held)), *_not_flat(one, train)]


def _not_learned(one: Finished) -> list[str]:
    if "accuracy" not in one.found:
        return []
    counts, said = one.found["class_counts"], one.found["predicted_counts"]
    total = max(sum(counts), 1)
    guess, accuracy = max(counts) / total, one.found["accuracy"]
    if accuracy > guess + 3 * sqrt(guess * (1 - guess) / total):
        return []
    same = " It gives every example the same class." if max(said) == sum(said) else ""
    return [
        f"{one.title} has not learned: {100 * accuracy:.2f} % is no more than naming the commonest class "
        f"({100 * guess:.2f} %).{same}"
    ]


def _overfits(one: Finished, train: tuple[float, ...], held: tuple[float, ...]) -> list[str]:
    lowest = min(range(len(held)), key=lambda k: held[k])
    risen, fallen = held[-1] - held[lowest], held[0] - held[lowest]
    if risen <= RISE * max(held[lowest], fallen) or train[-1] >= train[lowest]:
        return []
    return [
        f"{one.title} overfits: its {one.held_out} loss is lowest in epoch {lowest + 1} ({held[lowest]:.4f}) and rises to "
        f"{held[-1]:.4f}, while its training loss falls from {train[lowest]:.4f} to {train[-1]:.4f}."
    ]


def _not_flat(one: Finished, train: tuple[float, ...]) -> list[str]:
    """Where training until the loss is flat ended at its limit instead."""
    if not one.planned.run.patience or one.planned.quick:
        return []
    if len(train) < one.planned.run.epochs:
        return [
            f"{one.title} was flat after {len(train)} epochs: no lower loss in the last {one.planned.run.patience}."
        ]
    falls = len(train) > 1 and train[-2] - train[-1] > FLAT * train[-2]
    words = f"{one.title} reached its limit of {len(train)} epochs before its loss was flat"
    return [words + (f"; it still fell from {train[-2]:.4f} to {train[-1]:.4f} in the last." if falls else ".")]
