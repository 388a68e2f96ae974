"""Soft deletion and cascades

A team was soft-deleted and could be restored. Its members' badges could not: Django had deleted
them.

Django cascades in Python. Before it deletes a row, it collects the rows that refer to it, and does
what their `on_delete` says. It does not know that the row itself will stay.

So there is a decision for each model that refers to a soft-deleted one. These are the three
possibilities:

- `Member` has `on_delete=CASCADE` and a `SoftDelete` rule: it becomes inactive with its team.
- `Badge` has `on_delete=CASCADE` and no rule: its rows are deleted, although the team stays.
- `Minute` has `on_delete=DO_NOTHING`: its rows stay as they are. This is safe here, because the
  team that they refer to is never removed.

Which one is right depends on what a row means without its parent.

## What it does not stop

- Restoring a team does not restore its members. Write that step yourself.
- A new member can still refer to an inactive team. A condition on `INSERT` refuses that.
"""

from tutorial.models import Badge, Member, Minute, Team


def run() -> None:
    team = Team.objects.create(name='Blue')
    Member.objects.create(team=team, name='Ada')
    Badge.objects.create(team=team, label='Founders')
    Minute.objects.create(team=team, text='We begin.')

    # Django deletes the badge, then the member, then the team
    _, by_model = team.delete()
    print('Django says it deleted', by_model)

    print('team:', Team.objects.values_list('name', 'is_active').get())
    print('member:', Member.objects.values_list('name', 'is_active').get())
    print('badges:', Badge.objects.count())
    print('minutes:', Minute.objects.count())
