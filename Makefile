# What developers and operators type. Each target does its own set-up and is quick when nothing
# has changed; how is written in scripts/.

.PHONY: run test faults build lint bench fuzz pictures clean fresh

run: build
	@exec .venv/bin/tertulia serve

test:
	@scripts/prepare test
	@scripts/test

# Breaks a real server in every way of tests/faults and holds it to its figures (about 5 minutes;
# `make test` runs a lean choice with slack).
faults:
	@scripts/prepare test
	@scripts/faults

build:
	@scripts/setup run
	@scripts/build

lint:
	@scripts/prepare test
	@scripts/lint

bench:
	@scripts/prepare bench
	@scripts/bench

# Almost right bytes into every parser of the packet engine and into the signalling core,
# FUZZ_SECONDS (60) for each target.
fuzz:
	@scripts/setup test
	@scripts/fuzz

# The pictures of the documents, made anew from meetings of illustrated people.
pictures:
	@scripts/prepare test
	@scripts/pictures

# Proves the two commands of the README in a minimal Debian 12 (needs root and debootstrap).
fresh:
	@scripts/check-fresh

clean:
	rm -rf .venv build dist engine/target webclient/node_modules src/tertulia/web/static \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/output
	find src -name '*.so' -delete
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
