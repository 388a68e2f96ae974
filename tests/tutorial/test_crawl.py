"""Every page, with whatever a client can send: no answer is an error of the server.

The paths come from the URL configuration, so a new page is visited without a change here.
``make full`` sends 10,000 more, about 36 ms each.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.signals import got_request_exception
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.test.client import ClientHandler
from django.urls import URLResolver, get_resolver
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

import pghistory
from project.requests import supported_environ
from project.settings import POLICY
from tests.tutorial.rows import KEY, create_rows
from tutorial.chapters import all_chapters
from tutorial.models.basics import TrackedEvent

pytestmark = pytest.mark.django_db
LATEST_EVENT = "the-latest-event"  # stands for its key, which is known when there is one
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "GE T")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE", "PROPFIND")

# Texts that PostgreSQL, Unicode, numbers, dates, JSON, HTTP or Python's converters refuse.
HOSTILE = (
    *("", " ", "\0", "a\0b", "\ud800", "\udcff", "\x85", "\ufeff", "\u202e", "é", "🦊", "%", "%s"),
    *("0", "-1", "1", "2", "00", "²", "٣", "1_0", "0x1", "1e999", "NaN", "Infinity", "-0", "1.5"),
    *("9" * 18, "9" * 19, "9" * 40, "9" * 5000, "-" + "9" * 30),
    *("None", "null", "true", "[]", "{}", "{", '{"a": "\\u0000"}', "'", '"', "\\", ";", "--"),
    *("..", "../../etc/passwd", "//example.org/", "http://[", "http://[::1", "javascript:alert(1)"),
    *("2026-13-45", "0001-01-01", "9999-12-31T23:59:59.999999+14:00", "-4713-01-01", "24:00:00"),
    *("tutorial.Tracked:1", "tutorial.Tracked:", ":", ".", "a.b.c:1:2", "tutorial.Nothing:1"),
    *("a" * 3000, "__class__", "_" * 200, "_5F", "_", "_ZZ", "_00", "a__b__c", "<script>", "\r\n"),
)
NAMES = (
    *("q", "p", "o", "e", "all", "_popup", "_to_field", "_changelist_filters", "next", "before"),
    *("method", "obj", "event_model", "pgh_label", "pgh_obj_model", "pgh_created_at__gte"),
    *("app_label", "model_name", "field_name", "term", "id", "id__exact", "id__in", "id__gt"),
    *("pk__in", "user__id__exact", "is_staff__exact", "date_joined__year", "email__regex"),
    *("action", "_selected_action", "select_across", "index", "post", "_save", "_saveasnew"),
    *(
        "journal",
        "csrfmiddlewaretoken",
        "username",
        "password",
        "name",
        "answer",
        "title",
        "email",
        "amount",
    ),
    *("form-TOTAL_FORMS", "form-INITIAL_FORMS", "form-0-id", "_method", "encoding", "_encoding"),
)
ACTIONS = tuple(
    f"{action}:{name}{place}"
    for action in ("add", "save", "delete", "drop")
    for name in ("CannotDelete", "Tracked", "Nothing", "")
    for place in ("", ":0", ":-1", ":²", ":" + "9" * 5000, ":0:0")
)
ANSWERS = (
    *HOSTILE,
    *("triggers = " + "[" * 5000, "triggers = [" + "-" * 3000 + "1]"),
    *("triggers = [" + "9" * 5000 + "]",),
    *("triggers = [" + "a." * 2000 + "b]", "triggers = [" + "f(" * 200 + ")" * 200 + "]"),
    *("triggers = [pgtrigger.Protect(name='\\0', operation=pgtrigger.Delete)]",),
    *("triggers = [pgtrigger.Protect(name='\\ud800', operation=pgtrigger.Delete)]",),
    *("triggers = [pgtrigger.Protect(name='a', operation=pgtrigger.Delete, condition=9e999)]",),
    *("triggers = [*triggers]", "triggers: list = []", "def f(): pass", "trackers = [", "\t\n\\"),
    *("rules = [(integrity.Unique(model=1), ValueError)]", "trackers = [pghistory.InsertEvent(1)]"),
)
CONTENT_TYPES = (
    *("application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-7"),
    *("application/x-www-form-urlencoded; charset=utf-16", "application/json", "text/plain", ""),
    *("application/x-www-form-urlencoded; charset=nothing", "text/html; charset=\0"),
    *("application/x-www-form-urlencoded; charset=rot13", "multipart/form-data; charset=idna"),
    *("application/x-www-form-urlencoded; charset=base64", "application/json; charset=punycode"),
    *("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=b"),
    *("multipart/form-data; boundary=b; charset=hex", "multipart/form-data; boundary=é", ";;;=\0"),
    *("application/x-www-form-urlencoded; charset=undefined", "multipart/mixed; boundary=b"),
)
PART = '--b\r\nContent-Disposition: form-data; name="{}"{}\r\n{}\r\n\r\n{}\r\n--b--\r\n'
HEADERS = {
    "HTTP_HOST": ("testserver", "a b", "[", "[::1]:99999", "\0", "é", "x" * 300, "a,b", "."),
    "HTTP_X_REQUEST_ID": ("0" * 32, "\0", "9" * 400, "{}"),
    "HTTP_HX_REQUEST": ("true", "\0", "false"),
    "HTTP_ACCEPT_LANGUAGE": ("de", "*", "\0", "a" * 600, "en;q=" + "9" * 500, "zh_" + "-a" * 90),
    "HTTP_REFERER": ("http://testserver/", "http://[", "\0", "https://testserver"),
    "HTTP_ORIGIN": ("http://testserver", "null", "http://[", "\0"),
    "HTTP_ACCEPT": ("*/*", "text/html", "\0", "a/b;q=" + "9" * 500),
    "HTTP_ACCEPT_ENCODING": ("gzip", "\0"),
    "HTTP_IF_MODIFIED_SINCE": ("0", "Thu, 01 Jan 0000 00:00:00 GMT", "9" * 400, "\0"),
    "HTTP_IF_NONE_MATCH": ("*", '"', "\0"),
    "HTTP_RANGE": ("bytes=0-1", "bytes=9-1", "bytes=" + "9" * 5000 + "-", "\0"),
    "HTTP_X_FORWARDED_FOR": ("1.1.1.1", "\0", "," * 100, "9" * 300),
    "HTTP_X_FORWARDED_PROTO": ("https", "\0"),
    "HTTP_X_CSRFTOKEN": ("a" * 32, "a" * 64, "\0", "é"),
    "HTTP_AUTHORIZATION": ("Basic \0", "Basic é", "Bearer"),
    "HTTP_USER_AGENT": ("\0", "a" * 3000),
    "CONTENT_LENGTH": ("", "-1", "1", "9" * 30, "²", "\0"),
    "REMOTE_ADDR": ("127.0.0.1", "", "::1"),
}
COOKIES = (
    *("sessionid=aaaaaaaaaaaaaaaa\\000", 'sessionid="aaaaaaaaaaaaaaaa\\000"', "sessionid=\xff\xfe"),
    *(
        'sessionid="\\377\\330"',
        "sessionid=" + "9" * 4000,
        "sessionid=;sessionid==",
        "=",
        ";",
        "\0",
    ),
    *("csrftoken=", 'csrftoken="\\000"', "csrftoken=" + "a" * 32, "csrftoken=é", "messages=\0"),
    *("messages=abc:def", 'messages="\\000"', "__proto__=1", "$Version=1; $Path=/"),
)


def paths() -> Iterator[list[str]]:
    """The parts of each path: constant texts, and the names of converters in pointed brackets."""

    def walk(resolver: Any, prefix: str) -> Iterator[str]:
        for pattern in resolver.url_patterns:
            route = prefix + getattr(pattern.pattern, "_route", str(pattern.pattern))
            if isinstance(pattern, URLResolver):
                yield from walk(pattern, route)
            else:
                yield route

    for route in walk(get_resolver(), "/"):
        if "^" not in route:
            yield re.split(r"(<[^>]+>)", route)
    yield ["/admin/", "<slug:app_label>", "/"]
    yield ["/", "<path:anything>"]
    yield ["/static/", "<path:file>"]
    yield ["/health/", "<slug:probe>", "/"]


PATHS = list(paths())


MODELS = [model._meta.label for model in apps.get_app_config("tutorial").get_models()]
# What is there, by the name of the converter.
THERE = {
    "slug": [chapter.slug for chapter in all_chapters()],
    "model": MODELS,
    "label": MODELS,
    "app_label": ["tutorial", "auth", "nothing"],
    "object_id": [str(KEY), LATEST_EVENT],
    "key": [str(KEY), LATEST_EVENT],
}


def values(converter: str) -> st.SearchStrategy[str]:
    """Return values for a converter of an address: existing ones, and any others."""
    name = converter.strip("<>").split(":")[-1]
    return st.sampled_from([*THERE.get(name, []), str(KEY), LATEST_EVENT]) | texts


texts = st.sampled_from(HOSTILE) | st.text(max_size=20)
names = st.sampled_from(NAMES) | texts
pairs = st.lists(st.tuples(names, texts | st.sampled_from(ACTIONS)), max_size=6)


def encode(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="/:")


@st.composite
def addresses(draw: st.DrawFn) -> str:
    parts = draw(st.sampled_from(PATHS))
    return "".join(encode(draw(values(part))) if part.startswith("<") else part for part in parts)


def form(fields: list[tuple[str, str]]) -> bytes:
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in fields).encode()


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(["form", "multipart", "bytes"]))
    if kind == "bytes":
        return draw(st.binary(max_size=60))
    fields = draw(pairs)
    if kind == "form":
        return form(fields)
    file = draw(st.sampled_from(["", '; filename="a\0"', "; filename=", "; filename*=utf-8''%ff"]))
    encoding = draw(st.sampled_from(["", "Content-Transfer-Encoding: base64", "Content-Type: \0"]))
    sent = "".join(PART.format(name, file, encoding, value) for name, value in fields)
    return sent.encode("utf-8", "surrogatepass")


def latin(text: str) -> str:
    """A header as WSGI gives it: its bytes, each a character."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    headers = {
        name: latin(draw(st.sampled_from(HEADERS[name]) | texts))
        for name in draw(st.lists(st.sampled_from(sorted(HEADERS)), max_size=2, unique=True))
        if name != "CONTENT_LENGTH"
    }
    if draw(st.booleans()):
        headers["HTTP_COOKIE"] = latin(draw(st.sampled_from(COOKIES) | texts))
    query = form(draw(pairs)).decode() if draw(st.booleans()) else latin(draw(texts))
    return {
        "method": draw(st.sampled_from(METHODS)),
        "path": draw(addresses()),
        "data": draw(bodies()),
        "content_type": latin(draw(st.sampled_from(CONTENT_TYPES))),
        "QUERY_STRING": query,
        **headers,
    }


