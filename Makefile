# Seaway's front desk: each target sets up what it needs first. Run as root on Debian 12.

PY := .venv/bin/python

.PHONY: help setup demo test unit check clients images consul bench-attach bench-cluster chaos clean

help:            ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

setup:           ## Debian packages, .venv, Seaway in it (quick when done)
	@scripts/setup

images: setup    ## the images of demo and tests, from Debian packages
	@scripts/images

consul:          ## a Consul server for the tests, from Debian 11, where it can be had
	@scripts/consul

demo: images     ## one host, then several, end to end, with real containers and traffic
	@$(PY) demo/single_host.py
	@$(PY) demo/cluster.py

test: images consul ## the whole test suite
	@$(PY) -m pytest

unit: setup      ## the tests that need no root, in seconds
	@$(PY) -m pytest tests/unit tests/golden tests/house

check: setup     ## style, types, import arrows, sizes
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PY) -m pytest tests/house

clients: images  ## docker-py (TESTS=its folder), aiodocker and docker compose against Seaway
	@$(PY) tests/clients/run.py $(if $(TESTS),--docker-py $(TESTS))

bench-attach: images ## what a container's networking costs, beside Docker, podman and CNI
	@scripts/setup peers
	@$(PY) bench/attach.py
	@$(PY) bench/names.py

bench-cluster: images ## what a cluster costs: etcd, kernel, reachability, beside Docker
	@scripts/setup peers
	@$(PY) bench/cluster.py

chaos: images    ## ten minutes of chaos on three hosts (SEED=…, STORE=etcd|consul|zookeeper)
	@$(PY) -m tests.cluster.chaos --minutes 10 --seed $(or $(SEED),2026) --store $(or $(STORE),etcd) --out bench/results/chaos

clean:           ## everything that make setup and make images made inside this folder
	rm -rf .venv build .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis
