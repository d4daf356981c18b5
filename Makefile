.DEFAULT_GOAL := help
.PHONY: help run test check fix bench

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1  \2/p' Makefile

run: ## everything on this machine: http://127.0.0.1:8000, demo company and a played shift on an empty database
	@./bootstrap.sh run
	@exec .venv/bin/qixun serve --demo

test: ## all checks and tests, with what they need installed (what CI runs)
	@./bootstrap.sh test
	@$(MAKE) --no-print-directory check
	@exec .venv/bin/pytest --numprocesses 2 --dist loadfile --durations 80 --durations-min 2

check: ## format, lint, types, import contracts, compose file
	@test -x .venv/bin/ruff || ./bootstrap.sh test
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

fix: ## format, and mend what the linter can
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

bench: ## figures as ratios against a peer in the same run
	@./bootstrap.sh test
	@.venv/bin/qixun bench sync
	@.venv/bin/qixun bench cylinders
