"""Names and texts of others, through every command and every format: nothing of them does anything."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli import cli, main
from harness.errors import GlotbenchError
from harness.export import csv_text, csv_value
from harness.markup import plain_line, plain_lines, told
from harness.store import RunFolder
from leaderboard.building import summaries
from tests.harness.hostile_runs import LANGUAGES, MODELS, write_hostile_run

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
REPORTS = ("overview", "language", "family", "script", "resource", "region", "prompt", "variant")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A run, a worse one, and one whose languages alone are what they should be."""
    folder = tmp_path_factory.mktemp("hostile")
    known = ("eng_Latn-yor_Latn", "eng_Latn-hau_Latn")
    return (
        write_hostile_run(folder / "good"),
        write_hostile_run(folder / "worse", worse=3),
        write_hostile_run(folder / "known", languages=known),
    )


class Terminal(io.StringIO):
    """Standard output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def run(*words: object, terminal: bool = False) -> tuple[str, str]:
    """What a command writes on standard output and standard error."""
    out, err = Terminal() if terminal else io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli([str(word) for word in words], standalone_mode=False)
        except GlotbenchError as error:  # as the command line tells it
            err.write(told(error))
    return out.getvalue(), err.getvalue()


def commands(good: Path, worse: Path, known: Path, tmp_path: Path) -> Iterator[tuple[str, list[object]]]:
    """Every command that shows a run, with the format it writes."""
    for by in REPORTS:
        for form in ("table", "csv", "json", "markdown"):
            yield form, ["report", good, "--format", form, *(() if by == "overview" else ("--by", by))]
    for form in ("markdown", "matrix", "json", "csv"):
        yield form.replace("matrix", "markdown"), ["compare", good, "--format", form]
    for form in ("table", "csv", "json", "markdown", "latex"):
        yield form, ["score", known, "--metrics", "chrf++", "--format", form]
    for form in ("markdown", "json", "csv"):
        yield form, ["diagnose", known, "--format", form]
    policy = tmp_path / "policy.yaml"
    policy.write_text("rules: [{scope: per_language, hard_drop: 5}, {scope: macro}]\n", encoding="utf-8")
    yield "table", ["gate", worse, "--baseline", good, "--policy", policy, "--junit", tmp_path / "j.xml",
                    "--summary", tmp_path / "s.md", "--json", tmp_path / "g.json"]  # fmt: skip
    yield "csv", ["export", "csv", good]
    yield "table", ["export", "mteb", good, "--out", tmp_path / "mteb"]


def test_every_command_in_every_format(runs: tuple[Path, Path, Path], tmp_path: Path) -> None:
    seen = 0
    for form, words in commands(*runs, tmp_path):
        out, err = run(*words)
        assert UNSAFE.search(err) is None, words
        if not out:
            continue
        seen += 1
        {"table": _terminal, "latex": _terminal, "csv": _csv, "json": _json, "markdown": _markdown}[form](out)
    assert seen >= 40
    _junit((tmp_path / "j.xml").read_text(encoding="utf-8"))
    _json((tmp_path / "g.json").read_text(encoding="utf-8"))
    _markdown((tmp_path / "s.md").read_text(encoding="utf-8"))
    for path in (tmp_path / "mteb").rglob("*"):
        assert re.fullmatch(r"[\w.+-]+", path.name, re.ASCII)


@pytest.mark.parametrize("form", ["csv", "json", "markdown"])
def test_data_formats_are_harmless_when_they_are_shown_on_a_terminal(runs: tuple[Path, Path, Path], form: str) -> None:
    _terminal(run("compare", runs[0], "--format", form, terminal=True)[0])


def test_every_page_and_file_of_the_site(runs: tuple[Path, Path, Path], tmp_path: Path) -> None:
    site = tmp_path / "a" / "site"
    run("leaderboard", "build", runs[0], "--out", site)
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"site"}
    assert not list(tmp_path.rglob("owned"))
    for path in site.rglob("*"):
        if path.is_dir():
            continue
        assert re.fullmatch(r"[\w.-]+", path.name, re.ASCII)
        content = path.read_bytes()
        text = (zlib.decompress(content) if path.parent.name == summaries.FOLDER else content).decode("utf-8")
        if path.suffix in (".html", ".js"):
            assert "<img src=x" not in text
            assert "<script>alert" not in text
            assert UNSAFE.search(text.replace("\r", "")) is None, path
            assert "javascript:" not in re.sub(r">[^<]*<", "><", text)
        elif path.suffix == ".csv":
            _csv(text)
        elif path.suffix == ".json":
            _json(text)


def test_tasks_with_hostile_texts(tmp_path: Path) -> None:
    shipped = Path(__file__).resolve().parents[2] / "tasks" / "sample"
    text = next(path for path in shipped.rglob("*.yaml") if "sample_sts" in path.read_text(encoding="utf-8")).read_text(
        encoding="utf-8"
    )
    hostile = '"<b>\\e]0;owned\\a\\u202e\\x9b31m | x"'
    changed = re.sub(
        r"^(description|source): .*(\n  .*)*$", lambda found: f"{found[1]}: {hostile}", text, flags=re.MULTILINE
    )
    (tmp_path / "t.yaml").write_text(changed.replace("sample_sts", "mine"), encoding="utf-8")
    for words in (["tasks", "list", "--search", "mine"], ["tasks", "show", "mine"], ["tasks", "validate", "mine"]):
        out, err = run(*words, "--tasks", tmp_path)
        _terminal(out)
        assert UNSAFE.search(err) is None


def test_errors_warnings_and_progress(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "x\x1b[31m\u202e" + "y" * 9000
    monkeypatch.setattr("sys.argv", ["glotbench", "report", str(tmp_path / name)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told_text = capsys.readouterr().err
    assert UNSAFE.search(told_text) is None
    assert max(map(len, told_text.splitlines())) < 2100
    assert told(ValueError("\n".join(["a"] * 1000))).endswith("... and 800 more")


@given(st.text())
def test_a_line_stays_a_line_and_is_changed_no_further(text: str) -> None:
    line = plain_line(text)
    assert UNSAFE.search(line) is None
    assert not {"\n", "\t"} & {*line}
    assert len(line) == len(text)
    assert plain_lines(line) == line
    assert all(one in (other, "\ufffd") for one, other in zip(line, text, strict=True))


@given(
    st.lists(
        st.text() | st.sampled_from(["=1", "'=1", "''@x", "\n=1", "\r=", "-5", "-5e3", "'-5", " =1", "＝1", '"', "a,b"])
    )
)
def test_csv_round_trip(texts: list[str]) -> None:
    written = csv_text(["a"] * len(texts), [texts])
    held = [text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") for text in texts]
    rows = list(csv.reader(io.StringIO(written, newline=""), strict=True))
    if len(texts) > 1 or (texts and texts[0]):
        assert [csv_value(cell) for cell in rows[1]] == held
    for cell in rows[1] if len(rows) > 1 else ():
        assert not cell.lstrip(" ").startswith(tuple("=@\t\r\n＝＋－＠|%"))
        if cell.startswith(("+", "-")):
            float(cell)


def test_numbers_in_csv_stay_numbers(runs: tuple[Path, Path, Path]) -> None:
    rows = list(csv.DictReader(io.StringIO(run("compare", *runs[:1], "--format", "csv")[0], newline="")))
    deltas = [row["delta"] for row in rows]
    assert any(delta.startswith("-") for delta in deltas)
    for delta in deltas:
        float(delta)
    assert {csv_value(row["language"]) for row in rows} >= {*LANGUAGES}
    assert {csv_value(row["system"]) for row in rows} | {csv_value(row["against"]) for row in rows} == {*MODELS}


def test_the_record_keeps_the_names_as_they_are(runs: tuple[Path, Path, Path]) -> None:
    assert {score.model for score in RunFolder(runs[0]).record.scores} == {*MODELS}


def _terminal(text: str) -> None:
    found = UNSAFE.search(text)
    assert found is None, repr(text[max(0, found.start() - 60) : found.end() + 20])


def _csv(text: str) -> None:
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(row) for row in rows} <= {len(rows[0])} if rows else True
    for cell in (cell for row in rows for cell in row):
        assert not cell.lstrip(" ").startswith(("=", "@", "\t", "\r", "\n", "|", "%")), cell
        if cell.startswith(("+", "-")):
            float(cell)


def _json(text: str) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(text, parse_constant=refuse)
    text.encode("utf-8")


def _markdown(text: str) -> None:
    """Outside code spans no HTML, link, image or mention; and in tables as many cells in every row."""
    _terminal(text)
    bare = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    bare = re.sub(r"\\.", "", bare)
    bare = re.sub(r"\[[a-z ]+\]\(#worst-segments-\d+\)", "", bare)  # the gate's own, within the page
    assert re.search(r"<[a-zA-Z/!]", bare) is None
    assert re.search(r"\]\(|!\[|@\w|://", bare) is None
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(counts) == 1, table


def _junit(text: str) -> None:
    tree = ElementTree.fromstring(text)
    assert list(tree.iter("testcase"))
    assert not list(tree.iter("script"))
    assert re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", text) is None
    _terminal(text)
