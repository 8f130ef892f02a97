"""Pictures that a document shows: mosaics of small images, planes coloured by class. Pixels as PNG, words in TikZ."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from derive.document.templates import Tex, escaped

SHARP = 6  # times that each pixel is repeated, so that viewers do not blur it
CLASS_COLOURS = ((25, 55, 95), (170, 35, 35), (40, 130, 75), (200, 130, 20), (110, 60, 140), (30, 140, 160),
                 (120, 80, 50), (190, 60, 130), (90, 90, 90), (150, 150, 20))  # fmt: skip
Pixels = tuple[tuple[tuple[int, ...], ...], ...]  # channels (1 or 3) of rows of numbers from 0 to 255


@dataclass(frozen=True)
class Mosaic:
    """Images of one size side by side, each with a caption below."""

    title: str
    tiles: tuple[tuple[Pixels, str], ...]
    columns: int = 8


@dataclass(frozen=True)
class Plane:
    """The class that a network gives to each point of a grid (rows from below), and some points with their classes."""

    title: str
    cells: tuple[tuple[int, ...], ...]
    low: tuple[float, float]
    high: tuple[float, float]
    points: tuple[tuple[float, float, int], ...]


def png(picture: Mosaic | Plane) -> bytes:
    """The picture's pixels."""
    from PIL import Image

    pixels = _mosaic(picture) if isinstance(picture, Mosaic) else _plane(picture)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def file_name(picture: Mosaic | Plane) -> str:
    """A name that goes with the content, in a folder beside the .tex."""
    return f"pictures/{hashlib.sha256(repr(picture).encode()).hexdigest()[:12]}.png"


def files(pictures: Iterable[Mosaic | Plane]) -> dict[str, bytes]:
    """Every picture by its file's name."""
    return {file_name(picture): png(picture) for picture in pictures}


def _mosaic(mosaic: Mosaic) -> np.ndarray:
    images = [np.array(pixels, dtype=np.uint8) for pixels, _ in mosaic.tiles]
    _, height, width = images[0].shape
    columns = min(mosaic.columns, len(images))
    rows = -(-len(images) // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, dtype=np.uint8)
    for k, image in enumerate(images):
        y, x = height * (k // columns), width * (k % columns)
        sheet[y : y + height, x : x + width] = np.moveaxis(np.broadcast_to(image, (3, height, width)), 0, 2)
    return sheet.repeat(SHARP, 0).repeat(SHARP, 1)


def _plane(plane: Plane) -> np.ndarray:
    colours = np.array(CLASS_COLOURS, dtype=np.float64)
    cells = np.array(plane.cells)[::-1]
    return (255 - 0.3 * (255 - colours[cells % len(colours)])).astype(np.uint8).repeat(SHARP, 0).repeat(SHARP, 1)


def picture_tikz(picture: Mosaic | Plane) -> Tex:
    """The picture's file with its words around it."""
    return _mosaic_tikz(picture) if isinstance(picture, Mosaic) else _plane_tikz(picture)


def _mosaic_tikz(mosaic: Mosaic) -> Tex:
    """Each tile is a clip of the one file, so that there is room for its caption below it."""
    _, height, width = np.array(mosaic.tiles[0][0]).shape
    columns = min(mosaic.columns, len(mosaic.tiles))
    rows = -(-len(mosaic.tiles) // columns)
    wide = min(1.5, 13.0 / columns)
    high = wide * height / width
    gap, below = 0.12, 0.34 if any(caption for _, caption in mosaic.tiles) else 0.12
    name = file_name(mosaic)
    lines = [
        r"\begin{tikzpicture}[x=1cm,y=1cm,font=\scriptsize]",
        rf"\node[anchor=south west,inner sep=2pt] at (0,0) {{{escaped(mosaic.title)}}};",
    ]
    for k, (_, caption) in enumerate(mosaic.tiles):
        row, column = divmod(k, columns)
        x, y = column * (wide + gap), -row * (high + below)
        sides = (column * width, (rows - 1 - row) * height, (columns - 1 - column) * width, row * height)
        cut = " ".join(str(SHARP * side) for side in sides)  # left, bottom, right, top: a pixel is a point
        lines.append(
            rf"\node[anchor=north west,inner sep=0pt] at ({x:.3f},{y:.3f}) "
            rf"{{\includegraphics[trim={cut},clip,width={wide:.3f}cm,height={high:.3f}cm]{{{name}}}}};"
        )
        if caption:
            lines.append(
                rf"\node[anchor=north,inner sep=1.5pt] at ({x + wide / 2:.3f},{y - high:.3f}) {{{escaped(caption)}}};"
            )
    lines.append(r"\end{tikzpicture}")
    return Tex("\n".join(lines))


def _plane_tikz(plane: Plane) -> Tex:
    (left, low), (right, high) = plane.low, plane.high
    wide = 5.2
    tall = min(max(wide * (high - low) / (right - left), 2.5), 5.2)
    lines = [r"\begin{tikzpicture}[x=1cm,y=1cm,font=\scriptsize]"]
    lines += [
        rf"\definecolor{{class{k}}}{{RGB}}{{{r},{g},{b}}}" for k, (r, g, b) in enumerate(CLASS_COLOURS)
        if any(point[2] % len(CLASS_COLOURS) == k for point in plane.points)
    ]  # fmt: skip
    lines.append(rf"\node[anchor=south west,inner sep=2pt] at (0,{tall:.3f}) {{{escaped(plane.title)}}};")
    lines.append(
        rf"\node[anchor=south west,inner sep=0pt] at (0,0) {{\includegraphics[width={wide}cm,height={tall:.3f}cm]{{{file_name(plane)}}}}};"
    )
    lines.append(rf"\draw[quiet] (0,0) rectangle ({wide},{tall:.3f});")
    for x, y, k in plane.points:
        if left <= x <= right and low <= y <= high:
            spot = f"({wide * (x - left) / (right - left):.3f},{tall * (y - low) / (high - low):.3f})"
            lines.append(rf"\fill[class{k % len(CLASS_COLOURS)}] {spot} circle (0.8pt);")
    for value, where in ((left, "(0,0)"), (right, f"({wide},0)")):
        lines.append(rf"\node[below,text=quiet] at {where} {{${value:.2g}$}};")
    for value, where in ((low, "(0,0)"), (high, f"(0,{tall:.3f})")):
        lines.append(rf"\node[left,text=quiet] at {where} {{${value:.2g}$}};")
    lines.append(r"\end{tikzpicture}")
    return Tex("\n".join(lines))
