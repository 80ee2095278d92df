#!/usr/bin/env python3
"""Verifies a ledger of the collections notification gateway, without the gateway: one file, the standard library alone.

usage: python verify_ledger.py LEDGER --anchors FILE --key FILE [--anchors FILE …]
       python verify_ledger.py BUNDLE.zip --key FILE

LEDGER is a SQLite file (opened read-only) or a file of JSON lines, one entry each, `sealed`, `prev` and `hash` in
hexadecimal; BUNDLE is what `gateway ledger export` wrote. `head.json` is looked for beside each file of anchors. The
key is the file `ledger-public-key.txt`; take it from a place that whoever keeps the ledger cannot write to. Exit status
0: all is as it was written; 1: it is not, with one line for each finding, the number of the first entry in front; 2:
wrong usage, or what was given cannot be read at all.

It is written apart from the gateway's own check, from the description in `docs/ledger.md` alone.
"""

import argparse
import base64
import hashlib
import json
import pathlib
import sqlite3
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Row = dict[str, Any]
Place = tuple[str, list[str], "str | None"]
Point = tuple[int, int, int, int]
Say = Callable[[int, str], None]

COLUMNS = ["seq", "at", "kind", "tenant", "subject", "job", "body", "sealed", "seal", "prev", "hash"]


# ---------------------------------------------------------------- Ed25519, verification only (RFC 8032, 5.1.7)

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def recover_x(y: int, sign: int) -> "int | None":
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 != sign else x


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0) or 0
BASE: Point = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, point)
        point, number = add(point, point), number >> 1
    return result


