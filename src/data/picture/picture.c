/* What all formats share: the file and its kind, what a file may claim, transparency, turning; and lists of files.
 *
 * The readers take the file from a stream, WebP's as a whole; none maps it into memory, where a file that becomes shorter would end
 * the process.
 */
#include "data/picture/picture.h"

#include "base/file_walk.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { HEAD = 18 }; /* bytes that tell the kinds apart */

static const struct {
    const char *name;
    PictureReader *read;
} formats[] = {
    [PICTURE_NONE] = {"no picture", NULL},   [PICTURE_PNG] = {"PNG", png_picture},
    [PICTURE_JPEG] = {"JPEG", jpeg_picture}, [PICTURE_BMP] = {"BMP", bmp_picture},
    [PICTURE_GIF] = {"GIF", gif_picture},    [PICTURE_TIFF] = {"TIFF", tiff_picture},
    [PICTURE_WEBP] = {"WebP", webp_picture},
};

const char *picture_kind_name(PictureKind kind) {
    return kind == PICTURE_UNREADABLE ? "unreadable" : formats[kind].name;
}

static bool begins_with(const unsigned char *head, const char *magic, size_t size) {
    return memcmp(head, magic, size) == 0;
}

/* "BM" alone begins many a text: a BMP has the size of its second header, too. */
static bool is_bmp(const unsigned char head[HEAD]) {
    return begins_with(head, "BM", 2) && head[14] >= 12 && head[14] <= 124 && head[15] == 0 && head[16] == 0 &&
           head[17] == 0;
}

/* Of a file that is shorter, zeros stand for the rest. */
static PictureKind kind_of_head(const unsigned char head[HEAD]) {
    if (begins_with(head, "\x89PNG\r\n\x1a\n", 8)) return PICTURE_PNG;
    if (begins_with(head, "\xff\xd8\xff", 3)) return PICTURE_JPEG;
    if (begins_with(head, "GIF87a", 6) || begins_with(head, "GIF89a", 6)) return PICTURE_GIF;
    if (begins_with(head, "RIFF", 4) && begins_with(head + 8, "WEBP", 4)) return PICTURE_WEBP;
    /* The second pair: BigTIFF. */
    if (begins_with(head, "II*\0", 4) || begins_with(head, "MM\0*", 4)) return PICTURE_TIFF;
    if (begins_with(head, "II+\0", 4) || begins_with(head, "MM\0+", 4)) return PICTURE_TIFF;
    return is_bmp(head) ? PICTURE_BMP : PICTURE_NONE;
}

PictureKind picture_kind(const char *path) {
    unsigned char head[HEAD] = {0};
    if (file_is_folder(path)) return PICTURE_NONE;
    FILE *stream = fopen(path, "rb");
    if (!stream) return PICTURE_UNREADABLE;
    fread(head, 1, HEAD, stream);
    fclose(stream);
    return kind_of_head(head);
}

/* ---- For the readers ---- */

cf_status picture_damaged(const PictureFile *file, const char *format, ...) {
    char reason[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return FAIL(CF_BAD_INPUT, "%s is a damaged %s: %s", file->path, picture_kind_name(file->kind), reason);
}

cf_status picture_set_size(const PictureFile *file, uint64_t width, uint64_t height, Picture *picture) {
    FAIL_IF(width < 1 || height < 1 || width > LONGEST_SIDE || height > LONGEST_SIDE || width * height > MOST_PIXELS,
            CF_BAD_INPUT, "%s is %llu x %llu pixels; at most %d a side and %d million in all can be read", file->path,
            (unsigned long long)width, (unsigned long long)height, LONGEST_SIDE, MOST_PIXELS / 1000000);
    picture->width = (int)width;
    picture->height = (int)height;
    return CF_OK;
}

cf_status picture_check_rate(const PictureFile *file, const Picture *picture, size_t bits_per_pixel, size_t rate) {
    const size_t bits = (size_t)picture->width * (size_t)picture->height * bits_per_pixel;
    FAIL_IF(bits / 8 / rate > file->size, CF_BAD_INPUT,
            "%s claims %d x %d pixels, more than its %zu bytes can hold; it is damaged", file->path, picture->width,
            picture->height, file->size);
    return CF_OK;
}

void picture_lay(const PictureFile *file, Picture *picture, bool multiplied) {
    const int channels = picture->channels, ground = file->options.ground;
    const size_t count = (size_t)picture->width * (size_t)picture->height;
    const unsigned char *in = picture->pixels;
    unsigned char *out = picture->pixels;
    for (size_t i = 0; i < count; i++, in += channels + 1) {
        const int alpha = in[channels], through = ground * (255 - alpha);
        for (int c = 0; c < channels; c++) {
            const int value = (in[c] * (multiplied ? 255 : alpha) + through + 127) / 255;
            *out++ = (unsigned char)(value < 255 ? value : 255);
        }
    }
}

/* ---- Turning ---- */

/* EXIF 2.32, 4.6: the orientation, and nothing else. All offsets come from the file; each is held against its size.
 *
 *   "II" or "MM" (the byte order of all that follows), 42 (2 bytes), offset of the directory (4)
 *   directory: count (2), then entries of 12 bytes: tag (2), type (2), count (4), value (4, its first bytes where it is shorter)
 */
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

/* In place, or into new memory. Of the eight orientations of EXIF, from 5 on rows become columns. */
static cf_status turn_picture(Picture *picture, int orientation) {
    const bool swap = orientation >= 5;
    const bool rows_back = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const bool columns_back = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const int H = picture->height, W = picture->width;
    picture->height = swap ? W : H;
    picture->width = swap ? H : W;
    picture->turned = orientation != 1;
    if (!picture->turned || !picture->pixels) return CF_OK;
    const size_t pixel = (size_t)picture->channels;
    unsigned char *turned;
    FORWARD(memory_new((size_t)H * (size_t)W, pixel, &turned));
    unsigned char *out = turned;
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++, out += pixel) {
            const int row = swap ? x : y, column = swap ? y : x;
            const size_t at =
                (size_t)(rows_back ? H - 1 - row : row) * (size_t)W + (size_t)(columns_back ? W - 1 - column : column);
            for (size_t c = 0; c < pixel; c++) out[c] = picture->pixels[at * pixel + c];
        }
    free(picture->pixels);
    picture->pixels = turned;
    return CF_OK;
}

