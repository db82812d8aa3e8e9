"""A task, group or tag of lm-eval's -> task files of ours: languages as rows, prompts and settings by name.

lm-eval has one name for every language, prompt, setting and subject. What only differs by language is one task with
many languages; ``prompt_1`` to ``prompt_5`` are its prompts; what else differs (``direct`` and ``translate``) are its
variants. A group that lm-eval gives a score of its own (weighted by size) and that is one language throughout, such as
the subjects of MMLU, is one row whose documents are one pool. What has another data set, kind of request or score is
another task.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from harness.errors import UserError
from harness.languages import UND
from harness.lm_eval_entries import Entry
from harness.lm_eval_index import Index
from harness.lm_eval_languages import LANG
from harness.lm_eval_metrics import scores_of
from harness.lm_eval_readme import about
from harness.spec import LM_KINDS, TaskSpec

PROMPT = "{prompt}"

_LOG = logging.getLogger(__name__)
_PROMPT = re.compile(r"(?<=[_-])(prompt[_-]?\d+|p\d+)(?=$|[_-])")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.+-]+")
_READERS = frozenset(["", "json", "csv", "parquet", "text", "arrow"])
"""``dataset_path`` of files that name no data set, but how local files are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One of lm-eval's tasks, or a group of them that is one pool.

    Attributes:
        language: Canonical code, ``und`` where it is not known.
        pattern: The name with ``{lang}`` and ``{prompt}`` for what says the language and the prompt, if anything does.
        own, prompt: What stood there; the prompt is empty where there is none.
        first: The first task.
    """

    name: str
    language: str
    pattern: str
    own: str
    prompt: str
    first: Entry

    @property
    def together(self) -> tuple[object, ...]:
        """What members of one task have in common."""
        entry = self.first
        data = entry.dataset_path
        if data in _READERS and entry.path is not None:
            data = str(entry.path.parent)
        return (entry.request_kind, entry.scores, entry.filters, data, bool(self.prompt))


@dataclass(slots=True)
class _Family:
    """Members that become one task; patterns in which every language has one code."""

    codes: dict[str, str] = field(default_factory=dict)
    patterns: dict[str, list[Member]] = field(default_factory=dict)

    def takes(self, pattern: str, members: Sequence[Member]) -> bool:
        """Add the members of a pattern, unless a language has another code here already."""
        if LANG in pattern:
            own = {member.language: member.own for member in members}
            both = {**self.codes, **own}
            if any(both[language] != code for language, code in self.codes.items()):
                return False
            if len(set(both.values())) < len(both):
                return False
            self.codes = both
        self.patterns[pattern] = list(members)
        return True


def members(index: Index, name: str) -> tuple[Member, ...]:
    """What a name holds, each once, in lm-eval's order.

    Raises:
        UserError: The name or one in it does not exist.
    """
    index.leaves(name)
    found: dict[str, Member] = {}
    _collect(index, name, found)
    return _without_varieties(list(found.values()))


def task_specs(index: Index, name: str) -> list[TaskSpec]:
    """The tasks that a name stands for. Parts of a group that cannot run here are left out, and told in the log.

    Raises:
        UserError: As :func:`members`; or no part of it can run here.
    """
    groups: dict[tuple[object, ...], list[Member]] = {}
    for member in members(index, name):
        groups.setdefault(member.together, []).append(member)
    reasons = [reason for group in groups.values() if (reason := _why_not(group[0].first))]
    groups = {key: group for key, group in groups.items() if not _why_not(group[0].first)}
    if not groups:
        raise UserError("\n".join(reasons) or f"lm-eval's '{name}' holds no tasks")
    for reason in reasons:
        _LOG.warning("%s: left out: %s", name, reason)
    families = [family for group in groups.values() for family in _families(group)]
    names = _task_names(name, families)
    return [_spec(family, own) for family, own in zip(families, names, strict=True)]


def _why_not(entry: Entry) -> str:
    """Why a task cannot run here; empty where it can."""
    if entry.kind == "python":
        return f"lm-eval's task '{entry.name}' is written in Python; only tasks that are YAML files run here"
    if entry.request_kind not in LM_KINDS:
        return f"lm-eval's task '{entry.name}' is of kind '{entry.request_kind}'; known here: {', '.join(LM_KINDS)}"
    scores = scores_of(entry)
    if not scores.metrics:
        told = ", ".join(scores.left_out) or "nothing"
        return f"lm-eval's task '{entry.name}' is scored by {told}, in code of its own that is not computed here"
    return ""


def _collect(index: Index, name: str, found: dict[str, Member]) -> None:
    entry = index.entry(name)
    if entry.is_task:
        found.setdefault(name, _member(name, entry.language, entry.pattern or name, entry.own, entry))
        return
    leaves = [index.entry(leaf) for leaf in index.leaves(name)]
    if leaves and entry.pooled and _is_one_pool(leaves):
        own = leaves[0].own if len({leaf.own for leaf in leaves}) == 1 else ""
        pattern = re.sub(rf"(?<![^_-]){re.escape(own)}(?![^_-])", LANG, name) if own else name
        found.setdefault(name, _member(name, leaves[0].language, pattern, own, leaves[0]))
        return
    for child in entry.children:
        _collect(index, child, found)


def _is_one_pool(leaves: Sequence[Entry]) -> bool:
    """Whether tasks are the parts of one test in one language, and not its prompts."""
    alike = {(leaf.language, leaf.request_kind, leaf.scores, leaf.filters) for leaf in leaves}
    by_prompt = {_PROMPT.sub(PROMPT, leaf.pattern or leaf.name) for leaf in leaves}
    return len(alike) == 1 and (len(by_prompt) == len(leaves)) and all(leaf.kind == "task" for leaf in leaves)


def _member(name: str, language: str, pattern: str, own: str, first: Entry) -> Member:
    prompts = _PROMPT.findall(pattern)
    prompt = prompts[-1] if prompts else ""
    return Member(
        name=name,
        language=language or UND,
        pattern=_PROMPT.sub(PROMPT, pattern) if len(prompts) == 1 else pattern,
        own=own if LANG in pattern else "",
        prompt=prompt if len(prompts) == 1 else "",
        first=first,
    )


def _without_varieties(found: Sequence[Member]) -> tuple[Member, ...]:
    """A region or dialect only where the same tasks have another of the language: ``SW_KE`` alone is Swahili."""
    spoken = {member.language for member in found}
    plain = {code: sum(1 for other in spoken if _plain(other) == _plain(code)) == 1 for code in spoken}
    return tuple(
        Member(
            name=member.name,
            language=_plain(member.language) if plain[member.language] else member.language,
            pattern=member.pattern,
            own=member.own,
            prompt=member.prompt,
            first=member.first,
        )
        for member in found
    )


def _plain(code: str) -> str:
    return "_".join(code.split("_")[:2])


def _families(group: Sequence[Member]) -> list[_Family]:
    """Members of one data set and score, as few tasks as their languages' codes allow."""
    patterns: dict[str, list[Member]] = {}
    for member in group:
        have = patterns.setdefault(member.pattern, [])
        if any((member.language, member.prompt) == (other.language, other.prompt) for other in have):
            patterns[member.name] = [member]
        else:
            have.append(member)
    families: list[_Family] = []
    for pattern, found in patterns.items():
        if not any(family.takes(pattern, found) for family in families):
            families.append(_Family())
            families[-1].takes(pattern, found)
    return families


