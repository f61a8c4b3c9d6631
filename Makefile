# The two commands to know: `make run` plays the whole story and serves every member; `make test` runs every test.

PYTHON ?= python3
BIN := .venv/bin
DEMO := var/demo

# CometBFT, of the version that the program asks for.
COMET_VERSION := 0.38.25
COMET := var/tools/cometbft
ifneq ($(wildcard $(COMET)),)
export TALLYSTICK_COMETBFT ?= $(CURDIR)/$(COMET)
endif

.PHONY: setup engine run consortium test test-deep mutants check format docs sbom screenshots examples translations migrations proto lock

setup: .venv/.installed

# The locked hashes first, then the project itself without looking anything up.
.venv/.installed: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'tallystick: python-too-old: Python 3.11 or newer with venv is needed; name one with `make PYTHON=...`' >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

engine: $(COMET)

$(COMET):
	@command -v go >/dev/null || { echo 'tallystick: go-missing: Go 1.23 or newer builds CometBFT; install it, or name a cometbft $(COMET_VERSION) in TALLYSTICK_COMETBFT' >&2; exit 2; }
	GOBIN=$(CURDIR)/var/tools go install -trimpath github.com/cometbft/cometbft/cmd/cometbft@v$(COMET_VERSION)

# A demo that was played before is moved aside, never overwritten.
PUT_ASIDE = if [ -e $(DEMO) ]; then mv $(DEMO) "$(DEMO).$$(date +%Y%m%d-%H%M%S)"; fi

run: setup
	@$(PUT_ASIDE)
	$(BIN)/tallystick demo --home $(DEMO) --serve

# The same on four CometBFT validators; without a CometBFT it is built first.
consortium: setup $(if $(or $(TALLYSTICK_COMETBFT),$(shell command -v cometbft)),,engine)
	@$(PUT_ASIDE)
	@if [ -z "$$TALLYSTICK_COMETBFT" ] && [ -x $(COMET) ]; then export TALLYSTICK_COMETBFT=$(CURDIR)/$(COMET); fi; \
		$(BIN)/tallystick demo --home $(DEMO) --engine comet --serve

# A worker takes neighbouring tests, which share what they made, and in the end those that others have not begun.
PYTEST = $(BIN)/python -m pytest -q -n auto --dist worksteal

test: setup
	$(PYTEST)

# The same tests with many more examples, and the long sweeps.
test-deep: setup
	TALLYSTICK_DEEP=1 $(PYTEST)

# Changes the rules, the verifier and the trees one thing at a time and asks the tests whether they notice: docs/mutation.md. It takes hours.
mutants: setup
	$(PYTHON) -m venv var/mutants
	var/mutants/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	var/mutants/bin/python -m pip install --quiet --disable-pip-version-check mutmut==3.8.1
	$(BIN)/python -m tests.mutants.running run

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tests/dead_code.py

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What Tallystick is made of, as CycloneDX has it: every package of requirements.lock with its hashes, and the engine.
sbom: setup
	@mkdir -p var
	$(BIN)/python docs/sbom.py var/sbom.json $(COMET_VERSION)

# Writes the documents that are generated from the code; a test compares them.
docs: setup
	$(BIN)/python docs/generate.py

# Draws each page of the portal at each seat of the demo, in both languages and at three widths.
screenshots: setup
	$(BIN)/python docs/screenshots.py var/screenshots

# Writes the examples of the API's description from what its tests ask and are answered; a test checks them against the description.
examples: setup
	rm -rf var/examples
	TALLYSTICK_EXAMPLES=var/examples $(PYTEST) -p tests.api.recording tests/api --ignore tests/api/cli
	TALLYSTICK_EXAMPLES=var/examples $(BIN)/python -m tests.api.recording

# Brings the portal's catalogue of translations up to date; names the texts that have none yet.
translations: setup
	$(BIN)/python -m api.portal.catalogue

# Writes what reads and writes the messages between CometBFT and its application; a test compares it.
proto: setup
	$(BIN)/python -m grpc_tools.protoc -I ledger/comet --python_out=ledger/comet --pyi_out=ledger/comet ledger/comet/abci.proto

# Writes the statements of the newest revision of the private database from today's tables; a test compares them.
migrations: setup
	$(BIN)/python -m nodes.migrations.baseline

# Resolves the dependencies anew, for every Python from 3.11 on, and writes no address into the files.
COMPILE = var/lock-tool/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' pyproject.toml
lock:
	$(PYTHON) -m venv var/lock-tool
	var/lock-tool/bin/python -m pip install --quiet uv
	$(COMPILE) --extra build -o requirements.lock
	$(COMPILE) --extra build --extra dev --extra hsm -o requirements-dev.lock
