"""Inference of published COMET checkpoints on current torch and transformers, without Lightning.

A score's way through: ``places`` finds a checkpoint, ``checkpoint`` reads it, ``models`` puts together what it is made
of: ``encoder`` (``kinds``, ``tokens``, ``sentencepiece_model``: texts into hidden states) and ``layers`` (the trained
parts beside it), in ``sentences`` for models that encode sentences apart, in ``joint`` (and ``spans``) for models that
encode a translation with its source and reference. ``metric`` is the metric; ``judgement`` holds the types.
``original``, ``worker`` and ``environment`` run the unbabel-comet package itself.
References: Rei et al. 2020, https://aclanthology.org/2020.emnlp-main.213/ (COMET); Rei et al. 2022,
https://aclanthology.org/2022.wmt-1.52/ and https://aclanthology.org/2022.wmt-1.60/ (COMET-22, CometKiwi); Wan et al.
2022, https://aclanthology.org/2022.acl-long.558/ (UniTE); Guerreiro et al. 2024,
https://aclanthology.org/2024.tacl-1.54/ (xCOMET). Reference implementation: unbabel-comet 2.2.7.
"""
