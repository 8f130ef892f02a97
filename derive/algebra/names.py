"""How symbols are called on the page: 'W1' is a bold W with index 1, 'm_hat_t' an m with a hat and index t."""

from __future__ import annotations

import re

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
ACCENTS = {"hat": r"\hat", "bar": r"\bar", "tilde": r"\tilde"}


def latex_name(name: str, bold: bool = False) -> str:
    """The LaTeX of a name: base letter, accents, then everything else as indices."""
    base, accents, indices = parts(name)
    letter = SPECIAL.get(base) or (f"\\{base}" if base in GREEK else base)
    if len(base) > 1 and letter == base:
        letter = rf"\mathrm{{{base}}}"
    if bold:
        letter = rf"\bm{{{letter}}}"
    for accent in accents:
        letter = rf"{ACCENTS[accent]}{{{letter}}}"
    return f"{letter}_{{{','.join(map(_index, indices))}}}" if indices else letter


def parts(name: str) -> tuple[str, list[str], list[str]]:
    """'m_hat_t' as base 'm', accents ['hat'], indices ['t']; 'W1' as 'W', [], ['1']."""
    first, *rest = [piece for piece in str(name).replace("'", "").split("_") if piece] or [str(name)]
    match = re.fullmatch(r"([A-Za-z]+?)(\d+)", first)
    base, digits = match.groups() if match else (first, "")
    accents = [piece for piece in rest if piece in ACCENTS]
    indices = ([digits] if digits else []) + [piece for piece in rest if piece not in ACCENTS]
    return base, accents, indices


def _index(piece: str) -> str:
    if piece in GREEK:
        return SPECIAL.get(piece, f"\\{piece}")
    if piece.isdigit() or len(piece) == 1 or re.fullmatch(r"[a-zA-Z]?[+-]?\d+", piece):
        return piece
    return rf"\mathrm{{{piece}}}"
