"""Letters as a real Chromium draws them: a font for every script, no box where a font has the letter, emoji whole."""

from __future__ import annotations

import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.languages import Language, known
from harness.store import RunWriter, SegmentRow
from leaderboard.site import build
from tests.browser.driving import Driver, Opener, evaluate, first
from tests.leaderboard_runs import record_of, score

FONTS = {
    "Arab": ("Noto Naskh Arabic", "Noto Sans Arabic", "Geeza Pro"),
    "Armn": ("Noto Sans Armenian", "Sylfaen"),
    "Beng": ("Noto Sans Bengali", "Nirmala UI"),
    "Cans": ("Noto Sans Canadian Aboriginal", "Euphemia UCAS", "Gadugi"),
    "Cher": ("Noto Sans Cherokee", "Plantagenet Cherokee", "Gadugi"),
    "Cyrl": ("Noto Sans", "system-ui", "Segoe UI"),
    "Deva": ("Noto Sans Devanagari", "Nirmala UI", "Kohinoor Devanagari"),
    "Ethi": ("Noto Sans Ethiopic", "Abyssinica SIL", "Kefa", "Nyala"),
    "Geor": ("Noto Sans Georgian", "Sylfaen"),
    "Grek": ("Noto Sans", "system-ui", "Segoe UI"),
    "Gujr": ("Noto Sans Gujarati", "Nirmala UI"),
    "Guru": ("Noto Sans Gurmukhi", "Nirmala UI"),
    "Hang": ("Noto Sans CJK KR", "Noto Sans KR", "Apple SD Gothic Neo", "Malgun Gothic"),
    "Hans": ("Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei"),
    "Hant": ("Noto Sans CJK TC", "Noto Sans TC", "PingFang TC", "Microsoft JhengHei"),
    "Hebr": ("Noto Sans Hebrew", "system-ui", "Segoe UI"),
    "Jpan": ("Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic"),
    "Khmr": ("Noto Sans Khmer", "Khmer UI"),
    "Knda": ("Noto Sans Kannada", "Nirmala UI"),
    "Laoo": ("Noto Sans Lao", "Lao UI", "Leelawadee UI"),
    "Latn": ("Noto Sans", "system-ui", "Segoe UI", "Roboto"),
    "Mlym": ("Noto Sans Malayalam", "Nirmala UI"),
    "Mong": ("Noto Sans Mongolian", "Mongolian Baiti"),
    "Mtei": ("Noto Sans Meetei Mayek",),
    "Mymr": ("Noto Sans Myanmar", "Myanmar Text"),
    "Nkoo": ("Noto Sans NKo", "Ebrima"),
    "Olck": ("Noto Sans Ol Chiki", "Nirmala UI"),
    "Orya": ("Noto Sans Oriya", "Nirmala UI"),
    "Sinh": ("Noto Sans Sinhala", "Nirmala UI"),
    "Syrc": ("Noto Sans Syriac", "Segoe UI Historic"),
    "Taml": ("Noto Sans Tamil", "Nirmala UI"),
    "Telu": ("Noto Sans Telugu", "Nirmala UI"),
    "Tfng": ("Noto Sans Tifinagh", "Ebrima"),
    "Thaa": ("Noto Sans Thaana", "MV Boli"),
    "Thai": ("Noto Sans Thai", "Leelawadee UI", "Thonburi"),
    "Tibt": ("Noto Serif Tibetan", "Microsoft Himalaya"),
    "Vaii": ("Noto Sans Vai", "Ebrima"),
}
"""Fonts of Linux and Android, Windows or macOS for the scripts of the languages that the project knows."""

FONTS_OF_ONE = {
    "yue_Hant": ("Noto Sans CJK HK", "Noto Sans HK", "PingFang HK", "Microsoft JhengHei"),
    "urd_Arab": ("Noto Nastaliq Urdu", *FONTS["Arab"]),
}
"""Those of languages that write their script in a way of their own."""

EMOJI = {
    "family": "👨‍👩‍👧‍👦",
    "scientist": "👩🏽‍🔬",
    "skin tone": "👍🏿",
    "flag": "🇪🇹",
    "heart": "❤️‍🔥",
    "rainbow flag": "🏳️‍🌈",
}
TAGGED = "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"  # Wales
KEYCAP = "1️⃣"


@dataclass(frozen=True, slots=True)
class Endonym:
    """An endonym as a page shows it; ``drawn_by`` are PostScript names."""

    text: str
    code: str
    stack: tuple[str, ...]
    drawn_by: tuple[str, ...]


