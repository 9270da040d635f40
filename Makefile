# demo test check lint bench soak bundle lock clean. Everything is installed into .venv; nothing else is needed
# but make and a python3 >= 3.11 with venv (PYTHON=... names another one).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 $(BIN)/uv
INTO := --python $(BIN)/python
COMPILE = $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url $(LOCK_ARGS)
TWO := -n 2 --dist loadfile
# What failed beside others must fail alone too: each names itself in the first run's report.
ALONE = $(BIN)/python -m pytest --last-failed --last-failed-no-failures none
SOURCES = $(wildcard secmon probes grafana tests benchmarks)

# Whatever environment make was called from, it must not leak into ours.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONSTARTUP CONDA_PREFIX
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV UV_PROJECT_ENVIRONMENT

# A .venv that was moved, or whose python has gone, is made anew.
ifneq ($(shell $(BIN)/python -c 'print(open("$(VENV)/made").read())' 2>/dev/null),$(CURDIR))
$(VENV)/made: remake
endif

.DEFAULT_GOAL := check
.PHONY: demo test check lint bench soak bundle lock clean setup remake
.DELETE_ON_ERROR:

demo: $(if $(wildcard $(VENV)/made-dev),$(VENV)/made-dev,$(VENV)/made-run)
	@exec $(BIN)/secmon demo $(DEMO_ARGS)

test: setup
	.ci/peers
	$(BIN)/python -m pytest $(TWO) -m "not soak" $(TEST_ARGS) || $(ALONE)

check: lint
	$(BIN)/python -m pytest $(TWO) -m "not peers and not soak and not slow" $(TEST_ARGS) || $(ALONE)

lint: setup
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports

bench: setup
	@exec $(BIN)/python -m benchmarks $(BENCH_ARGS)

soak: setup
	$(BIN)/python -m pytest -m soak $(TEST_ARGS)

bundle: setup # dist/secmon-VERSION-offline.tar.gz, for machines without a network
	.ci/bundle

setup: $(VENV)/made-dev

lock: $(VENV)/made # LOCK_ARGS=--upgrade takes newer versions; without it only what pyproject.toml asks for changes
	echo uv | $(COMPILE) -o .ci/uv.lock -
	$(COMPILE) --all-extras --group build -o requirements.lock pyproject.toml
	$(COMPILE) --all-extras --group dev -o requirements-dev.lock -c requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .venv-3.* build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find $(SOURCES) -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/made: .ci/uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "secmon needs python3 >= 3.11, and '$(PYTHON)' is not: say PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "'$(PYTHON)' has no venv: install python3-venv, or say PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --only-binary :all: -r .ci/uv.lock
	@printf %s '$(CURDIR)' >$@

$(VENV)/made-run: requirements.lock pyproject.toml $(VENV)/made
	$(UV) pip sync -q $(INTO) --require-hashes $<
	$(UV) pip install -q $(INTO) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/made-dev: requirements-dev.lock pyproject.toml $(VENV)/made
	$(UV) pip sync -q $(INTO) --require-hashes $<
	$(UV) pip install -q $(INTO) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/made-run
