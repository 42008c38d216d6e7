"""Text of others on one line of a status."""

import pytest

from relation_data import check_text, one_line, shown_name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it is", "as it is"),
        ("ten or les", "ten or les"),
        ("more than ten", "more than …"),
        ("a\nb\tc\x1b[1m", "a b c [1m"),
        ("über é", "über é"),
        ("a\u202eb", "a b"),
        ("a\u05e9\u05dc\u0645\u0661b", "a    b"),
        ("a\u0301\u0488b", "a  b"),
        ("हिन्दी\u094d", "हिन्दी\u094d"),
        ("tiê\u0301ng", "tiê\u0301ng"),
        ("\u0301a ü\u0301", " a ü\u0301"),
        (" \u0301-\u0301", "  - "),
        ("ü" + "\u0301" * 5, "ü" + "\u0301" * 3 + "  "),
        ("\u05e9\u05b8\u05c1", "   "),
        ("中文 →", "中文 →"),
        ("", ""),
    ],
)
def test_text_is_printable_short_and_on_one_line(text: str, shown: str):
    assert one_line(text, longest=10) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("istio.io/use-waypoint", "istio.io/use-waypoint"),
        ("0", "0"),
        ("http://user:password@host", "…"),
        ("path?token=secret", "…"),
        ("a\nb", "…"),
        ("x" * 81, "…"),
        ("", "…"),
    ],
)
def test_only_what_looks_like_name_is_shown_as_one(text: str, shown: str):
    assert shown_name(text) == shown


@pytest.mark.parametrize("text", ["", "/items/{*}", "größe", "a b", "日本", "\U0001f0a1", "a'\"\\$;"])
def test_printable_text_is_accepted(text: str):
    assert check_text(text) == text


@pytest.mark.parametrize(
    "character",
    ["\0", "\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\ud800", "\udfff", "\ufffe", "\uffff"],
)
def test_invalid_character_is_named(character: str):
    with pytest.raises(ValueError) as error:
        check_text(f"/a{character}b")
    assert str(error.value) == f"the character {character!a} is not allowed"