def unpack(data: bytes) -> "Point | None":
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def is_signed(key: bytes, signature: bytes, text: bytes) -> bool:
    if len(key) != 32 or len(signature) != 64:
        return False
    public, r = unpack(key), unpack(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if public is None or r is None or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % ORDER
    left, right = times(s, BASE), add(r, times(k, public))
    return not (left[0] * right[2] - right[0] * left[2]) % P and not (left[1] * right[2] - right[1] * left[2]) % P


# ---------------------------------------------------------------- the form


def sha(data: bytes) -> Any:
    return hashlib.sha256(data)


def own_hash(row: Row) -> bytes:
    digest = sha(b"cng-ledger-v1")
    for name in ("seq", "at", "kind", "tenant", "subject", "job", "body", "seal"):
        part = str(row[name]).encode()
        digest.update(len(part).to_bytes(4, "big") + part)
    digest.update(len(row["prev"]).to_bytes(4, "big") + row["prev"])
    return bytes(digest.digest())


def tree(leaves: list[bytes]) -> str:
    layer: list[bytes] = [sha(b"\x00" + leaf).digest() for leaf in leaves]
    while len(layer) > 1:
        layer = [
            sha(b"\x01" + layer[i] + layer[i + 1]).digest() if i + 1 < len(layer) else layer[i]
            for i in range(0, len(layer), 2)
        ]
    return bytes(layer[0]).hex()


def signed_text(document: Row) -> bytes:
    rest = {name: value for name, value in document.items() if name != "sig"}
    return json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


# ---------------------------------------------------------------- reading


def own_head(link: sqlite3.Connection) -> Place:
    """The end of the chain as the database holds it, signed."""
    found = link.execute("SELECT head FROM signed").fetchone()
    return "the ledger itself", [], found[0] if found else None


def connection_rows(link: sqlite3.Connection) -> Iterator[Row]:
    for values in link.execute(f"SELECT {', '.join(COLUMNS)} FROM entries ORDER BY seq"):
        yield dict(zip(COLUMNS, values, strict=True))


def line_rows(path: pathlib.Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        for text in file:
            row = json.loads(text)
            for name in ("sealed", "prev", "hash"):
                row[name] = None if row[name] is None else bytes.fromhex(row[name])
            yield row


def read_place(path: pathlib.Path) -> Place:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    head = path.with_name("head.json")
    return str(path), text.split("\n")[:-1], head.read_text(encoding="utf-8") if head.exists() else None


# ---------------------------------------------------------------- checking


def check_anchors(name: str, lines: list[str], key: bytes, say: Say) -> list[Row]:
    """The anchors that hold."""
    good: list[Row] = []
    before, last = "", 0
    for number, line in enumerate(lines, 1):
        label = f"{name}: anchor {number}"
        try:
            anchor = json.loads(line)
            first, seq = int(anchor["first"]), int(anchor["seq"])
            signature = base64.b64decode(anchor["sig"])
            chained = anchor["before"] == sha(before.encode()).hexdigest() and anchor["form"] == "cng-anchor-v1"
            anchor["hash"], anchor["root"] = str(anchor["hash"]), str(anchor["root"])
        except (ValueError, KeyError, TypeError):
            say(last + 1, f"{label} cannot be read")
            break
        if not chained or not last < first <= seq:
            say(last + 1, f"{label} does not follow the one before it")
        elif first != last + 1:
            say(last + 1, f"{label} leaves entries out")
        elif not is_signed(key, signature, signed_text(anchor)):
            say(first, f"{label} is not signed by the key")
        else:
            good.append(anchor)
        before, last = line, max(last, seq)
    return good


def check_head(place: Place, good: list[Row], key: bytes, say: Say) -> "Row | None":
    """The head, if it holds."""
    name, lines, text = place
    if text is None:
        if lines:
            say(0, f"{name}: head.json is missing")
        return None
    try:
        head: Row = json.loads(text)
        signature, known = base64.b64decode(head["sig"]), int(head["anchored"])
        head["seq"], head["hash"], head["anchor"] = int(head["seq"]), str(head["hash"]), str(head["anchor"])
    except (ValueError, KeyError, TypeError):
        say(0, f"{name}: head.json cannot be read")
        return None
    if not is_signed(key, signature, signed_text(head)):
        say(0, f"{name}: head.json is not signed by the key")
        return None
    if known and head["anchor"] not in [sha(line.encode()).hexdigest() for line in lines]:
        say((good[-1]["seq"] if good else 0) + 1, f"{name}: an anchor is missing")
    return head


def check_entry(row: Row, last: int, tip: bytes, say: Say) -> None:
    """One entry by itself, and after the one before."""
    seq = row["seq"]
    if seq <= last:
        say(seq, f"entry {seq} stands after {last}")
    elif seq > last + 1:
        say(last + 1, f"entries {last + 1} to {seq - 1} are missing")
    elif row["prev"] != tip:
        say(seq, f"entry {seq} does not follow the one before it")
    if own_hash(row) != row["hash"]:
        say(seq, f"entry {seq} was changed")
    if row["sealed"] is not None and sha(row["sealed"]).hexdigest() != row["seal"]:
        say(seq, f"what entry {seq} seals was changed")


def retirement(row: Row, say: Say) -> "tuple[int, set[str]]":
    """Up to which entry a retention destroyed what was sealed, and of which kinds."""
    try:
        told = json.loads(row["body"])
        return int(told["through"]), set(told["kinds"])
    except (ValueError, KeyError, TypeError):
        say(row["seq"], f"entry {row['seq']} is a retention that cannot be read")
        return 0, set()


def check(rows: Iterable[Row], places: list[Place], key: bytes) -> "tuple[list[tuple[int, str]], int]":
    """Every finding as (number of the first entry concerned, sentence), and how many entries there were."""
    found: list[tuple[int, str]] = []

    def say(seq: int, text: str) -> None:
        found.append((seq, text))

    goods = [check_anchors(name, lines, key, say) for name, lines, _ in places]
    heads = [check_head(place, good, key, say) for place, good in zip(places, goods, strict=True)]
    anchors: list[Row] = max(goods, key=len, default=[])
    for good, place in zip(goods, places, strict=True):
        if anchors[: len(good)] != good:
            say(0, f"{place[0]}: its anchors are not those of another place")
    count = walk(rows, {anchor["seq"]: anchor for anchor in anchors}, [h for h in heads if h is not None], say)
    return sorted(found, key=lambda one: one[0] or 1 << 62), count


def walk(rows: Iterable[Row], ends: dict[int, Row], heads: list[Row], say: Say) -> int:
    """Every entry in order, and every anchor and head where it speaks; how many entries there were."""
    count, last, tip, first = 0, 0, bytes(32), 1
    block: list[bytes] = []
    gone: list[tuple[int, str]] = []
    retired: list[tuple[int, set[str]]] = []
    for row in rows:
        count += 1
        check_entry(row, last, tip, say)
        last, tip = row["seq"], row["hash"]
        block.append(tip)
        if row["sealed"] is None and row["seal"]:
            gone.append((last, row["kind"]))
        if row["kind"] == "retention":
            retired.append(retirement(row, say))
        if last in ends:
            anchor = ends[last]
            if anchor["first"] == first and (tree(block) != anchor["root"] or tip.hex() != anchor["hash"]):
                say(first, f"the entries {first} to {last} are not those that were anchored")
            first, block = last + 1, []
        for head in heads:
            if head["seq"] == last and head["hash"] != tip.hex():
                say(first, f"the entries {first} to {last} are not those that were signed")
    end = max([*ends, *(head["seq"] for head in heads)], default=0)
    if end > last:
        say(last + 1, f"entries {last + 1} to {end} are missing at the end")
    elif end < last:
        say(end + 1, f"entries {end + 1} to {last} are not signed by the key")
    for seq, kind in gone:
        if not any(seq <= through and kind in kinds for through, kinds in retired):
            say(seq, f"what entry {seq} sealed is gone, and no retention tells of it")
    return count


# ---------------------------------------------------------------- bundles


def check_bundle(archive: zipfile.ZipFile, key: bytes) -> "tuple[list[tuple[int, str]], int]":
    """Every finding in a bundle of evidence, and how many entries it holds."""
    found: list[tuple[int, str]] = []
    names = archive.namelist()
    found += [(0, f"{name} stands twice in the archive") for name in sorted(set(names)) if names.count(name) > 1]
    manifest = json.loads(archive.read("manifest.json"))
    rest = {name: value for name, value in manifest.items() if name != "sig"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    if not is_signed(key, bytes.fromhex(manifest["sig"]), text):
        found.append((0, "the manifest is not signed by the key"))
    for name in sorted(set(names) - {"manifest.json"} | set(manifest["files"])):
        held = sha(archive.read(name)).hexdigest() if name in names else None
        if held != manifest["files"].get(name):
            found.append((0, f"{name} is not the file that was signed"))
    rows = {row["seq"]: row for row in map(json.loads, archive.read("entries.jsonl").splitlines())}
    proofs = {one["seq"]: one for one in map(json.loads, archive.read("proofs.jsonl").splitlines())}
    words = {one["seq"]: one["words"] for one in map(json.loads, archive.read("words.jsonl").splitlines())}
    for seq, row in sorted(rows.items()):
        found += [(seq, text) for text in check_member(row, proofs.get(seq), words.get(seq), key)]
    return found, len(rows)


def check_member(row: Row, proof: "Row | None", words: "str | None", key: bytes) -> Iterator[str]:
    """What is wrong with one entry of a bundle."""
    seq = row["seq"]
    for name in ("sealed", "prev", "hash"):
        row[name] = None if row[name] is None else bytes.fromhex(row[name])
    if own_hash(row) != row["hash"]:
        yield f"entry {seq} was changed"
    if row["sealed"] is not None and sha(row["sealed"]).hexdigest() != row["seal"]:
        yield f"what entry {seq} seals was changed"
    if words is not None and json.loads(row["body"]).get("digest") != sha(words.encode()).hexdigest():
        yield f"the words of entry {seq} are not those that were sealed"
    if proof is None:
        yield f"entry {seq} is not anchored yet; ask for the bundle again later"
        return
    node = sha(b"\x00" + row["hash"]).digest()
    for side, other in proof["path"]:
        pair = bytes.fromhex(other) + node if side == "left" else node + bytes.fromhex(other)
        node = sha(b"\x01" + pair).digest()
    anchor = json.loads(proof["anchor"])
    if not is_signed(key, base64.b64decode(anchor["sig"]), signed_text(anchor)):
        yield f"the anchor of entry {seq} is not signed by the key"
    elif node.hex() != anchor["root"] or not anchor["first"] <= seq <= anchor["seq"]:
        yield f"entry {seq} does not belong to its anchor"


UNREADABLE = zipfile.BadZipFile, zlib.error, sqlite3.Error, EOFError, NotImplementedError


def main() -> int:
    parser = argparse.ArgumentParser(description="Verifies a ledger of the collections notification gateway.")
    parser.add_argument("ledger", type=pathlib.Path)
    parser.add_argument("--anchors", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--key", type=pathlib.Path, required=True)
    chosen = parser.parse_args()
    try:
        found, count = verified(parser, chosen)
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, *UNREADABLE) as error:
        parser.error(
            f"what was given cannot be read as a ledger, bundle, anchors or key: {type(error).__name__}: {error}"
        )
    for seq, text in found:
        print(f"{seq}: {text}")
    print(f"{count} entries, {len(found)} findings")
    return 1 if found else 0


def verified(
    parser: argparse.ArgumentParser, chosen: argparse.Namespace
) -> "tuple[list[tuple[int, str]], int]":  # fmt: skip
    """What the command line names, whatever it is. Raises what reading it may raise."""
    key = base64.b64decode(chosen.key.read_text(encoding="ascii"))
    with chosen.ledger.open("rb") as file:
        start = file.read(16)
    places = [read_place(path) for path in chosen.anchors]
    if start[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(chosen.ledger) as archive:
            found, count = check_bundle(archive, key)
    elif not places:
        parser.error("name the file of anchors: --anchors FILE")
    elif start == b"SQLite format 3\x00":
        link = sqlite3.connect(f"{chosen.ledger.absolute().as_uri()}?mode=ro", uri=True)
        link.execute("BEGIN")
        found, count = check(connection_rows(link), [*places, own_head(link)], key)
        link.close()
    else:
        found, count = check(line_rows(chosen.ledger), places, key)
    return found, count


if __name__ == "__main__":
    sys.exit(main())
