"""Settings for django-wiki."""

from common import *  # noqa: F403
from common import DJANGO_APPS, TEMPLATES

INSTALLED_APPS = [
    *DJANGO_APPS,
    "django_nyt.apps.DjangoNytConfig",
    "mptt",
    "sekizai",
    "sorl.thumbnail",
    "wiki.apps.WikiConfig",
    "wiki.plugins.attachments.apps.AttachmentsConfig",
    "wiki.plugins.notifications.apps.NotificationsConfig",
    "wiki.plugins.images.apps.ImagesConfig",
    "wiki.plugins.macros.apps.MacrosConfig",
]
TEMPLATES[0]["OPTIONS"]["context_processors"] += [
    "django.template.context_processors.debug",
    "sekizai.context_processors.sekizai",
]
