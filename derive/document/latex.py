"""The document's tree to LaTeX. Formulas come from notation.py, layout from the templates; nothing is decided here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sympy import MatrixBase
from sympy.matrices.expressions import MatAdd

from derive.algebra.formula import parse_formula
from derive.algebra.nodes import Numeral
from derive.algebra.notation import beside, latex, relation_between, signed_terms, text
from derive.algebra.numbers import as_matrix
from derive.derivation import HasShape, Heading, IsDrawn, Reason
from derive.document.charts import chart_tikz
from derive.document.figures import ChainFigure, NetworkFigure, chain_figure, network_figure
from derive.document.outline import (
    Chain,
    Document,
    Failed,
    Line,
    ProblemBlock,
    RefutedAnswer,
    Sentence,
    SizeTable,
    relation_of,
    sides_of,
)
from derive.document.pictures import picture_tikz
from derive.document.statements import SAID, SIGNS, said
from derive.document.templates import Tex, environment, escaped, template_text
from derive.errors import FormulaError

WIDE = 68  # visible signs of a row of a broken sum
NARROW = 60  # visible signs up to which a sum of arrays stays in one line


@dataclass(frozen=True)
class View:
    """What a template sees of a block, a line, a row: its fields by name."""

    fields: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(name) from None


def view(**fields: Any) -> View:
    return View(fields)


def sheet_latex(document: Document, templates: Path | None = None) -> str:
    """The whole .tex of a sheet."""
    from pylatex import Document as Paper
    from pylatex import NoEscape

    sheet = document.sheet
    problems = []
    for block in document.problems:
        with beside(block.problem.given.taken):
            problems.append(_problem_view(block))
    checks = [_checks_view(k, block) for k, block in enumerate(document.problems, 1) if block.checks]
    body = environment(templates).get_template("sheet.tex.j2").render(
        sheet=view(
            title=escaped(sheet.title), course=escaped(sheet.course), subtitle=_subtitle(document), note=prose(sheet.note, {}),
            problems=problems, checks=checks, summary=_summary(document),
        )
    )  # fmt: skip
    paper = Paper(
        documentclass="article",
        document_options=["11pt"],
        fontenc=None,
        inputenc=None,
        lmodern=False,
        textcomp=False,
        page_numbers=True,
    )
    paper.preamble.append(NoEscape(template_text("style.tex", templates)))
    paper.preamble.append(NoEscape(rf"\title{{{escaped(sheet.title)}}}"))
    paper.append(NoEscape(body))
    return paper.dumps()


def _subtitle(document: Document) -> Tex:
    sheet = document.sheet
    kind = "Problems" if document.problems_only else "Worked solutions"
    return Tex(
        r"\enspace$\cdot$\enspace ".join(
            escaped(part) for part in (sheet.course, kind, sheet.author, sheet.date) if part
        )
    )


STANDS_BEHIND = {
    "proved": "{} proved (in exact arithmetic or with rigorous bounds)",
    "observed": "{} observed in a run of PyTorch with the numbers that are given",
    "sampled": "{} in agreement with PyTorch at sampled points",
    "tried": "{} not refuted at the points tried, which is no proof: these lines have no tick",
}


def _summary(document: Document) -> Tex:
    """What the verdicts come to, in words."""
    held, total = document.counts
    ways = [
        words.format(n) for key, words in STANDS_BEHIND.items() for strength, n in document.strengths if strength == key
    ]
    found = ", ".join(ways[:-1]) + (" and " if len(ways) > 1 else "") + (ways[-1] if ways else "none")
    if held == total:
        claims = "The one claim" if total == 1 else f"Each of the {total} claims"
        words = (
            f"{claims} of these solutions was checked along a road that shares no code with the derivation: {found}."
        )
    else:
        words = f"{held} of {total} claims held when they were checked: {found}. The others are marked, and are not to be trusted."
    error = "The error is the largest difference between two ways to a value, relative where values exceed one."
    return escaped(f"{words} {error}")


# problems


def _problem_view(block: ProblemBlock) -> View:
    problem = block.problem
    given = problem.given
    return view(
        title=escaped(problem.title), source=escaped(problem.source), marker=Tex(re.sub(r"[^\w./-]", "?", problem.path)),
        statement=prose(problem.statement, given.symbols), note=prose(problem.note, given.symbols),
        figure=_figure(block.figure), task=_task(block.task),
        given=_given(given), key=[_block(b) for b in block.key],
        parts=[
            view(
                heading=heading_tex(part.heading),
                sections=[
                    view(heading=heading_tex(s.heading), remark=reason(s.remark), blocks=[_block(b) for b in s.blocks])
                    for s in part.sections
                ],
            )
            for part in block.parts
        ],
    )  # fmt: skip


def _task(report: Any) -> View | None:
    """A coding task: its program, and what its runs came to where they were run."""
    if report is None:
        return None
    rows = [(report.columns, True), *((row, False) for row in report.rows)] if report.rows else []
    return view(
        program=Tex(listing(report.program)), file=escaped(report.file),
        differences=[
            view(file=escaped(file), lines=Tex(listing("\n".join(lines)))) for file, lines in report.differences if lines
        ],
        was_run=bool(report.rows or report.sentences),
        align="l" + "r" * (len(report.columns) - 1), rows=[_cells(row, head) for row, head in rows],
        charts=[chart_tikz(chart) for chart in report.charts], sentences=[escaped(s) for s in report.sentences],
        pictures=[picture_tikz(picture) for picture in report.pictures],
        tables=[
            view(title=escaped(table.title), align="l" + "r" * (len(table.rows[0]) - 1),
                 rows=[_cells(row, k == 0) for k, row in enumerate(table.rows)])
            for table in report.tables
        ],
    )  # fmt: skip


def _cells(row: Iterable[str], is_head: bool) -> Tex:
    quiet = r"\color{quiet}" if is_head else ""
    return Tex(" & ".join(f"{quiet}{escaped(cell)}" for cell in row) + (r" \\[2pt]" if is_head else r" \\"))


def listing(program: str) -> str:
    """A program's lines, typeset as they stand; nothing in them can end the listing or call TeX."""
    lines = []
    for line in program.rstrip().splitlines():
        indent = len(line) - len(line.lstrip(" "))
        body = "".join({" ": r"\ ", "-": "{-}"}.get(c) or escaped(c) for c in line.lstrip(" "))
        lines.append(rf"\dvcode{{{indent}}}{{{body}}}")
    return "\n".join(lines)


