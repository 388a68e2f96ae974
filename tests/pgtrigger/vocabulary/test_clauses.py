"""The words of CREATE TRIGGER, and how operations combine."""

import pytest

import pgtrigger
from pgtrigger.errors import DeclarationError
from tests.pgtrigger.models import Plain

INSERT, UPDATE, DELETE = pgtrigger.Insert, pgtrigger.Update, pgtrigger.Delete
OF_NUMBER = pgtrigger.UpdateOf("number")


class TestOperations:
    def test_operations_are_equal_in_any_order(self):
        assert INSERT | UPDATE == UPDATE | INSERT
        assert hash(INSERT | UPDATE) == hash(UPDATE | INSERT)
        assert INSERT | UPDATE != INSERT | DELETE
        assert INSERT | UPDATE != "INSERT OR UPDATE"

    def test_an_operation_is_equal_to_itself_alone(self):
        assert INSERT | INSERT == INSERT
        assert hash(INSERT | INSERT) == hash(INSERT)
        assert INSERT != UPDATE
        assert OF_NUMBER != UPDATE
        assert pgtrigger.UpdateOf("a", "b") == pgtrigger.UpdateOf("b", "a")

    def test_an_operation_occurs_once(self):
        both = INSERT | UPDATE | INSERT
        assert list(both) == [INSERT, UPDATE]
        assert DELETE not in both
        assert UPDATE in both

    def test_only_operations_combine(self):
        with pytest.raises(TypeError):
            INSERT | "UPDATE"

    def test_names_are_those_of_tg_op(self):
        assert (OF_NUMBER | UPDATE | DELETE).names == ["UPDATE", "DELETE"]

    def test_operations_are_written_as_sql_and_shown_as_python(self):
        assert str(INSERT | DELETE) == "INSERT OR DELETE"
        assert repr(INSERT | OF_NUMBER) == "Insert | UpdateOf('number')"
        assert (INSERT | OF_NUMBER).render(Plain) == 'INSERT OR UPDATE OF "number"'


class TestUpdateOf:
    def test_a_field_is_rendered_as_its_column(self):
        assert pgtrigger.UpdateOf("parent", "id").render(Plain) == ('UPDATE OF "parent_id", "id"')
        assert pgtrigger.UpdateOf("parent_id").render(Plain) == 'UPDATE OF "parent_id"'

    def test_without_a_model_the_names_stay(self):
        assert str(pgtrigger.UpdateOf("a", 'b"c')) == 'UPDATE OF "a", "b""c"'
        assert pgtrigger.UpdateOf("a").render(None) == 'UPDATE OF "a"'

    def test_at_least_one_field_is_named(self):
        with pytest.raises(DeclarationError, match="at least one field"):
            pgtrigger.UpdateOf()

    def test_an_unknown_field_is_rejected_with_the_known_ones(self):
        with pytest.raises(DeclarationError, match=r"'nope'.* It has: .*number"):
            pgtrigger.UpdateOf("nope").render(Plain)


class TestReferencing:
    def test_it_names_the_tables_of_its_sides(self):
        both = pgtrigger.Referencing(old="Before", new='"After"')
        assert both.sides == ["old", "new"]
        assert str(both) == 'REFERENCING OLD TABLE AS "before" NEW TABLE AS "After"'
        assert pgtrigger.Referencing(new="a").sides == ["new"]
        assert str(pgtrigger.Referencing(old="a")) == 'REFERENCING OLD TABLE AS "a"'

    def test_one_name_for_both_is_rejected(self):
        with pytest.raises(DeclarationError, match="are the same"):
            pgtrigger.Referencing(old="rows", new="ROWS")

    def test_no_name_is_rejected(self):
        with pytest.raises(DeclarationError, match='needs "old", "new", or both'):
            pgtrigger.Referencing()

    def test_it_takes_names_only_by_keyword(self):
        with pytest.raises(TypeError):
            pgtrigger.Referencing("a", "b")

    def test_it_cannot_be_changed(self):
        with pytest.raises(AttributeError):
            pgtrigger.Referencing(old="a").old = "b"


@pytest.mark.parametrize(
    ("word", "text"),
    [
        *((pgtrigger.Row, "ROW"), (pgtrigger.Statement, "STATEMENT")),
        *((pgtrigger.Before, "BEFORE"), (pgtrigger.InsteadOf, "INSTEAD OF")),
        *((pgtrigger.Deferred, "DEFERRED"), (pgtrigger.Immediate, "IMMEDIATE")),
    ],
)
def test_a_word_is_written_as_sql_and_cannot_be_changed(word, text):
    assert str(word) == text
    assert word == type(word)(text)
    assert word != type(word)("ANOTHER")
    assert {word: 1}[type(word)(text)] == 1
    with pytest.raises(AttributeError):
        word.name = "ANOTHER"
