"""Off-target outputs and signs of hallucination: hand-made cases in many scripts, and real outputs of six systems."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.languages import known
from harness.target_options import target_options
from metrics import language_id, registry
from metrics.base import MetricError, Segment, TextMetric
from metrics.hallucination import words
from metrics.language_id import _ALIKE, _SCRIPTS, _identifier
from metrics.scripts import check_script, letters, share_in

SENTENCES = {
    "amh_Ethi": "ልጁ ትናንት ወደ ትምህርት ቤት ሄዶ ከጓደኞቹ ጋር ተጫወተ።",
    "arb_Arab": "ذهب الولد أمس إلى المدرسة مع أصدقائه ليلعب كرة القدم.",
    "mya_Mymr": "ကလေးသည် မနေ့က ကျောင်းသို့ သွားပြီး သူငယ်ချင်းများနှင့် ကစားခဲ့သည်။",
    "tha_Thai": "เมื่อวานนี้เด็กไปโรงเรียนและเล่นกับเพื่อน ๆ ของเขา",
    "jpn_Jpan": "昨日、子供は学校に行って友達と遊びました。",
    "zho_Hans": "昨天孩子去学校和朋友们一起玩了。",
    "kor_Hang": "아이는 어제 학교에 가서 친구들과 놀았습니다.",
    "nqo_Nkoo": "ߘߋ߲ ߕߊ߯ߣߍ߲ ߞߊ߬ߙߊ߲߬ߕߊ ߟߊ߫ ߞߎߣߎ߲߬",
    "hin_Deva": "बच्चा कल स्कूल गया और अपने दोस्तों के साथ खेला।",
    "rus_Cyrl": "Вчера ребёнок пошёл в школу и играл с друзьями.",
    "yor_Latn": "Ọmọ náà lọ sí ilé-ẹ̀kọ́ ní àná láti bá àwọn ọ̀rẹ́ rẹ̀ ṣeré.",
    "swh_Latn": "Mtoto alienda shuleni jana na kucheza na marafiki zake.",
    "eng_Latn": "The child went to school yesterday and played with his friends.",
}


def flag(name: str, target: str = "", **options: registry.Option) -> TextMetric:
    metric = registry.create(name, target_options(name, options, target) if target else options)
    assert isinstance(metric, TextMetric)
    assert metric.info.binary
    assert not metric.info.higher_is_better
    return metric


def flagged(metric: TextMetric, *hypotheses: str, source: str | None = None, references: tuple[str, ...] = ()) -> list:
    found = [Segment(hypothesis=text, references=references, source=source) for text in hypotheses]
    return metric.segment_scores(metric.segment_stats(found)).tolist()


@pytest.mark.parametrize("target", SENTENCES)
def test_only_the_sentence_in_the_language_is_on_target(target: str) -> None:
    others = {code: text for code, text in SENTENCES.items() if code != target}
    for name in ("off_target", "wrong_script"):
        metric = flag(name, target)
        assert flagged(metric, SENTENCES[target], SENTENCES[target] + " Facebook 👏🏽 2024") == [0, 0], name
        found = dict(zip(others, flagged(metric, *others.values()), strict=True))
        # Chinese and Japanese share letters, so that the script alone does not tell them apart; the identifier does.
        shared = {"zho_Hans", "jpn_Jpan"} if target in ("zho_Hans", "jpn_Jpan") else set()
        same_script = shared | {code for code in others if code[-4:] == target[-4:]}
        expected = {code: float(name == "off_target" or code not in same_script) for code in others}
        assert found == expected, name


def test_texts_without_letters_or_too_short_say_nothing() -> None:
    assert flagged(flag("off_target", "amh_Ethi"), "", "2024!", "👩‍👧 ☔️", "   ") == [0, 0, 0, 0]
    assert flagged(flag("off_target", "swh_Latn"), "Obama", "OK") == [0, 0]


def test_a_language_the_identifier_does_not_know_is_judged_by_script() -> None:
    metric = flag("off_target", "nqo_Nkoo")
    assert "|language:nqo|script:Nkoo|identifier:none|" in metric.signature()
    assert flagged(metric, SENTENCES["nqo_Nkoo"], SENTENCES["arb_Arab"]) == [0, 1]
    # Hindi in Latin letters: the identifier has only seen Devanagari.
    romanised = flag("off_target", "hin_Latn")
    assert "identifier:none" in romanised.signature()
    assert flagged(romanised, "Bachcha kal school gaya aur apne doston ke saath khela.") == [0]
    assert "identifier:py3langid-" in flag("off_target", "swh_Latn").signature()


def test_relatives_that_no_identifier_tells_apart_are_one() -> None:
    text = "Dijete je jučer otišlo u školu i igralo se s prijateljima."
    assert flagged(flag("off_target", "bos_Latn"), text) == flagged(flag("off_target", "hrv_Latn"), text) == [0]


def test_languages_and_scripts_of_the_identifier() -> None:
    labels = _identifier()[0]
    assert set(_SCRIPTS) <= labels
    assert all(names & labels for names in _ALIKE)
    for language in known():
        check_script(language.code, language.script)
    wanted = {"am", "ar", "ha", "ig", "my", "rw", "sn", "so", "sw", "th", "xh", "yo", "zu"}
    assert wanted <= labels


def test_script_statistics() -> None:
    assert share_in("abc ልጁ", "Ethi") == pytest.approx(0.4)
    assert share_in("かなカナ漢字", "Jpan") == 1
    assert share_in("漢字", "Hant") == share_in("한글漢字", "Kore") == 1
    assert share_in("ߞߊ߲ߓߏ", "Nkoo") == 1
    assert share_in("12 👏🏽 …", "Latn") is None
    assert letters("ကျောင်း") == len("ကျောင်း")


def test_mistakes() -> None:
    with pytest.raises(MetricError, match=r"^wrong_script: script: no script 'Xxxx' in Unicode; give a code of ISO"):
        flag("wrong_script", script="Xxxx")
    with pytest.raises(MetricError, match=r"^off_target: confidence: 2 is no probability"):
        flag("off_target", confidence=2)
    for name in ("off_target", "wrong_script"):
        with pytest.raises(MetricError, match="is not known; give the target language, or the option"):
            flagged(flag(name), "ߞߊ߲")
    with pytest.raises(MetricError, match=r"^copied_source: needs the source"):
        flagged(flag("copied_source"), "a")
    with pytest.raises(MetricError, match=r"^length_ratio: needs a reference or the source"):
        flagged(flag("length_ratio"), "a")
    for name, options in (("copied_source", {"share": 0.0}), ("repetition", {"n": 0}), ("length_ratio", {"factor": 1})):
        with pytest.raises(MetricError, match=rf"^{name}: {next(iter(options))}: "):
            flag(name, **options)


def test_missing_identifier(monkeypatch: pytest.MonkeyPatch) -> None:
    _identifier.cache_clear()
    monkeypatch.setattr(language_id, "find_spec", lambda name: None)
    with pytest.raises(
        MetricError, match=r"^off_target: needs the Python package py3langid; run: pip install 'glot"
    ) as e:
        flag("off_target", "swh_Latn").signature()
    assert "\n" not in str(e.value)
    assert flagged(flag("wrong_script", "swh_Latn"), "ልጁ", "jana") == [1, 0]


def test_empty() -> None:
    assert flagged(flag("empty_output"), "", " \n\t", "\u200b\u200e", "။", "ߞ", "👩‍👧") == [1, 1, 1, 0, 0, 0]


def test_copied_source() -> None:
    metric = flag("copied_source")
    source = "The child went to school in Addis Ababa."
    copies = [source, source.upper(), "Mtoto went to school in Addis Ababa"]
    assert flagged(metric, *copies, "Mtoto alienda shuleni huko Addis Ababa.", "", source=source) == [1, 1, 1, 0, 0]
    assert flagged(metric, "Addis Ababa", source=source, references=("Addis Ababa",)) == [0]
    assert flagged(metric, "昨日、学校に", "学校へ行った", source="昨日、学校に行きました。") == [1, 1]
    assert flagged(metric, "昨天去学校", source="เด็กไปโรงเรียน") == [0]


def test_repetition() -> None:
    metric = flag("repetition")
    source = "It rained in the city for three days."
    circles = "ወደ ቤት ሄደ እና " * 4
    assert flagged(metric, circles, "ha ha ha ha ha ha", "ዝናብ ለሦስት ቀናት ዘነበ።", "", source=source) == [1, 1, 0, 0]
    assert flagged(metric, circles, source="he went home and " * 4) == [0], "the source goes in circles too"
    assert flagged(metric, "ไปโรงเรียนแล้วก็" * 4, SENTENCES["tha_Thai"], source=source) == [1, 0]
    assert flagged(flag("repetition", difference=6), "ha ha ha ha ha", source=source) == [0]


def test_length_ratio() -> None:
    metric = flag("length_ratio")
    reference = SENTENCES["mya_Mymr"]
    assert flagged(metric, reference, reference * 3, reference[:9], "", references=(reference,)) == [0, 1, 1, 0]
    assert flagged(metric, reference * 3, references=(reference, reference * 2)) == [0]
    assert flagged(metric, "ဟုတ်", references=("အင်း ဟုတ်ကဲ့",)) == [0], "a short difference"
    assert flagged(metric, "go " * 40, source="ልጁ ሄደ።") == [1]


def test_words() -> None:
    assert words("Ẹ̀kọ́-ilé 3, बच्चा!") == ["Ẹ̀kọ́", "ilé", "3", "बच्चा"]
    assert words("学校 ߞߊ߲ߓߏ") == ["学", "校", "ߞߊ߲ߓߏ"]
    assert words("👩‍👧!") == []


@pytest.mark.shared_data
def test_mafand_references_and_sources(shared_data: Path) -> None:
    """What is right is hardly ever flagged, what is wrong nearly always; systems that copy are found."""
    folder = shared_data / "mafand" / "swa"

    def lines(name: str) -> list[str]:
        return (folder / name).read_text(encoding="utf-8").split("\n")[:300]

    sources, references, system = lines("test.en"), lines("test.swa"), lines("afribart_en_swa_news.txt")
    rates = {}
    for name in ("off_target", "wrong_script", "copied_source", "repetition", "empty_output"):
        metric = flag(name, "swh_Latn")
        for what, texts in (("reference", references), ("source", sources), ("system", system)):
            found = [
                Segment(hypothesis=text, references=(reference,), source=source)
                for text, reference, source in zip(texts, references, sources, strict=True)
            ]
            rates[name, what] = metric.value(metric.segment_stats(found))
    assert rates["off_target", "reference"] < 0.02
    assert rates["off_target", "source"] > 0.85
    assert 0.01 < rates["off_target", "system"] < 0.2
    assert rates["copied_source", "reference"] == 0
    assert rates["copied_source", "source"] > 0.9
    assert {rates[name, "reference"] for name in ("wrong_script", "repetition", "empty_output")} == {0}
