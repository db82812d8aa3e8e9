"""What is typed or written in a line: models, metrics, languages, templates, patterns; and COMET's files."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.mutation import DIGITS, TOKENS, of_bytes, of_grammar, of_yaml
from tests.fuzz.target import Target, of_file


def model_targets(folder: Path) -> list[Target]:
    """What a model is called, and COMET's files."""
    from harness.commands.output import label_files, metric_list
    from harness.engine.models import parse_model
    from harness.engine.reasoning import declared_end
    from harness.target_options import text_metric
    from metrics.comet.checkpoint import read
    from metrics.comet.places import checkpoint_file
    from tests.comet_toy import write_checkpoint, write_encoder

    toy = write_checkpoint(folder / "comet", write_encoder(folder / "encoder"))
    checkpoint, settings = toy / "checkpoints" / "model.ckpt", toy / "hparams.yaml"
    weights = checkpoint.read_bytes()
    beside = folder / "other" / "hparams.yaml"
    beside.parent.mkdir()
    beside.write_bytes(settings.read_bytes())

    def model(content: bytes) -> object:
        spec = parse_model(content.decode("utf-8", "surrogateescape"))
        spec.name.encode("utf-8")
        declared_end(spec)
        spec.require_known(["dtype", "batch_size", "compile"])
        return spec.name, spec.tasks, spec.flag("compile"), spec.integer("batch_size", 3)

    def metric(content: bytes) -> object:
        text = content.decode("utf-8", "surrogateescape")
        label_files([text]) if "=" in text and "," not in text else None
        return [text_metric(one, "hau").signature() for one in metric_list(text) if not one.startswith("comet")]

    models = [b"hf:org/name,dtype=float32,batch_size=8", b"outputs:out/{lang}.txt,name=x,label=y,tasks=a;b"]
    parts = [
        "hf:",
        "outputs:",
        "name",
        ",batch_size=",
        "8",
        "-1",
        DIGITS,
        "\u0663",
        ",compile=",
        "true",
        ",label=",
        ",",
    ]
    metrics = [
        "chrf++",
        ":",
        "word_order=",
        "2",
        ",",
        "bleu",
        "tokenize=",
        "char",
        "lowercase=",
        "true",
        "@",
        "1e9",
        DIGITS,
    ]
    return [
        Target(name="model", inputs=models, mutate=of_grammar(parts, 6), use=model, share=2),
        Target(
            name="metric",
            inputs=[b"bleu:tokenize=13a", b"chrf:char_order=3"],
            mutate=of_grammar(metrics, 6),
            use=metric,
            share=0.3,
        ),
        of_file("COMET's settings", settings, [settings.read_bytes()], of_yaml, lambda path: read(checkpoint), 0.2),
        of_file(
            "COMET's checkpoint",
            folder / "other" / "checkpoints" / "model.ckpt",
            [weights],
            of_bytes,
            lambda path: read(checkpoint_file(str(path))),
            share=0.3,
        ),
    ]


def text_targets() -> list[Target]:
    """Languages, templates, patterns."""
    from harness.languages import identify
    from harness.patterns import check_search
    from harness.prompts import evaluate, render
    from harness.template_checks import check_template

    fields = {"q": "ሰላም ነው?", "n": 3, "choices": ["a", "b"], "o": {"a": [1, {"b": None}]}, "long": "x" * 20_000}

    def template(content: bytes) -> object:
        text = content.decode("utf-8", "surrogateescape")
        found = list(check_template(text, ("doc_to_text",), ()))
        for work in (render, evaluate):
            if work(text, fields, "t") and found:
                break
        return found

    def pattern(content: bytes) -> object:
        from harness.errors import UserError

        first, _, text = content.decode("utf-8", "surrogateescape").partition("\n")
        try:
            check_search(first, text)
        except ValueError as error:
            raise UserError(str(error)) from error
        import re

        return re.sub(first, "", text)

    codes = [
        "eng",
        "_",
        "-",
        "Latn",
        "yor",
        "zh",
        "CN",
        "Hans",
        "und",
        "Yoruba",
        "Arabic",
        " ",
        "(",
        "ߒߞߏ",
        "\x00",
        "İ",
    ]
    return [
        Target(name="language", inputs=[b"yor_Latn", b"zh-Hans-CN", b"Norwegian"], mutate=of_grammar(codes, 6),
               use=lambda content: identify(content.decode("utf-8", "surrogateescape")), share=0.3),
        Target(name="template", inputs=TEMPLATES, mutate=of_grammar(GRAMMAR), use=template, share=4),
        Target(name="pattern", inputs=[b"\\s*(a|b)?[^c]{1,3}$\naaab bbb"], mutate=of_grammar(PATTERNS), use=pattern,
               share=2),
    ]  # fmt: skip


