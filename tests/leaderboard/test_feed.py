from __future__ import annotations

import datetime
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from leaderboard.data.site_data import site_data
from leaderboard.site import build
from leaderboard.trend.changes_view import LATEST, Entry, Name, change_entries
from leaderboard.trend.feed import atom, json_feed
from tests.harness.synthetic_runs import HOSTILE
from tests.trend_runs import FINE, FRENCH_BROKEN, write_night

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("nights")
    return [
        write_night(root / "one", FINE, night=1),
        write_night(root / "two", FRENCH_BROKEN, night=2, weights="second"),
        write_night(root / "other", FINE | {"tha_Thai": 190}, night=3, model="ሌላ"),
    ]


@pytest.fixture(scope="module")
def site(nights: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(nights, tmp_path_factory.mktemp("site"), base_url="https://example.org/board/").parent


@pytest.fixture(scope="module")
def feed(site: Path) -> ElementTree.Element:
    return ElementTree.fromstring((site / "feed.xml").read_bytes())


def valid(feed: ElementTree.Element) -> None:
    """What RFC 4287 requires: sections 4.1.1 (feed), 4.1.2 (entry), 3.3 (dates), 4.2.6 (ids), 4.2.7 (links)."""
    assert feed.tag == f"{ATOM}feed"
    entries = feed.findall(f"{ATOM}entry")
    for own in (feed, *entries):
        for name in ("id", "title", "updated"):
            (found,) = own.findall(f"{ATOM}{name}")
            assert (found.text or "").strip()
        moment = datetime.datetime.fromisoformat(own.findtext(f"{ATOM}updated", ""))
        assert moment.tzinfo is not None
        alternates = [(link.get("type"), link.get("hreflang")) for link in own.findall(f"{ATOM}link[@rel='alternate']")]
        assert len(alternates) == len(set(alternates)) == 1
        assert all(link.get("href") for link in own.findall(f"{ATOM}link"))
        assert own.findtext(f"{ATOM}id", "").startswith("urn:uuid:")
    assert feed.findtext(f"{ATOM}author/{ATOM}name")
    assert len(feed.findall(f"{ATOM}link[@rel='self']")) == 1
    for entry in entries:
        (content,) = entry.findall(f"{ATOM}content")
        assert content.get("type") == "html"
    ids = [own.findtext(f"{ATOM}id") for own in (feed, *entries)]
    assert len(ids) == len(set(ids))


def test_the_feed_has_what_the_standard_requires(feed: ElementTree.Element) -> None:
    valid(feed)


def test_an_entry_a_run_newest_first_with_the_times_of_the_runs(feed: ElementTree.Element) -> None:
    times = [entry.findtext(f"{ATOM}updated") for entry in feed.findall(f"{ATOM}entry")]
    assert times == [f"2026-01-{day:02d}T03:00:00+00:00" for day in (3, 2, 1)]
    assert feed.findtext(f"{ATOM}updated") == times[0]


def test_it_says_what_got_worse_and_who_leads(feed: ElementTree.Element) -> None:
    third, second, first = (entry.findtext(f"{ATOM}content", "") for entry in feed.findall(f"{ATOM}entry"))
    assert "Gate: nightly ✗ regressed" in second
    assert "worse in 1 of 3 (French −0.3000)" in second
    assert "nightly is another system than before: other weights." in second
    assert "is the only model" in first
    assert "New model: ሌላ." in third
    assert "New language: Thai." in third
    assert "ሌላ" in third.split("leads")[0]
    titles = [entry.findtext(f"{ATOM}title", "") for entry in feed.findall(f"{ATOM}entry")]
    assert titles == ["ሌላ on choice", "nightly on choice: something got worse", "nightly on choice"]


def test_links_are_absolute_where_the_address_is_known(feed: ElementTree.Element, nights: list[Path]) -> None:
    assert {link.get("href", "").rpartition("/")[0] for link in feed.iter(f"{ATOM}link")} == {
        "https://example.org/board"
    }
    relative = ElementTree.fromstring(atom(change_entries(site_data(nights)), ""))
    valid(relative)
    assert all("/" not in link.get("href", "") for link in relative.iter(f"{ATOM}link"))


def test_links_lead_to_entries_of_the_page(site: Path, feed: ElementTree.Element) -> None:
    page = (site / "changes.html").read_text(encoding="utf-8")
    for entry in feed.findall(f"{ATOM}entry"):
        (link,) = entry.findall(f"{ATOM}link")
        assert f'id="{link.get("href", "").partition("#")[2]}"' in page


def test_every_page_names_the_feed(site: Path) -> None:
    for path in site.rglob("*.html"):
        root = "../" * path.relative_to(site).as_posix().count("/")
        assert f'<link rel="alternate" type="application/atom+xml" title="What changed" href="{root}feed.xml">' in (
            path.read_text(encoding="utf-8")
        )


def test_an_entry_stays_the_same_when_a_run_is_added(nights: list[Path]) -> None:
    before, after = (change_entries(site_data(nights[:count])) for count in (1, 3))
    assert [entry.id for entry in before] == [entry.id for entry in after][2:]


def test_the_json_feed_says_the_same(site: Path, feed: ElementTree.Element) -> None:
    found = json.loads((site / "changes.json").read_text(encoding="utf-8"))
    assert found["version"] == "https://jsonfeed.org/version/1.1"
    assert [item["id"] for item in found["items"]] == [
        entry.findtext(f"{ATOM}id") for entry in feed.findall(f"{ATOM}entry")
    ]
    assert [item["_glotbench"]["got_worse"] for item in found["items"]] == [False, True, False]


def test_no_name_breaks_the_xml() -> None:
    entries = [
        Entry(
            id=f"urn:uuid:{number:08d}-0000-5000-8000-000000000000",
            anchor=f"r-{number}",
            run=text,
            created="2026-01-01T00:00:00+00:00",
            title=(Name(text), " on ", Name(text)),
            sentences=((Name(f"{text}\ud800\x0b]]>"), " leads."),),
            alert=False,
            pages=(),
        )
        for number, text in enumerate((*HOSTILE, "\ufffe", "\x00", "ߒߞߏ", "𐀀", "&lt;b>", "\ud83d"))
    ]
    text = atom(entries, "")
    valid(ElementTree.fromstring(text.encode("utf-8")))
    assert "<script>" not in text.replace("&lt;", "<").replace("&amp;lt;", "")
    assert "\u202e" not in text
    assert json.loads(json_feed(entries, ""))["items"][-1]["title"] == "[U+D83D] on [U+D83D]"


def test_the_feed_is_cut_to_the_latest_runs(monkeypatch: pytest.MonkeyPatch, nights: list[Path]) -> None:
    assert LATEST == 100
    monkeypatch.setattr("leaderboard.trend.changes_view.LATEST", 2)
    assert [entry.created[:10] for entry in change_entries(site_data(nights))] == ["2026-01-03", "2026-01-02"]
