"""``Composer``: functions for rows and for statements."""

import pytest
from django.db import models as fields

import pgtrigger

pytestmark = pytest.mark.django_db

HOSTILE = ["OldVals", "n; drop table y", "select", 'quo"te', "per%cent", "br{a}ce", "'", "🦉"]


def composer(level=pgtrigger.Statement, **options):
    defaults = {
        "name": "composed",
        "level": level,
        "when": pgtrigger.After,
        "operation": pgtrigger.Update,
        "func": "RETURN NULL;",
    }
    return pgtrigger.Composer(**{**defaults, **options})


@pytest.fixture
def log(make_model):
    return make_model(text=fields.TextField())


@pytest.fixture
def logged(make_model, log):
    """``logged(trigger options)``: a model whose trigger writes into the log."""

    def make(source, **options):
        func = pgtrigger.Func(
            f"INSERT INTO {log._meta.db_table} (text) SELECT {source}; RETURN NULL;"
        )
        return make_model(number=fields.IntegerField(), triggers=[composer(func=func, **options)])

    return make


class TestTransitionTables:
    def test_new_rows_are_those_that_meet_the_condition(self, logged, log):
        model = logged(
            "new_values.number::text FROM {cond_new_values}",
            operation=pgtrigger.Insert,
            condition=pgtrigger.Q(new__number__gt=1),
        )
        model.objects.bulk_create(model(number=n) for n in range(4))
        assert list(log.objects.values_list("text", flat=True)) == ["2", "3"]

    def test_old_rows_too(self, logged, log):
        model = logged(
            "old_values.number::text FROM {cond_old_values}",
            operation=pgtrigger.Delete,
            condition=pgtrigger.Q(old__number__gt=1),
        )
        model.objects.bulk_create(model(number=n) for n in range(4))
        model.objects.all().delete()
        assert sorted(log.objects.values_list("text", flat=True)) == ["2", "3"]

    def test_joined_rows_have_both(self, logged, log):
        model = logged(
            "old_values.number || ' to ' || new_values.number FROM {cond_joined_values}",
            condition=pgtrigger.AnyChange("number"),
        )
        model.objects.bulk_create(model(number=n) for n in range(3))
        model.objects.update(number=1)
        assert sorted(log.objects.values_list("text", flat=True)) == ["0 to 1", "2 to 1"]

    def test_without_condition_they_are_all(self, logged, log):
        model = logged("count(*)::text FROM {cond_new_values}", operation=pgtrigger.Insert)
        model.objects.bulk_create(model(number=n) for n in range(3))
        assert log.objects.get().text == "3"

    def test_their_names_can_be_chosen(self, logged, log):
        model = logged(
            "n.number::text FROM {cond_new_values}",
            operation=pgtrigger.Insert,
            referencing=pgtrigger.Referencing(new="n"),
            condition=pgtrigger.Q(new__number=1),
        )
        model.objects.create(number=1)
        assert log.objects.get().text == "1"

    @pytest.mark.parametrize("name", HOSTILE)
    def test_a_name_is_only_a_name(self, logged, log, name):
        model = logged(
            "count(*)::text FROM {cond_joined_values}",
            referencing=pgtrigger.Referencing(old=f"{name}1", new=f"{name}2"),
            condition=pgtrigger.AnyChange("number"),
        )
        model.objects.create(number=1)
        model.objects.update(number=2)
        assert log.objects.get().text == "1"

    @pytest.mark.parametrize("joined", ["old", "new"])
    def test_joined_rows_need_both_tables(self, logged, joined):
        with pytest.raises(pgtrigger.DeclarationError, match="no transition table"):
            logged(
                "1 FROM {cond_joined_values}",
                referencing=pgtrigger.Referencing(**{joined: "o"}),
            )

    @pytest.mark.parametrize("tables", ["cond_old_values", "cond_new_values"])
    def test_a_condition_on_both_rows_joins_the_tables(self, logged, log, tables):
        model = logged(
            f"old_values.number || ' to ' || new_values.number FROM {{{tables}}}",
            condition=pgtrigger.Q(new__number__gt=0, old__number__lt=2),
        )
        model.objects.bulk_create(model(number=n) for n in range(4))
        model.objects.update(number=fields.F("number") + 1)
        assert sorted(log.objects.values_list("text", flat=True)) == ["0 to 1", "1 to 2"]

    @pytest.mark.parametrize(
        ("tables", "condition"),
        [
            ("cond_new_values", pgtrigger.Q(old__number=0)),
            ("cond_old_values", pgtrigger.Q(new__number=5)),
        ],
    )
    def test_a_condition_on_the_other_rows_joins_the_tables(self, logged, log, tables, condition):
        model = logged(f"new_values.number::text FROM {{{tables}}}", condition=condition)
        model.objects.bulk_create(model(number=n) for n in range(3))
        model.objects.filter(number=0).update(number=5)
        model.objects.filter(number=1).update(number=4)
        assert log.objects.get().text == "5"

    @pytest.mark.parametrize(
        ("source", "operation", "condition", "reason"),
        [
            ("{cond_new_values}", pgtrigger.Insert, pgtrigger.Q(old__number=1), "references OLD"),
            ("{cond_old_values}", pgtrigger.Delete, pgtrigger.Q(new__number=1), "references NEW"),
            ("{cond_old_values}", pgtrigger.Insert, None, "references OLD"),
            ("{cond_joined_values}", pgtrigger.Delete, None, "references NEW"),
            ("{cond_new_values}", pgtrigger.Update, pgtrigger.Condition("true"), "rows OLD and"),
        ],
    )
    def test_rows_that_an_operation_does_not_have_are_an_error(
        self, logged, source, operation, condition, reason
    ):
        with pytest.raises(pgtrigger.DeclarationError, match=reason):
            logged(f"1 FROM {source}", operation=operation, condition=condition)

    def test_template_variables_are_texts_that_a_subclass_may_change(self, make_model, log):
        class Upper(pgtrigger.Composer):
            def get_func_template_kwargs(self, model):
                kwargs = super().get_func_template_kwargs(model)
                rows = kwargs["cond_new_values"].strip() + " ORDER BY 1"
                return {**kwargs, "rows": "/* rows */ " + rows}

        func = pgtrigger.Func(
            f"INSERT INTO {log._meta.db_table} (text) "
            "SELECT {columns.number}::text FROM {rows}; RETURN NULL;"
        )
        options = {"operation": pgtrigger.Insert, "func": func, "when": pgtrigger.After}
        declared = Upper(name="upper", level=pgtrigger.Statement, **options)
        model = make_model(number=fields.IntegerField(), triggers=[declared])
        model.objects.create(number=7)
        assert log.objects.get().text == "7"

    def test_a_variable_that_cannot_be_is_an_error_only_where_it_is_used(self, make_model):
        declared = composer(operation=pgtrigger.Insert)
        model = make_model(number=fields.IntegerField(), triggers=[declared])
        rows = declared.get_func_template_kwargs(model)["cond_old_values"]
        for use in (
            str,
            lambda rows: rows.strip(),
            lambda rows: rows + " a",
            lambda rows: "a" + rows,
        ):
            with pytest.raises(pgtrigger.DeclarationError, match="references OLD"):
                use(rows)

    def test_referencing_has_the_usual_names_until_others_are_given(self):
        both = pgtrigger.Referencing(old="old_values", new="new_values")
        declared = composer()
        assert declared.referencing == both
        declared.operation = pgtrigger.Insert
        assert declared.referencing == pgtrigger.Referencing(new="new_values")
        declared.referencing = pgtrigger.Referencing(new="n")
        assert declared.referencing == pgtrigger.Referencing(new="n")
        assert composer(level=pgtrigger.Row, func="RETURN NEW;").referencing is None

    @pytest.mark.parametrize(
        ("named", "read"),
        [
            ("NewRows", "NewRows"),
            ("NewRows", "newrows"),
            ('"NewRows"', '"NewRows"'),
            ('"New""Rows"', '"New""Rows"'),
            ("new", '"new"'),
        ],
    )
    def test_a_name_is_read_as_sql_reads_it(self, make_model, log, named, read):
        trigger = pgtrigger.Trigger(
            name="named",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=pgtrigger.Insert,
            referencing=pgtrigger.Referencing(new=named),
            func=f"INSERT INTO {log._meta.db_table} (text) SELECT 'seen' FROM {read}; RETURN NULL;",
        )
        model = make_model(number=fields.IntegerField(), triggers=[trigger])
        model.objects.create(number=7)
        assert log.objects.get().text == "seen"

    def test_names_that_sql_reads_as_one_are_an_error(self):
        with pytest.raises(pgtrigger.DeclarationError, match="are the same"):
            pgtrigger.Referencing(old="Rows", new="rows")


