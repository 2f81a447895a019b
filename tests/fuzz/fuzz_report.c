/* A run folder's documents, as cifra report reads them. The input is metrics.json, and behind zero bytes, where there are any,
 * config.json, history.csv and predictions.csv. What is accepted becomes a page. */
#include "fuzz.h"
#include "make_corpus.h"

#include "base/memory.h"
#include "study/report/report_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Everything of the page that is made of what the folder holds. */
static void write_sections(const ReportInput *input) {
    char *page = NULL;
    size_t size = 0;
    ReportImages images = {0};
    FILE *out = open_memstream(&page, &size);
    PROMISE(out);
    section_facts(out, input);
    section_run(out, input);
    section_scores(out, input);
    section_sureness(out, input);
    section_history(out, input);
    fflush(out);
    PROMISE(!memmem(page, size, "<fuzz", 5)); /* a key, name or value that would be an element */
    cf_status status = report_images_choose(input, 1 << 16, &images);
    fuzz_settled(status);
    if (!status) {
        PROMISE(section_confusion(out, input, &images) == CF_OK);
        fuzz_settled(data_scripts(out, input, &images));
    }
    free(images.list);
    PROMISE(fclose(out) == 0);
    PROMISE(!memmem(page, size, "<fuzz", 5));
    free(page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"metrics.json", "config.json", "history.csv", "predictions.csv"};
    static const char config[] = "{\"data\": \"\" , \"train\": {}}";
    ReportInput input;
    fuzz_put("config.json", (const uint8_t *)config, sizeof config - 1);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char *path;
        PROMISE(file_join(fuzz_folder(), names[i], &path) == CF_OK);
        if (size || i == 0) {
            const uint8_t *end = size ? memchr(data, 0, size) : NULL;
            const size_t length = end ? (size_t)(end - data) : size;
            fuzz_put(names[i], data, length);
            data += length + !!end;
            size -= length + !!end;
        } else if (i > 1) {
            unlink(path);
        }
        free(path);
    }
    static cf_set *set; /* made once: it takes longer than all the rest */
    if (!set) PROMISE(cf_set_load(CORPUS_SET, NULL, &set) == CF_OK);
    const cf_status status = report_input_read(fuzz_folder(), set, NULL, &input);
    fuzz_settled(status);
    if (!status) {
        write_sections(&input);
        report_input_free(&input);
    }
    return 0;
}
