/* Text files of the source tree that the library carries (cmake/embed.cmake). */
#ifndef BASE_EMBEDDED_H
#define BASE_EMBEDDED_H

typedef struct EmbeddedFile {
    const char *name;          /* "page.css"; NULL ends a list */
    const unsigned char *text; /* ends with a zero byte */
} EmbeddedFile;

#endif
