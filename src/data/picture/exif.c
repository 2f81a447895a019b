/* EXIF 2.32, 4.6: the orientation, and nothing else. All offsets come from the file; each is held against its size.
 *
 *   "II" or "MM" (the byte order of all that follows), 42 (2 bytes), offset of the directory (4)
 *   directory: count (2), then entries of 12 bytes: tag (2), type (2), count (4), value (4, its first bytes where it is shorter)
 */
#include "data/picture/picture.h"

#include <string.h>

typedef struct Exif {
    const unsigned char *bytes;
    size_t size;
    bool little;
} Exif;

/* An integer of some bytes; 0 beyond the end. */
static uint32_t number_at(const Exif *exif, size_t at, size_t bytes) {
    uint32_t value = 0;
    if (at > exif->size || bytes > exif->size - at) return 0;
    for (size_t i = 0; i < bytes; i++) value = value << 8 | exif->bytes[at + (exif->little ? bytes - 1 - i : i)];
    return value;
}

int exif_orientation(const unsigned char *bytes, size_t size) {
    enum { ORIENTATION = 274, SHORT = 3, LONG = 4 };
    if (size >= 6 && memcmp(bytes, "Exif\0\0", 6) == 0) {
        bytes += 6;
        size -= 6;
    }
    if (size < 8 || (memcmp(bytes, "II", 2) != 0 && memcmp(bytes, "MM", 2) != 0)) return 1;
    const Exif exif = {bytes, size, bytes[0] == 'I'};
    const size_t directory = number_at(&exif, 4, 4);
    const uint32_t count = number_at(&exif, 2, 2) == 42 ? number_at(&exif, directory, 2) : 0;
    for (uint32_t i = 0; i < count; i++) {
        const size_t entry = directory + 2 + (size_t)12 * i;
        if (number_at(&exif, entry, 2) != ORIENTATION) continue;
        const uint32_t type = number_at(&exif, entry + 2, 2);
        const uint32_t value = number_at(&exif, entry + 8, type == LONG ? 4 : 2);
        return (type == SHORT || type == LONG) && value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}
