/* The page of a training under way: who gets it, what it is told and when, that the training has the bits it has without it, and how it
 * ends. Requests are written by hand here, on sockets.
 */
#include "study/live/live.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "nn/parameters.h"

#include "testing.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EPOCHS = 3, BATCH = 32 };

/* ---- Requests ---- */

typedef struct Answer {
    int code;    /* 0: nobody listens */
    char *bytes; /* head and body */
    char *body;
    size_t size; /* of the body */
} Answer;

static int port_of(const Live *live) {
    int port = 0;
    assert_int_equal(sscanf(live_url(live), "http://127.0.0.1:%d/", &port), 1);
    return port;
}

static const char *token_of(const Live *live) {
    return strstr(live_url(live), "token=") + 6;
}

static Answer ask_at(const char *address, int port, const char *request) {
    Answer answer = {0};
    size_t size = 0, room = 1 << 22;
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = inet_addr(address)};
    const int s = socket(AF_INET, SOCK_STREAM, 0);
    assert_ok(memory_new(room, 1, &answer.bytes));
    if (connect(s, (const struct sockaddr *)&to, sizeof to) == 0) {
        assert_int_equal(write(s, request, strlen(request)), strlen(request));
        for (ssize_t n; (n = read(s, answer.bytes + size, room - 1 - size)) > 0;) size += (size_t)n;
        sscanf(answer.bytes, "HTTP/1.%*d %d", &answer.code);
        answer.body = strstr(answer.bytes, "\r\n\r\n");
        assert_non_null(answer.body);
        answer.body += 4;
        answer.size = size - (size_t)(answer.body - answer.bytes);
    }
    close(s);
    return answer;
}

static Answer get(const Live *live, const char *path) {
    char request[300];
    snprintf(request, sizeof request, "GET %s?token=%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n",
             path, token_of(live), port_of(live));
    return ask_at("127.0.0.1", port_of(live), request);
}

static json_t *get_json(const Live *live, const char *path) {
    Answer answer = get(live, path);
    assert_int_equal(answer.code, 200);
    assert_non_null(strstr(answer.bytes, "Content-Type: application/json\r\n"));
    json_t *json = json_loads(answer.body, 0, NULL);
    assert_non_null(json);
    free(answer.bytes);
    return json;
}

/* `host` NULL: the request names none. */
static void expect(const Live *live, int code, const char *method, const char *path, const char *host) {
    char request[400];
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\n%s%s%sConnection: close\r\n\r\n", method, path,
             host ? "Host: " : "", host ? host : "", host ? "\r\n" : "");
    const Answer answer = ask_at("127.0.0.1", port_of(live), request);
    if (answer.code != code)
        fail_msg("%s %s of %s: %d, not %d", method, path, host ? host : "nobody", answer.code, code);
    if (code != 200) assert_null(strstr(answer.bytes, token_of(live)));
    free(answer.bytes);
}

/* ---- Runs ---- */

/* NULL, having said so: this cifra has no server. */
static Live *started(void) {
    Live *live;
    const cf_status status = live_start(0, &live);
    if (!status) return live;
    assert_int_equal(status, CF_BAD_USE);
    assert_non_null(strstr(cf_error(), "libmicrohttpd-dev"));
    print_message("SKIPPED: the live page (%s)\n", cf_error());
    return NULL;
}

static Run *prepared(const char *folder, bool resume) {
    RunConfig config;
    Run *run;
    assert_ok(run_config_new(&config));
    assert_ok(run_config_text(&config.data, "hand:n=300,test=60"));
    assert_ok(run_config_text(&config.model, "conv 4 3x3 | bn | relu | maxpool 4 | dense classes"));
    config.train.epochs = EPOCHS;
    config.train.batch = BATCH;
    config.train.ema = 0.9;
    config.train.threads = 2;
    assert_ok(run_prepare(&config, NULL, &run));
    assert_ok(run_start(run, folder, resume));
    return run;
}

static void weights_hex(const Run *run, char hex[SHA256_HEX]) {
    assert_ok(parameters_sha256(&run->model->parameters, hex));
}