# Inline code, which the policy forbids: the browser would not run it.
INLINE = re.compile(
    r"<script(?![^>]*\b(?:src=|type=.application/json))[^>]*>|<style|<[a-z][^>]*\s(?:style|on[a-z]+)=",
    re.IGNORECASE,
)


def addresses_of(parts: list[str]) -> list[str]:
    """The addresses of a path with what is there in the place of each converter."""
    found = [""]
    for part in parts:
        name = part.strip("<>").split(":")[-1]
        there = THERE.get(name, [str(KEY)]) if part.startswith("<") else [part]
        found = [before + after for before in found for after in there]
    return found


class Handler(ClientHandler):
    """Django's, behind what ``project.wsgi`` puts before it."""

    def __call__(self, environ: dict[str, Any]) -> HttpResponse:
        return super().__call__(supported_environ(environ))


class Visitor:
    """A client that keeps the errors of the server, and everything that it did is taken back."""

    def __init__(self, user: Any = None, enforce_csrf_checks: bool = False):
        self.client = Client(raise_request_exception=False)
        self.client.handler = Handler(enforce_csrf_checks)
        self.session = ""
        if user is not None:
            self.client.force_login(user)
            self.session = f"sessionid={self.client.cookies['sessionid'].value}"

    def send(self, method: str, path: str, **request: Any) -> HttpResponse:
        cookie = request.get("HTTP_COOKIE", "")
        if self.session and "sessionid" not in cookie:
            request["HTTP_COOKIE"] = f"{self.session}; {cookie}"
        latest = TrackedEvent.objects.order_by("-pk").values_list("pk", flat=True).first()
        path = path.replace(LATEST_EVENT, str(latest))
        errors: list[BaseException | None] = []

        def keep(**kwargs: Any) -> None:
            errors.append(sys.exc_info()[1])

        got_request_exception.connect(keep)
        try:
            with transaction.atomic():
                response = self.client.generic(method, path, **request)
                if response.streaming:  # a file of the documentation, open until it is read
                    b"".join(response.streaming_content)
                transaction.set_rollback(True)
        finally:
            got_request_exception.disconnect(keep)
            self.client.cookies.clear()
        if response.status_code >= 500:
            raise AssertionError(f"{method} {path}: {response.status_code}") from (
                errors[0] if errors else None
            )
        return response


