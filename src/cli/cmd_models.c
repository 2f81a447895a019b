/* cifra models: the named networks, and the layers of one. */
#include "cli/commands.h"

#include "cli/terminal.h"
#include "nn/models.h"

#include <stdio.h>

static json_t *model_json(const NamedModel *m, const LayerList *layers) {
    return json_pack("{s:s s:s s:I s:f s:[i i i] s:i s:s s:s}", "name", m->name, "line", m->line, "parameters",
                     (json_int_t)layer_list_parameters(layers), "mflop", layer_list_flops(layers) / 1e6, "input",
                     m->images.C, m->images.H, m->images.W, "classes", m->classes, "source", m->source, "about",
                     m->about);
}

static void print_row(const NamedModel *m, const LayerList *layers) {
    char images[40];
    snprintf(images, sizeof images, "%dx%dx%d", m->images.C, m->images.H, m->images.W);
    printf("%-18s %10zu %9.1f  %-9s %7d  %s%s%s\n", m->name, layer_list_parameters(layers),
           layer_list_flops(layers) / 1e6, images, m->classes, m->source, *m->source ? ": " : "", m->about);
}

static cf_status print_alone(const NamedModel *m, const LayerList *layers) {
    AUTO_FREE char *table = NULL;
    FORWARD(layer_list_table(layers, &table));
    printf("%s: %s%s%s\n\n%s\n\nOn images of %dx%dx%d with %d classes:\n\n%s", m->name, m->source,
           *m->source ? ": " : "", m->about, m->line, m->images.C, m->images.H, m->images.W, m->classes, table);
    return CF_OK;
}

static cf_status print_model(const NamedModel *m, bool alone, json_t *array) {
    AUTO(layer_list_free) LayerList layers = {0};
    FORWARD(model_line_parse(m->name, m->images, m->classes, &layers));
    if (alone && !array) return print_alone(m, &layers);
    if (array)
        json_array_append_new(array, model_json(m, &layers));
    else
        print_row(m, &layers);
    return CF_OK;
}

static cf_status run_models(const Arguments *given, const void *parsed) {
    const char *name = given->positional_count ? given->positional[0] : NULL;
    const NamedModel *one = name ? model_named(name) : NULL;
    json_auto_t *array = given->json ? json_array() : NULL;
    (void)parsed;
    FAIL_IF(name && !one, CF_BAD_USE, "unknown model %s%s (cifra models lists the names)", name, model_name_hint(name));
    if (!one && !array) printf("%-18s %10s %9s  %-9s %7s\n", "name", "parameters", "MFLOP", "images", "classes");
    if (one) FORWARD(print_model(one, true, array));
    for (const NamedModel *m = named_models; !one && m->name; m++) FORWARD(print_model(m, false, array));
    return array ? print_json(json_pack("{s:O}", "models", array)) : CF_OK;
}

const Command command_models = {
    .name = "models",
    .summary = "the named networks, and the layers of one",
    .usage = "[NAME]",
    .description =
        "Lists the networks that --model takes by name: parameters, millions of floating-point operations of a forward pass "
        "over one image, the images and classes at which both are counted, and where the network is from. Any of them takes "
        "images of other shapes and other numbers of classes, too, as far as its windows fit.\n\n"
        "With NAME: the line of layers that the name stands for, and its table of layers. A line of one's own begins as a copy "
        "of such a line (cifra train --help has the words).\n\n"
        "Examples:\n\n"
        "    cifra models\n"
        "    cifra models resnet20\n"
        "    cifra train --data svhn --model resnet20",
    .positional = {0, 1},
    .run = run_models,
};
