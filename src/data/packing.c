#include "data/packing.h"

#include <stdlib.h>
#include <zlib.h>

enum { WINDOW = 1 << 17, LEVEL = 6, LARGEST_WINDOW = 15, WITH_GZIP = 16, MEMORY_LEVEL = 8 };

struct Packing {
    FILE *stream;
    PackingKind kind;
    size_t written;
    z_stream z;
    unsigned char out[WINDOW];
};

cf_status packing_new(FILE *stream, PackingKind kind, Packing **packing) {
    Packing *made;
    FORWARD(memory_new(1, sizeof *made, &made));
    made->stream = stream;
    made->kind = kind;
    int window = kind == PACKING_GZIP ? LARGEST_WINDOW + WITH_GZIP : LARGEST_WINDOW;
    if (kind != PACKING_NONE &&
        deflateInit2(&made->z, LEVEL, Z_DEFLATED, window, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(made);
        return FAIL(CF_NO_MEMORY, "out of memory while packing");
    }
    *packing = made;
    return CF_OK;
}

static cf_status deflate_some(Packing *packing, const void *bytes, unsigned size, int flush) {
    z_stream *z = &packing->z;
    z->next_in = (Bytef *)(uintptr_t)bytes;
    z->avail_in = size;
    do {
        z->next_out = packing->out;
        z->avail_out = WINDOW;
        FAIL_IF(deflate(z, flush) == Z_STREAM_ERROR, CF_INTERNAL, "zlib cannot pack");
        size_t made = WINDOW - z->avail_out;
        fwrite(packing->out, 1, made, packing->stream);
        packing->written += made;
    } while (z->avail_out == 0);
    return CF_OK;
}

cf_status packing_add(Packing *packing, const void *bytes, size_t size) {
    enum { CHUNK = 1 << 30 }; /* zlib counts in unsigned */
    if (packing->kind == PACKING_NONE) {
        fwrite(bytes, 1, size, packing->stream);
        packing->written += size;
        return CF_OK;
    }
    for (size_t done = 0, piece; done < size; done += piece) {
        piece = size - done < CHUNK ? size - done : CHUNK;
        FORWARD(deflate_some(packing, (const unsigned char *)bytes + done, (unsigned)piece, Z_NO_FLUSH));
    }
    return CF_OK;
}

cf_status packing_finish(Packing *packing, size_t *written) {
    if (packing->kind != PACKING_NONE) FORWARD(deflate_some(packing, NULL, 0, Z_FINISH));
    *written = packing->written;
    return CF_OK;
}

void packing_free(Packing *packing) {
    if (!packing) return;
    if (packing->kind != PACKING_NONE) deflateEnd(&packing->z);
    free(packing);
}