class TestLevels:
    FUNC = {
        pgtrigger.Row: "RAISE EXCEPTION 'row';",
        pgtrigger.Statement: "RAISE EXCEPTION 'statement';",
    }

    @pytest.mark.parametrize("level", [pgtrigger.Row, pgtrigger.Statement])
    def test_a_function_can_be_written_for_each(self, make_model, level):
        model = make_model(number=fields.IntegerField(), triggers=[composer(level, func=self.FUNC)])
        model.objects.create(number=1)
        with pytest.raises(pgtrigger.RaisedError, match=str(level).lower()):
            model.objects.update(number=2)

    def test_a_level_without_function_is_refused(self, make_model):
        with pytest.raises(pgtrigger.DeclarationError, match="no entry for level ROW"):
            make_model(triggers=[composer(pgtrigger.Row, func={pgtrigger.Statement: ""})])


class TestStatementLevelRules:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_a_transition_tables_name_is_only_a_name(self, make_model, name):
        model = make_model(
            number=fields.IntegerField(default=0),
            triggers=[
                pgtrigger.ReadOnly(
                    name="kept",
                    level=pgtrigger.Statement,
                    fields=["number"],
                    referencing=pgtrigger.Referencing(old=f"{name}1", new=f"{name}2"),
                )
            ],
        )
        model.objects.bulk_create([model(), model()])
        model.objects.update(number=0)
        with pytest.raises(pgtrigger.ReadOnlyError):
            model.objects.update(number=1)

    @pytest.mark.parametrize(
        ("referencing", "condition"),
        [
            (pgtrigger.Referencing(old="o"), pgtrigger.Q(new__number=1)),
            (pgtrigger.Referencing(new="n"), pgtrigger.Q(old__number=1)),
            (pgtrigger.Referencing(new="n"), pgtrigger.AnyChange("number")),
        ],
    )
    def test_the_tables_that_its_condition_reads_must_be_named(
        self, make_model, referencing, condition
    ):
        with pytest.raises(pgtrigger.DeclarationError, match="no transition table"):
            make_model(
                number=fields.IntegerField(),
                triggers=[
                    pgtrigger.Protect(
                        name="p",
                        level=pgtrigger.Statement,
                        operation=pgtrigger.Update,
                        referencing=referencing,
                        condition=condition,
                    )
                ],
            )

    @pytest.mark.parametrize("side", ["old", "new"])
    def test_either_table_will_do_where_every_row_is_refused(self, make_model, side):
        model = make_model(
            number=fields.IntegerField(),
            triggers=[
                pgtrigger.Protect(
                    name="p",
                    level=pgtrigger.Statement,
                    operation=pgtrigger.Update,
                    referencing=pgtrigger.Referencing(**{side: "rows"}),
                )
            ],
        )
        row = model.objects.create(number=1)
        with pytest.raises(pgtrigger.ProtectedError) as caught:
            model.objects.update(number=2)
        assert caught.value.key == {"id": row.pk}

    def test_a_condition_with_several_operations_is_refused(self, make_model):
        with pytest.raises(pgtrigger.DeclarationError, match="exactly one of"):
            make_model(
                number=fields.IntegerField(),
                triggers=[
                    pgtrigger.Protect(
                        name="p",
                        level=pgtrigger.Statement,
                        operation=pgtrigger.Update | pgtrigger.Delete,
                        condition=pgtrigger.Q(old__number=1),
                    )
                ],
            )

    def test_several_operations_without_condition_are_refused_whole(self, make_model):
        model = make_model(
            number=fields.IntegerField(),
            triggers=[
                pgtrigger.Protect(
                    name="p",
                    level=pgtrigger.Statement,
                    operation=pgtrigger.Update | pgtrigger.Delete,
                )
            ],
        )
        model.objects.create(number=1)
        with pytest.raises(pgtrigger.ProtectedError):
            model.objects.update(number=2)
