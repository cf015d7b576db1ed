# make demo: the main job on a fresh machine · make test: every test · make check: lint, types, layers
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMP := $(VENV)/.installed

.PHONY: demo test check setup lock clean

setup: $(STAMP)

# The lock file is installed with --require-hashes, then the project alone: pip refuses hashed
# requirements together with a local project.
$(STAMP): requirements/build.txt requirements/dev.txt pyproject.toml
	@test -x $(BIN)/python || (echo "creating $(VENV)" && $(PYTHON) -m venv $(VENV))
	@echo "installing build tools" && $(PIP) install --quiet --require-hashes -r requirements/build.txt
	@echo "installing pinned dependencies (about 2 minutes the first time)"
	$(PIP) install --require-hashes --no-build-isolation --progress-bar on -r requirements/dev.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	$(BIN)/steadfast demo

test: setup
	$(BIN)/pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock:
	$(BIN)/uv pip compile --universal --generate-hashes --no-header -q requirements/build.in -o requirements/build.txt
	$(BIN)/uv pip compile --universal --generate-hashes --no-header -q --extra cpu pyproject.toml -o requirements/cpu.txt
	$(BIN)/uv pip compile --universal --generate-hashes --no-header -q --extra cpu --extra demo --extra postgres --group dev pyproject.toml -o requirements/dev.txt

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
