"""Go templates for ``--format``: the part of the language that people use with docker.

Text, ``{{pipelines}}``, fields and ``$variables``, ``range``/``if``/``with``/``else``/``end``, comments,
trimming, and the functions of template_functions. Anything else is refused with its place.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seaway.cli.failures import Failed
from seaway.cli.template_functions import FUNCTIONS, show, truth

Scope = dict[str, Any]
Evaluate = Callable[[Any, Scope], Any]

_ACTION = re.compile(r"\{\{(-\s)?(.*?)(\s-)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<space>\s+) | (?P<text>"(?:[^"\\]|\\.)*" | `[^`]*`) | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<assign>:?=) | (?P<name>[A-Za-z_]\w*) | (?P<path>\$?\w*(?:\.\w+)+|\$\w*|\.) | (?P<sign>[|(),])""",
    re.VERBOSE,
)


class TemplateError(Failed):
    """A template that cannot be read, or does not fit the data."""

    def __init__(self, message: str) -> None:
        super().__init__(f"template parsing error: template: {message}", leave=64)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an action."""

    kind: str
    text: str


class Template:
    """A parsed template. ``render`` fills it with a value."""

    def __init__(self, source: str) -> None:
        self._pieces = list(_pieces(source))
        self._place = 0
        self._body = self._block(())

    def render(self, value: Any) -> str:
        """The text for a value: mappings, lists, texts, numbers, switches, None."""
        return _all(self._body, value, {"$": value})

    def _block(self, ends: tuple[str, ...]) -> list[Evaluate]:
        """Everything up to one of these words, which is left as the current piece."""
        parts: list[Evaluate] = []
        while self._place < len(self._pieces):
            piece = self._pieces[self._place]
            if isinstance(piece, str):
                parts.append(_text(piece))
            elif piece[0].text in ends and piece[0].kind == "name":
                return parts
            else:
                parts.append(self._action(piece))
            self._place += 1
        if ends:
            raise TemplateError("unexpected EOF: {{end}} is missing")
        return parts

    def _action(self, tokens: list[Token]) -> Evaluate:
        word = tokens[0].text if tokens[0].kind == "name" else ""
        makers = {"range": self._range, "if": self._if, "with": self._with}
        if word in makers:
            return makers[word](tokens[1:])
        if word in ("end", "else", "define", "template", "block", "break", "continue"):
            raise TemplateError(f"{{{{{word}}}}} is not understood here")
        return _statement(tokens)

    def _branches(self) -> tuple[list[Evaluate], Evaluate | None]:
        """The body after a head, and what its ``else`` does."""
        self._place += 1
        body = self._block(("else", "end"))
        tokens = self._current()
        if tokens[0].text == "end":
            return body, None
        if len(tokens) > 1:
            return body, self._action(tokens[1:])
        self._place += 1
        other = self._block(("end",))
        return body, lambda dot, scope: _all(other, dot, scope)

    def _current(self) -> list[Token]:
        piece = self._pieces[self._place]
        return piece if isinstance(piece, list) else []

    def _if(self, tokens: list[Token]) -> Evaluate:
        test, (body, other) = _pipeline(tokens), self._branches()

        def run(dot: Any, scope: Scope) -> str:
            if truth(test(dot, scope)):
                return _all(body, dot, dict(scope))
            return other(dot, scope) if other else ""

        return run

    def _with(self, tokens: list[Token]) -> Evaluate:
        names, value, (body, other) = *_declared(tokens), self._branches()

        def run(dot: Any, scope: Scope) -> str:
            found = value(dot, scope)
            if truth(found):
                return _all(body, found, {**scope, **dict.fromkeys(names, found)})
            return other(dot, scope) if other else ""

        return run

    def _range(self, tokens: list[Token]) -> Evaluate:
        names, values, (body, other) = *_declared(tokens), self._branches()

        def run(dot: Any, scope: Scope) -> str:
            found = list(_members(values(dot, scope)))
            if not found:
                return other(dot, scope) if other else ""
            return "".join(
                _all(body, member, {**scope, **dict(zip(reversed(names), (member, key), strict=False))})
                for key, member in found
            )

        return run


def _text(text: str) -> Evaluate:
    return lambda _dot, _scope: text


def _all(parts: Sequence[Evaluate], dot: Any, scope: Scope) -> str:
    return "".join(part(dot, scope) for part in parts)


def _members(values: Any) -> Iterator[tuple[Any, Any]]:
    """Keys and members as Go goes through them: mappings by key."""
    if isinstance(values, Mapping):
        yield from sorted(values.items())
    elif isinstance(values, (list, tuple)):
        yield from enumerate(values)
    elif values is not None:
        raise TemplateError(f"range can't iterate over {show(values)}")


def _pieces(source: str) -> Iterator[str | list[Token]]:
    """Texts and actions in turn, trimmed as the dashes say."""
    place, trim = 0, False
    for match in _ACTION.finditer(source):
        text = source[place : match.start()]
        text = text.lstrip() if trim else text
        yield text.rstrip() if match[1] else text
        place, trim = match.end(), bool(match[3])
        if not match[2].strip().startswith("/*"):
            yield _tokens(match[2])
    rest = source[place:]
    if "{{" in rest:
        raise TemplateError(f"unclosed action: {rest}")
    yield rest.lstrip() if trim else rest


def _tokens(source: str) -> list[Token]:
    found, place = [], 0
    while place < len(source):
        match = _TOKEN.match(source, place)
        if match is None:
            raise TemplateError(f"unexpected {source[place]!r} in {{{{{source}}}}}")
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match[0]))
        place = match.end()
    if not found:
        raise TemplateError("missing value for command")
    return found


def _declared(tokens: list[Token]) -> tuple[list[str], Evaluate]:
    """The ``$names`` before ``:=``, and the pipeline behind it."""
    place = next((i for i, token in enumerate(tokens) if token.kind == "assign"), -1)
    names = [token.text for token in tokens[: max(place, 0)] if token.kind == "path"]
    return names, _pipeline(tokens[place + 1 :])


def _statement(tokens: list[Token]) -> Evaluate:
    names, value = _declared(tokens)
    if not names:
        return lambda dot, scope: show(value(dot, scope))

    def assign(dot: Any, scope: Scope) -> str:
        scope[names[0]] = value(dot, scope)
        return ""

    return assign


def _pipeline(tokens: list[Token]) -> Evaluate:
    """Commands joined by ``|``: each gets the one before as its last argument."""
    commands: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "sign" else 0
        if token == Token("sign", "|") and depth == 0:
            commands.append([])
        else:
            commands[-1].append(token)
    steps = [_command(command) for command in commands]

    def run(dot: Any, scope: Scope) -> Any:
        piped: tuple[Any, ...] = ()
        for step in steps:
            piped = (step(dot, scope, piped),)
        return piped[0]

    return run


def _command(tokens: list[Token]) -> Callable[[Any, Scope, tuple[Any, ...]], Any]:
    """A function or a field with its arguments."""
    if not tokens:
        raise TemplateError("missing value for command")
    first, operands = tokens[0], list(_operands(tokens))
    if first.kind == "name" and first.text not in ("true", "false", "nil"):
        function = FUNCTIONS.get(first.text)
        if function is None:
            known = ", ".join(sorted(FUNCTIONS))
            raise TemplateError(f'function "{first.text}" not defined; known: {known}')
        return lambda dot, scope, piped: _call(
            first.text, function, [*(operand(dot, scope) for operand in operands[1:]), *piped]
        )

    def run(dot: Any, scope: Scope, piped: tuple[Any, ...]) -> Any:
        found = operands[0](dot, scope)
        arguments = [*(operand(dot, scope) for operand in operands[1:]), *piped]
        if callable(found):
            return _call(first.text, found, arguments)
        if arguments:
            raise TemplateError(f"{first.text} is not a function, and takes no arguments")
        return found

    return run


def _call(name: str, function: Callable[..., Any], arguments: list[Any]) -> Any:
    try:
        return function(*arguments)
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise TemplateError(f"error calling {name}: {error}") from error


def _operands(tokens: list[Token]) -> Iterator[Evaluate]:
    place = 0
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if token == Token("sign", "("):
            inner, place = _bracket(tokens, place)
            value = _pipeline(inner)
            if place < len(tokens) and tokens[place].kind == "path" and tokens[place].text[0] == ".":
                yield _after(value, tokens[place].text)
                place += 1
            else:
                yield value
        else:
            yield _operand(token)


def _bracket(tokens: list[Token], place: int) -> tuple[list[Token], int]:
    depth = 1
    for end in range(place, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[end].text, 0) if tokens[end].kind == "sign" else 0
        if depth == 0:
            return tokens[place:end], end + 1
    raise TemplateError("unclosed left paren")


def _after(value: Evaluate, path: str) -> Evaluate:
    return lambda dot, scope: _walk(value(dot, scope), path, path.strip(".").split("."))


def _operand(token: Token) -> Evaluate:
    if token.kind == "path":
        return _path(token.text)
    if token.kind == "sign":
        raise TemplateError(f'unexpected "{token.text}"')
    constants: dict[str, Any] = {"true": True, "false": False, "nil": None}
    value = constants.get(token.text)
    if token.kind == "text":
        value = token.text[1:-1] if token.text[0] == "`" else _unquoted(token.text)
    elif token.kind == "number":
        value = float(token.text) if "." in token.text else int(token.text)
    return lambda _dot, _scope: value


def _unquoted(text: str) -> str:
    table = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "'": "'"}
    return re.sub(r"\\(.)", lambda match: table.get(match[1], match[0]), text[1:-1])


def _path(text: str) -> Evaluate:
    root, *names = text.split(".")
    steps = [name for name in names if name]

    def run(dot: Any, scope: Scope) -> Any:
        if root and root not in scope:
            raise TemplateError(f'undefined variable "{root}"')
        return _walk(scope[root] if root else dot, text, steps)

    return run


def _walk(value: Any, path: str, names: Sequence[str]) -> Any:
    for name in names:
        if not isinstance(value, Mapping):
            raise TemplateError(f"executing at <{path}>: can't evaluate field {name} in {show(value)}")
        if name not in value:
            known = ", ".join(sorted(value))
            raise TemplateError(f'executing at <{path}>: map has no entry for key "{name}"; it has: {known}')
        value = value[name]
    return value
