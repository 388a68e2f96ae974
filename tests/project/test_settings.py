"""project/settings.py and what it reads, by starting the project as a shell would."""

import pytest

from tests.project.conftest import Run

DEPLOYED = {
    "DEBUG": "0",
    "SECRET_KEY": "pZ3~kd93jf.dk39fj_dkf93jf-sl2ks9f3jfk20fjslw02kfjW!x",
    "ALLOWED_HOSTS": "example.org, www.example.org",
    "CSRF_TRUSTED_ORIGINS": "https://example.org",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
}


def printed(manage: Run, expression: str, **variables: str) -> str:
    ended = manage(
        "shell", "-v0", "-c", f"from django.conf import settings; print({expression})", **variables
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


class TestDeployed:
    def test_the_deployment_checks_are_silent(self, manage: Run) -> None:
        ended = manage("check", "--deploy", "--fail-level", "DEBUG", **DEPLOYED)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout == "System check identified no issues (0 silenced).\n"

    def test_lists_are_read_between_commas(self, manage: Run) -> None:
        assert printed(manage, "settings.ALLOWED_HOSTS", **DEPLOYED) == (
            "['example.org', 'www.example.org']"
        )

    @pytest.mark.parametrize("missing", ["DATABASE_URL", "SECRET_KEY"])
    def test_what_is_missing_stops_it_with_a_sentence(self, manage: Run, missing: str) -> None:
        ended = manage("check", **(DEPLOYED | {missing: ""}))
        assert ended.returncode == 1
        assert ended.stderr.startswith(f"{missing} is not set and DEBUG is off")
        assert ended.stderr.count("\n") == 1

    def test_help_is_given_all_the_same(self, manage: Run) -> None:
        assert manage("help", DEBUG="0").returncode == 0

    def test_the_demo_account_is_refused(self, manage: Run) -> None:
        ended = manage("demo_account", **DEPLOYED)
        assert ended.returncode == 1
        assert "DEBUG is off" in ended.stderr


class TestInDevelopment:
    def test_nothing_need_be_set(self, manage: Run) -> None:
        assert manage("check").returncode == 0

    def test_the_database_is_the_folder_s_own(self, manage: Run) -> None:
        database = printed(manage, "settings.DATABASES['default']['EMBEDDED'].name")
        assert database == ".postgres"

    def test_debug_that_is_neither_on_nor_off_is_refused(self, manage: Run) -> None:
        ended = manage("check", DEBUG="maybe")
        assert (ended.returncode, ended.stderr) == (1, "DEBUG is 'maybe': set it to 1 or 0.\n")
