"""Secrets are taken out of texts however they are written down, and what is no secret stays."""

from __future__ import annotations

import base64
import json
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.redaction import environment_secrets, redacted

SECRET = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=40)
AROUND = st.text(alphabet="ሰላم สวัสดี ߊ 🦁 \n", max_size=20)


@settings(deadline=None)
@given(SECRET, AROUND, AROUND)
def test_a_known_secret_is_found_in_every_spelling(secret: str, before: str, after: str) -> None:
    spelled = [
        secret,
        json.dumps(secret)[1:-1],
        urllib.parse.quote(secret, safe=""),
        base64.b64encode(secret.encode()).decode(),
    ]
    for one in spelled:
        assert one not in redacted(f"{before}{one}{after}", [secret]).replace("***", "")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("--model api:m,url=http://u:p@s@h:8/v1,n=4", "--model api:m,url=http://***@h:8/v1,n=4"),
        ("http://u:p/w@h/v1 and more", "http://***@h/v1 and more"),
        ("url=https://h/v1?sig=abc&api-version=1,name=x", "url=https://h/v1?sig=***&api-version=***,name=x"),
        ("api:m,url=http://h/v1,api_key=abc,name=ሰላም", "api:m,url=http://h/v1,api_key=***,name=ሰላም"),
        ('{"Authorization": "Bearer abc.def"}', '{"Authorization": "Bearer ***"}'),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("token hf_abcdefghijklmnopqrst was wrong", "token hf_*** was wrong"),
        ("key sk-proj-abcdefghijklmnopqrstuvwxyz", "key sk-***"),
    ],
)
def test_what_looks_like_a_secret_goes(text: str, wanted: str) -> None:
    assert redacted(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "glotbench run afrixnli --model hf:org/name,dtype=bfloat16 --languages sw,yo --data-root /m@x",
        "http://host:8000/models/x@v1",
        "hf://datasets/org/name@main/data.parquet",
        "Exit 1: ቁልፍ key is missing; bearer of bad news? basic English",
        "https://huggingface.co/datasets/org/name",
        "think_end=</think>,name=token counts",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_the_environments_secrets_are_those_named_so() -> None:
    environment = {
        "HF_TOKEN": "hf_0123456789",
        "OPENAI_API_KEY": "sk-0123456789",
        "db_password": "longenough",
        "SHORT_KEY": "EMPTY",
        "TOKENIZERS_PARALLELISM": "false-and-long",
        "KEYBOARD": "qwertz-qwertz",
    }
    assert set(environment_secrets(environment)) == {"hf_0123456789", "sk-0123456789", "longenough"}
