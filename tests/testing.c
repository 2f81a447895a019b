#include "testing.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void assert_status_(cf_status got, cf_status wanted, const char *call, const char *part, const char *file, int line) {
    if (got != wanted) {
        print_error("%s: status %d, wanted %d: %s\n", call, (int)got, (int)wanted, cf_error());
        _fail(file, line);
    }
    if (part && !strstr(cf_error(), part)) {
        print_error("%s: the message \"%s\" does not hold \"%s\"\n", call, cf_error(), part);
        _fail(file, line);
    }
}

static char scratch[64];

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *walk) {
    (void)info, (void)flag, (void)walk;
    return remove(path);
}

static void remove_scratch(void) {
    nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_folder(void) {
    if (!scratch[0]) {
        snprintf(scratch, sizeof scratch, "/tmp/cifra-test-XXXXXX");
        if (!mkdtemp(scratch)) abort();
        atexit(remove_scratch);
    }
    return scratch;
}

const char *path_in(const char *folder, const char *name) {
    static char ring[8][512];
    static unsigned next;
    char *path = ring[next++ % 8];
    snprintf(path, sizeof ring[0], "%s/%s", folder, name);
    return path;
}

void write_bytes(const char *path, const void *bytes, size_t size) {
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

const char *real_data(const char *name, const char *what_is_skipped) {
    const char *folder = getenv("CIFRA_DATA");
    const char *path = path_in(folder ? folder : "/nonexistent", name);
    if (access(path, R_OK) == 0) return path;
    print_message("SKIPPED: %s (no %s in $CIFRA_DATA)\n", what_is_skipped, name);
    return NULL;
}
