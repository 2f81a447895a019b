#include "base/zip.h"

#include "base/limits.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    LOCAL_MARK = 0x04034b50,
    ENTRY_MARK = 0x02014b50,
    END_MARK = 0x06054b50,
    END64_MARK = 0x06064b50,
    LOCATOR_MARK = 0x07064b50,
    LOCAL_SIZE = 30,
    ENTRY_SIZE = 46,
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR_SIZE = 20,
    LONGEST_COMMENT = 65535,
    MOST_ENTRIES = 65536,
    IN_ZIP64_16 = 0xffff, /* a number that stands elsewhere */
    ENCRYPTED = 1,        /* of the flags */
    STORED = 0,           /* methods */
    DEFLATED = 8
};
static const uint64_t IN_ZIP64 = 0xffffffff;

typedef struct Archive {
    const char *path;
    const unsigned char *bytes;
    size_t size;
    uint64_t count, directory, directory_end; /* entries, and where the directory lies */
} Archive;

static uint64_t number_at(const Archive *a, uint64_t at, int bytes) {
    uint64_t number = 0;
    for (int i = bytes - 1; i >= 0; i--) number = number << 8 | a->bytes[at + (uint64_t)i];
    return number;
}

static bool lies_within(uint64_t at, uint64_t size, uint64_t end) {
    return at <= end && size <= end - at;
}

/* ---- The end of the directory ---- */

static cf_status find_end(const Archive *a, uint64_t *end) {
    for (size_t behind = END_SIZE; behind <= a->size && behind <= END_SIZE + LONGEST_COMMENT; behind++) {
        *end = a->size - behind;
        if (number_at(a, *end, 4) == END_MARK && number_at(a, *end + 20, 2) == behind - END_SIZE) return CF_OK;
    }
    return FAIL(CF_BAD_INPUT,
                "%s is cut short or no zip archive: the end of a directory was expected in its last bytes", a->path);
}

static cf_status read_end64(Archive *a, uint64_t *end) {
    const uint64_t locator = *end - LOCATOR_SIZE;
    FAIL_IF(*end < LOCATOR_SIZE || number_at(a, locator, 4) != LOCATOR_MARK, CF_BAD_INPUT,
            "%s: the locator of zip64 was expected in front of byte %llu", a->path, (unsigned long long)*end);
    const uint64_t at = number_at(a, locator + 8, 8);
    FAIL_IF(!lies_within(at, END64_SIZE, locator) || number_at(a, at, 4) != END64_MARK, CF_BAD_INPUT,
            "%s: the directory's end of zip64 was expected at byte %llu", a->path, (unsigned long long)at);
    a->count = number_at(a, at + 32, 8);
    a->directory_end = number_at(a, at + 40, 8); /* its size, as yet */
    a->directory = number_at(a, at + 48, 8);
    *end = at;
    return CF_OK;
}

static cf_status find_directory(Archive *a) {
    uint64_t end = 0;
    FORWARD(find_end(a, &end));
    a->count = number_at(a, end + 10, 2);
    a->directory_end = number_at(a, end + 12, 4);
    a->directory = number_at(a, end + 16, 4);
    if (a->count == IN_ZIP64_16 || a->directory_end == IN_ZIP64 || a->directory == IN_ZIP64)
        FORWARD(read_end64(a, &end));
    FAIL_IF(!lies_within(a->directory, a->directory_end, end), CF_BAD_INPUT,
            "%s: the directory of %llu bytes at byte %llu does not lie in front of its end at byte %llu", a->path,
            (unsigned long long)a->directory_end, (unsigned long long)a->directory, (unsigned long long)end);
    FAIL_IF(a->count > MOST_ENTRIES, CF_BAD_INPUT, "%s has %llu entries; at most %d were expected", a->path,
            (unsigned long long)a->count, MOST_ENTRIES);
    a->directory_end += a->directory;
    return CF_OK;
}

/* ---- Entries ---- */

/* Numbers of 8 bytes from the extra field 1, in the order of those that have no room. */
static cf_status read_extra64(const Archive *a, uint64_t at, uint64_t end, uint64_t *numbers[3]) {
    int k = 0;
    while (k < 3 && *numbers[k] != IN_ZIP64) k++;
    for (uint64_t length; k < 3 && lies_within(at, 4, end); at += 4 + length) {
        length = number_at(a, at + 2, 2);
        if (!lies_within(at + 4, length, end)) break;
        if (number_at(a, at, 2) != 1) continue;
        for (uint64_t from = at + 4; k < 3; k++) {
            if (*numbers[k] != IN_ZIP64) continue;
            if (!lies_within(from, 8, at + 4 + length)) break;
            *numbers[k] = number_at(a, from, 8);
            from += 8;
        }
        break;
    }
    while (k < 3 && *numbers[k] != IN_ZIP64) k++;
    FAIL_IF(k < 3, CF_BAD_INPUT, "its sizes do not stand in an extra field of zip64");
    return CF_OK;
}

