"""Encoder-decoder models: language codes, batches that change nothing, and equality with transformers' own generate."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.engine.models import load_model, parse_model
from harness.errors import BackendError
from harness.store import content_hash, request_key
from harness.types import (
    Embed,
    EmbedResponse,
    Failed,
    Generate,
    GenerateResponse,
    LogLikelihood,
    LogLikelihoodResponse,
)

SENTENCES = [
    "ሰላም ለዓለም 🦁",
    "مرحبا بالعالم",
    "မင်္ဂလာပါ ကမ္ဘာလောက",
    "สวัสดีชาวโลก",
    "こんにちは、世界。",
    "ߊߟߎ߫ ߣߌ߫ ߖߏ߬",
    "Ẹ kú àárọ̀, ayé o; ẹ jọ̀wọ́ ẹ bá wa gbé omi wá.",
    "a",
]
CHARACTERS = sorted({character for sentence in SENTENCES for character in sentence if character != " "})
SHAPE: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 128,
    "init_std": 0.6,
}


def request(source: str, languages: str = "eng_Latn-yor_Latn", **changes: Any) -> Generate:
    source_language, _, target_language = languages.partition("-")
    return Generate(
        prompt=f"Translate: {source}",
        source=source,
        source_language=source_language,
        target_language=target_language,
        **{"max_tokens": 12, **changes},
    )


def save(model_class: Any, config: Any, tokenizer: Any, folder: Path, seed: int = 3) -> Path:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model_class(config).eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def nllb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", *CHARACTERS]
    tokenizer = NllbTokenizer(vocab={piece: index for index, piece in enumerate(pieces)}, merges=[])
    config = M2M100Config(vocab_size=len(tokenizer), **SHAPE)
    return save(M2M100ForConditionalGeneration, config, tokenizer, tmp_path_factory.mktemp("nllb"))


@pytest.fixture(scope="module")
def m2m100(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spm = pytest.importorskip("sentencepiece", reason="the tokenizer of M2M-100 needs it: pip install sentencepiece")
    from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer
    from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

    files = tmp_path_factory.mktemp("m2m100-tokenizer")
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 3),
        model_prefix=str(files / "spm"),
        model_type="char",
        vocab_size=len(CHARACTERS) + 4,
        hard_vocab_limit=False,
        character_coverage=1.0,
        minloglevel=2,
    )
    processor = spm.SentencePieceProcessor(model_file=str(files / "spm.model"))
    own = [processor.id_to_piece(index) for index in range(processor.get_piece_size())]
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *[piece for piece in own if piece not in ("<s>", "</s>", "<unk>")]]
    (files / "vocab.json").write_text(json.dumps({piece: index for index, piece in enumerate(pieces)}))
    tokenizer = M2M100Tokenizer(
        vocab_file=str(files / "vocab.json"),
        spm_file=str(files / "spm.model"),
        # As in the published files, from which transformers takes it that they are no text.
        additional_special_tokens=[f"__{code}__" for code in FAIRSEQ_LANGUAGE_CODES["m2m100"]],
    )
    config = M2M100Config(vocab_size=len(tokenizer), **SHAPE)
    return save(M2M100ForConditionalGeneration, config, tokenizer, tmp_path_factory.mktemp("m2m100"), seed=5)


@pytest.fixture(scope="module")
def mbart50(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import MBart50Tokenizer, MBartConfig, MBartForConditionalGeneration

    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", *CHARACTERS]
    tokenizer = MBart50Tokenizer(vocab=[(piece, -float(index)) for index, piece in enumerate(pieces)])
    config = MBartConfig(vocab_size=len(tokenizer), decoder_start_token_id=2, **SHAPE)
    return save(MBartForConditionalGeneration, config, tokenizer, tmp_path_factory.mktemp("mbart50"))


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return t5_model(tmp_path_factory.mktemp("t5"))


@pytest.fixture(scope="module")
def madlad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tags = ["<2en>", "<2yo>", "<2kaa>", "<2kaa_Latn>", "<2hi>", "<2hi_Latn>"]
    return t5_model(tmp_path_factory.mktemp("madlad"), tags)


@pytest.fixture(scope="module")
def mt5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return t5_model(tmp_path_factory.mktemp("mt5"), kind="MT5")


def t5_model(folder: Path, tags: Sequence[str] = (), kind: str = "T5") -> Path:
    import transformers

    from harness.toy import byte_tokenizer

    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": list(tags)})
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=16,
        d_ff=64,
        num_layers=1,
        num_heads=2,
        decoder_start_token_id=tokenizer.pad_token_id,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        initializer_factor=3.0,
    )
    return save(getattr(transformers, f"{kind}ForConditionalGeneration"), config, tokenizer, folder)


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue(request.param))


def answers(folder: Path, requests: Sequence[Generate], options: str = "") -> list[str]:
    engine = load_model(parse_model(f"hf:{folder},device=cpu{options}"))
    plan = engine.plan(requests)
    assert sorted(position for batch in plan for position in batch) == list(range(len(requests)))
    texts = [""] * len(requests)
    for batch in plan:
        for position, response in zip(batch, engine.answer([requests[index] for index in batch]), strict=True):
            assert isinstance(response, GenerateResponse)
            texts[position] = response.text
    engine.close()
    return texts


def one_by_one(folder: Path, texts: Sequence[str], encode: Callable[[Any, str], dict[str, Any]], **options: Any) -> Any:
    """What transformers' own generate says to one sentence at a time."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder)
    return [
        tokenizer.batch_decode(
            model.generate(**encode(tokenizer, text), do_sample=False, **options),
            skip_special_tokens=True,
            clean_up_tokenization_spaces=False,
        )[0]
        for text in texts
    ]


