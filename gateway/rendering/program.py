"""Makes one template file runnable: parsed, held against the allow-list, compiled once.

Compiling costs 650 µs and running 3, so it happens when the catalogue is loaded. Jinja's code is called directly with a
shared context, which spares the copy that `Template.render` makes of every variable.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from msgspec import Struct

from gateway.rendering.slots import Slot
from gateway.rendering.syntax import FILTERS, Reader, Refused

MAX_SOURCE = 65_536
"""Bytes of one template file."""

_CONTROL = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f]")


class Form(Struct, frozen=True):
    """How one file of a template is treated: which part of the message it is, one line or many, escaped or not, and how
    many characters the result may have."""

    part: str
    one_line: bool
    html: bool
    limit: int


class Program(Struct, frozen=True):
    """One file, ready to run. `slots` are what it needs of the parameters."""

    file: str
    form: Form
    slots: tuple[Slot, ...]
    environment: ImmutableSandboxedEnvironment
    root: Callable[[Context], Iterator[str]]

    def run(self, values: dict[str, Any]) -> str:
        """The text, from a finished value for every slot."""
        return "".join(self.root(Context(self.environment, values, None, {}))).strip()


def _environment(html: bool) -> ImmutableSandboxedEnvironment:
    """`if` lines of their own leave no blank line behind (trim, lstrip). Nothing of Jinja's own can be called."""
    environment = ImmutableSandboxedEnvironment(
        autoescape=html, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, cache_size=0
    )
    environment.filters = dict.fromkeys(FILTERS, str)
    environment.globals = {}
    environment.tests = {}
    return environment


_PLAIN, _HTML = _environment(False), _environment(True)


def compiled(file: str, source: bytes, form: Form, locale: str) -> Program:
    """`locale` is Babel's name of the language that the file is in. Raises Refused with the line and what is wrong."""
    text = _decoded(source)
    environment = _HTML if form.html else _PLAIN
    try:
        tree = environment.parse(text)
    except TemplateSyntaxError as fault:
        raise Refused(fault.lineno, f"is not a template: {fault.message}") from fault
    except (RecursionError, ValueError, OverflowError) as fault:
        raise Refused(1, "is not a template: it nests too deep or holds a number too large") from fault
    slots = Reader("line" if form.one_line else "text", form.html, locale).read(tree)
    template = Template.from_code(environment, environment.compile(tree), {})
    return Program(file, form, slots, environment, template.root_render_func)


def _decoded(source: bytes) -> str:
    if len(source) > MAX_SOURCE:
        raise Refused(1, f"is larger than {MAX_SOURCE} bytes")
    try:
        # A byte order mark that an editor left would turn every SMS into UCS-2.
        text = source.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as fault:
        raise Refused(source[: fault.start].count(b"\n") + 1, "is not UTF-8") from fault
    if not text.strip():
        raise Refused(1, "is empty")
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise Refused(line, f"holds the control character U+{ord(found.group()):04X}")
    return text


def needs(programs: Mapping[str, Program]) -> tuple[str, ...]:
    """The parameters without which these files cannot be rendered, in the order of their first use."""
    return tuple(dict.fromkeys(slot.param for one in programs.values() for slot in one.slots if slot.needed))
