"""Decides what a template may say, and turns the rest away before it ever runs.

Jinja's sandbox stops escapes, not bombs: `{{ 'a' * 10**9 }}` and nested loops run in it. So a template is only parsed
by Jinja, and its syntax tree held against an allow-list: text, `{{ x }}`, the filters below, `if` with comparisons. On
the way each use of a parameter is replaced by a slot (`slots.py`).
"""

from collections.abc import Mapping
from typing import Any

from jinja2 import nodes

from gateway.rendering import formats, markup
from gateway.rendering.slots import Slot, prepare_for

FILTERS = ("money", "date", "number", "plural", "url", "default")
DATE_STYLES = ("short", "medium", "long", "full")
MAX_EXPRESSIONS, MAX_DEPTH = 200, 8
"""Uses of parameters in one file; `if` within `if`, and conditions within conditions."""

_ORDERED = {"gt", "gteq", "lt", "lteq"}
_WORDS = {
    name: words
    for words, names in {
        "a loop": "For",
        "a call": "Call CallBlock",
        "an attribute": "Getattr",
        "an index": "Getitem",
        "an assignment": "Assign AssignBlock",
        "an include": "Include",
        "an import": "Import FromImport",
        "an extends": "Extends",
        "a block": "Block",
        "a macro": "Macro",
        "a filter block": "FilterBlock",
        "a with block": "With",
        "an inline if": "CondExpr",
        "a test with is": "Test",
        "joining with ~": "Concat",
        "arithmetic": "Add Sub Mul Div FloorDiv Mod Pow Neg Pos",
        "a list": "List Tuple",
        "a dict": "Dict",
    }.items()
    for name in names.split()
}


class Refused(Exception):
    """Raised while a template is read; `line` counts from 1."""

    def __init__(self, line: int, says: str) -> None:
        super().__init__(says)
        self.line, self.says = line, says


