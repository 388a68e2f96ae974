"""Who it was

The context that is asked for most is the user. `HistoryMiddleware` opens one round each request
that may write, with the `user` and the `url`; every event of that request refers to it. Your
views need not know.

The scenario sends a request through the middleware by hand. A view can add to the context with a
bare call of `pghistory.context(...)`: inside a request it joins the one that is open, and outside
it does nothing at all.

`MiddlewareEvents` lists the events of all models with both as columns, `user` as a foreign key,
so that you can filter by it.
"""

from tutorial.models import Page


def run():
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
