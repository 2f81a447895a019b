/* GIF by giflib: the first frame, on a canvas that is transparent where the frame is not. The rest is walked through undecoded, so
 * that a file that ends early is known. A palette of greys alone makes the picture grey: the format has no other way to say so. */
#include "base/limits.h"
#include "base/memory.h"
#include "data/picture/picture.h"

#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

enum { LZW_RATE = 2560 }; /* 12 bits stand for at most 3838 pixels of a byte each */

static int gif_take(GifFileType *gif, GifByteType *out, int size) {
    return (int)fread(out, 1, (size_t)size, gif->UserData);
}

static cf_status gif_damaged(const GifFileType *gif, const PictureFile *file) {
    const char *reason = GifErrorString(gif->Error);
    return picture_damaged(file, "%s", reason ? reason : "it has no frame");
}

/* One extension; *transparent: what a graphics control says. */
static bool take_extension(GifFileType *gif, int *transparent) {
    GifByteType *block;
    int code;
    if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) return false;
    while (block) {
        GraphicsControlBlock control;
        if (code == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
            *transparent = control.TransparentColor;
        if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) return false;
    }
    return true;
}

/* Up to the first frame, its description included; or to the end, over what else there is. */
static bool walk_records(GifFileType *gif, bool to_end, int *transparent) {
    GifRecordType record;
    while (DGifGetRecordType(gif, &record) == GIF_OK) {
        GifByteType *block;
        int size;
        switch (record) {
        case EXTENSION_RECORD_TYPE:
            if (!take_extension(gif, transparent)) return false;
            break;
        case IMAGE_DESC_RECORD_TYPE:
            if (DGifGetImageHeader(gif) == GIF_ERROR) return false;
            if (!to_end) return true;
            if (DGifGetCode(gif, &size, &block) == GIF_ERROR) return false;
            while (block)
                if (DGifGetCodeNext(gif, &block) == GIF_ERROR) return false;
            break;
        default:
            return to_end;
        }
    }
    return false;
}

static const ColorMapObject *palette_of(const GifFileType *gif) {
    return gif->Image.ColorMap ? gif->Image.ColorMap : gif->SColorMap;
}

static bool is_grey(const ColorMapObject *palette) {
    for (int i = 0; i < palette->ColorCount; i++) {
        const GifColorType *colour = &palette->Colors[i];
        if (colour->Red != colour->Green || colour->Red != colour->Blue) return false;
    }
    return true;
}

static cf_status gif_decode(GifFileType *gif, const PictureFile *file, int transparent, Picture *picture) {
    static const int begins[] = {0, 4, 2, 1}, steps[] = {8, 8, 4, 2};
    const GifImageDesc *frame = &gif->Image;
    const ColorMapObject *palette = palette_of(gif);
    const size_t pixel = (size_t)picture->channels, width = (size_t)picture->width;
    unsigned char colours[256][3] = {{0}};
    GifPixelType row[LONGEST_SIDE];
    for (int i = 0; i < palette->ColorCount && i < 256; i++)
        memcpy(colours[i], (unsigned char[]){palette->Colors[i].Red, palette->Colors[i].Green, palette->Colors[i].Blue},
               3);
    FORWARD(memory_new((size_t)picture->height * width, pixel, &picture->pixels));
    memset(picture->pixels, file->options.ground, (size_t)picture->height * width * pixel);
    for (int pass = 0; pass < (frame->Interlace ? 4 : 1); pass++)
        for (int y = frame->Interlace ? begins[pass] : 0; y < frame->Height; y += frame->Interlace ? steps[pass] : 1) {
            unsigned char *out = picture->pixels + ((size_t)(frame->Top + y) * width + (size_t)frame->Left) * pixel;
            if (DGifGetLine(gif, row, frame->Width) == GIF_ERROR) return gif_damaged(gif, file);
            for (int x = 0; x < frame->Width; x++, out += pixel)
                if (row[x] != transparent) memcpy(out, colours[row[x]], pixel);
        }
    if (!walk_records(gif, true, &transparent)) return gif_damaged(gif, file);
    return CF_OK;
}

static void gif_close(GifFileType **gif) {
    if (*gif) DGifCloseFile(*gif, NULL);
}

cf_status gif_picture(const PictureFile *file, Picture *picture, int *orientation) {
    int error = 0, transparent = NO_TRANSPARENT_COLOR;
    AUTO(gif_close) GifFileType *gif = DGifOpen(file->stream, gif_take, &error);
    const char *reason = GifErrorString(error);
    (void)orientation;
    if (!gif) return picture_damaged(file, "%s", reason ? reason : "it cannot be opened");
    const GifImageDesc *frame = &gif->Image;
    FORWARD(picture_set_size(file, (uint64_t)gif->SWidth, (uint64_t)gif->SHeight, picture));
    if (!walk_records(gif, false, &transparent)) return gif_damaged(gif, file);
    if (frame->Left + frame->Width > gif->SWidth || frame->Top + frame->Height > gif->SHeight)
        return picture_damaged(file, "its first frame, %d x %d pixels at %d, %d, leaves the picture of %d x %d",
                               frame->Width, frame->Height, frame->Left, frame->Top, gif->SWidth, gif->SHeight);
    if (!palette_of(gif)) return picture_damaged(file, "it has no palette");
    picture->channels = is_grey(palette_of(gif)) ? 1 : 3;
    FORWARD(picture_check_rate(file, &(Picture){.width = frame->Width, .height = frame->Height}, 8, LZW_RATE));
    return file->measure ? CF_OK : gif_decode(gif, file, transparent, picture);
}