@pytest.fixture(scope="session")
def every_language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with a score in every language that the project knows."""
    folder = tmp_path_factory.mktemp("every-language")
    codes = [language.code for language in known() if language.script in FONTS]
    RunWriter(folder / "run").finish(record_of(*(score("a", code, 50.0) for code in codes)))
    return build([folder / "run"], folder / "site").parent


@pytest.fixture(scope="module")
def installed() -> dict[str, frozenset[int]]:
    """The characters of every font of this system, by its PostScript name and by its family."""
    if shutil.which("fc-list") is None:
        pytest.skip("needs fc-list (fontconfig), which is not installed here, to know what fonts have")
    listed = _said("fc-list", "--format", "%{postscriptname}\t%{family}\t%{charset}\n")
    found: dict[str, frozenset[int]] = defaultdict(frozenset)
    ranges: dict[str, frozenset[int]] = {}
    for line in listed.splitlines():
        name, families, charset = line.split("\t")
        if charset not in ranges:
            ends = [part.partition("-") for part in charset.split()]
            ranges[charset] = frozenset(
                point for low, _, high in ends for point in range(int(low, 16), int(high or low, 16) + 1)
            )
        for own in (name, *families.split(",")):
            found[own] |= ranges[charset]
    return dict(found)


@pytest.fixture(scope="module")
def endonyms(every_language: Path, browser: Driver) -> list[Endonym]:
    """All that the index of languages shows."""
    driver = browser
    driver.get((every_language / "languages.html").resolve().as_uri())
    driver.execute_cdp_cmd("DOM.enable", {})
    driver.execute_cdp_cmd("CSS.enable", {})
    root = driver.execute_cdp_cmd("DOM.getDocument", {})["root"]["nodeId"]
    nodes = driver.execute_cdp_cmd("DOM.querySelectorAll", {"nodeId": root, "selector": ".langs .en"})["nodeIds"]
    shown = evaluate(
        driver,
        """[...document.querySelectorAll(".langs .en")].map((own) => {
          const code = own.closest("th").querySelector(".cd").textContent;
          return [own.textContent, code, getComputedStyle(own).fontFamily];
        })""",
    )
    fonts = [driver.execute_cdp_cmd("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"] for node in nodes]
    return [
        Endonym(
            text=text,
            code=code,
            stack=tuple(name.strip().strip('"') for name in stack.split(",")),
            drawn_by=tuple(font["postScriptName"] for font in own),
        )
        for (text, code, stack), own in zip(shown, fonts, strict=True)
    ]


def test_every_endonym_and_every_script_has_named_fonts(endonyms: list[Endonym]) -> None:
    languages: dict[str, Language] = {language.code: language for language in known()}
    expected = {code for code, own in languages.items() if own.endonym and own.endonym != own.name}
    assert {own.code for own in endonyms} == expected
    assert {languages[own.code].script for own in endonyms} == {own.script for own in languages.values()} == set(FONTS)
    for own in endonyms:
        assert own.text == languages[own.code].endonym
        assert set(FONTS_OF_ONE.get(own.code) or FONTS[languages[own.code].script]) <= set(own.stack), own
        assert own.stack[-1] == "sans-serif"


def test_no_endonym_has_a_box_where_a_font_has_its_letters(
    endonyms: list[Endonym], installed: dict[str, frozenset[int]]
) -> None:
    """A box is drawn by a font that does not have the letter."""
    known_letters = frozenset().union(*installed.values())
    drawn = 0
    for own in endonyms:
        had = frozenset().union(*(installed.get(name, frozenset()) for name in own.drawn_by))
        letters = {letter for letter in own.text if ord(letter) in known_letters}
        assert own.drawn_by, own
        assert {letter for letter in letters if ord(letter) not in had} == set(), own
        drawn += len(letters)
    if not drawn:
        pytest.skip("no font that fc-list knows has a letter of any endonym")


def test_a_named_font_draws_what_it_has(endonyms: list[Endonym], installed: dict[str, frozenset[int]]) -> None:
    """The first font of the stack that has all letters draws them, not whatever the system falls back to."""
    own_font = _said("fc-match", "--format", "%{family}", "system-ui")
    if own_font != "Noto Sans":
        pytest.skip(f"the font of this system's own pages, {own_font}, comes before those of single scripts")
    seen = 0
    for own in endonyms:
        able = [name for name in own.stack if {ord(letter) for letter in own.text} <= installed.get(name, frozenset())]
        if able and not able[0].startswith(("Noto Sans CJK", "system-ui")):
            had = installed[able[0]]
            assert any(installed.get(name, frozenset()) <= had for name in own.drawn_by), (own, able[0])
            seen += 1
    if not seen:
        pytest.skip("no font of the stack is installed here")


@pytest.fixture(scope="session")
def emoji_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Segments of emoji beside each other and beside letters, wrong in the hypothesis by a part of one each time."""
    folder = tmp_path_factory.mktemp("emoji")
    sequences = [*EMOJI.values(), TAGGED, KEYCAP]
    rows = [
        SegmentRow(
            segment=f"{own}{number}",
            cluster=str(number),
            source=f"አ{own}ب{own}{own}",
            references=(f"{own} ሰላም {own}x{sequences[number - 1]}",),
            hypothesis=f"{sequences[number - 1]} ሰላም {own[0]}x{own}",
        )
        for number, own in enumerate(sequences)
    ]
    model = "ሞዴል " + "".join(EMOJI.values())
    writer = RunWriter(folder / "run")
    writer.add_unit((model, "t", "", "", "amh_Ethi"), rows, {})
    writer.finish(record_of(score(model, "amh_Ethi", 1.0)))
    return build([folder / "run"], folder / "site").parent


