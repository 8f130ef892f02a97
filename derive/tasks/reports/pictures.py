"""What can be looked at: images that are classified wrongly, learned filters, decision boundaries, fitted curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typing_extensions import TypedDict

from derive.document.charts import Chart
from derive.document.pictures import Mosaic, Plane
from derive.tasks.data import DataSet
from derive.tasks.finished import Finished
from derive.tasks.reports.base import Report, Told

AS_BYTES = '''def as_bytes(image):
    """Values stretched over 0 to 255."""
    low, high = image.min(), image.max()
    return ((image - low) / (high - low).clamp(min=1e-12) * 255).round().int().tolist()'''


Image = list[list[list[int]]]  # channels, rows, columns


class Wrong(TypedDict):
    """An image that is taken for another class."""

    image: Image
    true: int
    predicted: int


class Regions(TypedDict):
    """The class of each cell of a grid, row by row from below, and some of the data."""

    cells: list[list[int]]
    low: list[float]
    high: list[float]
    points: list[list[float]]
    classes: list[int]


class Curve(TypedDict):
    """What a network with one input puts out, and some of the data."""

    x: list[float]
    output: list[float]
    points: list[list[float]]


def _of(one: Finished, done: list[Finished]) -> str:
    return f", {one.name}" if len(done) > 1 else ""


def _pixels(image: Any) -> Any:
    return tuple(tuple(tuple(row) for row in channel) for channel in image)


class Misclassified(Report):
    """Test images that the network takes for another class."""

    name = "misclassified"
    helpers = (AS_BYTES,)
    code = '''def misclassified(inputs, targets, predictions, most=24):
    """The first images that are classified wrongly, with the true and the predicted class."""
    wrong = (predictions != targets).nonzero()[:most, 0].tolist()
    return [
        {"image": as_bytes(inputs[k]), "true": int(targets[k]), "predicted": int(predictions[k])} for k in wrong
    ]'''
    at_end = "misclassified(test_inputs, test_targets, predictions)"
    form = list[Wrong]
    plot = """import matplotlib.pyplot as plt

wrong = results["misclassified"]
figure, axes = plt.subplots(3, 8, figsize=(10, 4.5))
for axis in axes.flat:
    axis.axis("off")
for axis, found in zip(axes.flat, wrong):
    axis.imshow(torch.tensor(found["image"]).permute(1, 2, 0), cmap="gray")
    axis.set_title(f"{found['true']} as {found['predicted']}")
plt.show()"""

    def unfit(self, data: DataSet, layers: Sequence[tuple[Any, tuple[int, ...]]]) -> str:
        return "" if data.classes and len(data.shape) == 3 else f"{data.title} has no images with classes"

    def tell(self, done: list[Finished]) -> Told:
        pictures = []
        for one in done:
            found = one.found["misclassified"]
            if found:
                tiles = tuple((_pixels(f["image"]), f"{f['true']} as {f['predicted']}") for f in found)
                pictures.append(
                    Mosaic(f"Classified wrongly: the true class, and the predicted one{_of(one, done)}", tiles)
                )
        return Told(pictures=tuple(pictures))


class Filters(Report):
    """The weights of the first layer, as pictures of what each unit looks for."""

    name = "filters"
    helpers = (AS_BYTES,)
    code = '''def learned_filters(model, shape, most=32):
    """The weights of each unit of the first layer, in the shape of what it sees."""
    layer = next(layer for layer in model if isinstance(layer, (nn.Conv2d, nn.Linear)))
    weights = layer.weight.detach() if isinstance(layer, nn.Conv2d) else layer.weight.detach().reshape(-1, *shape)
    return [as_bytes(unit) for unit in weights[:most]]'''
    at_end = "learned_filters(model, test_inputs.shape[1:])"
    form = list[Image]
    plot = """import matplotlib.pyplot as plt

figure, axes = plt.subplots(4, 8, figsize=(8, 4))
for axis in axes.flat:
    axis.axis("off")
for axis, weights in zip(axes.flat, results["filters"]):
    axis.imshow(torch.tensor(weights).permute(1, 2, 0), cmap="gray")
