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
	ALLOWED_HOSTS=example.org DATABASE_URL=postgres://localhost/unused

.PHONY: help demo test full coverage audit walkthrough shell manage setup lint reset stop requirements bench screenshots

help:
	@echo 'make demo          the tutorial on http://127.0.0.1:$(PORT)/ (PORT=...)'
	@echo 'make test          the tests, in parallel (ARGS="-k name")'
	@echo 'make full          also the tests that create projects, clusters and containers'
	@echo 'make coverage      the tests, and which lines they ran'
	@echo 'make audit         known vulnerabilities in the pinned requirements'
	@echo 'make walkthrough   every chapter, printed (ARGS="slug ...")'
	@echo 'make shell         a Python shell with all models imported'
	@echo 'make manage        a command of manage.py (ARGS="showmigrations")'
	@echo 'make lint          ruff, mypy, import-linter, missing migrations, deployment checks'
	@echo 'make reset         delete all data of the development database, and migrate'
	@echo 'make stop          stop the embedded PostgreSQL'
	@echo 'make setup         the virtual environment, which the others create too'
	@echo 'make requirements  pin the requirements again (ARGS="--upgrade")'
	@echo 'make bench         the benchmarks'
	@echo 'make screenshots   the pictures in the README'

demo: setup
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) demo_account
	@echo 'The tutorial: http://127.0.0.1:$(PORT)/   The admin: http://127.0.0.1:$(PORT)/admin/'
	@echo 'Log in as admin, password admin. Ctrl-C stops the site, make stop the database.'
	@$(MANAGE) runserver $(PORT)

test: setup
	$(RUN) -m pytest -n auto $(ARGS)

full: setup
	$(RUN) -m pytest -n auto -m '' $(ARGS)

coverage: setup
	$(RUN) -m pytest -n auto --cov $(ARGS)

audit: setup
	.venv/bin/uv tool run pip-audit --require-hashes --disable-pip --requirement requirements.txt

walkthrough: setup
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) walkthrough $(ARGS)

shell: setup
	@$(MANAGE) shell_plus $(ARGS)

manage: setup
	@$(MANAGE) $(ARGS)

reset: setup
	@$(MANAGE) reset_database
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) demo_account

lint: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	.venv/bin/lint-imports
	$(MANAGE) makemigrations --check --dry-run
	$(DEPLOYED) $(MANAGE) check --deploy --fail-level INFO

stop:
	@test ! -x $(RUN) || $(MANAGE) stop_database

requirements: setup
	@set -e; for name in requirements requirements-test requirements-dev; do \
		.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-annotate --custom-compile-command 'make requirements' $(ARGS) \
			$$name.in --output-file $$name.txt; \
	done

bench: setup
	$(RUN) -m bench $(ARGS)

screenshots: setup
	$(RUN) -m bench.screenshots $(ARGS)

setup: $(READY)
	@:

# Created again for another Python, and updated if the requirements change.
$(READY): requirements-dev.txt
	@"$(PYTHON)" project/virtual_environment.py
	@touch $@
