# Every command sets itself up in .venv first; `make help` lists them.
#
# PYTHON       the Python that makes .venv (3.11 or newer)
# TORCH_INDEX  another place to take PyTorch from; on Linux the default download is a CUDA build
#              of about 3 GB, and this takes the much smaller CPU-only build instead:
#              make book TORCH_INDEX=https://download.pytorch.org/whl/cpu

PYTHON ?= python3
TORCH_INDEX ?=

BIN := .venv/bin
READY := .venv/ready
BUILD := $(BIN)/jupyter-book build book -W --keep-going

.PHONY: help book test chapters reproduce print paint links browser coverage mutants lint clean
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

book: $(READY) ## build the book: _build/html/index.html
	@# A page that warned is not read again by the next build: forget it, so that it warns again.
	@$(BUILD) || { rm -rf _build/.doctrees; exit 1; }

# The snapshots are checked before the build, which would execute the stale ones and so heal them.
test: $(READY) browser ## check the code, every chapter and the built site
	$(BIN)/pytest --nbval
	$(BUILD) --all
	$(BIN)/pytest tests/site --dist worksteal

chapters: $(READY) ## execute stale chapters (ALL=1: all; CHAPTER=mnist/data: that one)
	$(BIN)/python tools/chapters $(if $(ALL),--all) $(CHAPTER)

reproduce: $(READY) ## train every recorded run from nothing, and compare
	$(BIN)/python -m labcode fetch
	$(BIN)/python -m labcode run --records _build/reproduced
	$(BIN)/python -m labcode compare _build/reproduced

print: book browser ## print the whole book as one PDF: _build/book.pdf
	$(BIN)/python tools/print_edition.py

paint: book browser ## measure how soon each page shows itself on a slow processor
	$(BIN)/python tools/paint.py

links: $(READY) ## look up every link that leads out of the book (needs a network)
	$(BIN)/jupyter-book build book --builder linkcheck

browser: ## install Debian's Chromium for the browser tests, where that is allowed
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

# On demand only: hours, at the lowest priority. Broken off, it goes on.
mutants: $(READY) .mutants/env/ready ## change labcode, one small thing at a time: do the tests notice? (MODULE=optim)
	nice -n 19 .mutants/env/bin/python tools/mutants.py $(MODULE)

.mutants/env/ready: tests/mutants/requirements.txt
	$(PYTHON) -m venv .mutants/env
	.mutants/env/bin/python -m pip install -r $<
	@touch $@

lint: $(READY) ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

clean: ## remove the built site (the environment stays)
	rm -rf _build/html _build/.doctrees _build/book.pdf

$(READY): requirements.txt constraints.txt tests/site/requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("The book needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ": name another with PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -r requirements.txt
	@touch $@