plt.show()"""

    def unfit(self, data: DataSet, layers: Sequence[tuple[Any, tuple[int, ...]]]) -> str:
        if len(data.shape) != 3:
            return f"{data.title} has no images"
        found = any(layer.name in ("conv2d", "dense") for layer, _ in layers)
        return "" if found else "there is no dense layer and no convolution in the model"

    def tell(self, done: list[Finished]) -> Told:
        pictures = []
        for one in done:
            tiles = tuple((_pixels(weights), "") for weights in one.found["filters"])
            pictures.append(Mosaic(f"Weights of the first layer, black the lowest{_of(one, done)}", tiles))
        return Told(pictures=tuple(pictures))


class Boundary(Report):
    """Which class each point of the plane gets."""

    name = "boundary"
    code = '''@torch.no_grad()
def decision_boundary(model, inputs, targets, steps=80, shown=200):
    """The class of each point of a grid around the data, row by row from below, and some of the data."""
    model.eval()
    low, high = inputs.min(0).values - 0.2, inputs.max(0).values + 0.2
    x, y = (torch.linspace(float(low[k]), float(high[k]), steps, device=inputs.device) for k in (0, 1))
    grid = torch.stack([x.repeat(steps), y.repeat_interleave(steps)], 1)
    return {
        "cells": classes_of(model(grid)).reshape(steps, steps).tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
        "points": inputs[:shown].tolist(),
        "classes": targets[:shown].tolist(),
    }'''
    at_end = "decision_boundary(model, train_inputs, train_targets)"
    form = Regions
    plot = """import matplotlib.pyplot as plt

found = results["boundary"]
(left, low), (right, high) = found["low"], found["high"]
plt.imshow(found["cells"], origin="lower", extent=(left, right, low, high), alpha=0.4, aspect="auto")
plt.scatter(*torch.tensor(found["points"]).T, c=found["classes"], s=8)
plt.show()"""

    def unfit(self, data: DataSet, layers: Sequence[tuple[Any, tuple[int, ...]]]) -> str:
        return "" if data.shape == (2,) and data.classes else f"{data.title} is no set of classes in the plane"

    def tell(self, done: list[Finished]) -> Told:
        pictures = []
        for one in done:
            found = one.found["boundary"]
            points = tuple((x, y, int(k)) for (x, y), k in zip(found["points"], found["classes"], strict=True))
            cells = tuple(tuple(row) for row in found["cells"])
            low, high = tuple(found["low"]), tuple(found["high"])
            pictures.append(Plane(f"Decision boundary{_of(one, done)}", cells, low, high, points))  # type: ignore[arg-type]
        return Told(pictures=tuple(pictures))


class Fit(Report):
    """The curve that a regression with one input has learned, among the data."""

    name = "fit"
    code = '''@torch.no_grad()
def fitted_curve(model, inputs, targets, steps=100, shown=200):
    """The network's output over the range of the inputs, and some of the data."""
    model.eval()
    x = torch.linspace(float(inputs.min()), float(inputs.max()), steps, device=inputs.device).unsqueeze(1)
    points = torch.cat([inputs[:shown], targets[:shown]], 1)
    return {"x": x.flatten().tolist(), "output": model(x).flatten().tolist(), "points": points.tolist()}'''
    at_end = "fitted_curve(model, train_inputs, train_targets)"
    form = Curve
    plot = """import matplotlib.pyplot as plt

plt.scatter(*torch.tensor(results["fit"]["points"]).T, s=4, color="gray")
plt.plot(results["fit"]["x"], results["fit"]["output"])
plt.show()"""

    def unfit(self, data: DataSet, layers: Sequence[tuple[Any, tuple[int, ...]]]) -> str:
        return "" if data.shape == (1,) and not data.classes else f"{data.title} is no regression with one input"

    def tell(self, done: list[Finished]) -> Told:
        first = done[0].found["fit"]
        curves = tuple((one.name, tuple(one.found["fit"]["output"])) for one in done)
        points = tuple((x, y) for x, y in first["points"])
        return Told(
            charts=(Chart("What was learned, among the data", curves, tuple(first["x"]), "input", points=points),)
        )
