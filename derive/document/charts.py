"""Charts in TikZ: axes with round numbers, a line a curve, single points, a legend below."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from derive.document.templates import Tex, escaped

WIDTH, HEIGHT = 6.4, 3.4  # cm
COLOURS = (
    "ink",
    "red!70!black",
    "green!50!black",
    "orange!85!black",
    "violet",
    "cyan!60!black",
    "brown",
    "magenta!70!black",
)
MOST = len(COLOURS)  # runs that one chart can show
SECOND = ", test"  # the end of the name of a run's second curve, which is dashed


@dataclass(frozen=True)
class Chart:
    """Curves of (name, values) over `xs` (1, 2, 3, ... where it is empty); `points` lie beside them, one by one."""

    title: str
    curves: tuple[tuple[str, tuple[float, ...]], ...]
    xs: tuple[float, ...] = ()
    x_name: str = "epoch"
    log: bool = False
    points: tuple[tuple[float, float], ...] = ()


def chart_tikz(chart: Chart) -> Tex:
    """The chart; values that are no numbers (or not positive, on a logarithmic axis) are left out."""

    def height(value: float) -> float:
        return log10(value) if chart.log and value > 0 else float("nan") if chart.log else value

    curves = [(name, [height(v) if isfinite(v) else float("nan") for v in values]) for name, values in chart.curves]
    finite = [v for _, values in curves for v in values if isfinite(v)] + [y for _, y in chart.points]
    if not finite:
        return Tex("")
    longest = max(len(values) for _, values in curves)
    xs = list(chart.xs) or [float(k + 1) for k in range(longest)]
    across = [*xs, *(x for x, _ in chart.points)]
    left, right = min(across), max(across)
    right = right if right > left else left + 1
    low, high = min(finite), max(finite)
    pad = 0.05 * ((high - low) or abs(high) or 1.0)
    low, high = low - pad, high + pad

    def at(x: float, value: float) -> str:
        return f"({WIDTH * (x - left) / (right - left):.3f},{HEIGHT * (value - low) / (high - low):.3f})"

    lines = [r"\begin{tikzpicture}[x=1cm,y=1cm,font=\scriptsize]"]
    lines.append(rf"\node[anchor=south west,inner sep=2pt] at (0,{HEIGHT}) {{{escaped(chart.title)}}};")
    for tick in ticks(low, high, 4, whole=chart.log and high - low >= 1):
        y = HEIGHT * (tick - low) / (high - low)
        shown = f"10^{{{tick:.4g}}}" if chart.log else f"{tick:.4g}"
        lines.append(rf"\draw[hair] (0,{y:.3f}) -- ({WIDTH},{y:.3f}) node[at start,left,text=quiet] {{${shown}$}};")
    whole = all(float(x).is_integer() for x in xs)
    for tick in sorted({*ticks(left, right, 5, whole), *([left] if not chart.points else [])}):
        lines.append(rf"\node[below,text=quiet] at {at(tick, low)} {{${tick:.4g}$}};")
    lines.append(rf"\node[below left,text=quiet,inner sep=0pt] at ({WIDTH},-0.42) {{{escaped(chart.x_name)}}};")
    lines.append(rf"\draw[quiet] (0,0) -- ({WIDTH},0) (0,0) -- (0,{HEIGHT});")
    lines += [rf"\fill[hair!60!black] {at(x, y)} circle (0.6pt);" for x, y in chart.points]
    names: list[str] = []
    for name, values in curves:
        base = name.removesuffix(SECOND)
        if base not in names:
            names.append(base)
        colour = COLOURS[names.index(base) % len(COLOURS)]
        points = [at(x, v) for x, v in zip(xs, values, strict=False) if isfinite(v)]
        if len(points) > 1:
            dashed = ",dashed" if name != base else ""
            lines.append(rf"\draw[{colour},line width=0.7pt{dashed}] {' -- '.join(points)};")
        if len(points) == 1 or (chart.xs and len(xs) <= 20):
            lines += [rf"\fill[{colour}] {point} circle (1.3pt);" for point in points]
    for k, name in enumerate(names if len(names) > 1 else []):
        x, y = WIDTH * (k % 2) / 2, -0.85 - 0.38 * (k // 2)
        colour = COLOURS[k % len(COLOURS)]
        lines.append(
            rf"\draw[{colour},line width=0.9pt] ({x:.2f},{y:.2f}) -- ++(0.4,0) node[right,text=black] {{{escaped(name)}}};"
        )
    lines.append(r"\end{tikzpicture}")
    return Tex("\n".join(lines))


def ticks(low: float, high: float, about: int, whole: bool = False) -> list[float]:
    """Round numbers from low to high."""
    step = nice((high - low) / about)
    step = max(1.0, float(ceil(step))) if whole else step
    found = [step * k for k in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]
    return [tick if abs(tick) > 1e-9 * step else 0.0 for tick in found]


def nice(step: float) -> float:
    """The round number nearest above a step."""
    power = 10.0 ** floor(log10(step)) if step > 0 else 1.0
    return next((power * m for m in (1, 2, 2.5, 5, 10) if power * m >= step), 10 * power)
