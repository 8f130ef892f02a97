"""What is said of a task's runs: tables, curves and sentences, every number of which comes from the runs."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt

from derive.tasks.data import DATA_SETS
from derive.tasks.runner import Finished

RISE = 1.05  # a test loss this much above its lowest has risen


@dataclass(frozen=True)
class Chart:
    """Curves over epochs: a title, and (name, values) for each."""

    title: str
    curves: tuple[tuple[str, tuple[float, ...]], ...]


@dataclass(frozen=True)
class TaskReport:
    """What a document shows of a task: its first program, a table, charts, sentences; `columns` head the table's rows."""

    program: str
    files: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    charts: tuple[Chart, ...]
    sentences: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...] = ()
    is_stand_in: bool = False


def report_of(finished: list[Finished], asked: tuple[str, ...]) -> TaskReport:
    """The report of all runs of a task."""
    done = [one for one in finished if one.results and one.results["history"]]
    stand_in = any(one.planned.is_stand_in for one in finished)
    classes = any("accuracy" in one.results["history"][-1] for one in done)  # type: ignore[index]
    columns = ["run", "parameters", "epochs", "train loss", "test loss", *(["accuracy"] if classes else []), "seconds"]
    charts = []
    if "curves" in asked and any(len(one.results["history"]) > 1 for one in done):  # type: ignore[index]
        charts = [Chart("Loss (test dashed)", _losses(done))]
        if classes:
            charts.append(Chart("Accuracy on the test set", tuple((name(o), _series(o, "accuracy")) for o in done[:6])))
    sentences = [
        *_data_sentences(finished, done),
        *_ranking(done, classes),
        *(s for o in finished for s in _remarks(o)),
    ]
    if "gradient_norms" in asked:
        sentences += [_norms(one) for one in done]
    confusion: tuple[tuple[int, ...], ...] = ()
    if "confusion" in asked and done and "confusion" in done[0].results:  # type: ignore[operator]
        confusion = tuple(tuple(row) for row in done[0].results["confusion"])  # type: ignore[index]
    return TaskReport(
        finished[0].planned.text, tuple(one.planned.file for one in finished), tuple(columns), tuple(map(_row, done)),
        tuple(charts), tuple(sentences), confusion, stand_in,
    )  # fmt: skip


def name(one: Finished) -> str:
    """What a run is called."""
    return one.planned.run.name or "the run"


def _series(one: Finished, key: str) -> tuple[float, ...]:
    return tuple(float(row[key]) for row in one.results["history"])  # type: ignore[index]


def _losses(done: list[Finished]) -> tuple[tuple[str, tuple[float, ...]], ...]:
    curves = []
    for one in done[:6]:
        curves.append((name(one), _series(one, "train_loss")))
        curves.append((f"{name(one)}, test", _series(one, "test_loss")))
    return tuple(curves)


def _row(one: Finished) -> tuple[str, ...]:
    history = one.results["history"]  # type: ignore[index]
    last = history[-1]
    accuracy = [f"{100 * last['accuracy']:.2f} %"] if "accuracy" in last else []
    seconds = sum(row["seconds"] for row in history)
    return (
        name(one), f"{one.results['parameters']:,}", str(len(history)), f"{last['train_loss']:.4f}",  # type: ignore[index]
        f"{last['test_loss']:.4f}", *accuracy, f"{seconds:.1f}",
    )  # fmt: skip


def _data_sentences(finished: list[Finished], done: list[Finished]) -> list[str]:
    if not done:
        return []
    first, results = done[0].planned, done[0].results
    assert results is not None
    used, meant = DATA_SETS[first.data], DATA_SETS[first.run.data["name"]]
    size = " x ".join(map(str, results["shape"]))
    words = [
        f"{results['train']:,} training and {results['test']:,} test examples of {used.title}, each of size {size}; "
        f"trained on {results['device']} with PyTorch {results['torch']}."
    ]
    if first.is_stand_in:
        words.insert(
            0,
            f"{meant.title} was not there and could not be fetched. What follows was run on {used.title} in its place, and says "
            f"nothing about {meant.title}.",
        )
    if any(one.planned.quick for one in finished):
        words.append(
            "This was a quick pass over a few examples, to see that the programs run; its numbers mean little."
        )
    return words


def _ranking(done: list[Finished], classes: bool) -> list[str]:
    if len(done) < 2:
        if not done or not classes:
            return []
        last = _series(done[0], "accuracy")
        return [f"After {len(last)} epochs {100 * last[-1]:.2f} % of the test set are classified rightly."]
    key = "accuracy" if classes else "test_loss"
    ordered = sorted(done, key=lambda one: _series(one, key)[-1], reverse=classes)
    best, worst = ordered[0], ordered[-1]

    def figure(one: Finished) -> str:
        value = _series(one, key)[-1]
        return f"{100 * value:.2f} %" if classes else f"{value:.4f}"

    what = "accuracy on the test set" if classes else "test loss"
    words = f"The best {what} is that of {name(best)}, {figure(best)}; {name(worst)} comes last with {figure(worst)}."
    if classes:
        gap = _series(best, key)[-1] - _series(worst, key)[-1]
        noise = 2 * _error(best)
        if gap < noise:
            words += f" Their difference of {100 * gap:.2f} points is within the noise of the test set ({100 * noise:.2f} points)."
    return [words]


def _error(one: Finished) -> float:
    """The standard error of a difference of two accuracies."""
    accuracy = _series(one, "accuracy")[-1]
    return sqrt(2 * accuracy * (1 - accuracy) / max(one.results["test"], 1))  # type: ignore[index]


def _remarks(one: Finished) -> list[str]:
    """What is wrong with a run, or worth saying of it."""
    if one.results is None:
        return [f"{name(one).capitalize()} failed: {one.error}."]
    train, test = _series(one, "train_loss"), _series(one, "test_loss")
    label = name(one)[:1].upper() + name(one)[1:]
    if not isfinite(train[-1]):
        return [f"{label} diverged: its loss is no number from epoch {len(train)} on."]
    remarks = []
    if "accuracy" in one.results["history"][-1]:
        guess = max(sum(row) for row in one.results["confusion"]) / max(one.results["test"], 1)
        accuracy = _series(one, "accuracy")[-1]
        if accuracy <= guess + 3 * sqrt(guess * (1 - guess) / max(one.results["test"], 1)):
            said = [sum(column) for column in zip(*one.results["confusion"], strict=True)]
            same = " It gives every example the same class." if max(said) == sum(said) else ""
            remarks.append(
                f"{label} has not learned: {100 * accuracy:.2f} % is no more than naming the commonest class "
                f"({100 * guess:.2f} %).{same}"
            )
    lowest = min(range(len(test)), key=lambda k: test[k])
    if lowest < len(test) - 1 and test[-1] > RISE * test[lowest] and train[-1] < train[lowest]:
        remarks.append(
            f"{label} overfits: its test loss is lowest in epoch {lowest + 1} ({test[lowest]:.4f}) and rises to {test[-1]:.4f}, "
            f"while its training loss falls from {train[lowest]:.4f} to {train[-1]:.4f}."
        )
    zero = [layer for layer, norm in one.results["gradient_norms"].items() if norm == 0]
    if zero:
        remarks.append(f"{label}: no gradient reaches the weights of {', '.join(zero)}; they cannot learn.")
    return remarks


def _norms(one: Finished) -> str:
    norms = ", ".join(f"{layer} {norm:.2e}" for layer, norm in one.results["gradient_norms"].items())  # type: ignore[index]
    return f"Gradient norms of {name(one)}, layer by layer: {norms}."