def _figure(drawn: IsDrawn | Failed | None) -> Tex | None:
    """The drawing of the network: its units where these have names, else a chain of boxes."""
    if drawn is None:
        return None
    if isinstance(drawn, Failed):
        return Tex(rf"\dvfailed{{{escaped(drawn.number)}}}{{{escaped(drawn.detail)}}}")
    if drawn.layers[0].symbol is not None:
        return tikz(network_figure(drawn))
    return boxes_tikz(chain_figure(drawn))


def boxes_tikz(figure: ChainFigure) -> Tex:
    """A chain of boxes in TikZ, with the size that leaves each."""
    lines = [r"\begin{tikzpicture}[x=1cm,y=1cm]"]
    for k, box in enumerate(figure.boxes):
        at = _at(3.1 * box.column, -1.9 * box.row)
        size = r" \times ".join(map(str, box.size))
        name = escaped(box.name) + (rf" $\times\, {box.times}$" if box.times > 1 else "")
        lines.append(
            rf"\node[draw=ink,fill=unit,rounded corners=1.5pt,line width=0.5pt,minimum width=20mm,minimum height=8mm,"
            rf"align=center,inner sep=2pt,font=\scriptsize] (b{k}) at {at} {{{name}\\{{\color{{quiet}}${size}$}}}};"
        )
        if box.loops:
            lines.append(rf"\draw[->,ink,line width=0.5pt] (b{k}.70) to[out=70,in=110,looseness=4] (b{k}.110);")
        if box.adds:
            lines.append(rf"\draw[->,ink,line width=0.5pt] (b{k}.west) to[out=60,in=120,looseness=1.6] (b{k}.east);")
        if k and box.column:
            lines.append(rf"\draw[->,hair!60!black,line width=0.5pt] (b{k - 1}) -- (b{k});")
        elif k:
            lines.append(rf"\draw[->,hair!60!black,line width=0.5pt] (b{k - 1}.south) -- ++(0,-0.35) -| (b{k}.north);")
    lines.append(r"\end{tikzpicture}")
    return Tex("\n".join(lines))