@pytest.mark.parametrize(
    ("folder", "source_code", "target_token"),
    [
        ("nllb", "eng_Latn", "yor_Latn"),
        ("m2m100", "en", "__yo__"),
        ("mbart50", "en_XX", "de_DE"),
    ],
    indirect=["folder"],
)
@pytest.mark.parametrize("beams", [1, 3])
def test_codes_and_forced_tokens_as_transformers_own_generate(
    folder: Path, source_code: str, target_token: str, beams: int
) -> None:
    target = "deu_Latn" if target_token == "de_DE" else "yor_Latn"
    requests = [request(sentence, f"eng_Latn-{target}") for sentence in SENTENCES]

    def encode(tokenizer: Any, text: str) -> dict[str, Any]:
        tokenizer.src_lang = source_code
        forced = tokenizer.convert_tokens_to_ids(target_token)
        assert forced != tokenizer.unk_token_id
        return {**tokenizer(text, return_tensors="pt"), "forced_bos_token_id": forced}

    expected = one_by_one(folder, SENTENCES, encode, num_beams=beams, max_new_tokens=13)
    assert answers(folder, requests, f",beams={beams}") == expected
    assert len(set(expected)) >= 4


def test_madlad_tags_the_source(madlad: Path) -> None:
    def encode(tokenizer: Any, text: str) -> dict[str, Any]:
        return dict(tokenizer(f"<2yo> {text}", return_tensors="pt"))

    expected = one_by_one(madlad, SENTENCES, encode, max_new_tokens=12)
    assert answers(madlad, [request(sentence) for sentence in SENTENCES]) == expected


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ("", "Translate: {}"),
        (",prefix=", "{}"),
        (",prefix=put {source_language} into {target_language}: ", "put English into Yoruba: {}"),
    ],
)
def test_models_without_codes_read_prompt_or_prefix_and_source(t5: Path, options: str, written: str) -> None:
    def encode(tokenizer: Any, text: str) -> dict[str, Any]:
        return dict(tokenizer(written.format(text), return_tensors="pt"))

    expected = one_by_one(t5, SENTENCES, encode, max_new_tokens=12)
    assert answers(t5, [request(sentence) for sentence in SENTENCES], options) == expected


