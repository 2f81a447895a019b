/* cifra data list: sets by name. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "cli/terminal.h"
#include "data/set_load.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct ListArguments {
    const char *data_dir;
} ListArguments;

static const Option list_options[] = {
    {"data-dir", "DIR", OPTION_TEXT, .help = "where names are looked for first", .default_text = "$CIFRA_DATA",
     OPTION_MEMBER(ListArguments, data_dir)},
};

static cf_status print_folders(const char *data_dir) {
    AUTO(data_folders_free) DataFolders folders = {0};
    FORWARD(data_folders(data_dir, &folders));
    printf("looked for in:");
    for (int i = 0; i < folders.count; i++) print_printable("%s %s", i ? "," : "", folders.paths[i]);
    putchar('\n');
    return CF_OK;
}

static void print_list(const SetList *list) {
    for (size_t i = 0; i < list->count; i++) {
        const SetEntry *e = &list->entries[i];
        if (e->found && !e->path)
            print_printable("%-16s %s\n", e->name, e->kind);
        else if (e->found)
            print_printable("%-16s %s: %s\n", e->name, e->path, e->kind);
        else
            print_printable("%-16s not there (cifra data fetch %s); wanted: %s\n", e->name, e->name, e->missing);
    }
}

static json_t *list_json(const SetList *list) {
    json_t *sets = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const SetEntry *e = &list->entries[i];
        json_array_append_new(sets, json_pack("{s:o s:o s:b s:o}", "name", json_text(e->name), "path",
                                              json_text(e->path), "found", e->found, e->found ? "kind" : "missing",
                                              json_text(e->found ? e->kind : e->missing)));
    }
    return json_pack("{s:o}", "sets", sets);
}

static cf_status run_list(const Arguments *given, const void *parsed) {
    const ListArguments *a = parsed;
    SetList list;
    terminal_set_quiet(given->quiet);
    FORWARD(set_list(a->data_dir, &list));
    cf_status status = CF_OK;
    if (given->json) {
        status = print_json(list_json(&list));
    } else {
        print_list(&list);
        status = print_folders(a->data_dir);
    }
    set_list_free(&list);
    return status;
}

const Command command_data_list = {
    .name = "data list",
    .summary = "data sets by name, and where they are",
    .usage = "[--data-dir DIR]",
    .description = "Lists the sets that can be named with --data: the generated ones, which are built in, the known "
                   "ones, found or not, and every other folder of "
                   "the data directories that holds a set. Names are looked for in --data-dir, then $CIFRA_DATA, then "
                   "$XDG_CACHE_HOME/cifra (~/.cache/cifra).",
    .options = list_options,
    .option_count = COUNT_OF(list_options),
    .options_size = sizeof(ListArguments),
    .run = run_list,
};
