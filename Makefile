# The short way in; CMake does the work. `make` builds build/cifra, `make check` tests, `make study` does the study at quick scale.
MAKEFLAGS += --no-print-directory
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)

CONFIGURE = cmake -S . -B $(BUILD) -DCMAKE_INSTALL_PREFIX=$(PREFIX) -DCMAKE_INSTALL_LIBDIR=lib --log-level=WARNING

.PHONY: all check study install format clean deps
all: deps $(BUILD)/CMakeCache.txt
	@cmake --build $(BUILD) -j $(JOBS) --target cifra cifra_static cifra_shared man

deps:
	@scripts/install-deps.sh build

$(BUILD)/CMakeCache.txt:
	@$(CONFIGURE) -DBUILD_TESTING=OFF

check:
	@scripts/install-deps.sh check
	@$(CONFIGURE) -DBUILD_TESTING=ON
	@cmake --build $(BUILD) -j $(JOBS)
	@ctest --test-dir $(BUILD) --output-on-failure --no-tests=error
	@grep -h '^SKIPPED' $(BUILD)/Testing/Temporary/LastTest.log || true

study: all
	@$(BUILD)/cifra study --profile quick

install: all
	@DESTDIR="$(DESTDIR)" cmake --install $(BUILD) --prefix $(PREFIX)

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	@rm -rf $(BUILD)
