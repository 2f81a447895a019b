/* The results of a study, as its stages' records are read again: what is accepted becomes a ledger, a story, a figure and the
 * study's page. The input is the JSON object that ledger.h describes. */
#include "fuzz.h"

#include "base/files.h"
#include "study/ledger/study_results.h"
#include "study/pipeline/page.h"
#include "study/pipeline/recipe.h"
#include "study/pipeline/study_figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two sets, with every experiment but the search, whose tune is read by fuzz_store. */
static Study *make_study(void) {
    static Recipe recipe;
    static StudyOptions options;
    static Study study = {.recipe = &recipe, .options = &options, .set_count = 2};
    if (options.folder) return &study;
    PROMISE(recipe_new(&recipe) == CF_OK && recipe_use_data(&recipe, "generated") == CF_OK);
    PROMISE(run_config_text(&recipe.classes, "1,2") == CF_OK &&
            run_config_text(&recipe.cases[0], "1:50,2:1000") == CF_OK);
    recipe.case_count = 1;
    recipe.features = recipe.cross = true;
    PROMISE(run_config_text(&recipe.methods, "self-train") == CF_OK);
    recipe.adaptation.seeds = recipe.transfer.seeds = recipe.attention.seeds = 2;
    recipe.size_count = recipe.model_count = 1;
    PROMISE(run_config_text(&recipe.names[0], "paper") == CF_OK &&
            run_config_text(&recipe.models[0], "paper") == CF_OK);
    options.folder = fuzz_folder();
    for (int i = 0; i < study.set_count; i++) {
        StudySet *set = &study.sets[i];
        RunConfig config = recipe.base;
        config.data = recipe.data[i];
        PROMISE(run_config_copy(&config, &set->chosen) == CF_OK);
        PROMISE(data_short_name(config.data, set->name) == CF_OK);
    }
    return &study;
}

static void write_tables(const Ledger *ledger) {
    char *text = NULL;
    size_t size = 0;
    json_t *json;
    FILE *out = open_memstream(&text, &size);
    PROMISE(out);
    ledger_print(ledger, out);
    PROMISE(fclose(out) == 0 && size);
    free(text);
    const cf_status status = ledger_json(ledger, &json);
    fuzz_settled(status);
    if (!status) json_decref(json);
}

static void draw(const json_t *results) {
    FigureList list = {0};
    RecallSeries series[2] = {{.name = "at home"}, {.name = "there"}};
    const FigureBook book = {fuzz_folder(), "", "some", FIGURE_SVG, &list};
    series[0].runs = result_at(results, "test.hand");
    series[1].runs = result_at(results, "cross.hand-on-street");
    fuzz_settled(figure_recalls(&book, "recalls", "Recalls", series, 2));
    fuzz_settled(
        figure_transfer(&book, "transfer", "Few images", "other", result_at(results, "transfer.street-on-hand"), 10));
    fuzz_settled(figure_attention(&book, "attention", "Networks", result_at(results, "attention.hand")));
    figure_list_free(&list);
}

static void write_page(const Study *study, const StudyOutcome *outcome) {
    unsigned char *page;
    size_t size;
    const cf_status status = study_page_write(study, outcome);
    fuzz_settled(status);
    if (status) return;
    PROMISE(file_read(outcome->report, 64 << 20, &page, &size) == CF_OK);
    PROMISE(!memmem(page, size, "<fuzz", 5)); /* a name or text that would be an element */
    free(page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Study *study = make_study();
    StudyOutcome outcome = {0};
    json_t *results = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    cf_status status = result_check(results);
    fuzz_settled(status);
    if (json_is_object(results) && !status) {
        study->results = results;
        PROMISE(ledger_new("report", results, &outcome.ledger) == CF_OK);
        PROMISE(study_story(results, &outcome.ledger, &outcome.story) == CF_OK);
        PROMISE(file_join(fuzz_folder(), "report.html", &outcome.report) == CF_OK);
        write_tables(&outcome.ledger);
        draw(results);
        write_page(study, &outcome);
        study_outcome_free(&outcome);
    }
    json_decref(results);
    return 0;
}
