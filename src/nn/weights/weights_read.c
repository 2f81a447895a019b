/* Names of tensors as other programs write them, and as the layers of a network here have them: one table of rules.
 *
 * A rule is a row: a pattern, in which each '*' stands for some text, and the name that it becomes. Rules are grouped by the network
 * that they are for, which a tensor of its tells; and a rule is followed only to a name that the network has.
 */
#include "nn/weights/weights_read.h"

#include "base/memory.h"
#include "nn/parameters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 256, MOST_STEPS = 6 };

typedef struct NameRule {
    const char *from, *to;
    bool again; /* what it gives is looked up anew; else it is a name of the network, or the rule does not apply */
} NameRule;

/* clang-format off */
/* What wraps a network: DataParallel, torch.compile, modules that have it as a member. */
static const NameRule wrapper_rules[] = {
    {"module.*", "*", true}, {"_orig_mod.*", "*", true}, {"model.*", "*", true}, {"net.*", "*", true}, {"backbone.*", "*", true},
};

/* EfficientNet-Lite0: timm's names to those of efficientnet-lite-pytorch. A block of timm's stage and number has the number n. */
#define STAGE(at, n)       {"blocks." at ".*", "blocks:" n ".*", true}
#define INVERTED(from, to) {"blocks:*." from ".*", "_blocks.*." to ".*", false}
static const NameRule lite_rules[] = {
    {"conv_stem.*", "_conv_stem.*", false}, {"bn1.*", "_bn0.*", false},
    {"blocks.0.0.conv_dw.*", "_blocks.0._depthwise_conv.*", false}, {"blocks.0.0.bn1.*", "_blocks.0._bn1.*", false},
    {"blocks.0.0.conv_pw.*", "_blocks.0._project_conv.*", false}, {"blocks.0.0.bn2.*", "_blocks.0._bn2.*", false},
    STAGE("1.0", "1"), STAGE("1.1", "2"), STAGE("2.0", "3"), STAGE("2.1", "4"), STAGE("3.0", "5"), STAGE("3.1", "6"),
    STAGE("3.2", "7"), STAGE("4.0", "8"), STAGE("4.1", "9"), STAGE("4.2", "10"), STAGE("5.0", "11"), STAGE("5.1", "12"),
    STAGE("5.2", "13"), STAGE("5.3", "14"), STAGE("6.0", "15"),
    INVERTED("conv_pw", "_expand_conv"), INVERTED("bn1", "_bn0"), INVERTED("conv_dw", "_depthwise_conv"), INVERTED("bn2", "_bn1"),
    INVERTED("conv_pwl", "_project_conv"), INVERTED("bn3", "_bn2"),
    {"conv_head.*", "_conv_head.*", false}, {"bn2.*", "_bn1.*", false}, {"classifier.*", "_fc.*", false},
};

/* MobileNetV3-small: torchvision's names (block n, its last part) and timm's (stage and number) to the numbered ones of
 * mobilenet-small. Gates are left out: theirs have other widths and a hard sigmoid. */
#define MOBILE(n, last, at, expand, norm1, window, norm2, project, norm3) \
    {"features." n ".block.0.0.*", "conv" expand ".*", false},            {"blocks." at ".conv_pw.*", "conv" expand ".*", false}, \
    {"features." n ".block.0.1.*", "bn" norm1 ".*", false},               {"blocks." at ".bn1.*", "bn" norm1 ".*", false}, \
    {"features." n ".block.1.0.*", "dwconv" window ".*", false},          {"blocks." at ".conv_dw.*", "dwconv" window ".*", false}, \
    {"features." n ".block.1.1.*", "bn" norm2 ".*", false},               {"blocks." at ".bn2.*", "bn" norm2 ".*", false}, \
    {"features." n ".block." last ".0.*", "conv" project ".*", false},    {"blocks." at ".conv_pwl.*", "conv" project ".*", false}, \
    {"features." n ".block." last ".1.*", "bn" norm3 ".*", false},        {"blocks." at ".bn3.*", "bn" norm3 ".*", false}
static const NameRule mobile_rules[] = {
    {"features.0.0.*", "conv1.*", false},           {"conv_stem.*", "conv1.*", false},
    {"features.0.1.*", "bn1.*", false},
    {"features.1.block.0.0.*", "dwconv1.*", false}, {"blocks.0.0.conv_dw.*", "dwconv1.*", false},
    {"features.1.block.0.1.*", "bn2.*", false},     {"blocks.0.0.bn1.*", "bn2.*", false},
    {"features.1.block.2.0.*", "conv2.*", false},   {"blocks.0.0.conv_pw.*", "conv2.*", false},
    {"features.1.block.2.1.*", "bn3.*", false},     {"blocks.0.0.bn2.*", "bn3.*", false},
    MOBILE("2", "2", "1.0", "3", "4", "2", "5", "4", "6"),
    MOBILE("3", "2", "1.1", "5", "7", "3", "8", "6", "9"),
    MOBILE("4", "3", "2.0", "7", "10", "4", "11", "8", "12"),
    MOBILE("5", "3", "2.1", "9", "13", "5", "14", "10", "15"),
    MOBILE("6", "3", "2.2", "11", "16", "6", "17", "12", "18"),
    MOBILE("7", "3", "3.0", "13", "19", "7", "20", "14", "21"),
    MOBILE("8", "3", "3.1", "15", "22", "8", "23", "16", "24"),
    MOBILE("9", "3", "4.0", "17", "25", "9", "26", "18", "27"),
    MOBILE("10", "3", "4.1", "19", "28", "10", "29", "20", "30"),
    MOBILE("11", "3", "4.2", "21", "31", "11", "32", "22", "33"),
    {"features.12.0.*", "conv23.*", false},         {"blocks.5.0.conv.*", "conv23.*", false},
    {"features.12.1.*", "bn34.*", false},           {"blocks.5.0.bn1.*", "bn34.*", false},
};

