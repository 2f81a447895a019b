/* The bytes of one top-level element of a .mat file, inflated where they are compressed. */
#pragma once

#include "base/status.h"

typedef struct MatStream MatStream;

/* Borrows `path`, for messages too. */
cf_status mat_stream_new(const char *path, MatStream **stream);
void mat_stream_free(MatStream *stream);
size_t mat_stream_file_size(const MatStream *stream);

/* Bytes of the file as they stand; fewer only at its end. */
cf_status mat_stream_raw(MatStream *stream, size_t offset, void *bytes, size_t size, size_t *got);

/* Sets the stream to the element's first byte: `size` bytes of the file from `offset`. */
cf_status mat_stream_begin(MatStream *stream, size_t offset, size_t size, bool compressed);
/* The next bytes; fewer than `size` only at the element's end. */
cf_status mat_stream_read(MatStream *stream, void *bytes, size_t size, size_t *got);
/* Passes over so many bytes, or up to the end if there are fewer. */
cf_status mat_stream_skip(MatStream *stream, size_t size);
/* Goes to the element's end; a compressed one has to end well, its checksum (Adler-32) included. */
cf_status mat_stream_finish(MatStream *stream);
