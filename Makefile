# Two commands do everything on a fresh machine with make and Python 3.10 or newer: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRAS_VENV := .venv-extras
EXTRAS_STAMP := $(EXTRAS_VENV)/.installed
EXTRAS_TESTS := tests/power_metrics/learners/test_impala.py tests/power_metrics/training/test_rllib.py tests/power_metrics/training/test_rllib_modules.py tests/power_metrics/training/test_rllib_games.py tests/power_metrics/comparison/test_logged.py tests/power_metrics/expectation/test_executors.py tests/test_examples.py
WORKERS ?= auto
INPUTS ?= 1000
$(STAMP): EXTRAS := dev
$(EXTRAS_STAMP): EXTRAS := dev,rllib,supersuit,minari
CODE := powerenvs power_metrics tests examples docs
# Workers and the processes that tests start share what Python compiles, whatever the environment says.
test test-quick test-extras times: export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install demo test test-quick test-extras times lint format docs bench fuzz clean

help:  ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## create .venv and install everything into it (the other commands do it when needed)

$(STAMP) $(EXTRAS_STAMP): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("powerenvs needs Python 3.10 or newer, found %d.%d; choose one with: make PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 10) else 0)'
	@echo "Installing into $(@D); this takes a few minutes, once."
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[$(EXTRAS)]"
	@touch $@

demo: $(STAMP)  ## POWER of a maze, of two agents, of what PPO learns; results/demo/
	@$(BIN)/python examples/demo.py

test: $(STAMP)  ## run the tests (WORKERS=n for n processes)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q

test-quick: $(STAMP)  ## run all but the slow tests: about a minute on two cores
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q -m "not slow"

test-extras: $(EXTRAS_STAMP)  ## run the tests that need Ray, RLlib, SuperSuit and Minari, in .venv-extras
	@$(EXTRAS_VENV)/bin/python -m pytest -q -k "rllib or ray or supersuit or impala or minari" $(EXTRAS_TESTS)

times: $(STAMP)  ## measure the CPU time of every test, and which ones test-quick leaves out
	@$(BIN)/python -m pytest -p tests.times -q

lint: $(STAMP)  ## check style, spelling and types, changing nothing
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/codespell $(CODE) README.md CHANGELOG.md
	$(BIN)/mypy

format: $(STAMP)  ## fix style and formatting
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

docs: $(STAMP)  ## build the site of the documentation in build/site; its links are checked
	@$(BIN)/python docs/site/build.py
	@echo "read it at http://127.0.0.1:8000 with: $(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site"

bench: $(STAMP)  ## measure speed; prints CPU time and ratios
	@for script in tests/benchmarks/bench_*.py; do $(BIN)/python $$script || exit 1; done

fuzz: $(STAMP)  ## odd input of every kind (INPUTS=n of each, default 1000)
	@$(BIN)/python -m tests.fuzz --inputs $(INPUTS)

clean:  ## remove .venv, .venv-extras, results and caches
	rm -rf $(VENV) $(EXTRAS_VENV) results build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
	find powerenvs power_metrics tests examples -name __pycache__ -type d -prune -exec rm -rf {} +
