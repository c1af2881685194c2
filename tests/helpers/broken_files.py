"""Ways to break a file of records: in its bytes, its lines, and the values of its records."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

Path_ = tuple[str | int, ...]

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, "", "x", "0", "\ud800", "a\nb", "é" * 200, -1, 0, 1, 2, 3, 7, 10**6, 2**63, 10**30, -(10**30),
    0.5, -0.5, 1.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), [], [1], [[]], {}, {"a": 1},
)  # fmt: skip
"""What a field may be replaced by; NaN and infinity are written as Python writes them."""


def places(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Every place in a JSON value, the whole one aside."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield from places(child, (*path, key))


def _inside(value: Any, path: Path_) -> Any:
    for key in path:
        value = value[key]
    return value


@st.composite
def broken_value(draw: st.DrawFn, record: dict[str, Any]) -> dict[str, Any]:
    """The record with one value replaced, taken out, doubled, or a field too many."""
    record = copy.deepcopy(record)
    path = draw(st.sampled_from(list(places(record))))
    parent = _inside(record, path[:-1])
    how = draw(st.sampled_from(["replace", "replace", "replace", "delete", "extra", "copy", "nudge"]))
    if how == "replace":
        parent[path[-1]] = draw(st.sampled_from(ODD_VALUES))
    elif how == "delete":
        del parent[path[-1]]
    elif how == "extra":
        record["surplus"] = 1
    elif how == "copy" and isinstance(parent, list):
        parent.insert(int(path[-1]), copy.deepcopy(parent[int(path[-1])]))
    elif isinstance(parent[path[-1]], int | float) and not isinstance(parent[path[-1]], bool):
        parent[path[-1]] += draw(st.sampled_from([-1, 1, 0.25]))
    return record


def _bom(content: bytes, _: int) -> bytes:
    return b"\xef\xbb\xbf" + content


def _utf16(content: bytes, _: int) -> bytes:
    return content.decode("utf-8").encode("utf-16")


def _latin1(content: bytes, _: int) -> bytes:
    return content.decode("utf-8").encode("latin-1", "replace")


def _crlf(content: bytes, _: int) -> bytes:
    return content.replace(b"\n", b"\r\n")


def _cut(content: bytes, at: int) -> bytes:
    return content[: at % (len(content) + 1)]


def _joined(content: bytes, at: int) -> bytes:
    start = content.find(b"\n", at % (len(content) + 1))
    return content if start < 0 else content[:start] + content[start + 1 :]


def _twice(content: bytes, at: int) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join([*lines, lines[at % len(lines)]]) if lines else content


def _dropped(content: bytes, at: int) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(line for number, line in enumerate(lines) if number != at % max(1, len(lines)))


def _byte(content: bytes, at: int) -> bytes:
    place = at % max(1, len(content))
    return content[:place] + bytes([(at * 7 + 13) % 256]) + content[place + 1 :]


def _nul(content: bytes, at: int) -> bytes:
    place = at % max(1, len(content))
    return content[:place] + b"\x00" + content[place:]


def _key_twice(content: bytes, at: int) -> bytes:
    lines = content.splitlines(keepends=True)
    number = at % max(1, len(lines))
    if lines and lines[number].startswith(b"{") and b":" in lines[number]:
        first = lines[number][1 : lines[number].index(b":")]
        lines[number] = b"{" + first + b":1," + lines[number][1:]
    return b"".join(lines)


BYTES: tuple[Callable[[bytes, int], bytes], ...] = (
    _bom, _utf16, _latin1, _crlf, _cut, _cut, _joined, _twice, _dropped, _byte, _byte, _nul, _key_twice,
)  # fmt: skip


@st.composite
def broken_lines(draw: st.DrawFn, content: bytes) -> bytes:
    """A JSON Lines file with something wrong in it, mostly; some changes give another file that is right."""
    if draw(st.booleans()):
        return draw(st.sampled_from(BYTES))(content, draw(st.integers(0, 1 << 20)))
    lines = content.decode("utf-8").splitlines()
    number = draw(st.integers(0, len(lines) - 1))
    record = draw(broken_value(json.loads(lines[number])))
    lines[number] = json.dumps(record, ensure_ascii=draw(st.booleans()))
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")


@st.composite
def broken_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Any file with something wrong in its bytes."""
    return draw(st.sampled_from(BYTES))(content, draw(st.integers(0, 1 << 20)))
