"""The errors of derive: the author's, the engine's and ours."""

from __future__ import annotations

import os
import traceback
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

LONGEST = 1_200  # characters of a message
HOME = os.path.dirname(__file__)
FRAMES = 8  # of derive's own calls, told of a fault of derive


class DeriveError(Exception):
    """Base of every error that derive raises on purpose."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong in a file: where (1-based line and column; 0 means the whole file) and what would be right."""

    path: str
    line: int
    column: int
    message: str
    trace: str = field(default="", compare=False, repr=False)  # of a fault of derive itself: the calls that led to it

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return escaped(f"{place}: {cut(self.message)}")


class InputError(DeriveError):
    """What the author wrote cannot be used; carries every fault found, not only the first."""

    def __init__(self, faults: Iterable[Fault]):
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))

    def __reduce__(self):
        return (InputError, (self.faults,))


def escaped(text: str) -> str:
    """The text with what would steer a terminal (ESC, BEL, marks of direction, halves of characters) as escapes."""
    return "".join(
        sign.encode("unicode_escape").decode()
        if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn") and sign != "\n"
        else sign
        for sign in text
    )


def cut(text: str, longest: int = LONGEST) -> str:
    """The text, its middle left out where it is longer than that."""
    if len(text) <= longest:
        return text
    left = longest // 2
    return f"{text[:left]} ... ({len(text) - 2 * left:,} characters) ... {text[-left:]}"


def fault_of_derive(error: BaseException, path: str, line: int = 0, column: int = 0) -> Fault:
    """What derive itself did wrong at a place of a file that may be right, with the calls of derive that led there."""
    if isinstance(error, MemoryError):
        return Fault(path, line, column, "this takes more memory than there is for one problem")
    words = cut(" ".join(str(error).split()), 200)
    name = type(error).__name__
    message = (
        f"this is a fault of derive, not of your file ({name}{': ' * bool(words)}{words}); --debug shows where it lies"
    )
    calls = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(HOME)][-FRAMES:]
    trace = "".join(f"    {call.filename}:{call.lineno} in {call.name}: {call.line}\n" for call in calls)
    return Fault(path, line, column, message, trace + f"    {name}: {words}")


class FormulaError(DeriveError):
    """A formula that cannot be read: `offset` is the 0-based character in the text, `length` how far the fault goes."""

    def __init__(self, message: str, offset: int = 0, length: int = 1):
        super().__init__(message)
        self.message, self.offset, self.length = message, offset, length

    def __reduce__(self):
        return (type(self), (self.message, self.offset, self.length))


class UnknownName(FormulaError):
    """A formula that speaks of a name which nothing has given a meaning."""


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
    listed = ", ".join(sorted(names))
    return f"({listed})" if listed else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'; did you mean 'sigmoid'?' for the nearest known word, or nothing when none is near: a slip of the hand is a letter
    in every three (a pair that changed places is one slip), and leaves some letters as they are. A word that is left off in
    the middle ('until' for 'until_flat') is near as well."""
    from rapidfuzz.distance import DamerauLevenshtein

    typed = str(word)[:100]
    slips = {name: DamerauLevenshtein.distance(typed.lower(), name.lower()) for name in map(str, known)}
    best = min(slips, key=lambda name: (slips[name], name), default="")
    allowed = min(max(1, len(typed) // 3), len(typed) - (typed.lower() != best.lower()))
    begun = [name for name in slips if len(typed) > 2 and name.lower().startswith(typed.lower()) and name != typed]
    if slips.get(best, 0) > allowed and len(begun) == 1:
        return f"; did you mean '{begun[0]}'?"
    return f"; did you mean '{best}'?" if best and typed != best and slips[best] <= allowed else ""
