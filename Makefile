# make demo: the main job on a fresh machine · make test: every test · make check: lint, types, layers
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMP := $(VENV)/.installed

.PHONY: demo test check setup lock parity-ofa clean

setup: $(STAMP)

# The lock file is installed with --require-hashes, then the project alone: pip refuses hashed
# requirements together with a local project.
$(STAMP): requirements/build.txt requirements/dev.txt pyproject.toml
	@echo "Setting up $(VENV) (about 2 minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python requirements/install.py "build tools" requirements/build.txt
	@$(BIN)/python requirements/install.py "pinned packages" requirements/dev.txt --no-build-isolation
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	@$(BIN)/steadfast demo

# As many tests at once as there are cores; `.venv/bin/pytest PATH` runs some of them, one after the other.
# The fault table runs alone, last: it measures times, and whatever else ran would be part of them.
test: setup
	$(BIN)/pytest --numprocesses auto --maxprocesses 8 --dist worksteal --ignore tests/chaos/server
	$(BIN)/pytest tests/chaos/server

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock:
	$(BIN)/uv pip compile --universal --generate-hashes --no-header -q requirements/build.in -o requirements/build.txt
	$(BIN)/uv pip compile --universal --generate-hashes --no-header -q --extra cpu pyproject.toml -o requirements/cpu.txt
	$(BIN)/uv pip compile --universal --generate-hashes --no-header -q --extra cpu --extra demo --extra postgres --extra s3 --extra cluster --extra otel --group dev pyproject.toml -o requirements/dev.txt

# Holds our OFA against ModelScope's own on random weights, in an environment of its own (2 GB); LAYOUT=tiny, base
# or large. Not part of CI, which checks what this recorded for `tiny`.
PARITY := .venv-parity
LAYOUT ?= tiny
parity-ofa:
	@test -x $(PARITY)/bin/python || $(PYTHON) -m venv $(PARITY)
	$(PARITY)/bin/python -m pip --disable-pip-version-check install --quiet -r tests/parity/requirements.txt
	PYTHONPATH=src:. $(PARITY)/bin/python -W ignore -m tests.parity.ofa_reference $(LAYOUT) $(PARITY)/ofa-$(LAYOUT)

clean:
	rm -rf $(VENV) $(PARITY) build dist .mypy_cache .ruff_cache .pytest_cache
