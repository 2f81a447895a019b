/* What the tests share: cmocka in its required order, a scratch folder, real data, small comparisons. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cifra.h"

/* Fails the test with the library's own message. */
#define assert_ok(call) assert_status_((call), CF_OK, #call, NULL, __FILE__, __LINE__)
/* The call must fail with `code` and a message that holds `part`. */
#define assert_fails(call, code, part) assert_status_((call), (code), #call, (part), __FILE__, __LINE__)
void assert_status_(cf_status got, cf_status wanted, const char *call, const char *part, const char *file, int line);

/* A new empty folder, removed at exit; the string lives until then. */
const char *scratch_folder(void);
/* "folder/name" in a ring of eight buffers. */
const char *path_in(const char *folder, const char *name);
void write_bytes(const char *path, const void *bytes, size_t size);

/* The path of real data below $CIFRA_DATA, or NULL after saying what is skipped. */
const char *real_data(const char *name, const char *what_is_skipped);
