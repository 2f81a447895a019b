/* By libcurl: HTTP and HTTPS, redirects to them only, proxies by libcurl's environment variables, certificates checked. It is loaded when
 * something is fetched: it brings two dozen libraries along, which would double the time in which any command starts, and a program
 * that fetches nothing does not need it. */
#include "base/library.h"
#include "base/memory.h"
#include "data/fetch/fetch_steps.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The macros of curl.h check types of arguments by these names. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

#define CURL_FUNCTIONS(each)                                                                                           \
    each(easy_cleanup) each(easy_getinfo) each(easy_header) each(easy_init) each(easy_perform) each(easy_setopt)       \
        each(easy_strerror) each(global_init) each(slist_append) each(slist_free_all)

#define POINTER(name) __typeof__(curl_##name) *name;
static struct { CURL_FUNCTIONS(POINTER) } lib;
#undef POINTER
static Library library = {.name = "libcurl.so.4"};

static void load(void) {
    library_load(&library);
#define FIND(function) lib.function = (__typeof__(lib.function))library_find(&library, "curl_" #function, "7.85");
    CURL_FUNCTIONS(FIND)
#undef FIND
    const CURLcode result = library.fault[0] ? CURLE_OK : lib.global_init(CURL_GLOBAL_DEFAULT);
    if (result) snprintf(library.fault, sizeof library.fault, "cannot be used: %.200s", lib.easy_strerror(result));
}

enum { MOST_REDIRECTS = 5, LONGEST_CONNECT = 15 };

/* A transfer under way. */
typedef struct Session {
    Transfer *t;
    CURL *curl;
    struct curl_slist *headers;
    char error[CURL_ERROR_SIZE];
    bool begun, interrupted; /* the answer's head was looked at; the caller wants to stop */
    uint64_t total;          /* of the whole file, 0: not told */
    TransferEnd refusal;     /* with `refused` filled in: why the answer was not taken */
    char refused[160];
    cf_status disk; /* what failed beside the network */
} Session;

static void session_end(Session *s) {
    lib.slist_free_all(s->headers);
    lib.easy_cleanup(s->curl);
}

