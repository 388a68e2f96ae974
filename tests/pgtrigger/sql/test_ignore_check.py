"""The settings of ``ignore()``, and the check in each function."""

import pytest

from pgtrigger.sql import ignore_check


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ((), "{}"),
        (("t:b", "t:a"), "{t:a,a,t:b,b}"),
        (('we "x":a',), '{"we \\"x\\":a",a}'),
        (("a,b:c",), '{"a,b:c",c}'),
    ],
)
def test_the_setting_has_each_trigger_with_its_table_and_alone(keys, expected):
    assert ignore_check.array(frozenset(keys)) == expected


def test_the_check_searches_for_the_key_as_the_array_writes_it():
    check = ignore_check.check('we "x":a', "RETURN OLD;")
    assert '\'"we \\\\"x\\\\":a"\'' in check.replace("E'", "'")
    assert check.count("'we \"x\":a'") == 2
    assert check.count("RETURN OLD;") == 1
    assert check.startswith("    IF pg_catalog.current_setting('pgtrigger.ignore', true)")