def prose(text: str, symbols: Any) -> Tex:
    """An author's words: escaped, paragraphs at blank lines, `formulas` in backticks typeset."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text.strip()) if paragraph.strip()]
    return Tex(
        "\n\n".join(
            "".join(_inline(piece, k % 2 == 1, symbols) for k, piece in enumerate(p.split("`"))) for p in paragraphs
        )
    )


def _inline(piece: str, is_formula: bool, symbols: Any) -> str:
    if not is_formula:
        return escaped(piece)
    try:
        return rf"${latex(parse_formula(piece, symbols))}$"
    except FormulaError:
        return rf"\texttt{{{escaped(piece)}}}"


def _given(given: Any) -> Tex:
    """What is given, in one small paragraph a kind."""
    lines: list[str] = []
    if given.define:
        lines.append(
            r"{\raggedright Define "
            + "\\quad ".join(rf"${latex(symbol)} = {latex(expr)}$" for symbol, expr in given.define)
            + r".\par}"
        )
    if given.layer is not None:
        lines.append(f"Layer: {_named(given.layer)}.")
    if given.input is not None:
        lines.append(f"Input: {_array('', given.input)}")
    for name in ("targets", "outputs", "probabilities", "logits"):
        value = getattr(given, name)
        if value is not None:
            lines.append(f"{name.capitalize()}: {_listed(value)}.")
    if given.loss is not None:
        lines.append(f"Loss: {_named(given.loss)}.")
    if given.optimizer is not None:
        lines.append(f"Optimiser: {_named(given.optimizer)}.")
    if given.gradient is not None:
        facts = [("mean", given.gradient.mean), ("second moment", given.gradient.second_moment)]
        words = ", ".join(rf"{name} ${latex(Numeral(value))}$" for name, value in facts if value is not None)
        lines.append(
            f"Gradient: {'stationary' if given.gradient.stationary else 'not stationary'}{', ' + words if words else ''}."
        )
    if given.start is not None:
        lines.append(f"Start: {_listed(given.start)}.")
    if given.gradients is not None:
        lines.append(f"Gradients: {_listed(given.gradients)}.")
    if given.values:
        lines.append(", ".join(_array(name, nested) for name, nested in given.values.items()) + ".")
    return Tex(r"\par ".join(lines))


def _array(name: str, nested: Any) -> str:
    from sympy.matrices.expressions.matexpr import MatrixSymbol

    if (
        isinstance(nested, tuple)
        and nested
        and isinstance(nested[0], tuple)
        and nested[0]
        and isinstance(nested[0][0], tuple)
    ):
        return "\\quad ".join(_array("", inner) for inner in nested)
    if not name and isinstance(nested, tuple) and nested and not isinstance(nested[0], tuple):
        return "$" + r" \times ".join(latex(Numeral(v)) for v in nested) + "$"
    matrix = as_matrix(nested).applyfunc(Numeral)
    if not name:
        return rf"${latex(matrix)}$"
    return rf"${latex(MatrixSymbol(name, *matrix.shape))} = {latex(matrix)}$"


def _listed(nested: Any) -> str:
    if not isinstance(nested, tuple):
        return f"${latex(Numeral(nested))}$"
    if nested and isinstance(nested[0], tuple):
        return "; ".join(_listed(row) for row in nested)
    return "$" + r",\; ".join(latex(Numeral(v)) for v in nested) + "$"


def _named(instance: Any) -> str:
    """A loss, optimiser or layer with its settings in words."""
    settings = []
    for key, value in vars(instance).items():
        if isinstance(value, bool) or value is None or (key, value) in (("repeat", 1),):
            continue
        shown = f"${latex(Numeral(value))}$" if hasattr(value, "is_Rational") else escaped(_setting(value))
        settings.append(f"{escaped(key.replace('_', ' '))} {shown}")
    name = escaped(instance.name.replace("_", " "))
    return f"{name} ({', '.join(settings)})" if settings else name


def _setting(value: Any) -> str:
    if isinstance(value, tuple):
        return " x ".join(map(str, value))
    return str(getattr(value, "name", value)).replace("_", " ")


# blocks


def _block(block: Any) -> View:
    if isinstance(block, Chain):
        return view(kind="chain", left=Tex(_side(block.left)), lines=[_line(line) for line in block.lines])
    if isinstance(block, Sentence):
        return view(kind="chain", left=Tex(""), lines=[_sentence(block)])
    if isinstance(block, SizeTable):
        return view(kind="table", rows=[_size_row(*row) for row in block.rows])
    if isinstance(block, RefutedAnswer):
        return _refuted(block)
    if isinstance(block, Failed):
        return view(kind="failed", number=escaped(block.number), detail=escaped(block.detail))
    raise TypeError(type(block).__name__)


MARKS = {True: r"\dvholds", False: r"\dvnumber"}  # a tick stands only where something was at stake
RELATIONS = {"": "", "<": "<", "<=": r"\le", ">": ">", ">=": r"\ge", "!=": r"\neq", "==": "="}


def _line(line: Line) -> View:
    one, broken, left = "", [], line.left
    for right in line.rights:
        relation = RELATIONS.get(line.relation, "") or relation_between(left, right)
        one += f"{{}} {relation} {_side(right)} "
        broken += _broken(relation, right)
        left = right
    stacked = r"\begin{aligned}[t] " + r" \\ ".join(broken) + r" \end{aligned}"
    mark = Tex(rf"{MARKS[line.has_tick]}{{{_short(line.number)}}}")
    is_tried = line.strength == "tried"
    is_result = line.is_result and not is_tried
    return view(
        one=Tex(_boxed(one, is_result)),
        broken=Tex(_boxed(stacked, is_result)),
        reason=Tex(f"{reason(line.reason)} (at the points tried)") if is_tried else reason(line.reason),
        mark=mark,
    )


def _sentence(block: Sentence) -> View:
    formula = sentence_latex(block.pieces)
    mark = Tex(rf"{MARKS[block.has_tick]}{{{_short(block.number)}}}")
    shown = Tex(_boxed(formula, block.is_result))
    return view(one=shown, broken=shown, reason=reason(block.reason), mark=mark)


def sentence_latex(pieces: tuple[Any, ...]) -> str:
    """Words and formulas by turns, in one formula."""
    out = ""
    for piece in pieces:
        if not isinstance(piece, str):
            out += latex(_plain_int(piece))
        elif piece in SIGNS:
            out += f" {piece} "
        else:
            out += rf"\text{{{'' if piece.startswith(',') else ' '}{escaped(piece)} }}"
    return out


def _boxed(formula: str, is_result: bool) -> str:
    return rf"\dvresult{{{formula}}}" if is_result else rf"\dvmath{{{formula}}}"


def _side(side: Any) -> str:
    return latex(side)


def _short(number: str) -> str:
    return escaped(number) if number[:1].isdigit() else ""


def _broken(relation: str, side: Any) -> list[str]:
    """The rows of a side: one where it is short, else broken before the signs of its sum."""
    prefix, terms, suffix = signed_terms(side)
    whole = _side(side)
    if isinstance(side, MatrixBase) and side.shape[1] > 1:
        first, *rest = matrix_blocks(side)
        return [rf"{{}} {relation} {{}} & {first}", *[rf"& \quad{{}} {block}" for block in rest]]
    if len(terms) < 2 or (isinstance(side, MatAdd) and _visible(whole) < NARROW):
        first, *rest = pieces_between_matrices(whole)
        return [rf"{{}} {relation} {{}} & {first}", *[rf"& \quad{{}} {piece}" for piece in rest]]
    rows, current = [], ""
    limit = WIDE if not isinstance(side, MatAdd) else 0
    for term in terms:
        if current and _visible(current + term) > limit:
            rows.append(current)
            current = ""
        current += term
    rows.append(current)
    first, *rest = rows
    listed = [rf"{{}} {relation} {prefix} {{}} & {first}", *[rf"& \quad{{}} {row}" for row in rest]]
    return [*listed[:-1], f"{listed[-1]} {suffix}"]


def matrix_blocks(matrix: Any) -> list[str]:
    """A wide matrix in blocks of columns, one below the other: it opens in the first and closes in the last."""
    columns = [[latex(entry) for entry in matrix[:, k]] for k in range(matrix.shape[1])]
    blocks: list[list[list[str]]] = [[]]
    width = 0
    for column in columns:
        needed = max(map(_visible, column)) + 2
        if blocks[-1] and width + needed > NARROW:
            blocks.append([])
            width = 0
        blocks[-1].append(column)
        width += needed
    printed = []
    for k, block in enumerate(blocks):
        rows = r" \\ ".join(" & ".join(row) for row in zip(*block, strict=True))
        opens, closes = "[" if k == 0 else ".", "]" if k == len(blocks) - 1 else "."
        printed.append(rf"\left{opens}\begin{{matrix}} {rows} \end{{matrix}}\right{closes}")
    return printed


def pieces_between_matrices(tex: str) -> list[str]:
    """A printed product broken after its matrices, where it is too wide to stand in one line."""
    pieces, current, depth = [], "", 0
    for token in re.split(
        r"(\\begin\{\w+\}|\\end\{\w+\}(?:\^\{[^{}]*\})?|\\left(?![a-z])|\\right(?![a-z])|\\[{}]|[{}])", tex
    ):
        depth += (
            token.startswith((r"\begin", r"\left"))
            + (token == "{")
            - token.startswith((r"\end", r"\right"))
            - (token == "}")
        )
        current += token
        if depth == 0 and token.startswith(r"\end") and _visible(current) > NARROW / 2:
            pieces.append(current)
            current = ""
    if current.strip():
        if pieces and _visible(current) < NARROW / 4:
            pieces[-1] += current
        else:
            pieces.append(current)
    return pieces or [tex]


def _visible(tex: str) -> int:
    """About how many signs are seen of a formula."""
    return len(re.sub(r"\\(left|right|bm|mathrm|operatorname)|[{}^_ ]", "", re.sub(r"\\[a-z]+(?![a-z])", "x", tex)))


def reason(why: Reason | None) -> Tex:
    """The words of a reason, with the expressions that they speak of typeset."""
    if why is None:
        return Tex("")
    places = [escaped(a) if isinstance(a, str) else rf"${latex(a)}$" for a in map(_plain_int, why.about)]
    words = re.split(r"\{(\d+)\}", why.rule.words)
    return Tex("".join(places[int(piece)] if k % 2 else escaped(piece) for k, piece in enumerate(words)))


def heading_tex(heading: Heading) -> Tex:
    """A heading with the numbers and names in it; a viewer's list of contents shows them as text."""
    if isinstance(heading, str):
        return escaped(heading)

    def both(value: Any) -> str:
        if isinstance(value, str):
            return escaped(value)
        return rf"\texorpdfstring{{${latex(value)}$}}{{{escaped(text(value))}}}"

    places = [both(value) for value in map(_plain_int, heading.about)]
    words = re.split(r"\{(\d+)\}", heading.rule.words)
    return Tex("".join(places[int(piece)] if k % 2 else escaped(piece) for k, piece in enumerate(words)))


