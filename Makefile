# The short way in; CMake does the work. `make` builds build/cifra, `make check` tests, `make study` does the study at quick scale.
MAKEFLAGS += --no-print-directory
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)

CONFIGURE = cmake -S . -B $(BUILD) -DCMAKE_INSTALL_PREFIX=$(PREFIX) -DCMAKE_INSTALL_LIBDIR=lib --log-level=WARNING

# Of the long checks: how long each fuzz target runs, how often trainings are killed (tunes and studies a tenth of that).
FUZZ_SECONDS ?= 1800
KILLS ?= 1000

.PHONY: all check study install format clean deps check-asan check-tsan check-valgrind check-fresh check-processors check-long
# One target after the other, whatever -j says: all would install packages and build in the same folder. JOBS is for what is built.
.NOTPARALLEL:
# CMake writes this file once a folder is configured to the end; CMakeCache.txt is there after a failure, too.
CONFIGURED = $(BUILD)/cmake_install.cmake

all: deps $(CONFIGURED)
	@cmake --build $(BUILD) -j $(JOBS) --target cifra cifra_static cifra_shared man

deps:
	@scripts/install-deps.sh build

$(CONFIGURED): | deps
	@$(CONFIGURE) -DBUILD_TESTING=OFF

check:
	@scripts/install-deps.sh check
	@$(CONFIGURE) -DBUILD_TESTING=ON
	@cmake --build $(BUILD) -j $(JOBS)
	@ctest --test-dir $(BUILD) --output-on-failure --no-tests=error
	@grep -h '^SKIPPED' $(BUILD)/Testing/Temporary/LastTest.log || true

# The long checks; docs/design.md says what each finds, and what it passes over.
check-asan: BUILD = build-asan
check-asan: SANITIZE = address,undefined,float-cast-overflow
check-asan: SELECT = -LE plain
check-tsan: BUILD = build-tsan
check-tsan: SANITIZE = thread
check-tsan: SELECT = -L threads
check-asan check-tsan:
	@scripts/install-deps.sh check
	@$(CONFIGURE) -DBUILD_TESTING=ON -DCIFRA_SANITIZE=$(SANITIZE)
	@cmake --build $(BUILD) -j $(JOBS)
	@ctest --test-dir $(BUILD) --output-on-failure --no-tests=error $(SELECT)

check-valgrind: all
	@scripts/install-deps.sh long
	@tests/sanitizers/valgrind.sh $(BUILD)

# README's commands on a bare Debian; 77: skipped, with its reason.
check-fresh:
	@for suite in bookworm trixie; do scripts/fresh.sh $$suite || [ $$? = 77 ] || exit 1; done

# x86-64 without AVX2, and ARM, emulated; 77 likewise.
check-processors: all
	@JOBS=$(JOBS) scripts/other-processors.sh $(BUILD) build-aarch64 || [ $$? = 77 ]

check-long: check check-fresh check-processors check-asan check-tsan check-valgrind
	@scripts/install-deps.sh long
	@CIFRA_EVERY_ALLOCATION=1 ctest --test-dir $(BUILD) -R '^test_failing' --output-on-failure --no-tests=error
	@tests/long/kill_train.sh $(BUILD)/cifra $(KILLS)
	@tests/long/kill_tune_study.sh $(BUILD)/cifra $$(($(KILLS) / 10))
	@tests/long/ranks.sh $(BUILD)/cifra
	@tests/long/load_in_pytorch.sh $(BUILD)/cifra
	@tests/long/run_in_onnxruntime.sh $(BUILD)/tests/onnx_network
	@tests/long/exported_c.sh $(BUILD)
	@scripts/fuzz.sh build-fuzz $(FUZZ_SECONDS)

study: all
	@$(BUILD)/cifra study --profile quick

install: all
	@DESTDIR="$(DESTDIR)" cmake --install $(BUILD) --prefix $(PREFIX)

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	@rm -rf $(BUILD) build-asan build-tsan build-aarch64
