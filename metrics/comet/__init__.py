"""Inference of published COMET checkpoints on current torch and transformers, without Lightning.

``checkpoint`` reads a checkpoint, ``encoder`` turns texts into tokens and states, ``layers`` holds the small trained
parts, ``models`` the four classes of model, ``metric`` the metric, ``original`` runs the unbabel-comet package itself
in an environment of its own.
References: Rei et al. 2020, https://aclanthology.org/2020.emnlp-main.213/; Rei et al. 2022 (COMET-22, CometKiwi);
Guerreiro et al. 2024, https://aclanthology.org/2024.tacl-1.54/ (xCOMET); unbabel-comet 2.2.7.
"""
