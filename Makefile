# Two commands: `make demo` shows the whole line on sample data, `make test` runs every check CI runs.
# Without make: see "Without make" in README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test site bench-gpu clean

demo: $(VENV)/.demo
	$(BIN)/glotbench demo

test: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry harness metrics leaderboard
	sh tests/browser/install-chromium.sh
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto

# Leaderboards of real records in site/: the demo's, and with DATA=FOLDER those of public data sets (docs/leaderboard.md).
site: $(VENV)/.demo
	$(BIN)/python -m benchmarks.example_sites $(if $(DATA),--data '$(DATA)')

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,dev]'
	touch $@ $(VENV)/.demo

# The engine against lm-eval's HFLM on a GPU, results in bench-gpu/ (docs/gpu.md).
bench-gpu: $(VENV)/.dev
	$(BIN)/python benchmarks/gpu.py

clean:
	rm -rf $(VENV) build dist site
