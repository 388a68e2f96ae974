"""The documented shell: each chapter's code, pasted as it stands, in a real shell."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from tutorial.chapters import all_chapters, get_chapter
from tutorial.running import mask


def in_the_shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run the line with bash, against the tests' own database."""
    database = connection.settings_dict
    url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(
        **{key: quote(str(database[key]), safe="") for key in ("USER", "PASSWORD", "HOST", "NAME")},
        PORT=database["PORT"] or "5432",
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", line],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "PATH": path,
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "slug",
    [
        chapter.slug
        for chapter in all_chapters()
        # These two are about other things than what they print: how an error looks that nobody
        # catches, and a function that is replaced for everybody.
        if chapter.slug not in ("protecting-deletions", "drift")
    ],
)
def test_a_chapter_pasted_into_a_shell_prints_what_is_expected(slug: str) -> None:
    finished = in_the_shell(get_chapter(slug).shell_line)

    assert finished.returncode == 0, finished.stderr
    assert mask(finished.stdout) == get_chapter(slug).expected


@pytest.mark.django_db(transaction=True)
def test_an_error_that_nobody_catches_ends_in_the_documented_sentence() -> None:
    finished = in_the_shell(get_chapter("protecting-deletions").shell_line)

    assert "pgtrigger: Cannot delete rows from tutorial_cannotdelete table" in finished.stderr
    assert "CONTEXT:  PL/pgSQL function pgtrigger_protect" in finished.stderr