def test_t5_prefixes_name_the_languages(t5: Path) -> None:
    def encode(tokenizer: Any, text: str) -> dict[str, Any]:
        return dict(tokenizer(f"translate English to German: {text}", return_tensors="pt"))

    expected = one_by_one(t5, SENTENCES, encode, max_new_tokens=12)
    requests = [request(sentence, "eng_Latn-deu_Latn") for sentence in SENTENCES]
    assert answers(t5, requests, ",codes=t5") == expected


@pytest.mark.parametrize("folder", ["nllb", "m2m100", "mbart50", "t5", "madlad"], indirect=True)
@pytest.mark.parametrize("options", [",batch_size=1", ",batch_size=3", ",batch_tokens=40", ",beams=2,batch_size=4"])
def test_batches_change_nothing(folder: Path, options: str) -> None:
    pairs = ["eng_Latn-hin_Deva", "hin_Deva-eng_Latn"]
    requests = [request(sentence, pair) for sentence in SENTENCES for pair in pairs]
    whole = ",beams=2" if "beams" in options else ""
    assert answers(folder, requests, options) == answers(folder, requests, whole)


@pytest.mark.parametrize(
    ("folder", "covered", "absent"),
    [
        (
            "nllb",
            ["eng_Latn-yor_Latn", "zho_Hans-zho_Hant", "sat_Olck-amh_Ethi", "por_Latn_BR-fra_Latn_CA"],
            "nqo_Nkoo",
        ),
        ("m2m100", ["eng_Latn-yor_Latn", "nso_Latn-zho_Hans"], "zho_Hant"),
        ("mbart50", ["eng_Latn-swh_Latn_KE", "arb_Arab-khk_Cyrl"], "yor_Latn"),
        ("madlad", ["eng_Latn-yor_Latn", "nqo_Nkoo-hin_Latn"], "deu_Latn"),
    ],
    indirect=["folder"],
)
def test_a_direction_without_codes_is_not_covered(folder: Path, covered: list[str], absent: str) -> None:
    engine = load_model(parse_model(f"hf:{folder},device=cpu"))
    assert [engine.covers(request("a", pair)) for pair in covered] == [True] * len(covered)
    assert not engine.covers(request("a", f"eng_Latn-{absent}"))
    assert not engine.covers(Generate(prompt="2 + 2 ="))
    assert not engine.covers(LogLikelihood(context="a", continuation="b"))
    for direction, offered in [*((pair, True) for pair in covered), (f"eng_Latn-{absent}", False)]:
        source, _, target = direction.partition("-")
        assert engine.covers(LogLikelihood(context="a", continuation="b", direction=(source, target))) == offered
    assert engine.requests_answered() == {Generate, LogLikelihood, Embed}


def test_a_language_a_model_was_extended_with_is_covered(nllb: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(nllb)
    tokenizer.add_tokens(["nqo_Nkoo"], special_tokens=True)
    model = AutoModelForSeq2SeqLM.from_pretrained(nllb)
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert load_model(parse_model(f"hf:{tmp_path},device=cpu")).covers(request("a", "eng_Latn-nqo_Nkoo"))


def test_a_tag_of_the_script_goes_before_the_bare_tag(madlad: Path) -> None:
    def encode(tokenizer: Any, text: str) -> dict[str, Any]:
        return dict(tokenizer(f"<2kaa_Latn> {text}", return_tensors="pt"))

    expected = one_by_one(madlad, SENTENCES[:3], encode, max_new_tokens=12)
    assert answers(madlad, [request(sentence, "eng_Latn-kaa_Latn") for sentence in SENTENCES[:3]]) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [("", [[0, 3, 4, 5], [1], [2]]), (",beams=2", [[0, 5], [1], [2], [3], [4]])],
)
def test_batches_have_one_direction_and_with_beams_one_limit_and_one_set_of_stops(
    nllb: Path, options: str, expected: list[list[int]]
) -> None:
    engine = load_model(parse_model(f"hf:{nllb},device=cpu{options}"))
    requests = [
        request("a"),
        request("a", "eng_Latn-hin_Deva"),
        request("a", "yor_Latn-hin_Deva"),
        request("a", max_tokens=5),
        request("a", until=("\n",)),
        request("မင်္ဂလာပါ"),
    ]
    assert sorted(map(sorted, engine.plan(requests))) == expected


