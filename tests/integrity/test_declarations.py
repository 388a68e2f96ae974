import pytest

from integrity.declarations import Table, kept, model_at, table_of, truncated

from .models import ElsewhereGuest, ElsewhereMember, Member, MemberProxy


@pytest.mark.parametrize(
    ("name", "expected"),
    [("x" * 64, "x" * 63), ("x" * 62 + "é", "x" * 62), ("x" * 61 + "é", "x" * 61 + "é")],
)
def test_a_name_keeps_63_bytes_and_no_half_of_a_character(name: str, expected: str) -> None:
    assert truncated(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("plain", "plain"), ('"quoted"', "quoted"), ('a""b', 'a"b'), ('"', '"'), ("select", "select")],
)
def test_a_name_is_kept_as_django_quotes_it(name: str, expected: str) -> None:
    assert kept(name) == expected


def test_a_model_may_name_its_schema() -> None:
    assert table_of(ElsewhereMember) == Table("integrity_elsewhere", "mem)=(ber")
    assert table_of(Member) == Table(None, "integrity_tests_member")


def test_a_table_that_names_its_schema_is_nowhere_else() -> None:
    assert table_of(ElsewhereGuest).is_at("integrity_elsewhere", "guest")
    assert not table_of(ElsewhereGuest).is_at("public", "guest")


def test_a_table_that_names_none_is_anywhere_but_where_another_model_is() -> None:
    assert Table(None, "guest").is_at("public", "guest")
    assert Table(None, "guest").is_at("tenant", "guest")
    assert not Table(None, "guest").is_at("integrity_elsewhere", "guest")


def test_the_model_of_a_table_is_the_concrete_one() -> None:
    assert table_of(MemberProxy) == table_of(Member)
    assert model_at("public", "integrity_tests_member") is Member
    assert model_at("public", "no_such_table") is None
