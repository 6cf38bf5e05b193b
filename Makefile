# Everything a checkout needs: `make help` lists the targets. Two of them do it all on a fresh
# machine with Python, Go and make: `make demo` and `make test`.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# One worker per processor, at most four: in the cluster tests each has a control plane of its own.
PYTEST := $(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile
export PYTHONPATH := $(CURDIR)/deploy
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Hashes are checked; the index address is whatever pip is configured with. The environments of other versions of Python
# (`make pythons`) are made in the same way.
%/.installed: requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv $*
	$*/bin/pip install --quiet --require-hashes -r requirements/dev.txt
	$*/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: venv
venv: $(STAMP) ## Install the project and its tools into .venv

.PHONY: demo
demo: $(STAMP) ## Stop about 120 migrations on an embedded control plane and DCS
	$(BIN)/python -m sandbox.demo

.PHONY: demo-cutover
demo-cutover: $(STAMP) ## Cut a wave of 60 over without losing a key: hold, go, one too late, one anew
	$(BIN)/python -m sandbox.demo.cutover

.PHONY: sandbox
sandbox: $(STAMP) ## The same without the script: stays up, prints what to try by hand
	$(BIN)/python -m sandbox.demo --stay

.PHONY: lint
lint: $(STAMP) ## Style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy operator/dcs_migration_operator operator/kubectl_dcs deploy/sandbox deploy/dashboards deploy/reference tests
	$(BIN)/lint-imports

.PHONY: format
format: $(STAMP) ## Let ruff fix and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: unit
unit: $(STAMP) ## Unit and simulator tests: no cluster, three minutes
	$(PYTEST) tests/unit tests/sandbox

.PHONY: coverage
coverage: $(STAMP) ## The same, and which branches of the operator they take
	$(PYTEST) tests/unit tests/sandbox --timeout=300 --cov --cov-report=term # tracing takes its time

.PHONY: check
check: lint unit ## What to run while you work: style, types, contracts, unit tests

.PHONY: simulation
simulation: $(STAMP) ## A thousand drawn cases on virtual time, the same each time: faults, crashes, two replicas
	PYTHONHASHSEED=0 $(PYTEST) --dist=worksteal tests/simulation

.PHONY: pythons
pythons: $(STAMP) ## Unit tests and a short simulation on other versions of Python that are at hand
	PYTHONPATH=deploy:tests $(BIN)/python -m versions pythons

.PHONY: cluster
cluster: $(STAMP) ## Tests against a real etcd and kube-apiserver (built once)
	$(BIN)/python -m sandbox.control_plane --build-only --tool helm --tool kube-controller-manager
	$(PYTEST) tests/cluster

.PHONY: chart
chart: $(STAMP) ## The Helm chart with every file of values: no cluster
	$(BIN)/python -m sandbox.control_plane --build-only --tool helm
	$(PYTEST) tests/chart

.PHONY: monitoring
monitoring: $(STAMP) ## Alerts and dashboard on the real promtool and Prometheus (built once)
	$(BIN)/python -m sandbox.control_plane --build-only --tool promtool --tool prometheus
	$(PYTEST) tests/monitoring

.PHONY: browser
browser: $(STAMP) ## The cutover board in a real browser (Debian: installs chromium as root; else says how)
	$(BIN)/python -m sandbox.control_plane --build-only
	PYTHONPATH=deploy:tests $(BIN)/python -m board.tools
	$(BIN)/pytest tests/board

.PHONY: docs
docs: $(STAMP) ## Pages, their commands, GitOps tools, image and workflows
	$(BIN)/python -m sandbox.control_plane --build-only --tool helm --tool kube-controller-manager --tool kstatus
	$(PYTEST) tests/docs tests/gitops tests/image

.PHONY: test
test: lint coverage simulation pythons chart cluster monitoring docs browser ## Everything CI runs

# What lists the contents of the image, apart from everything else.
SBOM := $(VENV)/sbom/.installed

$(SBOM): requirements/sbom.txt $(STAMP)
	$(PYTHON) -m venv $(VENV)/sbom
	$(VENV)/sbom/bin/pip install --quiet --require-hashes -r requirements/sbom.txt
	@touch $@

.PHONY: image-tools
image-tools: ## Install the Debian packages that image and node need (root)
	$(PYTHON) -m sandbox.image.tools

.PHONY: image
image: $(STAMP) $(SBOM) ## Build deploy/Dockerfile, measure it, run it as the chart does (IMAGE="--base stand-in")
	$(BIN)/python -m sandbox.control_plane --build-only --tool helm
	$(BIN)/python -m sandbox.image $(IMAGE)

.PHONY: node
node: $(STAMP) ## The chart in real pods of a real kubelet, and nothing left behind (root; NODE="--base stand-in")
	$(BIN)/python -m sandbox.node $(NODE)
	$(BIN)/pytest tests/node

.PHONY: release-check
release-check: ## What a release needs besides `make test`: the image and a real node (root)
	$(MAKE) image
	$(MAKE) node NODE=--archive=build/image/operator.tar

# What the bench measures: product and peer as they are installed, without the tools of the tests, some of which kopf
# would import.
MEASURED := $(VENV)/bench/.installed

$(MEASURED): requirements/bench.txt $(STAMP)
	$(PYTHON) -m venv $(VENV)/bench
	$(VENV)/bench/bin/pip install --quiet --require-hashes -r requirements/bench.txt
	@touch $@

MINUTES ?= 20

.PHONY: soak
soak: $(MEASURED) ## MINUTES of drawn cases on virtual time, then as long of churn on a real API server
	$(BIN)/python -m sandbox.control_plane --build-only
	PYTHONPATH=deploy:tests $(BIN)/python -m simulation.soak --minutes $(MINUTES)
	PYTHONPATH=deploy:tests $(BIN)/python -m bench soak --minutes $(MINUTES)

.PHONY: bench
bench: $(MEASURED) ## Cost per resource beside a naive peer, 40 minutes (BENCH="--n 1000 --runs 1")
	$(BIN)/python -m sandbox.control_plane --build-only
	PYTHONPATH=deploy:tests $(BIN)/python -m bench compare $(BENCH)
	PYTHONPATH=deploy:tests $(BIN)/python -m bench page

.PHONY: versions
versions: $(STAMP) ## Cluster tests on older Kubernetes too, an hour (VERSIONS="--kubernetes 1.31")
	PYTHONPATH=deploy:tests $(BIN)/python -m versions pythons --own
	PYTHONPATH=deploy:tests $(BIN)/python -m versions kubernetes $(VERSIONS)
	PYTHONPATH=deploy:tests $(BIN)/python -m versions page

.PHONY: reference
reference: $(STAMP) ## Write the generated pages anew: CRDs, options, values of the chart
	$(BIN)/python -m reference

.PHONY: lock
lock: ## Renew requirements/*.txt (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 pyproject.toml -o requirements/runtime.txt
	uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 --extra dev -c requirements/runtime.txt pyproject.toml -o requirements/dev.txt
	uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 --group sbom -o requirements/sbom.txt
	uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 --group bench -c requirements/dev.txt pyproject.toml -o requirements/bench.txt

.PHONY: clean
clean: ## Remove the virtual environment and caches, not the built control plane
	rm -rf $(VENV) $(VENV)-* .mypy_cache .pytest_cache .coverage* .ruff_cache .import_linter_cache .hypothesis build dist
