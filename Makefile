# Everything that people do with this repository; `make` alone lists it.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
TOX := $(VENV)/bin/tox
RUN := $(TOX) run -q -e
TIERS := cluster dataplane oldest cluster-oldest security faults soak lightkube
comma := ,
empty :=

help: ## list these targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-zA-Z-]+.*:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  TIER is one of:    $(TIERS); CONTRIBUTING.md describes each"

$(TOX):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "Python 3.10 or newer is needed: make PYTHON=/path/to/python3 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "Python's venv module is needed (Debian and Ubuntu: apt install python3-venv)"; exit 1; }
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check 'tox>=4.30' 'tox-uv>=1.20'

demo: $(TOX) ## run the charms on this machine, and measure who reaches whom (DEMO="demo --juju=4")
	@$(RUN) peers,demo $(if $(DEMO),-- $(DEMO))

demo-real: $(TOX) ## the same on a real kube-apiserver and a real istiod; needs Go
	@$(RUN) peers,demo-real

test: $(TOX) ## unit, scenario, contract and interop tests
	@$(RUN) peers,published,unit,interop

test-TIER: ## a tier of tests that takes longer, or needs more programs
$(TIERS:%=test-%): test-%: $(TOX)
	@$(RUN) peers,$*

test-tiers: $(TOX) ## all tiers, two at a time, each on one processor
	@$(RUN) peers
	@PYTHONUNBUFFERED=1 WORKERS=0 $(TOX) run-parallel --parallel 2 --parallel-no-spinner -q -e $(subst $(empty) $(empty),$(comma),$(TIERS))

test-thorough: $(TOX) ## faults, security and soak at length: every fault, 10,000 databags; takes hours
	@$(RUN) faults -- --thorough
	@HYPOTHESIS_PROFILE=slow $(RUN) security
	@SOAK_OPERATIONS=3000 $(RUN) peers,soak

test-mutations: $(TOX) ## check that tests fail when security-relevant lines change (MODULE=PATH); 40 minutes
	@$(RUN) mutation $(if $(MODULE),-- $(MODULE))

test-newest: $(TOX) ## check whether the newest published libraries have names that ours lack
	@$(RUN) peers
	@$(RUN) published -- newest
	@$(RUN) interop -- tests/interop/test_published_names.py

lint: $(TOX) ## checks of the code, of workflows (if Go is installed) and of Terraform (if it is)
	@$(RUN) lint,integration-check
	@! command -v go >/dev/null || go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
	@! command -v terraform >/dev/null || terraform fmt -check -diff -recursive terraform

lint-terraform: ## check the Terraform modules, also with the Juju provider; needs its registry
	terraform fmt -check -diff -recursive terraform
	@for module in terraform/*/; do \
		terraform -chdir=$$module init -backend=false -input=false && terraform -chdir=$$module validate || exit 1; \
	done

docs: $(TOX) ## build the documentation, into build/docs/index.html
	@$(RUN) docs

format: $(TOX) ## format the code
	@$(RUN) format

bench: $(TOX) ## time and work beside the published libraries (BENCH="--size full", BENCH=joining)
	@$(RUN) peers,bench $(if $(BENCH),-- $(BENCH))

pack: $(TOX) ## pack the charms into dist/ with charmcraft (TESTERS=1: those of the integration tests, too)
	@$(RUN) $(if $(shell command -v charmcraft),pack,charmcraft,pack) \
		$(if $(TESTERS),-- pack charms/* tests/integration/testers/*)

pack-check: $(TOX) ## check that the charms in dist/ are complete
	@$(RUN) pack -- check $(CHECK)

lock: $(TOX) ## update the locked dependencies of the charms
	@$(RUN) lock

integration: $(TOX) ## the integration tests, on the Juju controller of this machine
	@$(RUN) integration -- $(TESTS)

clean: ## remove what was built here
	rm -rf $(VENV) .tox build dist

.PHONY: help demo demo-real test test-TIER $(TIERS:%=test-%) test-tiers test-thorough test-mutations lint lint-terraform docs format bench pack pack-check lock integration clean