def _plain_int(value: Any) -> Any:
    from sympy import Integer

    return Integer(value) if isinstance(value, int) else value


def _sizes(shape: tuple[Any, ...]) -> str:
    return "$" + r" \times ".join(latex(size) for size in map(_plain_int, shape)) + "$"


def _size_row(number: str, claim: HasShape, why: Reason) -> View:
    return view(
        symbol=Tex(f"${latex(claim.of)}$"), meaning=reason(claim.meaning), size=Tex(_sizes(claim.shape)), reason=reason(why),
        mark=Tex(rf"\dvholds{{{_short(number)}}}"),
    )  # fmt: skip


def _refuted(block: RefutedAnswer) -> View:
    claim = block.claim
    right = rf"\quad In fact {_statement(claim.right)}." if claim.right is not None else ""
    return view(
        kind="refuted", wrong=Tex(f"{escaped(claim.by[:1].upper() + claim.by[1:])} says {_statement(claim.claim)}, which does not hold."),
        right=Tex(right), mark=Tex(r"\dvholds{}"),
    )  # fmt: skip


def _statement(claim: Any) -> str:
    if isinstance(claim, HasShape):
        return f"${latex(claim.of)}$ has the size {_sizes(claim.shape)}"
    if isinstance(claim, SAID):
        return f"${sentence_latex(said(claim))}$"
    sides = sides_of(claim)
    return (
        "$"
        + "".join(
            latex(s) if k == 0 else f" {_between(claim, sides[k - 1], s)} {latex(s)}" for k, s in enumerate(sides)
        )
        + "$"
    )


