"""Small COMET checkpoints of every class with random weights, made and scored by unbabel-comet itself.

Runs in that package's environment: ``python comet_checkpoints.py ENCODER SAMPLES OUT`` writes, for every model below, a
folder in the released layout under OUT, and ``scores.json`` with what ``predict`` gives for the samples.
"""

import json
import logging
import sys
import warnings
from pathlib import Path

COMMON = {"load_pretrained_weights": False, "nr_frozen_epochs": 0, "dropout": 0.1}
MODELS = {
    "wmt22-comet-da": (
        "RegressionMetric",
        {"layer_transformation": "sparsemax_patch", "layer_norm": False, "hidden_sizes": [24, 12]},
    ),
    "wmt20-comet-da": (
        "RegressionMetric",
        {"layer_transformation": "softmax", "layer_norm": True, "hidden_sizes": [24, 12]},
    ),
    "one-layer": ("RegressionMetric", {"layer": 2, "pool": "max", "hidden_sizes": [16], "final_activation": "Sigmoid"}),
    "wmt20-comet-qe-da": (
        "ReferencelessRegression",
        {"layer_transformation": "sparsemax", "layer_norm": True, "hidden_sizes": [24, 12]},
    ),
    "wmt22-cometkiwi-da": (
        "UnifiedMetric",
        {
            "sent_layer": "mix",
            "layer_transformation": "sparsemax_patch",
            "layer_norm": True,
            "input_segments": ["mt", "src"],
            "word_level_training": True,
            "word_layer": 3,
            "error_labels": ["minor", "major"],
            "hidden_sizes": [24, 12],
        },
    ),
    "unite-mup": (
        "UnifiedMetric",
        {
            "sent_layer": "mix",
            "layer_transformation": "sparsemax",
            "layer_norm": False,
            "input_segments": ["mt", "src", "ref"],
            "word_level_training": False,
            "hidden_sizes": [24, 12],
        },
    ),
    "xcomet": (
        "XCOMETMetric",
        {
            "encoder_model": "XLM-RoBERTa",
            "sent_layer": "mix",
            "layer_transformation": "sparsemax_patch",
            "layer_norm": False,
            "word_layer": 3,
            "hidden_sizes": [24, 12],
        },
    ),
}


def main(encoder: str, samples_file: str, out: str) -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    import pytorch_lightning
    import torch
    import yaml
    from comet import models
    from comet.models import load_from_checkpoint

    samples = json.loads(Path(samples_file).read_text(encoding="utf-8"))
    without = [{"src": sample["src"], "mt": sample["mt"]} for sample in samples]
    answers = {}
    for number, (name, (kind, options)) in enumerate(MODELS.items()):
        torch.manual_seed(number + 1)
        model = getattr(models, kind)(**COMMON, pretrained_model=encoder, **options)
        with torch.no_grad():
            for parameter_name, parameter in model.named_parameters():
                if parameter_name.startswith(("layerwise_attention", "estimator", "hidden2tag")):
                    parameter.add_(torch.randn_like(parameter) * 0.3)
        checkpoint = Path(out) / name / "checkpoints" / "model.ckpt"
        checkpoint.parent.mkdir(parents=True)
        trainer = pytorch_lightning.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
        trainer.strategy.connect(model)
        trainer.save_checkpoint(checkpoint, weights_only=True)
        hparams = {key: value for key, value in dict(model.hparams).items() if not callable(value)}
        (checkpoint.parent.parent / "hparams.yaml").write_text(yaml.safe_dump(hparams), encoding="utf-8")
        loaded = load_from_checkpoint(str(checkpoint))
        for setting, given in (("with", samples), ("without", without)):
            if setting == "without" and kind not in ("UnifiedMetric", "XCOMETMetric"):
                continue
            found = loaded.predict(given, batch_size=16, gpus=0, progress_bar=False, num_workers=0)
            answers[f"{name}/{setting}"] = {
                "scores": [float(score) for score in found.scores],
                "spans": found.metadata.error_spans
                if "metadata" in found and "error_spans" in found.metadata
                else None,
            }
    (Path(out) / "scores.json").write_text(json.dumps(answers), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
