# The two commands: `make verify` and `make test`. Both install what is missing (or say what to install) and build.
.PHONY: verify test build prerequisites bench python-tests heavy

FELICE := target/release/felice

verify: build
	$(FELICE) verify --output results.h5 --report report.html
	@echo "results: $(CURDIR)/results.h5   report: $(CURDIR)/report.html"

test: verify
	cargo test --release --workspace
	$(MAKE) python-tests

build: prerequisites
	cargo build --release --bin felice

prerequisites:
	@.ci/prerequisites

# h5py, xarray and h5netcdf read the files (an environment of their own under target/).
python-tests: build
	tests/python/run

# Minutes to hours: every law with 100,000 cases, 10,000 mismatched circuits, long kill tests.
heavy: build
	FELICE_HEAVY=1 FELICE_PROPTEST_CASES=100000 cargo test --release --workspace

bench: build
	cargo bench --workspace