static long response_code(const Session *s) {
    long code = 0;
    lib.easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

/* A header of the last answer, redirects left behind; NULL: not there. */
static const char *header(const Session *s, const char *name) {
    struct curl_header *found;
    return lib.easy_header(s->curl, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK ? found->value : NULL;
}

static const struct {
    long code;
    const char *text;
} known_codes[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {410, "Gone"},
    {416, "Range Not Satisfiable"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

static const char *code_text(long code) {
    for (size_t i = 0; i < COUNT_OF(known_codes); i++)
        if (known_codes[i].code == code) return known_codes[i].text;
    return "(an answer without the file)";
}

/* ---- The head of the answer ---- */

__attribute__((format(printf, 3, 4))) static bool refuse(Session *s, TransferEnd end, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s->refused, sizeof s->refused, format, arguments);
    va_end(arguments);
    s->refusal = end;
    return false;
}

/* A strong ETag, or else the date: what If-Range may hold (RFC 9110, 13.1.5). */
static void keep_validator(Session *s) {
    const char *tag = header(s, "ETag"), *date = header(s, "Last-Modified");
    const char *kept = tag && tag[0] == '"' ? tag : date ? date : "";
    snprintf(s->t->validator, VALIDATOR, "%s", strlen(kept) < VALIDATOR ? kept : "");
}

/* 206: whether it goes on where the file ends. */
static bool begin_part(Session *s) {
    const Transfer *t = s->t;
    const char *range = header(s, "Content-Range");
    uint64_t first = 0, last = 0, total = 0;
    if (!t->size) return refuse(s, TRANSFER_REFUSED, "a part of the file was sent when all of it was asked for");
    if (!range || sscanf(range, "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64, &first, &last, &total) < 2)
        return refuse(s, TRANSFER_OTHER, "a part was sent without saying which");
    if (first != t->size)
        return refuse(s, TRANSFER_OTHER, "byte %" PRIu64 " and on were asked for, %" PRIu64 " and on were sent",
                      t->size, first);
    s->total = total;
    return true;
}

/* 200: all of it. A page that something on the way has put in its place must not cost what is there. */
static bool begin_whole(Session *s) {
    curl_off_t length = -1;
    const char *type = header(s, "Content-Type");
    if (s->t->size && type && strncmp(type, "text/html", 9) == 0)
        return refuse(s, TRANSFER_REFUSED, "a web page was sent, not the file");
    lib.easy_getinfo(s->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    s->total = length > 0 ? (uint64_t)length : 0;
    return true;
}

/* Rather no byte than a full disk. */
static bool check_room(Session *s) {
    const Transfer *t = s->t;
    struct statvfs disk;
    if (!s->total || s->total <= t->size || fstatvfs(t->descriptor, &disk) != 0) return true;
    const uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize, wanted = s->total - t->size;
    if (room >= wanted) return true;
    s->disk = FAIL(CF_IO,
                   "cannot write %s: %" PRIu64 " more bytes are to come, the disk has room for %" PRIu64
                   "; make room, or choose another folder with --data-dir",
                   t->path, wanted, room);
    return false;
}

static bool throw_away(Session *s) {
    Transfer *t = s->t;
    t->continued = false;
    if (t->size && ftruncate(t->descriptor, 0) != 0) {
        s->disk = FAIL(CF_IO, "cannot write %s: %s", t->path, strerror(errno));
        return false;
    }
    t->size = 0;
    return true;
}

/* Looks at the answer before its first byte is taken. */
static bool begin(Session *s) {
    Transfer *t = s->t;
    const long code = response_code(s);
    s->begun = true;
    if (code != 200 && code != 206) return refuse(s, TRANSFER_REFUSED, "%ld %s", code, code_text(code));
    if (!(code == 206 ? begin_part(s) : begin_whole(s))) return false;
    if (s->total > t->most || (s->total && t->exact && s->total != t->most))
        return refuse(s, code == 206 ? TRANSFER_OTHER : TRANSFER_REFUSED,
                      "the file has %" PRIu64 " bytes there; %s%" PRIu64 " were expected", s->total,
                      t->exact ? "" : "at most ", t->most);
    if (code == 200 && !throw_away(s)) return false;
    t->continued = code == 206;
    keep_validator(s);
    return check_room(s);
}

/* ---- libcurl's callbacks ---- */

static int on_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now) {
    Session *s = context;
    (void)total, (void)now, (void)up_total, (void)up_now;
    s->interrupted = s->interrupted || !fetch_goes_on(s->t->task, FETCH_TRANSFERS, s->t->size, s->total);
    return s->interrupted;
}

/* As many bytes as were taken: none, which ends the transfer. */
static size_t cannot_write(Session *s, int reason) {
    const Transfer *t = s->t;
    s->disk =
        FAIL(CF_IO, "cannot write %s: %s; the %" PRIu64 " bytes there are kept; %s same command goes on behind them",
             t->path, strerror(reason), t->size, reason == ENOSPC || reason == EDQUOT ? "make room and the" : "the");
    return 0;
}

/* Returns less than it was given to end the transfer. */
static size_t on_bytes(char *bytes, size_t one, size_t count, void *context) {
    Session *s = context;
    Transfer *t = s->t;
    if (!s->begun && !begin(s)) return 0;
    if (count * one > t->most - t->size) {
        refuse(s, TRANSFER_REFUSED, "more than the %" PRIu64 " bytes that the file can have were sent", t->most);
        return 0;
    }
    for (size_t done = 0; done < count * one;) {
        const ssize_t written = pwrite(t->descriptor, bytes + done, count * one - done, (off_t)t->size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return cannot_write(s, written < 0 ? errno : ENOSPC);
        done += (size_t)written;
        t->size += (uint64_t)written;
    }
    return count * one;
}

/* ---- One transfer ---- */

static CURLcode set_up(Session *s) {
    const Transfer *t = s->t;
    const long stall = t->task->options->stall;
    char range[32], condition[VALIDATOR + 16];
    CURL *c = s->curl;
    CURLcode bad = CURLE_OK;
#define SET(option, value)                                                                                             \
    if (!bad) bad = lib.easy_setopt(c, option, value)
    SET(CURLOPT_ERRORBUFFER, s->error);
    SET(CURLOPT_URL, t->url);
    SET(CURLOPT_USERAGENT, "cifra/" CIFRA_VERSION);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, (long)MOST_REDIRECTS);
    SET(CURLOPT_FAILONERROR, 1L);
    SET(CURLOPT_CONNECTTIMEOUT, stall < LONGEST_CONNECT ? stall : (long)LONGEST_CONNECT);
    SET(CURLOPT_LOW_SPEED_LIMIT, (long)FETCH_SLOWEST);
    SET(CURLOPT_LOW_SPEED_TIME, stall);
    SET(CURLOPT_WRITEFUNCTION, on_bytes);
    SET(CURLOPT_WRITEDATA, s);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, s);
    if (!t->size || bad) return bad;
    /* Not CURLOPT_RESUME_FROM, which takes a server without ranges for an error. */
    snprintf(range, sizeof range, "%" PRIu64 "-", t->size);
    SET(CURLOPT_RANGE, range);
    if (!t->validator[0]) return bad;
    snprintf(condition, sizeof condition, "If-Range: %s", t->validator);
    s->headers = lib.slist_append(NULL, condition);
    if (!s->headers) return CURLE_OUT_OF_MEMORY;
    SET(CURLOPT_HTTPHEADER, s->headers);
#undef SET
    return bad;
}

static void tell_why(Session *s, const char *why) {
    Transfer *t = s->t;
    const char *end = NULL;
    long redirects = 0;
    lib.easy_getinfo(s->curl, CURLINFO_REDIRECT_COUNT, &redirects);
    lib.easy_getinfo(s->curl, CURLINFO_EFFECTIVE_URL, &end);
    const bool moved = redirects > 0 && end;
    snprintf(t->why, sizeof t->why, "%s, from %.300s%s%.160s%s", why, t->shown, moved ? " (redirected to " : "",
             moved ? end : "", moved ? ")" : "");
}

static bool breaks_off(CURLcode result) {
    return result == CURLE_PARTIAL_FILE || result == CURLE_RECV_ERROR || result == CURLE_SEND_ERROR ||
           result == CURLE_GOT_NOTHING || result == CURLE_OPERATION_TIMEDOUT || result == CURLE_HTTP2 ||
           result == CURLE_HTTP2_STREAM;
}

static cf_status answer(Session *s, CURLcode result) {
    Transfer *t = s->t;
    const long code = response_code(s);
    if (result == CURLE_OK && !s->begun && !begin(s)) result = CURLE_WRITE_ERROR; /* a body of no bytes */
    if (s->disk) return s->disk;
    FAIL_IF(s->interrupted, CF_INTERRUPTED, "stopped while %s was fetched", t->task->file->name);
    FAIL_IF(result == CURLE_OUT_OF_MEMORY, CF_NO_MEMORY, "out of memory while fetching %s", t->url);
    if (result == CURLE_OK) {
        t->end = TRANSFER_WHOLE;
        return CF_OK;
    }
    t->end = TRANSFER_REFUSED;
    if (s->refused[0]) {
        t->end = s->refusal;
        tell_why(s, s->refused);
    } else if (result == CURLE_HTTP_RETURNED_ERROR) {
        char text[80];
        if (code == 416 && t->size) t->end = TRANSFER_NO_MORE;
        snprintf(text, sizeof text, "%ld %s", code, code_text(code));
        tell_why(s, text);
    } else {
        if (s->begun && breaks_off(result)) t->end = TRANSFER_BROKEN;
        tell_why(s, s->error[0] ? s->error : lib.easy_strerror(result));
    }
    return CF_OK;
}

cf_status http_transfer(Transfer *transfer) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    FAIL_IF(library.fault[0], CF_IO, "%s %s; fetching needs it (Debian, Ubuntu: apt-get install libcurl4)",
            library.name, library.fault);
    AUTO(session_end) Session s = {.t = transfer, .curl = lib.easy_init()};
    FAIL_IF(!s.curl, CF_NO_MEMORY, "out of memory while starting libcurl");
    const CURLcode result = set_up(&s);
    FAIL_IF(result, CF_INTERNAL, "libcurl refuses its settings for %s: %s", transfer->url, lib.easy_strerror(result));
    return answer(&s, lib.easy_perform(s.curl));
}
