"""A first file for a task of every kind, with remarks: valid as it stands, for data laid out as its remarks say.

Text in, text out; the command line writes it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml

from harness.errors import UserError
from harness.languages import canonical
from harness.spec import Kind

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_REMARK = re.compile(r"^(?P<line> *[^ #\n].*?) {2,}# (?P<remark>.*)$", re.MULTILINE)
_REMARK_COLUMN = 34

_HEAD = """\
# {summary}
# Every field is explained in tasks/README.md. Check this file, and then the data with it:
#     glotbench tasks validate {file}
#     glotbench tasks validate {file} --data-root .
task: {task}                       # the name people type
kind: {kind}
description: {summary}
source: ""                         # where it is from: the address of a paper or a page
license: ""                        # of the data

dataset:
{dataset}

languages: [{languages}]           # any codes; {{lang}} above is the code as written here
"""

_ROWS = """\
  files: {name}/{{lang}}.tsv       # {first}, ..., under --data-root or beside this file
  # The first line names the columns: {columns}
  key: id                          # the same id in two languages is the same item"""

_PARALLEL = """\
  files: {name}/{{lang}}.tsv       # {first}, ..., under --data-root or beside this file
  # The first line names the columns: id, text
  key: id                          # rows with the same id say the same; without this line, those of the same number
  text: text"""

_LABELLED = """\
  files: {name}/{{lang}}-{{split}}.tsv   # under --data-root or beside this file
  # {name}/{code}-train.tsv, {name}/{code}-test.tsv, ...; the first line names the columns: id, text, label
  key: id
  label: label
  train_split: train               # what the classifier learns from
  splits: [test]                   # what it is judged on"""

_PARTS = """\
  # Under --data-root or beside this file; the first line of every file names its columns.
  parts:
    queries: {{files: "{name}/{{lang}}/queries.tsv", key: id}}   # id, text
    corpus: {{files: "{name}/{{lang}}/corpus.tsv", key: id}}     # id, text, and a title if there is one
    qrels: {{files: "{name}/{{lang}}/qrels.tsv"}}                # query-id, corpus-id, score (above 0: relevant)"""

_PROMPTS = {
    "multiple_choice": """\
prompts:                           # one or more, each scored on its own; field names and their meaning are lm-eval's
  plain:
    # {{column}} is a row's value. No white space at the end: target_delimiter, a space, follows.
    doc_to_text: "{{question}}\\nAnswer:"
    doc_to_choice: ["{{choice1}}", "{{choice2}}", "{{choice3}}"]
    doc_to_target: answer          # the number of the right choice, from 0, or its text

chance: 0.3333                     # the score of guessing
metrics: [acc, acc_norm]           # acc_norm: by the likelihood of a character
""",
    "generate_until": """\
prompts:                           # one or more, each scored on its own; field names and their meaning are lm-eval's
  plain:
    # {{column}} is a row's value. No white space at the end: target_delimiter, a space, follows.
    doc_to_text: "{{question}}\\nAnswer:"
    doc_to_target: answer
    generation_kwargs:
      until: ["\\n"]                # texts that end the answer
      max_gen_toks: 64             # and the most tokens
    filter_list:                   # what is done with an answer before it is judged
      - name: stripped
        filter: [{function: remove_whitespace}, {function: take_first}]

metrics: [exact_match]
""",
    "loglikelihood": """\
prompts:                           # one or more, each scored on its own; field names and their meaning are lm-eval's
  plain:
    doc_to_text: "{{beginning}}"   # no white space at the end: target_delimiter, a space, follows
    doc_to_target: ending

metrics: [acc, perplexity]         # acc: is the ending what the model would write?
""",
    "loglikelihood_rolling": """\
prompts:                           # field names and their meaning are lm-eval's
  plain:
    doc_to_target: "{{text}}"      # the text whose likelihood is asked for

metrics: [bits_per_byte, byte_perplexity, word_perplexity]
""",
    "perplexity": """\
pivot: {pivot}                     # what information_parity compares with
metrics: [bits_per_byte, bits_per_char, information_parity]
""",
    "preference": """\
prompts:                           # what a language model reads; a reward model is given the bare prompt
  plain:
    doc_to_text: "{{prompt}}"
    target_delimiter: "\\n\\n"       # stands between the prompt and the answer

chance: 0.5                        # the score of guessing
metrics: [preference_accuracy]
""",
    "contrastive": """\
chance: 0.5                        # the score of guessing
metrics: [contrastive_accuracy]
""",
    "translation": """\
directions: all                    # or xx-eng, eng-xx, or a list such as [eng-yor, yor-eng]

prompts:                           # for language models; translation systems are given the bare source
  plain:
    doc_to_text: |-
      Translate the sentence from {{source_language}} to {{target_language}}.
      {{source_language}}: {{source}}
      {{target_language}}:
    generation_kwargs:
      until: ["\\n"]                # texts that end the translation
      max_gen_toks: 256            # and the most tokens

metrics: [bleu, chrf++]            # BLEU's tokenizer follows the target language
""",
    "bitext_mining": """\
directions: all                    # or xx-eng, eng-xx, or a list such as [eng-yor, yor-eng]
metrics: [bitext_f1, bitext_accuracy]
""",
    "sts": """\
metrics: [cosine_spearman]
""",
    "classification": """\
metrics: [probe_accuracy, probe_f1]
""",
    "multilabel_classification": """\
metrics: [probe_f1, multilabel_accuracy]
""",
    "clustering": """\
metrics: [v_measure]
""",
    "pair_classification": """\
metrics: [pair_ap]
""",
    "retrieval": """\
metrics: [ndcg, recall]
""",
    "reranking": """\
metrics: [map, mrr]
""",
    "alignment": """\
pivot: {pivot}                     # the language that others are compared with
metrics: [mexa, language_ranker]
""",
}
"""What comes below the languages, by kind."""

