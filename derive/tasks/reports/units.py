"""What becomes of the units: gradients that reach them, units that are dead, units that are all the same."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from derive.document.charts import MOST, Chart
from derive.tasks.data import DataSet
from derive.tasks.finished import Finished
from derive.tasks.reports.base import Report, Told


class GradientNorms(Report):
    """The norm of the gradient of each layer's weights."""

    name = "gradient_norms"
    code = '''def gradient_norms(model):
    """The norm of the gradient of each layer's weights, from the last batch."""
    return {
        f"{k}: {type(layer).__name__}": float(layer.weight.grad.norm())
        for k, layer in enumerate(model)
        if getattr(layer, "weight", None) is not None and layer.weight.grad is not None
    }'''
    each_epoch = "gradient_norms(model)"
    form = dict[str, float]
    plot = """import matplotlib.pyplot as plt

for layer in results["history"][-1]["gradient_norms"]:
    plt.semilogy(epochs, [row["gradient_norms"][layer] for row in results["history"]], label=layer)
plt.xlabel("epoch")
plt.ylabel("norm of the gradient of the weights")
plt.legend()
plt.show()"""

    def tell(self, done: list[Finished]) -> Told:
        sentences = []
        for one in done:
            norms = one.found["history"][-1]["gradient_norms"]
            first, last = next(iter(norms)), list(norms)[-1]
            if not all(map(isfinite, norms.values())):
                continue  # that it diverged is said
            zero = [layer for layer, norm in norms.items() if norm == 0]
            if zero:
                names = _listed([f"layer {layer}" for layer in zero])
                sentences.append(f"{one.title}: no gradient reaches the weights of {names}; they cannot learn.")
            elif len(norms) > 1:
                sentences.append(
                    f"{one.title}: in the last epoch the gradient of the first layer's weights has norm {norms[first]:.3g}, that of "
                    f"the last layer's {norms[last]:.3g}: {norms[first] / norms[last]:.2g} times as much."
                )
        curves = tuple((one.name, tuple(one.found["history"][-1]["gradient_norms"].values())) for one in done[:MOST])
        drawn = [values for _, values in curves if sum(v > 0 for v in values) > 1]
        title = "Gradient norm of each layer with weights"
        return Told(tuple(sentences), charts=(Chart(title, curves, x_name="layer", log=True),) if drawn else ())


class DeadUnits(Report):
    """ReLU units that are zero for every training example: no gradient passes through them."""

    name = "dead_units"
    code = '''@torch.no_grad()
def dead_units(model, inputs, batch_size=2000):
    """For each ReLU layer: how many of its units are zero for every example, and how many there are."""
    model.eval()
    alive = {}
    for start in range(0, len(inputs), batch_size):
        values = inputs[start : start + batch_size]
        for k, layer in enumerate(model):
            values = layer(values)
            if isinstance(layer, nn.ReLU):
                active = (values > 0).any(0)
                alive[k] = active | alive.get(k, torch.zeros_like(active))
    return {f"{k}: ReLU": [int((~units).sum()), units.numel()] for k, units in alive.items()}'''
    each_epoch = "dead_units(model, train_inputs)"
    form = dict[str, list[int]]
    plot = """import matplotlib.pyplot as plt

for layer in results["history"][-1]["dead_units"]:
    plt.plot(epochs, [row["dead_units"][layer][0] for row in results["history"]], label=layer)
plt.xlabel("epoch")
plt.ylabel("dead units")
plt.legend()
plt.show()"""

    def unfit(self, data: DataSet, layers: Sequence[tuple[Any, tuple[int, ...]]]) -> str:
        return ""  # a comparison of activations has runs without ReLU; they have no dead units

    def tell(self, done: list[Finished]) -> Told:
        sentences, curves = [], []
        for one in done:
            counts = one.found["history"][-1]["dead_units"]
            if not counts:
                continue
            if any(dead for dead, _ in counts.values()):
                words = _listed(
                    [f"{dead} of {count} units of layer {layer}" for layer, (dead, count) in counts.items()]
                )
                sentences.append(f"{one.title}: dead, that is zero for every training example, are {words}.")
            else:
                sentences.append(
                    f"{one.title}: no unit of a ReLU layer is dead; each is positive for some training example."
                )
            rows = [row["dead_units"].values() for row in one.found["history"]]
            curves.append((one.name, tuple(sum(d for d, _ in row) / sum(n for _, n in row) for row in rows)))
        moved = any(len(set(values)) > 1 for _, values in curves)
        charts = (Chart("Share of dead ReLU units", tuple(curves[:MOST])),) if moved else ()
        return Told(tuple(sentences), charts=charts)


class DifferentUnits(Report):
    """How many units of a layer have weights of their own: units with equal weights stay equal."""

    name = "different_units"
    code = '''def different_units(model):
    """For each layer with weights: how many of its units differ from all others, and how many there are."""
    counts = {}
    for k, layer in enumerate(model):
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            weights = layer.weight.detach().flatten(1).cpu()
            scale = weights.abs().max().clamp(min=1e-12)  # what differs by rounding only is the same
            different = torch.unique((weights / scale).round(decimals=4), dim=0)
            counts[f"{k}: {type(layer).__name__}"] = [len(different), len(weights)]
    return counts'''
    at_end = "different_units(model)"
    form = dict[str, list[int]]
    plot = 'print("different units of each layer, and all:", results["different_units"])'

    def tell(self, done: list[Finished]) -> Told:
        sentences = []
        for one in done:
            same = {k: n for k, n in one.found["different_units"].items() if n[0] < n[1]}
            if same:
                words = _listed([f"{n} of {of} units of layer {layer}" for layer, (n, of) in same.items()])
                sentences.append(
                    f"{one.title}: different weights have only {words}. Units of a layer that start equal get equal gradients, and "
                    "stay equal: such a layer is no wider than the number of its different units."
                )
            else:
                sentences.append(f"{one.title}: every unit of every layer has weights of its own.")
        return Told(tuple(sentences))


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
