/* The best epoch and the end of training, walked over scripted validations and held against the rule written out: after epoch e
 * training ends where the best epoch lies `patience` or more behind. */
#include "testing.h"

#include "base/memory.h"
#include "train/checkpoint.h"

enum { MOST = 8 };

/* Runs as the fit loop does; epochs that were run, and the best of them (1-based). */
static int walk(const double *losses, const double *accuracies, int epochs, int patience, cf_stop_on on, int *best) {
    FitState s = {0};
    while (!early_stopping_ends(&s, epochs, patience)) {
        const EpochRow row = {
            .epoch = s.epoch + 1, .validation_loss = losses[s.epoch], .validation_accuracy = accuracies[s.epoch]};
        const bool better = early_stopping_note(&s, &row, on);
        assert_int_equal(better, s.best_epoch == row.epoch);
        assert_int_equal(s.epochs_since_best, row.epoch - s.best_epoch);
        assert_true(s.best_loss == losses[s.best_epoch - 1] && s.best_accuracy == accuracies[s.best_epoch - 1]);
        s.epoch++;
    }
    *best = s.best_epoch;
    return s.epoch;
}

typedef struct Case {
    cf_stop_on on;
    int epochs, patience, runs, best;
    double losses[MOST], accuracies[MOST];
} Case;

static void by_hand(void **state) {
    (void)state;
    static const Case cases[] = {
        /* Losses 5 4 3 3 3 2: the plateau of two epochs behind the third ends patience 1 and 2, not 3. */
        {CF_STOP_ON_LOSS, 6, 0, 6, 6, {5, 4, 3, 3, 3, 2}, {0}},
        {CF_STOP_ON_LOSS, 6, 1, 4, 3, {5, 4, 3, 3, 3, 2}, {0}},
        {CF_STOP_ON_LOSS, 6, 2, 5, 3, {5, 4, 3, 3, 3, 2}, {0}},
        {CF_STOP_ON_LOSS, 6, 3, 6, 6, {5, 4, 3, 3, 3, 2}, {0}},
        /* The first is the best. */
        {CF_STOP_ON_LOSS, 6, 1, 2, 1, {1, 2, 3, 4, 5, 6}, {0}},
        {CF_STOP_ON_LOSS, 6, 2, 3, 1, {1, 2, 3, 4, 5, 6}, {0}},
        {CF_STOP_ON_LOSS, 6, 5, 6, 1, {1, 2, 3, 4, 5, 6}, {0}},
        {CF_STOP_ON_LOSS, 6, 6, 6, 1, {1, 2, 3, 4, 5, 6}, {0}},
        /* Always better: the last is the best, and patience never begins. */
        {CF_STOP_ON_LOSS, 4, 1, 4, 4, {4, 3, 2, 1}, {0}},
        {CF_STOP_ON_LOSS, 1, 1, 1, 1, {4}, {0}},
        /* Accuracy rises while the loss does, and the other way round. */
        {CF_STOP_ON_ACCURACY, 4, 1, 4, 4, {1, 2, 3, 4}, {0.1, 0.2, 0.3, 0.4}},
        {CF_STOP_ON_LOSS, 4, 1, 2, 1, {1, 2, 3, 4}, {0.1, 0.2, 0.3, 0.4}},
        {CF_STOP_ON_ACCURACY, 4, 1, 2, 1, {4, 3, 2, 1}, {0.4, 0.3, 0.2, 0.1}},
        {CF_STOP_ON_ACCURACY, 4, 2, 3, 1, {4, 3, 2, 1}, {0.4, 0.3, 0.2, 0.1}},
        /* Of equal accuracies the first stays, though its loss is higher; a ceiling ends patience. */
        {CF_STOP_ON_ACCURACY, 5, 2, 4, 2, {5, 4, 3, 2, 1}, {0.5, 1, 1, 1, 1}},
        {CF_STOP_ON_ACCURACY, 5, 0, 5, 2, {5, 4, 3, 2, 1}, {0.5, 1, 1, 1, 1}},
        /* Each epoch is better than the one before, whatever it gave. */
        {CF_STOP_ON_LAST, 4, 1, 4, 4, {1, 2, 3, 4}, {0.4, 0.3, 0.2, 0.1}},
        /* An accuracy of 0 is one, too. */
        {CF_STOP_ON_ACCURACY, 3, 2, 3, 1, {5, 4, 3}, {0, 0, 0}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const Case *c = &cases[i];
        int best, runs = walk(c->losses, c->accuracies, c->epochs, c->patience, c->on, &best);
        if (runs != c->runs || best != c->best) print_error("case %zu: %d epochs, best %d\n", i, runs, best);
        assert_int_equal(runs, c->runs);
        assert_int_equal(best, c->best);
    }
}

/* Every sequence of six validations of three values, every patience, both criteria. */
static void every_sequence(void **state) {
    (void)state;
    enum { EPOCHS = 6, VALUES = 3, ALL = 3 * 3 * 3 * 3 * 3 * 3 };
    for (int number = 0; number < ALL; number++)
        for (int patience = 0; patience <= EPOCHS + 1; patience++)
            for (int on = 0; on < 2; on++) {
                double good[EPOCHS], losses[EPOCHS], none[EPOCHS] = {0};
                for (int e = 0, rest = number; e < EPOCHS; e++, rest /= VALUES) {
                    good[e] = rest % VALUES / 4.0;
                    losses[e] = 1 - good[e];
                }
                int best, expected_best = 1, expected = EPOCHS;
                for (int e = 2; e <= EPOCHS; e++) {
                    if (good[e - 1] > good[expected_best - 1]) expected_best = e;
                    if (patience && e - expected_best >= patience) {
                        expected = e;
                        break;
                    }
                }
                const int runs = on ? walk(none, good, EPOCHS, patience, CF_STOP_ON_ACCURACY, &best)
                                    : walk(losses, none, EPOCHS, patience, CF_STOP_ON_LOSS, &best);
                assert_int_equal(runs, expected);
                assert_int_equal(best, expected_best);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(every_sequence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
