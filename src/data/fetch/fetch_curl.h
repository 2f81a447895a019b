/* libcurl, loaded when something is fetched: it brings two dozen libraries along, which would double the time in which any
 * command starts, and a program that fetches nothing does not need it. */
#pragma once

#include "base/status.h"

#include <curl/curl.h>

/* The macros of curl.h check types of arguments by these names. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

#define CURL_FUNCTIONS(each)                                                                                           \
    each(easy_cleanup) each(easy_getinfo) each(easy_header) each(easy_init) each(easy_perform) each(easy_setopt)       \
        each(easy_strerror) each(global_init) each(slist_append) each(slist_free_all)

#define CURL_POINTER(name) __typeof__(curl_##name) *name;
typedef struct Curl {
    CURL_FUNCTIONS(CURL_POINTER)
} Curl;
#undef CURL_POINTER

/* Loaded and initialized once for the process; its own. CF_IO where there is none. */
cf_status curl_load(const Curl **curl);
