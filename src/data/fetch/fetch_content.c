#include "data/fetch/fetch_steps.h"

#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { PIECE = 1 << 16, GZIP_WINDOW = 15 + 16 };

/* A file being read: its bytes as they are, and its content as far as it is unpacked. */
typedef struct Reading {
    const char *path;
    const FetchTask *task;
    ContentCheck *check;
    bool judged; /* *check has the answer */
    int descriptor;
    EVP_MD_CTX *digest;
    uint64_t content; /* bytes */
    unsigned char in[PIECE], out[PIECE];
    uint64_t read, file_size;
} Reading;

static void reading_free(Reading *r) {
    if (!r) return;
    if (r->descriptor >= 0) close(r->descriptor);
    EVP_MD_CTX_free(r->digest);
    free(r);
}

AUTO_HANDLE(Reading, reading_free)

static bool is_sha256(const FetchFile *file) {
    return file->sha256[0] != '\0';
}

__attribute__((format(printf, 2, 3))) static cf_status judge_wrong(Reading *r, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r->check->why, sizeof r->check->why, format, arguments);
    va_end(arguments);
    r->judged = true;
    return CF_OK;
}

static cf_status read_piece(Reading *r, size_t *got) {
    FAIL_IF(!fetch_goes_on(r->task, FETCH_VERIFIES, r->read, r->file_size), CF_INTERRUPTED,
            "stopped while %s was verified", r->path);
    ssize_t count;
    do count = read(r->descriptor, r->in, sizeof r->in);
    while (count < 0 && errno == EINTR);
    FAIL_IF(count < 0, CF_IO, "cannot read %s: %s", r->path, strerror(errno));
    *got = (size_t)count;
    r->read += *got;
    return CF_OK;
}

static cf_status add_content(Reading *r, const unsigned char *bytes, size_t size, const char *does) {
    r->content += size;
    if (r->content > r->task->file->size)
        return judge_wrong(r, "it %s more than the %llu bytes that were expected", does,
                           (unsigned long long)r->task->file->size);
    FAIL_IF(EVP_DigestUpdate(r->digest, bytes, size) != 1, CF_INTERNAL, "a checksum failed in libcrypto");
    return CF_OK;
}