static cf_status place_data(const Archive *a, uint64_t local, uint64_t size, ZipEntry *e) {
    const unsigned long long header = local;
    FAIL_IF(!lies_within(local, LOCAL_SIZE, a->directory) || number_at(a, local, 4) != LOCAL_MARK, CF_BAD_INPUT,
            "its header was expected at byte %llu", header);
    const uint64_t length = number_at(a, local + 26, 2);
    const uint64_t begin = local + LOCAL_SIZE + length + number_at(a, local + 28, 2);
    FAIL_IF(!lies_within(begin, size, a->directory), CF_BAD_INPUT,
            "%llu bytes at byte %llu do not lie in front of the directory at byte %llu", (unsigned long long)size,
            (unsigned long long)begin, (unsigned long long)a->directory);
    FAIL_IF(length != e->length || memcmp(a->bytes + local + LOCAL_SIZE, e->name, e->length) != 0, CF_BAD_INPUT,
            "it has another name at byte %llu", header);
    e->local = (size_t)local;
    e->begin = (size_t)begin;
    e->size = (size_t)size;
    return CF_OK;
}

/* What stands behind the name that the entry at `from` has; `extra` bytes of extra fields. */
static cf_status read_sizes(const Archive *a, uint64_t from, uint64_t extra, ZipEntry *e) {
    const uint64_t fields = from + ENTRY_SIZE + e->length, method = number_at(a, from + 10, 2);
    uint64_t size = number_at(a, from + 24, 4), packed = number_at(a, from + 20, 4), local = number_at(a, from + 42, 4);
    FORWARD(read_extra64(a, fields, fields + extra, (uint64_t *[]){&size, &packed, &local}));
    FAIL_IF(number_at(a, from + 8, 2) & ENCRYPTED, CF_BAD_INPUT, "it is encrypted");
    FAIL_IF(method != STORED && method != DEFLATED, CF_BAD_INPUT,
            "it is compressed by method %llu; 0 (stored) or 8 (deflate) was expected", (unsigned long long)method);
    FAIL_IF(method == STORED ? size != packed : size / DEFLATE_RATIO > packed, CF_BAD_INPUT,
            "it claims %llu bytes, and has %llu; it is damaged", (unsigned long long)size, (unsigned long long)packed);
    e->crc = (uint32_t)number_at(a, from + 16, 4);
    e->deflated = method == DEFLATED;
    e->unpacked = (size_t)size;
    return place_data(a, local, packed, e);
}

/* Moves *at behind the entry. */
static cf_status read_entry(const Archive *a, uint64_t *at, ZipEntry *e) {
    const uint64_t left = a->directory_end - *at, from = *at;
    FAIL_IF(left < ENTRY_SIZE || number_at(a, from, 4) != ENTRY_MARK, CF_BAD_INPUT,
            "%s: an entry of the directory was expected at byte %llu", a->path, (unsigned long long)from);
    const uint64_t length = number_at(a, from + 28, 2), extra = number_at(a, from + 30, 2);
    const uint64_t total = ENTRY_SIZE + length + extra + number_at(a, from + 32, 2);
    FAIL_IF(total > left, CF_BAD_INPUT, "%s: the directory's entry at byte %llu is cut short", a->path,
            (unsigned long long)from);
    e->name = (const char *)a->bytes + from + ENTRY_SIZE;
    e->length = (size_t)length;
    *at += total;
    const cf_status status = read_sizes(a, from, extra, e);
    return status ? status_prefix(status, "%s: the entry \"%.*s\"", a->path, (int)e->length, e->name) : CF_OK;
}

static int by_place(const void *left, const void *right) {
    const ZipEntry *a = left, *b = right;
    return (a->local > b->local) - (a->local < b->local);
}

