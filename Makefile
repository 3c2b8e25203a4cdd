# The two commands: `make verify` and `make test`. Both install what is missing (or say what to install) and build.
.PHONY: verify test build prerequisites bench python-tests heavy

FELICE := target/release/felice

VERIFY = $(FELICE) verify --output results.h5 --report report.html && \
	echo "results: $(CURDIR)/results.h5   report: $(CURDIR)/report.html"

verify: build
	$(VERIFY)

# The tests' own build makes the binary too: with it alone first, its libraries would be compiled once without the tests'
# features and once with them.
test: prerequisites
	cargo test --release --workspace --no-run
	$(VERIFY)
	cargo test --release --workspace
	tests/python/run

build: prerequisites
	cargo build --release --bin felice

prerequisites:
	@.ci/prerequisites

# h5py, xarray and h5netcdf read the files (an environment of their own under target/).
python-tests: build
	tests/python/run

# Minutes to hours: every law with 100,000 cases, 10,000 mismatched circuits, long kill tests.
heavy: prerequisites
	FELICE_HEAVY=1 FELICE_PROPTEST_CASES=100000 cargo test --release --workspace

bench: build
	cargo bench --workspace
