"""``loaddata``, which loads rows that a rule would refuse."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any

from django.core import serializers
from django.core.management.commands import loaddata

from pgtrigger.errors import RaisedError, TriggerError
from pgtrigger.session import loading
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.core.management.base import CommandParser

NOTE = "manage.py loaddata --ignore-triggers loads the rows without any trigger."


class Command(loaddata.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--ignore-triggers",
            action="store_true",
            help="Load the rows without any trigger. Without it, rules do not refuse the rows of "
            "a fixture, events are written unless the fixture contains them, and other "
            "triggers fire.",
        )

    def handle(self, *fixture_labels: str, **options: Any) -> None:
        self.ignore_triggers = options["ignore_triggers"]
        try:
            super().handle(*fixture_labels, **options)
        except (TriggerError, RaisedError) as error:
            error.add_note(NOTE)
            raise

    def loaddata(self, fixture_labels: Sequence[str]) -> None:
        """Load fixtures: their rows have been accepted before, so no rule refuses them."""
        self.serialization_formats = serializers.get_public_serializer_formats()
        stdin = sys.stdin
        try:
            set_aside = registry.registered()
            if not self.ignore_triggers:
                texts = [text for label in fixture_labels for text in self._texts(label)]
                set_aside = loading.triggers_not_for_fixtures(
                    lambda model: any(model._meta.label_lower in text.lower() for text in texts)
                )
            with loading.without(set_aside, self.using):
                super().loaddata(fixture_labels)
        finally:
            sys.stdin = stdin

    def _texts(self, label: str) -> Iterator[str]:
        """Yield the fixtures of a label. Stdin can be read again afterwards."""
        for path, _, _ in self.find_fixtures(label):
            if path == loaddata.READ_STDIN:
                text = sys.stdin.read()
                sys.stdin = io.StringIO(text)
                yield text
                continue
            compression = self.parse_name(os.path.basename(path))[2]
            formats: Any = self.compression_formats
            open_file, mode = formats[compression]
            with contextlib.closing(open_file(path, mode)) as file:
                content = file.read()
            yield content if isinstance(content, str) else content.decode()
