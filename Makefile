# Everything that people do with this repository; `make` alone lists it.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
TOX := $(VENV)/bin/tox

help: ## list these targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(TOX):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "Python 3.10 or newer is needed: make PYTHON=/path/to/python3 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "Python's venv module is needed (Debian and Ubuntu: apt install python3-venv)"; exit 1; }
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check 'tox>=4.30' 'tox-uv>=1.20'

demo: $(TOX) ## see the charms at work, and who reaches whom, on this machine
	@$(TOX) run -q -e peers,demo

demo-real: $(TOX) ## the same on a real kube-apiserver and a real istiod; needs Go
	@$(TOX) run -q -e peers,demo-real

test: $(TOX) ## unit, scenario and interop tests
	@$(TOX) run -q -e peers,unit,interop

test-oldest: $(TOX) ## the same on the oldest versions of what the charms run on
	@$(TOX) run -q -e oldest

test-faults: $(TOX) ## what comes of a Kubernetes API that goes wrong at every request
	@$(TOX) run -q -e faults

test-soak: $(TOX) ## what comes of any operations on models (SOAK_OPERATIONS=3000 for more of them)
	@$(TOX) run -q -e peers,soak

test-security: $(TOX) ## what comes of relations and clients that mean harm
	@$(TOX) run -q -e security

test-thorough: $(TOX) ## those three at length: every fault, 10,000 databags and more, 3,000 operations; takes hours
	@$(TOX) run -q -e faults -- --thorough
	@HYPOTHESIS_PROFILE=slow $(TOX) run -q -e security
	@SOAK_OPERATIONS=3000 $(TOX) run -q -e peers,soak

test-dataplane: $(TOX) ## what real proxies let through
	@$(TOX) run -q -e dataplane

test-cluster: $(TOX) ## the same promises on a real kube-apiserver and istiod; needs Go
	@$(TOX) run -q -e cluster

test-cluster-oldest: $(TOX) ## that on the oldest versions of what the charms run on
	@$(TOX) run -q -e cluster-oldest

lint: $(TOX) ## ruff, pyright and codespell; the integration tests, as far as they can be checked
	@$(TOX) run -q -e lint,integration-check

lint-workflows: ## what GitHub would find wrong with the workflows; needs Go
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

lint-terraform: ## whether the Terraform modules are in its format; needs Terraform
	terraform fmt -check -diff -recursive terraform

validate-terraform: ## whether the Juju provider takes the Terraform modules; needs Terraform and its registry
	@for module in terraform/*/; do \
		terraform -chdir=$$module init -backend=false -input=false && terraform -chdir=$$module validate || exit 1; \
	done

docs: $(TOX) ## the documentation, into build/docs/index.html
	@$(TOX) run -q -e docs

format: $(TOX) ## put the code into the project's format
	@$(TOX) run -q -e format

bench: $(TOX) ## how fast, and how much work, beside the published libraries (BENCH="--size full")
	@$(TOX) run -q -e peers,bench $(if $(BENCH),-- $(BENCH))

pack: $(TOX) ## pack the charms into dist/, with charmcraft
	@$(TOX) run -q -e $(if $(shell command -v charmcraft),pack,charmcraft,pack)

pack-testers: pack ## pack the charms that only the integration tests deploy, too
	@$(TOX) run -q -e pack -- pack tests/integration/testers/*

pack-check: $(TOX) ## show that the charms in dist/ are whole
	@$(TOX) run -q -e pack -- check $(CHECK)

lock: $(TOX) ## take newer releases of what the charms are packed with
	@$(TOX) run -q -e lock

integration: $(TOX) ## the integration tests, on the Juju controller of this machine
	@$(TOX) run -q -e integration -- $(TESTS)

clean: ## remove what was built here
	rm -rf $(VENV) .tox build dist

.PHONY: help demo demo-real test test-oldest test-faults test-soak test-security test-thorough test-dataplane test-cluster test-cluster-oldest lint lint-workflows lint-terraform validate-terraform docs format bench pack pack-testers pack-check lock integration clean
