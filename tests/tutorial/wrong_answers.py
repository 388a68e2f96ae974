"""Five wrong answers for each exercise, each with the writes that end wrongly, or the error."""

# ruff: noqa: E501
WRONG_ANSWERS: dict[str, list[tuple[str, tuple[int, ...] | str]]] = {
    "protecting_deletions": [
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Insert)', (0, 2)),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Update)', (0, 1)),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Update | pgtrigger.Delete)', (1,)),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Delete, condition=pgtrigger.Q(old__holder="Grace"))',
            (0,),
        ),
        ('pgtrigger.SoftDelete(name="a", field="holder", value="")', (0,)),
    ],
    "append_only": [
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Update)', (3,)),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Delete)', (1, 2)),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete)',
            (0,),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update | pgtrigger.Delete, condition=pgtrigger.Q(old__rows__gt=1))',
            (1, 2, 3),
        ),
        ('pgtrigger.ReadOnly(name="a", fields=["rows"])', (2, 3)),
    ],
    "read_only_field": [
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Update)', (1, 2)),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update | pgtrigger.Delete, condition=pgtrigger.Q(old__holder__df=pgtrigger.F("new__holder")))',
            "a: Protect 'a': its condition reads the new row, which a DELETE does not have.",
        ),
        ('pgtrigger.ReadOnly(name="a", fields=["holder"])', (0, 1)),
        ('pgtrigger.ReadOnly(name="a", fields=["number", "holder"])', (1,)),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Delete)', (0, 3)),
    ],
    "read_only_fields": [
        ('pgtrigger.ReadOnly(name="a", fields=["version", "char_field"])', (0, 1)),
        ('pgtrigger.ReadOnly(name="a", fields=["char_field"])', (0, 3)),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update, condition=pgtrigger.Q(old__version__gt=0))',
            (4,),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update, condition=pgtrigger.Q(new__version__gt=0) & pgtrigger.AnyChange("version", "char_field"))',
            (1, 3),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update, condition=pgtrigger.Q(old__version__gt=0) & pgtrigger.AllChange("version", "char_field"))',
            (2, 3),
        ),
    ],
    "soft_delete": [
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Delete)', (0, 1)),
        ('pgtrigger.SoftDelete(name="a", field="status", value="accepted")', (0, 1)),
        ('pgtrigger.SoftDelete(name="a", field="is_rehearsal", value=True)', (0, 1)),
        (
            'pgtrigger.SoftDelete(name="a", field="status", value="declined", condition=pgtrigger.Q(old__status="open"))',
            (1,),
        ),
        ('pgtrigger.ReadOnly(name="a", fields=["status"])', (0, 1, 2)),
    ],
    "soft_delete_cascades": [
        ('pgtrigger.SoftDelete(name="a", field="is_active", value=False)', (1,)),
        ('pgtrigger.ReadOnly(name="a", fields=["name"])', (0, 2)),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Delete)', (0, 1)),
        (
            'pgtrigger.SoftDelete(name="a", field="is_active", value=False), pgtrigger.ReadOnly(name="b", fields=["name"])',
            (2,),
        ),
        (
            'pgtrigger.SoftDelete(name="a", field="is_active", value=False), pgtrigger.Protect(name="b", operation=pgtrigger.Update, condition=pgtrigger.Q(old__is_active=False))',
            (3,),
        ),
    ],
    "versioning": [
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Update)', (1, 2)),
        ('pgtrigger.ReadOnly(name="a", fields=["version"])', (1,)),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update, condition=pgtrigger.Q(new__version__gt=pgtrigger.F("old__version")))',
            (0, 1),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update, condition=pgtrigger.Q(new__version__lte=pgtrigger.F("old__version")))',
            (2,),
        ),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Insert)', (0, 3)),
    ],
    "official_interface": [
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Insert)', (0,)),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert, condition=pgtrigger.Q(new__status="open"))',
            (0, 1),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update, condition=~pgtrigger.Q(new__status="open"))',
            (2,),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert, condition=~pgtrigger.Q(new__status="open"), ignorable=False)',
            (3,),
        ),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Update)', (1, 2)),
    ],
    "transitions": [
        (
            'pgtrigger.FSM(name="a", field="status", transitions=[("unpublished", "published"), ("published", "inactive")])',
            (2,),
        ),
        (
            'pgtrigger.FSM(name="a", field="status", transitions=[("unpublished", "published"), ("unpublished", "inactive"), ("published", "inactive"), ("inactive", "published")])',
            (3,),
        ),
        (
            'pgtrigger.FSM(name="a", field="status", transitions=[])',
            "Line 1: FSM 'a': has no \"transitions\": give a list of (from, to).",
        ),
        ('pgtrigger.ReadOnly(name="a", fields=["status"])', (0, 1, 2)),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update, condition=pgtrigger.Q(old__status="inactive"))',
            (2, 3, 5),
        ),
    ],
    "conditional_transitions": [
        (
            'pgtrigger.FSM(name="a", field="status", transitions=[("open", "accepted"), ("open", "declined")])',
            (2, 3, 4),
        ),
        (
            'pgtrigger.FSM(name="a", field="status", transitions=[("open", "accepted"), ("open", "declined")], condition=pgtrigger.Q(old__is_rehearsal=False))',
            (3, 4),
        ),
        ('pgtrigger.ReadOnly(name="a", fields=["is_rehearsal"])', (1,)),
        ('pgtrigger.ReadOnly(name="a", fields=["status", "is_rehearsal"])', (0, 2)),
        (
            'pgtrigger.FSM(name="a", field="status", transitions=[("open", "accepted"), ("open", "declined")], condition=pgtrigger.Q(old__is_rehearsal=True)), pgtrigger.ReadOnly(name="b", fields=["is_rehearsal"])',
            (1, 2),
        ),
    ],
    "tracking_history": [
        ('pghistory.UpdateEvent("changed", condition=pgtrigger.AnyChange("title"))', (0,)),
        ('pghistory.UpdateEvent("retitled")', (1,)),
        ('pghistory.UpdateEvent("retitled", condition=pgtrigger.AnyChange("text"))', (0, 1)),
        ('pghistory.InsertEvent("retitled")', (0, 2)),
        (
            'pghistory.UpdateEvent("retitled", condition=pgtrigger.AnyChange("title")), pghistory.DeleteEvent()',
            (3,),
        ),
    ],
    "tracking_users": [
        ("pghistory.InsertEvent()", (1,)),
        ("pghistory.DeleteEvent()", (0,)),
        ("pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent()", (2,)),
        ('pghistory.InsertEvent("added"), pghistory.DeleteEvent("removed")', (0, 1)),
        ("pghistory.UpdateEvent()", (0, 1, 2)),
    ],
    "revert": [
        ("pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent()", (0, 1, 3)),
        ('pghistory.InsertEvent("added"), pghistory.UpdateEvent("changed")', (3,)),
        (
            'pghistory.InsertEvent("added"), pghistory.UpdateEvent("changed", condition=None), pghistory.DeleteEvent("removed")',
            (2,),
        ),
        (
            'pghistory.InsertEvent("added"), pghistory.UpdateEvent("changed", condition=pgtrigger.AnyChange("title")), pghistory.DeleteEvent("removed")',
            (1,),
        ),
        ('pghistory.UpdateEvent("changed"), pghistory.DeleteEvent("removed")', (0,)),
    ],
    "deferred_constraints": [
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update, condition=pgtrigger.Q(new__name=""))',
            (0, 2),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert, when=pgtrigger.After, timing=pgtrigger.Deferred, condition=pgtrigger.Q(new__name=""))',
            (2,),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update, when=pgtrigger.After, timing=pgtrigger.Deferred, condition=pgtrigger.Q(new__name=""))',
            (0,),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update, when=pgtrigger.After, timing=pgtrigger.Immediate, condition=pgtrigger.Q(new__name=""))',
            (0, 2),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update, when=pgtrigger.After, timing=pgtrigger.Deferred)',
            (1, 3),
        ),
    ],
    "refined_errors": [
        ('(conversion.Unique(model=User, fields=("email",)), EmailTaken)', (1,)),
        ('(conversion.NotNull(model=User, field="email"), EmailMissing)', (0,)),
        (
            '(conversion.Unique(model=User, fields=("email",)), EmailMissing), (conversion.NotNull(model=User, field="email"), EmailTaken)',
            (0, 1),
        ),
        (
            '(conversion.Unique(model=User, fields=("email",)), EmailTaken), (conversion.NotNull(model=User, field="email"), EmailMissing), (conversion.Named(name="constraint_islowercase"), EmailMissing)',
            (2,),
        ),
        ('(conversion.Named(name="no_such_constraint"), EmailTaken)', (0, 1)),
    ],
    "refined_rules": [
        ('(conversion.Trigger(model=Passport, name="no_such_rule"), NumberIsFinal)', (0,)),
        ('(conversion.NotNull(model=Passport, field="number"), NumberIsFinal)', (0, 2)),
        (
            '(conversion.Trigger(model=Passport, name="number_is_final"), NumberIsFinal), (conversion.NotNull(model=Passport, field="number"), NumberIsFinal)',
            (2,),
        ),
        ("(conversion.PrimaryKey(model=Passport), NumberIsFinal)", (0,)),
        ('(conversion.Named(name="number"), NumberIsFinal)', (0,)),
    ],
    "typed_errors": [
        ('pgtrigger.ReadOnly(name="a", fields=["number"])', (1,)),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Delete)', (0,)),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Update | pgtrigger.Delete)', (0, 2)),
        (
            'pgtrigger.ReadOnly(name="a", fields=["number", "holder"]), pgtrigger.Protect(name="b", operation=pgtrigger.Delete)',
            (2,),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update | pgtrigger.Delete, condition=pgtrigger.Q(old__number="C1") | pgtrigger.Q(old__number="C2"))',
            (0,),
        ),
    ],
    "statement_triggers": [
        (
            'pgtrigger.Protect(name="a", level=pgtrigger.Statement, operation=pgtrigger.Delete)',
            (0, 2),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Truncate)',
            "Line 1: Protect 'a': Truncate has no rows: it needs level=pgtrigger.Statement.",
        ),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Delete)', (0, 2)),
        (
            'pgtrigger.Protect(name="a", level=pgtrigger.Statement, operation=pgtrigger.Update)',
            (1, 2),
        ),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Update | pgtrigger.Delete)', (0, 1, 2)),
    ],
    "report_mode": [
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update, condition=pgtrigger.Q(new__amount__gt=1000), mode="report")',
            (2, 4),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update, condition=pgtrigger.Q(new__amount__gt=1000) | pgtrigger.Q(new__amount__lt=0), mode="report")',
            (2, 4),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update, condition=pgtrigger.Q(new__amount__gt=1000) | pgtrigger.Q(new__amount__lt=0))',
            (1, 3),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert, condition=pgtrigger.Q(new__amount__gt=1000), mode="report"), pgtrigger.Protect(name="b", operation=pgtrigger.Insert | pgtrigger.Update, condition=pgtrigger.Q(new__amount__lt=0))',
            (3,),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update, condition=pgtrigger.Q(new__amount__gt=1000), mode="log")',
            "Line 1: Protect 'a': the mode is 'log', expected \"refuse\" or \"report\".",
        ),
    ],
    "drift": [
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Delete)', (1,)),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Update, ignorable=False)', (0, 1)),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Delete, ignorable=False)',
            (2,),
        ),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Insert, ignorable=False)', (0, 1, 2)),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Delete, ignorable=False, condition=pgtrigger.Q(old__id=1001))',
            (1,),
        ),
    ],
    "immutable_rows": [
        ('pgtrigger.ReadOnly(name="a", fields=["status"])', (2, 3)),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update | pgtrigger.Delete, condition=pgtrigger.Q(old__status="accepted"))',
            (1,),
        ),
        ('pgtrigger.Frozen(when=Q(status="accepted"))', (1,)),
        ('pgtrigger.Frozen(when=Q(status="accepted"), allow=["status"])', (0, 1)),
        ('pgtrigger.Frozen(when=Q(status="open"), allow=["is_rehearsal"])', (0, 2, 3)),
    ],
    "related_conditions": [
        ('pgtrigger.Requires("team__is_active", True)', (2, 3)),
        ('pgtrigger.Requires("team__is_active", False, operation=pgtrigger.Insert)', (0, 1)),
        (
            'pgtrigger.Requires("team__is_active", True, operation=pgtrigger.Insert | pgtrigger.Update)',
            (2,),
        ),
        ('pgtrigger.Requires("team__name", "Blue", operation=pgtrigger.Insert)', (1,)),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Insert)', (0,)),
    ],
    "undelete": [
        ('pgtrigger.SoftDelete(name="a", field="deleted_at")', (1,)),
        (
            'pgtrigger.SoftDelete(name="a", field="deleted_at"), pgtrigger.ReadOnly(name="b", fields=["text"])',
            (3,),
        ),
        (
            'pgtrigger.SoftDelete(name="a", field="deleted_at"), pgtrigger.Protect(name="b", operation=pgtrigger.Update, condition=pgtrigger.Q(old__deleted_at__isnull=False))',
            (2,),
        ),
        (
            'pgtrigger.Protect(name="b", operation=pgtrigger.Update, condition=pgtrigger.Q(old__deleted_at__isnull=False) & pgtrigger.AnyChange("text"))',
            (0,),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Delete), pgtrigger.SoftDelete(name="b", field="deleted_at")',
            (0, 1),
        ),
    ],
    "active_parents": [
        ('pgtrigger.ActiveParent("team")', (5,)),
        ('pgtrigger.SoftDelete(name="a", field="is_active")', (1, 2, 3)),
        (
            'pgtrigger.SoftDelete(name="a", field="is_active"), pgtrigger.Requires("team__is_active", True)',
            (4,),
        ),
        (
            'pgtrigger.SoftDelete(name="a", field="is_active"), pgtrigger.Requires("team__is_active", True, operation=pgtrigger.Insert)',
            (2, 3),
        ),
        (
            'pgtrigger.SoftDelete(name="a", field="is_active"), pgtrigger.ReadOnly(name="b", fields=["team", "is_active"])',
            (1, 5),
        ),
    ],
    "optimistic_locking": [
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update, condition=pgtrigger.AnyChange("version"))',
            (0, 3),
        ),
        ('pgtrigger.ReadOnly(name="a", fields=["version"])', (0, 3)),
        ('pgtrigger.FSM(name="a", field="version", transitions=[(0, 1)])', (0, 3)),
        (
            'pgtrigger.Version("char_field")',
            "char_field: Version 'char_field': tutorial.Versioned.char_field is a CharField: a version is an IntegerField(default=0), not null and not the primary key.",
        ),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Update)', (0, 1, 3)),
    ],
    "touch": [
        ('pgtrigger.Touch("updated_at")', (3,)),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Delete)', (0, 1)),
        (
            'pgtrigger.ReadOnly(name="a", fields=["updated_at"]), pgtrigger.Protect(name="b", operation=pgtrigger.Delete)',
            (0, 1),
        ),
        (
            'pgtrigger.Touch("text")',
            "touch_text: Touch 'touch_text': tutorial.Note.text is a CharField, expected a DateTimeField.",
        ),
        (
            'pgtrigger.Touch("updated_at"), pgtrigger.Protect(name="b", operation=pgtrigger.Update | pgtrigger.Delete)',
            (1, 2),
        ),
    ],
    "totals": [
        ('pgtrigger.Count("post.comment_count")', (0, 2, 3)),
        (
            'pgtrigger.Count("post.comment_count", where=Q(is_public=True)), pgtrigger.Sum("post.likes", of="likes")',
            (1, 3),
        ),
        (
            'pgtrigger.Count("post.comment_count", where=Q(is_public=True)), pgtrigger.Sum("post.likes", of="likes", where=Q(is_public=True))',
            (1, 3),
        ),
        ('pgtrigger.Sum("post.likes", of="likes", where=Q(is_public=True))', (0, 1)),
        ('pgtrigger.Count("post.comment_count"), pgtrigger.Count("post.likes")', (0, 1, 2, 3)),
    ],
    "limits": [
        ('pgtrigger.AtMost(2, per="team")', (2,)),
        ('pgtrigger.AtMost(1, per="team", where=~Q(label=""))', (0,)),
        ('pgtrigger.AtMost(3, per="team", where=~Q(label=""))', (1,)),
        ('pgtrigger.AtMost(2, per="team", where=Q(label=""))', (1, 3)),
        (
            'pgtrigger.AtMost(2, per="label")',
            "at_most_2_per_label: AtMost 'at_most_2_per_label': tutorial.Badge.label is not a foreign key.",
        ),
    ],
    "trees": [
        ('pgtrigger.NoCycle("parent")', (4,)),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Delete)', (0, 1)),
        (
            'pgtrigger.ReadOnly(name="a", fields=["parent"]), pgtrigger.Protect(name="b", operation=pgtrigger.Delete)',
            (2,),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update, condition=pgtrigger.Q(new__parent=pgtrigger.F("new__id"))), pgtrigger.Protect(name="b", operation=pgtrigger.Delete)',
            (1,),
        ),
        (
            'pgtrigger.NoCycle("parent"), pgtrigger.Protect(name="b", operation=pgtrigger.Insert | pgtrigger.Delete)',
            (3,),
        ),
    ],
    "search_vectors": [
        (
            'pgtrigger.UpdateSearchVector(name="a", vector_field="words", document_fields=["text"])',
            (0, 1, 2, 3),
        ),
        (
            'pgtrigger.UpdateSearchVector(name="a", vector_field="words", document_fields=["title", "text"], config_name="pg_catalog.simple")',
            (0, 1, 2, 3),
        ),
        (
            'pgtrigger.UpdateSearchVector(name="a", vector_field="words", document_fields=["title"], config_name="pg_catalog.simple")',
            (0, 1, 2, 3),
        ),
        ('pgtrigger.ReadOnly(name="a", fields=["words"])', (0, 1, 2, 3)),
        (
            'pgtrigger.UpdateSearchVector(name="a", vector_field="words", document_fields=["words"], config_name="pg_catalog.simple")',
            (0, 1, 2, 3),
        ),
    ],
    "change_sets": [
        ('pghistory.DeleteEvent("removed")', (1,)),
        ('pghistory.DeleteEvent("removed"), pghistory.UpdateEvent("resized")', (2,)),
        (
            'pghistory.DeleteEvent(), pghistory.UpdateEvent("resized", condition=pgtrigger.Q(new__quantity__lt=pgtrigger.F("old__quantity")))',
            (0,),
        ),
        (
            'pghistory.DeleteEvent("removed"), pghistory.UpdateEvent("resized", condition=pgtrigger.Q(new__quantity__gt=pgtrigger.F("old__quantity")))',
            (1, 2),
        ),
        (
            'pghistory.InsertEvent(), pghistory.DeleteEvent("removed"), pghistory.UpdateEvent("resized", condition=pgtrigger.Q(new__quantity__lt=pgtrigger.F("old__quantity")))',
            (3,),
        ),
    ],
    "as_of": [
        ("pghistory.InsertEvent(), pghistory.UpdateEvent()", (4,)),
        ("pghistory.InsertEvent(), pghistory.DeleteEvent()", (1, 2)),
        (
            'pghistory.InsertEvent(), pghistory.UpdateEvent(condition=pgtrigger.AnyChange("price")), pghistory.DeleteEvent()',
            (2,),
        ),
        (
            "pghistory.InsertEvent(), pghistory.UpdateEvent(condition=None), pghistory.DeleteEvent()",
            (3,),
        ),
        ('pghistory.InsertEvent("added"), pghistory.UpdateEvent(), pghistory.DeleteEvent()', (0,)),
    ],
    "backfill": [
        ('pghistory.InsertEvent("first")', (1,)),
        ('pghistory.InsertEvent("first"), pghistory.UpdateEvent("priced")', (2,)),
        (
            'pghistory.InsertEvent(), pghistory.UpdateEvent("priced", condition=pgtrigger.AnyChange("price"))',
            (0,),
        ),
        (
            'pghistory.InsertEvent("first"), pghistory.UpdateEvent("priced", condition=pgtrigger.AnyChange("name"))',
            (1, 2),
        ),
        (
            'pghistory.InsertEvent("first"), pghistory.UpdateEvent("priced", condition=pgtrigger.AnyDontChange("name"))',
            (3,),
        ),
    ],
    "manual_events": [
        ('pghistory.InsertEvent("created"), pghistory.UpdateEvent("email_changed")', (2,)),
        (
            'pghistory.InsertEvent("created"), pghistory.UpdateEvent("email_changed", condition=~pgtrigger.Q(old__email=""))',
            (3,),
        ),
        (
            'pghistory.UpdateEvent("email_changed", condition=pgtrigger.AnyChange("email") & ~pgtrigger.Q(old__email=""))',
            (0,),
        ),
        (
            'pghistory.InsertEvent("created"), pghistory.UpdateEvent("email_changed", condition=pgtrigger.AnyChange("email") & pgtrigger.Q(old__email=""))',
            (1, 2),
        ),
        (
            'pghistory.InsertEvent("created"), pghistory.UpdateEvent("email_changed", condition=pgtrigger.AnyChange("password") & ~pgtrigger.Q(old__email=""))',
            (1, 3),
        ),
    ],
    "background_context": [
        ('pghistory.UpdateEvent("raised")', (1, 2)),
        (
            'pghistory.UpdateEvent("raised", condition=pgtrigger.Q(new__price__gt=pgtrigger.F("old__price")))',
            (1,),
        ),
        (
            'pghistory.UpdateEvent("lowered", condition=pgtrigger.Q(new__price__gt=pgtrigger.F("old__price"))), pghistory.UpdateEvent("raised", condition=pgtrigger.Q(new__price__lt=pgtrigger.F("old__price")))',
            (0, 1),
        ),
        (
            'pghistory.UpdateEvent("raised", condition=pgtrigger.Q(new__price__gte=pgtrigger.F("old__price"))), pghistory.UpdateEvent("lowered", condition=pgtrigger.Q(new__price__lt=pgtrigger.F("old__price")))',
            (2,),
        ),
        (
            'pghistory.InsertEvent("raised"), pghistory.UpdateEvent("lowered", condition=pgtrigger.Q(new__price__lt=pgtrigger.F("old__price")))',
            (0, 3),
        ),
    ],
    "deferred_rules": [
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update, condition=pgtrigger.Q(new__amount=0))',
            (1, 2),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update, condition=pgtrigger.Q(new__amount=0) | pgtrigger.Q(new__account=""))',
            (1, 2),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update, when=pgtrigger.After, timing=pgtrigger.Deferred, condition=pgtrigger.Q(new__amount=0) | pgtrigger.Q(new__account=""))',
            (0, 3),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update, when=pgtrigger.After, timing=pgtrigger.Deferred, condition=pgtrigger.Q(new__account=""))',
            (0, 3),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update, condition=pgtrigger.Q(new__amount=0)), pgtrigger.Protect(name="b", operation=pgtrigger.Insert, when=pgtrigger.After, timing=pgtrigger.Deferred, condition=pgtrigger.Q(new__account=""))',
            (2,),
        ),
    ],
    "third_party_models": [
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update, condition=pgtrigger.Q(old__name="Administrators") & pgtrigger.AnyChange("name"))',
            (4,),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update, condition=pgtrigger.Q(new__name="root"))',
            (0,),
        ),
        (
            'pgtrigger.ReadOnly(name="a", fields=["name"]), pgtrigger.Protect(name="b", operation=pgtrigger.Insert, condition=pgtrigger.Q(new__name="root"))',
            (1,),
        ),
        ('pgtrigger.Protect(name="a", operation=pgtrigger.Insert | pgtrigger.Update)', (1, 3)),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update, condition=pgtrigger.Q(old__name="Administrators") & pgtrigger.AnyChange("name")), pgtrigger.Protect(name="b", operation=pgtrigger.Insert, condition=pgtrigger.Q(new__name="root"))',
            (5,),
        ),
    ],
    "rules_in_migrations": [
        ('pgtrigger.ReadOnly(name="a", fields=["number"])', (2, 3)),
        (
            'pgtrigger.ReadOnly(name="a", fields=["number"], ignorable=False), pgtrigger.Protect(name="b", operation=pgtrigger.Delete, ignorable=False)',
            (1,),
        ),
        (
            'pgtrigger.ReadOnly(name="a", fields=["number"]), pgtrigger.Protect(name="b", operation=pgtrigger.Delete)',
            (2,),
        ),
        ('pgtrigger.Protect(name="b", operation=pgtrigger.Delete, ignorable=False)', (0,)),
        (
            'pgtrigger.Protect(name="b", operation=pgtrigger.Update | pgtrigger.Delete, ignorable=False)',
            (1,),
        ),
    ],
    "related_history": [
        ('pghistory.InsertEvent("added"), pghistory.DeleteEvent("removed")', (1,)),
        (
            'pghistory.InsertEvent("added"), pghistory.UpdateEvent("moved"), pghistory.DeleteEvent("removed")',
            (2,),
        ),
        (
            'pghistory.InsertEvent("added"), pghistory.UpdateEvent("moved", condition=pgtrigger.AnyChange("text")), pghistory.DeleteEvent("removed")',
            (1, 2),
        ),
        (
            'pghistory.InsertEvent("added"), pghistory.UpdateEvent("moved", condition=pgtrigger.AnyChange("order"))',
            (3,),
        ),
        (
            'pghistory.InsertEvent(), pghistory.UpdateEvent("moved", condition=pgtrigger.AnyChange("order")), pghistory.DeleteEvent("removed")',
            (0,),
        ),
    ],
    "masked_fields": [
        ("pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent())", (0, 1, 2)),
        (
            'pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), mask=["email"])',
            (0, 1, 2),
        ),
        (
            'pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), exclude=["email", "password"])',
            (0, 1),
        ),
        (
            'pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), mask=["email", "password"])',
            (0, 1, 2),
        ),
        (
            'pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), mask=["email"], exclude=["email", "password"])',
            "pghistory.track: tutorial.Account: mask has 'email', which is not a tracked field. Tracked are: id.",
        ),
    ],
    "retention": [
        ("pghistory.track(pghistory.UpdateEvent())", (2,)),
        ("pghistory.track(pghistory.UpdateEvent(), keep=timedelta(days=365))", (2,)),
        ("pghistory.track(pghistory.UpdateEvent(), keep=timedelta(days=30))", (3,)),
        ("pghistory.track(keep=timedelta(days=90))", (1,)),
        (
            "pghistory.track(pghistory.UpdateEvent(), keep=90)",
            "pghistory.track: keep=90: expected a positive timedelta, or None for ever.",
        ),
    ],
    "erasure": [
        ('pghistory.erase(Customer(pk=1), fields=["name", "city"])', (0,)),
        ('pghistory.erase(Customer(pk=1), fields=["name"], metadata=["url", "email"])', (0, 1)),
        (
            'pghistory.erase(Customer(pk=1), fields=["name", "city"], metadata=["url", "email", "task"])',
            (0,),
        ),
        (
            'pghistory.erase(Customer(pk=2), fields=["name", "city"], metadata=["url", "email"])',
            (0, 1, 2),
        ),
        (
            'pghistory.erase(Customer(pk=1), fields=["name", "city"], metadata=["url", "email"], dry_run=True)',
            (0, 1),
        ),
    ],
    "composer": [
        (
            'pgtrigger.Protect(name="a", level=pgtrigger.Statement, operation=pgtrigger.Insert, condition=pgtrigger.Q(new__quantity__lt=0)), pgtrigger.ReadOnly(name="c", level=pgtrigger.Statement, fields=["item"]), pgtrigger.Protect(name="d", level=pgtrigger.Statement, operation=pgtrigger.Truncate)',
            (0,),
        ),
        (
            'pgtrigger.Protect(name="b", level=pgtrigger.Statement, operation=pgtrigger.Update, condition=pgtrigger.Q(new__quantity__lt=0)), pgtrigger.ReadOnly(name="c", level=pgtrigger.Statement, fields=["item"]), pgtrigger.Protect(name="d", level=pgtrigger.Statement, operation=pgtrigger.Truncate)',
            (3,),
        ),
        (
            'pgtrigger.Protect(name="a", level=pgtrigger.Statement, operation=pgtrigger.Insert, condition=pgtrigger.Q(new__quantity__lt=0)), pgtrigger.Protect(name="b", level=pgtrigger.Statement, operation=pgtrigger.Update, condition=pgtrigger.Q(new__quantity__lte=0)), pgtrigger.ReadOnly(name="c", level=pgtrigger.Statement, fields=["item"]), pgtrigger.Protect(name="d", level=pgtrigger.Statement, operation=pgtrigger.Truncate)',
            (1,),
        ),
        (
            'pgtrigger.Protect(name="a", level=pgtrigger.Statement, operation=pgtrigger.Insert, condition=pgtrigger.Q(new__quantity__lt=0)), pgtrigger.Protect(name="b", level=pgtrigger.Statement, operation=pgtrigger.Update, condition=pgtrigger.Q(new__quantity__lt=0)), pgtrigger.ReadOnly(name="c", level=pgtrigger.Statement, fields=["item"])',
            (6,),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Truncate)',
            "Line 1: Protect 'a': Truncate has no rows: it needs level=pgtrigger.Statement.",
        ),
    ],
    "schemas": [
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Delete, condition=pgtrigger.Q(old__is_closed=True))',
            (2,),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Delete), pgtrigger.ReadOnly(name="b", fields=["subject"])',
            (1, 4),
        ),
        ('pgtrigger.Frozen(name="a", when=Q(is_closed=True))', (3,)),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Update | pgtrigger.Delete, condition=pgtrigger.Q(old__is_closed=True))',
            (3,),
        ),
        (
            'pgtrigger.Protect(name="a", operation=pgtrigger.Delete, condition=pgtrigger.Q(old__is_closed=True)), pgtrigger.ReadOnly(name="b", fields=["subject"])',
            (4,),
        ),
    ],
}
