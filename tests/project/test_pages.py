"""The error pages, and the page that a locked account sees."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.template.loader import get_template
from django.test import Client
from django.views import defaults


@pytest.mark.parametrize(
    ("view", "title"),
    [
        (defaults.bad_request, "Bad request"),
        (defaults.permission_denied, "Access denied"),
        (defaults.page_not_found, "Page not found"),
    ],
)
def test_an_error_has_a_page_of_the_project(view: object, title: str) -> None:
    content = view(HttpRequest(), SuspiciousOperation("secret")).content.decode()
    assert f"<h1>{title}</h1>" in content
    assert "secret" not in content


def test_a_server_error_has_one_that_needs_no_context() -> None:
    content = defaults.server_error(HttpRequest()).content.decode()
    assert "<h1>Server error</h1>" in content


def test_a_form_without_its_token_is_explained() -> None:
    assert get_template("403_csrf.html").render().count("Form expired") == 2


@pytest.mark.django_db
class TestLoginThrottling:
    @pytest.fixture(autouse=True)
    def user(self, settings: Any) -> None:
        settings.AXES_ENABLED = True
        get_user_model().objects.create_superuser("admin", "admin@example.com", "right")

    def log_in(self, client: Client, password: str, address: str = "127.0.0.1") -> int:
        answer = client.post(
            "/admin/login/?next=/admin/",
            {"username": "admin", "password": password},
            REMOTE_ADDR=address,
        )
        return answer.status_code

    def test_the_sixth_attempt_is_refused_even_with_the_password(self, client: Client) -> None:
        assert [self.log_in(client, "wrong") for _ in range(5)] == [200, 200, 200, 200, 429]
        assert self.log_in(client, "right") == 429

    def test_another_address_is_not_locked(self, client: Client) -> None:
        for _ in range(5):
            self.log_in(client, "wrong")
        assert self.log_in(client, "right", address="10.0.0.9") == 302

    def test_a_login_forgets_earlier_failures(self, client: Client) -> None:
        for _ in range(2):
            assert [self.log_in(client, "wrong") for _ in range(4)] == [200] * 4
            assert self.log_in(client, "right") == 302


@pytest.mark.django_db
def test_a_page_may_load_only_files_of_the_site(client: Client) -> None:
    policy = client.get("/admin/login/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
