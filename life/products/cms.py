"""Settings for django-cms."""

from common import *  # noqa: F403
from common import DJANGO_APPS, TEMPLATES

CMS_CONFIRM_VERSION4 = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "German")]
CMS_TEMPLATES = [("page.html", "Page")]
THUMBNAIL_PROCESSORS = ("easy_thumbnails.processors.colorspace",)
INSTALLED_APPS = [
    *DJANGO_APPS,
    "cms",
    "menus",
    "sekizai",
    "treebeard",
    "parler",
    "filer",
    "easy_thumbnails",
    "djangocms_versioning",
    "djangocms_alias",
    "djangocms_text",
    "djangocms_link",
    "djangocms_file",
    "djangocms_picture",
]
TEMPLATES[0]["OPTIONS"]["context_processors"] += [
    "django.template.context_processors.debug",
    "sekizai.context_processors.sekizai",
    "cms.context_processors.cms_settings",
]
