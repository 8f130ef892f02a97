"""Every row of hostile input by name, and many files by chance: refused in words at a place, or right; never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from derive.errors import FormulaError, InputError
from derive.pipeline import vocabulary
from derive.problem.read import find, read_problem
from tests.hostile.generate import tried

WORDS = vocabulary()
LOSS = "title: a\ngiven: {targets: [1], outputs: [2], loss: mse%s}\nask: [loss]\n"


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_problem(path, WORDS)
    assert not any(fault.trace for fault in caught.value.faults)
    return str(caught.value)


def test_two_thousand_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Any) -> None:
    monkeypatch.chdir(tmp_path)
    tally = tried(2000, 0, tmp_path, share=0.3)
    print(tally)
    assert not tally.bad, [(what, message) for what, message, _ in tally.bad]
    assert tally.counts["refused with a place"] > 1500 and tally.counts["of these worked out"] > 20


def test_names_of_values_are_no_tex(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(LOSS % r""", values: {'x}$\gdef\foo{1}$\mathrm{x': 1}""")
    assert refusal(path).startswith(f"{path}:2:57: this names no quantity")
    (tmp_path / "v.yaml").write_text("'$x': 1\n")
    path.write_text(LOSS % ", values_from: v.yaml")
    assert refusal(path).startswith(f"{path}:2:")


@pytest.mark.parametrize(
    "kind", ["above", "absolute", "link", "device", "pipe", "folder", "large", "gone", "text", "loop"]
)
def test_values_come_from_a_plain_file_below_the_problem(kind: str, tmp_path: Path) -> None:
    inside, secret = tmp_path / "hw", tmp_path / "secret.yaml"
    inside.mkdir()
    secret.write_text("password: swordfish\n")
    names = {
        "above": "../secret.yaml",
        "absolute": str(secret),
        "device": "/dev/zero",
        "folder": ".",
        "gone": "nowhere.yaml",
    }
    if kind == "link":
        (inside / "v.yaml").symlink_to(secret)
    elif kind == "loop":
        (inside / "v.yaml").symlink_to(inside / "v.yaml")
    elif kind == "pipe":
        os.mkfifo(inside / "v.yaml")
    elif kind == "large":
        (inside / "v.yaml").write_text("# " + "x" * 2_000_000)
    elif kind == "text":
        (inside / "v.yaml").write_text("x: swordfish\n")
    (inside / "p.yaml").write_text(LOSS % f", values_from: '{names.get(kind, 'v.yaml')}'")
    said = refusal(inside / "p.yaml")
    assert said.startswith(f"{inside / 'p.yaml'}:2:") and "the values cannot be read: " in said
    assert "swordfish" not in said and "password" not in said


def test_files_of_values_are_no_problems(tmp_path: Path) -> None:
    values = "W1: [[1, 2]]\n"
    (tmp_path / "p.yaml").write_text(LOSS % ", values_from: data/v.yaml")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/v.yaml").write_text(values)
    (sheet,) = find([tmp_path], WORDS)
    assert [p.id for p in sheet.problems] == ["p"] and sheet.faults == ()
    (tmp_path / "left.yaml").write_text(values)
    assert len(find([tmp_path], WORDS)[0].faults) > 0
    (tmp_path / "sheet.yaml").write_text("title: s\norder: [p]\n")
    assert find([tmp_path], WORDS)[0].faults == ()


@pytest.mark.parametrize(
    "formula",
    [
        "kron(eye(999), eye(999))",
        "ones(999999)",
        "zeros(99999, 99999)",
        "eye(1000)",
        "outer(v, v)",
        "sum(ones(10**6))",
    ],
)
def test_large_arrays_are_refused_by_their_size(formula: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        f'title: a\ngiven: {{symbols: {{X: "matrix(300, 301)", v: vector(400)}}}}\nask: [{{evaluate: "{formula}"}}]\n'
    )
    start = time.process_time()
    said = refusal(path)
    assert time.process_time() - start < 1
    assert "entries; up to 100,000 are computed with" in said
    path.write_text('title: a\ngiven: {symbols: {X: "matrix(1000, 101)", y: "matrix(1000, n)"}}\nask: [loss]\n')
    assert refusal(path).startswith(f"{path}:2:22: 1000 x 101 are 101,000 entries")


def test_sizes_with_names_are_free() -> None:
    from sympy import Symbol

    from derive.algebra.formula import parse_formula

    n = Symbol("n", integer=True, positive=True)
    assert parse_formula("kron(eye(n), eye(9))", {"n": n}).shape == (9 * n, 9 * n)
    with pytest.raises(FormulaError, match="998,001"):
        parse_formula("kron(ones(999, 1), ones(1, 999))", {})


def test_each_sheet_has_a_name_of_its_own(tmp_path: Path) -> None:
    folders = ["a", "b/a", "d/a-2", "e/A", "f/a"]
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "p.yaml").write_text(LOSS % "")
    ids = [sheet.id for sheet in find([tmp_path / folder for folder in folders], WORDS)]
    assert ids[0] == "a" and ids[2] == "a-2" and len({name.lower() for name in ids}) == len(folders), ids


# coding tasks

TASK = "title: '%s'\ntask: {data: moons, model: [{dense: 2}], epochs: 1}\n"


@pytest.mark.parametrize("name", ["torch", "random", "json", "numpy"])
def test_a_task_may_be_called_like_a_module(name: str, tmp_path: Path) -> None:
    from derive.tasks.runner import programs

    (tmp_path / f"{name}.yaml").write_text(TASK % 'an emoji 😀, a \\ and a "quote"')
    planned = programs(read_problem(tmp_path / f"{name}.yaml", WORDS), 0, "moons")
    assert planned.file == f"{name}-program.py"
    (described,) = [line for line in planned.text.splitlines() if "description=" in line]
    assert "😀" in described
    compile(planned.text, planned.file, "exec")
    planned.text.encode("utf-8")


RIGHT: dict[str, Any] = {
    "device": "cpu", "torch": "2.6", "parameters": 6, "train": 800, "test": 200, "shape": [2], "held_out": "test",
    "history": [{"epoch": 1, "train_loss": 0.5, "test_loss": 0.4, "seconds": 0.1, "accuracy": 0.714}], "test_loss": 0.4,
    "accuracy": 0.714, "class_counts": [100, 100], "predicted_counts": [90, 110], "data_set": "moons",
}  # fmt: skip
ROW = RIGHT["history"][0]
FORMS = [
    1, [], "text", None, {}, {"history": []}, {**RIGHT, "history": []}, {**RIGHT, "history": [1]}, {**RIGHT, "accuracy": "0.714"},
    {**RIGHT, "accuracy": 71.4}, {**RIGHT, "history": [{**ROW, "epoch": 2}]}, {**RIGHT, "history": [{**ROW, "train_loss": "0"}]},
    {**RIGHT, "history": [{k: v for k, v in ROW.items() if k != "test_loss"}]}, {**RIGHT, "parameters": -1}, {**RIGHT, "shape": 2},
    {**RIGHT, "device": "x" * 100}, {k: v for k, v in RIGHT.items() if k != "class_counts"}, {**RIGHT, "held_out": "other"},
]  # fmt: skip


def test_results_of_another_form_are_set_aside_with_a_word(tmp_path: Path) -> None:
    from derive.tasks.runner import cached, programs

    (tmp_path / "t.yaml").write_text(TASK % "a")
    planned = programs(read_problem(tmp_path / "t.yaml", WORDS), 0, "moons")
    path = tmp_path / "runs" / f"{planned.key}.json"
    path.parent.mkdir()
    for text in [*map(json.dumps, FORMS), "{", "", "[" * 100_000]:
        path.write_text(text)
        said: list[str] = []
        assert cached(planned, tmp_path, said.append) is None, text
        assert "is set aside" in said[0] and not path.exists() and path.with_suffix(".json.aside").read_text() == text
    path.write_text(json.dumps({**RIGHT, "test_loss": float("nan")}))
    assert cached(planned, tmp_path)["accuracy"] == 0.714


PROGRAM = """
import pathlib, sys
place, results = (pathlib.Path(sys.argv[sys.argv.index(key) + 1]) for key in ("--checkpoint", "--results"))
if place.exists() and place.read_text() != "good":
    raise SystemExit("PytorchStreamReader failed")
