"""Settings for a dozen smaller apps."""

from common import *  # noqa: F403
from common import DJANGO_APPS

INSTALLED_APPS = [
    *DJANGO_APPS,
    "oauth2_provider",
    "django_celery_beat",
    "django_celery_results",
    "social_django",
    "axes",
    "post_office",
    "reversion",
    "waffle",
    "taggit",
    "easy_thumbnails",
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Django resolves a foreign key to a swappable model through its setting, which must exist.
WAFFLE_SWITCH_MODEL = "waffle.Switch"
WAFFLE_FLAG_MODEL = "waffle.Flag"
WAFFLE_SAMPLE_MODEL = "waffle.Sample"
OAUTH2_PROVIDER_APPLICATION_MODEL = "oauth2_provider.Application"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "oauth2_provider.AccessToken"
OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL = "oauth2_provider.RefreshToken"
OAUTH2_PROVIDER_ID_TOKEN_MODEL = "oauth2_provider.IDToken"
OAUTH2_PROVIDER_GRANT_MODEL = "oauth2_provider.Grant"
OAUTH2_PROVIDER_DEVICE_GRANT_MODEL = "oauth2_provider.DeviceGrant"
