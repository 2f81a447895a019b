/* Bytes on their way into a file, deflated or as they are. */
#pragma once

#include "base/memory.h"

#include <stdio.h>

typedef enum PackingKind { PACKING_NONE, PACKING_ZLIB, PACKING_GZIP } PackingKind;
typedef struct Packing Packing;

/* Writes on at the stream's place; gzip's header has no time and no name. `stream` is borrowed; a failed write shows in
 * its error flag, which file_commit looks at. */
cf_status packing_new(FILE *stream, PackingKind kind, Packing **packing);
cf_status packing_add(Packing *packing, const void *bytes, size_t size);
/* Ends the packed data and tells how many bytes went to the file. */
cf_status packing_finish(Packing *packing, size_t *written);
void packing_free(Packing *packing);
AUTO_HANDLE(Packing, packing_free)