def _task_names(name: str, families: Sequence[_Family]) -> list[str]:
    """A name for each task: the one asked for where it is one task, else what the names of its members have in common.

    That is what they begin with, where it tells the tasks apart, else every word that all of them have.
    """
    if len(families) == 1:
        return [_clean(name)]
    alone = [[member.name for group in family.patterns.values() for member in group] for family in families]
    begin = [_clean(one[0] if len(one) == 1 else _common(family)) for one, family in zip(alone, families, strict=True)]
    every = [_clean(_in_all(family)) for family in families]
    names: list[str] = []
    for first, second in zip(begin, every, strict=True):
        told_apart = [one for one in (first, second) if one and (begin + every).count(one) <= 1 + (first == second)]
        own = told_apart[0] if told_apart else first or second or _clean(name)
        number = sum(one == own or one.startswith(f"{own}.") for one in names) + 1
        names.append(own if number == 1 else f"{own}.{number}")
    return names


def _spec(family: _Family, name: str) -> TaskSpec:
    found = [member for group in family.patterns.values() for member in group]
    first = found[0].first
    kind = first.request_kind
    scores = scores_of(first)
    if scores.left_out:
        _LOG.warning("task %s: lm-eval also scores %s, which is not computed here", name, ", ".join(scores.left_out))
    languages = {member.language: family.codes.get(member.language, member.language) for member in found}
    prompts = list(dict.fromkeys(member.prompt for member in found if member.prompt))
    settings = list(_settings(family))
    title, link = about(first.path.parent, first.root) if first.path else ("", "")
    written: dict[str, Any] = {
        "task": name,
        "kind": kind,
        "description": title,
        "source": link,
        "dataset": {"parallel": False},
        "languages": languages,
        "prompts": prompts,
        "metrics": scores.metrics,
    }
    choices = {member.first.choices for member in found}
    if kind == "multiple_choice" and len(choices) == 1 and 0 not in choices:
        written["chance"] = 1 / choices.pop()
    whole = len(settings) == 1 and set(settings[0][1]) == set(languages) and settings[0][2] == prompts
    if whole:
        written["lm_eval"] = settings[0][0]
    else:
        labels = _labels([pattern for pattern, _, _ in settings])
        written["variants"] = {
            label: {"lm_eval": pattern, "languages": spoken, "prompts": asked}
            for label, (pattern, spoken, asked) in zip(labels, settings, strict=True)
        }
    try:
        return TaskSpec.model_validate(written)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, detail["loc"]))
        raise UserError(f"lm-eval's '{name}': {place}: {detail['msg']}; it cannot be a task here") from error


