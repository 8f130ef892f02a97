"""Which number a layer that torch runs has in the author's list, read off the list itself: a dense layer with an activation is
two layers of torch, a block that is made of others as many as are left for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

QUIET = ("activate", "dropout")  # have the letter of what stands before them


@dataclass(frozen=True)
class Place:
    """A layer's number in the author's list, its letters inside of a block, and what it is in words."""

    number: int
    letters: str
    kind: str


def kind_of(layer: Any) -> str:
    """The author's word for a layer; an activation by its function."""
    word = f"activation {layer.activation.name}" if layer.name == "activate" else layer.name
    return str(word).replace("_", " ")


def activation_of(layer: Any) -> str:
    """The activation of a dense layer that has one."""
    name = layer.activation.name if layer.name == "dense" else "identity"
    return "" if name == "identity" else str(name)


def repeated(listed: Any) -> list[Any]:
    """The author's layers one by one."""
    return [layer for layer in listed for _ in range(getattr(layer, "repeat", 1))]


def place_at(listed: Any, run: Any, path: str) -> Place | None:
    """The place of the layer at a path of torch's run; None where the list and the run do not go together."""
    first, *rest = path.split(".")
    places = placed(listed, run)
    if places is None or not int(first) < len(places):
        return None
    place, layer = places[int(first)], run[int(first)]
    while rest:
        k = int(rest.pop(0))
        if hasattr(layer, "branches"):
            layer, rest = layer.branches[k], rest[1:]
            place = Place(place.number, place.letters + letter(k), kind_of(layer))
            continue
        inside = inner(layer.layers)
        inner_place, layer = inside[k]
        place = Place(
            place.number, place.letters + letter(inner_place.number - 1) + inner_place.letters, inner_place.kind
        )
    return place


def letter(k: int) -> str:
    return chr(ord("a") + k)


def inner(listed: Any) -> list[tuple[Place, Any]]:
    """The layers inside of a block as torch runs them, each with its place there and the author's layer that it is of."""
    found = []
    for number, layer in enumerate(repeated(listed), 1):
        found.append((Place(number, "", kind_of(layer)), layer))
        if activation_of(layer):
            found.append((Place(number, "", f"activation {activation_of(layer)}".replace("_", " ")), layer))
    return found


def placed(listed: Any, run: Any) -> list[Place] | None:
    """The place of every layer of torch's run, outside of blocks."""
    layers = repeated(listed)
    made = {layer.name for layer in run}
    blocks = [layer for layer in layers if layer.name not in made]  # what is made of others does not run itself
    left = len(run) - sum(2 if activation_of(layer) else 1 for layer in layers if layer not in blocks)
    if (blocks and (left <= 0 or left % len(blocks))) or (not blocks and left):
        return None
    found: list[Place] = []
    for number, layer in enumerate(layers, 1):
        size = left // len(blocks) if layer in blocks else 2 if activation_of(layer) else 1
        parts = run[len(found) : len(found) + size]
        if layer in blocks:
            found += lettered(parts, number)
        elif fits(layer, parts):
            found += [Place(number, "", kind_of(part)) for part in parts]
        else:
            return None
    return found


def fits(layer: Any, parts: Any) -> bool:
    """Whether torch runs just this layer: itself, or its linear map and then its activation."""
    if not activation_of(layer):
        return bool(
            parts[0].name == layer.name
            and (layer.name != "dense" or parts[0].units == layer.units)
            and (layer.name != "activate" or parts[0].activation == layer.activation)
        )
    linear, after = parts
    return bool(
        linear.name == "dense"
        and linear.units == layer.units
        and after.name == "activate"
        and after.activation == layer.activation
    )


def lettered(parts: Any, number: int) -> list[Place]:
    """The layers of a block by letters, where several learn; what learns nothing has the letter of what stands before it."""
    if sum(part.name not in QUIET for part in parts) < 2:
        return [Place(number, "", kind_of(part)) for part in parts]
    found, k = [], -1
    for part in parts:
        k += part.name not in QUIET
        found.append(Place(number, letter(max(k, 0)), kind_of(part)))
    return found