/* ---- One file ---- */

static cf_status take_kind(PictureFile *file) {
    unsigned char head[HEAD] = {0};
    struct stat info;
    FAIL_IF(fstat(fileno(file->stream), &info) != 0, CF_IO, "%s: %s", file->path, strerror(errno));
    FAIL_IF(S_ISDIR(info.st_mode), CF_BAD_INPUT, "%s is a folder; a picture was expected", file->path);
    FAIL_IF(info.st_size > MOST_PICTURE_BYTES, CF_BAD_INPUT, "%s has %lld bytes; at most %d were expected of a picture",
            file->path, (long long)info.st_size, MOST_PICTURE_BYTES);
    file->size = (size_t)info.st_size;
    const size_t got = fread(head, 1, HEAD, file->stream);
    FAIL_IF(ferror(file->stream), CF_IO, "%s: %s", file->path, strerror(errno));
    FAIL_IF(got == 0, CF_BAD_INPUT, "%s is empty; a picture was expected", file->path);
    rewind(file->stream);
    file->kind = kind_of_head(head);
    FAIL_IF(file->kind == PICTURE_NONE, CF_BAD_INPUT,
            "%s is none of PNG, JPEG, BMP, GIF, TIFF and WebP: it begins with the byte %02x", file->path, head[0]);
    return CF_OK;
}

/* What a library takes for damage may be memory or the disk: then errno tells. */
static cf_status read_format(const PictureFile *file, Picture *picture) {
    int orientation = 1;
    errno = 0;
    const cf_status status = formats[picture->kind].read(file, picture, &orientation);
    FAIL_IF(status == CF_BAD_INPUT && errno == ENOMEM, CF_NO_MEMORY, "out of memory while reading %s", file->path);
    FAIL_IF(status == CF_BAD_INPUT && errno == EIO, CF_IO, "%s: %s", file->path, strerror(errno));
    FORWARD(status);
    return turn_picture(picture, orientation);
}

static void picture_free(Picture *picture) {
    free(picture->pixels);
}

static cf_status read_or_measure(PictureFile *file, Picture *picture) {
    AUTO(picture_free) Picture made = {0};
    AUTO(file_close) FILE *stream = fopen(file->path, "rb");
    FAIL_IF(!stream, CF_IO, "cannot open %s: %s", file->path, strerror(errno));
    file->stream = stream;
    FORWARD(take_kind(file));
    made.kind = file->kind;
    FORWARD(read_format(file, &made));
    *picture = made;
    made.pixels = NULL;
    return CF_OK;
}

cf_status picture_read(const char *path, const PictureOptions *options, Picture *picture) {
    PictureFile file = {.path = path, .options = options ? *options : (PictureOptions){0}};
    return read_or_measure(&file, picture);
}

cf_status picture_measure(const char *path, Picture *picture) {
    PictureFile file = {.path = path, .measure = true};
    return read_or_measure(&file, picture);
}

/* ---- Lists ---- */

static cf_status add_to_list(PictureList *list, const char *path, const char *error) {
    FORWARD(memory_grow(&list->files, list->count, sizeof *list->files));
    ListedPicture *file = &list->files[list->count];
    FORWARD(memory_copy_string(path, &file->path));
    list->count++;
    return error ? memory_copy_string(error, &file->error) : CF_OK;
}

/* A link to nothing is taken, too: reading it tells so. */
static cf_status note_picture(const WalkedFile *file, void *context) {
    PictureList *list = context;
    struct stat info;
    if (file->error) return add_to_list(list, file->path, file->error);
    if (file->folder) return CF_OK;
    const bool there = stat(file->path, &info) == 0;
    if (!there || (S_ISREG(info.st_mode) && picture_kind(file->path) != PICTURE_NONE))
        return add_to_list(list, file->path, NULL);
    list->others++;
    return list->first_other ? CF_OK : memory_copy_string(file->path, &list->first_other);
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const ListedPicture *)a)->path, ((const ListedPicture *)b)->path);
}

cf_status picture_list_add(PictureList *list, const char *path) {
    const size_t first = list->count;
    if (!file_is_folder(path)) return add_to_list(list, path, NULL);
    FORWARD(file_walk(path, false, note_picture, list));
    if (list->count > first) qsort(list->files + first, list->count - first, sizeof *list->files, by_path);
    return CF_OK;
}

void picture_list_free(PictureList *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->files[i].path);
        free(list->files[i].error);
    }
    free(list->files);
    free(list->first_other);
    *list = (PictureList){0};
}