/* All of the content was there: its size and checksum decide. */
static cf_status judge_checksum(Reading *r, ContentKind right) {
    const FetchFile *file = r->task->file;
    const char *expected = is_sha256(file) ? file->sha256 : file->md5;
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned length = 0;
    if (r->content != file->size)
        return judge_wrong(r, "it ends after %llu bytes of content; %llu were expected", (unsigned long long)r->content,
                           (unsigned long long)file->size);
    FAIL_IF(EVP_DigestFinal_ex(r->digest, digest, &length) != 1, CF_INTERNAL, "a checksum failed in libcrypto");
    for (unsigned i = 0; i < length; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    if (strcmp(hex, expected) != 0)
        return judge_wrong(r, "its content has %s %.16s.., not %.16s..", is_sha256(file) ? "SHA-256" : "MD5", hex,
                           expected);
    r->check->kind = right;
    return CF_OK;
}

/* Unpacks what is in `in`. *ended: a member of the gzip file is complete. */
static cf_status unpack_piece(Reading *r, z_stream *z, bool *ended) {
    while (z->avail_in > 0 && !r->judged) {
        z->next_out = r->out;
        z->avail_out = sizeof r->out;
        const int result = inflate(z, Z_NO_FLUSH);
        FAIL_IF(result == Z_MEM_ERROR, CF_NO_MEMORY, "out of memory while unpacking %s", r->path);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return judge_wrong(r, "its gzip data are damaged: %s", z->msg ? z->msg : "no reason given");
        FORWARD(add_content(r, r->out, sizeof r->out - z->avail_out, "unpacks to"));
        *ended = result == Z_STREAM_END;
        FAIL_IF(*ended && inflateReset(z) != Z_OK, CF_INTERNAL, "zlib could not begin anew");
    }
    return CF_OK;
}

static void end_inflate(z_stream *z) {
    inflateEnd(z);
}

static cf_status check_packed(Reading *r, size_t got) {
    AUTO(end_inflate) z_stream z = {0};
    bool ended = false;
    FAIL_IF(inflateInit2(&z, GZIP_WINDOW) != Z_OK, CF_NO_MEMORY, "out of memory while unpacking %s", r->path);
    while (got) {
        z.next_in = r->in;
        z.avail_in = (unsigned)got;
        FORWARD(unpack_piece(r, &z, &ended));
        if (r->judged) return CF_OK;
        FORWARD(read_piece(r, &got));
    }
    if (!ended)
        return judge_wrong(r, "it is truncated: its gzip data end early, after %llu bytes of content",
                           (unsigned long long)r->content);
    return judge_checksum(r, CONTENT_AS_NAMED);
}

static cf_status check_plain(Reading *r, size_t got, ContentKind right) {
    if (got && r->in[0] == '<' && r->file_size != r->task->file->size)
        return judge_wrong(r, "it is a web page, not the file; something on the way may have answered in its place");
    while (got) {
        FORWARD(add_content(r, r->in, got, "has"));
        if (r->judged) return CF_OK;
        FORWARD(read_piece(r, &got));
    }
    return judge_checksum(r, right);
}

cf_status content_check(const char *path, const FetchTask *task, ContentCheck *check) {
    AUTO(reading_free_at) Reading *r = NULL;
    const bool named = fetch_is_packed(task->file->name), sha256 = is_sha256(task->file);
    struct stat info;
    size_t got;
    *check = (ContentCheck){.kind = CONTENT_WRONG};
    FORWARD(memory_new(1, sizeof *r, &r));
    r->path = path;
    r->task = task;
    r->check = check;
    r->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FAIL_IF(r->descriptor < 0, CF_IO, "cannot open %s: %s", path, strerror(errno));
    FAIL_IF(fstat(r->descriptor, &info) != 0, CF_IO, "cannot read %s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode)) return judge_wrong(r, "it is not a file");
    r->file_size = (uint64_t)info.st_size;
    r->digest = EVP_MD_CTX_new();
    FAIL_IF(!r->digest || EVP_DigestInit_ex(r->digest, sha256 ? EVP_sha256() : EVP_md5(), NULL) != 1, CF_INTERNAL,
            "%s is not available from libcrypto", sha256 ? "SHA-256" : "MD5");
    FORWARD(read_piece(r, &got));
    if (named && got >= 2 && r->in[0] == 0x1f && r->in[1] == 0x8b) return check_packed(r, got);
    return check_plain(r, got, named ? CONTENT_UNPACKED : CONTENT_AS_NAMED);
}

/* ---- The record ---- */

enum { RECORD = 256 };

/* Size and time of change stand for the bytes, as in make; the checksum, for what they were held against. */
static bool record_text(const char *path, const FetchFile *file, char text[RECORD]) {
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) return false;
    snprintf(text, RECORD, "cifra verified 1: size %lld, changed %lld.%09ld, content %s %s\n", (long long)info.st_size,
             (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec, is_sha256(file) ? "sha256" : "md5",
             is_sha256(file) ? file->sha256 : file->md5);
    return true;
}

static cf_status record_path(const char *path, char **record) {
    return memory_print(record, "%s.verified", path);
}

bool content_is_recorded(const char *path, const FetchFile *file) {
    char expected[RECORD], found[RECORD] = "";
    AUTO_FREE char *record = NULL;
    if (!record_text(path, file, expected) || record_path(path, &record)) return false;
    AUTO(file_close) FILE *stream = fopen(record, "r");
    if (!stream) return false;
    found[fread(found, 1, sizeof found - 1, stream)] = '\0';
    return strcmp(found, expected) == 0;
}

void content_record(const char *path, const FetchFile *file) {
    char text[RECORD];
    AUTO_FREE char *record = NULL;
    if (!record_text(path, file, text) || record_path(path, &record)) return;
    if (file_write(record, text, strlen(text))) status_clear();
}

void content_remove(const char *path) {
    AUTO_FREE char *record = NULL;
    unlink(path);
    if (!record_path(path, &record)) unlink(record);
}
