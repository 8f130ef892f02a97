"""Curves in TikZ: axes with round numbers, a line a run, a legend below."""

from __future__ import annotations

from math import floor, isfinite, log10
from typing import Any

from derive.document.templates import Tex, escaped

WIDTH, HEIGHT = 6.4, 3.4  # cm
COLOURS = ("ink", "red!70!black", "green!50!black", "orange!85!black", "violet", "cyan!60!black")


def chart_tikz(chart: Any) -> Tex:
    """One chart: values over 1, 2, 3, ...; names that end in ', test' are dashed and take their run's colour."""
    finite = [v for _, values in chart.curves for v in values if isfinite(v)]
    if not finite:
        return Tex("")
    low, high = min(finite), max(finite)
    pad = 0.05 * ((high - low) or abs(high) or 1.0)
    low, high = low - pad, high + pad
    longest = max(len(values) for _, values in chart.curves)
    step = nice((high - low) / 4)
    lines = [r"\begin{tikzpicture}[x=1cm,y=1cm,font=\scriptsize]"]
    lines.append(rf"\node[anchor=south west,inner sep=2pt] at (0,{HEIGHT}) {{{escaped(chart.title)}}};")

    def at(k: int, value: float) -> str:
        x = WIDTH * k / max(longest - 1, 1)
        return f"({x:.3f},{HEIGHT * (value - low) / (high - low):.3f})"

    tick = step * -(-low // step)
    while tick <= high:
        y = HEIGHT * (tick - low) / (high - low)
        shown = f"{tick if abs(tick) > 1e-12 else 0:.4g}"
        lines.append(rf"\draw[hair] (0,{y:.3f}) -- ({WIDTH},{y:.3f}) node[at start,left,text=quiet] {{${shown}$}};")
        tick += step
    for k in sorted({0, longest // 2, longest - 1}):
        lines.append(rf"\node[below,text=quiet] at {at(k, low)} {{{k + 1}}};")
    lines.append(rf"\draw[quiet] (0,0) -- ({WIDTH},0) (0,0) -- (0,{HEIGHT});")
    names: list[str] = []
    for name, values in chart.curves:
        base = name.removesuffix(", test")
        if base not in names:
            names.append(base)
        colour = COLOURS[names.index(base) % len(COLOURS)]
        dashed = ",dashed" if name != base else ""
        points = [at(k, v) for k, v in enumerate(values) if isfinite(v)]
        if len(points) > 1:
            lines.append(rf"\draw[{colour},line width=0.7pt{dashed}] {' -- '.join(points)};")
        elif points:
            lines.append(rf"\fill[{colour}] {points[0]} circle (1.3pt);")
    for k, name in enumerate(names if len(names) > 1 else []):
        x, y = WIDTH * (k % 2) / 2, -0.75 - 0.38 * (k // 2)
        colour = COLOURS[k % len(COLOURS)]
        lines.append(
            rf"\draw[{colour},line width=0.9pt] ({x:.2f},{y:.2f}) -- ++(0.4,0) node[right,text=black] {{{escaped(name)}}};"
        )
    lines.append(r"\end{tikzpicture}")
    return Tex("\n".join(lines))


def nice(step: float) -> float:
    """The round number nearest above a step."""
    power = 10.0 ** floor(log10(step)) if step > 0 else 1.0
    return next((power * m for m in (1, 2, 2.5, 5, 10) if power * m >= step), 10 * power)
