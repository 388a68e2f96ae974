# The Makefile includes this file. `make eject` removes it with the tutorial.

APP ?= shop

.PHONY: walkthrough
walkthrough: setup ## every chapter of the tutorial, printed (ARGS="slug ...")
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) walkthrough $(ARGS)

.PHONY: bench
bench: setup ## the benchmarks
	$(RUN) -m bench $(ARGS)

.PHONY: bench-peers
bench-peers: setup ## the same project with the packages from PyPI, in turns
	$(RUN) -m bench.peers $(ARGS)

.PHONY: life
life: setup ## large apps from PyPI migrated with the engines and without (ARGS="wagtail")
	$(RUN) -m life $(ARGS)

.PHONY: proof
proof: setup ## run what the README claims, and write docs/proof.md (ARGS="--list")
	$(RUN) -m proof $(ARGS)

.PHONY: screenshots
screenshots: setup ## the pictures in the README
	$(RUN) -m bench.screenshots $(ARGS)

.PHONY: eject
eject: setup ## remove the tutorial and begin your own app (APP=shop)
	@$(RUN) -m project.eject $(APP)

.PHONY: template
template: setup ## dist/template.zip for django-admin startproject (APP=shop)
	@$(RUN) -m project.eject.template dist/template.zip $(APP)