def _between(claim: Any, left: Any, right: Any) -> str:
    return RELATIONS[relation_of(claim)] if relation_of(claim) else relation_between(left, right)


# checks and figures


def _checks_view(index: int, block: ProblemBlock) -> View:
    rows = []
    for row in block.checks:
        steps = row.first if row.first == row.last else f"{row.first} to {row.last.rpartition('.')[2]}"
        error = _error(row.verdict.max_error) if row.verdict.passed else Tex(r"\color{fails}failed")
        rows.append(
            view(
                steps=escaped(steps),
                method=escaped(row.verdict.method),
                strength=escaped(row.verdict.strength if row.verdict.passed else ""),
                points=escaped(row.verdict.points),
                error=error,
            )
        )
    return view(title=Tex(rf"{index}.\enspace {escaped(block.problem.title)}"), rows=rows)


def _error(error: float) -> Tex:
    if error == 0:
        return Tex("$0$")
    mantissa, _, exponent = f"{error:.0e}".partition("e")
    return Tex(rf"${mantissa} \cdot 10^{{{int(exponent)}}}$")


UNIT = r"circle,draw=ink,fill=unit,line width=0.5pt,minimum size=7.6mm,inner sep=0pt,font=\footnotesize"


def _at(x: float, y: float) -> str:
    return f"({x:.2f},{y:.2f})"


