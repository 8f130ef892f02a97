"""The names that derive gives in a problem: one table a problem, from which all questions take them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any


@dataclass
class SymbolTable:
    """Names by what they stand for: a quantity (its defining expression, or any other key) has one name in all questions of a
    problem, and a name is given to one quantity alone."""

    names: dict[Any, str] = field(default_factory=dict)
    marks: dict[Any, str] = field(default_factory=dict)

    def name(self, quantity: Any, options: Iterable[str], taken: Iterable[str]) -> str:
        """The quantity's name: the one that it has, or else the first of the options (with a number, where all are taken) that
        neither stands for another quantity nor is taken by the author."""
        if quantity not in self.names:
            used = {*self.names.values(), *taken}
            self.names[quantity] = next(option for option in without_end(options) if option not in used)
        return self.names[quantity]

    def mark(self, kind: str, thing: Any) -> str:
        """What marks the names of a thing that a problem has several of: nothing for the first, then 'B', 'C', ..."""
        before = sum(other == kind for other, _ in self.marks)
        return self.marks.setdefault((kind, thing), chr(ord("A") + before) if before else "")


def without_end(options: Iterable[str]) -> Iterator[str]:
    """The options, then each with a number."""
    listed = list(options)
    yield from listed
    for k in count(1):
        yield from (f"{option}{k}" for option in listed[:2])
