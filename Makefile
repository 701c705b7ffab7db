# Needs only Python 3.10 or newer, git and make. Everything made here stays in .venv/ and build/.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check mutants docs dist clients bench awx simulator browser clean
SHELL := /bin/bash

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv with all development tools
	@scripts/setup.sh dev

demo: ## See it work in a minute, against a simulated Atlas: dry run, clean-up, clean-up again
	@scripts/demo.sh

test: ## Run all tests (make test ARGS="tests/unit -k plan" runs some)
	@scripts/test.sh $(ARGS)

check: ## Lint, types, docs, ansible-test sanity, package, other Ansible versions (make check ONLY=lint runs one)
	@scripts/check.sh $(ONLY)

mutants: ## Change single lines for the worse, one after the other: does a test notice?
	@scripts/check.sh mutants

docs: ## Build the documentation as a site, in build/docs/html
	@scripts/docs.sh

dist: ## Build the release's tarball in build/dist, and look into it
	@scripts/check.sh package

clients: ## Hold the simulated Atlas against clients that others made for the real one (installs them; npm if it is there)
	@scripts/clients.sh $(ARGS)

bench: ## Measure speed and memory next to other ways of doing the same
	@scripts/bench.sh $(ARGS)

awx: ## Hold the AWX kit against the modules of awx.awx, and with URL=https://... against that server (fetches them)
	@scripts/awx.sh $(URL)

simulator: ## Keep a simulated Atlas running and print how to reach it (PORT=8080)
	@scripts/simulator.sh

browser: ## Install Chromium for the browser tests (Debian, Ubuntu; needs root)
	@scripts/browser.sh

clean: ## Remove everything made here
	@scripts/clean.sh
