"""Settings for dj-stripe."""

from common import *  # noqa: F403
from common import DJANGO_APPS

INSTALLED_APPS = [*DJANGO_APPS, "djstripe"]
STRIPE_TEST_SECRET_KEY = "sk_test_0000000000000000"
STRIPE_LIVE_MODE = False
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
