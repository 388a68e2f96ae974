"""The project's user model. AUTH_USER_MODEL names it from the first migration on.

https://docs.djangoproject.com/en/stable/topics/auth/customizing/#using-a-custom-user-model-when-starting-a-project
"""

from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """A user who can log in. Add fields here; a later change of AUTH_USER_MODEL is hard."""
