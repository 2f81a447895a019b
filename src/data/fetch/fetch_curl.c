#include "data/fetch/fetch_curl.h"

#include "base/library.h"

#include <pthread.h>
#include <stdio.h>

static Library library = {.name = "libcurl.so.4"};
static Curl loaded;

static void load(void) {
    library_load(&library);
#define FIND(function) loaded.function = (__typeof__(loaded.function))library_find(&library, "curl_" #function, "7.85");
    CURL_FUNCTIONS(FIND)
#undef FIND
    const CURLcode result = library.fault[0] ? CURLE_OK : loaded.global_init(CURL_GLOBAL_DEFAULT);
    if (result) snprintf(library.fault, sizeof library.fault, "cannot be used: %.200s", loaded.easy_strerror(result));
}

cf_status curl_load(const Curl **curl) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    FAIL_IF(library.fault[0], CF_IO, "%s %s; fetching needs it (Debian, Ubuntu: apt-get install libcurl4)",
            library.name, library.fault);
    *curl = &loaded;
    return CF_OK;
}
