#include "base/library.h"

#include <dlfcn.h>
#include <stdio.h>

void library_load(Library *library) {
    library->handle = dlopen(library->name, RTLD_NOW | (library->global ? RTLD_GLOBAL : RTLD_LOCAL));
    if (!library->handle) snprintf(library->fault, sizeof library->fault, "cannot be loaded: %.240s", dlerror());
}

void *library_find(Library *library, const char *function, const char *expected) {
    if (!library->handle) return NULL;
    void *address = dlsym(library->handle, function);
    if (!address && !library->fault[0])
        snprintf(library->fault, sizeof library->fault, "has no %.60s (%s or newer expected)", function, expected);
    return address;
}
