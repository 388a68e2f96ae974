"""
The project's settings. Everything that differs between places comes from the environment.

Each variable can also be given as a file: SECRET_KEY_FILE=/run/secrets/key.

Always:
    DATABASE_URL          postgres://user:password@host:port/name; unset: an embedded server
    POSTGRES_PROGRAMS     the folder of the embedded server's programs; unset: a wheel's
    SECRET_KEY            50 random characters or more; required if DEBUG is off
    DEBUG                 1 (development) unless set to 0; 0 under wsgi.py and asgi.py
    ALLOWED_HOSTS         host names that the site answers to, separated by commas
    CSRF_TRUSTED_ORIGINS  origins such as https://example.org, separated by commas
    SECRET_KEY_FALLBACKS  earlier secret keys that still verify signatures, separated by commas

Connections:
    DIRECT_DATABASE_URL              the server itself, if DATABASE_URL is a connection pooler
    REPLICA_DATABASE_URL             a streaming replica to read from
    DATABASE_POOL_SIZE               connections that each process shares; 0: no pool
    DATABASE_APPLICATION_NAME        the name in pg_stat_activity
    DATABASE_STATEMENT_TIMEOUT       30s
    DATABASE_LOCK_TIMEOUT            10s
    DATABASE_IDLE_TRANSACTION_TIMEOUT  60s; none if DEBUG is on

Services:
    EMAIL_URL             smtp+tls://user:password@host:587; unset: mail goes to stderr
    DEFAULT_FROM_EMAIL    the sender of the site's mail
    SENTRY_DSN            where errors are reported
    MEDIA_STORAGE         a folder for uploaded files, or s3://bucket
    LOG_FORMAT            json or text; json if DEBUG is off
    LOG_LEVEL             INFO
    TRUSTED_PROXIES       number of proxies in front of the site that set X-Forwarded-For
    DRAIN_FILE            if this file exists, /health/ready is 503; the process still serves
    HSTS_SECONDS          3600; a year (31536000) when HTTPS is known to work

https://docs.djangoproject.com/en/stable/ref/settings/
"""

from pathlib import Path

import django

from project import database, environment, logs, services

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = environment.flag("DEBUG", default=True)

EMBEDDED_FOLDER = BASE_DIR / ".postgres"
DATABASES = {"default": database.from_environment(EMBEDDED_FOLDER if DEBUG else None)}
DATABASES["default"].setdefault("OPTIONS", {}).update(
    database.session_options(
        application_name=environment.text("DATABASE_APPLICATION_NAME", BASE_DIR.name),
        statement_timeout=environment.duration("DATABASE_STATEMENT_TIMEOUT", default="30s"),
        lock_timeout=environment.duration("DATABASE_LOCK_TIMEOUT", default="10s"),
        # A debugger may hold a transaction open for as long as it takes.
        idle_in_transaction_session_timeout=environment.duration(
            "DATABASE_IDLE_TRANSACTION_TIMEOUT", default="0" if DEBUG else "60s"
        ),
    )
)
if pool_size := environment.number("DATABASE_POOL_SIZE", default=0):
    database.use_pool(DATABASES["default"], pool_size)
elif not DEBUG:  # A worker keeps its connection; runserver uses a new thread for each request.
    DATABASES["default"]["CONN_MAX_AGE"] = 60
if replica_url := environment.text("REPLICA_DATABASE_URL"):
    DATABASES["replica"] = DATABASES["default"] | database.from_url(
        replica_url, "REPLICA_DATABASE_URL"
    )
    DATABASES["replica"]["OPTIONS"] = DATABASES["default"]["OPTIONS"]
    DATABASES["replica"]["TEST"] = {"MIRROR": "default"}
    DATABASE_ROUTERS = ["project.database.replica.ReplicaRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SECRET_KEY = environment.secret("SECRET_KEY", development="development" if DEBUG else None)
SECRET_KEY_FALLBACKS = environment.names("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = environment.names("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = environment.names("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "project",
    "pgtrigger",
    "pghistory",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "django_extensions",
    "django_guid",
    "integrity",
    "tutorial",
]
# Django 6.0 asks for django.contrib.postgres because of a SearchVectorField. That app would only
# add lookups that nobody here uses, and queries about hstore and citext for each connection.
SILENCED_SYSTEM_CHECKS = ["postgres.E005"]

MIDDLEWARE = [
    "project.health.HealthMiddleware",
    "django_guid.middleware.guid_middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "pghistory.middleware.HistoryMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

if replica_url:
    session = MIDDLEWARE.index("django.contrib.sessions.middleware.SessionMiddleware")
    MIDDLEWARE.insert(session, "project.database.replica.ReplicaMiddleware")

ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
ASGI_APPLICATION = "project.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# A page loads only this site's own files, and contains no inline script or style.
POLICY = {
    "default-src": ["'none'"],
    **{f"{kind}-src": ["'self'"] for kind in ("script", "style", "img", "font", "connect")},
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}
if django.VERSION >= (6,):
    SECURE_CSP = POLICY
    MIDDLEWARE[MIDDLEWARE.index("csp.middleware.CSPMiddleware")] = (
        "django.middleware.csp.ContentSecurityPolicyMiddleware"
    )
else:
    CONTENT_SECURITY_POLICY = {"DIRECTIVES": POLICY}

AUTH_USER_MODEL = "project.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Five failed logins lock that user name at that address for 15 minutes.
# https://django-axes.readthedocs.io/en/latest/4_configuration.html
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "locked_out.html"
AXES_HTTP_RESPONSE_CODE = 429
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_CLIENT_IP_CALLABLE = "project.proxies.client_address"
TRUSTED_PROXIES = environment.number("TRUSTED_PROXIES", default=0)

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

# In development WhiteNoise reads the files from the apps, otherwise from collectstatic's folder.
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG
MEDIA_URL = "media/"
STORAGES = {
    "default": services.media_storage(environment.text("MEDIA_STORAGE", str(BASE_DIR / "media"))),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

DEFAULT_FROM_EMAIL = environment.text("DEFAULT_FROM_EMAIL", "webmaster@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
MAILER = services.mailer(environment.text("EMAIL_URL"))
if django.VERSION >= (6, 1):
    MAILERS = {"default": MAILER}
else:
    vars().update(services.email_settings(MAILER))
services.report_errors(environment.text("SENTRY_DSN"))

DJANGO_GUID = {"GUID_HEADER_NAME": "X-Request-ID", "VALIDATE_GUID": True, "EXPOSE_HEADER": False}
DRAIN_FILE = environment.text("DRAIN_FILE")
LOGGING = logs.configuration(
    environment.choice("LOG_FORMAT", ("json", "text"), default="text" if DEBUG else "json"),
    environment.text("LOG_LEVEL", "INFO"),
)

# HTTPS only if DEBUG is off. Behind a proxy that ends TLS, tell gunicorn which proxies may set
# X-Forwarded-Proto (FORWARDED_ALLOW_IPS). An hour of HSTS does no lasting harm if HTTPS breaks.
SECURE_SSL_REDIRECT = not DEBUG
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SECURE_HSTS_SECONDS = environment.number("HSTS_SECONDS", default=0 if DEBUG else 3600)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG
