"""Segment pages in a real browser: differences, labels, finding segments, anchors, hostile texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.store import RunWriter, SegmentRow, UnitStatistics
from leaderboard.site import build
from metrics.base import MeanMetric
from tests.browser.driving import By, Driver, Keys, Opener, complaints, evaluate
from tests.leaderboard_runs import record_of, score
from tests.torture_runs import LONG_LINE, TEXTS

SHOWN = "[...document.querySelectorAll('#segments tbody tr:not([hidden])')].map((row) => row.cells[0].firstChild.data)"


@pytest.fixture(scope="module")
def segment_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two systems on a translation task: every text that breaks pages against every next one, and simple ones."""
    run = tmp_path_factory.mktemp("run")
    writer = RunWriter(run)
    texts = [text for text in TEXTS.values() if text != LONG_LINE]
    references = [f"common {text}" for text in texts] + ["تغادر العبارة كل صباح", "a b", "فيري"]
    scores = []
    for model, shift in (("one", 1), ("other", 2)):
        hypotheses = [f"common {text}" for text in [*texts[shift:], *texts[:shift]]]
        hypotheses += ["تغادر السفينة كل صباح", "a\u00a0b", "ferry"]
        rows = [
            SegmentRow(segment=f"s{place:03d}", cluster=f"{place}", source="x", references=(text,), hypothesis=written)
            for place, (text, written) in enumerate(zip(references, hypotheses, strict=True))
        ]
        values = np.linspace(0, 1, len(rows))
        ids = tuple(row.segment for row in rows)
        statistics = UnitStatistics(segments=ids, clusters=ids, stats=MeanMetric.stats(values), scores=values)
        writer.add_unit((model, "t", "", "", "eng_Latn-arb_Arab"), rows, {"m": statistics})
        scores.append(score(model, "eng_Latn-arb_Arab", 50.0 - shift, n=len(rows)))
    writer.finish(record_of(*scores))
    return build([run], tmp_path_factory.mktemp("segment-site")).parent


def open_segments(site: Path, open_page: Opener, fragment: str = "", *, scripts: bool = True) -> Driver:
    page = next(path for path in sorted(site.glob("s/*.html")) if "one</bdi></h1>" in path.read_text("utf-8"))
    return open_page(page, fragment, scripts=scripts)


def test_differences_of_hostile_texts_run_nothing(segment_site: Path, open_page: Opener) -> None:
    driver = open_segments(segment_site, open_page)
    assert complaints(driver) == []
    tags = evaluate(
        driver, "[...new Set([...document.querySelectorAll('.diff *')].map((own) => own.localName))].sort()"
    )
    assert set(tags) <= {"del", "ins", "small", "span"}
    assert {"del", "ins", "span"} <= set(tags)
    assert evaluate(driver, "document.querySelectorAll('main :is(script, img, iframe, svg, form, style)').length") == 0


def test_differences_have_a_shape_and_words_beside_colour(segment_site: Path, open_page: Opener) -> None:
    driver = open_segments(segment_site, open_page)
    for tag, line, words in (("del", "line-through", "missing"), ("ins", "underline", "added")):
        look = f"getComputedStyle(document.querySelector('.diff {tag}')).textDecorationLine"
        assert evaluate(driver, look) == line
        said = f"getComputedStyle(document.querySelector('.diff {tag}'), '::before').content"
        assert words in evaluate(driver, said)


def test_right_to_left_texts_keep_their_direction_and_words_whole(segment_site: Path, open_page: Opener) -> None:
    driver = open_segments(segment_site, open_page)
    (found,) = [own for own in driver.find_elements(By.CSS_SELECTOR, ".diff[dir=rtl]") if "السفينة" in own.text]
    first, changed = found.find_element(By.TAG_NAME, "del"), found.find_element(By.TAG_NAME, "ins")
    assert (first.text, changed.text) == ("العبارة", "السفينة")
    assert first.rect["x"] > changed.rect["x"]


def test_segments_are_found_by_words_and_label_and_a_permalink_keeps_both_with_the_sorting(
    segment_site: Path, open_page: Opener
) -> None:
    driver = open_segments(segment_site, open_page)
    every = evaluate(driver, SHOWN)
    driver.find_element(By.ID, "find").send_keys("COMMON")
    driver.find_element(By.CSS_SELECTOR, "#flag option[value=odd]").click()
    shown = evaluate(driver, SHOWN)
    assert 0 < len(shown) < len(every)
    assert f"{len(shown)} of {len(every)} segments" in driver.find_element(By.ID, "found").text
    head = driver.find_element(By.CSS_SELECTOR, "#segments thead th button")
    head.send_keys(Keys.ENTER)
    head.send_keys(Keys.ENTER)
    assert evaluate(driver, SHOWN) == sorted(shown, reverse=True)
    driver.refresh()
    assert evaluate(driver, SHOWN) == sorted(shown, reverse=True)
    assert driver.find_element(By.ID, "find").get_attribute("value") == "COMMON"
    driver.find_element(By.ID, "all").click()
    assert evaluate(driver, SHOWN) == sorted(every, reverse=True)
    assert "segments=0d" in driver.current_url


def test_what_only_the_reference_has_is_not_found_in_hypotheses_but_can_be_hidden(
    segment_site: Path, open_page: Opener
) -> None:
    driver = open_segments(segment_site, open_page)
    driver.find_element(By.ID, "plain").click()
    (found,) = [own for own in driver.find_elements(By.CSS_SELECTOR, ".diff[dir=rtl]") if "السفينة" in own.text]
    assert found.text == "تغادر السفينة كل صباح"
    assert "d=0" in driver.current_url
    driver.refresh()
    assert driver.find_element(By.ID, "plain").is_selected()


def test_an_anchor_leads_to_a_segment_without_scripts_too(segment_site: Path, open_page: Opener) -> None:
    driver = open_segments(segment_site, open_page)
    anchor = evaluate(driver, "document.querySelectorAll('#segments tbody tr')[40].id")
    for scripts in (True, False):
        driver = open_segments(segment_site, open_page, f"#{anchor}", scripts=scripts)
        top = evaluate(driver, "document.querySelector('tr:target').getBoundingClientRect().top")
        assert 0 <= top < 900


def test_other_systems_can_be_opened_by_keyboard(segment_site: Path, open_page: Opener) -> None:
    driver = open_segments(segment_site, open_page)
    (summary, *_) = driver.find_elements(By.CSS_SELECTOR, "details.others summary")
    summary.send_keys(Keys.ENTER)
    link = driver.find_element(By.CSS_SELECTOR, "details.others[open] a")
    assert link.text == "other"
    link.click()
    assert "other" in driver.find_element(By.TAG_NAME, "h1").text
    assert evaluate(driver, "document.querySelector('tr:target') !== null")
