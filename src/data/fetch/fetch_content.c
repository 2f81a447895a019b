#include "data/fetch/fetch_content.h"

#include "base/files.h"
#include "base/memory.h"

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
    int descriptor;
    EVP_MD_CTX *digest;
    ContentCheck *check;
    uint64_t content; /* bytes */
    unsigned char in[PIECE], out[PIECE];
    uint64_t read, file_size;
} Reading;

static bool is_sha256(const FetchFile *file) {
    return file->sha256[0] != '\0';
}

static cf_status wrong(ContentCheck *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
static cf_status wrong(ContentCheck *check, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(check->why, sizeof check->why, format, arguments);
    va_end(arguments);
    check->kind = CONTENT_WRONG;
    return CF_OK;
}

static cf_status read_piece(Reading *r, size_t *got) {
    const FetchOptions *o = r->check->options;
    const FetchProgress progress = {r->check->set, r->check->file, FETCH_VERIFIES, r->read, r->file_size};
    FAIL_IF(o->progress && !o->progress(&progress, o->context), CF_INTERRUPTED, "stopped while %s was verified",
            r->path);
    ssize_t count;
    do count = read(r->descriptor, r->in, sizeof r->in);
    while (count < 0 && errno == EINTR);
    FAIL_IF(count < 0, CF_IO, "cannot read %s: %s", r->path, strerror(errno));
    *got = (size_t)count;
    r->read += *got;
    return CF_OK;
}

/* false: the content is longer than it should be. */
static bool take(Reading *r, const unsigned char *bytes, size_t size, bool *failed) {
    r->content += size;
    if (r->content > r->check->file->size) return false;
    if (EVP_DigestUpdate(r->digest, bytes, size) != 1) *failed = true;
    return true;
}

/* All of the content has been taken: its size and checksum decide. */
static cf_status judge(Reading *r, ContentKind right) {
    const FetchFile *file = r->check->file;
    const char *expected = is_sha256(file) ? file->sha256 : file->md5;
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned length = 0;
    if (r->content != file->size)
        return wrong(r->check, "it ends after %llu bytes of content; %llu were expected",
                     (unsigned long long)r->content, (unsigned long long)file->size);
    FAIL_IF(EVP_DigestFinal_ex(r->digest, digest, &length) != 1, CF_INTERNAL, "a checksum failed in libcrypto");
    for (unsigned i = 0; i < length; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    if (strcmp(hex, expected) != 0)
        return wrong(r->check, "its content has %s %.16s.., not %.16s..", is_sha256(file) ? "SHA-256" : "MD5", hex,
                     expected);
    r->check->kind = right;
    return CF_OK;
}

/* Unpacks what is in `in` and takes it. *ended: a member of the gzip file is complete. */
static cf_status unpack_piece(Reading *r, z_stream *z, bool *ended, bool *go_on) {
    bool failed = false;
    while (z->avail_in > 0) {
        z->next_out = r->out;
        z->avail_out = sizeof r->out;
        const int result = inflate(z, Z_NO_FLUSH);
        FAIL_IF(result == Z_MEM_ERROR, CF_NO_MEMORY, "out of memory while unpacking %s", r->path);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
            *go_on = false;
            return wrong(r->check, "its gzip data are damaged: %s", z->msg ? z->msg : "no reason given");
        }
        if (!take(r, r->out, sizeof r->out - z->avail_out, &failed)) {
            *go_on = false;
            return wrong(r->check, "it unpacks to more than the %llu bytes that were expected",
                         (unsigned long long)r->check->file->size);
        }
        FAIL_IF(failed, CF_INTERNAL, "a checksum failed in libcrypto");
        *ended = result == Z_STREAM_END;
        if (*ended && inflateReset(z) != Z_OK) return FAIL(CF_INTERNAL, "zlib could not begin anew");
    }
    return CF_OK;
}

static cf_status check_packed(Reading *r, size_t got) {
    z_stream z = {0};
    bool ended = false, go_on = true;
    FAIL_IF(inflateInit2(&z, GZIP_WINDOW) != Z_OK, CF_NO_MEMORY, "out of memory while unpacking %s", r->path);
    cf_status status = CF_OK;
    while (got && go_on && !status) {
        z.next_in = r->in;
        z.avail_in = (unsigned)got;
        status = unpack_piece(r, &z, &ended, &go_on);
        if (!status && go_on) status = read_piece(r, &got);
    }
    inflateEnd(&z);
    if (status || !go_on) return status;
    if (!ended)
        return wrong(r->check, "it is truncated: its gzip data end early, after %llu bytes of content",
                     (unsigned long long)r->content);
    return judge(r, CONTENT_AS_NAMED);
}

static cf_status check_plain(Reading *r, size_t got, ContentKind right) {
    bool failed = false;
    if (got && r->in[0] == '<' && r->file_size != r->check->file->size)
        return wrong(r->check, "it is a web page, not the file; something on the way may have answered in its place");
    for (; got;) {
        if (!take(r, r->in, got, &failed))
            return wrong(r->check, "it has more than the %llu bytes that were expected",
                         (unsigned long long)r->check->file->size);
        FAIL_IF(failed, CF_INTERNAL, "a checksum failed in libcrypto");
        FORWARD(read_piece(r, &got));
    }
    return judge(r, right);
}

static cf_status check_open(Reading *r) {
    struct stat info;
    size_t got;
    FAIL_IF(fstat(r->descriptor, &info) != 0, CF_IO, "cannot read %s: %s", r->path, strerror(errno));
    if (!S_ISREG(info.st_mode)) return wrong(r->check, "it is not a file");
    r->file_size = (uint64_t)info.st_size;
    r->digest = EVP_MD_CTX_new();
    FAIL_IF(!r->digest || EVP_DigestInit_ex(r->digest, is_sha256(r->check->file) ? EVP_sha256() : EVP_md5(), NULL) != 1,
            CF_INTERNAL, "%s is not available from libcrypto", is_sha256(r->check->file) ? "SHA-256" : "MD5");
    FORWARD(read_piece(r, &got));
    const bool named = fetch_is_packed(r->check->file->name);
    if (named && got >= 2 && r->in[0] == 0x1f && r->in[1] == 0x8b) return check_packed(r, got);
    return check_plain(r, got, named ? CONTENT_UNPACKED : CONTENT_AS_NAMED);
}

cf_status content_check(const char *path, ContentCheck *check) {
    Reading *r;
    check->kind = CONTENT_WRONG;
    check->why[0] = '\0';
    FORWARD(memory_new(1, sizeof *r, &r));
    r->path = path;
    r->check = check;
    r->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    cf_status status = r->descriptor < 0 ? FAIL(CF_IO, "cannot open %s: %s", path, strerror(errno)) : check_open(r);
    if (r->descriptor >= 0) close(r->descriptor);
    EVP_MD_CTX_free(r->digest);
    free(r);
    return status;
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
    char expected[RECORD], found[RECORD] = "", *record;
    if (!record_text(path, file, expected) || record_path(path, &record)) return false;
    FILE *stream = fopen(record, "r");
    free(record);
    if (!stream) return false;
    found[fread(found, 1, sizeof found - 1, stream)] = '\0';
    fclose(stream);
    return strcmp(found, expected) == 0;
}

void content_record(const char *path, const FetchFile *file) {
    char text[RECORD], *record;
    if (!record_text(path, file, text) || record_path(path, &record)) return;
    if (file_write(record, text, strlen(text))) status_clear();
    free(record);
}

void content_remove(const char *path) {
    char *record;
    unlink(path);
    if (record_path(path, &record)) return;
    unlink(record);
    free(record);
}