@pytest.fixture
def superuser() -> Any:
    """Somebody who may see every page, and rows that the pages show."""
    user = get_user_model().objects.create_superuser("crawler", "c@example.org", "password")
    with pghistory.context(user=user.pk, url="/"):
        create_rows()
    return user


def fuzz(examples: int) -> Any:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


class TestNoRequestIsAnErrorOfTheServer:
    @fuzz(300)
    @given(request=requests(), is_logged_in=st.booleans())
    def test_in_a_short_crawl(
        self, superuser: Any, request: Any, is_logged_in: bool, record_property: Any
    ) -> None:
        self.visit(superuser, request, is_logged_in)
        record_property("requests", 1)

    @pytest.mark.long
    @fuzz(10_000)
    @given(request=requests(), is_logged_in=st.booleans())
    def test_in_a_long_crawl(
        self, superuser: Any, request: Any, is_logged_in: bool, record_property: Any
    ) -> None:
        self.visit(superuser, request, is_logged_in)
        record_property("requests", 1)

    def visit(self, superuser: Any, request: Any, is_logged_in: bool) -> None:
        response = Visitor(superuser if is_logged_in else None).send(**request)
        event(f"status {response.status_code}")

    @pytest.mark.parametrize("cookie", COOKIES)
    def test_with_this_cookie(self, superuser: Any, cookie: str) -> None:
        for path in ("/", "/admin/", "/health/live", "/nowhere/at/all/"):
            Visitor().send("GET", path, HTTP_COOKIE=latin(cookie))

    @pytest.mark.parametrize("content_type", CONTENT_TYPES)
    def test_with_this_content_type(self, superuser: Any, content_type: str) -> None:
        for path in ("/", "/admin/", "/nowhere/at/all/", "/protecting-deletions/run/"):
            for host in ("testserver", "../.."):
                request = {
                    "content_type": latin(content_type),
                    "QUERY_STRING": "q=%ff",
                    "HTTP_HOST": host,
                }
                cookie = "csrftoken=" + "a" * 32
                visitor = Visitor(enforce_csrf_checks=True)
                visitor.send("POST", path, data=b"q=\xff&a=%ff", HTTP_COOKIE=cookie, **request)

    def test_with_digits_that_python_refuses_to_read(self) -> None:
        path, action = "/protecting-deletions/try/", "save:CannotDelete:" + "9" * 5000
        body = form([("action", action)])
        kind = "application/x-www-form-urlencoded"
        assert Visitor().send("POST", path, data=body, content_type=kind).status_code == 200

    @pytest.mark.parametrize("answer", ANSWERS)
    def test_with_this_answer_to_an_exercise(self, answer: str) -> None:
        for slug in ("protecting-deletions", "tracking-history", "refined-errors"):
            for action in ("check", "solve"):
                body = form([("answer", answer), ("action", action)])
                kind = "application/x-www-form-urlencoded"
                Visitor().send("POST", f"/{slug}/check/", data=body, content_type=kind)
            Visitor().send("GET", f"/{slug}/", QUERY_STRING=form([("answer", answer)]).decode())

    def test_a_session_that_cannot_be_looked_up_is_a_bad_request(self) -> None:
        response = Visitor().send("GET", "/", HTTP_COOKIE='sessionid="aaaaaaaaaaaaaaaa\\000"')
        assert response.status_code == 400


