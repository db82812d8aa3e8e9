"""Runs with known structure for the reports' tests: parallel items, a shared difficulty, several models and prompts."""

from __future__ import annotations

import numpy as np

from tests.harness.synthetic_runs import Unit

LANGUAGES = ("eng_Latn", "amh_Ethi", "tir_Ethi", "arb_Arab", "mya_Mymr", "nqo_Nkoo", "jpn_Jpan", "yor_Latn")
ITEMS = 120
CHANCE = 0.25


def choice_units(
    *,
    models: tuple[str, ...] = ("strong", "weak"),
    prompts: tuple[str, ...] = ("",),
    languages: tuple[str, ...] = LANGUAGES,
    seed: int = 5,
) -> list[Unit]:
    """Multiple-choice scores of every model, prompt and language on the same items, whose difficulty is shared."""
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(size=ITEMS)
    units = []
    for model_at, model in enumerate(models):
        for prompt_at, prompt in enumerate(prompts):
            for place, language in enumerate(languages):
                ability = 1.0 - 0.8 * model_at - 0.12 * place + 0.3 * ((model_at + 2 * prompt_at + place) % 3)
                right = ability + difficulty + 0.5 * rng.normal(size=ITEMS) > 0
                units.append(
                    Unit(
                        values=right.astype(np.float64),
                        model=model,
                        task="choice",
                        language=language,
                        metric="acc",
                        prompt=prompt,
                        chance=CHANCE,
                    )
                )
    return units
