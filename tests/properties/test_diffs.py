import html
import re
from itertools import pairwise

import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.markup.text import cut
from leaderboard.segments.diffs import Kind, closest, diff, markup, tokens

TEXTS = (
    "ጀልባው ከእሁድ በስተቀር በየቀኑ ጠዋት ይነሳል።",
    "تغادر العبارة في الساعة السابعة من صباح كل يوم",
    "ကူးတို့သင်္ဘောသည် တနင်္ဂနွေမှလွဲ၍ နံနက်တိုင်း ထွက်ခွာသည်။ က္က",
    "เรือข้ามฟากออกทุกเช้ายกเว้นวันอาทิตย์",
    "フェリーは日曜日を除く毎朝、午前7時に出発する。",
    "ߒߞߏ ߞߊ߲ ߦߋ߫ ߡߊ߲߬ߘߋ߲߬ߞߊ߲ ߠߎ߬ ߛߓߍߟߌ",
    "ᠮᠣᠩᠭᠣᠯ\u202fᠤᠨ ᠪᠢᠴᠢᠭ",
    "👩🏽‍🔬🇪🇹🇰🇪 🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f ok",
    "e\u0301 é\u200c\u200d\u00a0 \r\n\t<script>&amp;\u202e\x00\ud800",
)
PIECES = [piece for text in TEXTS for piece in regex.findall(r"\X", text)]
pieces = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=25).map("".join)


def boundaries(parts: list[str]) -> set[int]:
    found = {0}
    for part in parts:
        found.add(max(found) + len(part))
    return found


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, str]:
    """A text, and the same with some of it taken out, put in or moved."""
    text = draw(pieces) + draw(st.sampled_from(TEXTS))
    parts = regex.findall(r"\X", text)
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(parts))] * 2)))
    return text, "".join([*parts[:start], draw(pieces), *parts[end:]])


@settings(max_examples=150, deadline=None)
@given(pairs() | st.tuples(pieces, pieces))
def test_runs_put_together_are_the_texts_and_cut_no_grapheme(texts: tuple[str, str]) -> None:
    runs = diff(*texts)
    for text, other in zip(texts, (Kind.INSERTED, Kind.DELETED), strict=True):
        own = [run.text for run in runs if run.kind is not other]
        assert "".join(own) == text
        assert boundaries(own) <= boundaries(regex.findall(r"\X", text))
    assert all(run.text for run in runs)
    assert all(one.kind is not other.kind for one, other in pairwise(runs))


@settings(max_examples=100, deadline=None)
@given(pairs())
def test_markup_holds_both_texts_escaped(texts: tuple[str, str]) -> None:
    found = str(markup(diff(*texts)))
    assert set(re.findall(r"<[^>]*>", found)) <= {
        *("<del>", "</del>", "<ins>", "</ins>", "</span>", '<small class="alike">', "</small>"),
        *re.findall(r'<span class="ctl"(?: title="[^"<>]*")?>', found),
    }
    bare = re.sub(r'<span class="ctl".*?</span>|<small.*?</small>', "", found)
    for text, dropped in zip(texts, ("ins", "del"), strict=True):
        left = html.unescape(re.sub(rf"<{dropped}>.*?</{dropped}>|</?(?:ins|del)>", "", bare, flags=re.DOTALL))
        shown = [char for char in text if char in left]
        assert [char for char in left if char in text] == shown


@settings(max_examples=100, deadline=None)
@given(pieces, st.integers(1, 30))
def test_cut_texts_end_where_a_grapheme_does(text: str, longest: int) -> None:
    short = cut(text, longest)
    assert len(short) <= longest
    assert text.startswith(short)
    clusters = regex.findall(r"\X", text)
    assert len(short) in boundaries(clusters) or len(clusters[0]) > longest


@settings(max_examples=50, deadline=None)
@given(pairs())
def test_the_closest_of_references_is_the_one_that_is_equal(texts: tuple[str, str]) -> None:
    one, other = texts
    index, runs = closest([one, other, "x"], other)
    assert (one, other)[index] == other
    assert [run.kind for run in runs] in ([Kind.EQUAL], [])


@given(pieces)
def test_tokens_are_whole_clusters(text: str) -> None:
    found = tokens(text)
    assert "".join(found) == text
    assert boundaries(found) <= boundaries(regex.findall(r"\X", text))
