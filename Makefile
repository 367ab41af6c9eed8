# Two commands set everything up: `make demo` and `make test`. `make` alone lists what there is.
# Works with GNU make 3.81 (macOS) and from a path with spaces: every file is named relative to this folder.

PYTHON ?= python3
# Where to take torch from, for example TORCH_INDEX=<address of a CPU-only index>; empty: the default index.
TORCH_INDEX ?=
TORCH ?= torch==2.13.0

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
WANTED := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo check test tools lint types contracts scoreboard ci-packages clean

help: ## list these targets
	@echo "edgekit: should this model run on the device or in the cloud?"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: .venv/demo.stamp ## install edgekit into .venv and run the whole job on a small model (minutes)
	@$(BIN)/edgekit demo --out demo

check: .venv/dev.stamp lint types contracts ## the everyday lane: lint, types, floors, fast tests (under 5 minutes)
	@$(BIN)/pytest -m "not slow" -n 2 --dist loadgroup

test: .venv/all.stamp tools lint types contracts ## everything: lint, types, floors, all tests
	@$(BIN)/pytest -n 2 --dist loadgroup $(PYTEST_ARGS)

scoreboard: .venv/dev.stamp .venv-peers/stamp ## compare zeus, CodeCarbon, pyJoules and carbontracker with edgekit where the truth is known (half an hour; Linux)
	@$(BIN)/python benchmarks/scoreboard/run.py --peers .venv-peers/bin/python --check

lint: .venv/dev.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/dev.stamp
	@$(BIN)/mypy

contracts: .venv/dev.stamp
	@$(BIN)/lint-imports

.venv/python.stamp:
	@echo "creating .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "edgekit needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 6; }
	@$(PYTHON) -m venv .venv || { echo "python3-venv is missing: sudo apt-get install python3-venv"; exit 6; }
	@touch $@

.venv/demo.stamp: .venv/python.stamp $(WANTED)
	@echo "installing edgekit and what the demo needs (once, several minutes: tensorflow is large)"
	@$(PIP) install --editable ".[demo]" --constraint constraints.txt
	@touch $@

.venv/dev.stamp: .venv/python.stamp $(WANTED)
	@echo "installing edgekit and what its tests need (once, several minutes: tensorflow is large)"
	@$(PIP) install --editable ".[dev]" --constraint constraints.txt
	@touch .venv/demo.stamp $@

.venv/torch.stamp: .venv/dev.stamp
	@echo "installing $(TORCH)"
	@$(PIP) install $(if $(TORCH_INDEX),--index-url "$(TORCH_INDEX)") "$(TORCH)"
	@touch $@

.venv/all.stamp: .venv/torch.stamp $(WANTED)
	@echo "installing what converts and runs PyTorch models, and what checks models for microcontrollers"
	@$(PIP) install --editable ".[all,dev]" --constraint constraints.txt
	@touch $@

tools: .venv/dev.stamp ## make the environments of tools that cannot live beside edgekit, where a fitting Python is found
	@for name in tflite-legacy onnx2tf; do \
		EDGEKIT_DATA=.venv-tools $(BIN)/edgekit env create $$name || echo "its tests will be skipped, and say why"; \
	done

.venv-peers/stamp: .venv/python.stamp benchmarks/scoreboard/peers.txt benchmarks/scoreboard/constraints.txt
	@echo "installing the peers into .venv-peers (once)"
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip --disable-pip-version-check install --quiet -r benchmarks/scoreboard/peers.txt --constraint benchmarks/scoreboard/constraints.txt
	@touch $@

ci-packages: ## install the system packages that some tests use (Debian and Ubuntu, as root; for continuous integration)
	@apt-get update -qq
	@DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv chromium fonts-dejavu-core gcc libc6-dev openssh-client openssh-server qemu-user-static

clean: ## remove what was built or downloaded here, .venv and the demo included
	@rm -rf .venv .venv-peers .venv-tools demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
