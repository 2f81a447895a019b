/* Statuses and messages.
 *
 * Every fallible function returns a cf_status. The function that finds the fault writes the message once (what was
 * expected, what was found, where, what to do); callers forward. The message is kept per thread; slices.h carries it
 * from a worker to the caller. With $CIFRA_TRACE set, the source lines that forwarded it are appended.
 */
#pragma once

#include "cifra.h"

/* Records the message and returns `code`. */
cf_status status_fail(cf_status code, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Records that `code` passed here, and returns it. */
cf_status status_pass(cf_status code, const char *file, int line);
/* Puts "text: " before the recorded message: for callers that know the file or the option it is about. */
cf_status status_prefix(cf_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Replaces this thread's message, as slices_run does with a worker's. */
void status_set_message(const char *message);
void status_clear(void);

#define FAIL(code, ...) status_fail((code), __FILE__, __LINE__, __VA_ARGS__)
#define FAIL_IF(condition, code, ...)                                                                                  \
    do {                                                                                                               \
        if (condition) return FAIL((code), __VA_ARGS__);                                                               \
    } while (0)
#define FORWARD(call)                                                                                                  \
    do {                                                                                                               \
        cf_status forwarded_ = (call);                                                                                 \
        if (forwarded_) return status_pass(forwarded_, __FILE__, __LINE__);                                            \
    } while (0)

/* Says something through the caller's notice handler (cf_set_notice_handler). */
void notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
