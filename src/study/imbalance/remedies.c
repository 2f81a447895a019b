#include "study/imbalance/remedies.h"

#include "base/memory.h"
#include "base/text.h"
#include "train/train_options.h"

#include <stdlib.h>
#include <string.h>

/* ldam's margins come with weights that hold for the last fifth (deferred reweighting, Cao et al. 2019). */
const RemedyPart remedy_parts[] = {
    {"pretrained", "begins with the weights of another network", .kind = REMEDY_PRETRAINED},
    {"augment", "augmentation", .kind = REMEDY_AUGMENT},
    {"weights", "the loss of a class by its share", {{"class_weights", "balanced"}}, REMEDY_SETTINGS},
    {"effective",
     "the same by the effective number of images, 0.9999",
     {{"class_weights", "effective 0.9999"}},
     REMEDY_SETTINGS},
    {"focal", "focal loss, gamma 2", {{"loss", "focal 2"}}, REMEDY_SETTINGS},
    {"ldam",
     "margins by class size, weights deferred",
     {{"loss", "ldam"}, {"class_weights", "effective 0.9999"}, {"reweight_from", "0.8"}},
     REMEDY_SETTINGS},
    {"adjust", "logits adjusted by the classes' shares while training", {{"logit_adjust", "1"}}, REMEDY_SETTINGS},
    {"balanced", "as many images of each class in an epoch", {{"sample", "balanced"}}, REMEDY_SETTINGS},
    {"sqrt", "by the square roots of the classes' sizes", {{"sample", "sqrt"}}, REMEDY_SETTINGS},
    {"smote", "mixtures of neighbouring images of a class", {{"sample", "smote"}}, REMEDY_SETTINGS},
    {"head", "then the head again, balanced", {{"sample", "balanced"}}, REMEDY_HEAD},
    {"head-smote", "then the head again, on mixtures of features", {{"sample", "smote-features"}}, REMEDY_HEAD},
    {"head-natural",
     "then the head again, as the images are: what more steps do",
     {{"sample", "natural"}},
     REMEDY_HEAD},
    {"moved", "then the threshold moved by the classes' shares", .kind = REMEDY_MOVED},
    {.name = NULL}};

const char remedies_usual[] =
    "nothing,weights,effective,focal,ldam,adjust,balanced,sqrt,smote,moved,head-natural,head,head-smote,"
    "augment,augment+balanced,augment+weights,augment+adjust,augment+moved,augment+head";

static const char *nearest_hint(const char *word) {
    const char *words[COUNT_OF(remedy_parts) + 1] = {"nothing"};
    for (size_t i = 0; remedy_parts[i].name; i++) words[i + 1] = remedy_parts[i].name;
    return text_hint(word, words);
}

/* Of the same training, both set the same option. */
static bool contradict(const RemedyPart *a, const RemedyPart *b) {
    if ((a->kind == REMEDY_HEAD) != (b->kind == REMEDY_HEAD)) return false;
    for (int i = 0; a->settings[i].option; i++)
        for (int k = 0; b->settings[k].option; k++)
            if (strcmp(a->settings[i].option, b->settings[k].option) == 0) return true;
    return false;
}

/* A threshold can be moved by the shares of the training images where these are what the network has learned. */
static bool hides_shares(const RemedyPart *part) {
    return part->kind == REMEDY_HEAD || (part->kind == REMEDY_SETTINGS && strcmp(part->name, "focal") != 0);
}

static bool has_part(const Remedy *remedy, const RemedyPart *part) {
    return remedy->parts & 1u << (part - remedy_parts);
}

