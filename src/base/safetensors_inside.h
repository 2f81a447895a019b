/* What reading and writing of safetensors share.
 *
 * The checksum: the text "file_sha256" of a file's metadata is the SHA-256 of all its bytes, with its own 64 digits taken as
 * zeros. Whatever byte is changed, it shows.
 */
#ifndef BASE_SAFETENSORS_INSIDE_H
#define BASE_SAFETENSORS_INSIDE_H

#include "base/safetensors.h"

#define METADATA   "__metadata__"
#define SEAL_KEY   "file_sha256"
#define SEAL_ZEROS "0000000000000000000000000000000000000000000000000000000000000000" /* before it is known */

enum { LENGTH_BYTES = 8 };

/* Where the checksum's digits stand in a header (JSON, compact), or NULL. */
char *seal_place(char *header, size_t length);

#endif
