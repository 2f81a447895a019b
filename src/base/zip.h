/* Zip archives, as torch.save and NumPy's savez write them: where each entry's bytes lie, and what they unpack to.
 *
 * Format (PKWARE's APPNOTE 6.3.10, numbers little-endian): per entry a local header (30 bytes, name, extra) and the data; then the central directory,
 * an entry of 46 bytes, name, extra and comment each; then its end (22 bytes, comment), in front of which may stand that of zip64
 * (56 bytes and a locator of 20). Sizes and offsets that do not fit 32 bits stand in the extra field 1.
 * Limits: one disk; stored or deflated, not encrypted; at most 65,536 entries.
 * Everything is checked before use: all ranges lie in the file, no two entries overlap, none reaches into the directory, names
 * are the same in both places and stand once; and an entry's CRC-32 when it is taken.
 */
#pragma once

#include "base/status.h"

typedef struct ZipEntry {
    const char *name; /* length bytes, without a zero behind them */
    size_t length;
    size_t local, begin, size; /* in the file: the local header, the data and their size */
    size_t unpacked;           /* size of the content; as long as the data unless they are deflated */
    uint32_t crc;              /* of the content */
    bool deflated, checked;    /* checked: its CRC */
} ZipEntry;

typedef struct ZipEntries {
    ZipEntry *all; /* by name */
    size_t count;
} ZipEntries;

/* Of a whole file in memory, which must outlive it; `all` is released by free(). `path` is for messages. */
cf_status zip_list(const char *path, const unsigned char *bytes, size_t size, ZipEntries *entries);
/* NULL where there is none of this name. */
ZipEntry *zip_find(const ZipEntries *entries, const char *name, size_t length);
/* The data as they lie in the file are the content: CF_BAD_INPUT where they are deflated, or do not have the entry's checksum. */
cf_status zip_check(const char *path, const unsigned char *bytes, ZipEntry *entry);
/* The content, checked, with a zero byte behind it; release with free(). */
cf_status zip_unpack(const char *path, const unsigned char *bytes, const ZipEntry *entry, unsigned char **content);