print("starts over" if not place.exists() else "goes on")
results.write_text("{}")
"""


@pytest.mark.parametrize("content", ["good", "", "half of i", None])
def test_a_checkpoint_that_cannot_be_used_is_set_aside_and_the_run_starts_over(
    content: str | None, tmp_path: Path
) -> None:
    from derive.tasks.remote import run_program

    place, said = tmp_path / "c.checkpoint", []
    if content is not None:
        place.write_text(content)
    assert run_program(PROGRAM, "p.py", [], str(place), said.append) == ({}, "")
    assert said[-1] == ("goes on" if content == "good" else "starts over")
    assert any("set aside" in line for line in said) == (content not in ("good", None)) and not place.exists()


def test_a_program_is_not_disturbed_by_what_lies_beside_it(tmp_path: Path) -> None:
    from derive.tasks.remote import run_program

    text = "import random, sys, pathlib\nprint(random.randint(1, 1))\npathlib.Path(sys.argv[2]).write_text('{}')\n"
    assert run_program(text, "random.py", [], str(tmp_path / "c")) == ({}, "")


def test_a_terminal_gets_no_signs_that_steer_it(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text('title: "\\e[2J\\a"\ngiven: {loss: "\\e]0;owned\\a"}\nask: ["\\e[31m' + "x" * 60_000 + '"]\n')
    done = subprocess.run(
        [sys.executable, "-m", "derive", "show", str(path)], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )  # fmt: skip
    assert (
        done.returncode == 2 and "\x1b" not in done.stderr and "\x07" not in done.stderr and "\\x1b[31m" in done.stderr
    )
    assert max(map(len, done.stderr.splitlines())) < 2_000


@pytest.mark.parametrize(
    "network,place,words",
    [
        (
            "{convention: row, batch: 1, input: 10000, layers: [{dense: 10000}, {dense: 1}]}",
            ":5:",
            "100,030,002 numbers would be drawn",
        ),
        (
            "{convention: row, input: 3, layers: [{dense: 3, repeat: 10000}, {dense: 1}]}",
            ":3:",
            "10,001 layers; up to 1,000",
        ),
        ("{input: 3, layers: [{dense: 3, repeat: 10000}, {dense: 1}]}", ":3:", "10,001 layers; up to 1,000"),
    ],
)
def test_large_networks_are_refused_before_they_are_built(network: str, place: str, words: str, tmp_path: Path) -> None:
    from derive.pipeline import solve

    path = tmp_path / "p.yaml"
    path.write_text(
        f"title: a\ngiven:\n  network: {network}\n  loss: mse\n  draw: {{seed: 1}}\nask: [forward, backward]\n"
    )
    start = time.process_time()
    with pytest.raises(InputError) as caught:
        solve(read_problem(path, WORDS))
    assert time.process_time() - start < 2
    assert words in str(caught.value) and place in str(caught.value)
