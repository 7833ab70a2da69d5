PY := .venv/bin/python
.PHONY: serve test check eval bench clean

serve: .venv/.installed ; $(PY) -m openta_server
test: .venv/.installed-dev ; $(PY) -m pytest
check: .venv/.installed-dev ; $(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy
eval: .venv/.installed-dev ; $(PY) agents/eval/evaluate.py
bench: .venv/.installed-bench ; $(PY) -m benchmarks
clean: ; rm -rf .venv

.venv/bin/python:
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "OpenTA needs Python 3.11 or later")'
	python3 -m venv .venv || { echo "python3 has no venv module: install it (on Debian: python3-venv)"; rm -rf .venv; exit 1; }
	$(PY) -m pip install --quiet --upgrade pip -c constraints.txt
.venv/.installed: .venv/bin/python constraints.txt pyproject.toml agents/pyproject.toml server/pyproject.toml
	$(PY) -m pip install --quiet -e . -e agents -e server -c constraints.txt
	touch $@
.venv/.installed-dev: .venv/.installed
	$(PY) -m pip install --quiet -e '.[cli]' --group dev -c constraints.txt
	touch $@
.venv/.installed-bench: .venv/.installed-dev
	$(PY) -m pip install --quiet --group bench -c constraints.txt
	touch $@
