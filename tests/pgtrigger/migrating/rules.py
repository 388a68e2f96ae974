"""Rules that name a column in their definition or function, or name none."""

# A rule whose definition names the column, in its condition or in UPDATE OF.
CONDITION = "pgtrigger.ReadOnly(name='kept', fields=['{field}'])"
UPDATE_OF = "pgtrigger.Protect(name='kept', operation=pgtrigger.UpdateOf('{field}'))"
# One whose function names it, and one that names no column at all.
FUNCTION = (
    "pgtrigger.Trigger(name='kept', when=pgtrigger.Before, operation=pgtrigger.Update,"
    " func=pgtrigger.Func('NEW.{{columns.{field}}} = OLD.{{columns.{field}}}; RETURN NEW;'))"
)
INDIFFERENT = "pgtrigger.Protect(name='kept', operation=pgtrigger.Delete)"
