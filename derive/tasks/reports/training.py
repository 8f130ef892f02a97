"""How training went: curves, accuracy, the confusion matrix, counts of parameters."""

from __future__ import annotations

from math import sqrt

from derive.document.charts import MOST, SECOND, Chart
from derive.errors import Bug
from derive.tasks.data import DATA_SETS, DataSet, as_used
from derive.tasks.finished import Finished
from derive.tasks.reports.base import Report, Table, Told, percent
from derive.tasks.stacks import parameter_counts

ALIKE = 0.02  # counts of parameters that are meant to be equal are no further apart
MANY = 2 * MOST  # a confusion matrix of more classes is not printed


class Curves(Report):
    """Training loss and held-out loss by epoch; for a sweep of numbers, what each value came to."""

    name = "curves"
    plot = """import matplotlib.pyplot as plt

epochs = [row["epoch"] for row in results["history"]]
held_out = results["held_out"]
plt.plot(epochs, [row["train_loss"] for row in results["history"]], label="train")
plt.plot(epochs, [row[f"{held_out}_loss"] for row in results["history"]], label=held_out)
plt.xlabel("epoch")
plt.ylabel("loss")
plt.legend()
plt.show()"""

    def tell(self, done: list[Finished]) -> Told:
        charts, sentences = [], []
        if len(done) > 2 and all(swept_value(one) is not None for one in done):
            charts.append(_by_value(done))
            sentences = _trend(done)
        if len(done) <= MOST and any(len(one.found["history"]) > 1 for one in done):
            losses = [(one.name, one.train_loss) for one in done]
            losses += [(f"{one.name}{SECOND}", one.held_loss) for one in done]
            charts.append(Chart(f"Loss ({done[0].held_out} dashed)", tuple(losses)))
            if all("accuracy" in one.found["history"][-1] for one in done):
                curves = tuple((one.name, one.series("accuracy")) for one in done)
                charts.append(Chart(f"Accuracy on the {done[0].held_out} set", curves))
        return Told(tuple(sentences), charts=tuple(charts))


def swept_value(one: Finished) -> float | None:
    """The number at the end of a swept run's name: 'dropout 1/9' is 1/9."""
    number = one.planned.run.name.rpartition(" ")[2]
    above, _, below = number.partition("/")
    try:
        return float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        return None


def _trend(done: list[Finished]) -> list[str]:
    """Where the training loss goes all one way as the swept number grows, and how."""
    ordered = sorted(done, key=lambda one: swept_value(one) or 0.0)
    losses = [one.train_loss[-1] for one in ordered]
    pairs = list(zip(losses, losses[1:]))
    way = "rises" if all(a < b for a, b in pairs) else "falls" if all(a > b for a, b in pairs) else ""
    if not way:
        return []
    name = ordered[0].planned.run.name.rpartition(" ")[0].replace("_", " ")
    low, high = (one.planned.run.name.rpartition(" ")[2] for one in (ordered[0], ordered[-1]))
    return [
        f"The training loss {way} with every step of {name}, from {losses[0]:.4f} at {low} to {losses[-1]:.4f} at {high}."
    ]


def _by_value(done: list[Finished]) -> Chart:
    ordered = sorted(done, key=lambda one: swept_value(one) or 0.0)
    key = "accuracy" if "accuracy" in done[0].found else "test_loss"
    values = tuple(float(one.found[key]) for one in ordered)
    name = done[0].planned.run.name.rpartition(" ")[0].replace("_", " ")
    title = "Accuracy on the test set" if key == "accuracy" else "Test loss"
    return Chart(title, ((name, values),), tuple(swept_value(one) or 0.0 for one in ordered), name)


class Accuracy(Report):
    """The share of the test set that is classified rightly, with its standard error."""

    name = "accuracy"
    plot = "print(f\"test accuracy {100 * results['accuracy']:.2f} %\")"

    def tell(self, done: list[Finished]) -> Told:
        if len(done) != 1 or "accuracy" not in done[0].found:
            return Told()
        one = done[0]
        share, count = float(one.found["accuracy"]), int(one.found["test"])
        error = percent(sqrt(share * (1 - share) / max(count, 1)))
        epochs = len(one.found["history"])
        return Told((
            f"After {epochs} epoch{'s' * (epochs > 1)}, {percent(share)} of the {count:,} test examples are classified rightly "
            f"(the standard error of such a share is {error}).",
        ))  # fmt: skip


class Parameters(Report):
    """How many parameters each layer has, counted from the sizes of its arrays; PyTorch's count must be the same."""

    name = "parameters"

    def tell(self, done: list[Finished]) -> Told:
        tables = []
        for one in done:
            data = as_used(DATA_SETS[one.planned.data], one.planned.run.data)
            counts = parameter_counts(one.planned.run, data)
            total = sum(count for _, _, count in counts)
            if total != one.found["parameters"]:
                raise Bug(f"{one.planned.file} has {one.found['parameters']} parameters by PyTorch, {total} by derive")
            if len(done) == 1:
                rows = [(layer, sizes, f"{count:,}") for layer, sizes, count in counts]
                tables.append(Table("Parameters", (("layer", "sizes", "count"), *rows, ("all", "", f"{total:,}"))))
        return Told(self.spread(done), tuple(tables))

    def spread(self, done: list[Finished]) -> tuple[str, ...]:
        """How far apart the counts are, where they are meant to be equal."""
        counts = {int(one.found["parameters"]) for one in done}
        spread = (max(counts) - min(counts)) / max(counts)
        if len(counts) == 1 or spread > ALIKE:
            return ()
        return (f"The networks have between {min(counts):,} and {max(counts):,} parameters, {percent(spread)} apart.",)


class Confusion(Report):
    """Which classes are taken for which."""

    name = "confusion"
    code = '''def confusion_matrix(targets, predictions, classes):
    """How often each class (row) is taken for each class (column)."""
    pairs = torch.bincount(classes * targets + predictions, minlength=classes * classes)
    return pairs.reshape(classes, classes).tolist()'''
    at_end = "confusion_matrix(test_targets, predictions, CLASSES)"
    form = list[list[int]]
    plot = """import matplotlib.pyplot as plt

plt.matshow(results["confusion"])
plt.xlabel("predicted class")
plt.ylabel("true class")
plt.show()"""

    def unfit(self, data: DataSet, layers: object) -> str:
        return "" if data.classes else f"{data.title} has no classes"

    def tell(self, done: list[Finished]) -> Told:
        tables, sentences = [], []
        for one in done:
            matrix = one.found["confusion"]
            worst = max(
                ((n, i, j) for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j), default=(0, 0, 0)
            )
            if worst[0]:
                count, true, taken = worst
                of = f"{one.title}: the" if len(done) > 1 else "The"
                sentences.append(
                    f"{of} commonest mistake is to take class {true} for class {taken}: {count} of {sum(matrix[true]):,}."
                )
            if len(matrix) <= MANY and len(done) <= 3:
                head = ("", *map(str, range(len(matrix))))
                rows = (head, *((str(k), *map(str, row)) for k, row in enumerate(matrix)))
                of = f", {one.name}" if len(done) > 1 else ""
                tables.append(Table(f"Rows are the true classes, columns the predicted ones{of}", rows))
        return Told(tuple(sentences), tuple(tables))