/* Whether the answer's weights are those of the file, tensor by tensor as these lie there. */
static bool weights_of_file(const Answer *answer, const char *path) {
    cf_model *model;
    assert_ok(cf_model_load(path, &model));
    const Parameters *p = &model->parameters;
    const char *at = answer->body;
    bool same = true;
    for (int i = 0; i < p->count; i++) {
        float *values;
        assert_ok(memory_new(p->table[i].count, sizeof *values, &values));
        parameter_to_file(p, &p->table[i], p->values + p->table[i].offset, values);
        same = same && memcmp(at, values, p->table[i].count * sizeof *values) == 0;
        at += p->table[i].count * sizeof *values;
        free(values);
    }
    assert_int_equal(at - answer->body, answer->size);
    cf_model_free(model);
    return same;
}

typedef struct Follower {
    const Live *live;
    const Run *run;
    int epochs_seen, best_seen, stop_after; /* stop_after 0: never */
    int rows_at_first_step, epoch_at_first_step;
    bool stepped;
} Follower;

static int epoch_of_weights(const Answer *answer) {
    const char *header = strstr(answer->bytes, "Cifra-Epoch: ");
    return header ? (int)strtol(header + 13, NULL, 10) : 0;
}

/* In the training's own thread, so that nothing moves while the page is asked. */
static bool follow(const cf_progress *p, void *context) {
    Follower *f = context;
    live_progress((Live *)(uintptr_t)f->live, p);
    if (f->stepped && !p->epoch_done) return true;
    json_t *progress = get_json(f->live, "/progress.json"), *history = get_json(f->live, "/history.json");
    const json_t *losses = json_object_get(history, "validation_loss");
    const int rows = (int)json_array_size(losses);
    Answer weights = get(f->live, "/weights");
    assert_int_equal(json_integer_value(json_object_get(progress, "epoch")), p->epoch);
    assert_int_equal(json_integer_value(json_object_get(progress, "step")), p->step);
    assert_int_equal(json_integer_value(json_object_get(progress, "steps")), p->steps);
    assert_true(json_is_null(json_object_get(progress, "end")));
    if (!f->stepped) {
        f->rows_at_first_step = rows;
        f->epoch_at_first_step = weights.code == 200 ? epoch_of_weights(&weights) : 0;
        assert_int_equal(weights.code, rows ? 200 : 404);
        if (rows) assert_true(weights_of_file(&weights, f->run->model_path));
        f->stepped = true;
    }
    if (p->epoch_done) {
        assert_int_equal(rows, p->epoch);
        assert_true(fabs(json_number_value(json_array_get(losses, (size_t)rows - 1)) - p->validation_loss) < 1e-6);
        assert_int_equal(epoch_of_weights(&weights), p->epoch);
        /* An average of weights was validated, not what the next step begins with. */
        if (p->best) {
            assert_int_equal(json_integer_value(json_object_get(history, "best_epoch")), p->epoch);
            assert_true(weights_of_file(&weights, f->run->model_path));
            f->best_seen++;
        }
        f->epochs_seen++;
    }
    free(weights.bytes);
    json_decref(progress);
    json_decref(history);
    return f->epochs_seen != f->stop_after || !f->stop_after;
}

/* ---- Tests ---- */

