"""The language table: every code people use leads to one row, and each row says what is true of it."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UserError
from harness.languages import (
    REGIONS,
    SCHEMES,
    Scheme,
    bleu_tokenizer,
    canonical,
    find,
    identify,
    known,
    script_direction,
    script_name,
    spaces_words,
    standing_for,
    system_code,
)

FLORES_200 = """
ace_Arab ace_Latn acm_Arab acq_Arab aeb_Arab afr_Latn ajp_Arab aka_Latn als_Latn amh_Ethi apc_Arab arb_Arab arb_Latn
ars_Arab ary_Arab arz_Arab asm_Beng ast_Latn awa_Deva ayr_Latn azb_Arab azj_Latn bak_Cyrl bam_Latn ban_Latn bel_Cyrl
bem_Latn ben_Beng bho_Deva bjn_Arab bjn_Latn bod_Tibt bos_Latn bug_Latn bul_Cyrl cat_Latn ceb_Latn ces_Latn cjk_Latn
ckb_Arab crh_Latn cym_Latn dan_Latn deu_Latn dik_Latn dyu_Latn dzo_Tibt ell_Grek eng_Latn epo_Latn est_Latn eus_Latn
ewe_Latn fao_Latn fij_Latn fin_Latn fon_Latn fra_Latn fur_Latn fuv_Latn gaz_Latn gla_Latn gle_Latn glg_Latn grn_Latn
guj_Gujr hat_Latn hau_Latn heb_Hebr hin_Deva hne_Deva hrv_Latn hun_Latn hye_Armn ibo_Latn ilo_Latn ind_Latn isl_Latn
ita_Latn jav_Latn jpn_Jpan kab_Latn kac_Latn kam_Latn kan_Knda kas_Arab kas_Deva kat_Geor kaz_Cyrl kbp_Latn kea_Latn
khk_Cyrl khm_Khmr kik_Latn kin_Latn kir_Cyrl kmb_Latn kmr_Latn knc_Arab knc_Latn kon_Latn kor_Hang lao_Laoo lij_Latn
lim_Latn lin_Latn lit_Latn lmo_Latn ltg_Latn ltz_Latn lua_Latn lug_Latn luo_Latn lus_Latn lvs_Latn mag_Deva mai_Deva
mal_Mlym mar_Deva min_Arab min_Latn mkd_Cyrl mlt_Latn mni_Beng mos_Latn mri_Latn mya_Mymr nld_Latn nno_Latn nob_Latn
npi_Deva nso_Latn nus_Latn nya_Latn oci_Latn ory_Orya pag_Latn pan_Guru pap_Latn pbt_Arab pes_Arab plt_Latn pol_Latn
por_Latn prs_Arab quy_Latn ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sat_Olck scn_Latn shn_Mymr sin_Sinh slk_Latn
slv_Latn smo_Latn sna_Latn snd_Arab som_Latn sot_Latn spa_Latn srd_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn swh_Latn
szl_Latn tam_Taml taq_Latn taq_Tfng tat_Cyrl tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi tpi_Latn tsn_Latn tso_Latn
tuk_Latn tum_Latn tur_Latn twi_Latn tzm_Tfng uig_Arab ukr_Cyrl umb_Latn urd_Arab uzn_Latn vec_Latn vie_Latn war_Latn
wol_Latn xho_Latn ydd_Hebr yor_Latn yue_Hant zho_Hans zho_Hant zsm_Latn zul_Latn
"""

TATOEBA = """
afr amh ang ara arq arz ast awa aze bel ben ber bos bre bul cat cbk ceb ces cha cmn cor csb cym dan deu dsb dtp ell
epo est eus fao fin fra fry gla gle glg gsw heb hin hrv hsb hun hye ido ile ina ind isl ita jav jpn kab kat kaz khm
kor kur kzj lat lfn lit lvs mal mar max mhr mkd mon nds nld nno nob nov oci orv pam pes pms pol por ron rus slk slv
spa sqi srp swe swg swh tam tat tel tgl tha tuk tur tzl uig ukr urd uzb vie war wuu xho yid yue zsm
"""

WMT24PP = """
ar_EG ar_SA bg_BG bn_IN ca_ES cs_CZ da_DK de_DE el_GR es_MX et_EE fa_IR fi_FI fil_PH fr_CA fr_FR gu_IN he_IL hi_IN
hr_HR hu_HU id_ID is_IS it_IT ja_JP kn_IN ko_KR lt_LT lv_LV ml_IN mr_IN nl_NL no_NO pa_IN pl_PL pt_BR pt_PT ro_RO
ru_RU sk_SK sl_SI sr_RS sv_SE sw_KE sw_TZ ta_IN te_IN th_TH tr_TR uk_UA ur_PK vi_VN zh_CN zh_TW zu_ZA
"""

FLORES_PLUS = """
apc_Arab_nort3139 apc_Arab_sout3123 apd_Arab arg_Latn brx_Deva cat_Latn cat_Latn_vale1252 chv_Cyrl cmn_Hans cmn_Hant
dar_Cyrl dgo_Deva ekk_Latn fil_Latn gom_Deva gug_Latn kaa_Latn khk_Cyrl khk_Mong kjh_Cyrl ktu_Latn lld_Latn
lld_Latn_gard1241 mfe_Latn mhr_Cyrl mni_Beng mni_Mtei myv_Cyrl nob_Latn nob_Latn_radical nqo_Nkoo oci_Latn
oci_Latn_aran1260 snd_Arab snd_Deva twi_Latn_akua1239 twi_Latn_asan1239 tyv_Cyrl udm_Cyrl uzs_Arab vmw_Latn wuu_Hans
zgh_Tfng
"""

MAFAND = """
amh bam bbj ewe fon hau ibo kin lug luo mos nya pcm sna swa tsn twi wol xho yor zul
"""


def test_every_flores_200_code_is_a_row_of_its_own() -> None:
    codes = FLORES_200.split()
    assert len(codes) == 204
    assert set(codes) <= {language.code for language in known()}
    assert [find(code).code for code in codes] == codes


@pytest.mark.parametrize("codes", [TATOEBA, MAFAND, WMT24PP, FLORES_PLUS, "nqo bam epo vai orm nbl ven ach teo"])
def test_codes_of_other_data_sets_are_found(codes: str) -> None:
    assert len({canonical(code) for code in codes.split()}) == len(codes.split())


def test_every_code_of_ntrex_is_found(shared_data: Path) -> None:
    lines = (shared_data / "ntrex128" / "LANGUAGES.tsv").read_text(encoding="utf-8").splitlines()
    codes = [line.split()[0] for line in lines]
    assert len({canonical(code) for code in codes}) == len(codes) >= 128


def test_codes_agree_with_linguameta(shared_data: Path) -> None:
    rows = (shared_data / "linguameta" / "linguameta.tsv").read_text(encoding="utf-8").splitlines()[1:]
    cells = [row.split("\t") for row in rows]
    tags = {row[1]: {row[0], row[10]} for row in cells}
    wrong = [
        language.code
        for language in known()
        if language.iso3 in tags and language.bcp47.split("-")[0] not in tags[language.iso3]
    ]
    assert wrong == ["tgl_Latn"]  # we use CLDR's 'fil', which LinguaMeta has as a language of its own


@pytest.mark.parametrize(
    ("code", "region"),
    [
        ("yor", "Africa"),
        ("arz", "Africa"),
        ("pt", "Americas"),
        ("quy", "Americas"),
        ("jpn", "Asia"),
        ("tur", "Asia"),
        ("kat", "Asia"),
        ("rus", "Europe"),
        ("tat", "Europe"),
        ("mri", "Oceania"),
        ("epo", "World"),
    ],
)
def test_regions(code: str, region: str) -> None:
    assert find(code).region == region


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("zh", "zho_Hans"),
        ("zh-CN", "zho_Hans"),
        ("zho-CN", "zho_Hans"),
        ("cmn", "zho_Hans"),
        ("cmn_Hans", "zho_Hans"),
        ("zh-Hant-HK", "zho_Hant"),
        ("zh-TW", "zho_Hant"),
        ("zho-TW", "zho_Hant"),
        ("sw", "swh_Latn"),
        ("swa", "swh_Latn"),
        ("swa_Latn", "swh_Latn"),
        ("ar", "arb_Arab"),
        ("ara", "arb_Arab"),
        ("fa", "pes_Arab"),
        ("fas", "pes_Arab"),
        ("fas_Arab", "pes_Arab"),
        ("est", "est_Latn"),
        ("ekk", "est_Latn"),
        ("lv", "lvs_Latn"),
        ("lav", "lvs_Latn"),
        ("no", "nob_Latn"),
        ("iw", "heb_Hebr"),
        ("pt-PT", "por_Latn"),
        ("pt_BR", "por_Latn_BR"),
        ("por-BR", "por_Latn_BR"),
        ("por_Latn_BR", "por_Latn_BR"),
        ("eng-GB", "eng_Latn_GB"),
        ("eng-ZA", "eng_Latn"),
        ("gsw-BE", "gsw_Latn_BE"),
        ("ca-valencia", "cat_Latn_vale1252"),
        ("khk-Mong", "khk_Mong"),
        ("srp-Latn", "srp_Latn"),
        ("es-419", "spa_Latn"),
        ("aze-Latn", "azj_Latn"),
        ("sr-Latn", "srp_Latn"),
        ("srp", "srp_Cyrl"),
        ("knc", "knc_Latn"),
        ("tel", "tel_Telu"),
        ("tam", "tam_Taml"),
        ("uzn", "uzn_Latn"),
        ("pa-PK", "pnb_Arab"),
        ("YOR_LATN", "yor_Latn"),
    ],
)
def test_aliases(code: str, expected: str) -> None:
    assert canonical(code) == expected


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("yorr", "yor_Latn"),
        ("yor_Latin", "yor_Latn"),
        ("Yoruba", "yor_Latn"),
        ("swahili", "swh_Latn"),
        ("Deutsch", "deu_Latn"),
    ],
)
def test_unknown_code_suggests_the_nearest(code: str, hint: str) -> None:
    with pytest.raises(UserError, match=f"unknown language '{code}' \\(did you mean '{hint}'"):
        find(code)


@pytest.mark.parametrize("code", ["", "-", "_", "xx", "zz-ZZ", "uz-Deva", "en-ha", "x" * 10_000])
def test_unknown_codes_are_errors_of_one_line(code: str) -> None:
    with pytest.raises(UserError) as caught:
        find(code)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@given(st.text())
def test_any_text_is_a_language_or_a_user_error(code: str) -> None:
    try:
        language = find(code)
    except UserError:
        return
    assert language in known()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("swahili", "swh_Latn"),
        ("Kiswahili", "swh_Latn"),
        ("swa", "swh_Latn"),
        ("sw", "swh_Latn"),
        ("swh_Latn", "swh_Latn"),
        ("አማርኛ", "amh_Ethi"),
        ("ไทย", "tha_Thai"),
        ("Serbian", "srp_Cyrl"),
        ("serbian (latin script)", "srp_Latn"),
        ("Arabic", "arb_Arab"),
        ("Haitian_Creole", "hat_Latn"),
    ],
)
def test_names_are_taken_beside_codes(text: str, code: str) -> None:
    assert identify(text).code == code


@pytest.mark.parametrize("text", ["Akan languages", "Creole", "no such", ""])
def test_a_name_that_stands_for_no_one_language_is_an_error(text: str) -> None:
    with pytest.raises(UserError, match="unknown language"):
        identify(text)


def test_undetermined_is_a_label_and_no_language_that_is_offered() -> None:
    assert find("und").name == "Undetermined"
    assert "und" not in {language.code for language in known()}
    with pytest.raises(UserError) as caught:
        find("unt")
    assert "und" not in str(caught.value).partition("(")[2]


def test_codes_of_the_table_are_ascii_sorted_and_claimed_once() -> None:
    lines = (Path(__file__).parents[2] / "harness" / "languages.tsv").read_text(encoding="utf-8").splitlines()
    claims = defaultdict(set)
    for line in lines[1:]:
        code, _, _, bcp47, _, _, _, ntrex, aliases = line.split("\t")
        for alias in filter(None, [code, bcp47, ntrex, *aliases.split()]):
            assert alias.isascii()
            claims[alias.replace("_", "-").casefold()].add(code)
    assert {alias: codes for alias, codes in claims.items() if len(codes) > 1} == {}
    codes = [language.code for language in known()]
    assert codes == sorted(set(codes))


def test_rows_are_complete() -> None:
    for language in known():
        iso3, script = language.code.split("_")[:2]
        assert (language.iso3, language.script) == (iso3, script)
        assert len(iso3) == 3
        assert script_name(script) != script or script in ("Thai",)
        assert language.name
        assert language.endonym == language.endonym.strip() != ""
        assert language.family
        assert 0 <= language.resource <= 5
        assert language.region in REGIONS
        assert (language.family == "Constructed") <= (language.region == "World")
        assert find(language.bcp47) == language


def test_a_wanted_language_stands_for_what_a_data_set_has() -> None:
    portuguese = ["eng_Latn", "por_Latn", "por_Latn_BR"]
    assert standing_for("por_Latn", portuguese) == ("por_Latn",)
    assert standing_for("por_Latn_BR", portuguese) == ("por_Latn_BR",)
    assert standing_for("por_Latn_BR", ["por_Latn"]) == ("por_Latn",)
    assert standing_for("twi_Latn", ["twi_Latn_akua1239", "twi_Latn_asan1239"]) == (
        "twi_Latn_akua1239",
        "twi_Latn_asan1239",
    )
    assert standing_for("twi_Latn_akua1239", ["twi_Latn_asan1239"]) == ()
    assert standing_for("srp_Latn", ["srp_Cyrl"]) == ()


def test_codes_of_translation_models_are_those_of_transformers() -> None:
    pytest.importorskip("sentencepiece", reason="transformers' tables stand beside tokenizers that need it")
    from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES as M2M100
    from transformers.models.mbart50.tokenization_mbart50 import FAIRSEQ_LANGUAGE_CODES as MBART50
    from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB

    tables: dict[Scheme, list[str]] = {"nllb": NLLB, "m2m100": M2M100["m2m100"], "mbart50": MBART50}
    for scheme, theirs in tables.items():
        ours = {language.code: system_code(scheme, language.code) for language in known()}
        whole_languages = [own for code, own in ours.items() if own is not None and code.count("_") == 1]
        assert sorted(whole_languages) == sorted(theirs)
    assert {code: system_code("nllb", code) for code in FLORES_200.split() if system_code("nllb", code) != code} == {
        "arb_Latn": None,
        "min_Arab": None,
        "sat_Olck": "sat_Beng",  # what the model calls Santali, although it writes Ol Chiki
    }


@pytest.mark.parametrize(
    ("scheme", "code", "own"),
    [
        ("nllb", "zh-TW", "zho_Hant"),
        ("nllb", "fr-CA", "fra_Latn"),
        ("nllb", "nqo", None),
        ("m2m100", "zho_Hans", "zh"),
        ("m2m100", "zho_Hant", None),
        ("m2m100", "nso", "ns"),
        ("mbart50", "sw-KE", "sw_KE"),
        ("mbart50", "yor", None),
        ("madlad", "fil", "fil"),
        ("madlad", "por_Latn_BR", "pt"),
        ("madlad", "hin_Latn", None),
        ("t5", "de", "German"),
        ("t5", "amh", None),
    ],
)
def test_system_codes(scheme: Scheme, code: str, own: str | None) -> None:
    assert system_code(scheme, code) == own


def test_system_codes_are_of_known_languages_and_lead_back_to_them() -> None:
    lines = (Path(__file__).parents[2] / "harness" / "system_codes.tsv").read_text(encoding="utf-8").splitlines()
    codes = [line.split("\t")[0] for line in lines[1:]]
    assert codes == sorted(set(codes))
    assert set(codes) <= {language.code for language in known()}
    for scheme in SCHEMES:
        own = [code for language in codes if (code := system_code(scheme, language))]
        assert len(set(own)) == len(own)
    madlad = {own: code for code in codes if (own := system_code("madlad", code))}
    assert {own: canonical(own) for own in madlad} == madlad


def test_scripts() -> None:
    assert script_name("Ethi") == "Ethiopic"
    assert script_name("Nkoo") == "N'Ko"
    assert script_name("Qaaa") == "Qaaa"
    assert [script_direction(script) for script in ("Arab", "Hebr", "Nkoo", "Thaa", "Latn")] == ["rtl"] * 4 + ["ltr"]
    unspaced = {"Hans", "Hant", "Jpan", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"}
    assert {language.script for language in known() if not spaces_words(language.script)} == unspaced
    assert find("ar").direction == "rtl"


@pytest.mark.parametrize(
    ("code", "tokenizer"),
    [
        ("zh", "zh"),
        ("yue", "zh"),
        ("jpn", "char"),
        ("tha", "char"),
        ("khm", "char"),
        ("bod", "char"),
        ("kor", "13a"),
        ("yor", "13a"),
    ],
)
def test_bleu_tokenizer(code: str, tokenizer: str) -> None:
    assert bleu_tokenizer(code) == tokenizer


def test_bleu_tokenizers_need_no_download() -> None:
    from metrics.registry import create

    for language in known():
        assert create("bleu", {"tokenize": bleu_tokenizer(language.code)})


def test_importing_reads_nothing() -> None:
    code = "import harness.languages as l; print(l._table.cache_info().currsize, l._index.cache_info().currsize)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0"]
