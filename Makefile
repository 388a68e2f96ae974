# Paths are relative, because the name of a target cannot contain a space.

PYTHON ?= python3
PORT ?= 8000
ARGS ?=
export DEBUG ?= 1
export DJANGO_RUNSERVER_HIDE_WARNING := true

VERSION := $(shell "$(PYTHON)" -c 'import platform; print(platform.python_version())' 2>&1)
READY := .venv/ready-$(lastword $(VERSION))
RUN := .venv/bin/python
MANAGE := $(RUN) manage.py
DEPLOYED := DEBUG=0 SECRET_KEY=$$($(RUN) -c "import secrets; print(secrets.token_urlsafe(50))") \
	ALLOWED_HOSTS=example.org DATABASE_URL=postgres://localhost/unused EMAIL_URL=smtp://localhost

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | \
		awk -F ':.*## ' '{ printf "make %-16s%s\n", $$1, $$2 }'

.PHONY: demo
demo: setup ## the site on http://127.0.0.1:8000/ (PORT=...)
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) demo_account
	@echo 'The site: http://127.0.0.1:$(PORT)/   The admin: http://127.0.0.1:$(PORT)/admin/'
	@echo 'Log in as admin, password admin. Ctrl-C stops the site, make stop the database.'
	@$(MANAGE) runserver $(PORT)

.PHONY: test
test: setup ## the tests, in parallel (ARGS="-k name")
	$(RUN) -m pytest -n auto $(ARGS)

.PHONY: test-libraries
test-libraries: setup ## the tests of pgtrigger, pghistory and integrity alone
	$(RUN) -m pytest -n auto --ds tests.library_settings \
		tests/pgtrigger tests/pghistory tests/integrity tests/compatibility $(ARGS)

.PHONY: full
full: setup ## also the tests that create projects, clusters and containers
	$(RUN) -m pytest -n auto -m '' $(ARGS)

.PHONY: matrix
matrix: setup ## the tests on each Django, Python and PostgreSQL (ARGS="--list")
	.venv/bin/nox $(ARGS)

.PHONY: coverage
coverage: setup ## the tests, and which lines they did not run
	$(RUN) -m pytest -n auto --cov $(ARGS)

.PHONY: lint
lint: setup ## ruff, mypy, import-linter, missing migrations, deployment checks
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	.venv/bin/lint-imports
	$(MANAGE) makemigrations --check --dry-run
	$(DEPLOYED) $(MANAGE) check --deploy --fail-level INFO

.PHONY: docs
docs: setup ## the documentation as HTML in docs/_build/html; warnings are errors
	$(RUN) -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/_build/html $(ARGS)

.PHONY: shell
shell: setup ## a Python shell with every model imported
	@$(MANAGE) shell_plus $(ARGS)

.PHONY: manage
manage: setup ## a command of manage.py (ARGS="showmigrations")
	@$(MANAGE) $(ARGS)

.PHONY: reset
reset: setup ## delete all data of the development database, and migrate it
	@$(MANAGE) reset_database
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) demo_account

.PHONY: backup
backup: setup ## write the database to a file (ARGS="backups/name.dump")
	@$(MANAGE) backup $(ARGS)

.PHONY: restore
restore: setup ## load a backup into an empty database (ARGS="backups/name.dump")
	@$(MANAGE) restore $(ARGS)

.PHONY: doctor
doctor: setup ## what is configured, what is running, what is wrong and what to do
	@$(MANAGE) doctor $(ARGS)

.PHONY: roles
roles: setup ## the privileges that the database roles lack (ARGS="--app shop_app --apply")
	@$(MANAGE) pgtrigger roles $(ARGS)

.PHONY: stop
stop: ## stop the embedded PostgreSQL
	@test ! -x $(RUN) || $(MANAGE) stop_database

.PHONY: requirements
requirements: setup ## pin the requirements again (ARGS="--upgrade")
	@set -e; for name in requirements requirements-test requirements-dev; do \
		.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-annotate --no-strip-extras --custom-compile-command 'make requirements' $(ARGS) \
			$$name.in --output-file $$name.txt; \
	done

.PHONY: audit
audit: setup ## known vulnerabilities in the pinned requirements
	.venv/bin/uv tool run pip-audit --strict --require-hashes --disable-pip --requirement requirements.txt

.PHONY: setup
setup: $(READY) ## the virtual environment, which the others create too
	@:

# Created again for another Python, and updated if the requirements change.
$(READY): requirements-dev.txt
	@"$(PYTHON)" project/virtual_environment.py
	@touch $@

# The targets of the tutorial, for as long as it is here.
-include tutorial/targets.mk
