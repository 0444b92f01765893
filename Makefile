# The repository's commands; `make help` lists them. README.md says when to use which.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

PYTHON := .venv/bin/python
GATES := $(PYTHON) -m tests.gates
VENV := .venv/installed.txt

.PHONY: help venv demo test test-fast lint types sanity unit build galaxy integration operations molecule \
	mutate lab-up lab-status lab-down render bench sweep vm lock

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  %-13s %s\n' "$$name" "$$text"; done

demo: $(VENV) ## From nothing to an answer: lab, deploy, one question, the same with Ollama stopped
	@$(PYTHON) -m tests.lab demo

test: $(VENV) ## All gates but those of `make more`: those of test-fast, docs, galaxy, page, integration, operations, molecule
	@$(GATES)

test-fast: $(VENV) ## The gates that need neither a lab nor much time: lint, types, sanity, unit, build
	@$(GATES) --fast

lint: ## ansible-lint, yamllint, ruff, shellcheck, actionlint, promtool, documentation and changelog
types: ## mypy --strict over plugins and tests
sanity: ## ansible-test's validate-modules and file checks, plugins on Python 3.9
unit: ## Unit tests: no network, no Engine; also the slow ones, which test-fast leaves out
build: ## The collection's archive holds what runs and nothing else, and two builds are the same bytes
galaxy: ## The archive as Galaxy imports it, where a warning fails; no network once its environment is made
integration: ## The modules against the lab's hosts
operations: ## Each block of docs/operations.md on a throwaway host: is the page true?
molecule: ## All molecule scenarios but those of `make more`, one throwaway host each
lint types sanity unit build galaxy integration operations molecule: $(VENV)
	@$(GATES) --only $@

.PHONY: archive
archive: $(VENV) ## The archive of a release in dist/, the same bytes from the same files, and its SHA-256
	@PATH="$(CURDIR)/.venv/bin:$$PATH" $(PYTHON) -m tests.sanity.repack

.PHONY: matrix
matrix: $(VENV) ## Sanity, units and a scenario with each ansible-core, then all scenarios on both hosts; hours
	@$(PYTHON) -m tests.matrix.controllers $(NAMES)
	@$(PYTHON) -m tests.matrix.scenarios

mutate: $(VENV) ## Break a copy in named ways: does a test notice each? [NAMES="swap ..."] [NAMES=--quick]
	@$(PYTHON) -m tests.mutate $(NAMES)

.PHONY: mutants
mutants: $(VENV) ## Change the plugins' code in one small place at a time: do unit tests notice? [NAMES="_store/paths _stack/judge"]
	@sh tests/venv.sh .lab/mutants/venv "$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')" tests/mutants/requirements.txt
	@.lab/mutants/venv/bin/python -m tests.mutants $(NAMES)

venv: $(VENV) ## The tools of requirements-dev.txt in .venv, made once

$(VENV): requirements-dev.txt tests/venv.sh
	@sh tests/venv.sh

.PHONY: inputs
inputs: $(VENV) ## Every wrong input of a table through a deploy to a lab host: refused in a sentence, nothing touched?
	@$(PYTHON) -m tests.lab up
	@$(PYTHON) -m pytest -q -m "" tests/integration/test_bad_inputs.py

lab-up: $(VENV) ## Throwaway hosts, a registry and a tiny model on this machine
	@$(PYTHON) -m tests.lab up

lab-status: $(VENV) ## What of the lab is there
	@$(PYTHON) -m tests.lab status

lab-down: $(VENV) ## Remove this checkout's containers, networks and volumes, nothing else
	@$(PYTHON) -m tests.lab down

.PHONY: docs
docs: $(VENV) ## The pages of docs/ and the reference of roles and modules as a site in .lab/docs/html; no network
	@$(PYTHON) -m tests.site

.PHONY: page
page: $(VENV) ## The page of status.yml in a headless Chromium: does it fit, is it accessible, does it print?
	@$(GATES) --only page

.PHONY: pictures
pictures: $(VENV) ## Make the pictures of README.md anew: the page of a fleet, then a first deploy to staging-1, which is made anew
	@$(PYTHON) -m tests.page.picture
	@$(PYTHON) -m tests.lab.picture

.PHONY: peers
peers: $(VENV) ## Hosts that answer for each other, through faults under load: what `make test` leaves out; wants a quiet machine
	@$(PYTHON) -m pytest -q -m "" tests/integration/test_gate_peers.py
	@$(GATES) --only molecule-peers

.PHONY: more
more: $(VENV) ## What `make test` leaves out, as it takes too long: the longest scenarios and integration tests; an hour and more
	@$(GATES) --only more

.PHONY: upgrade gameday
upgrade: $(VENV) ## A host of version 1.0.0 with this version, an older Ollama and back, a model that moved and back; builds that Ollama once, which takes about ten minutes
	@$(GATES) --only molecule-upgrade

gameday: $(VENV) ## A staging host broken on purpose, and a controller that is killed while it is
	@$(GATES) --only molecule-gameday

.PHONY: pages
pages: $(VENV) ## Write anew what pages show of the source: inputs in the roles' READMEs, files and tables in docs/
	@PYTHONPATH=.collections $(PYTHON) -m tests.pages

render: $(VENV) ## What a deploy would write to HOST, e.g. HOST=staging-1 [VARIANT=dev] [INVENTORY=inventory/lab]; contacts no host
	@$(PYTHON) -m tests.render $(HOST) $(VARIANT) $(if $(INVENTORY),--inventory $(INVENTORY))

.PHONY: routes
routes: $(VENV) ## Write down the routes of the lab's Ollama for the scenario `gate`; wants Go
	@$(PYTHON) -m tests.lab.routes

bench: $(VENV) ## Measure deploys, switches, the model store and the gate against their baselines; wants a quiet machine
	@PYTHONPATH=.collections $(PYTHON) -m tests.benchmarks

sweep: $(VENV) ## Cut the power ROUNDS=30 times, fill the disk, kill the module; says what was lost and who noticed
	@$(PYTHON) -m tests.reliability.sweep $(ROUNDS)

.PHONY: sweep-switches
sweep-switches: $(VENV) ## Cut the power ROUNDS=20 times in switches, rollbacks and returns of a host made of IMAGE=today
	@$(PYTHON) -m tests.reliability.switches $(ROUNDS) $(if $(IMAGE),--image $(IMAGE))

vm: $(VENV) ## Deploy, reboot and cut the power of a virtual machine with cgroup v2; an hour without KVM
	@$(PYTHON) -m tests.vm

LOCK := $(PYTHON) -m uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command 'make lock'

lock: $(VENV) ## Lock requirements-dev.txt and tests/matrix anew after a change in pyproject.toml
	@$(LOCK) --group dev --universal --python-version 3.11 --output-file requirements-dev.txt
	@$(LOCK) --group matrix-docker5 --no-deps --python-version 3.13 --output-file tests/matrix/docker5.txt
	@$(LOCK) --group mutants --constraints requirements-dev.txt --universal --python-version 3.11 --output-file tests/mutants/requirements.txt
	@$(LOCK) --group galaxy --universal --python-version 3.11 --output-file tests/galaxy/requirements.txt
