from harness.boards import Board, boards
from harness.groups import KINDS, groups_of, together, ungrouped, ways_of
from harness.languages import known
from tests.leaderboard_runs import record_of, score


def board_of(*languages: str) -> Board:
    return boards([record_of(*(score("a", language, 1.0) for language in languages))])[0]


def test_languages_fall_into_scripts_families_resource_classes_and_regions() -> None:
    found = {group.id: group for group in groups_of(board_of("amh_Ethi", "tir_Ethi", "fra_Latn"))}
    assert found["script-ethi"].rows == {"amh_Ethi", "tir_Ethi"}
    assert found["script-latn"].rows == {"fra_Latn"}
    assert found["family-afro-asiatic"].rows == {"amh_Ethi", "tir_Ethi"}
    assert found["region-africa"].rows == {"amh_Ethi", "tir_Ethi"}
    assert found["region-europe"].name == "Europe"
    assert found["resource-5"].name == "5 (Winners)"
    assert found["resource-5"].rows == {"fra_Latn"}
    assert [group.kind for group in groups_of(board_of("amh_Ethi"))] == list(KINDS[1:])


def test_a_direction_belongs_where_its_other_side_does() -> None:
    found = {group.id: group for group in groups_of(board_of("eng_Latn-amh_Ethi", "eng_Latn-fra_Latn"))}
    assert found["script-ethi"].rows == {"eng_Latn-amh_Ethi"}
    assert found["script-ethi"].codes == {"amh_Ethi"}
    assert found["script-latn"].codes == {"fra_Latn"}


def test_directions_into_and_out_of_the_pivot_are_never_put_together() -> None:
    board = board_of("eng_Latn-amh_Ethi", "amh_Ethi-eng_Latn", "amh_Ethi-jpn_Jpan")
    found = {group.id: group for group in groups_of(board)}
    assert {name: found[name].rows for name in found if name.startswith("script-ethi")} == {
        "script-ethi-into": {"amh_Ethi-eng_Latn"},
        "script-ethi-out": {"eng_Latn-amh_Ethi"},
        "script-ethi-between": {"amh_Ethi-jpn_Jpan"},
    }
    assert found["script-jpan-between"].rows == {"amh_Ethi-jpn_Jpan"}
    assert found["script-ethi-into"].title == "script Ethiopic (Ethi), into English"
    assert [(group.name, len(group.rows)) for group in ways_of(board)] == [
        ("into English", 1),
        ("out of English", 1),
        ("without English", 1),
    ]
    assert ways_of(board_of("eng_Latn-amh_Ethi", "eng_Latn-fra_Latn")) == ()
    assert ways_of(board_of("amh_Ethi", "fra_Latn")) == ()


def test_unknown_and_undetermined_languages_are_in_no_group_and_can_be_named() -> None:
    board = board_of("nope", "x_Y-z", "und")
    assert groups_of(board) == ()
    assert ungrouped(board, "family") == ("nope", "und", "x_Y-z")
    assert ungrouped(board_of("amh_Ethi", "und"), "region") == ("und",)


def test_every_language_we_know_is_in_one_group_of_each_kind() -> None:
    board = board_of(*(language.code for language in known()))
    groups = groups_of(board)
    for kind in KINDS[1:]:
        rows = [row for group in groups if group.kind == kind for row in group.rows]
        assert sorted(rows) == sorted(board.languages)
    assert len({group.id for group in groups}) == len(groups)


def test_groups_of_several_boards_are_put_together_and_a_kind_that_tells_nothing_is_left_out() -> None:
    one, other = groups_of(board_of("amh_Ethi", "tir_Ethi")), groups_of(board_of("amh_Ethi"))
    found = together((*one, *other))
    assert "script" not in found
    assert "family" not in found
    merged = together((*one, *groups_of(board_of("fra_Latn"))))
    assert [(group.id, len(group.codes)) for group in merged["script"]] == [("script-ethi", 2), ("script-latn", 1)]
