#include "base/yaml.h"

#include "base/files.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether the line (up to its end or a comment) has `key:`, not as a part of another word. */
static bool line_has_key(const char *line, const char *key) {
    size_t length = strlen(key);
    for (const char *p = line; *p && *p != '\n'; p++) {
        if (*p == '#' && (p == line || p[-1] == ' ')) return false;
        if (strncmp(p, key, length) != 0 || (p > line && !strchr(" -{,\"'", p[-1]))) continue;
        const char *after = p + length;
        after += strspn(after, " \"'");
        if (*after == ':') return true;
    }
    return false;
}

/* The line (from 1) that has `key` for the time number `which` (from 0); 0: none. */
int yaml_line_of_key(const char *text, const char *key, int which) {
    int number = 1;
    for (const char *line = text; line; number++) {
        if (line_has_key(line, key) && which-- == 0) return number;
        line = strchr(line, '\n');
        if (line) line++;
    }
    return 0;
}

const char *yaml_built_in(const EmbeddedFile *files, const char *name) {
    const size_t length = strlen(name);
    for (const EmbeddedFile *f = files; f->name; f++)
        if (strncmp(f->name, name, length) == 0 && strcmp(f->name + length, ".yaml") == 0) return (const char *)f->text;
    return NULL;
}

cf_status yaml_text(const EmbeddedFile *files, const char *name_or_path, char **text) {
    const char *built_in = yaml_built_in(files, name_or_path);
    unsigned char *bytes;
    size_t size;
    if (built_in) return memory_copy_string(built_in, text);
    FORWARD(file_read(name_or_path, MOST_YAML_BYTES, &bytes, &size));
    *text = (char *)bytes;
    return CF_OK;
}

/* ---- What libcyaml complains of ---- */

typedef struct Complaint {
    char what[200];
    int line; /* 0: not told */
} Complaint;

static void listen(cyaml_log_t level, void *context, const char *format, va_list arguments) {
    static const char opening[] = "Load: ";
    Complaint *complaint = context;
    char text[256];
    (void)level;
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    const char *told = strncmp(text, opening, sizeof opening - 1) == 0 ? text + sizeof opening - 1 : text;
    const char *line = strstr(text, "(line: ");
    if (!complaint->what[0])
        snprintf(complaint->what, sizeof complaint->what, "%.199s", told);
    else if (line && !complaint->line)
        complaint->line = atoi(line + 7);
}

/* In our words where it is one of the usual mistakes. */
static cf_status tell_complaint(const char *path, const char *text, const char *const *keys, Complaint *c,
                                cyaml_err_t error) {
    char key[100], where[32] = "";
    if (sscanf(c->what, "Unexpected key: %99[^\n]", key) == 1) {
        int line = yaml_line_of_key(text, key, 0);
        return FAIL(CF_BAD_INPUT, "%s:%d: unknown key %s%s", path, line ? line : c->line, key, text_hint(key, keys));
    }
    if (c->line) snprintf(where, sizeof where, ":%d", c->line);
    if (sscanf(c->what, "Missing required mapping field: %99s", key) == 1)
        return FAIL(CF_BAD_INPUT, "%s%s: the key %s is missing", path, where, key);
    if (sscanf(c->what, "Invalid FLOAT value: %99[^\n]", key) == 1)
        return FAIL(CF_BAD_INPUT, "%s%s: a number expected, found %s", path, where, key);
    if (strstr(c->what, "Expecting SEQUENCE"))
        return FAIL(CF_BAD_INPUT, "%s%s: a list such as [a, b] expected, found something else", path, where);
    if (strstr(c->what, "entries") && strstr(c->what, "sequence"))
        return FAIL(CF_BAD_INPUT, "%s%s: a list of another length expected (a range has two numbers): %s", path, where,
                    c->what);
    /* libyaml has a text for each of its errors but this one. */
    FAIL_IF(error == CYAML_ERR_OOM || error == CYAML_ERR_LIBYAML_PARSER_INIT || strcmp(c->what, "libyaml: (null)") == 0,
            CF_NO_MEMORY, "%s%s: out of memory while reading it", path, where);
    return FAIL(CF_BAD_INPUT, "%s%s: %s", path, where, c->what[0] ? c->what : cyaml_strerror(error));
}

cf_status yaml_load(const char *path, const char *text, size_t size, const cyaml_schema_value_t *schema,
                    const char *const *keys, void *data) {
    Complaint complaint = {.line = 0};
    const cyaml_config_t config = {.log_fn = listen,
                                   .log_ctx = &complaint,
                                   .mem_fn = cyaml_mem,
                                   .log_level = CYAML_LOG_ERROR,
                                   .flags = CYAML_CFG_NO_ALIAS};
    cyaml_data_t *loaded = NULL;
    cyaml_err_t error = cyaml_load_data((const uint8_t *)text, size, &config, schema, &loaded, NULL);
    if (error) return tell_complaint(path, text, keys, &complaint, error);
    FAIL_IF(!loaded, CF_BAD_INPUT, "%s is empty; it may have the key %s, for instance", path, keys[0]);
    *(void **)data = loaded;
    return CF_OK;
}

void yaml_free(const cyaml_schema_value_t *schema, void *data) {
    const cyaml_config_t config = {.mem_fn = cyaml_mem};
    cyaml_free(&config, schema, data, 0);
}

cf_status yaml_at_key(cf_status status, const char *path, const char *text, const char *key, int which) {
    int line = yaml_line_of_key(text, key, which);
    if (status && line) return status_prefix(status, "%s:%d", path, line);
    return status ? status_prefix(status, "%s", path) : CF_OK;
}
