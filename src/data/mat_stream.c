#include "data/mat_stream.h"

#include "base/files.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { WINDOW = 1 << 18 };

struct MatStream {
    const char *path;
    FILE *file;
    size_t file_size;
    size_t offset, left; /* where the element begins; its bytes not yet read from the file */
    bool compressed, ended;
    z_stream z;
    unsigned char in[WINDOW], unwanted[4096];
};

cf_status mat_stream_new(const char *path, MatStream **stream) {
    struct stat info;
    MatStream *made;
    cf_status status = CF_OK;
    FAIL_IF(stat(path, &info) != 0, CF_IO, "cannot open %s: %s", path, strerror(errno));
    FAIL_IF(S_ISDIR(info.st_mode), CF_BAD_INPUT, "%s is a folder; a .mat file was expected", path);
    FAIL_IF(info.st_size == 0, CF_BAD_INPUT, "%s is empty; a MATLAB v5 file was expected", path);
    FORWARD(memory_new(1, sizeof *made, &made));
    made->path = path;
    made->file_size = (size_t)info.st_size;
    made->file = fopen(path, "rb");
    if (!made->file)
        status = FAIL(CF_IO, "cannot open %s: %s", path, strerror(errno));
    else if (inflateInit(&made->z) != Z_OK)
        status = FAIL(CF_NO_MEMORY, "out of memory while inflating %s", path);
    if (status)
        mat_stream_free(made);
    else
        *stream = made;
    return status;
}

void mat_stream_free(MatStream *stream) {
    if (!stream) return;
    inflateEnd(&stream->z); /* harmless where inflateInit did not succeed */
    if (stream->file) fclose(stream->file);
    free(stream);
}

size_t mat_stream_file_size(const MatStream *stream) {
    return stream->file_size;
}

/* Reads on in the file; fewer bytes than wanted are there only if it became shorter. */
static cf_status read_file(MatStream *stream, void *bytes, size_t size) {
    FAIL_IF(fread(bytes, 1, size, stream->file) != size, CF_IO, "cannot read %s: %s", stream->path,
            ferror(stream->file) ? strerror(errno) : "the file became shorter");
    stream->left -= size;
    return CF_OK;
}

cf_status mat_stream_raw(MatStream *stream, size_t offset, void *bytes, size_t size, size_t *got) {
    size_t there = offset < stream->file_size ? stream->file_size - offset : 0;
    FORWARD(mat_stream_begin(stream, offset, size < there ? size : there, false));
    return mat_stream_read(stream, bytes, size, got);
}

cf_status mat_stream_begin(MatStream *stream, size_t offset, size_t size, bool compressed) {
    stream->offset = offset;
    stream->left = size;
    stream->compressed = compressed;
    stream->ended = false;
    stream->z.avail_in = 0;
    FAIL_IF(inflateReset(&stream->z) != Z_OK, CF_INTERNAL, "zlib cannot be reset");
    FAIL_IF(fseeko(stream->file, (off_t)offset, SEEK_SET) != 0, CF_IO, "cannot read %s: %s", stream->path,
            strerror(errno));
    return CF_OK;
}

static cf_status check_inflate(const MatStream *stream, int result) {
    if (result == Z_OK || result == Z_STREAM_END) return CF_OK;
    FAIL_IF(result == Z_MEM_ERROR, CF_NO_MEMORY, "out of memory while inflating %s", stream->path);
    const char *reason = stream->z.msg           ? stream->z.msg
                         : result == Z_BUF_ERROR ? "its zlib stream does not end"
                                                 : "zlib cannot inflate it";
    return FAIL(CF_BAD_INPUT, "%s is damaged: the compressed variable at byte %zu: %s; download it again", stream->path,
                stream->offset, reason);
}

static cf_status inflate_some(MatStream *stream, unsigned char *bytes, size_t size, size_t *got) {
    enum { CHUNK = 1 << 30 };
    z_stream *z = &stream->z;
    *got = 0;
    while (*got < size && !stream->ended) {
        unsigned room = size - *got < CHUNK ? (unsigned)(size - *got) : CHUNK;
        if (z->avail_in == 0) {
            size_t wanted = stream->left < WINDOW ? stream->left : WINDOW;
            FORWARD(read_file(stream, stream->in, wanted));
            z->next_in = stream->in;
            z->avail_in = (unsigned)wanted;
        }
        z->next_out = bytes + *got;
        z->avail_out = room;
        int result = inflate(z, Z_NO_FLUSH);
        FORWARD(check_inflate(stream, result));
        stream->ended = result == Z_STREAM_END;
        *got += room - z->avail_out;
    }
    return CF_OK;
}

cf_status mat_stream_read(MatStream *stream, void *bytes, size_t size, size_t *got) {
    if (stream->compressed) return inflate_some(stream, bytes, size, got);
    *got = size < stream->left ? size : stream->left;
    return read_file(stream, bytes, *got);
}

cf_status mat_stream_skip(MatStream *stream, size_t size) {
    size_t got = 1;
    for (; size && got; size -= got) {
        size_t wanted = size < sizeof stream->unwanted ? size : sizeof stream->unwanted;
        FORWARD(mat_stream_read(stream, stream->unwanted, wanted, &got));
    }
    return CF_OK;
}

cf_status mat_stream_finish(MatStream *stream) {
    /* Asking for a byte more than there are makes zlib read the checksum. */
    return stream->compressed ? mat_stream_skip(stream, SIZE_MAX) : CF_OK;
}