def test_text_ends_at_stop_strings_and_at_the_limit(t5: Path) -> None:
    [whole] = answers(t5, [request("ሰላም", max_tokens=20)])
    [short] = answers(t5, [request("ሰላም", max_tokens=4)])
    assert whole.startswith(short)
    assert len(short.encode()) < len(whole.encode())
    stop = whole[2]
    [stopped] = answers(t5, [request("ሰላም", max_tokens=20, until=("never there", stop))])
    assert stopped == whole.partition(stop)[0]


def test_a_source_longer_than_the_model_is_cut_and_answered(nllb: Path) -> None:
    long = "мир " * 2 + "a" * 500
    [text] = answers(nllb, [request(long)], ",max_length=16")
    assert text == answers(nllb, [request(long + "a")], ",max_length=16")[0]


def test_an_empty_source_is_the_token_before_texts(t5: Path) -> None:
    texts = answers(t5, [request(""), request("ሰላም"), request("<s>")], ",prefix=")
    assert texts[0] == texts[2]
    assert texts[1:2] == answers(t5, [request("ሰላም")], ",prefix=")


def test_sampled_text_is_refused(t5: Path) -> None:
    with pytest.raises(BackendError, match=r"the task asks for sampled text \(temperature 0.8\)"):
        answers(t5, [Generate(prompt="ሰላም", source="ሰላም", temperature=0.8)])


@pytest.mark.parametrize("folder", ["mbart50", "m2m100"], indirect=True)
def test_answers_end_where_the_model_has_no_more_positions(folder: Path) -> None:
    """Learned positions (mBART) would be an index error."""
    requests = [request(sentence, "eng_Latn-hin_Deva", max_tokens=1000) for sentence in SENTENCES]
    texts = answers(folder, requests)
    assert max(map(len, texts)) > 40
    assert max(map(len, texts)) <= SHAPE["max_position_embeddings"]


def test_identity_says_what_changes_an_answer(nllb: Path, t5: Path) -> None:
    def identity(folder: Path, options: str = "") -> dict[str, str]:
        return load_model(parse_model(f"hf:{folder},device=cpu{options}")).identity

    assert identity(nllb)["codes"] == "nllb"
    assert identity(nllb) == identity(nllb, ",name=other")
    assert identity(nllb) != identity(nllb, ",beams=4")
    assert identity(t5) != identity(t5, ",prefix=")
    assert identity(t5, ",codes=t5")["prefix"]
    assert identity(nllb)["weights"] != identity(t5)["weights"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (",codes=nlb", "unknown codes 'nlb' \\(did you mean 'nllb'\\?\\); use one of nllb, m2m100"),
        (",beam=2", "unknown option 'beam' \\(did you mean 'beams'"),
        (",beams=0", "beams must be a positive whole number"),
        (",prefix=x", "codes=nllb and prefix exclude each other"),
    ],
)
def test_mistakes_in_options(nllb: Path, options: str, said: str) -> None:
    with pytest.raises(BackendError, match=said):
        load_model(parse_model(f"hf:{nllb},device=cpu{options}"))


def test_degrade_and_name_work_as_for_other_models(nllb: Path) -> None:
    engine = load_model(parse_model(f"hf:{nllb},device=cpu,name=NLLB tiny,label=random,degrade=yor_Latn"))
    assert (engine.name, engine.backend) == ("NLLB tiny", "hf")
    assert engine.label == "random degraded on purpose: yor_Latn"
    assert engine.identity["degrade"] == "yor_Latn"


TASK = """
task: water
kind: translation
dataset: {files: "{lang}.txt", format: lines}
directions: [eng-xx]
languages: [eng, yor, nqo, hin]
metrics: [chrf]
"""


