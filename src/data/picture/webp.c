/* WebP by libwebp: the picture, or the first frame of an animation on a transparent canvas; always RGB. The file is read as a whole,
 * since its orientation stands behind the pixels. */
#include "base/files.h"
#include "base/limits.h"
#include "base/memory.h"
#include "data/picture/picture.h"

#include <stdlib.h>
#include <webp/decode.h>
#include <webp/demux.h>

static cf_status webp_decode(const WebPIterator *frame, const PictureFile *file, Picture *picture) {
    const bool whole = frame->width == picture->width && frame->height == picture->height;
    const bool alpha = frame->has_alpha || !whole;
    const size_t values = alpha ? 4 : 3, row = (size_t)picture->width * values;
    const size_t size = row * (size_t)picture->height;
    FORWARD(memory_new((size_t)picture->height, row, &picture->pixels));
    const size_t at = (size_t)frame->y_offset * row + (size_t)frame->x_offset * values;
    /* 1.2.4 frees twice what it finds no place for: tables, and an integer for each pixel. */
    FORWARD(memory_reserve(MEMORY_OF_LIBRARIES + size / values * 8));
    const WebPData data = frame->fragment;
    unsigned char *first = picture->pixels + at;
    const bool decoded = alpha ? WebPDecodeRGBAInto(data.bytes, data.size, first, size - at, (int)row) != NULL
                               : WebPDecodeRGBInto(data.bytes, data.size, first, size - at, (int)row) != NULL;
    if (!decoded) return picture_damaged(file, "its pixels cannot be decoded");
    if (alpha) picture_lay(file, picture, false);
    return CF_OK;
}

AUTO_HANDLE(WebPDemuxer, WebPDemuxDelete)

cf_status webp_picture(const PictureFile *file, Picture *picture, int *orientation) {
    AUTO_FREE unsigned char *bytes = NULL;
    AUTO(WebPDemuxReleaseChunkIterator) WebPChunkIterator exif = {0};
    AUTO(WebPDemuxReleaseIterator) WebPIterator frame = {0};
    WebPData data = {0};
    FORWARD(file_read(file->path, MOST_PICTURE_BYTES, &bytes, &data.size));
    data.bytes = bytes;
    AUTO(WebPDemuxDelete_at) WebPDemuxer *webp = WebPDemux(&data);
    if (!webp) return picture_damaged(file, "it ends early, or its parts do not fit together");
    const uint32_t width = WebPDemuxGetI(webp, WEBP_FF_CANVAS_WIDTH);
    const uint32_t height = WebPDemuxGetI(webp, WEBP_FF_CANVAS_HEIGHT);
    FORWARD(picture_set_size(file, width, height, picture));
    picture->channels = 3;
    if (WebPDemuxGetChunk(webp, "EXIF", 1, &exif)) *orientation = exif_orientation(exif.chunk.bytes, exif.chunk.size);
    if (file->measure) return CF_OK;
    if (!WebPDemuxGetFrame(webp, 1, &frame)) return picture_damaged(file, "it has no frame");
    return webp_decode(&frame, file, picture);
}
