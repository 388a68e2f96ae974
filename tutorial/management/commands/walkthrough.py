"""`manage.py walkthrough`: the tutorial in a terminal."""

import argparse
import difflib
import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tutorial.chapters import Chapter, all_chapters, get_chapter
from tutorial.documentation import pages
from tutorial.exercises.judging import judge
from tutorial.exercises.tasks import EXERCISES
from tutorial.project_steps import project_steps
from tutorial.running import ChapterRun, mask, run_chapter
from tutorial.source import exercise_source, model_source

EXAMPLES = """\
examples:
  manage.py walkthrough --list                    the chapters there are
  manage.py walkthrough protecting-deletions      run one
  manage.py walkthrough append-only --sql         with each statement and PostgreSQL's answer
  manage.py walkthrough --check                   is every output still the expected one?

Every scenario runs in the database of the settings and leaves nothing there: it has empty tables in
a schema of its own, in one transaction that is rolled back.

exit codes: 0 all went as expected; 1 an output differs (--check), an answer is wrong (--answer), or
there is no such chapter.
"""


class Command(BaseCommand):
    help = "Run the tutorial's chapters, and print their text, models, code and output."

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            *args, **kwargs, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "slug", nargs="*", metavar="SLUG", help="which chapters to run (default: all)"
        )
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--list", action="store_true", help="list the chapters and run none")
        what.add_argument(
            "--sql",
            action="store_true",
            help="also print each statement that was sent, how long it took and the answer",
        )
        what.add_argument(
            "--check",
            action="store_true",
            help="compare with the expected output (the .out file beside the scenario; "
            "ids are masked), print the differences, and exit with 1 if there is one",
        )
        what.add_argument(
            "--write", action="store_true", help="write the output as the expected one"
        )
        what.add_argument(
            "--answer",
            metavar="FILE",
            help="judge the answer in this file (-: standard input) to the chapter's exercise",
        )
        parser.add_argument(
            "--format",
            choices=("text", "json"),
            default="text",
            help="json: an array of chapters, for --list and for running (default: text)",
        )

    def handle(self, *, slug: list[str], **options: Any) -> None:
        try:
            chapters = [get_chapter(name) for name in slug] or list(all_chapters())
        except LookupError as error:
            raise CommandError(str(error)) from None
        if options["list"]:
            self._list(chapters, options["format"])
        elif options["answer"]:
            self._judge(chapters, options["answer"])
        elif options["check"]:
            self._check(chapters)
        elif options["write"]:
            for chapter in chapters:
                chapter.expected_output.write_text(
                    mask(run_chapter(chapter).output), encoding="utf-8"
                )
        elif options["format"] == "json":
            self.stdout.write(
                json.dumps([as_data(run_chapter(chapter)) for chapter in chapters], indent=2)
            )
        else:
            for chapter in chapters:
                self._show(run_chapter(chapter), sql=options["sql"])

    def _list(self, chapters: list[Chapter], output_format: str) -> None:
        if output_format == "json":
            rows = [
                {"slug": chapter.slug, "part": chapter.part, "title": chapter.title}
                for chapter in chapters
            ]
            self.stdout.write(json.dumps(rows, indent=2))
            return
        width = max(len(chapter.slug) for chapter in chapters)
        for chapter in chapters:
            self.stdout.write(f"{chapter.slug:<{width}}  {chapter.title}")

    def _show(self, result: ChapterRun, sql: bool) -> None:
        chapter = result.chapter
        self.stdout.write(self.style.MIGRATE_HEADING(f"{chapter.number}. {chapter.title}"))
        self.stdout.write(f"\n{chapter.prose}\n\n")
        for model in chapter.models:
            self.stdout.write(model_source(model))
        self.stdout.write("\n" + self.style.SQL_KEYWORD(chapter.shell_line) + "\n\n")
        if sql:
            for statement in result.shown_statements:
                style = self.style.ERROR if statement.refusal else self.style.SUCCESS
                self.stdout.write(statement.text)
                self.stdout.write(f"  {statement.milliseconds:.1f} ms  {style(statement.answer)}")
                for name, value in statement.refusal.items():
                    if name not in ("SQLSTATE", "message"):
                        self.stdout.write(f"           {name}: {value}")
            if result.lookups:
                self.stdout.write(f"({result.lookups} lookups in the catalog are not shown)")
            self.stdout.write("")
        self.stdout.write(self.style.MIGRATE_HEADING("It prints"))
        self.stdout.write(result.output or "(nothing)")
        self._show_steps(chapter)
        self._show_exercise(chapter)

    def _show_steps(self, chapter: Chapter) -> None:
        """Print what a reader writes in a project, and what Django prints."""
        steps = project_steps(chapter)
        self.stdout.write(self.style.MIGRATE_HEADING("In your project"))
        if steps.makemigrations:
            self.stdout.write(f"makemigrations prints\n\n{steps.makemigrations}\n\n")
        self.stdout.write(f"A test\n\n{steps.test}\n")
        if steps.removal:
            self.stdout.write(f"Without the declaration, makemigrations prints\n\n{steps.removal}")
        read = ", ".join(f"docs/{page.path}.md" for page in pages(chapter))
        self.stdout.write(f"\nTo look it up: {read}\n\n")

    def _show_exercise(self, chapter: Chapter) -> None:
        exercise = EXERCISES[chapter.module_name]
        self.stdout.write(self.style.MIGRATE_HEADING("Now you"))
        with_rules = exercise.kind == "rules"
        self.stdout.write(f"{exercise.task}\nHint: {exercise.hint}\n\n")
        self.stdout.write(exercise_source(exercise.model, with_rules=with_rules))
        self.stdout.write(f"\n{exercise.empty}\n")
        self.stdout.write(
            f"Check an answer: manage.py walkthrough {chapter.slug} --answer FILE\n\n"
        )

    def _judge(self, chapters: list[Chapter], path: str) -> None:
        if len(chapters) != 1:
            raise CommandError("--answer needs the slug of one chapter.")
        try:
            answer = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise CommandError(f"Cannot read the answer: {error}") from None
        verdict = judge(EXERCISES[chapters[0].module_name], answer)
        if verdict.error:
            raise CommandError(verdict.error)
        for outcome in verdict.wrong:
            write = outcome.write
            values = ", ".join(
                f"{name}={value!r}"
                for part in (write.before, write.after)
                for name, value in part.items()
            )
            values += f", events {write.days} days old" if write.days else ""
            self.stdout.write(
                f"{write.operation} {values}: it {outcome.happened};"
                f" expected: it {outcome.expected}"
            )
        if not verdict.is_solved:
            raise CommandError(
                f"{len(verdict.wrong)} of {len(verdict.outcomes)} writes did not end as they"
                " should."
            )
        self.stdout.write(self.style.SUCCESS("Solved."))

    def _check(self, chapters: list[Chapter]) -> None:
        differing = [chapter.slug for chapter in chapters if not self._is_as_expected(chapter)]
        if differing:
            raise CommandError(
                f"{len(differing)} of {len(chapters)} outputs are not the expected ones: "
                f"{', '.join(differing)}. If they are right, keep them with "
                f"`manage.py walkthrough --write {' '.join(differing)}`."
            )
        self.stdout.write(f"{len(chapters)} chapters print what is expected.")

    def _is_as_expected(self, chapter: Chapter) -> bool:
        found = mask(run_chapter(chapter).output)
        difference = difflib.unified_diff(
            chapter.expected.splitlines(keepends=True),
            found.splitlines(keepends=True),
            fromfile=chapter.expected_output.name,
            tofile="printed now",
        )
        self.stdout.write("".join(difference), ending="")
        return chapter.expected == found


def as_data(result: ChapterRun) -> dict[str, Any]:
    """Return the run as values for JSON."""
    return {
        "slug": result.chapter.slug,
        "output": result.output,
        "error": result.error_fields,
        "statements": [
            {
                "line": statement.line,
                "text": statement.text,
                "milliseconds": round(statement.milliseconds, 3),
                "answer": statement.answer,
                "refusal": statement.refusal,
            }
            for statement in result.statements
        ],
    }
