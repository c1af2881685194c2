# Two commands do everything on a machine with Python 3.11 or newer: `make demo` and `make test`.
# An environment of your own, torch included, is used as it is: make demo VENV=/path/to/environment
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
TORCH := from importlib.metadata import version; print(version("torch"))
# `loadgroup` keeps the tests of one server in one worker.
PYTEST_ARGS ?= -n 2 --dist loadgroup

.PHONY: help demo test check format prepare clean

help:
	@echo "make demo     run the whole job on the bundled sample (creates $(VENV), fetches what it needs)"
	@echo "make test     check style and types, run all tests"
	@echo "make format   bring the code into the house style"
	@echo "make clean    remove $(VENV) and demo/"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name another: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

# torch comes first and alone: asked for by another package, it would come with gigabytes of GPU libraries.
$(VENV)/.heta-run: pyproject.toml constraints.txt | $(BIN)/python
	@if $(BIN)/python -c '$(TORCH)' >/dev/null 2>&1; then \
	  echo "Using the torch that $(VENV) already has."; \
	else \
	  echo "Fetching torch (about 200 MB for CPU; more where your package index serves GPU builds) and then about 300 MB of other packages."; \
	  echo "To bring your own torch: install it into $(VENV) first, or point VENV= at an environment that has it."; \
	  $(BIN)/pip install -q "$$(grep '^torch==' constraints.txt)"; \
	fi
	@grep -v '^torch==' constraints.txt > $(VENV)/constraints.txt
	@echo "torch==$$($(BIN)/python -c '$(TORCH)')" >> $(VENV)/constraints.txt
	$(BIN)/pip install -q -c $(VENV)/constraints.txt -e '.[models]'
	@touch $@

$(VENV)/.heta-dev: $(VENV)/.heta-run
	$(BIN)/pip install -q -c $(VENV)/constraints.txt -e '.[models,dev]'
	@touch $@

demo: $(VENV)/.heta-run
	$(BIN)/heta demo $(ARGS)

# What is missing after this is said by the tests that skip for it.
prepare: $(VENV)/.heta-dev
	-$(BIN)/heta model get smollm2
	-$(BIN)/heta studio install

check: $(VENV)/.heta-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: check prepare
	$(BIN)/pytest $(PYTEST_ARGS)

format: $(VENV)/.heta-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) demo
