/* What a download holds: only one content is right, and it is known here. What passes is held against it by zlib alone. */
#include "fuzz.h"
#include "make_corpus.h"

#include "data/fetch/fetch_steps.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static unsigned char content[CORPUS_CONTENT];

#define SHA256_OF_IT "8158a35b081e4b2cdbe4c818ff147558e604ac8ddd6c7b9bcafc826f1d42734a"
#define MD5_OF_IT    "8f11197ccb4bb236842df7fb6a1dac0a"
static const FetchFile by_sha256 = {.name = "made.gz", .size = sizeof content, .sha256 = SHA256_OF_IT},
                       by_md5 = {.name = "made.gz", .size = sizeof content, .md5 = MD5_OF_IT},
                       plain = {.name = "made", .size = sizeof content, .sha256 = SHA256_OF_IT};

static bool is_content(const uint8_t *data, size_t size) {
    return size == sizeof content && memcmp(data, content, size) == 0;
}

/* The members of a gzip file one behind the other, in whole, and nothing else. */
static bool unpacks_to_content(const uint8_t *data, size_t size) {
    unsigned char out[sizeof content + 1];
    z_stream z = {.next_in = (z_const Bytef *)(uintptr_t)data, .avail_in = (unsigned)size};
    int result = Z_STREAM_END;
    PROMISE(inflateInit2(&z, 15 + 16) == Z_OK);
    z.next_out = out;
    z.avail_out = sizeof out;
    while (result == Z_STREAM_END && z.avail_in) {
        result = inflate(&z, Z_FINISH);
        if (result == Z_STREAM_END) inflateReset(&z);
    }
    inflateEnd(&z);
    return result == Z_STREAM_END && is_content(out, sizeof out - z.avail_out);
}

static ContentKind check(const char *path, const FetchFile *file) {
    static const FetchSet set = {.name = "made"};
    const FetchOptions options = fetch_defaults();
    ContentCheck check;
    const cf_status status = content_check(path, &(FetchTask){&set, file, &options}, &check);
    PROMISE(status == CF_OK); /* nothing in a file is a failure of reading it */
    PROMISE((check.kind == CONTENT_WRONG) == (*check.why != '\0'));
    return check.kind;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    corpus_content(content);
    const char *path = fuzz_file(0, data, size);
    const bool right = is_content(data, size);
    const ContentKind kind = check(path, &by_sha256);
    PROMISE(check(path, &by_md5) == kind);
    PROMISE((kind == CONTENT_UNPACKED) == right);
    PROMISE((kind == CONTENT_AS_NAMED) == unpacks_to_content(data, size));
    PROMISE((check(path, &plain) == CONTENT_AS_NAMED) == right);
    return 0;
}
