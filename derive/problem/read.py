"""Problem files to Problems. The reader is handed its vocabulary; every fault of a file is reported, with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from sympy import Integer, Rational, Symbol
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.arrays import Column, Distribution, RowSoftmax
from derive.algebra.formula import FUNCTIONS, of_python, parse_equation, parse_value, too_many
from derive.algebra.names import look_alikes
from derive.algebra.nodes import Rounded, Softmax
from derive.errors import Fault, FormulaError, InputError, UnknownName, did_you_mean, fault_of_derive, one_of
from derive.problem.declarations import DECLARATIONS, EXAMPLES
from derive.problem.files import ProblemFile, SheetFile, models_in, texts_of
from derive.problem.model import Disputed, Draw, Expectation, Given, GradientProcess, Network, Problem, Sheet
from derive.problem.task_reader import TaskReader
from derive.problem.types import PLAIN, SETTINGS, IsEquation, IsFormula, IsLayers, IsSymbols, to_exact, to_nested
from derive.problem.words import formula_fields, plain_message, resolve
from derive.problem.yaml_places import LARGEST_FILE, Located, load

SHEET = "sheet.yaml"
WIDEST = 110  # characters of a formula shown below a fault
ENDINGS = (".yaml", ".yml")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*$")
DECLARATION = re.compile(r"([a-z_]+)\s*(?:\(\s*([A-Za-z0-9_ ,.-]*)\s*\))?$")
VALUES_FROM = re.compile(r"""values_from["']?\s*:\s*["']?([^\s"',}]+)""")
WORD = re.compile(r"[A-Za-z]\w*")
ENTRY = re.compile(r"[A-Za-z][A-Za-z0-9_]*\[[\d, ]+\]$")
END = re.compile(r"-?\d{1,9}(\.\d{1,9})?$")
SIZE = re.compile(r"[A-Za-z][A-Za-z0-9_]*$|[1-9]\d{0,5}$")


@dataclass(frozen=True)
class Vocabulary:
    """The words that problem files may use, by kind."""

    losses: Mapping[str, type]
    optimisers: Mapping[str, type]
    layers: Mapping[str, type]
    questions: Mapping[str, type]


def read_problem(path: Path | str, vocabulary: Vocabulary) -> Problem:
    """The problem in a file; raises InputError with every fault found in it."""
    path = Path(path)
    reader = _Reader(path, load(path), vocabulary)
    try:
        return reader.problem()
    except InputError:
        raise
    except Exception as error:
        raise InputError([*reader.faults, fault_of_derive(error, str(path), 1, 1)]) from error


class _Reader:
    def __init__(self, path: Path, located: Located, vocabulary: Vocabulary):
        self.path, self.located, self.vocabulary = path, located, vocabulary
        self.faults: list[Fault] = []
        self.symbols: dict[str, Any] = {}
        self.to_define: dict[str, str] = {}  # the formulas that were not read yet
        self.faulty: set[str] = set()  # names whose own place has a fault, so that nothing is said where they are used
        self.knows_names = True  # whether what was declared could be read

    def report(self, path: tuple[Any, ...], message: str, of_key: bool = False) -> None:
        line, column = self.located.place(path, of_key)
        self.faults.append(Fault(str(self.path), line, column, message))

    def problem(self) -> Problem:
        file = self.validated(ProblemFile)
        if isinstance(self.located.data, dict) and "task" not in self.located.data and not _list(file, "ask"):
            if "ask" not in self.located.data:
                self.report((), "'ask' is missing")
            elif self.located.data["ask"] == []:
                self.report(("ask",), "an empty list; at least one entry is needed")
        given = self.given(file)
        ask = tuple(
            q for k, word in enumerate(_list(file, "ask")) if (q := self.question(word, ("ask", k))) is not None
        )
        task = TaskReader(self, file.task).task() if getattr(file, "task", None) else None
        expect = self.expectations(getattr(file, "expect", None))
        disputed = tuple(self.disputed(k, item) for k, item in enumerate(_list(file, "disputed")))
        if self.faults:
            raise InputError(self.faults)
        return Problem(
            self.path.stem,
            str(self.path),
            file.title,
            given,
            ask,
            file.source,
            file.statement,
            file.note,
            expect,
            disputed,
            task,
            self.located,
        )

    def validated(self, model: type[BaseModel]) -> Any:
        data = self.located.data
        if not isinstance(data, dict):
            self.report((), f"a problem is a mapping that begins with 'title:', not {_kind(data)}")
            raise InputError(self.faults)
        for path in list(texts_of(model, data)):
            self.located.as_text(path)
        for path in sorted(self.located.infinite, key=self.located.place):
            self.report(path, f"'{self.located.written[path]}' is not a number that can be computed with")
            self.located.put(path, 0)
        try:
            return model.model_validate(data)
        except ValidationError as fault:
            for error in fault.errors():
                self.pydantic_fault(error, model)
        return self.salvaged(data)

    def pydantic_fault(self, error: Any, model: type[BaseModel]) -> None:
        where = tuple(part for part in error["loc"] if part not in (SETTINGS, PLAIN)) or error["loc"]
        if error["type"] == "extra_forbidden":
            known = _keys_at(model, where[:-1])
            self.report(where, f"unknown key '{where[-1]}'{did_you_mean(str(where[-1]), known)} {one_of(known)}", True)
        elif error["type"] == "missing":
            self.report(where[:-1], f"'{where[-1]}' is missing", len(where) > 1)
        else:
            self.report(where, plain_message(error))

    def salvaged(self, data: dict[str, Any]) -> Any:
        """What remains of a file with faults, so that the rest of it is read too and its faults reported with them."""
        remaining = {key: data[key] for key in ("title", "given", "ask", "expect") if key in data}
        bad = self.bad_paths()
        given = remaining.get("given")
        if isinstance(given, dict):
            known = _keys_at(ProblemFile, ("given",))
            remaining["given"] = {k: v for k, v in given.items() if k in known and ("given", k) not in bad}
            for key in {"symbols", "define"} & set(remaining["given"]):
                names = given[key]
                wrong = {name for name in names if ("given", key, name) in bad}
                self.faulty |= wrong
                remaining["given"][key] = {name: value for name, value in names.items() if name not in wrong}
        self.knows_names = not bad & {("given",), ("given", "symbols"), ("given", "define")}
        for key in list(remaining):
            if (key,) in bad:
                del remaining[key]
        remaining.setdefault("title", "untitled")
        remaining.setdefault("ask", ["?"])
        try:
            file = ProblemFile.model_validate(remaining)
        except ValidationError:
            raise InputError(self.faults) from None
        if remaining["ask"] == ["?"]:
            file.ask = []
        return file

    def bad_paths(self) -> set[tuple[Any, ...]]:
        try:
            ProblemFile.model_validate(self.located.data)
        except ValidationError as fault:
            return {tuple(error["loc"])[: _depth(error["loc"])] for error in fault.errors()}
        return set()

    # what is given

    def given(self, file: Any) -> Given:
        given = file.given
        domains = self.declare(given.symbols)
        define = self.define(given.define)
        self.tell_look_alikes(given)
        network = given.network and self.network(given.network, ("given", "network"))
        networks = {name: self.network(file, ("given", "networks", name)) for name, file in given.networks.items()}
        gradient = given.gradient and GradientProcess(
            given.gradient.mean, given.gradient.second_moment, given.gradient.stationary
        )
        vocabulary = self.vocabulary

        def named(kind: str, words: Mapping[str, type], value: Any, *path: str) -> Any:
            return None if value is None else resolve(kind, words, value, path, self.report, siblings=kind == "layer")

        return Given(
            symbols=dict(self.symbols),
            define=define,
            network=network,
            networks=networks,
            loss=named("loss", vocabulary.losses, given.loss, "given", "loss"),
            optimizer=named("optimizer", vocabulary.optimisers, given.optimizer, "given", "optimizer"),
            layer=named("layer", vocabulary.layers, given.layer, "given", "layer"),
            gradient=gradient,
            domains=domains,
            values=self.values(given),
            penalty=given.penalty,
            plus=tuple(
                (loss, factor)
                for word, factor in given.plus.items()
                if (loss := named("loss", vocabulary.losses, word, "given", "plus")) is not None
            ),
            draw=given.draw
            and Draw(given.draw.seed, to_exact(given.draw.low), to_exact(given.draw.high), given.draw.places),
            **{
                key: getattr(given, key)
                for key in ("targets", "outputs", "probabilities", "logits", "gradients", "start", "input")
            },
        )

    def values_from(self, name: str) -> dict[str, Any]:
        """The numbers in a file beside the problem."""
        if not name:
            return {}
        place = ("given", "values_from")
        try:
            located = load(below(self.path.parent, name))
        except (InputError, ValueError) as fault:
            told = fault.faults[0] if isinstance(fault, InputError) else None
            words = f"line {told.line}: {told.message}" if told and told.line else told.message if told else str(fault)
            self.report(place, f"the values cannot be read: {words}")
            return {}
        if not isinstance(located.data, dict):
            self.report(place, "the values cannot be read: the file holds no mapping of names to numbers")
            return {}
        found = {}
        for key, value in located.data.items():
            try:
                found[key] = to_nested(value)
            except ValueError:  # whose words quote what was read
                line, _ = located.place((key,))
                self.report(place, f"the values cannot be read: line {line}: numbers are needed, or lists of numbers")
                break
        return found

    def values(self, given: Any) -> dict[str, Any]:
        """Numbers by the names of what they are the values of."""
        named = {**self.values_from(given.values_from), **given.values}
        for name in named:
            if not NAME.match(name):
                path = ("given", "values", name)
                self.report(
                    path if name in given.values else ("given", "values_from"),
                    "this names no quantity; values are numbers for names such as x, y and W1",
                    True,
                )
        return named

    def network(self, file: Any, path: tuple[Any, ...]) -> Network:
        return Network(file.input, self.layers(file.layers, (*path, "layers")), file.convention or "", file.batch)

    def layers(self, entries: list[Any], path: tuple[Any, ...] = ("given", "network", "layers")) -> tuple[Any, ...]:
        """The layers of a list, and of the lists inside of blocks."""
        found = []
        for k, entry in enumerate(entries):
            layer = resolve("layer", self.vocabulary.layers, entry, (*path, k), self.report, siblings=True)
            if layer is None:
                continue
            for name in formula_fields(layer, IsLayers):
                word = next(iter(entry)) if isinstance(entry, dict) else ""
                layer = replace(layer, **{name: self.layers(list(getattr(layer, name)), (*path, k, word))})
            found.append(layer)
        return tuple(found)

    def declare(self, declarations: dict[str, str]) -> tuple[tuple[Any, str], ...]:
        domains = []
        for name, declared in declarations.items():
            path = ("given", "symbols", name)
            match = DECLARATION.match(declared)
            self.faulty |= {name, *WORD.findall(declared)}
            if not self.is_name(name, path):
                continue
            if match is None or match.group(1) not in DECLARATIONS:
                known = DECLARATIONS if match else ()
                hint = did_you_mean(match.group(1), known) if match else ""
                self.report(path, f"'{declared}' declares nothing{hint} ({', '.join(EXAMPLES)})")
                continue
            kind = DECLARATIONS[match.group(1)]
            sizes = [s.strip() for s in (match.group(2) or "").split(",") if s.strip()]
            wrong = "" if kind.ends else next(filter(None, map(unfit_size, sizes)), "")
            if wrong and len(sizes) in kind.sizes:
                self.report(path, f"{wrong}, such as {kind.example}")
                continue
            if len(sizes) not in kind.sizes or not all((END if kind.ends else SIZE).match(size) for size in sizes):
                needed, what = " or ".join(map(str, kind.sizes)), "number" if kind.ends else "size"
                self.report(
                    path, f"{match.group(1)} takes {needed} {what}{'s' * (kind.sizes != (1,))}, such as {kind.example}"
                )
                continue
            if kind.ends and len(sizes) == 2 and not Rational(sizes[0]) < Rational(sizes[1]):
                self.report(path, f"there is no number between {sizes[0]} and {sizes[1]}, such as {kind.example}")
                continue
            if python := next(filter(None, map(of_python, sizes)), ""):
                self.report(path, python)
                continue
            symbol = kind.symbol(name, [Rational(size) if kind.ends else _dimension(size) for size in sizes])
            if message := too_many(getattr(symbol, "shape", (Integer(1), Integer(1)))):
                self.report(path, message)
                continue
            self.faulty -= {name, *WORD.findall(declared)}
            self.symbols[name] = symbol
            if hasattr(symbol, "domain") or symbol.is_positive:
                domains.append((symbol, getattr(symbol, "domain", "integer" if symbol.is_integer else "positive")))
        self.sizes()
        return tuple(domains)

    def sizes(self) -> None:
        """The sizes of what was declared are known by their names."""
        for symbol in list(self.symbols.values()):
            for size in getattr(symbol, "shape", ()):
                if size.is_Symbol:
                    self.symbols.setdefault(size.name, size)

    def tell_look_alikes(self, given: Any) -> None:
        """Two names that a reader of the page could not tell apart."""
        for name, other in look_alikes(self.symbols):
            section = "define" if name in given.define else "symbols"
            message = f"'{name}' would be printed like '{other}', or like an entry of it; give one of them another name"
            path = ("given", section, name)
            self.report(path if path in self.located.values else ("given", "symbols"), message, True)

    def is_name(self, name: str, path: tuple[Any, ...]) -> bool:
        wrong = of_python(name)
        if not NAME.match(name) or name in FUNCTIONS:
            wrong = f"'{name}' cannot name a quantity; use letters, digits and '_', and no function's name"
        if wrong:
            self.faulty.add(name)
            self.report(path, wrong, True)
        return not wrong

    def define(self, formulas: dict[str, Any]) -> tuple[tuple[Any, Any], ...]:
        found = []
        self.to_define = {name: str(text) for name, text in formulas.items() if name not in self.symbols}
        for name, text in formulas.items():
            path = ("given", "define", name)
            self.to_define.pop(name, None)
            if not self.is_name(name, path):
                continue
            if name in self.symbols:
                self.report(path, f"'{name}' is declared already", True)
                continue
            value = self.value(text, path)
            if value is None:
                self.faulty.add(name)
                continue
            symbol = _defined(name, value)
            self.symbols[name] = symbol
            found.append((symbol, value.expr))
        return tuple(found)

    def formula(self, text: Any, path: tuple[Any, ...]) -> Any:
        value = self.value(text, path)
        return None if value is None else value.expr

    def value(self, text: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(text, bool) or not isinstance(text, str | int | Decimal):
            self.report(path, "a formula is needed here, such as w1 * x + w0")
            return None
        return self.parsed(parse_value, text, path)

    def parsed(self, parse: Callable[[str, Any], Any], text: Any, path: tuple[Any, ...]) -> Any:
        """What a parser makes of the text; its fault is reported with the formula and a mark below the place."""
        try:
            return parse(str(text), self.symbols)
        except FormulaError as fault:
            unknown = str(text)[fault.offset : fault.offset + fault.length]
            follows = self.is_faulty(unknown)
            if isinstance(fault, UnknownName) and unknown in self.to_define and path[:2] == ("given", "define"):
                fault.message = self.too_early(unknown, str(path[2]))
            if not follows and (self.knows_names or not isinstance(fault, UnknownName)):
                line, column = self.located.within(path, fault.offset)
                shown = "\n".join(excerpt(str(text), fault.offset, fault.length))
                self.faults.append(Fault(str(self.path), line, column, f"{fault.message}\n{shown}"))
        except Exception as error:
            self.faults.append(fault_of_derive(error, str(self.path), *self.located.place(path)))
        return None

    def too_early(self, name: str, user: str) -> str:
        """What to say where the definition of `user` has a name that is defined further down."""
        needed, before = {name}, set[str]()
        while needed != before:
            before = needed
            needed = before.union(*(WORD.findall(self.to_define.get(one, "")) for one in before))
        if user in needed:
            return f"'{user}' and '{name}' are defined by each other; one of them is defined without the other"
        return f"'{name}' is defined further down; a name is defined before it is used"

    def is_faulty(self, name: str) -> bool:
        """Whether a name is without a meaning because of a fault that was told where it stands."""
        return name in self.faulty

    # what is asked and expected

    def question(self, value: Any, path: tuple[Any, ...]) -> Any:
        question = resolve("question", self.vocabulary.questions, value, path, self.report)
        if question is None:
            return None
        changes: dict[str, Any] = {}
        for name in formula_fields(question, IsFormula):
            if getattr(question, name) is not None:
                changes[name] = self.formula(getattr(question, name), self.setting(path, value, name))
        for name in formula_fields(question, IsEquation):
            if getattr(question, name) is not None:
                text, where = getattr(question, name), self.setting(path, value, name)
                changes[name] = self.parsed(parse_equation, text, where)
        for name in formula_fields(question, IsSymbols):
            if getattr(question, name) is not None:
                changes[name] = self.names(getattr(question, name), self.setting(path, value, name))
        return replace(question, **changes) if changes else question

    def setting(self, path: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
        word = next(iter(value)) if isinstance(value, dict) else None
        inner = (*path, word) if word else path
        return (*inner, name) if (*inner, name) in self.located.values else inner

    def names(self, names: tuple[str, ...], path: tuple[Any, ...]) -> tuple[Any, ...]:
        found = []
        for k, name in enumerate(names):
            if ENTRY.match(name) and name.split("[")[0] in self.symbols:
                found.append(self.formula(name, (*path, k)))
            elif self.is_faulty(name) or (name not in self.symbols and not self.knows_names):
                continue
            elif name not in self.symbols:
                self.report(
                    (*path, k), f"unknown symbol '{name}'{did_you_mean(name, self.symbols)} {one_of(self.symbols)}"
                )
            else:
                found.append(self.symbols[name])
        return tuple(found)

    def expectations(self, value: Any) -> tuple[Expectation, ...]:
        if value is None:
            return ()
        if isinstance(value, dict) and set(value) != {"rounded"}:
            return tuple(self.expectation(str(name), v, ("expect", name)) for name, v in value.items())
        return (self.expectation("", value, ("expect",)),)

    def expectation(self, name: str, value: Any, path: tuple[Any, ...]) -> Expectation:
        return Expectation(name, self.answer(value, path), path)

    def answer(self, value: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(value, dict):
            if set(value) != {"rounded"}:
                self.report(path, "an answer is a number, a list, a formula, or {rounded: 1.57}")
                return None
            return self.rounded(value["rounded"], (*path, "rounded"))
        if isinstance(value, list):
            return tuple(self.answer(entry, (*path, k)) for k, entry in enumerate(value))
        try:
            return to_exact(value)
        except ValueError:
            return self.formula(value, path)

    def rounded(self, value: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(value, list):
            return tuple(self.rounded(entry, (*path, k)) for k, entry in enumerate(value))
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            self.report(path, "a decimal number is needed here, such as 1.57")
            return None
        exponent = value.as_tuple().exponent if isinstance(value, Decimal) else 0
        return Rounded(to_exact(value), max(-int(exponent), 0))

    def disputed(self, k: int, item: Any) -> Disputed:
        path = ("disputed", k)
        return Disputed(Expectation(item.of, self.answer(item.value, (*path, "value")), path), item.by)


def below(folder: Path, name: str) -> Path:
    """The file of that name in the folder or below it, wherever links lead; raises ValueError for any other."""
    try:
        inside = folder.resolve()
        path = (inside / name).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise ValueError("there is no such file in the problem's folder or below it") from None
    if not path.is_relative_to(inside):
        raise ValueError("the file lies outside of the problem's folder")
    return path


def unfit_size(size: str) -> str:
    """What is wrong with a size as it is written; nothing where it is one."""
    if SIZE.match(size):
        return ""
    if size.isdigit() and int(size):
        return f"{size} is too large a size; numbers up to 999999 are read, and names"
    if re.fullmatch(r"-?\d+", size):
        return f"a size is at least 1, not {size}; write a number or a name"
    if re.fullmatch(r"-?\d*\.\d*", size):
        return f"a size is a whole number, not {size}; write one or a name"
    return f"'{size}' is no size; write a whole number or a name"


def _dimension(size: str) -> Any:
    return Integer(size) if size.isdigit() else Symbol(size, integer=True, positive=True)


def _defined(name: str, value: Any) -> Any:
    """The symbol of a named quantity."""
    if not value.is_array:
        return Symbol(name, real=True)
    if type(value.expr) in (Softmax, RowSoftmax):
        return Distribution(name, *value.expr.shape)
    return (Column if value.kept else MatrixSymbol)(name, *value.expr.shape)


def excerpt(text: str, offset: int, length: int) -> list[str]:
    """The formula's part around a fault, and a mark below the fault."""
    start = max(0, offset - 40)
    shown = text[start : offset + max(length, 1) + 30].replace("\n", " ").replace("\t", " ")[:WIDEST]
    mark = "^" * max(1, min(length, len(shown) - (offset - start)))
    return [f"    {shown}", f"    {' ' * (offset - start)}{mark}"]


