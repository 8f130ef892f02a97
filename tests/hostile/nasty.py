"""Hostile problem files, made by chance and a seed: shipped ones that were spoilt, and ones that a grammar writes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

CANARY = "canary-of-derive"  # the name of a file that only run code could make
MACRO = r"\canaryofderive"  # of a macro that only TeX from a file could define

NUMBERS = [
    "0", "-1", "-0.0", "1e400", "-1e-400", "1e308", "9" * 60, "9" * 500, "0." + "0" * 300 + "1", ".nan", "-.inf", "1/0", "1/3",
    "0x10", "1_0", "1e", "--1", "1,5", "2**64", "1000000", "99999999999", "0.1", "1", "2",
]  # fmt: skip
KINDS = [
    "true", "null", "~", "[]", "{}", "[[1], [2, 3]]", "[[[[1]]]]", "{a: {b: {c: 1}}}", "[1, [2]]", "''", "'1'", "- 1", "? x", "|",
    ">", "2024-01-01", "!!float 1", "!!set {a, b}", "!!binary aGk=", "!!python/name:os.system", "<<: *a", "*a", "&a [*a]", "&a 1",
    "[&b 1, *b]", "%TAG", "@x", "`x`", "{x}", "x: y: z", "'open", '"open', "[1, 2", "}", "]",
]  # fmt: skip
CODE = [
    f"__import__('os').system('touch {CANARY}')", f"open('{CANARY}', 'w')", f"exec(\"open('{CANARY}', 'w')\")", "().__class__.__bases__",
    "x.__class__", "(lambda: 1)()", "[y for y in (1, 2)]", "f'{x}'", "x if x else x", "x := 1", "yield x", "await x", "*x", "**x",
    f"!!python/object/apply:os.system ['touch {CANARY}']", f"!!python/object/new:open ['{CANARY}', w]", "{{ 7*7 }}", "{% for x in y %}",
    "{{ cycler.__init__.__globals__.os }}",
]  # fmt: skip
TEX = [
    rf"x}}$\gdef{MACRO}{{1}}$\mathrm{{x", rf"\gdef{MACRO}{{1}}", r"\input{/etc/passwd}", rf"$\immediate\write18{{touch {CANARY}}}$",
    r"\end{document}", r"\begin{verbatim}", r"%", r"#1", r"^^5cgdef", r"\catcode`\%=0", "x_{", "$", "$$", r"\\", r"\loop\iftrue\repeat",
]  # fmt: skip
PATHS = [
    "/etc/passwd", "../../../../../../etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/environ", "..", ".", "~/.ssh/id_rsa",
    "file:///etc/passwd", "http://localhost/", "x\\0y", "a" * 300, "sub/../../x.yaml", "//etc/hosts",
]  # fmt: skip
SIGNS = [
    "\x1b[31m", "\x07", "\u202e", "\u200b", "\ufeff", "\ud7ff", "😀", "é", "e\u0301", "ﬁ", "Ж", "漢", "ا",
    "\u00a0", "\u2028", "\t", "\r", "\x00",
    "\x85", "−", "×", "²", "θ", "’", "\\e", '"\\e[2J"', '"\\0"', '"\\ud800"', '"\\x07"',
]  # fmt: skip
NAMES = [
    "lambda", "in", "None", "True", "sum", "exp", "E", "I", "pi", "S", "N", "O", "Q", "x", "x_", "_x", "x1", "x_1", "W1",
    "__class__", "self",
    "theta_hat_hat", "a" * 400, "1x", "x-y", "x y", "T", "d", "n", "y_hat",
]  # fmt: skip
FORMULAS = [
    "kron(eye(999), eye(999))", "ones(999999)", "zeros(99999, 99999)", "9**9**9", "2**(2**(2**2))", "x**64**64", "exp(exp(exp(9)))",
    "x/0", "0/0", "log(0)", "log(-1)", "sqrt(-1)", "1/(x - x)", "x @ x", "x.T.T", "X @ X", "inv(X)", "inv(zeros(3, 3))", "det(ones(2, 3))",
    "norm(0)", "max(x)", "softmax(1)", "softmax(X)", "sum(x, axis=7)", "sum(x, axis=x)", "x[0]", "x[99999999]", "x[-1]", "x[:, None]",
    "X[0]", "where(x > 0, x, 0)", "where(x, 1, 2)", "where(1 > 0, x, 1)", "maximum(x, dot(x/2, x))", "reshape(x, 3, 5)", "diag(diag(x))",
    "(" * 61 + "x" + ")" * 61, "-" * 200 + "x", "x" + "+x" * 400, "+".join(f"x**{k}" for k in range(60)), "x == x", "x < 1", "x; y",
    "norm(x)**0.5", "abs(x)/x", "relu(relu(x))", "x**x", "e**x", "1e-320", "0x1F", "1j", "'x'", "x,", "...", "sin(x)", "ln(x)", "x^2",
]  # fmt: skip
WORDS = [*NUMBERS, *KINDS, *CODE, *TEX, *PATHS, *SIGNS, *NAMES, *FORMULAS]

KINDS_OF_SYMBOLS = [
    "scalar", "integer", "positive", "probability", "vector(n)", "vector(3)", "vector(0)", "matrix(n, d)", "matrix(2, 3)", "symmetric(n)",
    "positive_definite(n)", "one_hot(k)", "probabilities(k)", "labels(n)", "matrix(n)", "vector(99999999)", "vector(n, n)", "tensor(3)",
    "vector(lambda)", "matrix(1000000, 1000000)", "vector()", "vector(n", "range(1, 0)",
]  # fmt: skip
QUESTIONS = [
    "loss", "forward", "backward", "shapes", "parameters", "gradient", "jacobian", "minimise", "show", "limit", "taylor", "evaluate",
    "output_shape", "receptive_field", "update", "convex", "bayes", "vanishing", "nothing", "mean", "hessian",
]  # fmt: skip
LAYERS = [
    "{dense: 2}", "{dense: 0}", "{dense: 10000000}", "{dense: 2, activation: relu}", "{dense: 3, activation: softmax}", "flatten",
    "{conv2d: {filters: 1, kernel: 9}}", "{conv2d: {filters: 2, kernel: 2, stride: 0}}", "{max_pool2d: 2}", "{dropout: 2}",
    "{dropout: 0.5}",
    "batch_norm", "layer_norm", "{repeat: 10000}", "{residual: [{dense: 2}]}", "{residual: []}", "{lstm: 2}", "{embedding: 0}", 
    "{dense: x}",
    "{dense: {units: 2, bias: maybe}}", "{activate: relu}", "{activate: 7}", "identity", "dense", "{residual: [{residual: [{dense: 1}]}]}",
]  # fmt: skip


def hostile(random: Random, shipped: list[str]) -> bytes:
    """One file."""
    made = random.choice([spoilt] * 6 + [written] * 4 + [calculus, network, raw] * 2 + [likely])(random, shipped)
    return made.encode("utf-8", "surrogatepass") if isinstance(made, str) else made


def spoilt(random: Random, shipped: list[str]) -> str:
    """A shipped file with one to four things wrong."""
    text = random.choice(shipped)
    for _ in range(random.choice([1, 1, 2, 4])):
        text = random.choice(SPOILERS)(random, text)
    return text


def _somewhere(random: Random, text: str) -> int:
    return random.randrange(len(text) + 1)


def _token(random: Random, text: str) -> tuple[int, int]:
    """Where a word or a number stands."""
    start = _somewhere(random, text)
    while start < len(text) and not text[start].isalnum():
        start += 1
    end = start
    while end < len(text) and (text[end].isalnum() or text[end] in "._"):
        end += 1
    return start, end


def cut_off(random: Random, text: str) -> str:
    return text[: _somewhere(random, text)]


def replaced(random: Random, text: str) -> str:
    start, end = _token(random, text)
    return text[:start] + random.choice(WORDS) + text[end:]


def inserted(random: Random, text: str) -> str:
    at = _somewhere(random, text)
    return text[:at] + random.choice([*SIGNS, *TEX, *CODE, ":", "- ", "\n", "[", "{", "'", '"', "  "]) + text[at:]


def without_a_piece(random: Random, text: str) -> str:
    start = _somewhere(random, text)
    return text[:start] + text[start + random.randint(1, 12) :]


def _of_lines(change: Callable[[Random, list[str], int], None]) -> Callable[[Random, str], str]:
    def spoil(random: Random, text: str) -> str:
        lines = text.splitlines(keepends=True) or [""]
        change(random, lines, random.randrange(len(lines)))
        return "".join(lines)

    return spoil


def _twice(random: Random, lines: list[str], k: int) -> None:
    lines.insert(random.randrange(len(lines) + 1), lines[k])


def _gone(random: Random, lines: list[str], k: int) -> None:
    del lines[k]


def _shifted(random: Random, lines: list[str], k: int) -> None:
    lines[k] = (
        random.choice([" ", "   ", "\t", "        "]) + lines[k] if random.random() < 0.6 else lines[k].lstrip(" ")
    )


def _new_value(random: Random, lines: list[str], k: int) -> None:
    key, colon, _ = lines[k].partition(":")
    lines[k] = f"{key}{colon} {random.choice(WORDS)}\n"


def _new_key(random: Random, lines: list[str], k: int) -> None:
    key, colon, rest = lines[k].partition(":")
    indent = key[: len(key) - len(key.lstrip())]
    lines[k] = f"{indent}{random.choice([*NAMES, *TEX, *PATHS])}{colon}{rest}"


def _long(random: Random, lines: list[str], k: int) -> None:
    lines[k] = (
        lines[k].rstrip("\n")
        + random.choice(["x", " ", "[", "9", "(", "\\"]) * random.choice([200, 3000, 20000])
        + "\n"
    )


SPOILERS = [
    cut_off, replaced, replaced, replaced, inserted, without_a_piece, _of_lines(_twice), _of_lines(_gone), _of_lines(_shifted),
    _of_lines(_new_value), _of_lines(_new_value), _of_lines(_new_key), _of_lines(_long),
]  # fmt: skip


def quoted(random: Random, text: str) -> str:
    """A text as an author would write it, in one kind of quotes or another, or bare."""
    return random.choice([f"'{text}'".replace("''", "'"), '"' + text.replace('"', "'") + '"', text])


def written(random: Random, shipped: list[str]) -> str:
    """Keys that there are, with values of any kind."""

    def value(depth: int) -> str:
        if depth <= 0 or random.random() < 0.5:
            return quoted(random, random.choice(WORDS))
        entries = [value(depth - 1) for _ in range(random.randint(0, 3))]
        if random.random() < 0.5:
            return f"[{', '.join(entries)}]"
        return (
            "{" + ", ".join(f"{quoted(random, random.choice([*NAMES, *TEX[:2]]))}: {entry}" for entry in entries) + "}"
        )

    given = "symbols define network networks loss targets outputs probabilities logits optimizer gradient gradients start layer input plus "
    given += "penalty draw values_from values nothing"
    lines = [f"title: {quoted(random, random.choice(WORDS))}", "given:"]
    lines += [f"  {key}: {value(3)}" for key in random.sample(given.split(), random.randint(0, 5))]
    lines += [
        f"{key}: {value(2)}" for key in random.sample(["source", "statement", "expect", "disputed", "task", "note"], 2)
    ]
    lines.append(f"ask: [{', '.join(random.choice([*QUESTIONS, value(2)]) for _ in range(random.randint(0, 3)))}]")
    return "\n".join(lines) + "\n"


def calculus(random: Random, shipped: list[str]) -> str:
    """Declarations, definitions and questions that may go together."""
    names = random.sample(NAMES, 3)
    symbols = [
        f"    {quoted(random, name)}: {quoted(random, random.choice(KINDS_OF_SYMBOLS))}" for name in ["x", "X", *names]
    ]
    define = [f"    {name}: {quoted(random, random.choice([*FORMULAS, *CODE]))}" for name in ("f", "g")]
    of, name = random.choice(["f", "g", *FORMULAS]), random.choice(["x", "X", "f", *names])
    asked = random.choice([
        f"gradient: {{of: {quoted(random, of)}, wrt: {name}}}", f"jacobian: {{of: {quoted(random, of)}, wrt: [{name}, {name}]}}",
        f"minimise: {{objective: {quoted(random, of)}, over: {name}}}", f"show: {quoted(random, f'{of} == {of}')}",
        f"limit: {{of: {quoted(random, of)}, wrt: {name}, to: {random.choice(NUMBERS)}}}",
        f"taylor: {{of: {quoted(random, of)}, wrt: {name}, at: {random.choice(NUMBERS)}, order: {random.choice(['0', '2', '64', '-1'])}}}",
        f"evaluate: {quoted(random, of)}",
    ])  # fmt: skip
    return "\n".join(["title: t", "given:", "  symbols:", *symbols, "  define:", *define, "ask:", f"  - {asked}", ""])


UNARY = ["exp", "log", "sqrt", "abs", "relu", "tanh", "sigmoid", "softplus", "-", "1/"]
SCALARS = ["x", "a", "p", "t", "k", "0", "1", "2", "-3", "0.5", "1/3", "1e-9", "1000"]


def scalar(random: Random, depth: int) -> str:
    """A formula of the language for a number, odd but well formed."""
    if depth == 0:
        return random.choice(SCALARS)

    def part() -> str:
        return scalar(random, depth - 1)

    return random.choice([
        lambda: f"{random.choice(UNARY)}({part()})", lambda: f"({part()} {random.choice('+-*/')} {part()})",
        lambda: f"({part()})**{random.choice(['2', '3', '-1', '0.5', '0', 'k', 'a', '64'])}",
        lambda: f"{random.choice(['maximum', 'minimum'])}({part()}, {part()})",
        lambda: f"where({part()} {random.choice(['<', '<=', '>', '>=', '==', '!='])} {part()}, {part()}, {part()})",
        lambda: f"{random.choice(['sum', 'mean', 'norm', 'max', 'var', 'logsumexp'])}({array(random, depth - 1)})",
        lambda: f"dot({array(random, depth - 1)}, {array(random, depth - 1)})",
        lambda: f"{random.choice(['trace', 'det', 'logdet'])}({random.choice(['S', 'Q', 'Q.T @ Q', 'inv(S)', 'outer(v, u)', 'eye(3)'])})",
    ])()  # fmt: skip


def array(random: Random, depth: int) -> str:
    """The same for a vector of n entries."""
    if depth <= 0:
        return random.choice(["v", "u", "S @ v", "Q @ u", "ones(n)", "softmax(v)", "v*u", "x*v", "diag(Q)"])
    inner = array(random, depth - 1)
    return random.choice([
        f"{random.choice(UNARY[:-2])}({inner})", f"({inner} {random.choice('+-*/')} {array(random, depth - 1)})",
        f"({scalar(random, depth - 1)} * {inner})", f"where({inner} > 0, {inner}, {scalar(random, 0)})", f"inv(S) @ ({inner})",
    ])  # fmt: skip


def likely(random: Random, shipped: list[str]) -> str:
    """Formulas that are accepted and questions that fit them: what fails here, fails in deriving and judging."""
    f, g = scalar(random, random.choice([1, 2, 2, 3])), scalar(random, 1)
    of, name = (
        random.choice(["f", "f", "g", "f*g", "f + h"]),
        random.choice(["x", "a", "p", "t", "v", "u", "S", "Q", "g", "h"]),
    )
    asked = random.choice([
        f"gradient: {{of: {of}, wrt: {name}}}", f"gradient: {{of: {of}, wrt: [{name}, x]}}", f"minimise: {{objective: {of}, over: {name}}}",
        f"hessian: {{of: {of}, wrt: {name}}}", f"show: \"{f} == {g}\"", f"show: \"{f} <= {g}\"",
        f"limit: {{of: {of}, wrt: x, to: {random.choice(['0', '1', '-2', 'inf'])}}}", f"convex: {{of: {of}, wrt: {name}}}",
        f"taylor: {{of: {of}, wrt: x, at: {random.choice(['0', '1', '-1/2'])}, order: 2}}", f"evaluate: \"{g}\"",
        f"jacobian: {{of: \"{array(random, 1)}\", wrt: {name}}}",
    ])  # fmt: skip
    symbols = "x: scalar, a: scalar, p: probability, t: positive, k: integer, v: vector(n), u: vector(n), S: positive_definite(n), "
    symbols += 'Q: "matrix(n, n)"'
    define = f'g: "{g}", h: "exp(g) + x", f: "{f}"'
    return f"title: t\ngiven:\n  symbols: {{{symbols}}}\n  define: {{{define}}}\nask:\n  - {asked}\n"


def network(random: Random, shipped: list[str]) -> str:
    """Layers in any order, with numbers of any size."""
    layers = ", ".join(random.choice(LAYERS) for _ in range(random.randint(1, 4)))
    size = random.choice(["2", "0", "-1", "[1, 4, 4]", "[3]", "10000000", "[1, 2, 3, 4]", "x", "[1000000, 1000000]"])
    values = random.choice(
        ["", "values: {x: [1, 2], y: [1]}", "draw: {seed: 1}", "draw: {low: 2, high: 1}", f"values: {{'{random.choice(TEX)}': 1}}",
         f"values_from: {random.choice(PATHS)}", "draw: {places: 9}"]
    )  # fmt: skip
    asked = ", ".join(
        random.sample(["shapes", "parameters", "forward", "backward", "receptive_field", "output_shape"], 2)
    )
    lines = [
        "title: t",
        "given:",
        f"  network: {{input: {size}, layers: [{layers}]}}",
        f"  loss: {random.choice(['mse', 'cross_entropy', 'x'])}",
    ]
    return "\n".join([*lines, f"  {values}", f"ask: [{asked}]", ""])


def raw(random: Random, shipped: list[str]) -> str | bytes:
    """What is hardly YAML: bytes, bombs, depth, length."""
    deep = random.choice([30, 50, 500, 5000])
    anchors = "\n".join(
        [f"a0: &a0 {random.choice(WORDS)}"] + [f"a{k}: &a{k} [*a{k - 1}, *a{k - 1}, *a{k - 1}]" for k in range(1, 20)]
    )
    return random.choice([
        random.randbytes(random.randint(0, 200)), "title: " + "[" * deep, "title: a\nask: " + "{a: " * deep, anchors, "- " * deep + "x",
        "title: a\n" + "title: a\n" * 3, "---\n" * 3, "title: a\nask: [loss]\n...\nx", "\ufefftitle: a\n", "x" * 100_000, "\n" * 1000,
        "title: &t a\ngiven: *t\nask: [*t]\n", "? [a]\n: b\n", "title: a\r\nask: [loss]\r\n", "\x00",
        "title: a\nask: !!python/tuple [loss]\n",
    ])  # fmt: skip