def tikz(figure: NetworkFigure) -> Tex:
    """The drawing in TikZ."""
    lines = [r"\begin{tikzpicture}[x=1cm,y=1cm]"]
    for edge in figure.edges:
        label = ""
        if edge.weight is not None:
            label = rf" node[pos={edge.place},fill=white,inner sep=1pt,font=\scriptsize,text=ink] {{${latex(edge.weight)}$}}"
        lines.append(rf"\draw[hair!85!black,line width=0.35pt] {_at(*edge.start)} -- {_at(*edge.end)}{label};")
    for unit in figure.units:
        at = _at(unit.x, unit.y)
        if unit.label is None:
            lines.append(rf"\node[quiet] at {at} {{$\vdots$}};")
        else:
            lines.append(rf"\node[{UNIT}] at {at} {{${latex(unit.label)}$}};")
    for x, y, name, activation in figure.captions:
        extra = rf"\\[-1pt]{{\color{{quiet}}\itshape {escaped(activation)}}}" if activation else ""
        lines.append(
            rf"\node[font=\scriptsize,align=center,anchor=north] at ({x:.2f},{y + 0.25:.2f}) {{{escaped(name)}{extra}}};"
        )
    lines.append(r"\end{tikzpicture}")
    return Tex("\n".join(lines))