def test_a_run_notes_directions_that_are_not_covered_and_is_the_same_each_time(nllb: Path, tmp_path: Path) -> None:
    from harness.loader import load_tasks
    from harness.runner import RunPlan, run
    from harness.store import RunFolder
    from harness.tasks.base import Selection

    (tmp_path / "water.yaml").write_text(TASK)
    for language in ("eng", "yor", "nqo", "hin"):
        (tmp_path / f"{language}.txt").write_text("\n".join(SENTENCES), encoding="utf-8")

    def finished(out: str) -> RunFolder:
        plan = RunPlan(
            tasks=load_tasks([str(tmp_path / "water.yaml")], [tmp_path]),
            models=[parse_model(f"hf:{nllb},device=cpu,batch_size=3")],
            selection=Selection(),
            out=tmp_path / out,
        )
        return RunFolder(run(plan, lambda *_: None))

    first = finished("a")
    assert {score.language for score in first.record.scores} == {"eng_Latn-yor_Latn", "eng_Latn-hin_Deva"}
    assert all(score.value is not None and not score.n_failed for score in first.record.scores)
    assert any("nqo_Nkoo" in note for note in first.record.notes)
    scores = [score.value for score in first.record.scores]
    assert [score.value for score in finished("b").record.scores] == scores
    again = finished("a").record
    assert [score.value for score in again.scores] == scores
    assert sum(stage.computed for stage in again.stages) == 0


