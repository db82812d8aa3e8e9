import pytest

from leaderboard.markup.text import count, cut, fold, plain, shortened, slug, visible


@pytest.mark.parametrize(
    ("text", "label"),
    [("a\u202eb", "RLO"), ("a\x00b", "NUL"), ("a\x1bb", "U+001B"), ("a\ud800b", "U+D800"), ("a\u2066b", "LRI")],
)
def test_strange_characters_become_labelled_boxes(text: str, label: str) -> None:
    shown = visible(text)
    assert f">{label}</span>" in shown
    assert text[1] not in shown
    assert plain(text) == f"a[U+{ord(text[1]):04X}]b"
    shown.encode("utf-8")


def test_markup_is_escaped_and_line_feeds_are_kept() -> None:
    shown = visible('<script>alert("1")</script>\nnext')
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "↵</span>\nnext" in shown


@pytest.mark.parametrize(
    "text", ["👩🏽‍🔬", "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f", "می‌خواهم", "ߒߞߏ", "አማርኛ"]
)
def test_ordinary_writing_stays_as_it_is(text: str) -> None:
    assert visible(text) == text
    assert plain(text) == text


def test_tags_outside_a_flag_are_shown() -> None:
    assert "U+E0041" in visible("a\U000e0041")


def test_fold_ignores_case_and_marks() -> None:
    assert fold("Français") == fold("FRANCAIS")


@pytest.mark.parametrize("name", ["a/b", "../../etc/passwd", "CON", "", "ߒߞߏ", "a" * 300, "x\x00y", "\ud800", "."])
def test_slugs_are_safe_file_names(name: str) -> None:
    stem = slug(name)
    assert stem
    assert len(stem) <= 45
    assert all(char.isascii() and (char.isalnum() or char == "-") for char in stem)
    assert stem == stem.lower()


def test_slugs_differ_where_only_unsafe_characters_or_case_differ() -> None:
    names = ["a/b", "a-b", "a b", "A-B", "a\u202eb"]
    assert len({slug(name) for name in names}) == len(names)
    assert slug("ab", "c") != slug("a", "bc")
    assert slug("x", "ab", "c") != slug("x", "a", "bc")


def test_count_separates_thousands() -> None:
    assert count(1234567) == "1\u202f234\u202f567"


def test_cuts_keep_graphemes_whole() -> None:
    assert cut("ab👩🏽‍🔬c", 4) == "ab"
    assert cut("🇪🇹🇰🇪", 3) == "🇪🇹"
    assert cut("abc", 3) == "abc"
    assert cut("Z" + "\u0300" * 50, 10) == "Z" + "\u0300" * 9


@pytest.mark.parametrize(
    "emoji",
    ["👨‍👩‍👧‍👦", "🇪🇹", "👍🏿", "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f", "1️⃣", "ሙ\u135f"],
)
def test_what_is_shortened_ends_with_a_whole_emoji_or_letter(emoji: str) -> None:
    text = "አ" * 9 + emoji + "ب" * 20
    for longest in range(9, 9 + len(emoji)):
        found = str(shortened(text, longest))
        assert found.partition(" <span")[0] == "አ" * 9
        assert f"and {len(text) - 9} more characters" in found
    assert str(shortened(text, 9 + len(emoji))).startswith("አ" * 9 + emoji + " <span")
