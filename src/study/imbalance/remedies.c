#include "study/imbalance/remedies.h"

#include "base/memory.h"
#include "base/text.h"
#include "train/train_options.h"

#include <stdlib.h>
#include <string.h>

/* ldam's margins come with weights that hold for the last fifth (deferred reweighting, Cao et al. 2019). */
const RemedyPart remedy_parts[] = {
    {"pretrained", "begins with the weights of another network", {NULL}, REMEDY_PRETRAINED},
    {"augment", "augmentation", {NULL}, REMEDY_AUGMENT},
    {"weights", "the loss of a class by its share", {"class_weights=balanced"}, REMEDY_SETTINGS},
    {"effective",
     "the same by the effective number of images, 0.9999",
     {"class_weights=effective 0.9999"},
     REMEDY_SETTINGS},
    {"focal", "focal loss, gamma 2", {"loss=focal 2"}, REMEDY_SETTINGS},
    {"ldam",
     "margins by class size, weights deferred",
     {"loss=ldam", "class_weights=effective 0.9999", "reweight_from=0.8"},
     REMEDY_SETTINGS},
    {"adjust", "logits adjusted by the classes' shares while training", {"logit_adjust=1"}, REMEDY_SETTINGS},
    {"balanced", "as many images of each class in an epoch", {"sample=balanced"}, REMEDY_SETTINGS},
    {"sqrt", "by the square roots of the classes' sizes", {"sample=sqrt"}, REMEDY_SETTINGS},
    {"smote", "mixtures of neighbouring images of a class", {"sample=smote"}, REMEDY_SETTINGS},
    {"head", "then the head again, balanced", {"sample=balanced"}, REMEDY_HEAD},
    {"head-smote", "then the head again, on mixtures of features", {"sample=smote-features"}, REMEDY_HEAD},
    {"head-natural", "then the head again, as the images are: what more steps do", {"sample=natural"}, REMEDY_HEAD},
    {"moved", "then the threshold moved by the classes' shares", {NULL}, REMEDY_MOVED},
    {.name = NULL}};

const char remedies_usual[] =
    "nothing,weights,effective,focal,ldam,adjust,balanced,sqrt,smote,moved,head-natural,head,head-smote,"
    "augment,augment+balanced,augment+weights,augment+adjust,augment+moved,augment+head";

static const char *nearest_hint(const char *word) {
    const char *words[COUNT_OF(remedy_parts) + 1] = {"nothing"};
    for (size_t i = 0; remedy_parts[i].name; i++) words[i + 1] = remedy_parts[i].name;
    return text_hint(word, words);
}

static cf_status find_part(const char *name, int *place) {
    for (*place = 0; remedy_parts[*place].name; ++*place)
        if (strcmp(remedy_parts[*place].name, name) == 0) return CF_OK;
    return FAIL(CF_BAD_USE, "there is no remedy \"%s\"%s; cifra imbalance --help lists them", name, nearest_hint(name));
}

/* Of the same training, both set the same option. */
static bool contradict(const RemedyPart *a, const RemedyPart *b) {
    if ((a->kind == REMEDY_HEAD) != (b->kind == REMEDY_HEAD)) return false;
    for (int i = 0; a->settings[i]; i++)
        for (int k = 0; b->settings[k]; k++)
            if (strncmp(a->settings[i], b->settings[k], strcspn(a->settings[i], "=") + 1) == 0) return true;
    return false;
}

/* A threshold can be moved by the shares of the training images where these are what the network has learned. */
static bool hides_shares(const RemedyPart *part) {
    return part->kind == REMEDY_HEAD || (part->kind == REMEDY_SETTINGS && strcmp(part->name, "focal") != 0);
}

static cf_status add_part(const char *name, Remedy *remedy) {
    int place;
    FORWARD(find_part(name, &place));
    const RemedyPart *part = &remedy_parts[place];
    for (int i = 0; remedy_parts[i].name; i++) {
        const RemedyPart *other = &remedy_parts[i];
        if (!(remedy->parts & 1u << i)) continue;
        FAIL_IF(i == place, CF_BAD_USE, "remedy \"%s\": %s is in it twice", remedy->name, name);
        FAIL_IF(contradict(part, other), CF_BAD_USE, "remedy \"%s\": %s and %s set the same option", remedy->name,
                other->name, name);
        FAIL_IF((part->kind == REMEDY_MOVED && hides_shares(other)) ||
                    (other->kind == REMEDY_MOVED && hides_shares(part)),
                CF_BAD_USE,
                "remedy \"%s\": moved is for a network that has learned the classes' shares, which %s takes away",
                remedy->name, part->kind == REMEDY_MOVED ? other->name : name);
    }
    remedy->parts |= 1u << place;
    return CF_OK;
}

