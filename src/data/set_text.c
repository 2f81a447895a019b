#include "data/set_text.h"

#include "base/files.h"
#include "base/limits.h"
#include "base/text.h"
#include "data/generate/generated_set.h"

#include <stdlib.h>
#include <string.h>

const char *const fit_words[] = {"squash", "crop", "pad", NULL};

/* What a text says; what it does not say is zero. */
typedef struct Said {
    char *plain;
    ReadOptions options;
    bool fit_given;
} Said;

static void said_free(Said *said) {
    free(said->plain);
}

/* "64" or "96x64" (width x height). */
static cf_status read_size(const char *text, int *width, int *height) {
    char *end;
    long long w = strtoll(text, &end, 10), h = w;
    const bool good = end != text && w >= 1 && w <= LONGEST_SIDE &&
                      (*end == 'x' ? text_to_integer(end + 1, 1, LONGEST_SIDE, &h) : *end == '\0');
    FAIL_IF(!good, CF_BAD_USE, "size %s: N or WIDTHxHEIGHT was expected, in pixels from 1 to %d, such as 64 or 96x64",
            text, LONGEST_SIDE);
    *width = (int)w;
    *height = (int)h;
    return CF_OK;
}

cf_status fit_read(const char *text, Fit *fit) {
    for (int f = 0; fit_words[f]; f++) {
        if (strcmp(fit_words[f], text) != 0) continue;
        *fit = (Fit)f;
        return CF_OK;
    }
    return FAIL(CF_BAD_USE, "fit %s: squash, crop or pad was expected%s", text, text_hint(text, fit_words));
}

static cf_status read_item(int key, const char *value, Said *said) {
    ReadOptions *o = &said->options;
    if (key == KEY_SIZE) return read_size(value, &o->width, &o->height);
    if (key == KEY_MOST) return read_size(value, &o->most_width, &o->most_height);
    if (key == KEY_TRAIN) {
        o->sample.train_given = true;
        return set_item_count(set_item_keys[key], value, 1, &o->sample.train);
    }
    if (key == KEY_TEST) {
        o->sample.test_given = true;
        return set_item_count(set_item_keys[key], value, 0, &o->sample.test);
    }
    if (key == KEY_FIT) {
        said->fit_given = true;
        return fit_read(value, &o->fit);
    }
    FAIL_IF(strcmp(value, "skip") != 0, CF_BAD_USE, "broken=%s: broken=skip was expected", value);
    o->skip_broken = true;
    return CF_OK;
}

/* The items of `text`, cut in place: ours are read, the others are put behind each other into `rest` (NULL: there may be none). */
static cf_status read_items(char *text, Said *said, char *rest) {
    for (char *item; (item = strsep(&text, ","));) {
        const int key = set_item_key(item, rest != NULL);
        if (key >= 0) {
            FORWARD(read_item(key, strchr(item, '=') + 1, said));
        } else if (rest && *item) {
            if (*rest) strcat(rest, ",");
            strcat(rest, item);
        } else if (*item) {
            char word[32];
            snprintf(word, sizeof word, "%.*s", (int)strcspn(item, "="), item);
            return FAIL(CF_BAD_USE, "\"%s\" says nothing of how a set is read: size, fit, broken, n and test do%s",
                        item, text_hint(word, set_item_keys));
        }
    }
    return CF_OK;
}

/* "hand:blur=0:2,size=32": all items stand behind the first ':'. */
static cf_status read_generated(const char *text, Said *said) {
    const size_t name = strcspn(text, ":");
    AUTO_FREE char *copy = NULL;
    FORWARD(memory_copy_string(text, &said->plain));
    if (!text[name]) return CF_OK;
    FORWARD(memory_copy_string(text + name + 1, &copy));
    char *rest = said->plain + name + 1;
    *rest = '\0';
    FORWARD(read_items(copy, said, rest));
    if (!*rest) said->plain[name] = '\0';
    return CF_OK;
}

/* Whether what stands behind a ':' is meant as items: "photos:sise=64" is a mistake, "c:x" a name. */
static bool looks_like_items(const char *text) {
    return text[0] >= 'a' && text[0] <= 'z' && strchr(text, '=') && !strchr(text, '/');
}

static cf_status read_text(const char *text, Said *said) {
    AUTO_FREE char *copy = NULL;
    if (generator_named(text)) return read_generated(text, said);
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || !looks_like_items(colon + 1) || file_exists(text))
        return memory_copy_string(text, &said->plain);
    FORWARD(memory_print(&said->plain, "%.*s", (int)(colon - text), text));
    FORWARD(memory_copy_string(colon + 1, &copy));
    const cf_status status = read_items(copy, said, NULL);
    return status ? status_prefix(status, "data set %s", text) : CF_OK;
}

static cf_status write_text(const Said *said, char **text) {
    const ReadOptions *o = &said->options;
    char items[128] = "";
    if (o->width) text_append(items, sizeof items, ",size=%dx%d", o->width, o->height);
    if (o->most_width) text_append(items, sizeof items, ",most=%dx%d", o->most_width, o->most_height);
    if (o->fit) text_append(items, sizeof items, ",fit=%s", fit_words[o->fit]);
    if (o->skip_broken) text_append(items, sizeof items, ",broken=skip");
    if (o->sample.train_given) text_append(items, sizeof items, ",n=%zu", o->sample.train);
    if (o->sample.test_given) text_append(items, sizeof items, ",test=%zu", o->sample.test);
    const bool open = generator_named(said->plain) && strchr(said->plain, ':');
    if (*items && !open) items[0] = ':';
    return memory_print(text, "%s%s", said->plain, items);
}

cf_status set_text_read(const char *text, char **plain, ReadOptions *options) {
    AUTO(said_free) Said said = {0};
    FORWARD(read_text(text, &said));
    *options = said.options;
    *plain = memory_take(&said.plain);
    return CF_OK;
}

cf_status set_text_with(const char *text, const char *items, char **laid) {
    AUTO(said_free) Said said = {0};
    AUTO_FREE char *copy = NULL;
    FORWARD(read_text(text, &said));
    FORWARD(memory_copy_string(items, &copy));
    FORWARD(read_items(copy, &said, NULL));
    return write_text(&said, laid);
}

cf_status set_text_like(const char *text, const char *from, char **laid) {
    AUTO(said_free) Said said = {0}, other = {0};
    ReadOptions *own = &said.options;
    FORWARD(read_text(text, &said));
    FORWARD(read_text(from, &other));
    if (!own->width) own->width = other.options.width, own->height = other.options.height;
    if (!own->most_width) own->most_width = other.options.most_width, own->most_height = other.options.most_height;
    if (!said.fit_given) own->fit = other.options.fit;
    return write_text(&said, laid);
}
