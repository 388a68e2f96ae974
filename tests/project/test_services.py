"""Mail, media and error reports from one variable each; logs; the client's address."""

import json
import logging
from io import StringIO
from logging.config import dictConfig

import pytest
from django.test import Client, RequestFactory, override_settings

import pghistory
from project import logs, proxies, services
from project.errors import WrongSetting
from tests.project.conftest import Run


class TestEmail:
    def test_a_url_with_tls(self) -> None:
        entry = services.mailer("smtp+tls://us%40er:p%3Aw@mail.example.org")
        assert entry["OPTIONS"]["host"] == "mail.example.org"
        found = services.email_settings(entry)
        assert found["EMAIL_HOST"] == "mail.example.org"
        assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("us@er", "p:w")
        assert (found["EMAIL_PORT"], found["EMAIL_USE_TLS"]) == (587, True)

    def test_nothing_is_sent_without_one(self) -> None:
        assert services.mailer("")["BACKEND"].endswith("console.EmailBackend")

    @pytest.mark.parametrize(
        "url", ["mail.example.org", "http://u:hidden@host", "smtp://u:hidden@host:port"]
    )
    def test_another_url_is_refused(self, url: str) -> None:
        with pytest.raises(WrongSetting, match=r"EMAIL_URL .* set it to smtp://") as caught:
            services.mailer(url)
        assert "hidden" not in str(caught.value)


class TestMediaStorage:
    def test_a_folder(self) -> None:
        assert services.media_storage("/srv/media")["OPTIONS"] == {"location": "/srv/media"}

    def test_s3_names_what_has_to_be_installed(self) -> None:
        with pytest.raises(WrongSetting, match=r"django-storages\[s3\]"):
            services.media_storage("s3://bucket")

    def test_another_scheme_is_refused(self) -> None:
        with pytest.raises(WrongSetting, match="begins with ftp://"):
            services.media_storage("ftp://host/folder")


def test_a_dsn_that_cannot_be_read_is_refused(manage: Run) -> None:
    ended = manage("check", SENTRY_DSN="nothing")
    assert ended.returncode == 1
    assert ended.stderr.startswith("SENTRY_DSN cannot be read")


class TestLogs:
    @pytest.fixture
    def line(self) -> StringIO:
        """The output of the JSON handler, which writes where this test reads."""
        stream = StringIO()
        configuration = logs.configuration("json", "INFO")
        configuration["handlers"]["stderr"]["stream"] = stream
        logged = {"handlers": ["stderr"], "level": "INFO"}
        configuration["loggers"] = {"tests.logs": logged, "django.request": logged}
        del configuration["root"]
        dictConfig(configuration)
        return stream

    def test_a_line_is_a_json_object(self, line: StringIO) -> None:
        logging.getLogger("tests.logs").warning("Found %s", "it", extra={"order": 7})
        written = json.loads(line.getvalue())
        assert (written["level"], written["logger"]) == ("WARNING", "tests.logs")
        assert (written["message"], written["order"]) == ("Found it", 7)
        assert written["request_id"] is written["context_id"] is None

    def test_it_has_the_id_of_the_history_context(self, line: StringIO) -> None:
        with pghistory.context(reason="test") as opened:
            logging.getLogger("tests.logs").info("here")
        assert json.loads(line.getvalue())["context_id"] == str(opened.id)

    def test_it_has_the_request_id_of_the_response(self, line: StringIO, client: Client) -> None:
        sent = "6f0ac0f4f0d24a4abf1c5a4b1f0c9f11"
        answer = client.get("/static/nowhere", headers={"x-request-id": sent})
        assert (answer.status_code, answer["X-Request-ID"]) == (404, sent)
        assert json.loads(line.getvalue())["request_id"] == sent


class TestClientAddress:
    def address(self, forwarded: str, trusted: int) -> str:
        request = RequestFactory().get("/", headers={"x-forwarded-for": forwarded})
        with override_settings(TRUSTED_PROXIES=trusted):
            return proxies.client_address(request)

    def test_a_header_is_ignored_without_proxies(self) -> None:
        assert self.address("1.1.1.1", 0) == "127.0.0.1"

    def test_only_the_entries_of_trusted_proxies_count(self) -> None:
        assert self.address("9.9.9.9, 1.1.1.1", 1) == "1.1.1.1"
        assert self.address("9.9.9.9, 1.1.1.1, 10.0.0.1", 2) == "1.1.1.1"

    def test_a_header_that_is_too_short_is_ignored(self) -> None:
        assert self.address("1.1.1.1", 2) == "127.0.0.1"


@pytest.mark.django_db
def test_the_configured_backend_is_the_one_of_the_url(manage: Run) -> None:
    code = "from django.core.mail import get_connection as c; m = c(); print(m.host, m.use_tls)"
    ended = manage("shell", "-v0", "-c", code, EMAIL_URL="smtp+tls://u:p@mail.example.org")
    assert (ended.stdout, ended.returncode) == ("mail.example.org True\n", 0), ended.stderr
