"""What a check of a task's data found: one line a mistake, however many languages and rows have it.

Mistakes stop a run; remarks are what may well be so in real data, and is worth a look.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.yaml_reader import Location, YamlFile

_NAMED = 3


@dataclass(slots=True)
class _Finding:
    place: Location
    text: str
    sure: bool
    language: str
    rows: list[str]
    of: int
    also: list[str] = field(default_factory=list)


class Findings:
    """Mistakes and remarks, each told once."""

    def __init__(self) -> None:
        self._found: dict[tuple[Location, str], _Finding] = {}

    def add(
        self,
        place: Location,
        text: str,
        language: str = "",
        *,
        rule: str = "",
        rows: list[str] | None = None,
        of: int = 0,
        sure: bool = True,
    ) -> None:
        """Note one.

        Args:
            place: Where in the task file. text: What is wrong there.
            language: In whose data. rule: What other languages' findings of the same kind share; by default the text.
            rows: Ids of the items that show it, of ``of`` rows.
            sure: Whether it is a mistake, and no remark.
        """
        known = self._found.get((place, rule or text))
        if known is None:
            self._found[place, rule or text] = _Finding(place, text, sure, language, rows or [], of)
        else:
            known.sure = known.sure or sure
            if language not in (known.language, *known.also):
                known.also.append(language)

    def __bool__(self) -> bool:
        return bool(self._found)

    def problems(self, file: YamlFile) -> list[str]:
        """Lines of the mistakes, ``file:line: field: what is wrong (where in the data)``, in the file's order."""
        return self._lines(file, sure=True)

    def remarks(self, file: YamlFile) -> list[str]:
        """Lines of the remarks."""
        return self._lines(file, sure=False)

    def _lines(self, file: YamlFile, *, sure: bool) -> list[str]:
        wanted = [finding for finding in self._found.values() if finding.sure is sure]
        wanted.sort(key=lambda finding: file.line(finding.place))
        return [file.problem(finding.place, finding.text + _where(finding)) for finding in wanted]


def _where(finding: _Finding) -> str:
    """``(yor_Latn: item 17 and 2 more of 600 rows; also xho_Latn)``."""
    parts = []
    if finding.rows:
        more = f" and {len(finding.rows) - 1:,} more" if len(finding.rows) > 1 else ""
        item = f"item {finding.rows[0]}{more} of {finding.of:,} rows"
        parts.append(f"{finding.language}: {item}" if finding.language else item)
    elif finding.language:
        parts.append(finding.language)
    if finding.also:
        more = f" and {len(finding.also) - _NAMED} more" if len(finding.also) > _NAMED else ""
        parts.append(f"also {', '.join(finding.also[:_NAMED])}{more}")
    return f" ({'; '.join(parts)})" if parts else ""
