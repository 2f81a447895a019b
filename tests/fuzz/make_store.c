/* Stores of a tune: whole files, journals, and lines that are laid over a sound one (fuzz_store.c). */
#include "make_corpus.h"
#include "store_making.h"

#include "base/memory.h"

#include <string.h>

static Bytes read_beside(const char *folder, const char *name, char kind) {
    char *path;
    must(file_join(folder, name, &path));
    Bytes file = bytes_read(path), out = file;
    if (kind) {
        must(memory_new(file.size + 1, 1, &out.bytes));
        out.bytes[0] = (unsigned char)kind;
        memcpy(out.bytes + 1, file.bytes, file.size);
        out.size++;
        free(file.bytes);
    }
    free(path);
    return out;
}

static void put_store(const Corpus *corpus, const char *name, int trials, const char *sql) {
    must(file_remove_tree(corpus->run));
    store_make(corpus->run, trials);
    if (sql) store_sql(corpus->run, sql);
    const Bytes file = read_beside(corpus->run, "tune.db", '\0');
    put(corpus, "store", name, file.bytes, file.size);
    free(file.bytes);
}

/* The journal of a change that is not committed. Before it commits SQLite puts the head there, with the number of pages: only
 * then the journal counts. */
static void put_journals(const Corpus *corpus) {
    static const unsigned char head[12] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7, 0, 0, 0, 1};
    Store *store;
    must(file_remove_tree(corpus->run));
    store_make(corpus->run, 4);
    must(store_open(corpus->run, &store));
    must(store_begin(store));
    must(store_prune_waiting(store));
    const Bytes journal = read_beside(corpus->run, "tune.db-journal", 'J');
    memcpy(journal.bytes + 1, head, sizeof head);
    put(corpus, "store", "journal", journal.bytes, journal.size);
    journal.bytes[0] = 'K';
    put(corpus, "store", "super-journal", journal.bytes, journal.size);
    free(journal.bytes);
    store_rollback(store);
    store_close(store);
}

#define POINT "t{\"optimizer\":\"sgd\",\"lr\":0.001,\"batch\":64,\"activation\":\"relu\"}"
/* A trial's columns up to its state, its budget and its worker. */
#define TRIAL(id, repeats, state) "t\ti" id "\t" POINT "\ti7\ti" repeats "\tt" state "\ti3\tthost:1.1"

static void put_lines(const Corpus *corpus) {
    static const char *const texts[] = {
        TRIAL("5", "1", "done") "\t\ti1\ti3\tr0.25\tr0.5\tr1.5\ttabc\tb\1\1\1\1\1\1\1\n"
                                "e\ti5\ti1\tr0.1\tr1\tr0.5\tr0.25\tr0.5\tr1\nj\ti4\ti5\ti3\ti1\tr0.25\ti1\n",
        TRIAL("5", "0", "failed") "\tt<fuzz>\x1b[2J\n",
        TRIAL("-3", "0", "done") "\n" TRIAL("2147483647", "0", "running") "\n",
        TRIAL("1", "-1", "pruned") "\t\ti9\ti2\tr9e999\tr7\tr-1\tta,b\tb234\n",
        "e\ti1\ti-9223372036854775808\tr-1\tr9e999\tr1e301\n"
        "j\ti-1\ti-5\ti2147483648\ti7\tr-9e999\ti2\n",
        "j\ti4\ti3\ti9\ti0\n",
        "s\ttsettings\tt{\"space\":{\"name\":\"<fuzz>\",\"model\":\"dense {w}\",\"parameters\":["
        "{\"name\":\"lr\",\"log\":[0.0001,0.1]},{\"name\":\"w\",\"integer\":[1,9]},{\"name\":\"momentum\",\"uniform\":"
        "[0,0.9]}]},\"train\":{\"epochs\":[]}}\nt\ti1\tt{\"lr\":0.01,\"w\":3,\"momentum\":0.5}\ti1\t\ttdone\ti9\t\t\ti1"
        "\ti1\tr0.5\nt\ti2\tt{\"lr\":0.02,\"w\":4,\"momentum\":0.6}\ti1\t\ttdone\ti9\t\t\ti1\ti1\tr0.4\nt\ti3\tt{"
        "\"lr\":"
        "0.03,\"w\":5,\"momentum\":0}\ti1\t\ttwaiting\nt\ti4\tt{\"lr\":0.04,\"w\":6,\"momentum\":0}\ti1\t\ttrunning\n",
        "s\ttsettings\tt[]\ns\ttdata\tt<fuzz>\x1b\ns\ttkernels\ttother\n",
        "cCREATE TRIGGER more AFTER INSERT ON epochs BEGIN DELETE FROM trials; END\n",
        NULL};
    put_texts(corpus, "store", texts);
}

void make_store(const Corpus *corpus) {
    put_store(corpus, "begun", 0, NULL);
    put_store(corpus, "trials", 4, NULL);
    put_store(corpus, "wal", 2, "PRAGMA journal_mode = WAL");
    put_store(
        corpus, "view", 2,
        "DROP TABLE epochs; CREATE VIEW epochs AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
        "SELECT 1 AS trial, x AS epoch, 0 AS rate, 0 AS train_loss, 0 AS train_accuracy, 0 AS validation_loss, 0 "
        "AS validation_accuracy, 0 AS seconds FROM c");
    put_journals(corpus);
    put_lines(corpus);
    must(file_remove_tree(corpus->run));
}
