/* Tags of HTML and SVG as programs write them: values in quotes, no '<' within a tag. The bytes are from outside: whatever they are,
 * nothing is read beyond `end`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Tag {
    const char *name, *attributes, *end; /* end: behind its '>' */
    size_t length;                       /* of the name; 0: a comment, a declaration, an instruction */
    bool closes, is_empty;               /* </name>, <name/> */
} Tag;

/* The tag that begins at the '<' at `at`; false where the text ends in it. */
bool tag_read(const char *at, const char *end, Tag *tag);
/* In any case. */
bool tag_is(const Tag *tag, const char *name);
/* `names` end with NULL. */
bool tag_is_one_of(const Tag *tag, const char *const *names);
#define TAG_IS_ONE_OF(tag, ...) tag_is_one_of(tag, (const char *const[]){__VA_ARGS__, NULL})
/* Behind the end of the element that the tag begins, by tags of its name; NULL: it has none. `is_void`: of a tag that begins nothing.
 * Within <script> and <style> a '<' begins no other tag. */
const char *tag_element_end(const Tag *tag, const char *end, bool (*is_void)(const Tag *));
/* The value of an attribute as it stands in the text, not ended by a zero; NULL: there is none of that name. */
const char *tag_attribute(const Tag *tag, const char *name, size_t *length);
/* The character that the reference at `at` stands for, one of the five of XML, and the bytes it takes; 0: it is none. */
char markup_reference(const char *at, const char *end, size_t *length);
