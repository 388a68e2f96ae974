"""Settings for django-helpdesk."""

from common import *  # noqa: F403
from common import DJANGO_APPS

INSTALLED_APPS = [*DJANGO_APPS, "rest_framework", "helpdesk"]
HELPDESK_TEAMS_MODE_ENABLED = False
HELPDESK_TEAMS_MODEL = "auth.User"
HELPDESK_TEAMS_MIGRATION_DEPENDENCIES = []
HELPDESK_KBITEM_TEAM_GETTER = lambda _: None  # noqa: E731
