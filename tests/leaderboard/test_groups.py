from leaderboard.groups import groups_of, together
from leaderboard.tables import Board, boards
from tests.leaderboard_runs import record_of, score


def board_of(*languages: str) -> Board:
    return boards([record_of(*(score("a", language, 1.0) for language in languages))])[0]


def test_languages_fall_into_scripts_families_and_resource_classes() -> None:
    found = {group.id: group for group in groups_of(board_of("amh_Ethi", "tir_Ethi", "fra_Latn"))}
    assert found["script-ethi"].rows == {"amh_Ethi", "tir_Ethi"}
    assert found["script-latn"].rows == {"fra_Latn"}
    assert found["family-afro-asiatic"].rows == {"amh_Ethi", "tir_Ethi"}
    assert {group.kind for group in found.values()} == {"script", "family", "resource class"}


def test_a_direction_belongs_where_its_other_side_does() -> None:
    found = {group.id: group for group in groups_of(board_of("eng_Latn-amh_Ethi", "amh_Ethi-eng_Latn"))}
    assert found["script-ethi"].rows == {"eng_Latn-amh_Ethi", "amh_Ethi-eng_Latn"}
    assert found["script-ethi"].codes == {"amh_Ethi"}
    assert "script-latn" not in found


def test_unknown_languages_are_in_no_group() -> None:
    assert groups_of(board_of("nope", "x_Y-z")) == ()


def test_groups_of_several_boards_are_put_together_and_a_kind_that_tells_nothing_is_left_out() -> None:
    one, other = groups_of(board_of("amh_Ethi", "tir_Ethi")), groups_of(board_of("amh_Ethi"))
    found = together((*one, *other))
    assert "script" not in found
    assert "family" not in found
    merged = together((*one, *groups_of(board_of("fra_Latn"))))
    assert [(group.id, len(group.codes)) for group in merged["script"]] == [("script-ethi", 2), ("script-latn", 1)]
