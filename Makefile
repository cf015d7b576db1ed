# make demo: the main job on a fresh machine · make test: every test · make check: lint, types, layers
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMP := $(VENV)/.installed

.PHONY: demo test check setup lock deploy-tools deploy-check policy-tools image-check torch parity-ofa peers lock-peers clean

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
	$(BIN)/hadolint deploy/docker/Dockerfile deploy/docker/Dockerfile.gpu tests/image/systemd.Dockerfile

# What a container may need beside the base: other databases, stores and brokers, and traces.
IMAGE_EXTRAS := --extra postgres --extra s3 --extra cluster --extra otel

lock:
	$(BIN)/uv pip compile --universal --generate-hashes --no-header -q requirements/build.in -o requirements/build.txt
	$(BIN)/uv pip compile --universal --generate-hashes --no-header -q --extra cpu pyproject.toml -o requirements/cpu.txt
	$(BIN)/uv pip compile --universal --generate-hashes --no-header -q --extra cpu --extra demo --extra postgres --extra s3 --extra cluster --extra otel --group dev pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile --universal --generate-hashes --no-header -q requirements/torch.in -o requirements/torch.txt
	$(BIN)/uv pip compile --universal --generate-hashes --no-header -q requirements/deploy.in -o requirements/deploy.txt
	$(BIN)/uv pip compile --universal --generate-hashes --no-header -q requirements/policy.in -o requirements/policy.txt
	$(BIN)/uv pip compile --universal --generate-hashes --no-header -q requirements/sbom.in -o requirements/sbom.txt
	$(BIN)/uv pip compile --universal --generate-hashes --no-header -q --extra cpu $(IMAGE_EXTRAS) pyproject.toml -o requirements/image-cpu.txt
	$(BIN)/uv pip compile --universal --generate-hashes --no-header -q --extra gpu $(IMAGE_EXTRAS) pyproject.toml -o requirements/image-gpu.txt

# An environment beside ours in which training, conversion and models of `transformers` are tested: .ci/run makes it.
TORCH := .venv-torch
torch: $(TORCH)/.installed

$(TORCH)/.installed: requirements/torch.txt
	@test -x $(TORCH)/bin/python || $(PYTHON) -m venv $(TORCH)
	@$(TORCH)/bin/python requirements/install.py "packages beside torch" requirements/torch.txt
	$(TORCH)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps torch==2.13.0
	@touch $@

# Builds the image and tries it as an orchestrator would, with Debian's buildah and podman: needs root, no registry.
image-check: setup
	deploy/docker/check

# What judges deploy/ beside our own tests: the real Helm as a library, schemas of Kubernetes, KEDA and compose files.
DEPLOY := .venv-deploy
deploy-tools: $(DEPLOY)/.installed

$(DEPLOY)/.installed: requirements/deploy.txt
	@test -x $(DEPLOY)/bin/python || $(PYTHON) -m venv $(DEPLOY)
	@$(DEPLOY)/bin/python requirements/install.py "what judges deploy/" requirements/deploy.txt
	@touch $@

# What knows hundreds of policies for pods and images: not for CI, which would install 100 packages to run it for seconds.
POLICY := .venv-policy
policy-tools: $(POLICY)/.installed

$(POLICY)/.installed: requirements/policy.txt
	@test -x $(POLICY)/bin/python || $(PYTHON) -m venv $(POLICY)
	@$(POLICY)/bin/python requirements/install.py "what knows policies" requirements/policy.txt
	@touch $@

# Everything that is checked of deploy/, with nothing skipped: it needs nginx, promtool, amtool, PostgreSQL, Redis and
# systemd. All of it is part of CI too, but checkov, and the image, which `make image-check` builds and runs.
deploy-check: setup deploy-tools policy-tools
	DEPLOY_TOOLS_REQUIRED=1 POLICY_TOOLS_REQUIRED=1 NGINX_REQUIRED=1 BROKERS_REQUIRED=1 PROMETHEUS_REQUIRED=1 \
	POSTGRESQL_REQUIRED=1 SYSTEMD_REQUIRED=1 \
	  $(BIN)/pytest tests/unit/test_deploy_files.py tests/unit/test_compose_files.py tests/integration/deploy

# Holds our OFA against ModelScope's own on random weights, in an environment of its own (2 GB); LAYOUT=tiny, base
# or large. Not part of CI, which checks what this recorded for `tiny`.
PARITY := .venv-parity
LAYOUT ?= tiny
parity-ofa:
	@test -x $(PARITY)/bin/python || $(PYTHON) -m venv $(PARITY)
	$(PARITY)/bin/python -m pip --disable-pip-version-check install --quiet -r tests/parity/requirements.txt
	PYTHONPATH=src:. $(PARITY)/bin/python -W ignore -m tests.parity.ofa_reference $(LAYOUT) $(PARITY)/ofa-$(LAYOUT)

# Other servers for benchmarks/peers, each in an environment of its own (3 GB in all); PEER=ray makes one of them.
PEERS := .venv-peers
PEER ?= fastapi litserve bentoml ray mosec
LOCKED := benchmarks/peers/requirements
peers: setup
	@for peer in $(PEER); do \
	  echo "Setting up $(PEERS)/$$peer"; \
	  test -x $(PEERS)/$$peer/bin/python || $(BIN)/uv venv -q --python $(BIN)/python $(PEERS)/$$peer || exit 1; \
	  $(BIN)/uv pip sync -q --python $(PEERS)/$$peer/bin/python --require-hashes $(LOCKED)/$$peer.txt || exit 1; \
	  $(BIN)/uv pip install -q --python $(PEERS)/$$peer/bin/python --no-deps --editable . || exit 1; \
	done

lock-peers:
	@for peer in $(PEER); do \
	  $(BIN)/uv pip compile --python-version 3.11 --generate-hashes --no-header -q --extra cpu pyproject.toml \
	    $(LOCKED)/$$peer.in -o $(LOCKED)/$$peer.txt > /dev/null || exit 1; \
	done

clean:
	rm -rf $(VENV) $(DEPLOY) $(POLICY) $(TORCH) $(PARITY) $(PEERS) build dist .mypy_cache .ruff_cache .pytest_cache