TEMPLATES = [
    b"Question: {{q}}\nAnswer:",
    b"{% for c in choices %}{{ loop.index }}. {{ c|upper }}\n{% endfor %}",
    b"{{ choices.index('a') }}",
    b"{% if n > 2 %}{{ q[:3] ~ '!' }}{% else %}{{ o.a[1].b|default('x') }}{% endif %}",
    b"{{ q|regex_replace('\\\\s+', ' ')|trim }}",
    b"{% set x = q.split(' ') %}{{ x|join('-')|title }}",
]
GRAMMAR = (
    *[
        "{{",
        "}}",
        "{{ ",
        " }}",
        "{% for a in ",
        " %}",
        "{% endfor %}",
        "{% if ",
        "{% endif %}",
        "{% set a = ",
        "{% else %}",
        "q",
        "n",
    ],
    *["choices", "o.a", "long", "range("],
    *[
        "99999",
        ")",
        "(",
        "[",
        "]",
        ".",
        "|",
        " ~ ",
        " * ",
        " + ",
        " ** ",
        "'x'",
        "10**9",
        "|join(long)",
        "|replace('x', long)",
        "|list",
        "|tojson",
        "|sort",
    ],
    *[
        "|groupby('a')",
        "|map('upper')",
        "|center(99999)",
        "|wordwrap(1)",
        "|batch(3)",
        "|sum",
        "|round(9)",
        "|int(base=36)",
    ],
    *["|regex_replace('(a|b)*', 'x')", "|regex_replace('x*x*$', '')", ".split('x')", ".join(choices)", ".format(q)"],
    *[
        ".__class__",
        "['__class__']",
        "|attr('x')",
        "namespace(a=1)",
        "cycler('a','b')",
        "joiner()",
        ".next()",
        "loop.index",
    ],
    *[
        "loop.cycle(1,2)",
        "dict(a=q)",
        "self",
        "super()",
        "{% macro f() %}",
        "{% include 'x' %}",
        "{% import 'os' as o %}",
    ],
    *[
        "{% raw %}",
        "{% filter upper %}",
        "{# c #}",
        "-%}",
        "{{-",
        " is defined",
        " in ",
        " not ",
        " and ",
        "==",
        "<",
        "1e308",
        "0x7f",
        "None",
    ],
    *("true", "none|length", "\n", "a", DIGITS, *(text.decode("utf-8", "surrogatepass") for text in TOKENS[:12])),
)
PATTERNS = (
    *(
        "a",
        "b",
        ".",
        "\\s",
        "\\w+",
        "[ab]",
        "[^a]*",
        "(",
        ")",
        "(?:",
        "|",
        "*",
        "+",
        "?",
        "{2,}",
        "{1,3}",
        "$",
        "^",
        "\\1",
    ),
    *(
        "(?=",
        "(?<=",
        "(?P<x>",
        "(?P=x)",
        "(?i)",
        ".*",
        ".*?",
        "\\",
        "[",
        "]",
        "\n",
        "aaaaaaaaaaaaaaaaaaaaaaaa",
        "b" * 300,
    ),
)
