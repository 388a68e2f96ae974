"""The database aliases that a call is limited to."""

from __future__ import annotations
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from django.db import connections
from django.db.models import Model
from psycopg import sql
from pgtrigger.database import catalog
from pgtrigger.vocabulary import clauses
from pgtrigger.sql import ignore_check
from pgtrigger import naming
from pgtrigger.triggers import registry
from pgtrigger.session.scopes import Scope
from pgtrigger.session.statements import ANYTHING
from pgtrigger.triggers.trigger import Trigger
from pgtrigger.session.variables import RestoredVariable, Variable
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Named = str | type[Model] | Trigger



def _aliases(databases: Iterable[str] | None) -> frozenset[str] | None:
    if databases is None:
        return None
    if isinstance(databases, str):
        raise TypeError(f"databases takes a list of aliases: found {databases!r}.")
    found = frozenset(databases)
    for alias in found:
        connections[alias]
    return found
