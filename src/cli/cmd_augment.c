/* cifra augment: the operations that an augmentation line is made of, and the named lines. */
#include "cli/commands.h"

#include "base/text.h"
#include "cli/terminal.h"
#include "data/augment/operation.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { USAGE = 120 };

/* "shift PIXELS [edge|zero|reflect]": what may be left out stands in brackets; a range is A:B. */
static void describe_operation(const Operation *operation, char text[USAGE]) {
    snprintf(text, USAGE, "%s", operation->word);
    for (int i = 0; i < OPERATION_ARGUMENTS && operation->arguments[i].what; i++) {
        const OperationArgument *argument = &operation->arguments[i];
        char what[48], *p;
        const char *name = argument->what + (strncmp(argument->what, "a ", 2) == 0 ? 2 : 0);
        snprintf(what, sizeof what, "%s%s", name, argument->is_range ? "|A:B" : "");
        for (p = what; *p && *p != '|'; p++)
            *p = (char)(*p == ' ' ? '_' : *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
        text_append(text, USAGE, isnan(argument->usual) ? " %s" : " [%s]", what);
    }
    for (int i = 0; i < OPERATION_SETTINGS && operation->settings[i]; i++)
        text_append(text, USAGE, i ? "|%s" : " [%s", operation->settings[i]);
    if (operation->settings[0]) text_append(text, USAGE, "]");
}

static void print_lists(void) {
    const Operation *operation;
    char usage[USAGE];
    puts("Operations; p X behind one does it to a share X of the images only:\n");
    for (int i = 0; (operation = operation_number(i)); i++) {
        describe_operation(operation, usage);
        printf("  %s\n      %s\n", usage, operation->help);
    }
    puts("\nNamed lines:\n");
    for (const AugmentName *name = augmentation_names; name->name; name++)
        printf("  %-8s %s\n           %s\n", name->name, *name->line ? name->line : "(nothing)", name->help);
}

static json_t *lists_json(void) {
    json_t *operations = json_array(), *names = json_array();
    const Operation *operation;
    char usage[USAGE];
    for (int i = 0; (operation = operation_number(i)); i++) {
        describe_operation(operation, usage);
        json_array_append_new(
            operations, json_pack("{s:s s:s s:s}", "word", operation->word, "usage", usage, "about", operation->help));
    }
    for (const AugmentName *name = augmentation_names; name->name; name++)
        json_array_append_new(names,
                              json_pack("{s:s s:s s:s}", "name", name->name, "line", name->line, "about", name->help));
    return json_pack("{s:o s:o}", "operations", operations, "names", names);
}

static cf_status print_line(const char *line, bool as_json) {
    AUTO(augmentation_free_at) Augmentation *augmentation = NULL;
    const char *word = NULL;
    FORWARD(augmentation_new(line, &augmentation));
    const char *whole = augmentation_line(augmentation);
    const int views = augmentation_views(augmentation, &word);
    if (as_json) return print_json(json_pack("{s:s s:i}", "line", whole, "views", views));
    if (views)
        printf("%s\n%d fixed views for cifra eval --tta\n", *whole ? whole : "(nothing)", views);
    else
        printf("%s\nno fixed views for cifra eval --tta: %s has none\n", whole, word);
    return CF_OK;
}

static cf_status run_augment(const Arguments *given, const void *parsed) {
    (void)parsed;
    if (given->positional_count) return print_line(given->positional[0], given->json);
    if (given->json) return print_json(lists_json());
    print_lists();
    return CF_OK;
}

const Command command_augment = {
    .name = "augment",
    .summary = "the operations of augmentation lines, and the named lines",
    .usage = "[LINE]",
    .description =
        "Lists what cifra train --augment can do to training images. A line is operations with | between, done from left to "
        "right; \"p X\" behind an operation does it to a share X of the images only. A range A:B is drawn from for each image; "
        "of a range, a number V alone is what the operation's line says (-V to V, 1 - V to 1 + V, or 0 to V). Operations that "
        "only move pixels are one map where they are neighbours, so an image is sampled once.\n\n"
        "With LINE, or the name of one: the line written out, and how many fixed views it has for test-time augmentation (cifra "
        "eval --tta).\n\n"
        "What an image becomes depends on the seed, the epoch, the image and the place in the line: the same at any number of "
        "threads, resumed or not. Validation and test images are never augmented. cifra data show SET --augment LINE draws what "
        "a line does.\n\n"
        "Examples:\n\n"
        "    cifra augment\n"
        "    cifra augment cifar\n"
        "    cifra train --data mnist --augment \"shift 2 | rotate 10 | cutout 8 p 0.5\"",
    .positional = {0, 1},
    .run = run_augment,
};
