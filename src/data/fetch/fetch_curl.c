#include "data/fetch/fetch_curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static const char library_name[] = "libcurl.so.4";
static Curl loaded;
static char fault[300]; /* "": loaded */

static void *address_of(void *library, const char *name) {
    void *address = dlsym(library, name);
    if (!address && !fault[0]) snprintf(fault, sizeof fault, "has no %.60s (7.85 or newer expected)", name);
    return address;
}

static void load(void) {
    void *library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(fault, sizeof fault, "cannot be loaded: %.240s", dlerror());
        return;
    }
#define FIND(name) loaded.name = (__typeof__(loaded.name))address_of(library, "curl_" #name);
    CURL_FUNCTIONS(FIND)
#undef FIND
    const CURLcode result = fault[0] ? CURLE_OK : loaded.global_init(CURL_GLOBAL_DEFAULT);
    if (result) snprintf(fault, sizeof fault, "cannot be used: %.200s", loaded.easy_strerror(result));
}

cf_status curl_load(const Curl **curl) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    FAIL_IF(fault[0], CF_IO, "%s %s; fetching needs it (Debian: apt-get install libcurl4)", library_name, fault);
    *curl = &loaded;
    return CF_OK;
}
