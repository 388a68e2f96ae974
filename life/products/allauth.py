"""Settings for django-allauth."""

from common import *  # noqa: F403
from common import DJANGO_APPS, MIDDLEWARE

INSTALLED_APPS = [
    *DJANGO_APPS,
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.idp.oidc",
    "allauth.socialaccount.providers.openid",
    "allauth.socialaccount.providers.saml",
]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
