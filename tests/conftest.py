"""Fixtures that every test may use."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.demo_run import FinishedDemo, run_demo

os.environ.setdefault("HF_HUB_OFFLINE", "1")
"""A test that names a model which is not there would otherwise ask the hub, and wait for its answer."""

_LONGEST = (
    "tests/demo/test_demo.py",
    "tests/parity/test_demo.py",
    "tests/parity/test_comet.py",
    "tests/browser/",
    "tests/cli/",
)
"""What is begun first where tests run side by side, so that nobody waits for it at the end."""


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets beside the repository; the test is skipped where there is none."""
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the public data sets in {folder}, which is missing")
    return folder


@pytest.fixture(scope="session")
def lm_eval_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the index of lm-eval's own tasks, which takes seconds: made once for all processes."""
    from harness.lm_eval_index import stock_index

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    cache = folder / "lm-eval" / "glotbench"
    cache.mkdir(parents=True, exist_ok=True)
    with (folder / "lm-eval.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stock_index(cache)
    return cache


@pytest.fixture(scope="session")
def tiny_causal_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a Llama-shaped model with random weights and one token a byte: real code paths, no knowledge."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from harness.toy import byte_tokenizer

    folder = tmp_path_factory.mktemp("tiny-causal")
    tokenizer = byte_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=512,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.model_max_length = 512
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_sentence_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a sentence-transformers model with random weights, unit vectors of 32 numbers and E5's prompts."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel

    from harness.toy import byte_tokenizer

    folder = tmp_path_factory.mktemp("tiny-sentence")
    tokenizer = byte_tokenizer()
    tokenizer.model_max_length = 256
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=256,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.3,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        BertModel(config).save_pretrained(folder / "encoder")
    tokenizer.save_pretrained(folder / "encoder")
    modules = [Transformer(str(folder / "encoder")), Pooling(32, pooling_mode="mean"), Normalize()]
    prompts = {"query": "query: ", "passage": "passage: "}
    SentenceTransformer(modules=modules, prompts=prompts, device="cpu").save_pretrained(str(folder / "model"))
    return folder / "model"


@pytest.fixture(scope="session")
def finished_demo(tmp_path_factory: pytest.TempPathFactory) -> FinishedDemo:
    """``glotbench demo``, run once: its tests' files are one group, so that one process makes it."""
    folder = tmp_path_factory.mktemp("demo")
    return run_demo(folder / "results", folder / "cache")


class _ByFile(LoadScopeScheduling):
    """Tests of a file run in one process, which makes their fixtures once; those of the demo's two files too,
    and those that share the browser.

    ``--dist loadgroup`` cannot say so: pytest 9.2 does not show pytest-xdist 3.8's groups to its scheduler.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if "tests/browser/" in path:
            return "browser"
        return "demo" if path.endswith("/test_demo.py") else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    config.option.loadscopereorder = False
    return _ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next((place for place, path in enumerate(_LONGEST) if item.nodeid.startswith(path)), len(_LONGEST))

    items.sort(key=place)
