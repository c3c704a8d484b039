# One environment for everything. `make demo` on a fresh machine: environment, data, the whole chain, a report.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install -qq --disable-pip-version-check

.PHONY: demo test venv dev smoke peers clean-peers clean
.NOTPARALLEL:

$(VENV)/.base: pyproject.toml constraints.txt
	@echo 'Making $(VENV) and installing torch and what hagane needs (one or two minutes) …'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) torch -c constraints.txt
	@$(PIP) -e . -c constraints.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	@echo 'Installing the development extras …'
	@$(PIP) -e '.[dev]' -c constraints.txt
	@touch $@

venv: $(VENV)/.base

dev: $(VENV)/.dev

demo: venv
	$(BIN)/hagane doctor
	$(BIN)/hagane run demo

smoke: venv
	$(BIN)/hagane run smoke

test: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

# What bench/train.py and bench/generate.py measure against, apart from our own environment.
peers: .venv-peers/.ready

.venv-peers/.ready: constraints.txt
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install -qq --disable-pip-version-check torch -c constraints.txt
	@.venv-peers/bin/python -m pip install -qq --disable-pip-version-check transformers==5.24.0 numpy psutil torchmetrics tqdm lightning-utilities -c constraints.txt
	@.venv-peers/bin/python -m pip install -qq --disable-pip-version-check --no-deps litgpt==0.5.13 lightning jsonargparse
	@touch $@

# What bench/clean.py measures against. datatrove pins trafilatura below 1.12, so the current trafilatura lives apart.
clean-peers: .venv-clean-peers/.ready .venv-html-peers/.ready

.venv-clean-peers/.ready: constraints.txt
	@$(PYTHON) -m venv .venv-clean-peers
	@.venv-clean-peers/bin/python -m pip install -qq --disable-pip-version-check 'hojichar==0.18.1' 'emoji<3' 'fugashi[unidic-lite]<2' 'datatrove[io,processing]==0.10.1' 'spacy<4' sudachipy sudachidict_core 'rensa==0.5.0' -c constraints.txt
	@touch $@

.venv-html-peers/.ready: constraints.txt
	@$(PYTHON) -m venv .venv-html-peers
	@.venv-html-peers/bin/python -m pip install -qq --disable-pip-version-check 'trafilatura==2.3.1' lxml_html_clean 'resiliparse==2.0.1' -c constraints.txt
	@touch $@

clean:
	rm -rf $(VENV) runs
