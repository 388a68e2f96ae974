"""A test for each chapter, as it stands in a project's tests."""

TESTS = {
    "protecting_deletions": """\
def test_nothing_is_deleted():
    row = CannotDelete.objects.create()
    with refuses(CannotDelete, "protect_deletes"):
        CannotDelete.objects.filter(pk=row.pk).delete()
""",
    "append_only": """\
def test_a_row_is_final():
    AppendOnly.objects.create(int_field=0)
    with refuses(AppendOnly, "append_only"):
        AppendOnly.objects.update(int_field=1)
    with refuses(AppendOnly, "append_only"):
        AppendOnly.objects.all().delete()
""",
    "read_only_field": """\
def test_only_created_at_is_final():
    ReadOnlyField.objects.create(int_field=0)
    ReadOnlyField.objects.update(int_field=1)
    with refuses(ReadOnlyField, "read_only"):
        ReadOnlyField.objects.update(created_at=timezone.now())
""",
    "read_only_fields": """\
def test_both_fields_are_final():
    ReadOnlyFields.objects.create(int_field=0)
    for change in ({"int_field": 1}, {"created_at": timezone.now()}):
        with refuses(ReadOnlyFields, "multiple_read_only"):
            ReadOnlyFields.objects.update(**change)
""",
    "soft_delete": """\
def test_a_deleted_row_stays():
    SoftDelete.objects.create()
    SoftDelete.objects.all().delete()
    assert SoftDelete.objects.get().is_active is False
""",
    "soft_delete_cascades": """\
def test_a_member_becomes_inactive_with_its_team():
    team = Team.objects.create(name="Blue")
    Member.objects.create(team=team, name="Ada")
    team.delete()
    assert Member.objects.get().is_active is False
    assert Team.objects.get().is_active is False
""",
    "versioning": """\
def test_each_update_increments_the_version():
    Versioned.objects.create(char_field="hello")
    Versioned.objects.update(char_field="hi")
    assert Versioned.objects.get().version == 1
    with refuses(Versioned, "protect_version_edits"):
        Versioned.objects.update(version=7)
""",
    "official_interface": """\
def test_only_the_official_interface_creates():
    with refuses(OfficialInterface, "protect_inserts"):
        OfficialInterface.objects.create()
    assert OfficialInterface.objects.official_create().pk
""",
    "transitions": """\
def test_inactive_is_final():
    FSM.objects.create(status="inactive")
    with refuses(FSM, "validate_status_transitions", old="inactive", new="published"):
        FSM.objects.update(status="published")
""",
    "conditional_transitions": """\
@pytest.mark.parametrize("is_rehearsal", [True, False])
def test_a_decision_is_final_except_in_a_rehearsal(is_rehearsal):
    Review.objects.create(status="declined", is_rehearsal=is_rehearsal)
    if is_rehearsal:
        Review.objects.update(status="open")
    else:
        with refuses(Review, "final_decision"):
            Review.objects.update(status="open")
""",
    "tracking_history": """\
def test_an_update_is_an_event():
    tracked = Tracked.objects.create(int_field=1, char_field="hello")
    Tracked.objects.update(int_field=-1)
    labels = tracked.event.order_by("pgh_id").values_list("pgh_label", flat=True)
    assert list(labels) == ["create", "snapshot", "low_int", "snapshot"]
""",
    "tracking_users": """\
def test_a_change_has_its_user():
    with pghistory.context(user=7):
        page = Page.objects.create(title="News", text="We have begun.")
    assert page.event.get().pgh_context.metadata == {"user": 7}
""",
    "revert": """\
def test_a_page_can_be_reverted():
    page = Page.objects.create(title="News", text="We have begun.")
    Page.objects.update(text="Lorem ipsum")
    page.event.order_by("pgh_id").first().revert()
    assert Page.objects.get().text == "We have begun."
""",
    "deferred_constraints": """\
def test_the_insert_is_refused():
    name = constraints.foreign_key_constraint_name(Book, "author", using="default")
    with pytest.raises(IntegrityError), transaction.atomic():
        with constraints.immediate(names=(name,), using="default"):
            Book.objects.create(title="Unsigned", author_id=1)
""",
    "refined_errors": """\
def test_an_email_that_is_taken():
    class UserAlreadyExists(Exception): ...

    rules = [(conversion.Unique(model=User, fields=("email",)), UserAlreadyExists)]
    User.objects.create(email="ada@example.org")
    with pytest.raises(UserAlreadyExists), transaction.atomic():
        with conversion.refine_integrity_error(rules):
            User.objects.create(email="ada@example.org")
""",
    "refined_rules": """\
def test_a_forbidden_transition():
    class AlreadyInactive(Exception): ...

    rule = conversion.Trigger(model=FSM, name="validate_status_transitions")
    FSM.objects.create(status="inactive")
    with pytest.raises(AlreadyInactive), transaction.atomic():
        with conversion.refine_integrity_error([(rule, AlreadyInactive)]):
            FSM.objects.update(status="published")
""",
    "typed_errors": """\
def test_the_error_names_the_field():
    Passport.objects.create(number="C01X", holder="Ada")
    with refuses(Passport, "number_is_final", fields=["number"]):
        Passport.objects.update(number="C02Y")
""",
    "statement_triggers": """\
def test_one_row_refuses_the_statement():
    Reading.objects.bulk_create(Reading(meter=meter, value=100) for meter in range(3))
    with refuses(Reading, "never_backwards"):
        Reading.objects.update(value=F("value") + 1 - F("meter"))
    assert set(Reading.objects.values_list("value", flat=True)) == {100}
    assert Batch.objects.get().rows == 3
""",
    "report_mode": """\
def test_a_negative_payment_is_reported():
    with allows():
        Payment.objects.create(amount=-5)
    assert Violation.objects.get().operation == "INSERT"
""",
    "drift": """\
def test_no_trigger_was_changed():
    call_command("pgtrigger", "check", "tutorial.CannotDelete:protect_deletes")
""",
    "immutable_rows": """\
def test_an_issued_invoice_is_final():
    Invoice.objects.create(status="issued", amount=100)
    with refuses(Invoice, "frozen"):
        Invoice.objects.update(amount=1)
    Invoice.objects.update(note="paid")
""",
    "related_conditions": """\
def test_an_issued_invoice_gets_no_line():
    invoice = Invoice.objects.create(status="issued")
    with refuses(Line, "requires_invoice__status"):
        Line.objects.create(invoice=invoice, text="Ink")
""",
    "undelete": """\
def test_a_project_is_restored_with_its_tasks():
    project = Project.objects.create(name="Garden")
    Task.objects.create(project=project, text="dig")
    project.delete()
    pgtrigger.undelete(Project.objects.get())
    assert Task.objects.get().deleted_at is None
""",
    "active_parents": """\
def test_nobody_works_in_a_deleted_department():
    sales = Department.objects.create(name="Sales")
    Employee.objects.create(department=sales, name="Ada")
    sales.delete()
    assert Employee.objects.get().deleted_at
    with refuses(Employee, "active_department", field="department"):
        Employee.objects.create(department=Department.objects.get(), name="Grace")
""",
    "optimistic_locking": """\
def test_a_version_that_was_not_read_is_not_overwritten():
    mine = Document.objects.create(text="We have begun.")
    Document.objects.update(text="We began in May.")
    with refuses(Document, "version", based_on=0, version=1):
        mine.save()
""",
    "touch": """\
def test_update_sets_the_time():
    Note.objects.create(text="milk")
    with pgtrigger.ignore("tutorial.Note:touch_updated_at"):
        Note.objects.update(updated_at=None)
    Note.objects.update(text="bread")
    assert Note.objects.get().updated_at is not None
""",
    "totals": """\
def test_public_comments_are_counted():
    post = Post.objects.create(title="First")
    Comment.objects.create(post=post, text="yes", likes=3)
    Comment.objects.create(post=post, text="no", is_public=False)
    post.refresh_from_db()
    assert (post.comment_count, post.likes) == (1, 3)
""",
    "limits": """\
def test_a_course_has_two_seats():
    course = Course.objects.create(name="Drawing")
    for student in ["Ada", "Grace"]:
        Seat.objects.create(course=course, student=student)
    with refuses(Seat, "at_most_2_per_course"):
        Seat.objects.create(course=course, student="Edsger")
""",
    "trees": """\
def test_a_folder_is_not_inside_itself():
    folder = Folder.objects.create(name="home")
    with refuses(Folder, "no_cycle_parent"):
        Folder.objects.update(parent=folder)
""",
    "search_vectors": """\
def test_update_makes_the_words_again():
    Article.objects.create(title="Garden", text="Three hens")
    Article.objects.update(text="Eggs")
    assert Article.objects.get().words == "'egg':2 'garden':1"
""",
    "change_sets": """\
def test_what_a_request_did_can_be_undone():
    Product.objects.create(name="Tea", price=4)
    with pghistory.context(url="/clean-up/") as request:
        Product.objects.update(price=0)
    pghistory.ChangeSet.for_context(request.id).undo()
    assert Product.objects.get().price == 4
""",
    "as_of": """\
def test_the_price_of_last_month():
    tea = Product.objects.create(name="Tea", price=4)
    last_month = tea.events.get().pgh_created_at
    Product.objects.update(price=9)
    with pghistory.as_of(last_month):
        assert Product.objects.get().price == 4
""",
    "backfill": """\
def test_an_old_row_has_a_first_event():
    with pgtrigger.ignore():
        tea = Product.objects.create(name="Tea", price=4)
    call_command("pghistory", "backfill", "tutorial.Product")
    assert tea.events.get().price == 4
""",
    "manual_events": """\
def test_a_login_is_an_event_without_the_password():
    account = Account.objects.create(email="ada@example.org", password="secret")
    event = pghistory.create_event(account, label="logged_in")
    assert event.email == "ada@example.org"
    assert not hasattr(event, "password")
""",
    "background_context": """\
def test_a_task_has_its_context():
    tea = Product.objects.create(name="Tea", price=4)
    with pghistory.context(user=7, task="raise_prices"):
        Product.objects.update(price=9)
    event = tea.events.get(pgh_label="update")
    assert event.pgh_context.metadata == {"user": 7, "task": "raise_prices"}
""",
    "deferred_rules": """\
def test_a_transfer_adds_up_to_0():
    with pytest.raises(pgtrigger.RaisedError, match="add up to -100"), transaction.atomic():
        Posting.objects.create(transfer=1, account="cash", amount=-100)
        pgtrigger.constraints(pgtrigger.Immediate)  # now, and not at the COMMIT
""",
    "third_party_models": """\
def test_the_administrators_stay():
    Group.objects.create(name="Administrators")
    with refuses(Role, "keep_administrators"):
        Group.objects.all().delete()
""",
    "rules_in_migrations": """\
def test_the_migration_can_correct_a_number():
    Passport.objects.create(number="", holder="Ada")
    with refuses(Passport, "number_is_final"):
        Passport.objects.update(number="unknown")
    with pgtrigger.ignore("tutorial.Passport:number_is_final"):
        Passport.objects.update(number="unknown")
""",
    "related_history": """\
def test_an_item_is_in_the_orders_timeline():
    order = Order.objects.create(number=7)
    Item.objects.create(order=order, text="ink").delete()
    labels = Events.objects.tracks(order).order_by("pgh_created_at")
    assert [event.pgh_label for event in labels] == ["insert", "insert", "delete"]
""",
    "masked_fields": """\
def test_the_history_does_not_contain_an_iban():
    payee = Payee.objects.create(name="Ada", iban="DE02 1203")
    Payee.objects.update(iban="DE99 6666")
    event = payee.events.get(pgh_label="update")
    assert event.pgh_iban_changed
    assert not hasattr(event, "iban")
""",
    "retention": """\
def test_the_last_event_stays():
    ada = Customer.objects.create(name="Ada", city="London")
    Customer.objects.update(city="Paris")
    ada.events.update(pgh_created_at=timezone.now() - timedelta(days=730))
    call_command("pghistory", "prune", "tutorial.Customer")
    assert ada.events.get().city == "Paris"
""",
    "erasure": """\
def test_a_person_can_be_erased():
    ada = Customer.objects.create(name="Ada", city="London")
    pghistory.erase(ada, fields=["name", "city"])
    assert ada.events.get().name == ""
""",
    "composer": """\
def test_one_statement_notes_each_item_that_fell_below_5():
    Stock.objects.bulk_create(Stock(item=f"item {n}", quantity=n + 5) for n in range(10))
    Stock.objects.update(quantity=F("quantity") - 3)
    assert set(Reorder.objects.values_list("item", "missing")) == {
        ("item 0", 8),
        ("item 1", 7),
        ("item 2", 6),
    }
""",
    "schemas": """\
def test_the_rule_is_installed_in_the_usual_schema():
    Ticket.objects.create(subject="No heating", is_closed=True)
    with refuses(Ticket, "keep_closed"):
        Ticket.objects.all().delete()
""",
}
IMPORTS = {
    "pytest": "import pytest",
    "refuses(": "from pgtrigger.testing import refuses",
    "Events.": "from pghistory.models import Events",
    "timedelta": "from datetime import timedelta",
    "allows(": "from pgtrigger.testing import allows",
    "Violation": "from pgtrigger.models import Violation",
    "Group.": "from django.contrib.auth.models import Group",
    "pgtrigger": "import pgtrigger",
    "pghistory": "import pghistory",
    "constraints": "from integrity import constraints",
    "conversion": "from integrity import conversion",
    "transaction": "from django.db import transaction",
    "IntegrityError": "from django.db import IntegrityError",
    "F(": "from django.db.models import F",
    "timezone": "from django.utils import timezone",
    "call_command": "from django.core.management import call_command",
}
