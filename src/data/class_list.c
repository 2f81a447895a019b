#include "data/set_files.h"

#include "base/memory.h"
#include "base/name_table.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 4 << 20, FEWEST_CLASSES = 10 /* that readers of labels count on */ };

typedef struct ClassList {
    int count;
    const char **names; /* [MAX_CLASSES] within the file's bytes */
    int *class_of;      /* [MAX_CLASSES] label -> class, -1: none */
    NameTable lines;
} ClassList;

static void class_list_free(ClassList *list) {
    free(list->names);
    free(list->class_of);
    name_table_free(&list->lines);
}

static cf_status list_new(ClassList *list) {
    FORWARD(memory_new(MAX_CLASSES, sizeof *list->names, &list->names));
    FORWARD(memory_new(MAX_CLASSES, sizeof *list->class_of, &list->class_of));
    for (int label = 0; label < MAX_CLASSES; label++) list->class_of[label] = -1;
    return name_table_new(MAX_CLASSES, &list->lines);
}

static cf_status read_line(const char *path, char *line, ClassList *list) {
    char *tab = strchr(line, '\t');
    const int number = list->count;
    long long label = number;
    FAIL_IF(number == MAX_CLASSES, CF_BAD_INPUT, "%s has more than %d classes", path, MAX_CLASSES);
    if (tab) *tab = '\0';
    FAIL_IF(tab && !text_to_integer(line, 0, MAX_CLASSES - 1, &label), CF_BAD_INPUT,
            "%s, line %d: a label from 0 to %d was expected before the tab, \"%s\" found", path, number + 1,
            MAX_CLASSES - 1, line);
    const char *name = list->names[number] = tab ? tab + 1 : line;
    FAIL_IF(!text_is_name(name), CF_BAD_INPUT,
            "%s, line %d: the name of a class was expected: 1 to 255 bytes of UTF-8 without control characters", path,
            number + 1);
    const int same_label = list->class_of[label], same_name = name_table_find(&list->lines, name, strlen(name));
    FAIL_IF(same_label >= 0 || same_name >= 0, CF_BAD_INPUT,
            "%s, line %d: the label or the name stands in line %d, too", path, number + 1,
            (same_label >= 0 ? same_label : same_name) + 1);
    name_table_put(&list->lines, name, number);
    list->class_of[label] = list->count++;
    return CF_OK;
}

/* Cuts the text into lines, in place. */
static cf_status read_list(const char *path, char *text, ClassList *list) {
    size_t length = strlen(text);
    while (length && strchr("\r\n", text[length - 1])) text[--length] = '\0';
    FAIL_IF(!length, CF_BAD_INPUT, "%s is empty; one class a line was expected", path);
    for (char *line; (line = strsep(&text, "\n"));) {
        const size_t end = strlen(line);
        if (end && line[end - 1] == '\r') line[end - 1] = '\0';
        FORWARD(read_line(path, line, list));
    }
    return CF_OK;
}

cf_status class_list_apply(const char *path, cf_set *set) {
    AUTO(class_list_free) ClassList list = {0};
    AUTO_FREE unsigned char *bytes = NULL;
    size_t size;
    FORWARD(file_read(path, MOST_BYTES, &bytes, &size));
    FORWARD(list_new(&list));
    FAIL_IF(strlen((char *)bytes) != size, CF_BAD_INPUT, "%s is no text: it has a zero byte", path);
    FORWARD(read_list(path, (char *)bytes, &list));
    for (size_t i = 0; i < set->count; i++)
        FAIL_IF(
            list.class_of[set->labels[i]] < 0, CF_BAD_INPUT,
            "%s names %d classes, and none has label %d, which image %zu of %s has; complete the list, or remove it",
            path, list.count, set->labels[i], i, set->source);
    for (size_t i = 0; i < set->count; i++) set->labels[i] = (uint16_t)list.class_of[set->labels[i]];
    return set_change_classes(set, list.names, list.count);
}

bool class_list_values(const cf_set *set, uint16_t *values) {
    bool digits = true, counted = set->classes >= FEWEST_CLASSES;
    for (int k = 0; k < set->classes; k++) {
        const char *name = set->class_names[k];
        char number[12];
        snprintf(number, sizeof number, "%d", k);
        digits = digits && strlen(name) == 1 && name[0] >= '0' && name[0] <= '9';
        counted = counted && strcmp(name, number) == 0;
    }
    for (int k = 0; k < set->classes; k++) values[k] = (uint16_t)(digits ? set->class_names[k][0] - '0' : k);
    return !counted;
}

cf_status class_list_write(const char *path, const cf_set *set, const uint16_t *values) {
    FileDraft draft;
    FORWARD(file_draft(path, &draft));
    for (int k = 0; k < set->classes; k++) fprintf(draft.stream, "%d\t%s\n", values[k], set->class_names[k]);
    return file_commit(&draft);
}