class TestEveryPage:
    """With no wrong parameters, as the superuser and as anybody."""

    def test_has_the_policy_and_nothing_inline(self, superuser: Any) -> None:
        visitors = [Visitor(superuser), Visitor()]
        for path in (path for parts in PATHS for path in addresses_of(parts)):
            for visitor in visitors:
                self.check(path, visitor.send("GET", path))

    def test_refuses_a_write_without_a_csrf_token(self, superuser: Any) -> None:
        visitor = Visitor(superuser, enforce_csrf_checks=True)
        for number, path in enumerate(addresses_of(parts)[0] for parts in PATHS):
            for method in (UNSAFE[0], UNSAFE[1 + number % len(UNSAFE[1:])]):
                response = visitor.send(method, path)
                # 404 and 405 answer before any view, 301 and 302 lead to another address.
                is_nothing = response.status_code in (301, 302, 404, 405)
                assert response.status_code == 403 or is_nothing, (method, path)

    def check(self, path: str, response: HttpResponse) -> None:
        if path.startswith("/health/"):
            return  # JSON
        policy = response.headers["Content-Security-Policy"]
        if path.startswith("/docs/"):
            return  # files that Sphinx creates have a separate policy
        for directive, sources in POLICY.items():
            assert f"{directive} {' '.join(sources)}" in policy, path
        if response.headers.get("Content-Type", "").startswith("text/html"):
            html = b"".join(response).decode()
            assert not INLINE.search(html), (path, INLINE.search(html))
