"""``docs/what-a-rule-does-not-stop.md``: its SQL, run as the application."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, transaction

from tests.pgtrigger.roles.conftest import execute

PAGE = Path(settings.BASE_DIR) / "docs" / "what-a-rule-does-not-stop.md"
BLOCKS = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
OLD = "11111111-1111-4111-8111-111111111111"


def test_the_page_has_its_blocks():
    assert len(BLOCKS) == 4


@pytest.mark.parametrize("block", BLOCKS)
def test_each_statement_does_what_the_page_says(application, block):
    execute(
        "INSERT INTO pghistory_context (id, created_at, updated_at, metadata) "
        "VALUES (%s, '2020-01-01', now(), %s)",
        [OLD, '{"user": 1}'],
    )
    execute(f"SET LOCAL ROLE {application}")
    for line in block.splitlines():
        statement, _, expected = line.partition("  -- ")
        sql = statement.replace("shop_order", "pghistory_tests_statementlevel").replace("%", "%%")
        if expected.startswith(("permission denied", "must be owner")):
            with pytest.raises(DatabaseError, match=expected), transaction.atomic():
                execute(sql)
        else:
            rows = execute(sql)
            assert not expected or str(rows[0][0]) == expected