_SUMMARIES = {
    "multiple_choice": "Questions with choices; the likeliest choice is the model's answer.",
    "generate_until": "Questions that the model answers in its own words.",
    "loglikelihood": "Beginnings of texts, and how they end.",
    "loglikelihood_rolling": "How likely whole texts are to a language model.",
    "perplexity": "Bits that a language model needs for the same texts in several languages.",
    "preference": "Answers of which one is better.",
    "contrastive": "Does a metric prefer the better of two translations?",
    "translation": "Translation between languages.",
    "bitext_mining": "Finding a sentence's translation among all sentences of a language.",
    "sts": "Are texts similar to a model that are similar to people?",
    "classification": "Classes of texts, learned from a few sentence vectors.",
    "multilabel_classification": "Labels of texts, learned from a few sentence vectors.",
    "clustering": "Do groups of sentence vectors agree with the groups people made?",
    "pair_classification": "Pairs of texts that belong together, or do not.",
    "retrieval": "Texts that answer a query.",
    "reranking": "Candidates of a query, the better ones first.",
    "alignment": "How well a model's hidden states of a language agree with those of English.",
}

_COLUMNS = {
    "multiple_choice": "id, question, choice1, choice2, choice3, answer",
    "generate_until": "id, question, answer",
    "loglikelihood": "id, beginning, ending",
    "loglikelihood_rolling": "id, text",
    "preference": "id, prompt, chosen, rejected",
    "contrastive": "id, source, reference, good-translation, incorrect-translation",
    "sts": "id, sentence1, sentence2, score",
    "clustering": "id, text, label",
    "pair_classification": "id, sentence1, sentence2, label (1: they belong together, 0: not)",
}
"""Columns of the kinds whose data is one file a language that is not parallel text."""


def new_task(kind: Kind, name: str, languages: Sequence[str], file: str) -> str:
    """YAML of a new task.

    Args:
        kind: What is asked of the model. name: Of the task. languages: Codes, as the files are named.
        file: What the file will be called.

    Raises:
        UserError: The name cannot be one, a language is unknown or there twice, or a kind compares languages and there
            is only one.
    """
    if not _NAME.fullmatch(name):
        raise UserError(
            f"'{name}' cannot be the name of a task; use letters and digits, then also '_', '-', '.' and '+'"
        )
    known = [canonical(code) for code in languages]
    for code, language in zip(languages, known, strict=True):
        if known.count(language) > 1:
            raise UserError(f"--languages: {code} is {language}, which is there twice; name it once")
    compared = kind in ("translation", "bitext_mining", "alignment", "perplexity")
    if len(known) < 2 and compared:
        raise UserError(f"kind {kind} compares languages; name two or more with --languages")
    pivot = "eng_Latn" if "eng_Latn" in known else known[0]
    head = _HEAD.format(
        summary=_SUMMARIES[kind],
        file=file,
        task=_quoted(name),
        kind=kind,
        dataset=_dataset(kind, name, languages),
        languages=", ".join(map(_quoted, languages)),
    )
    text = f"{head}\n{_PROMPTS[kind].replace('{pivot}', pivot)}"
    return _REMARK.sub(lambda found: f"{found['line']:<{_REMARK_COLUMN}} # {found['remark']}", text)


def _dataset(kind: Kind, name: str, languages: Sequence[str]) -> str:
    first = f"{name}/{languages[0]}.tsv"
    if kind in _COLUMNS:
        return _ROWS.format(name=name, first=first, columns=_COLUMNS[kind])
    if kind in ("classification", "multilabel_classification"):
        several = '\n  types: {label: json}             # a cell holds a list: ["news", "sport"]'
        return _LABELLED.format(name=name, code=languages[0]) + (several if kind.startswith("multi") else "")
    if kind in ("retrieval", "reranking"):
        candidates = (
            '    candidates: {{files: "{name}/{{lang}}/candidates.tsv"}}      # query-id, corpus-ids with spaces'
        )
        return (f"{_PARTS}\n{candidates}" if kind == "reranking" else _PARTS).format(name=name)
    return _PARALLEL.format(name=name, first=first)


def _quoted(name: str) -> str:
    """A name as YAML text: ``no``, ``1e5`` and their like in quotes."""
    return name if isinstance(yaml.safe_load(name), str) else f'"{name}"'