static int by_name(const void *left, const void *right) {
    const ZipEntry *a = left, *b = right;
    const int order = memcmp(a->name, b->name, a->length < b->length ? a->length : b->length);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static cf_status check_entries(const char *path, ZipEntries *entries) {
    ZipEntry *all = entries->all;
    qsort(all, entries->count, sizeof *all, by_place);
    for (size_t i = 1; i < entries->count; i++)
        FAIL_IF(all[i - 1].begin + all[i - 1].size > all[i].local, CF_BAD_INPUT,
                "%s: the entries \"%.*s\" and \"%.*s\" overlap at byte %zu", path, (int)all[i - 1].length,
                all[i - 1].name, (int)all[i].length, all[i].name, all[i].local);
    qsort(all, entries->count, sizeof *all, by_name);
    for (size_t i = 1; i < entries->count; i++)
        FAIL_IF(by_name(&all[i - 1], &all[i]) == 0, CF_BAD_INPUT, "%s: two entries have the name \"%.*s\"", path,
                (int)all[i].length, all[i].name);
    return CF_OK;
}

static void entries_free(ZipEntries *entries) {
    free(entries->all);
}

cf_status zip_list(const char *path, const unsigned char *bytes, size_t size, ZipEntries *entries) {
    Archive a = {.path = path, .bytes = bytes, .size = size};
    AUTO(entries_free) ZipEntries made = {0};
    FORWARD(find_directory(&a));
    FORWARD(memory_new((size_t)a.count, sizeof *made.all, &made.all));
    for (uint64_t at = a.directory; made.count < a.count; made.count++)
        FORWARD(read_entry(&a, &at, &made.all[made.count]));
    FORWARD(check_entries(path, &made));
    *entries = made;
    made.all = NULL;
    return CF_OK;
}

ZipEntry *zip_find(const ZipEntries *entries, const char *name, size_t length) {
    const ZipEntry key = {.name = name, .length = length};
    return bsearch(&key, entries->all, entries->count, sizeof key, by_name);
}

static cf_status check_crc(const char *path, uint32_t crc, const ZipEntry *entry) {
    FAIL_IF(crc != entry->crc, CF_BAD_INPUT,
            "%s is damaged: the entry \"%.*s\" has the CRC-32 %08x, and %08x was expected", path, (int)entry->length,
            entry->name, crc, entry->crc);
    return CF_OK;
}

cf_status zip_check(const char *path, const unsigned char *bytes, ZipEntry *entry) {
    FAIL_IF(entry->deflated, CF_BAD_INPUT,
            "%s: the entry \"%.*s\" is compressed; entries that are stored as they are were expected", path,
            (int)entry->length, entry->name);
    if (entry->checked) return CF_OK;
    FORWARD(check_crc(path, (uint32_t)crc32_z(0, bytes + entry->begin, entry->size), entry));
    entry->checked = true;
    return CF_OK;
}

/* zlib counts in 32 bits, so it is fed in parts. */
static cf_status inflate_entry(const char *path, const unsigned char *bytes, const ZipEntry *entry,
                               unsigned char *content) {
    enum { PART = 1 << 30 };
    z_stream stream = {0};
    size_t in = 0, out = 0;
    int code = inflateInit2(&stream, -MAX_WBITS);
    FAIL_IF(code != Z_OK, CF_NO_MEMORY, "%s: no memory to unpack with", path);
    while (code == Z_OK) {
        const size_t feed = entry->size - in < PART ? entry->size - in : PART;
        const size_t room = entry->unpacked - out < PART ? entry->unpacked - out : PART;
        stream.next_in = (unsigned char *)bytes + entry->begin + in;
        stream.avail_in = (unsigned)feed;
        stream.next_out = content + out;
        stream.avail_out = (unsigned)room;
        code = inflate(&stream, Z_NO_FLUSH);
        in += feed - stream.avail_in;
        out += room - stream.avail_out;
    }
    inflateEnd(&stream);
    FAIL_IF(code != Z_STREAM_END || out != entry->unpacked || in != entry->size, CF_BAD_INPUT,
            "%s is damaged: the entry \"%.*s\" does not unpack to the %zu bytes that it claims", path,
            (int)entry->length, entry->name, entry->unpacked);
    return CF_OK;
}

cf_status zip_unpack(const char *path, const unsigned char *bytes, const ZipEntry *entry, unsigned char **content) {
    AUTO_FREE unsigned char *made = NULL;
    FORWARD(memory_new(entry->unpacked + 1, 1, &made));
    if (entry->deflated)
        FORWARD(inflate_entry(path, bytes, entry, made));
    else
        memcpy(made, bytes + entry->begin, entry->size);
    FORWARD(check_crc(path, (uint32_t)crc32_z(0, made, entry->unpacked), entry));
    *content = memory_take(&made);
    return CF_OK;
}
