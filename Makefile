# Each command first sets up .venv; `make help` lists the commands.
#
# PYTHON       the Python that makes .venv (3.11 or newer)
# TORCH_INDEX  an extra package index for PyTorch. On Linux the default download is a CUDA build of about 3 GB; this
#              gets the much smaller CPU-only build: make book TORCH_INDEX=https://download.pytorch.org/whl/cpu

PYTHON ?= python3
TORCH_INDEX ?=
MINUTES ?= 10

BIN := .venv/bin
READY := .venv/ready
BUILD := $(BIN)/jupyter-book build book -W --keep-going

.PHONY: help writable book epub check test search chapters reproduce print paint links browser coverage mutants types lint clean archive readme picture lock measure
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

book: writable $(READY) ## build the book: _build/html/index.html
	$(BUILD)

writable:
	@test -w . || { echo "$(CURDIR) cannot be written: copy the book to a folder of yours."; exit 1; }

check: lint types ## the quick checks for daily use: style, spelling, types, the quick tests (a minute or two)
	$(BIN)/pytest -q --quick tests labcode tools

# The snapshots are checked before the build, which would execute the stale ones and so hide that they were stale.
# `tests/*` in place of `tests` includes tests/site.
test: writable $(READY) browser ## check the code, every chapter and the built site
	$(BIN)/python tools/chapters --check
	$(BUILD) --all
	$(BIN)/pytest --nbval tests/* labcode tools book

search: $(READY) ## run the tests that draw examples on new ones (MINUTES=10)
	$(BIN)/pytest --search $(MINUTES) --dist load tests

chapters: writable $(READY) ## execute stale chapters (ALL=1: all; CHAPTER=mnist/data: that one)
	$(BIN)/python tools/chapters $(if $(ALL),--all) $(CHAPTER)

reproduce: $(READY) ## train every recorded run again, and compare
	$(BIN)/python -m labcode fetch
	$(BIN)/python -m labcode run --records reproduced
	$(BIN)/python -m labcode compare reproduced

print: book browser ## print the whole book as one PDF, _build/book.pdf
	$(BIN)/python tools/print_edition.py

epub: writable $(READY) ## the whole book as an ePub, _build/book.epub, for readers without scripts
	$(BUILD) --builder custom --custom-builder epub --path-output _build/epub
	cp _build/epub/_build/epub/book.epub _build/.book.epub
	mv _build/.book.epub _build/book.epub

archive: book ## pack code, records and site into one zip for archives, described as an RO-Crate
	$(BIN)/python tools/archive.py

readme: $(READY) ## write the tables of the README, codemeta.json and codecheck.yml again
	$(BIN)/python tools/readme.py

measure: $(READY) ## measure what the commands take, in a fresh clone (as long as they take together)
	$(BIN)/python tools/measure.py

picture: book browser ## take the README's picture of the page that trains
	$(BIN)/python tools/picture.py

lock: $(READY) ## lock the packages to their SHA-256, after a pin has changed
	$(BIN)/python -m pip install -q uv==0.13.9
	$(BIN)/python tools/lock.py

paint: book browser ## measure the largest contentful paint of each page on a slow processor
	$(BIN)/python tools/paint.py

links: $(READY) ## check the links that lead out of the book (needs a network)
	$(BIN)/jupyter-book build book --builder linkcheck

browser: ## install Debian's Chromium for the browser tests, if permitted
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then \
		exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
			chromium chromium-driver fonts-liberation </dev/null || \
		echo "Chromium could not be installed: the browser tests will be skipped."; \
	else \
		echo "The browser tests will be skipped: they need chromium and chromedriver."; \
	fi

coverage: $(READY) ## measure which lines and branches of labcode the tests and the chapters reach
	$(BIN)/pytest --nbval --cov

# Takes hours, at the lowest priority. An interrupted run continues where it stopped.
mutants: $(READY) .mutants/env/ready ## mutation tests: do the tests notice small changes? (MODULE=network/layers)
	nice -n 19 .mutants/env/bin/python tools/mutants.py $(MODULE)

.mutants/env/ready: tests/mutants/requirements.txt
	$(PYTHON) -m venv .mutants/env
	.mutants/env/bin/python -m pip install -r $<
	@touch $@

types: $(READY) ## check types
	$(BIN)/mypy

lint: $(READY) ## check style and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

clean: ## remove the built site (the environment stays)
	rm -rf _build/html _build/.doctrees _build/epub _build/figures _build/book.epub _build/book.pdf

# The lock files decide: every package by its SHA-256. With TORCH_INDEX, PyTorch's builds are that index's own, whose
# digests are not known here, so PyTorch is held to its version alone and everything else to its digest.
$(READY): requirements.lock torch.lock requirements.txt constraints.txt tests/site/requirements.txt tools/live/requirements.txt tools/requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("$(PYTHON) is Python " + sys.version.split()[0] + ". The book needs 3.11 or newer: choose another with PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --no-deps --require-hashes -r requirements.lock $(if $(TORCH_INDEX),,-r torch.lock)
	$(BIN)/python -m pip install --no-build-isolation $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -r requirements.txt
	@touch $@
