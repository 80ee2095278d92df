"""Finds a parameter where escaping does not protect: in a script, a style, a bare attribute, at a link's start.

Escaping makes a parameter harmless as text and within quotes, not as a whole `href`: `javascript:…` needs no quote.
The text before the parameter is what is judged by, and doubt refuses.
"""

import re

REACH = 4000
"""Characters before a parameter that are looked at."""

_ATTRIBUTE = re.compile(r"""\s([\w:-]+)\s*=\s*(?:"([^"]*)|'([^']*))$""")
_SAFE = frozenset({"title", "alt", "aria-label", "lang", "dir"})
_FIXED = re.compile(r"(?:https://[^/]+/|tel:|mailto:)", re.IGNORECASE)


def misplaced(before: str, kind: str) -> str | None:
    """What is wrong with printing a slot of this kind after `before`, as the end of "puts 'x' …", or None."""
    low = before.lower()
    for element in ("script", "style", "!--"):
        if low.rfind(f"<{element}") > low.rfind("-->" if element == "!--" else f"</{element}"):
            return "into a comment" if element == "!--" else f"into <{element}>"
    tag = before[before.rfind("<") :] if before.rfind("<") > before.rfind(">") else ""
    if not tag:
        return None
    found = _ATTRIBUTE.search(tag)
    if not found:
        return "into a tag, but not into the quoted value of an attribute"
    name, value = found.group(1).lower(), found.group(2) or found.group(3) or ""
    if name in _SAFE or (name == "href" and (_FIXED.match(value) or (kind == "url" and not value))):
        return None
    if name == "href":
        return "at the start of a link without the filter url"
    return f"into the attribute {name!r}"