def _kind(data: Any) -> str:
    return {list: "a list", str: "text", type(None): "nothing"}.get(type(data), "a number")


def _list(file: Any, key: str) -> list[Any]:
    return getattr(file, key, None) or []


def _depth(path: tuple[Any, ...]) -> int:
    """How much of a place is left out when a fault lies there: an entry of what is given, or a key of the file."""
    if path[:1] != ("given",):
        return 1
    return 3 if path[1:2] in (("symbols",), ("define",)) else 2


def _keys_at(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """The keys that a mapping at this place may have."""
    for key in path:
        if isinstance(key, str) and key in model.model_fields:
            model = next(models_in(model.model_fields[key].annotation), model)
    return list(model.model_fields)


# sheets and folders


def find(paths: Iterable[Path | str], vocabulary: Vocabulary) -> list[Sheet]:
    """The sheets below these paths; a problem file by itself is a sheet of its own. Faults of single files are in
    `Sheet.faults`; raises InputError for a path that is not there or holds no problem."""
    sheets: list[Sheet] = []
    for path in map(Path, paths):
        referred = _values_files(path) if path.is_dir() else set()
        if not path.exists():
            raise InputError([Fault(str(path), 0, 0, "there is no such file or folder")])
        if path.is_file():
            sheets.append(_single(path, vocabulary))
            continue
        found = [read_sheet(folder, vocabulary, referred) for folder in _folders(path, referred)]
        if not found:
            raise InputError([Fault(str(path), 0, 0, "no problems here: no file ends with .yaml")])
        sheets += found
    return _with_unique_ids(sheets)


def _values_files(path: Path) -> set[Path]:
    """The files below a folder that problems take their values from; these are no problems."""
    found = set()
    for file in path.rglob("*"):
        if file.suffix in ENDINGS and file.is_file() and file.stat().st_size <= LARGEST_FILE:
            for name in VALUES_FROM.findall(file.read_text(encoding="utf-8", errors="replace")):
                with suppress(ValueError):
                    found.add(below(file.parent, name))
    return found


def _folders(path: Path, referred: set[Path]) -> list[Path]:
    folders = [
        path,
        *sorted(
            p
            for p in path.rglob("*")
            if p.is_dir() and not any(part.startswith(".") for part in p.relative_to(path).parts)
        ),
    ]
    return [folder for folder in folders if _problem_files(folder, referred)]


def _problem_files(folder: Path, referred: Collection[Path] = ()) -> list[Path]:
    """What may be problems in a folder, by name; not what other problems refer to."""
    files = sorted(p for p in folder.iterdir() if p.suffix in ENDINGS and p.is_file() and p.name != SHEET)
    return [p for p in files if not referred or p.resolve() not in referred]


def _is_left_out(path: Path) -> bool:
    """Whether a file that `order` does not name is no problem at all: it has none of a problem's keys."""
    with suppress(InputError):
        data = load(path).data
        return isinstance(data, dict) and not set(data) & set(ProblemFile.model_fields)
    return False


def _single(path: Path, vocabulary: Vocabulary) -> Sheet:
    try:
        problem = read_problem(path, vocabulary)
    except InputError as error:
        return Sheet(path.stem, path.stem, path, (), faults=error.faults)
    return Sheet(path.stem, problem.title, path, (problem,))


def read_sheet(folder: Path, vocabulary: Vocabulary, referred: Collection[Path] = ()) -> Sheet:
    """A folder's problems in the order of its sheet.yaml (then by name); what cannot be read is in its faults."""
    faults: list[Fault] = []
    header: Any = None
    if (folder / SHEET).exists():
        try:
            header = _header(folder / SHEET)
        except InputError as error:
            faults += error.faults
    files = {p.stem: p for p in _problem_files(folder, referred)}
    order = [name.removesuffix(".yaml") for name in (header.order if header else [])]
    for name in [name for name in order if name not in files]:
        faults.append(
            Fault(
                str(folder / SHEET),
                0,
                0,
                f"'order' names '{name}', but there is no {name}.yaml here{did_you_mean(name, files)}",
            )
        )
    problems = []
    others = [n for n in files if n not in order and not (order and _is_left_out(files[n]))]
    for name in [n for n in order if n in files] + others:
        try:
            problems.append(read_problem(files[name], vocabulary))
        except InputError as error:
            faults += error.faults
    title = header.title if header else folder.resolve().name
    more = {key: getattr(header, key) for key in ("course", "author", "date", "note")} if header else {}
    return Sheet(folder.resolve().name, title, folder, tuple(problems), faults=tuple(faults), **more)


def _header(path: Path) -> SheetFile:
    located = load(path)
    reader = _Reader(path, located, Vocabulary({}, {}, {}, {}))
    if not isinstance(located.data, dict):
        raise InputError([Fault(str(path), 1, 1, "a sheet is a mapping that begins with 'title:'")])
    for text in list(texts_of(SheetFile, located.data)):
        located.as_text(text)
    try:
        return SheetFile.model_validate(located.data)
    except ValidationError as fault:
        for error in fault.errors():
            reader.pydantic_fault(error, SheetFile)
        raise InputError(reader.faults) from None


def _with_unique_ids(sheets: list[Sheet]) -> list[Sheet]:
    """Each sheet with a name of its own, also where letters differ by their case only, and where a folder has the name that
    another sheet would get."""
    own, taken = {sheet.id.lower() for sheet in sheets}, set[str]()
    unique = []
    for sheet in sheets:
        names = (f"{sheet.id}-{k}" for k in count(2))
        name = sheet.id if sheet.id.lower() not in taken else next(n for n in names if n.lower() not in own | taken)
        taken.add(name.lower())
        unique.append(replace(sheet, id=name))
    return unique