/* A group is for networks that have the tensor `mark`. */
static const struct {
    const char *mark;
    const NameRule *rules;
    size_t count;
} groups[] = {
    {NULL, wrapper_rules, COUNT_OF(wrapper_rules)},
    {"_blocks.15._project_conv.weight", lite_rules, COUNT_OF(lite_rules)},
    {"dwconv11.weight", mobile_rules, COUNT_OF(mobile_rules)},
};
/* clang-format on */

/* ---- One name ---- */

/* The text of each '*' is the shortest that fits, that of the last one all that is left. */
static bool apply_rule(const NameRule *rule, const char *name, char made[LONGEST]) {
    const char *to = rule->to;
    size_t used = 0;
    for (const char *from = rule->from; *from;) {
        if (*from != '*') {
            if (*name++ != *from++) return false;
            continue;
        }
        char next[LONGEST];
        const size_t literal = strcspn(++from, "*"), before = strcspn(to, "*");
        snprintf(next, sizeof next, "%.*s", (int)literal, from);
        const char *end = literal ? strstr(name, next) : name + strlen(name);
        if (!end || end == name) return false;
        const int written = snprintf(made + used, LONGEST - used, "%.*s%.*s", (int)before, to, (int)(end - name), name);
        used += (size_t)written;
        if (used >= LONGEST) return false;
        to += before + 1;
        name = end;
    }
    return !*name;
}

static bool is_own_name(const NameTable *own, const char *name) {
    return name_table_find(own, name, strlen(name)) >= 0;
}

/* Whether rules lead from `name` to one of the network's, which then is `made`. */
static bool find_name(const NameTable *own, const char *name, int steps, char made[LONGEST]) {
    for (size_t g = 0; g < COUNT_OF(groups) && steps; g++) {
        if (groups[g].mark && !is_own_name(own, groups[g].mark)) continue;
        for (size_t i = 0; i < groups[g].count; i++) {
            char next[LONGEST];
            if (!apply_rule(&groups[g].rules[i], name, next)) continue;
            if (is_own_name(own, next)) {
                memcpy(made, next, sizeof next);
                return true;
            }
            if (groups[g].rules[i].again && find_name(own, next, steps - 1, made)) return true;
        }
    }
    return false;
}

/* ---- All names of a file ---- */

static cf_status map_all(const char *path, const NameTable *own, StoredFile *file) {
    AUTO_FREE char(*names)[LONGEST] = NULL;
    size_t renamed = 0;
    FORWARD(memory_new(file->tensor_count, sizeof *names, &names));
    for (size_t t = 0; t < file->tensor_count; t++) {
        const char *name = file->tensors[t].name;
        if (!is_own_name(own, name) && find_name(own, name, MOST_STEPS, names[renamed]))
            file->tensors[t].name = names[renamed++];
    }
    if (!renamed) return CF_OK;
    file->renamed = memory_take(&names);
    return safetensors_index(path, file);
}

/* The parameters' names, and those of PyTorch's counters of batches, which no network here has. */
static cf_status list_own_names(const Parameters *layout, char (*counters)[LONGEST], NameTable *own) {
    static const char statistic[] = ".running_mean";
    FORWARD(name_table_new(2 * (size_t)layout->count, own));
    for (int i = 0; i < layout->count; i++) {
        const char *name = layout->table[i].name, *end = strstr(name, statistic);
        name_table_put(own, name, i);
        if (!end || end[sizeof statistic - 1]) continue;
        snprintf(counters[i], LONGEST, "%.*s.num_batches_tracked", (int)(end - name), name);
        name_table_put(own, counters[i], i);
    }
    return CF_OK;
}

/* Renames the tensors of a file. A name that the layers have, and one that no rule leads to such a name, stays. CF_BAD_INPUT
 * where two tensors come to have one name. `path` is for messages. */
static cf_status map_names(const char *path, const LayerList *layers, StoredFile *file) {
    AUTO(parameters_free) Parameters layout = {0};
    AUTO(name_table_free) NameTable own = {0};
    AUTO_FREE char(*counters)[LONGEST] = NULL;
    FORWARD(parameters_layout(layers, &layout));
    FORWARD(memory_new((size_t)layout.count, sizeof *counters, &counters));
    FORWARD(list_own_names(&layout, counters, &own));
    return map_all(path, &own, file);
}

cf_status weights_read(const char *path, const LayerList *layers, StoredFile *file) {
    AUTO(safetensors_free) StoredFile made = {0};
    FORWARD(pth_is(path) ? pth_read(path, &made) : safetensors_read(path, &made));
    FORWARD(map_names(path, layers, &made));
    *file = made;
    made = (StoredFile){0};
    return CF_OK;
}
