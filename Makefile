# make demo       train, compare and recommend on synthetic movie ratings (base install, in .venv)
# make serve      serve the demo's model, and accept ratings, on http://127.0.0.1:8000/
# make test       linters and all tests (development install, in .venv-test)
# make test-fast  the quick tests of every part of the package
# make wheel      build dist/cofactor-VERSION-py3-none-any.whl, which pip installs elsewhere
# make lint       linters alone, and the documentation, in which a broken link is an error
# make docs       build the documentation into build/docs/index.html (in .venv-test)
# make mutants    put a random fault into each changed line, and list those that no test sees; options in ARGS
# make interop    TFRecord in both directions with TensorFlow itself (2 GB, in .venv-interop)
# make bench      list the benchmarks; make bench-ratings runs one of them, with options in ARGS, on the data in DATA
# make soak       tests of robustness that take an hour; make soak-folders runs one part; options in ARGS
# make clean      remove all generated files, environments included
PYTHON ?= python3
BASE := .venv
TEST := .venv-test
INTEROP := .venv-interop
DATA ?= $(or $(COFACTOR_TEST_DATA),$(COFACTOR_DATA),$(HOME)/.cache/cofactor)

.PHONY: help demo serve test test-fast lint wheel docs interop bench soak mutants clean
.DELETE_ON_ERROR:
unexport PYTHONDONTWRITEBYTECODE  # processes that tests start need not compile the package again

help:
	@sed -n 's/^# //p' Makefile

demo: $(BASE)/.installed
	@$(BASE)/bin/cofactor demo

serve: demo/models/svd/manifest.json
	@$(BASE)/bin/cofactor serve demo/models/svd --store demo/ratings.db

demo/models/svd/manifest.json: | $(BASE)/.installed
	@$(BASE)/bin/cofactor demo

test: lint
	$(TEST)/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile

test-fast: $(TEST)/.installed
	$(TEST)/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile -m "not slow"

lint: docs
	$(TEST)/bin/ruff check .
	$(TEST)/bin/ruff format --check .
	$(TEST)/bin/mypy
	$(TEST)/bin/lint-imports
	$(TEST)/bin/python -m tools.structure

wheel:
	$(PYTHON) -m pip wheel . --no-deps --disable-pip-version-check -w dist

docs: $(TEST)/.installed
	@$(TEST)/bin/python -m sphinx -q -E -W --keep-going -b html docs build/docs
	@echo "built build/docs/index.html"

interop: $(INTEROP)/.installed
	$(INTEROP)/bin/python tests/interop_tensorflow.py

bench:
	@for script in $$(grep -l __main__ benchmarks/*.py); do \
	  printf 'make bench-%-20s %s\n' "$$(basename "$$script" .py)" "$$(sed -n '1s/^"""//p' "$$script")"; done

bench-%: $(TEST)/.installed
	$(TEST)/bin/python benchmarks/$*.py $(if $(shell grep -e --data benchmarks/$*.py),--data $(DATA)) $(ARGS)

soak: $(TEST)/.installed
	$(TEST)/bin/python -m soak $(ARGS)

soak-%: $(TEST)/.installed
	$(TEST)/bin/python -m soak --part $* $(ARGS)

mutants: $(TEST)/.installed
	$(TEST)/bin/python -m tools.mutants $(ARGS)

clean:
	rm -rf $(BASE) $(TEST) $(INTEROP) build dist demo *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache .mutants
	find cofactor tests benchmarks soak tools -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# --no-compile: bytecode is written for what is imported, not for all of SciPy; it saves 90 MB
$(BASE)/.installed: pyproject.toml constraints.txt
	$(call environment,$(BASE))
	@echo "installing cofactor and its packages, 600 MB, into $(BASE), once:"
	@$(BASE)/bin/python -m pip install --no-compile --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(TEST)/.installed: pyproject.toml constraints.txt
	$(call environment,$(TEST))
	@echo "installing into $(TEST), once"
	@$(TEST)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

$(INTEROP)/.installed: pyproject.toml constraints.txt
	$(call environment,$(INTEROP))
	@echo "installing into $(INTEROP), once"
	@$(INTEROP)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . 'tensorflow-cpu>=2.18'
	@touch $@

# A fresh virtual environment; where Python came without ensurepip (Debian's python3-venv), its own pip fills it.
define environment
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("cofactor needs Python 3.11 or newer; $(PYTHON) is %d.%d. Name another: make PYTHON=python3.12" % sys.version_info[:2])'
	@echo "making the environment $(1) for $$($(PYTHON) -V)"
	@rm -rf $(1)
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then $(PYTHON) -m venv $(1); \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	  $(PYTHON) -m venv --without-pip $(1) && $(PYTHON) -m pip --python $(1)/bin/python install --quiet pip; \
	else echo "$(PYTHON) has neither ensurepip nor pip; on Debian: apt install python3-venv" >&2; exit 1; fi
endef
