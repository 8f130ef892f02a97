"""Names of torch that are printed exist: in reasons, remarks and headings, in how a claim was checked, in the tables of twins."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import torch

import derive
from derive.checks import judges  # noqa: F401  registers observers
from derive.checks.bindings import observe
from derive.document.text import heading_text, reason_text
from derive.worlds import DropoutRun, LayerRun, LossRun, MomentRun, OptimiserRun
from tests.shipped import PROBLEMS, solution

ENGINE = Path(derive.__file__).parent
DOTTED = re.compile(r"\btorch(?:\.\w+)+")
NAMED_WHEN_RUN = (
    DropoutRun,
    LayerRun,
    LossRun,
    MomentRun,
    OptimiserRun,
)  # their methods name what torch ran, found as it runs


def exists(dotted: str) -> bool:
    """Whether torch has an object (or a module) of this name."""
    found = torch
    for part in dotted.split(".")[1:]:
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True


def literals(path: Path) -> Iterator[str]:
    """The text of every string in a file that is no docstring; of one with values in it, what stands before the first."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield node.value


def test_names_of_torch_in_the_text_of_the_engine_and_the_referee_exist() -> None:
    rooms = ("algebra", "catalogue", "checks", "topics", "document")
    files = [path for room in rooms for path in (ENGINE / room).rglob("*.py")]
    found = {(path.name, name) for path in files for text in literals(path) for name in DOTTED.findall(text)}
    assert len(found) > 40
    begun = dir(torch.nn)  # a family of layers by the beginning of their names, as 'torch.nn.ConvTranspose'
    missing = {(file, name) for file, name in found if not exists(name)}
    assert not {
        (f, n) for f, n in missing if f != "counting.py" or not any(x.startswith(n.rpartition(".")[2]) for x in begun)
    }


def printed(name: str) -> Iterator[str]:
    """The words of a shipped problem: reasons, remarks, headings, and what is said of the runs that name themselves."""
    found = solution(name)
    for derivation in found.derivations:
        yield heading_text(derivation.heading)
        for section in derivation.sections:
            yield heading_text(section.heading)
            yield reason_text(section.remark)
    for _, step in found.steps():
        yield reason_text(step.reason)
    for world in dict.fromkeys(step.claim.world for _, step in found.steps()):
        if isinstance(world, NAMED_WHEN_RUN):
            yield observe(world, torch.Generator().manual_seed(1)).method


def test_names_of_torch_that_are_printed_over_all_problems_exist() -> None:
    found = {dotted for name in PROBLEMS for words in printed(name) for dotted in DOTTED.findall(words)}
    assert {"torch.nn.Conv2d", "torch.optim.Adam", "torch.nn.functional.mse_loss"} <= found
    assert not {dotted for dotted in found if not exists(dotted)}


def test_a_name_that_torch_lacks_is_found() -> None:
    assert not exists("torch.nn.functional.hinge") and exists("torch.nn.functional.hinge_embedding_loss")
