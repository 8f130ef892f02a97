"""The torch name in a row of a table, resolved; adapters where torch's call differs from ours."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from derive.algebra.functions import TABLE, Row
from derive.errors import Bug


def named(dotted: str) -> Any:
    """The object of torch with this dotted name; only names below `torch` are looked up."""
    module, _, name = dotted.rpartition(".")
    if dotted.split(".")[0] != "torch":
        raise Bug(f"'{dotted}' is no name of torch")
    return getattr(importlib.import_module(module), name)


EXACTLY = {
    "softplus": {"threshold": 700.0}
}  # torch takes softplus for linear from 20 on, and then its slope is constant


def twin_of(row: Row) -> Callable[..., torch.Tensor]:
    """The function of torch that the row names, without its short cuts."""
    settings = EXACTLY.get(row.name)
    return partial(named(row.torch), **settings) if settings else named(row.torch)


def resolve(name: str) -> Callable[..., torch.Tensor]:
    """The torch twin of a function of the table."""
    return twin_of(TABLE[name].row)