def _settings(family: _Family) -> Iterable[tuple[str, list[str], list[str]]]:
    """Pattern, languages and prompts of every setting; a pattern that lacks a prompt in a language is one a prompt."""
    for pattern, found in family.patterns.items():
        prompts = list(dict.fromkeys(member.prompt for member in found if member.prompt))
        spoken = list(dict.fromkeys(member.language for member in found))
        if pattern == found[0].name or len(found) == len(spoken) * max(len(prompts), 1):
            yield pattern, spoken, prompts
        else:
            for prompt in prompts:
                having = [member.language for member in found if member.prompt == prompt]
                yield pattern.replace(PROMPT, prompt), having, [prompt]


def _labels(patterns: Sequence[str]) -> list[str]:
    """Names of settings: what their patterns do not have in common."""
    for other in ("", "xx"):
        split = [_words(pattern, other) for pattern in patterns]
        front, back = _shared(split), _shared([words[::-1] for words in split])
        labels = ["_".join(words[front : len(words) - min(back, len(words) - front)]) for words in split]
        if len(set(labels)) == len(labels):
            return [label or "default" for label in labels]
    return [_clean(pattern.replace(LANG, "xx").replace(PROMPT, "prompt")) for pattern in patterns]


def _words(pattern: str, language: str) -> list[str]:
    return [word for word in re.split(r"[_-]+", pattern.replace(PROMPT, "").replace(LANG, language)) if word]


def _shared(split: Sequence[Sequence[str]]) -> int:
    """How many words all begin with."""
    count = 0
    for words in zip(*split, strict=False):
        if len(set(words)) > 1:
            break
        count += 1
    return count


def _common(family: _Family) -> str:
    """The words that all patterns begin with."""
    split = [_words(pattern.partition(LANG)[0] or pattern, "") for pattern in family.patterns]
    return "_".join(split[0][: _shared(split)])


def _in_all(family: _Family) -> str:
    """The words of the first pattern that all patterns have."""
    split = [_words(pattern, "") for pattern in family.patterns]
    return "_".join(word for word in split[0] if all(word in words for words in split))


def _clean(name: str) -> str:
    """A name that a task of ours can have; one with letters that it cannot have ends in a hash of them."""
    found = _NOT_IN_NAMES.sub("_", name).strip("_")
    if name.isascii():
        return found
    return f"{found or 'task'}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
