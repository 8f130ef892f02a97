"""YAML to plain data with the place of every key and value; numbers stay exact. All it refuses, it refuses in words."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from derive.errors import Fault, InputError

LARGEST_FILE = 1_000_000  # bytes
MOST_NODES = 50_000  # after aliases are followed
DEEPEST = 40

Path_ = tuple[Any, ...]
INTEGER = re.compile(r"[-+]?\d+(_\d+)*$")
DECIMAL = re.compile(r"[-+]?(\d+(_\d+)*)?\.?\d+([eE][-+]?\d{1,4})?$|[-+]?\d+\.([eE][-+]?\d{1,4})?$")
WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass
class Located:
    """Plain data (dict, list, str, int, Decimal, bool, None) and where things stand: 1-based (line, column)."""

    data: Any
    keys: dict[Path_, tuple[int, int]] = field(default_factory=dict)
    values: dict[Path_, tuple[int, int]] = field(default_factory=dict)
    quoted: set[Path_] = field(default_factory=set)
    written: dict[Path_, str] = field(default_factory=dict)  # plain scalars that were read as numbers or words
    infinite: set[Path_] = field(default_factory=set)  # of these, what is no number that can be computed with

    def as_text(self, path: Path_) -> None:
        """Makes the value there what was written."""
        if path in self.written:
            self.put(path, self.written[path])
            self.infinite.discard(path)

    def put(self, path: Path_, value: Any) -> None:
        """Another value in the same place."""
        inside = self.data
        for key in path[:-1]:
            inside = inside[key]
        inside[path[-1]] = value

    def within(self, path: Path_, offset: int) -> tuple[int, int]:
        """The place of a character inside a one-line value."""
        line, column = self.place(path)
        return line, column + offset + (path in self.quoted)

    def place(self, path: Path_, of_key: bool = False) -> tuple[int, int]:
        """The place of a value (or of its key); of the nearest thing around it where the path itself is not there."""
        while True:
            first, second = (self.keys, self.values) if of_key else (self.values, self.keys)
            if path in first or path in second:
                return first.get(path) or second[path]
            if not path:
                return (1, 1)
            path, of_key = path[:-1], True


def load(path: Path) -> Located:
    """Reads one YAML document; raises InputError with every fault found."""
    text = _text(path)
    name = str(path)
    tabs = [k for k, line in enumerate(text.splitlines(), 1) if line[: len(line) - len(line.lstrip())].count("\t")]
    if tabs:
        lines = text.splitlines()
        raise InputError(
            Fault(name, k, lines[k - 1].index("\t") + 1, "a tab in the indentation; YAML indents with spaces")
            for k in tabs[:20]
        )
    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as fault:
        raise InputError([_syntax(name, fault)]) from None
    except yaml.reader.ReaderError as fault:
        line = text.count("\n", 0, fault.position) + 1
        raise InputError([Fault(name, line, 1, "a character that YAML does not allow")]) from None
    except RecursionError:
        raise InputError([Fault(name, 1, 1, f"nested more than {DEEPEST} levels deep")]) from None
    if not documents or documents[0] is None:
        raise InputError([Fault(name, 1, 1, "the file is empty; a problem begins with 'title:'")])
    if len(documents) > 1:
        mark = documents[1].start_mark
        raise InputError([Fault(name, mark.line + 1, mark.column + 1, "a second document; a file holds one problem")])
    reader = _Builder(name)
    located = Located(None, reader.keys, reader.values, reader.quoted, reader.written, reader.infinite)
    located.data = reader.build(documents[0], ())
    if reader.faults:
        raise InputError(reader.faults)
    return located


def _text(path: Path) -> str:
    name = str(path)
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise InputError([Fault(name, 0, 0, "this is no file with text, but a folder, a device or a pipe")])
        if about.st_size > LARGEST_FILE:
            raise InputError(
                [Fault(name, 0, 0, f"a file of {about.st_size:,} bytes; at most {LARGEST_FILE:,} are read")]
            )
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE)
    except (OSError, ValueError) as fault:
        raise InputError([Fault(name, 0, 0, f"cannot be read: {getattr(fault, 'strerror', '') or fault}")]) from None
    if b"\0" in raw:
        raise InputError([Fault(name, 0, 0, "this is a binary file, not YAML text")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        raise InputError([Fault(name, line, 1, "this is not UTF-8 text; save the file as UTF-8")]) from None


def _syntax(name: str, fault: yaml.MarkedYAMLError) -> Fault:
    mark = fault.problem_mark or fault.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = (fault.problem or "not YAML").replace("found ", "")
    words = {
        "mapping values are not allowed": "a second ': ' in one line; put quotes around text that holds ': '",
        "could not find expected ':'": "a ':' is missing after this key",
        "while scanning a quoted scalar": "a quotation mark is not closed",
        "expected <block end>": "the indentation does not fit the lines around it",
        "expected ',' or ']'": "a ',' or ']' is missing in this list",
        "expected ',' or '}'": "a ',' or '}' is missing in this mapping",
        "cannot start any token": "this character cannot begin a value; put quotes around the text",
        "undefined alias": "an alias (*) without its anchor (&)",
    }
    for key, message in words.items():
        if key in f"{fault.context} {problem}":
            return Fault(name, line, column, message)
    return Fault(name, line, column, f"not YAML: {problem}")


class _Builder:
    def __init__(self, name: str):
        self.name = name
        self.faults: list[Fault] = []
        self.keys: dict[Path_, tuple[int, int]] = {}
        self.values: dict[Path_, tuple[int, int]] = {}
        self.quoted: set[Path_] = set()
        self.written: dict[Path_, str] = {}
        self.infinite: set[Path_] = set()
        self.count = 0

    def fault(self, node: Any, message: str) -> None:
        self.faults.append(Fault(self.name, node.start_mark.line + 1, node.start_mark.column + 1, message))

    def build(self, node: Any, path: Path_) -> Any:
        self.count += 1
        if self.count > MOST_NODES:
            raise InputError([Fault(self.name, 1, 1, f"more than {MOST_NODES:,} values once its aliases are followed")])
        if len(path) > DEEPEST:
            self.fault(node, f"nested more than {DEEPEST} levels deep")
            raise InputError(self.faults)
        self.values[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*path, k)) for k, child in enumerate(node.value)]
        if node.style in ("'", '"'):
            self.quoted.add(path)
        value = self.scalar(node)
        if value is not node.value:
            self.written[path] = node.value
        elif node.style is None and value.lower().lstrip("+-") in (".inf", ".nan", "inf", "nan"):
            self.written[path] = value
            self.infinite.add(path)
        return value

    def mapping(self, node: Any, path: Path_) -> dict[str, Any]:
        built: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.fault(key_node, "a key must be a word")
                continue
            key = key_node.value
            if key == "<<":
                self.fault(key_node, "merge keys (<<) are not used here; write the keys out")
                continue
            if key in built:
                self.fault(key_node, f"'{key}' stands here a second time; the first is in line {first[key]}")
                continue
            if _is_torn(key_node, value_node):
                continue
            if _is_torn_off(value_node):
                self.fault(value_node, f'text that holds a comma needs quotes here: {key}: "{value_node.value}, ..."')
                continue
            first[key] = key_node.start_mark.line + 1
            self.keys[(*path, key)] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            built[key] = self.build(value_node, (*path, key))
        return built

    def scalar(self, node: Any) -> Any:
        text = node.value
        if node.tag.startswith("!") or (node.tag.startswith("tag:") and not node.tag.startswith("tag:yaml.org")):
            self.fault(node, f"the tag '{node.tag}' is not known here; leave it out")
            return text
        if node.style in ("'", '"', "|", ">"):
            return text
        lowered = text.lower()
        if lowered in WORDS:
            return WORDS[lowered]
        if INTEGER.match(text):
            return int(text.replace("_", "")) if len(text) <= 400 else text
        if DECIMAL.match(text):
            return Decimal(text.replace("_", ""))
        return text


def _is_torn_off(value: Any) -> bool:
    """matrix(n  of  {X: matrix(n, d)}, which YAML ends at the comma."""
    return (
        isinstance(value, yaml.ScalarNode) and value.style is None and value.value.count("(") > value.value.count(")")
    )


def _is_torn(key: Any, value: Any) -> bool:
    """d)  of the same."""
    return not key.style and key.value.count(")") > key.value.count("(") and value.value == ""
