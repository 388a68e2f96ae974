"""Soft deletion and cascades

Django cascades in Python: before it deletes a row, it collects the rows that refer to it and does
what their `on_delete` says. It does not know that the row itself will stay. So for each model
that refers to a soft-deleted one, there is a decision to make, and here are the three.

- `Member` is soft-deletable too, with `on_delete=CASCADE`: it goes inactive together with its
  team.
- `Badge` has `on_delete=CASCADE` and no rule: its rows are deleted for good, though the team
  stays.
- `Minute` has `on_delete=DO_NOTHING`: its rows stay as they are. This is safe here, as the team
  they refer to never goes away.

None of them is the right one. Which it is depends on what a row means without its parent.
"""

from tutorial.models import Badge, Member, Minute, Team


def run():
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
