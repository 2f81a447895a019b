#include "cli/factor_table.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 4 }; /* of ranges and the unit; the name goes before, the help behind */

static void range_text(double low, double high, char text[48]) {
    if (low == high)
        snprintf(text, 48, "%g", low);
    else
        snprintf(text, 48, "%g:%g", low, high);
}

static bool has_frequencies(const GeneratedSpec *spec, double shares[DIGITS]) {
    double sum = 0;
    for (int k = 0; k < DIGITS; k++) sum += spec->frequencies[k];
    for (int k = 0; k < DIGITS; k++) shares[k] = sum > 0 ? spec->frequencies[k] / sum : 1.0 / DIGITS;
    return sum > 0;
}

static void print_frequencies(const GeneratedSpec *spec) {
    double shares[DIGITS];
    if (!has_frequencies(spec, shares)) {
        printf("  digits    each writer writes each digit once\n");
        return;
    }
    printf("  digits   ");
    for (int k = 0; k < DIGITS; k++) printf(" %d %.1f %%%s", k, 100 * shares[k], k < DIGITS - 1 ? "," : "\n");
}

void factors_print(const GeneratedSpec *spec) {
    static const char *const titles[COLUMNS] = {"now", "default", "allowed", "unit"};
    const Generator *g = spec->generator;
    char cells[MAX_FACTORS + 1][COLUMNS][48];
    int wide[COLUMNS] = {0}, name_width = (int)strlen("factor");
    for (int c = 0; c < COLUMNS; c++) snprintf(cells[0][c], sizeof cells[0][c], "%s", titles[c]);
    for (int f = 0; f < g->factor_count; f++) {
        const Factor *factor = &g->factors[f];
        range_text(spec->low[f], spec->high[f], cells[f + 1][0]);
        range_text(factor->low, factor->high, cells[f + 1][1]);
        range_text(factor->lowest, factor->highest, cells[f + 1][2]);
        snprintf(cells[f + 1][3], sizeof cells[f + 1][3], "%s", factor->unit ? factor->unit : "");
        if ((int)strlen(factor->name) > name_width) name_width = (int)strlen(factor->name);
    }
    for (int row = 0; row <= g->factor_count; row++)
        for (int c = 0; c < COLUMNS; c++)
            if ((int)strlen(cells[row][c]) > wide[c]) wide[c] = (int)strlen(cells[row][c]);
    printf("\n  generator %s, version %d, seed %llu; %zu training and %zu test images\n", g->name, g->version,
           (unsigned long long)spec->seed, spec->train, spec->test);
    print_frequencies(spec);
    putchar('\n');
    for (int row = 0; row <= g->factor_count; row++) {
        const char *name = row ? g->factors[row - 1].name : "factor",
                   *help = row ? g->factors[row - 1].help : "what it is";
        const bool turned = row && strcmp(cells[row][0], cells[row][1]) != 0;
        printf("%c %-*s", turned ? '*' : ' ', name_width, name);
        for (int c = 0; c < COLUMNS; c++) printf("  %-*s", wide[c], cells[row][c]);
        printf("  %s\n", help);
    }
}

static json_t *frequencies_json(const GeneratedSpec *spec) {
    double shares[DIGITS];
    if (!has_frequencies(spec, shares)) return json_null();
    json_t *list = json_array();
    for (int k = 0; k < DIGITS; k++) json_array_append_new(list, json_real(shares[k]));
    return list;
}

void factors_add_json(const GeneratedSpec *spec, json_t *object) {
    const Generator *g = spec->generator;
    json_t *list = json_array();
    for (int f = 0; f < g->factor_count; f++) {
        const Factor *factor = &g->factors[f];
        json_array_append_new(list, json_pack("{s:s s:f s:f s:[f f] s:[f f] s:s s:s}", "name", factor->name, "low",
                                              spec->low[f], "high", spec->high[f], "default", factor->low, factor->high,
                                              "allowed", factor->lowest, factor->highest, "unit",
                                              factor->unit ? factor->unit : "", "help", factor->help));
    }
    json_object_set_new(object, "factors", list);
    json_object_set_new(object, "frequencies", frequencies_json(spec));
    json_object_set_new(
        object, "generator",
        json_pack("{s:s s:i s:I}", "name", g->name, "version", g->version, "seed", (json_int_t)spec->seed));
}