static cf_status add_part(const char *name, Remedy *remedy) {
    const RemedyPart *part = remedy_parts;
    while (part->name && strcmp(part->name, name) != 0) part++;
    FAIL_IF(!part->name, CF_BAD_USE, "there is no remedy \"%s\"%s; cifra imbalance --help lists them", name,
            nearest_hint(name));
    for (const RemedyPart *other = remedy_parts; other->name; other++) {
        if (!has_part(remedy, other)) continue;
        FAIL_IF(other == part, CF_BAD_USE, "remedy \"%s\": %s is in it twice", remedy->name, name);
        FAIL_IF(contradict(part, other), CF_BAD_USE, "remedy \"%s\": %s and %s set the same option", remedy->name,
                other->name, name);
        FAIL_IF((part->kind == REMEDY_MOVED && hides_shares(other)) ||
                    (other->kind == REMEDY_MOVED && hides_shares(part)),
                CF_BAD_USE,
                "remedy \"%s\": moved is for a network that has learned the classes' shares, which %s takes away",
                remedy->name, part->kind == REMEDY_MOVED ? other->name : name);
    }
    remedy->parts |= 1u << (part - remedy_parts);
    return CF_OK;
}

/* In the order of the table, so that a folder is the same whoever asks for it in whatever order. */
static void name_parts(Remedy *remedy) {
    size_t used = 0;
    snprintf(remedy->name, sizeof remedy->name, "nothing");
    for (const RemedyPart *part = remedy_parts; part->name; part++) {
        if (!has_part(remedy, part)) continue;
        snprintf(remedy->name + used, sizeof remedy->name - used, "%s%s", used ? "+" : "", part->name);
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
    AUTO_FREE char *copy = NULL;
    *count = 0;
    FORWARD(add_remedy("nothing", remedies, count));
    FORWARD(memory_copy_string(list, &copy));
    for (char *rest = copy, *word; (word = strsep(&rest, ","));) FORWARD(add_remedy(word, remedies, count));
    return CF_OK;
}

/* Bits of the parts of a kind. */
static unsigned parts_of(int kind) {
    unsigned parts = 0;
    for (int i = 0; remedy_parts[i].name; i++)
        if ((int)remedy_parts[i].kind == kind) parts |= 1u << i;
    return parts;
}

bool remedy_has(const Remedy *remedy, int kind) {
    return remedy->parts & parts_of(kind);
}

static Remedy without(const Remedy *remedy, unsigned parts) {
    Remedy rest = {.parts = remedy->parts & ~parts};
    name_parts(&rest);
    return rest;
}

Remedy remedy_first(const Remedy *remedy) {
    return without(remedy, parts_of(REMEDY_HEAD) | parts_of(REMEDY_MOVED));
}

Remedy remedy_trained(const Remedy *remedy) {
    return without(remedy, parts_of(REMEDY_MOVED));
}

/* `settings` end with one without an option. */
static cf_status set_options(const RemedySetting *settings, cf_train_options *train) {
    for (; settings->option; settings++) {
        const TrainOption *option = train_options;
        while (option->name && strcmp(option->name, settings->option) != 0) option++;
        FAIL_IF(!option->name, CF_INTERNAL, "a remedy sets %s, which is no option of a training", settings->option);
        FORWARD(train_option_set(option, settings->value, train));
    }
    return CF_OK;
}

cf_status remedy_lay(const Remedy *remedy, bool head, const char *augment, cf_train_options *train) {
    /* The head's own training: of the first one's it keeps what is about steps, not what is about classes. */
    static const RemedySetting cleared[] = {{"class_weights", "none"}, {"loss", "ce"},         {"logit_adjust", "0"},
                                            {"reweight_from", "0"},    {"augment", "none"},    {"head_epochs", "0"},
                                            {"lr_backbone", "1"},      {"freeze", "backbone"}, {NULL, NULL}};
    if (head) FORWARD(set_options(cleared, train));
    for (const RemedyPart *part = remedy_parts; part->name; part++) {
        if (!has_part(remedy, part) || (part->kind == REMEDY_HEAD) != head) continue;
        if (part->kind == REMEDY_AUGMENT)
            FORWARD(set_options((RemedySetting[]){{"augment", augment}, {NULL, NULL}}, train));
        FORWARD(set_options(part->settings, train));
    }
    return CF_OK;
}
