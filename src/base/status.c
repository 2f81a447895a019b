/* The message of a failure lives in a fixed per-thread buffer: reporting "out of memory" must not allocate. What it quotes may
 * be from anywhere, so control characters are replaced. */
#include "base/status.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char message[2048];
static cf_notice_fn notice_handler;
static void *notice_context;

static bool tracing(void) {
    return getenv("CIFRA_TRACE") != NULL;
}

static void append_place(const char *file, int line) {
    size_t used = strlen(message);
    snprintf(message + used, sizeof message - used, "\n  at %s:%d", file, line);
}

cf_status status_fail(cf_status code, const char *file, int line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    text_replace_controls(message);
    if (tracing()) append_place(file, line);
    return code;
}

cf_status status_pass(cf_status code, const char *file, int line) {
    if (tracing()) append_place(file, line);
    return code;
}

cf_status status_prefix(cf_status code, const char *format, ...) {
    char rest[sizeof message];
    va_list arguments;
    memcpy(rest, message, sizeof rest);
    va_start(arguments, format);
    int used = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (used >= 0 && (size_t)used < sizeof message)
        snprintf(message + used, sizeof message - (size_t)used, ": %s", rest);
    text_replace_controls(message);
    return code;
}

void status_set_message(const char *text) {
    snprintf(message, sizeof message, "%s", text);
}

void status_clear(void) {
    message[0] = '\0';
}

const char *cf_error(void) {
    return message;
}

const char *cf_version(void) {
    return CIFRA_VERSION;
}

void cf_set_notice_handler(cf_notice_fn handler, void *context) {
    notice_handler = handler;
    notice_context = context;
}

void notice(const char *format, ...) {
    char text[1024];
    va_list arguments;
    if (!notice_handler) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    text_replace_controls(text);
    notice_handler(text, notice_context);
}