class Reader:
    """Reads one file's syntax tree, rewrites it in place and keeps the slots that it found. `kind` is how plain text
    prints (`text`, or `line` in titles), `locale` Babel's name of the template's language."""

    def __init__(self, kind: str, html: bool, locale: str) -> None:
        self._plain, self._html, self._locale = kind, html, locale
        self._slots: dict[tuple[Any, ...], Slot] = {}
        self._uses = 0
        self._before = ""

    def read(self, tree: nodes.Template) -> tuple[Slot, ...]:
        """Raises Refused at the first thing that is not allowed."""
        self._block(tree.body, frozenset(), 0)
        return tuple(self._slots.values())

    def _block(self, body: list[nodes.Node], sure: frozenset[str], depth: int) -> None:
        """`sure` are the parameters that an enclosing `if` has found to be there."""
        for node in body:
            if isinstance(node, nodes.Output):
                node.nodes = [self._printed(part, sure) for part in node.nodes]
            elif isinstance(node, nodes.If):
                self._if(node, sure, depth + 1)
            else:
                raise _refusal(node)

    def _if(self, node: nodes.If, sure: frozenset[str], depth: int) -> None:
        if depth > MAX_DEPTH:
            raise Refused(node.lineno, f"nests if deeper than {MAX_DEPTH}")
        node.test, yes, no = self._condition(node.test, sure, 0)
        self._block(node.body, sure | yes, depth)
        for other in node.elif_:
            other.test, yes, further = self._condition(other.test, sure | no, 0)
            self._block(other.body, sure | no | yes, depth)
            no |= further
        self._block(node.else_, sure | no, depth)

    def _printed(self, node: nodes.Expr, sure: frozenset[str]) -> nodes.Expr:
        if isinstance(node, nodes.TemplateData):
            self._before = (self._before + node.data)[-markup.REACH :]
            return node
        if isinstance(node, nodes.Const) and isinstance(node.value, str):
            return node
        fallback = None
        if isinstance(node, nodes.Filter) and node.name == "default" and isinstance(node.node, nodes.Expr):
            fallback, node = self._fallback(node), node.node
        kind, options, source = self._plain, {}, node
        if isinstance(node, nodes.Filter) and isinstance(node.node, nodes.Expr):
            kind, options, source = node.name, self._options(node), node.node
        if not isinstance(source, nodes.Name):
            raise _refusal(source)
        if self._html and (fault := markup.misplaced(self._before, kind)):
            raise Refused(node.lineno, f"puts {source.name!r} {fault}")
        return self._slot(source, kind, options, fallback, fallback is None and source.name not in sure)

    def _fallback(self, node: nodes.Filter) -> str:
        value = node.args[0] if len(node.args) == 1 and not node.kwargs else None
        if (
            not isinstance(value, nodes.Const)
            or isinstance(value.value, bool)
            or not isinstance(value.value, str | int)
        ):
            raise Refused(node.lineno, "gives default something else than one word in quotes")
        return str(value.value)

    def _options(self, node: nodes.Filter) -> dict[str, str]:
        """A filter's arguments, checked: a style for `date`, forms for `plural`, none for the others."""
        if node.name == "default":
            raise Refused(node.lineno, "has default before another filter; it stands last: {{ x|money|default('…') }}")
        if node.name not in FILTERS:
            raise Refused(node.lineno, f"uses the filter {node.name!r}; there are {', '.join(FILTERS)}")
        words = [
            arg.value for arg in (*node.args, *(pair.value for pair in node.kwargs)) if isinstance(arg, nodes.Const)
        ]
        given = len(node.args) + len(node.kwargs)
        if node.dyn_args or node.dyn_kwargs or len(words) != given or not all(isinstance(word, str) for word in words):
            raise Refused(node.lineno, f"gives {node.name} an argument that is not a word in quotes")
        if node.name == "plural":
            return self._forms(node, {str(pair.key): str(word) for pair, word in zip(node.kwargs, words, strict=False)})
        if node.name == "date" and not node.kwargs and given <= 1 and all(word in DATE_STYLES for word in words):
            return {"style": words[0]} if words else {}
        if given:
            raise Refused(node.lineno, f"gives {node.name} an argument it does not take" + _hint(node.name))
        return {}

    def _forms(self, node: nodes.Filter, forms: dict[str, str]) -> dict[str, str]:
        known = formats.categories(self._locale)
        if node.args or "other" not in forms or not forms.keys() <= known:
            raise Refused(
                node.lineno, f"must give plural its forms by name: other, and any of {', '.join(sorted(known))}"
            )
        return forms

    def _condition(
        self, node: nodes.Node, sure: frozenset[str], depth: int
    ) -> tuple[nodes.Expr, frozenset[str], frozenset[str]]:
        """The condition over slots, the parameters that are there if it holds, and those that are if it does not."""
        if depth > MAX_DEPTH:
            raise Refused(node.lineno, f"nests conditions deeper than {MAX_DEPTH}")
        if isinstance(node, nodes.Name):
            return self._slot(node, "truth", {}, False, False), frozenset({node.name}), frozenset()
        if isinstance(node, nodes.Not):
            node.node, yes, no = self._condition(node.node, sure, depth + 1)
            return node, no, yes
        if isinstance(node, nodes.And):
            node.left, left_yes, left_no = self._condition(node.left, sure, depth + 1)
            node.right, yes, no = self._condition(node.right, sure | left_yes, depth + 1)
            return node, left_yes | yes, left_no & no
        if isinstance(node, nodes.Or):
            node.left, left_yes, left_no = self._condition(node.left, sure, depth + 1)
            node.right, yes, no = self._condition(node.right, sure | left_no, depth + 1)
            return node, left_yes & yes, left_no | no
        if isinstance(node, nodes.Compare):
            return self._comparison(node, sure), frozenset(), frozenset()
        raise _refusal(node)

    def _comparison(self, node: nodes.Compare, sure: frozenset[str]) -> nodes.Expr:
        """`x == "word"`, `x > 3`: a parameter on the left, a word or number on the right."""
        if not isinstance(node.expr, nodes.Name):
            raise _refusal(node.expr)
        operand = node.ops[0] if len(node.ops) == 1 else None
        value = operand.expr.value if operand and isinstance(operand.expr, nodes.Const) else None
        ordered = operand is not None and operand.op in _ORDERED
        if operand is None or not (ordered or operand.op in ("eq", "ne")) or isinstance(value, bool):
            raise Refused(node.lineno, "compares otherwise than x == 'word', x != 'word' or x > 3")
        if not isinstance(value, (int, float) if ordered else (int, float, str)):
            raise Refused(node.lineno, "compares with something else than a word in quotes or a number")
        if not isinstance(value, str) and not abs(value) < formats.TOO_LARGE:  # 1e999 is infinite
            raise Refused(node.lineno, f"compares with a number of more than {formats.MAX_WHOLE} digits")
        kind = "word" if isinstance(value, str) else "figure"
        node.expr = self._slot(node.expr, kind, {}, None, node.expr.name not in sure)
        return node

    def _slot(
        self, name: nodes.Name, kind: str, options: Mapping[str, str], absent: object, needed: bool
    ) -> nodes.Name:
        """The name to put in the parameter's place. Uses that ask the same share a slot, needed if any needs it."""
        self._uses += 1
        if self._uses > MAX_EXPRESSIONS:
            raise Refused(name.lineno, f"uses parameters more than {MAX_EXPRESSIONS} times")
        identity = (name.name, kind, tuple(sorted(options.items())), absent)
        known = self._slots.get(identity)
        key = known.key if known else f"s{len(self._slots)}"
        self._slots[identity] = Slot(
            key=key,
            param=name.name,
            kind=kind,
            prepare=prepare_for(kind, options.get("style"), options),
            absent=absent,
            needed=needed or (known is not None and known.needed),
        )
        return nodes.Name(key, "load", lineno=name.lineno)


def _refusal(node: nodes.Node) -> Refused:
    kind = type(node).__name__
    what = _WORDS.get(kind, f"something that is not text, a parameter or an if ({kind})")
    if isinstance(node, nodes.Filter):
        what = "one filter after another (only default may follow one, and it stands last)"
    return Refused(node.lineno, f"contains {what}, which templates may not")


def _hint(name: str) -> str:
    return f": one of {', '.join(DATE_STYLES)}" if name == "date" else ""
