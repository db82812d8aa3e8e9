"""Keys of stored answers stay what they are: a store that was filled by an earlier version is still good."""

from __future__ import annotations

from typing import get_args

import pytest

from harness.embedding_cache import vector_key
from harness.store import request_key
from harness.types import Embed, Generate, Judge, LogLikelihood, Preference, Request, RollingLogLikelihood

KEYS: list[tuple[Request, str]] = [
    (
        LogLikelihood(context="ሰላም 🦁", continuation=" ለዓለም", language="amh_Ethi"),
        "dd543e7b6381ef71ddb5d2d0ca1d1bb53f1085960985cb9a629ddbfc0d84db92",
    ),
    (
        RollingLogLikelihood(text="ߊߟߎ߫ ߣߌ߫ ߖߏ߬", language="nqo_Nkoo"),
        "5f2e923c7b90487289b68a4b30f18bea09a284162820e9f7a7ff19f127e375f4",
    ),
    (
        Preference(prompt="สวัสดี", completion="こんにちは", context="မင်္ဂလာပါ ", language="tha_Thai"),
        "86fd8b7f3795c5ed44c263cce36c34d4f6f7391596fcf06398c185ccfefb80cb",
    ),
    (
        Judge(hypothesis="مرحبا", source="hello", references=("سلام", "\ud800"), target_language="arb_Arab"),
        "3ac1b24b13e8b6b907e678b945df45a3e2b82b791ee0230c76db899aeec55d24",
    ),
    (
        Generate(
            prompt="ሰላም",
            until=("\n", "።"),
            max_tokens=7,
            source="hi",
            source_language="eng_Latn",
            target_language="amh_Ethi",
            locator=(("source", "en"), ("target", "am")),
            line=3,
            lines=9,
        ),
        "5510a9ce356ede6160b887dde1f1c8f551bd69446141180d649f63a2bb550179",
    ),
    (
        Embed(text="水とパン", pooling=("mean", "lasttoken"), language="jpn_Jpan"),
        "b5a6386c46b24cc8090ee4ed1394e819e11667634c3abe09e679ea0278f8373c",
    ),
    (
        Embed(text="水とパン", side="query", instruction="検索"),
        "451fd120639cd1248a94497ba7149f206344b04e0e3f062f94290e5740048cf2",
    ),
]


def test_every_kind_of_request_has_a_pinned_key() -> None:
    assert {type(request) for request, _ in KEYS} == set(get_args(Request))


@pytest.mark.parametrize(("request_", "key"), KEYS, ids=[type(request).__name__ for request, _ in KEYS])
def test_keys_do_not_change(request_: Request, key: str) -> None:
    assert request_key("model", request_) == key


def test_keys_of_kept_vectors_do_not_change() -> None:
    assert vector_key("query: ", "水とパン").hex() == "54e32e857a709fc5f6601705f49b8ff8"
