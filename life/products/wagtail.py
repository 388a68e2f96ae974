"""Settings for wagtail."""

from common import *  # noqa: F403
from common import DJANGO_APPS

WAGTAIL_SITE_NAME = "Life"
WAGTAILADMIN_BASE_URL = "http://localhost"
INSTALLED_APPS = [
    *DJANGO_APPS,
    *(
        f"wagtail.{name}"
        for name in (
            "contrib.forms",
            "contrib.redirects",
            "contrib.settings",
            "contrib.search_promotions",
            "embeds",
            "sites",
            "users",
            "snippets",
            "documents",
            "images",
            "search",
            "admin",
        )
    ),
    "wagtail",
    "modelcluster",
    "taggit",
]
