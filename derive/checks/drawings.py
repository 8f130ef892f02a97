"""Figures of networks: every number and name in one is compared with the network as torch builds it and with the author's list."""

from __future__ import annotations

from typing import Any

import torch
from sympy import Symbol

from derive.checks.bindings import exact_tensor, observe
from derive.checks.reasons.numbering import Place, placed, repeated
from derive.checks.referee import check
from derive.checks.stack_run import Node, build
from derive.derivation import Drawn, IsDrawn
from derive.report import Verdict

BUILT = "the network built in torch.nn and its sizes followed"


@check.register
def check_drawing(claim: IsDrawn, seed: int = 0) -> Verdict:
    """Layer by layer; the first thing that is wrong is told."""
    world: Any = claim.world
    nodes, sizes = followed(world)
    places = placed(claim.listed, world.layers)
    if places is None:
        return Verdict(False, BUILT, 1, 0.0, "the figure's layers are not those of the network")
    last = {place.number: k for k, place in enumerate(places)}  # the last of torch's layers for each of the author's
    wrong = [] if first_fits(world, claim.layers[0]) else ["the input is not drawn as it is"]
    expected = 1
    for drawn in claim.layers[1:]:
        if drawn.number != expected or drawn.number + drawn.times - 1 not in last:
            wrong.append(f"layer {drawn.number} is drawn where layer {expected} stands")
            break
        expected += drawn.times
        wrong += faults_of(drawn, claim, [(places[k], nodes[k], sizes[k]) for k in ends(drawn, last)])
    if not wrong and expected != len(repeated(claim.listed)) + 1:
        wrong.append(f"{expected - 1} layers are drawn of {len(repeated(claim.listed))}")
    wrong = wrong or wrong_weights(claim, seed)
    return Verdict(not wrong, BUILT, 1, 0.0, wrong[0] if wrong else "", "observed")


def followed(world: Any) -> tuple[list[Node], list[tuple[int, ...]]]:
    """The layers that torch runs, and the sizes that leave each; equal layers on equal sizes are built once."""
    nodes: list[Node] = []
    sizes: list[tuple[int, ...]] = []
    shape, known = tuple(world.input), {}
    with torch.device("meta"):
        for layer in world.layers:
            if (layer, shape) not in known:
                (node,), after = build((layer,), shape)
                known[layer, shape] = node, tuple(after)
            node, shape = known[layer, shape]
            nodes.append(node)
            sizes.append(shape)
    return nodes, sizes


def first_fits(world: Any, first: Drawn) -> bool:
    symbol = None if first.symbol is None else Symbol("X_i" if world.convention == "row" else "x")
    return first == Drawn(0, "input", tuple(world.input), symbol)


def ends(drawn: Drawn, last: dict[int, int]) -> list[int]:
    """The last of torch's layers for each layer that is drawn as one."""
    return [last[number] for number in range(drawn.number, drawn.number + drawn.times)]


def faults_of(drawn: Drawn, claim: IsDrawn, ran: list[tuple[Place, Node, tuple[int, ...]]]) -> list[str]:
    """What is wrong with a layer, in words."""
    found = [f"{size} leaves layer {place.number}, not {drawn.size}" for place, _, size in ran if size != drawn.size]
    layer = repeated(claim.listed)[drawn.number - 1]
    number, count = drawn.number, len(repeated(claim.listed))
    word = activation_in(layer) if drawn.symbol is not None else word_in(layer)
    if drawn.word != word:
        found.append(f"layer {number} is called '{drawn.word}', not '{word}'")
    if drawn.symbol is not None and str(drawn.symbol) not in unit_names(claim, layer, number, number == count):
        found.append(f"what layer {number} puts out is called {drawn.symbol}")
    module = ran[0][1].module
    if drawn.loops is not isinstance(module, torch.nn.RNNBase) or drawn.adds is not (
        ran[0][1].layer.torch == "residual"
    ):
        found.append(f"an arrow at layer {number} that does not belong there, or none where one does")
    return found


def unit_names(claim: IsDrawn, layer: Any, number: int, is_last: bool) -> set[str]:
    """What a layer's output may be called: z, a or p by what it ends in; in rows a capital, with the number i of the row."""
    letter = {"identity": "z", "softmax": "p"}.get(layer.activation.name, "a")
    if claim.world.convention == "row":  # type: ignore[attr-defined]
        return {f"{letter.upper()}{number}_i", f"{letter}{number}_i"}
    return {"y_hat", f"{letter}{number}"} if is_last else {f"a{number}", f"{letter}{number}"}


def activation_in(layer: Any) -> str:
    return str(layer.activation.name).replace("_", " ")


def word_in(layer: Any) -> str:
    """The layer's word in the author's list, and the activation that is written beside it."""
    words = [] if layer.name == "activate" else [layer.name]
    if hasattr(layer, "activation") and layer.activation.name != "identity":
        words.append(layer.activation.name)
    return ", ".join(words).replace("_", " ") if words else "identity"


def wrong_weights(claim: IsDrawn, seed: int) -> list[str]:
    """Layers whose numbers on the edges are not those that torch's linear map has."""
    shown = [drawn for drawn in claim.layers if drawn.weights is not None]
    if not shown:
        return []
    world: Any = claim.world
    bindings = observe(world, torch.Generator().manual_seed(seed))
    paths = {tag[1]: symbol for symbol, tag in world.observed}
    places = placed(claim.listed, world.layers) or []
    held = {places[int(path)].number: bindings.leaves[symbol][0] for path, symbol in paths.items()}
    return [
        f"the weights of layer {drawn.number} are not those on the edges"
        for drawn in shown
        if drawn.number not in held
        or held[drawn.number].shape != tuple(drawn.weights.shape)
        or not bool((held[drawn.number] == exact_tensor(drawn.weights)).all())
    ]
