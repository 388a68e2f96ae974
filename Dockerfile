# base: Python and what the project needs to run; test: that and what its tests need; app, the last
# and so the one that `docker build .` makes: that of base and the code, for production.

FROM python:3.13-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
RUN useradd --create-home app
COPY requirements.txt ./
RUN pip install -r requirements.txt

FROM base AS test
COPY requirements-test.txt ./
RUN pip install -r requirements-test.txt
COPY . .
USER app
CMD ["pytest", "-n", "auto"]

FROM base AS app
COPY . .
# What must be set to run is not needed to gather static files.
RUN DEBUG=0 SECRET_KEY=unused DATABASE_URL=postgres://unused/unused \
    python manage.py collectstatic --noinput
USER app
EXPOSE 8000
CMD ["gunicorn", "project.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4"]
