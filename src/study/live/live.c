#include "study/live/live.h"

#include "base/json_memory.h"
#include "base/json_text.h"
#include "base/memory.h"
#include "base/text_draft.h"
#include "study/live/live_server.h"
#include "study/report/report_inside.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* The training's thread writes, the server's reads. Several numbers of one answer may be of neighbouring steps. */
struct Live {
    LiveServer *server;
    char place[64];
    atomic_int version; /* of the history: the page asks for it, and for weights, when this changes */
    atomic_int epoch, epochs, step, steps, seconds_left;
    _Atomic(char *) end; /* JSON, once all is over */
};

static char *progress_json(void *context) {
    Live *live = context;
    const char *end = atomic_load(&live->end);
    char *text;
    const char form[] =
        "{\"version\":%d,\"epoch\":%d,\"epochs\":%d,\"step\":%d,\"steps\":%d,\"seconds_left\":%d,\"end\":%s}";
    const cf_status status = memory_print(
        &text, form, atomic_load(&live->version), atomic_load(&live->epoch), atomic_load(&live->epochs),
        atomic_load(&live->step), atomic_load(&live->steps), atomic_load(&live->seconds_left), end ? end : "null");
    return status ? NULL : text;
}

cf_status live_start(int port, Live **live) {
    AUTO_FREE Live *made = NULL;
    FORWARD(memory_new(1, sizeof *made, &made));
    FORWARD(live_server_start(port, progress_json, made, &made->server));
    *live = memory_take(&made);
    return CF_OK;
}

const char *live_url(const Live *live) {
    return live_server_url(live->server);
}

void live_progress(Live *live, const cf_progress *progress) {
    atomic_store(&live->epoch, progress->epoch);
    atomic_store(&live->epochs, progress->epochs);
    atomic_store(&live->step, (int)progress->step);
    atomic_store(&live->steps, (int)progress->steps);
    atomic_store(&live->seconds_left, (int)fmin(progress->seconds_left, 1e9));
}

/* ---- After an epoch ---- */

static json_t *column(const FitState *state, int done, size_t offset) {
    json_t *values = json_array();
    for (int i = 0; i < done; i++) {
        const double value = *(const double *)((const char *)&state->rows[i] + offset);
        json_array_append_new(values, isfinite(value) ? json_real(value) : json_null());
    }
    return values;
}

static json_t *history(const Live *live, const Run *run, const FitState *state, int done) {
    static const struct {
        const char *name;
        size_t offset;
    } columns[] = {{"train_loss", offsetof(EpochRow, train_loss)},
                   {"validation_loss", offsetof(EpochRow, validation_loss)},
                   {"train_accuracy", offsetof(EpochRow, train_accuracy)},
                   {"validation_accuracy", offsetof(EpochRow, validation_accuracy)}};
    json_t *root = json_pack("{s:o s:s s:i s:i}", "run", json_text(run->folder), "place", live->place, "epochs",
                             run->config.train.epochs, "best_epoch", done ? state->best_epoch : 0);
    for (size_t i = 0; i < COUNT_OF(columns); i++)
        json_object_set_new(root, columns[i].name, column(state, done, columns[i].offset));
    return root;
}

static cf_status publish_history(Live *live, const Run *run, const FitState *state, int done) {
    json_memory_begin();
    json_auto_t *root = history(live, run, state, done);
    char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (json_memory_failed() || !text) {
        free(text);
        return FAIL(CF_NO_MEMORY, "out of memory while making the history's JSON");
    }
    FORWARD(live_server_publish(live->server, LIVE_HISTORY, text, strlen(text), done));
    atomic_fetch_add(&live->version, 1);
    return CF_OK;
}

static cf_status publish_weights(Live *live, const cf_model *model, int epoch) {
    float *values;
    size_t count;
    FORWARD(report_weights(model, &values, &count));
    return live_server_publish(live->server, LIVE_WEIGHTS, values, count * sizeof *values, epoch);
}

/* Weights first: who reads of an epoch finds its weights, or later ones. */
static void publish_epoch(const Run *run, const FitState *state, int done, int epoch, void *watcher) {
    Live *live = watcher;
    cf_status status = publish_weights(live, run->model, epoch);
    if (!status) status = publish_history(live, run, state, done);
    if (status) notice("the live page stays behind in epoch %d: %s", done, cf_error());
}

/* ---- The page ---- */

static cf_status write_data(FILE *out, const Run *run) {
    json_memory_begin();
    json_t *network = report_network_json(run->model, run->config.data, run->set->height, run->set->width);
    json_auto_t *root = json_pack("{s:O s:o s:b}", "classes", json_object_get(network, "classes"), "network", network,
                                  "unlabelled", run->config.target != NULL);
    return html_json_script(out, "id=\"data\"", root);
}

static cf_status write_place(FILE *out, const char *name, size_t length, const void *context) {
    const Run *run = context;
    if (page_place_is(name, length, "data")) return write_data(out, run);
    if (page_place_is(name, length, "model"))
        html_text(out, run->config.model);
    else if (page_place_is(name, length, "set"))
        html_text(out, run->config.data);
    else
        return page_unknown_place("live.html", name, length);
    return CF_OK;
}

static cf_status publish_page(Live *live, const Run *run) {
    AUTO(text_draft_abandon) TextDraft draft = {0};
    char *text;
    size_t size;
    FORWARD(text_draft(&draft));
    FORWARD(page_write(draft.stream, "live.html", write_place, run));
    FORWARD(text_draft_finish(&draft, &text, &size));
    return live_server_publish(live->server, LIVE_PAGE, text, size, 0);
}

cf_status live_begin(Live *live, Run *run, const char *place) {
    const cf_train_options *o = &run->config.train;
    snprintf(live->place, sizeof live->place, "%s", place);
    live_progress(live, &(cf_progress){.epoch = 1, .epochs = o->epochs});
    FORWARD(live_server_publish(live->server, LIVE_WEIGHTS, NULL, 0, 0));
    FORWARD(publish_page(live, run));
    FORWARD(publish_history(live, run, NULL, 0));
    run->watch = publish_epoch;
    run->watcher = live;
    return CF_OK;
}

/* ---- The end ---- */

/* The page keeps the report when this program is gone. */
static cf_status publish_report(Live *live, const char *folder, char **path) {
    enum { LARGEST = 64 << 20 };
    unsigned char *bytes;
    size_t size;
    FORWARD(file_join(folder, "report.html", path));
    FORWARD(file_read(*path, LARGEST, &bytes, &size));
    return live_server_publish(live->server, LIVE_REPORT, bytes, size, 0);
}

static void tell_end(Live *live, const char *folder) {
    AUTO_FREE char *path = NULL;
    const bool report = folder && !publish_report(live, folder, &path);
    AUTO_FREE char *absolute = report ? realpath(path, NULL) : NULL;
    json_auto_t *root = json_pack("{s:o}", report ? "report" : "reason",
                                  json_text(absolute ? absolute
                                            : report ? path
                                                     : cf_error()));
    char *text = json_dumps(root, JSON_COMPACT);
    if (!text) return;
    atomic_store(&live->end, text);
    live_server_linger(live->server, report ? LIVE_REPORT : LIVE_PROGRESS, 3);
}

void live_end(Live *live, const char *folder) {
    if (!live) return;
    tell_end(live, folder);
    live_server_stop(live->server);
    free(atomic_load(&live->end));
    free(live);
}
