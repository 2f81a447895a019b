/* Text files of the source tree that the library carries (cmake/embed.cmake). */
#pragma once

typedef struct EmbeddedFile {
    const char *name;          /* "page.css"; NULL ends a list */
    const unsigned char *text; /* ends with a zero byte */
} EmbeddedFile;
