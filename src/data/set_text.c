#include "data/set_text.h"

#include "base/files.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/generate/generated_set.h"

#include <stdlib.h>
#include <string.h>

const char *const fit_words[] = {"squash", "crop", "pad", NULL};

/* What a text says; what it does not say is zero. */
typedef struct Said {
    char *plain;
    int width, height, most_width, most_height;
    int fit; /* 1 more than the Fit */
    bool skip_broken;
    SetSample sample;
} Said;

/* "64" or "96x64" (width x height). */
static cf_status read_size(const char *text, int *width, int *height) {
    char first[16];
    long long w, h;
    const size_t length = strcspn(text, "x");
    snprintf(first, sizeof first, "%.*s", (int)length, text);
    const bool good = length < sizeof first && text_to_integer(first, 1, LONGEST_SIDE, &w) &&
                      text_to_integer(text[length] ? text + length + 1 : first, 1, LONGEST_SIDE, &h);
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

static cf_status read_fit(const char *value, int *fit) {
    Fit read = FIT_SQUASH;
    FORWARD(fit_read(value, &read));
    *fit = (int)read + 1;
    return CF_OK;
}

static cf_status read_count(int key, const char *value, size_t *count, bool *given) {
    const int least = key == KEY_TRAIN;
    long long number;
    FAIL_IF(!text_to_integer(value, least, UINT32_MAX, &number), CF_BAD_USE,
            "%s=%s: a whole number from %d to %u was expected", set_item_keys[key], value, least, UINT32_MAX);
    *count = (size_t)number;
    *given = true;
    return CF_OK;
}

static cf_status read_item(int key, const char *value, Said *said) {
    switch (key) {
    case KEY_SIZE:
        return read_size(value, &said->width, &said->height);
    case KEY_MOST:
        return read_size(value, &said->most_width, &said->most_height);
    case KEY_FIT:
        return read_fit(value, &said->fit);
    case KEY_TRAIN:
        return read_count(key, value, &said->sample.train, &said->sample.train_given);
    case KEY_TEST:
        return read_count(key, value, &said->sample.test, &said->sample.test_given);
    default:
        FAIL_IF(strcmp(value, "skip") != 0, CF_BAD_USE, "broken=%s: broken=skip was expected", value);
        said->skip_broken = true;
        return CF_OK;
    }
}

/* The items of `text`, cut in place: ours are read, the others are put behind each other into `rest` (NULL: there may be none). */
static cf_status read_items(char *text, Said *said, char *rest) {
    for (char *item = text, *next; item; item = next) {
        next = strchr(item, ',');
        if (next) *next++ = '\0';
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
    char *copy;
    if (!text[name]) return memory_copy_string(text, &said->plain);
    FORWARD(memory_print(&said->plain, "%s", text));
    cf_status status = memory_copy_string(text + name + 1, &copy);
    FORWARD(status);
    char *rest = said->plain + name + 1;
    *rest = '\0';
    status = read_items(copy, said, rest);
    if (!*rest) said->plain[name] = '\0';
    free(copy);
    return status;
}

/* Whether what stands behind a ':' is meant as items: "photos:sise=64" is a mistake, "c:x" a name. */
static bool looks_like_items(const char *text) {
    return text[0] >= 'a' && text[0] <= 'z' && strchr(text, '=') && !strchr(text, '/');
}

static cf_status read_text(const char *text, Said *said) {
    char *copy;
    *said = (Said){0};
    if (generator_named(text)) return read_generated(text, said);
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || !looks_like_items(colon + 1) || file_exists(text))
        return memory_copy_string(text, &said->plain);
    FORWARD(memory_print(&said->plain, "%.*s", (int)(colon - text), text));
    FORWARD(memory_copy_string(colon + 1, &copy));
    cf_status status = read_items(copy, said, NULL);
    free(copy);
    return status ? status_prefix(status, "data set %s", text) : CF_OK;
}

static cf_status write_text(const Said *said, char **text) {
    char items[128] = "";
    size_t used = 0;
    const size_t room = sizeof items;
    if (said->width) used += (size_t)snprintf(items, room, ",size=%dx%d", said->width, said->height);
    if (said->most_width)
        used += (size_t)snprintf(items + used, room - used, ",most=%dx%d", said->most_width, said->most_height);
    if (said->fit > 1) used += (size_t)snprintf(items + used, room - used, ",fit=%s", fit_words[said->fit - 1]);
    if (said->skip_broken) used += (size_t)snprintf(items + used, room - used, ",broken=skip");
    if (said->sample.train_given) used += (size_t)snprintf(items + used, room - used, ",n=%zu", said->sample.train);
    if (said->sample.test_given) used += (size_t)snprintf(items + used, room - used, ",test=%zu", said->sample.test);
    const bool open = generator_named(said->plain) && strchr(said->plain, ':');
    if (used && !open) items[0] = ':';
    return memory_print(text, "%s%s", said->plain, items);
}

cf_status set_text_read(const char *text, char **plain, ReadOptions *options) {
    Said said;
    cf_status status = read_text(text, &said);
    if (status) {
        free(said.plain);
        return status;
    }
    *options = (ReadOptions){.height = said.height,
                             .width = said.width,
                             .most_height = said.most_height,
                             .most_width = said.most_width,
                             .fit = said.fit ? (Fit)(said.fit - 1) : FIT_SQUASH,
                             .skip_broken = said.skip_broken,
                             .sample = said.sample};
    *plain = said.plain;
    return CF_OK;
}

cf_status set_text_with(const char *text, const char *items, char **laid) {
    Said said;
    char *copy = NULL;
    cf_status status = read_text(text, &said);
    if (!status) status = memory_copy_string(items, &copy);
    if (!status) status = read_items(copy, &said, NULL);
    if (!status) status = write_text(&said, laid);
    free(copy);
    free(said.plain);
    return status;
}

cf_status set_text_like(const char *text, const char *from, char **laid) {
    Said said, other = {0};
    cf_status status = read_text(text, &said);
    if (!status) status = read_text(from, &other);
    if (!status) {
        if (!said.width) {
            said.width = other.width;
            said.height = other.height;
        }
        if (!said.most_width) {
            said.most_width = other.most_width;
            said.most_height = other.most_height;
        }
        if (!said.fit) said.fit = other.fit;
        status = write_text(&said, laid);
    }
    free(said.plain);
    free(other.plain);
    return status;
}