/* In the order of the table, so that a folder is the same whoever asks for it in whatever order. */
static void name_parts(Remedy *remedy) {
    size_t used = 0;
    snprintf(remedy->name, sizeof remedy->name, "nothing");
    for (int i = 0; remedy_parts[i].name; i++) {
        if (!(remedy->parts & 1u << i)) continue;
        snprintf(remedy->name + used, sizeof remedy->name - used, "%s%s", used ? "+" : "", remedy_parts[i].name);
        used = strlen(remedy->name);
    }
}

cf_status remedy_read(const char *name, Remedy *remedy) {
    char copy[REMEDY_NAME], *rest = copy, *word;
    Remedy made = {0};
    FAIL_IF(strlen(name) >= REMEDY_NAME || !*name, CF_BAD_USE,
            "a remedy's name of up to %d letters expected, found \"%.80s\"", REMEDY_NAME - 1, name);
    snprintf(made.name, sizeof made.name, "%s", name);
    snprintf(copy, sizeof copy, "%s", name);
    while (strcmp(name, "nothing") != 0 && (word = strsep(&rest, "+"))) FORWARD(add_part(word, &made));
    name_parts(&made);
    *remedy = made;
    return CF_OK;
}

/* One of the same parts, in whatever order, is there once. */
static cf_status add_remedy(const char *name, Remedy *remedies, int *count) {
    Remedy remedy;
    FORWARD(remedy_read(name, &remedy));
    for (int i = 0; i < *count; i++)
        if (remedies[i].parts == remedy.parts) return CF_OK;
    FAIL_IF(*count == MOST_REMEDIES, CF_BAD_USE, "at most %d remedies expected", MOST_REMEDIES);
    remedies[(*count)++] = remedy;
    return CF_OK;
}

cf_status remedies_read(const char *list, Remedy remedies[MOST_REMEDIES], int *count) {
    char *copy, *rest, *word;
    *count = 0;
    FORWARD(add_remedy("nothing", remedies, count));
    FORWARD(memory_copy_string(list, &copy));
    rest = copy;
    cf_status status = CF_OK;
    while (!status && (word = strsep(&rest, ","))) status = add_remedy(word, remedies, count);
    free(copy);
    return status;
}

bool remedy_has(const Remedy *remedy, int kind) {
    for (int i = 0; remedy_parts[i].name; i++)
        if (remedy->parts & 1u << i && (int)remedy_parts[i].kind == kind) return true;
    return false;
}

static Remedy without(const Remedy *remedy, unsigned parts) {
    Remedy rest = {.parts = remedy->parts & ~parts};
    name_parts(&rest);
    return rest;
}

static unsigned parts_of(int kind) {
    unsigned parts = 0;
    for (int i = 0; remedy_parts[i].name; i++)
        if ((int)remedy_parts[i].kind == kind) parts |= 1u << i;
    return parts;
}

Remedy remedy_first(const Remedy *remedy) {
    return without(remedy, parts_of(REMEDY_HEAD) | parts_of(REMEDY_MOVED));
}

Remedy remedy_trained(const Remedy *remedy) {
    return without(remedy, parts_of(REMEDY_MOVED));
}

static cf_status set_option(const char *name, size_t length, const char *value, cf_train_options *train) {
    for (const TrainOption *option = train_options; option->name; option++)
        if (strlen(option->name) == length && strncmp(option->name, name, length) == 0)
            return train_option_set(option, value, train);
    return FAIL(CF_INTERNAL, "a remedy sets %s, which is no option of a training", name);
}

/* The head's own training: of the first one's it keeps what is about steps, not what is about classes. */
static cf_status clear_for_head(cf_train_options *train) {
    static const char *const cleared[] = {"class_weights=none", "loss=ce",       "logit_adjust=0", "reweight_from=0",
                                          "augment=none",       "head_epochs=0", "lr_backbone=1",  "freeze=backbone"};
    for (size_t i = 0; i < COUNT_OF(cleared); i++) {
        const size_t length = strcspn(cleared[i], "=");
        FORWARD(set_option(cleared[i], length, cleared[i] + length + 1, train));
    }
    return CF_OK;
}

cf_status remedy_lay(const Remedy *remedy, bool head, const char *augment, cf_train_options *train) {
    if (head) FORWARD(clear_for_head(train));
    for (int i = 0; remedy_parts[i].name; i++) {
        const RemedyPart *part = &remedy_parts[i];
        if (!(remedy->parts & 1u << i) || (part->kind == REMEDY_HEAD) != head) continue;
        if (part->kind == REMEDY_AUGMENT) FORWARD(set_option("augment", strlen("augment"), augment, train));
        for (int k = 0; part->settings[k]; k++) {
            const size_t length = strcspn(part->settings[k], "=");
            FORWARD(set_option(part->settings[k], length, part->settings[k] + length + 1, train));
        }
    }
    return CF_OK;
}
