"""The errors of derive: the author's, the engine's and ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class DeriveError(Exception):
    """Base of every error that derive raises on purpose."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong in a file: where (1-based line and column; 0 means the whole file) and what would be right."""

    path: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return f"{place}: {self.message}"


class InputError(DeriveError):
    """What the author wrote cannot be used; carries every fault found, not only the first."""

    def __init__(self, faults: Iterable[Fault]):
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))

    def __reduce__(self):
        return (InputError, (self.faults,))


class FormulaError(DeriveError):
    """A formula that cannot be read: `offset` is the 0-based character in the text, `length` how far the fault goes."""

    def __init__(self, message: str, offset: int = 0, length: int = 1):
        super().__init__(message)
        self.message, self.offset, self.length = message, offset, length

    def __reduce__(self):
        return (FormulaError, (self.message, self.offset, self.length))


class ShapeError(DeriveError):
    """Two shapes that do not fit together."""


class GivenError(DeriveError):
    """A question meets something given that it cannot use; `path` names the key in the problem, from its top."""

    def __init__(self, message: str, path: Sequence[str | int] = ()):
        super().__init__(message)
        self.message, self.path = message, tuple(path)

    def __reduce__(self):
        return (GivenError, (self.message, self.path))


class NotDerivable(DeriveError):
    """The engine has no rule for this; it says so, and never answers 0 for "don't know"."""


class Bug(DeriveError):
    """derive itself is wrong."""


def one_of(names: Iterable[str]) -> str:
    """The allowed words, for the end of a message: '(a, b, c)'."""
    return "(" + ", ".join(sorted(names)) + ")"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'; did you mean 'sigmoid'?' for the nearest known word, or nothing when none is near."""
    from rapidfuzz import fuzz, process

    best = process.extractOne(str(word), list(known), scorer=fuzz.ratio, score_cutoff=60)
    return f"; did you mean '{best[0]}'?" if best else ""
