import pytest
import regex

from leaderboard.segments import diffs
from leaderboard.segments.diffs import Kind, Run, closest, diff, direction, have_common, markup, tokens


def shown(reference: str, hypothesis: str) -> str:
    """Runs in short: what only the reference has in [], what only the hypothesis has in {}."""
    marks = {Kind.EQUAL: "{}", Kind.DELETED: "[{}]", Kind.INSERTED: "{{{}}}"}
    return "".join(marks[run.kind].format(run.text) for run in diff(reference, hypothesis))


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("Ọkùnrin náà lọ sí ọjà.", "Ọkùnrin kan lọ ọjà!", "Ọkùnrin [náà]{kan} lọ [sí ]ọjà[.]{!}"),
        ("ጀልባው ጠዋት ይነሳል", "ጀልባው ማታ ይነሳል", "ጀልባው [ጠዋት]{ማታ} ይነሳል"),
        ("تغادر العبارة صباحا", "تغادر السفينة صباحا", "تغادر [العبارة]{السفينة} صباحا"),
        ("ߒߞߏ ߞߊ߲ ߦߋ߫", "ߒߞߏ ߦߋ߫", "ߒߞߏ [ߞߊ߲ ]ߦߋ߫"),
        ("毎朝出発する", "毎日出発する", "毎[朝]{日}出発する"),
        ("เรือออกทุกเช้า", "เรือออกทุกวัน", "เรือออกทุก[เช้า]{วัน}"),
        ("東京 Tokyo 2024年", "東京 Kyoto 2024年", "東京 [Tokyo]{Kyoto} 2024年"),
        ("🇪🇹🇰🇪", "🇪🇹🇺🇸", "🇪🇹[🇰🇪]{🇺🇸}"),
        ("👩🏽‍🔬 a", "👩‍🔬 a", "[👩🏽‍🔬]{👩‍🔬} a"),
        ("a  b", "a b", "a [ ]b"),
        ("the big cat", "a dog cat", "[the big]{a dog} cat"),
        ("same", "same", "same"),
        ("", "new", "{new}"),
        ("", "", ""),
    ],
)
def test_words_where_there_are_spaces_and_graphemes_where_there_are_none(
    reference: str, hypothesis: str, expected: str
) -> None:
    assert shown(reference, hypothesis) == expected


def test_stacks_and_joined_suffixes_are_one() -> None:
    assert tokens("က္ကသိုလ်")[0] == "က္က"
    assert tokens("ញ្ញា") == ["ញ្ញា"]
    assert tokens("ᠮᠣᠩᠭᠣᠯ\u202fᠤᠨ") == ["ᠮᠣᠩᠭᠣᠯ\u202fᠤᠨ"]
    assert tokens("mot\u202f!") == ["mot", "\u202f", "!"]
    assert tokens("می\u200cخواهم") == ["می\u200cخواهم"]


def test_the_quick_way_finds_what_the_thorough_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Ọjọ́ \u0301a\u200d b\u0308c_1 نص עברית हिन्दी क्षि ሰላም ߒߞߏ߫ a\u180e\r\n\u0300"
    quick = tokens(text.replace("\u180e", ""))
    monkeypatch.setattr(diffs, "_COMPLICATED", regex.compile(""))
    assert tokens(text.replace("\u180e", "")) == quick


def test_white_space_that_differs_is_drawn() -> None:
    assert "␣" in markup(diff("a b", "a  b"))
    found = markup(diff("a b", "a\u00a0b"))
    assert "␣</span>" in found
    assert "NBSP</span>" in found
    assert "↵" in markup(diff("a b", "a\nb"))
    assert "ZWSP" in markup(diff("ab", "ab\u200b"))
    assert "U+3000" in markup(diff("日本語", "日本\u3000の語"))


@pytest.mark.parametrize(
    ("one", "other", "named"),
    [("می\u200cخواهم", "میخواهم", "−U+200C"), ("é", "e\u0301", "−U+00E9 +U+0065 +U+0301"), ("a\u00adb", "ab", "SHY")],
)
def test_runs_that_look_alike_name_their_code_points(one: str, other: str, named: str) -> None:
    assert named in markup(diff(one, other))


def test_markup_is_escaped_and_strange_characters_are_boxes() -> None:
    found = markup(diff("<b>x</b> & one", "<script>\u202e\x00 & one"))
    assert "<b>" not in found
    assert "<script>" not in found
    assert "\u202e" not in found
    assert "RLO</span>" in found
    assert "NUL</span>" in found
    flag = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
    assert f"<ins>{flag}</ins>" in markup(diff("a", f"a{flag}"))


def test_the_closest_reference_is_the_one_compared() -> None:
    index, runs = closest(["quite another one", "the cat sat here", "the cat"], "the cat sat there")
    assert index == 1
    assert Run(Kind.DELETED, "here") in runs


def test_nothing_in_common_but_spaces_and_stops_is_nothing() -> None:
    assert not have_common(diff("one two.", "drei vier."))
    assert have_common(diff("one two", "one vier"))


def test_long_texts_are_aligned_and_longer_ones_only_at_their_ends() -> None:
    reference = "".join(chr(0x4E00 + index * 7919 % 9000) for index in range(5000))
    hypothesis = reference[:2000] + "x" + reference[2100:4000] + "y" + reference[4000:]
    assert [(run.kind, len(run.text)) for run in diff(reference, hypothesis)] == [
        (Kind.EQUAL, 2000),
        (Kind.DELETED, 100),
        (Kind.INSERTED, 1),
        (Kind.EQUAL, 1900),
        (Kind.INSERTED, 1),
        (Kind.EQUAL, 1000),
    ]
    runs = diff("一" + "文x" * 9000 + "中", "一" + "y字" * 9000 + "中")
    longer = [(run.kind, run.text[:1], len(run.text)) for run in runs]
    assert longer == [(Kind.EQUAL, "一", 1), (Kind.DELETED, "文", 18_000), (Kind.INSERTED, "y", 18_000),
                      (Kind.EQUAL, "中", 1)]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [("123 نص", "rtl"), ("ߒߞߏ a", "rtl"), ("a نص", "ltr"), ("12 🇪🇹", "ltr")])
def test_direction_is_that_of_the_first_letter(text: str, expected: str) -> None:
    assert direction(text) == expected
