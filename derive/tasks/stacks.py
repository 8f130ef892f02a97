"""The layers of a run with the shapes that enter them."""

from __future__ import annotations

from math import prod
from typing import Any

from derive.errors import GivenError
from derive.problem.task import Run
from derive.tasks.data import DataSet


def shapes_of(run: Run, data: DataSet) -> tuple[list[Any], tuple[int, ...]]:
    """The layers of the program in order, with the shape that enters each; raises GivenError where one does not fit."""
    from derive.catalogue.layers.base import expanded

    shape, found = data.shape, []
    path = ("task", "model")
    try:
        for layer in expanded(run.layers, shape):
            if layer.call != "plain" or layer.torch in ("residual", "concatenate") or getattr(layer, "words", 0):
                raise GivenError(f"programs are stacks of plain layers; '{layer.name}' is none", path)
            if layer.name == "dense" and len(shape) > 1:
                raise ValueError("put 'flatten' before the dense layer")
            found.append((layer, shape))
            shape = layer.out(shape)
    except ValueError as error:
        raise GivenError(str(error), path) from None
    return found, shape


def parameter_counts(run: Run, data: DataSet) -> list[tuple[str, str, int]]:
    """For each layer that has parameters: its words, the sizes of its arrays, and how many numbers that makes."""
    rows = []
    for layer, shape in shapes_of(run, data)[0]:
        sizes = [tuple(weight.shape) for weight in layer.weights(shape, True)]
        if sizes:
            words = " + ".join(" x ".join(str(n) for n in size) for size in sizes)
            rows.append((layer.name, words, sum(map(int, map(prod, sizes)))))
    return rows
