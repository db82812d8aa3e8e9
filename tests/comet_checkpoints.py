"""Small COMET checkpoints with random weights, made and scored by unbabel-comet itself.

Runs in that package's environment, and imports nothing of ours: ``python comet_checkpoints.py PLAN OUT``. PLAN is a
JSON file: ``texts`` to train tokenizers on, ``encoders`` (name -> kind, sizes), ``models`` (name -> class, encoder,
options, ``beside``, how many of the samples to score) and ``samples`` (``src``, ``mt``, ``ref``). Written under OUT:
a folder for every encoder (configuration and tokenizer), one for every model in the layout of released checkpoints,
and ``scores.json`` with what the package's ``predict`` gives, with and without references.
"""

import json
import logging
import os
import sys
import warnings
from pathlib import Path

SPECIAL = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
COMMON = {"load_pretrained_weights": False, "nr_frozen_epochs": 0, "dropout": 0.1}
WITHOUT_REFERENCES = ("UnifiedMetric", "XCOMETMetric")


def write_encoder(folder: Path, kind: str, sizes: dict, texts: list) -> None:
    """Configuration and tokenizer of a small encoder of one of the package's kinds."""
    import transformers

    folder.mkdir(parents=True)
    if kind == "BERT":
        tokenizer = _wordpieces(folder, texts, sizes["vocab_size"])
    else:
        model = _sentence_pieces(folder, texts, sizes["vocab_size"], rembert=kind == "RemBERT")
        if kind == "RemBERT":
            tokenizer = transformers.RemBertTokenizerFast(vocab_file=str(model), pad_token="[PAD]", unk_token="[UNK]")
        else:
            tokenizer = transformers.XLMRobertaTokenizerFast(vocab_file=str(model))
    tokenizer.save_pretrained(folder)
    config = {
        "XLM-RoBERTa": transformers.XLMRobertaConfig,
        "XLM-RoBERTa-XL": transformers.XLMRobertaXLConfig,
        "BERT": transformers.BertConfig,
        "MiniLM": transformers.BertConfig,
        "RemBERT": transformers.RemBertConfig,
    }[kind]
    own = {"type_vocab_size": 1} if kind.startswith("XLM") else {}
    config(**{**sizes, **own, "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}).save_pretrained(
        folder
    )


def _sentence_pieces(folder: Path, texts: list, size: int, *, rembert: bool) -> Path:
    """A sentencepiece model, with the normalisation of XLM-R's."""
    import sentencepiece

    corpus = folder.with_name(f"{folder.name}.txt")
    corpus.write_text("".join(f"{text[:4000]}\n" for text in texts if text.strip()), encoding="utf-8")
    names = {"bos_piece": "[CLS]", "eos_piece": "[SEP]", "pad_piece": "[PAD]", "unk_piece": "[UNK]"}
    own = {"pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3, "control_symbols": "[MASK]", **names} if rembert else {}
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus),
        model_prefix=str(folder / "sentencepiece.bpe"),
        vocab_size=size,
        model_type="unigram",
        normalization_rule_name="nmt_nfkc",
        character_coverage=0.995,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
        **own,
    )
    corpus.unlink()
    (folder / "sentencepiece.bpe.vocab").unlink()
    return folder / "sentencepiece.bpe.model"


def _wordpieces(folder: Path, texts: list, size: int):
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertTokenizerFast

    trained = BertWordPieceTokenizer(lowercase=False, strip_accents=False)
    trained.train_from_iterator(texts, vocab_size=size, show_progress=False)
    trained.save_model(str(folder))
    return BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), do_lower_case=False)


def write_checkpoint(folder: Path, name: str, options: dict, beside: dict, seed: int) -> Path:
    """A checkpoint of one of the package's classes, saved by Lightning as the released ones are.

    ``beside`` is what ``hparams.yaml`` says otherwise than the checkpoint, as that of released folders does.
    """
    import pytorch_lightning
    import torch
    import yaml
    from comet import models

    torch.manual_seed(seed)
    model = getattr(models, name)(**COMMON, **options)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if parameter_name.startswith(("layerwise_attention", "estimator", "hidden2tag")):
                inputs = parameter.shape[-1] if parameter.dim() > 1 else 1
                scale = 0.3 * min(1.0, (32 / inputs) ** 0.5)  # scores stay of the size of published models'
                parameter.add_(torch.randn_like(parameter) * scale)
    checkpoint = folder / "checkpoints" / "model.ckpt"
    checkpoint.parent.mkdir(parents=True)
    trainer = pytorch_lightning.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    trainer.strategy.connect(model)
    trainer.save_checkpoint(checkpoint, weights_only=True)
    hparams = {key: value for key, value in dict(model.hparams).items() if not callable(value)}
    (folder / "hparams.yaml").write_text(yaml.safe_dump({**hparams, **beside}), encoding="utf-8")
    return checkpoint


def predictions(checkpoint: Path, samples: list) -> dict:
    """What the package makes of the samples, as a caller of its ``predict`` gets it."""
    from comet.models import load_from_checkpoint

    model = load_from_checkpoint(str(checkpoint))
    found = model.predict(samples, batch_size=16, gpus=0, progress_bar=False, num_workers=0)
    spans = found.metadata.error_spans if "metadata" in found and "error_spans" in found.metadata else None
    return {"scores": [float(score) for score in found.scores], "spans": spans}


def main(plan_file: str, out: str) -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    plan = json.loads(Path(plan_file).read_text(encoding="utf-8"))
    target = Path(out).resolve()
    target.mkdir(exist_ok=True)
    os.chdir(target)  # the package's MiniLM always takes the tokenizer called xlm-roberta-base: a folder here
    for name, encoder in plan["encoders"].items():
        write_encoder(target / name, encoder["kind"], encoder["sizes"], plan["texts"])
    scores = {}
    for number, (name, model) in enumerate(plan["models"].items()):
        options = {"pretrained_model": str(target / model["encoder"]), **model["options"]}
        checkpoint = write_checkpoint(target / name, model["class"], options, model.get("beside", {}), number + 1)
        samples = plan["samples"][: model.get("samples", 0)]
        if samples:
            scores[f"{name}/with"] = predictions(checkpoint, samples)
        reads_both = {"src", "ref"} <= set(options.get("input_segments", ["src", "ref"]))
        if samples and model["class"] in WITHOUT_REFERENCES and reads_both:
            without = [{"src": sample["src"], "mt": sample["mt"]} for sample in samples]
            scores[f"{name}/without"] = predictions(checkpoint, without)
    (target / "scores.json").write_text(json.dumps(scores), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
