"""The price of an SMS is what carriers ask."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rendering.graphemes import clusters
from gateway.rendering.segments import segments

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "sms_segments.json").read_text("utf-8"))["vectors"]
FAMILY = "👨‍👩‍👧‍👦"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_text_is_split_as_the_reference_tool_splits_it(vector: dict[str, Any]) -> None:
    counted, expected = segments(vector["text"]), vector["auto"]
    assert counted.encoding == expected["encoding"]
    assert counted.segments == expected["segments"]
    assert counted.units_per_segment == expected["units_per_segment"]


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("a" * 152 + "€" + "a" * 20, [152, 22]),
        ("a" * 152 + "€" + "a" * 152, [152, 153, 1]),
        ("中" * 62 + FAMILY + "中" * 10, [62, 21]),
        ("中" * 66 + "\r\n" + "中" * 10, [67, 11]),
        ("中" * 66 + "e\u0301" + "中" * 10, [66, 12]),
        ("中" * 65 + "🇩🇪🇫🇷", [65, 8]),
        ("中" * 66 + "각" + "중" * 10, [67, 10]),
        ("中" * 66 + "\u1100\u1161\u11a8" + "中" * 10, [66, 13]),
        ("中" * 66 + "👍🏽" + "中" * 10, [66, 14]),
    ],
)
def test_what_belongs_together_is_not_cut(text: str, units: list[int]) -> None:
    assert segments(text).units_per_segment == units


def test_a_cluster_larger_than_a_part_is_cut_between_its_characters() -> None:
    assert segments("a" + "\u0301" * 100).units_per_segment == [67, 34]


@pytest.mark.parametrize("char", "`\t\u00a0çâ\u2019\u2013\u2026•Α")
def test_one_character_outside_gsm_makes_three_parts_of_one(char: str) -> None:
    assert segments("a" * 159 + char).segments == 3
    assert segments("a" * 159 + char).encoding == "UCS-2"


MIXED = st.text(
    st.one_of(st.characters(), st.sampled_from("ab€[]😀中\u200d\u0301\u1100\u1161🇩🇪👍🏽\r\n\f")), max_size=400
)


@given(MIXED)
def test_the_parts_add_up_to_the_text(text: str) -> None:
    counted = segments(text)
    assert len(counted.units_per_segment) == counted.segments >= 1
    if counted.encoding == "UCS-2":
        assert sum(counted.units_per_segment) == len(text.encode("utf-16-le", "surrogatepass")) // 2
        assert max(counted.units_per_segment) <= (70 if counted.segments == 1 else 67)
    else:
        assert sum(counted.units_per_segment) == sum(2 if char in "\f^{}\\[~]|€" else 1 for char in text)
        assert max(counted.units_per_segment) <= (160 if counted.segments == 1 else 153)


@given(MIXED)
def test_clusters_lose_nothing(text: str) -> None:
    assert "".join(clusters(text)) == text