static void only_who_has_the_address_gets_it(void **state) {
    (void)state;
    char host[40], right[100], wrong[100], longer[120], bare[100];
    Live *live = started();
    if (!live) return;
    snprintf(host, sizeof host, "127.0.0.1:%d", port_of(live));
    snprintf(right, sizeof right, "/progress.json?token=%s", token_of(live));
    snprintf(wrong, sizeof wrong, "%s", right);
    wrong[strlen(wrong) - 1] ^= 1;
    snprintf(longer, sizeof longer, "%s0", right);
    snprintf(bare, sizeof bare, "/other?token=%s", token_of(live));
    assert_int_equal(strlen(token_of(live)), 32);
    expect(live, 200, "GET", right, host);
    expect(live, 200, "HEAD", right, host);
    expect(live, 403, "GET", "/progress.json", host);
    expect(live, 403, "GET", "/", host);
    expect(live, 403, "GET", "/progress.json?token=", host);
    expect(live, 403, "GET", wrong, host);
    expect(live, 403, "GET", longer, host);
    expect(live, 403, "GET", "/other", host); /* not even which names there are */
    expect(live, 404, "GET", bare, host);
    expect(live, 405, "POST", right, host);
    expect(live, 405, "DELETE", right, host);
    expect(live, 403, "GET", right, "127.0.0.1");
    expect(live, 403, "GET", right, "attacker.example");
    snprintf(host, sizeof host, "attacker.example:%d", port_of(live));
    expect(live, 403, "GET", right, host);
    snprintf(host, sizeof host, "localhost:%d", port_of(live));
    expect(live, 200, "GET", right, host);
    /* HTTP/1.0 may name no host. */
    char old[200];
    snprintf(old, sizeof old, "GET %s HTTP/1.0\r\n\r\n", right);
    Answer answer = ask_at("127.0.0.1", port_of(live), old);
    assert_int_equal(answer.code, 403);
    free(answer.bytes);
    answer = get(live, "/weights"); /* no run has begun */
    assert_int_equal(answer.code, 404);
    free(answer.bytes);
    /* The machine's other addresses do not have it. */
    answer = ask_at("127.0.0.2", port_of(live), "GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(answer.code, 0);
    free(answer.bytes);
    Live *second, *third = started();
    assert_fails(live_start(port_of(live), &second), CF_IO, "cannot listen on port");
    assert_string_not_equal(token_of(live), token_of(third));
    live_end(third, NULL);
    live_end(live, NULL);
    live_end(NULL, NULL);
}

static void it_follows_a_training_and_changes_no_bit(void **state) {
    (void)state;
    char with[SHA256_HEX], without[SHA256_HEX];
    const char *folder = scratch_folder();
    Live *live = started();
    if (!live) return;
    Run *run = prepared(path_in(folder, "alone"), false);
    assert_ok(run_train(run, false, NULL, NULL));
    weights_hex(run, without);
    run_free(run);

    run = prepared(path_in(folder, "watched"), false);
    assert_ok(live_begin(live, run, "seed 2, 1 of 3"));
    Answer page = get(live, "/");
    assert_int_equal(page.code, 200);
    assert_non_null(strstr(page.bytes, "Content-Type: text/html; charset=utf-8\r\n"));
    assert_non_null(strstr(page.bytes, "connect-src 'self'; frame-ancestors 'none'\r\n"));
    assert_non_null(strstr(page.body, "<em>hand:n=300,test=60</em>"));
    assert_non_null(strstr(page.body, "\"reading\":{\"fit\":\"squash\",\"size\":[28,28]}"));
    assert_null(strstr(page.body, "{{"));
    free(page.bytes);
    Follower f = {.live = live, .run = run};
    assert_ok(run_train(run, false, follow, &f));
    assert_int_equal(f.epochs_seen, EPOCHS);
    assert_true(f.best_seen > 0);
    assert_int_equal(f.rows_at_first_step, 0);
    weights_hex(run, with);
    assert_string_equal(with, without);
    run_free(run);

    /* The next of several begins with an empty history, and without weights. */
    run = prepared(path_in(folder, "next"), false);
    assert_ok(live_begin(live, run, "seed 3, 2 of 3"));
    json_t *history = get_json(live, "/history.json");
    assert_string_equal(json_string_value(json_object_get(history, "place")), "seed 3, 2 of 3");
    assert_int_equal(json_array_size(json_object_get(history, "train_loss")), 0);
    json_decref(history);
    Answer weights = get(live, "/weights");
    assert_int_equal(weights.code, 404);
    free(weights.bytes);
    run_free(run);
    live_end(live, NULL);
}

static void a_resumed_training_shows_what_it_has_come_to(void **state) {
    (void)state;
    char with[SHA256_HEX], without[SHA256_HEX];
    const char *folder = scratch_folder();
    Live *live = started();
    if (!live) return;
    Run *run = prepared(path_in(folder, "whole"), false);
    assert_ok(run_train(run, false, NULL, NULL));
    weights_hex(run, without);
    run_free(run);
    run = prepared(path_in(folder, "stopped"), false);
    assert_ok(live_begin(live, run, ""));
    Follower f = {.live = live, .run = run, .stop_after = 2};
    assert_fails(run_train(run, false, follow, &f), CF_INTERRUPTED, "stopped");
    run_free(run);
    run = prepared(path_in(folder, "stopped"), true);
    assert_ok(live_begin(live, run, ""));
    f = (Follower){.live = live, .run = run};
    assert_ok(run_train(run, true, follow, &f));
    assert_int_equal(f.rows_at_first_step, 2);
    assert_true(f.epoch_at_first_step >= 1 && f.epoch_at_first_step <= 2);
    assert_int_equal(f.epochs_seen, EPOCHS - 2);
    weights_hex(run, with);
    assert_string_equal(with, without);
    run_free(run);
    live_end(live, NULL);
}

/* As the page does: asks until all is over, then takes the report. */
typedef struct Reader {
    const Live *live;
    char url[200];
    bool got_end;
    char *report, *reason;
} Reader;

static void *read_to_the_end(void *context) {
    Reader *r = context;
    for (int i = 0; i < 500 && !r->got_end; i++) {
        json_t *progress = get_json(r->live, "/progress.json"), *end = json_object_get(progress, "end");
        r->got_end = json_is_object(end);
        const char *reason = json_string_value(json_object_get(end, "reason"));
        if (reason) assert_ok(memory_copy_string(reason, &r->reason));
        if (json_is_string(json_object_get(end, "report"))) {
            Answer report = get(r->live, "/report.html");
            if (report.code == 200) assert_ok(memory_copy_string(report.body, &r->report));
            free(report.bytes);
        }
        json_decref(progress);
        usleep(2000);
    }
    return NULL;
}

static double end_with_reader(Live *live, const char *folder, Reader *reader) {
    pthread_t thread;
    *reader = (Reader){.live = live};
    const int port = port_of(live);
    free(get(live, "/progress.json").bytes); /* a page is open */
    assert_int_equal(pthread_create(&thread, NULL, read_to_the_end, reader), 0);
    usleep(50000);
    const double begin = clock_seconds();
    live_end(live, folder);
    const double seconds = clock_seconds() - begin;
    pthread_join(thread, NULL);
    Answer after = ask_at("127.0.0.1", port, "GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(after.code, 0); /* nobody listens */
    free(after.bytes);
    return seconds;
}

static void it_ends_when_the_page_has_the_report(void **state) {
    (void)state;
    const char *folder = scratch_folder(), page[] = "<!DOCTYPE html><p>the report</p>";
    Reader reader;
    Live *live = started();
    if (!live) return;
    write_bytes(path_in(folder, "report.html"), page, sizeof page - 1);
    assert_true(end_with_reader(live, folder, &reader) < 2.5);
    assert_true(reader.got_end);
    assert_non_null(reader.report);
    assert_string_equal(reader.report, page);
    free(reader.report);

    live = started();
    assert_fails(FAIL(CF_DIVERGED, "the \"loss\" became nan"), CF_DIVERGED, "nan");
    end_with_reader(live, NULL, &reader);
    assert_string_equal(reader.reason, "the \"loss\" became nan");
    assert_string_equal(cf_error(), "the \"loss\" became nan"); /* for whoever prints it */
    free(reader.reason);

    live = started(); /* no page was ever open: nobody is waited for */
    const double begin = clock_seconds();
    live_end(live, folder);
    assert_true(clock_seconds() - begin < 0.5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_who_has_the_address_gets_it),
        cmocka_unit_test(it_follows_a_training_and_changes_no_bit),
        cmocka_unit_test(a_resumed_training_shows_what_it_has_come_to),
        cmocka_unit_test(it_ends_when_the_page_has_the_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