def test_emoji_are_split_neither_by_markup_nor_by_differences(emoji_site: Path, open_page: Opener) -> None:
    pages = [
        emoji_site / "index.html",
        *(first(emoji_site, kind) for kind in ("s/*.html", "model-*.html", "language-*.html")),
    ]
    for page in pages:
        driver = open_page(page)
        whole = "".join(_texts(driver))
        assert all(own in whole for own in EMOJI.values()), page
        assert _split(driver) == [], page
    driver = open_page(first(emoji_site, "s/*.html"))
    assert len(driver.find_elements("css selector", "del, ins")) > len(EMOJI)
    whole = "".join(_texts(driver))
    assert TAGGED in whole
    assert KEYCAP in whole


def test_the_check_for_split_emoji_finds_them(open_page: Opener, tmp_path: Path) -> None:
    page = tmp_path / "split.html"
    page.write_text("<!doctype html><meta charset=utf-8><p>👩<b>🏽‍🔬</b> 🇪🇹<i>🇰🇪</i></p>", encoding="utf-8")
    assert _split(open_page(page)) == ["👩|🏽‍"]  # up to its joiner


def test_an_emoji_of_many_code_points_is_as_wide_as_one(
    emoji_site: Path, open_page: Opener, installed: dict[str, frozenset[int]]
) -> None:
    colour = [name for name, had in installed.items() if ord("😀") in had and "Color Emoji" in name]
    if not colour:
        pytest.skip("no colour emoji font is installed here")
    driver = open_page(emoji_site / "index.html")
    widths = evaluate(
        driver,
        f"""((sequences) => {{
          const node = document.querySelector("main a .mn, main .mn").firstChild;
          return sequences.map((own) => {{
            const range = document.createRange();
            const at = node.data.indexOf(own);
            range.setStart(node, at);
            range.setEnd(node, at + own.length);
            return range.getBoundingClientRect().width;
          }});
        }})({list(EMOJI.values())!r})""",
    )
    assert min(widths) > 8
    assert max(widths) < 1.2 * min(widths), dict(zip(EMOJI, widths, strict=True))


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, check=True, encoding="utf-8", timeout=60).stdout


def _texts(driver: Driver) -> list[str]:
    found: list[str] = evaluate(
        driver,
        """(() => {
          const found = [];
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) found.push(walker.currentNode.data);
          return found;
        })()""",
    )
    return found


def _split(driver: Driver) -> list[str]:
    """Grapheme clusters with a border of an element inside, by Chromium's own rules."""
    found: list[str] = evaluate(
        driver,
        """(() => {
          const found = [];
          const clusters = new Intl.Segmenter("en", { granularity: "grapheme" });
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          let before = null;
          while (walker.nextNode()) {
            const text = walker.currentNode.data;
            const near = before && !/\\s$/u.test(before) && !/^\\s/u.test(text);
            if (near) {
              const last = [...clusters.segment(before)].at(-1).segment;
              const next = [...clusters.segment(text)][0].segment;
              if ([...clusters.segment(last + next)].length < 2) found.push(`${last}|${next}`);
            }
            before = text;
          }
          return found;
        })()""",
    )
    return found
