"""Finds the language to write to somebody in, among those that there are texts for.

A tag is tried as it is, then without its script, then a subtag shorter, and so on (RFC 4647 look-up): `zh-Hans-CN`,
`zh-CN`, `zh-Hans`, `zh`. Where nothing fits so far, a folder that CLDR holds to be the same as one of these does: `zh`
and `zh-CN` are both short for `zh-Hans-CN`, so that somebody with `zh` is not written to in English. A script is never
crossed: `zh-Hant-TW` does not find `zh-CN`. Last comes the default.
"""

from collections.abc import Iterator

from babel.core import get_global

_SCRIPT_LENGTH = 4


def normal(tag: str) -> str:
    """Tags are compared without case, and `_` is as good as `-`."""
    return tag.replace("_", "-").lower()


def chain(tag: str) -> Iterator[str]:
    """What a tag falls back to, in normal form, itself first."""
    subtags = normal(tag).split("-")
    seen: set[str] = set()
    while subtags:
        candidates = [subtags]
        if len(subtags) > 2 and len(subtags[1]) == _SCRIPT_LENGTH:
            candidates.append([subtags[0], *subtags[2:]])
        for candidate in candidates:
            name = "-".join(candidate)
            if name not in seen:
                seen.add(name)
                yield name
        subtags = subtags[:-1]


def full(tag: str) -> str:
    """The tag with the script and region that CLDR holds to be likely: `zh` → `zh-hans-cn`; unknown tags unchanged."""
    likely: dict[str, str] = dict(get_global("likely_subtags"))
    language, *rest = normal(tag).split("-")
    script = next((part for part in rest if len(part) == _SCRIPT_LENGTH and part.isalpha()), None)
    region = next((part for part in rest if len(part) in (2, 3)), None)
    for key in ((language, script, region), (language, region), (language, script), (language,)):
        name = "_".join((language, *(_cased(part) for part in key[1:] if part)))
        if None not in key and name in likely:
            known = normal(likely[name]).split("-")
            return "-".join((known[0], script or known[1], region or known[2]))
    return normal(tag)


def _cased(part: str) -> str:
    return part.title() if len(part) == _SCRIPT_LENGTH else part.upper()


def best(tag: str, available: dict[str, str], default: str) -> str | None:
    """The name, of those available (normal form → name), for who reads `tag`; None if not even the default is there."""
    steps = list(chain(tag))
    for step in steps:
        if step in available:
            return available[step]
    wanted = full(tag)
    same = {full(name): name for name in available}
    for step in steps:
        candidate = full(step)
        if candidate in same and candidate.split("-")[:2] == wanted.split("-")[:2]:
            return available[same[candidate]]
    return available.get(normal(default))
