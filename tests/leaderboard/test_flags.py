import pytest

from leaderboard.segments.flags import FLAGS, Flagger, is_free_text
from leaderboard.views.segments import SegmentView


def segment(hypothesis: str | None, reference: str = "", source: str = "", failed: str | None = None) -> SegmentView:
    return SegmentView(
        segment="s",
        source=source or None,
        references=(reference,) if reference else (),
        hypothesis=hypothesis,
        failed=failed,
        reasoning=None,
        scores={},
    )


AMHARIC = "ጀልባው ከእሁድ በስተቀር በየቀኑ ጠዋት ይነሳል"
ENGLISH = "The ferry leaves every morning except on Sundays"
JAPANESE = "フェリーは日曜日を除く毎朝出発する"


@pytest.mark.parametrize(
    ("hypothesis", "reference", "expected"),
    [
        (AMHARIC, AMHARIC, ("exact",)),
        ("", AMHARIC, ("empty",)),
        ("\u200b \u00a0", AMHARIC, ("empty",)),
        (ENGLISH, AMHARIC, ("copied", "script")),
        ("Le bac part tous les matins", AMHARIC, ("script",)),
        ("ጀልባው ከእሁድ በስተቀር በየቀኑ ይነሳል", AMHARIC, ()),
        (f"{AMHARIC} {AMHARIC} {AMHARIC}", AMHARIC, ("repeats", "long")),
        ("ጀልባው", AMHARIC, ("short",)),
        ("ጀልባው ከእሁድ በስተቀር \u202eበየቀኑ\u202c ይነሳል", AMHARIC, ("odd",)),
        ("ጀልባው ከእሁድ በስተቀር በየቀኑ ይ\ufffdሳል", AMHARIC, ("odd",)),
        ("123, 456!", "123, 457!", ()),
    ],
)
def test_what_is_striking_about_a_translation(hypothesis: str, reference: str, expected: tuple[str, ...]) -> None:
    flagger = Flagger("translation", "eng_Latn-amh_Ethi", free=True)
    assert flagger.flags(segment(hypothesis, reference, ENGLISH)) == expected


def test_a_reference_in_another_script_excuses_the_hypothesis() -> None:
    flagger = Flagger("translation", "eng_Latn-amh_Ethi", free=True)
    assert flagger.flags(segment("jalba yinesal bezihu", "jalba yinesal beyeqenu tewat", ENGLISH)) == ()


def test_letters_of_scripts_without_spaces_repeat_too() -> None:
    flagger = Flagger("translation", "eng_Latn-jpn_Jpan", free=True)
    assert "repeats" in flagger.flags(segment(JAPANESE[:8] * 9, JAPANESE, ENGLISH))
    assert flagger.flags(segment(JAPANESE[:-2], JAPANESE, ENGLISH)) == ()


def test_odd_characters_of_the_source_are_not_held_against_the_hypothesis() -> None:
    flagger = Flagger("translation", "eng_Latn-amh_Ethi", free=True)
    assert flagger.flags(segment("ጀልባው ከእሁድ በስተቀር በየቀኑ\ufeff ይነሳል", AMHARIC, f"\ufeff{ENGLISH}")) == ()


def test_of_choices_only_failures_and_empty_answers_are_told() -> None:
    flagger = Flagger("multiple_choice", "amh_Ethi", free=False)
    assert flagger.flags(segment("A", AMHARIC, ENGLISH)) == ()
    assert flagger.flags(segment("", "B")) == ("empty",)
    assert flagger.flags(segment(None, failed="no answer")) == ("failed",)
    assert flagger.flags(segment(None, "a", "b")) == ()


@pytest.mark.parametrize("language", ["und", "no such", "eng_Latn-xx-yy", "eng_Latn-<b>"])
def test_a_language_that_nobody_knows_has_no_script(language: str) -> None:
    assert "script" not in Flagger("translation", language, free=True).flags(segment("abc def ghi", AMHARIC, "x"))


def test_free_text_is_told_from_labels_and_numbers() -> None:
    sentences = [segment(JAPANESE, JAPANESE), segment(AMHARIC, AMHARIC)]
    labels = [segment("entailment", "neutral"), segment("18", "$ 18")]
    assert is_free_text("generate_until", sentences)
    assert not is_free_text("generate_until", labels)
    assert is_free_text("translation", labels)
    assert not is_free_text("multiple_choice", sentences)
    assert not is_free_text("translation", [segment(None, AMHARIC)])


def test_every_label_is_explained() -> None:
    assert all(flag.words.endswith(".") and flag.title for flag in FLAGS.values())