@pytest.mark.parametrize(("kind", "metric"), [("perplexity", "bits_per_byte"), ("preference", "preference_accuracy")])
def test_what_such_a_model_cannot_answer_is_said_in_one_line(t5: Path, tmp_path: Path, kind: str, metric: str) -> None:
    from harness.errors import UserError
    from harness.loader import load_tasks
    from harness.runner import RunPlan, run

    columns = ("prompt", "chosen", "rejected") if kind == "preference" else ("text",)
    row = dict(zip(columns, ("ሰላም", "ߊߟߎ߫", "สวัสดี"), strict=False))
    (tmp_path / "amh.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    fields = f"task: whole\nkind: {kind}\ndataset: {{files: '{{lang}}.jsonl'}}\nlanguages: [amh]\nmetrics: [{metric}]\n"
    if kind == "preference":
        fields += "prompts: {plain: {doc_to_text: '{{prompt}}'}}\n"
    (tmp_path / "whole.yaml").write_text(fields)
    plan = RunPlan(
        tasks=load_tasks([str(tmp_path / "whole.yaml")], [tmp_path]),
        models=[parse_model(f"hf:{t5},device=cpu")],
        out=tmp_path / "out",
    )
    with pytest.raises(UserError, match=r"\(backend hf\) cannot answer task whole") as caught:
        run(plan, lambda *_: None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", ["t5", "mt5"], indirect=True)
def test_greedy_text_is_that_of_lm_eval(folder: Path) -> None:
    """A prompt that is too long loses its beginning. HFLM's own limit counts the tokens of the longest prompt of a
    batch too, as if the decoder read them; ``max_length`` says what is meant."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    ends = (((), 9), (("a", "e"), 24))
    asked = [
        (text, {"until": list(until), "max_gen_toks": limit, "max_length": limit + 1, "do_sample": False})
        for until, limit in ends
        for text in SENTENCES
    ]
    lm = HFLM(pretrained=str(folder), backend="seq2seq", device="cpu", batch_size=3, dtype="float32", max_length=64)
    theirs = lm.generate_until(
        [Instance(request_type="generate_until", doc={}, arguments=(text, dict(own)), idx=0) for text, own in asked],
        disable_tqdm=True,
    )
    requests = [Generate(prompt=text, until=tuple(own["until"]), max_tokens=own["max_gen_toks"]) for text, own in asked]
    assert answers(folder, requests, ",max_length=64") == theirs


@pytest.mark.parametrize("folder", ["nllb", "t5"], indirect=True)
@pytest.mark.parametrize("options", ["batch_size=1", "batch_size=8"])
def test_texts_are_embedded_by_the_encoder_in_their_language(folder: Path, options: str) -> None:
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    languages = ["yor_Latn" if index % 2 else "eng_Latn" for index in range(len(SENTENCES))]
    engine = load_model(parse_model(f"hf:{folder},{options}"))
    requests = [
        Embed(text=text, pooling=("lasttoken", "mean"), language=language)
        for text, language in zip(SENTENCES, languages, strict=True)
    ]
    found: dict[int, Any] = {}
    for batch in engine.plan(requests):
        found.update(zip(batch, engine.answer([requests[index] for index in batch]), strict=True))
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    for index, (text, language) in enumerate(zip(SENTENCES, languages, strict=True)):
        tokenizer.src_lang = language
        with torch.inference_mode():
            encoded = tokenizer(text, return_tensors="pt")
            inputs = {name: encoded[name] for name in ("input_ids", "attention_mask")}
            states = model.get_encoder()(**inputs, output_hidden_states=True).hidden_states
        expected = torch.stack([torch.stack([layer[0, -1], layer[0].mean(dim=0)]) for layer in states], dim=1)
        assert isinstance(found[index], EmbedResponse)
        torch.testing.assert_close(torch.tensor(found[index].vectors), expected, rtol=1e-4, atol=1e-4)


def test_a_language_without_a_code_is_not_embedded(nllb: Path) -> None:
    engine = load_model(parse_model(f"hf:{nllb}"))
    assert engine.covers(Embed(text="ߊߟߎ߫", language="yor_Latn"))
    assert not engine.covers(Embed(text="ߊߟߎ߫", language="nqo_Nkoo"))
    assert not engine.covers(Embed(text="ߊߟߎ߫"))


def scored(folder: Path, pairs: Sequence[LogLikelihood], options: str = "") -> list[Any]:
    engine = load_model(parse_model(f"hf:{folder},device=cpu{options}"))
    assert all(engine.covers(pair) for pair in pairs)
    found: dict[int, Any] = {}
    for batch in engine.plan(pairs):
        found.update(zip(batch, engine.answer([pairs[index] for index in batch]), strict=True))
    return [found[index] for index in range(len(pairs))]


@pytest.mark.parametrize(
    ("folder", "options", "written", "languages", "codes"),
    [
        ("nllb", "", "{}", ("eng_Latn", "yor_Latn"), ("eng_Latn", "yor_Latn")),
        ("m2m100", "", "{}", ("eng_Latn", "yor_Latn"), ("en", "yo")),
        ("mbart50", "", "{}", ("eng_Latn", "deu_Latn"), ("en_XX", "de_DE")),
        ("madlad", "", "<2yo> {}", ("eng_Latn", "yor_Latn"), None),
        ("t5", ",codes=t5", "translate English to German: {}", ("eng_Latn", "deu_Latn"), None),
        ("mt5", ",prefix=", "{}", ("eng_Latn", "deu_Latn"), None),
    ],
    indirect=["folder"],
)
def test_targets_are_scored_as_the_models_own_loss(
    folder: Path, options: str, written: str, languages: tuple[str, str], codes: tuple[str, str] | None
) -> None:
    """Labels as the tokenizer builds them, all but the code of the language; batches change nothing."""
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    targets = [*SENTENCES[:5], SENTENCES[0] * 3]
    pairs = [
        LogLikelihood(context=source, continuation=target, direction=languages)
        for source in SENTENCES[5:]
        for target in targets
    ]
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    if codes:
        tokenizer.src_lang, tokenizer.tgt_lang = codes
    expected = []
    for pair in pairs:
        inputs = tokenizer(written.format(pair.context), text_target=pair.continuation, return_tensors="pt")
        labels = inputs["labels"]
        with torch.inference_mode():
            output = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], labels=labels)
        own = output.logits[0].log_softmax(dim=-1).gather(1, labels[0][:, None])[:, 0]
        expected.append(float(own[1 if codes else 0 :].sum()))
    for batching in ("", ",batch_size=1", ",batch_size=4", ",batch_tokens=90"):
        found = scored(folder, pairs, options + batching)
        assert [one.logprob for one in found] == pytest.approx(expected, abs=1e-3), batching
        assert found[0].tokens == len(tokenizer(pairs[0].continuation, add_special_tokens=False)["input_ids"])
    assert len({round(one) for one in expected}) > 10


@pytest.mark.parametrize("folder", ["t5", "mt5"], indirect=True)
def test_prompts_and_continuations_are_scored_as_by_lm_eval(folder: Path) -> None:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    [written] = answers(folder, [request("ሰላም", max_tokens=2)])
    pairs = [
        *((context, f" {continuation}") for context in SENTENCES[:3] for continuation in SENTENCES[2:6]),
        ("with spaces  ", "こんにちは"),
        ("", "สวัสดี"),
        ("long " * 40 + "ሰላም", " 🦁"),
        ("Translate: ሰላም", written),
    ]
    lm = HFLM(pretrained=str(folder), backend="seq2seq", device="cpu", batch_size=3, dtype="float32", max_length=64)
    theirs = lm.loglikelihood(
        [Instance(request_type="loglikelihood", doc={}, arguments=pair, idx=index) for index, pair in enumerate(pairs)],
        disable_tqdm=True,
    )
    requests = [LogLikelihood(context=context, continuation=continuation) for context, continuation in pairs]
    found = scored(folder, requests, ",max_length=64,batch_size=3")
    assert [one.logprob for one in found] == pytest.approx([logprob for logprob, _ in theirs], abs=1e-3)
    assert [one.is_greedy for one in found] == [greedy for _, greedy in theirs]


def test_a_source_is_encoded_once_for_all_its_targets_and_beams(nllb: Path) -> None:
    engine: Any = load_model(parse_model(f"hf:{nllb},device=cpu,beams=3"))
    read: list[int] = []
    engine._model.get_encoder().register_forward_pre_hook(
        lambda module, given, named: read.append(len(named["input_ids"])), with_kwargs=True
    )
    pairs = [
        LogLikelihood(context=source, continuation=target, direction=("eng_Latn", "yor_Latn"))
        for target in SENTENCES[:4]
        for source in SENTENCES[:3]
    ]
    (batch,) = engine.plan(pairs)
    engine.answer([pairs[index] for index in batch])
    assert read == [3]
    engine.answer([request(source) for source in SENTENCES[:5]])
    assert read == [3, 5]


def test_what_a_model_writes_is_its_first_choice(nllb: Path) -> None:
    import torch

    from harness.engine.target_scoring import TargetRow

    engine: Any = load_model(parse_model(f"hf:{nllb},device=cpu"))
    rows = []
    for source in SENTENCES:
        inputs = engine._tokenizer(source, return_tensors="pt")
        forced = engine._tokenizer.convert_tokens_to_ids("yor_Latn")
        with torch.inference_mode():
            ids = engine._model.generate(**inputs, forced_bos_token_id=forced, max_new_tokens=9)[0].tolist()
        rows.append(TargetRow(source=tuple(inputs["input_ids"][0].tolist()), labels=tuple(ids[1:]), given=1, tokens=8))
    assert [one.is_greedy for one in engine._scorer.score(rows)] == [True] * len(rows)
    other = [dataclasses.replace(row, labels=(*row.labels[:-1], row.labels[-1] ^ 1)) for row in rows]
    assert [one.is_greedy for one in engine._scorer.score(other)] == [False] * len(rows)


def test_targets_that_do_not_fit_fail_and_the_others_are_scored(mbart50: Path) -> None:
    direction = ("eng_Latn", "deu_Latn")
    pairs = [LogLikelihood(context="a", continuation=text, direction=direction) for text in ("ሰ" * 500, "ሰላም")]
    long, short = scored(mbart50, pairs)
    assert isinstance(long, Failed)
    assert long.reason.startswith("a target has 50")
    assert isinstance(short, LogLikelihoodResponse)


def test_pairs_without_a_direction_have_the_keys_they_always_had() -> None:
    plain = {"context": "ሰላም", "continuation": " 🦁"}
    pair = LogLikelihood(context=plain["context"], continuation=plain["continuation"])
    assert request_key("model", pair) == content_hash(["model", "LogLikelihood", plain])
    directed = dataclasses.replace(pair, direction=("eng_Latn", "yor_Latn"))
    assert request_key("model", directed) != request_key("model", pair)
