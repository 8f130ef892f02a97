"""How symbols are called on the page: 'W1' is a bold W with index 1, 'm_hat_t' an m with a hat and index t."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from derive.algebra.tex_text import GREEK as GREEK_LETTERS
from derive.algebra.tex_text import tex_text

GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "mu", "nu", "xi", "pi", "rho",
    "sigma", "tau", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi",
    "Omega", "ell",
}  # fmt: skip
SPECIAL = {
    "slope": r"\alpha",
    "lam": r"\lambda",
    "lambda": r"\lambda",
    "eps": r"\varepsilon",
    "epsilon": r"\varepsilon",
    "phi": r"\varphi",
}
NAMES_INSTEAD = {"lambda": "lam"}  # words of Python, and what is written for them in formulas
ACCENTS = {"hat": r"\hat", "bar": r"\bar", "tilde": r"\tilde"}
INDEX = re.compile(r"\d+|[a-zA-Z]|[a-zA-Z]?[+-]?\d+|\(\d+\)")


def latex_name(name: str, bold: bool = False) -> str:
    """The LaTeX of a name: base letter, accents, then everything else as indices. Whatever the name is, none of its
    characters means anything to TeX."""
    base, accents, indices = parts(name)
    letter = SPECIAL.get(base) or _letters(base)
    if bold:
        letter = rf"\bm{{{letter}}}"
    for accent in accents:
        letter = rf"{ACCENTS[accent]}{{{letter}}}"
    return f"{letter}_{{{','.join(map(_index, indices))}}}" if indices else letter


def parts(name: str) -> tuple[str, list[str], list[str]]:
    """'m_hat_t' as base 'm', accents ['hat'], indices ['t']; 'W1' as 'W', [], ['1']."""
    first, *rest = [piece for piece in str(name).split("_") if piece] or [str(name)]
    match = re.fullmatch(r"([A-Za-z]+?)(\d+)", first)
    base, digits = match.groups() if match else (first, "")
    accents = [piece for piece in rest if piece in ACCENTS]
    indices = ([digits] if digits else []) + [piece for piece in rest if piece not in ACCENTS]
    return base, accents, indices


def _index(piece: str) -> str:
    if INDEX.fullmatch(piece):
        return piece
    return SPECIAL[piece] if piece in GREEK and piece in SPECIAL else _letters(piece)


def _letters(piece: str) -> str:
    """Greek by its name, one letter in italics, several letters upright, anything else as the text that it is."""
    if piece in GREEK:
        return f"\\{piece}"
    if len(piece) == 1 and piece in GREEK_LETTERS:
        return f"\\{GREEK_LETTERS[piece]}"
    if re.fullmatch(r"[A-Za-z]", piece):
        return piece
    if re.fullmatch(r"[A-Za-z0-9]+", piece):
        return rf"\mathrm{{{piece}}}"
    return rf"\text{{{tex_text(piece)}}}"


# Two names that look alike on the page.

ANY = "*"  # an index of an entry: any number from 1 on, and any letter that a sum runs over
RUNNING = re.compile(r"[ijk]")


@dataclass(frozen=True)
class Form:
    """What stands on the page: a letter with its indices; it is a 'scalar', an 'array' (bold) or an 'entry' of one."""

    kind: str
    pieces: tuple[str, ...]

    def meets(self, other: Form) -> bool:
        if {self.kind, other.kind} == {"array", "entry"}:  # bold and not
            return False
        pairs = list(zip(self.pieces, other.pieces, strict=False))
        return len(self.pieces) == len(other.pieces) and all(map(_same_index, *zip(*pairs, strict=True)))


def look_alikes(symbols: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each name that is printed like one before it, or like an entry of it, with that one: theta_0 after theta0, and
    the scalar x_1 beside the vector x."""
    seen: list[tuple[str, Form]] = []
    for name, symbol in symbols.items():
        forms = list(forms_of(name, symbol))
        other = next((known for known, form in seen if any(map(form.meets, forms))), None)
        if other is not None:
            yield name, other
        seen += [(name, form) for form in forms]


def forms_of(name: str, symbol: Any) -> Iterator[Form]:
    """How a symbol of that name stands on the page: by itself, and with the indices of its entries."""
    base, accents, indices = parts(name)
    own = (latex_name("_".join([base, *accents])), *map(_index, indices))
    shape = getattr(symbol, "shape", (1, 1))
    axes = 0 if shape == (1, 1) else 1 if shape[1] == 1 else 2
    yield Form("array" if axes else "scalar", own)
    if axes == 1 or (axes == 2 and not indices):  # a matrix with an index of its own is bracketed: array_notation.py
        yield Form("entry", (*own, *[ANY] * axes))


def _same_index(one: str, other: str) -> bool:
    if ANY not in (one, other):
        return one == other
    index = other if one == ANY else one
    return index == ANY or (index.isdigit() and index != "0") or RUNNING.fullmatch(index) is not None
