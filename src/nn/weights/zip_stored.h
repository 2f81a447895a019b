/* Zip archives whose entries are stored as they are, as torch.save writes them: where each entry's bytes lie.
 *
 * Format (PKWARE's APPNOTE 6.3.10, numbers little-endian): per entry a local header (30 bytes, name, extra) and the data; then the central directory,
 * an entry of 46 bytes, name, extra and comment each; then its end (22 bytes, comment), in front of which may stand that of zip64
 * (56 bytes and a locator of 20). Sizes and offsets that do not fit 32 bits stand in the extra field 1.
 * Limits: one disk; nothing compressed or encrypted; at most 65,536 entries.
 * Everything is checked before use: all ranges lie in the file, no two entries overlap, none reaches into the directory, names
 * are the same in both places and stand once; and an entry's CRC-32 when it is taken.
 */
#ifndef NN_WEIGHTS_ZIP_STORED_H
#define NN_WEIGHTS_ZIP_STORED_H

#include "base/status.h"

typedef struct ZipEntry {
    const char *name; /* length bytes, without a zero behind them */
    size_t length;
    size_t local, begin, size; /* in the file: the local header, the data and their size */
    uint32_t crc;
    bool checked; /* its CRC */
} ZipEntry;

typedef struct ZipEntries {
    ZipEntry *all; /* by name */
    size_t count;
} ZipEntries;

/* Of a whole file in memory, which must outlive it; `all` is released by free(). `path` is for messages. */
cf_status zip_list(const char *path, const unsigned char *bytes, size_t size, ZipEntries *entries);
/* NULL where there is none of this name. */
ZipEntry *zip_find(const ZipEntries *entries, const char *name, size_t length);
/* CF_BAD_INPUT where the bytes do not have the entry's checksum. */
cf_status zip_check(const char *path, const unsigned char *bytes, ZipEntry *entry);

#endif
