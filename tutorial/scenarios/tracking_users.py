"""Track the user

The history says that the price was changed on Tuesday at 14:02. The question was: by whom?

PostgreSQL sees the site's database role and not the person who is logged in. Passing
`request.user` to every function that writes is easily forgotten.

`HistoryMiddleware` opens a context for each request that may write, with the `user` and the `url`.
Every event of the request refers to it, and views need no change. A view can add to the context
with a call of `pghistory.context(...)`: inside a request it adds to the open context, outside it
does nothing. The scenario sends a request through the middleware by hand.

`MiddlewareEvents` lists the events of all models, with `user` as a foreign key and `url` as columns
that you can filter by.

## What it does not stop

- Changes outside a request have no user: commands, tasks and `psql`. Open a context in them, or set
  `PGHISTORY_RECORD_SESSION = True` to record the database role.
- GET requests that write are recorded, too, because `PGHISTORY_MIDDLEWARE_METHODS` contains GET by
  default. HEAD and OPTIONS are not.
"""

from tutorial.models import Page


def run() -> None:
    import pghistory
    from django.contrib.auth import get_user_model
    from django.test import RequestFactory
    from pghistory.middleware import HistoryMiddleware
    from pghistory.models import MiddlewareEvents

    def view(request):
        page = Page.objects.create(title='News', text='We have begun.')
        pghistory.context(reason='a slow day')
        page.text = 'We have begun!'
        page.save()
        return page

    request = RequestFactory().post('/pages/')
    request.user = get_user_model().objects.create(username='ada')
    page = HistoryMiddleware(view)(request)

    for event in MiddlewareEvents.objects.tracks(page).order_by('pgh_id'):
        print(event.pgh_label, event.user.username, event.url, event.pgh_diff)

    # Both events share one context
    print(page.event.values('pgh_context__metadata__reason').distinct().get())
