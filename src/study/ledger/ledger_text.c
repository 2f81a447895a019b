/* The ledger as a table for the terminal, as CSV and as JSON. */
#include "study/ledger/ledger.h"

#include "base/files.h"
#include "base/json_text.h"
#include "base/memory.h"
#include "eval/evaluate.h"

#include <math.h>
#include <string.h>

static void number_text(const Claim *claim, double value, char text[24]) {
    snprintf(text, 24, claim->sense == A_COUNT ? "%.0f" : claim->against ? "%+.4f" : "%.4f", value);
}

LedgerTexts ledger_texts(const LedgerEntry *e) {
    LedgerTexts texts = {.reported = ""};
    char low[24], high[24];
    if (!e->claim->against) number_text(e->claim, e->claim->reported, texts.reported);
    if (e->runs) number_text(e->claim, e->measured, texts.measured);
    if (!e->has_interval) return texts;
    number_text(e->claim, e->low, low);
    number_text(e->claim, e->high, high);
    snprintf(texts.interval, sizeof texts.interval, "%s to %s", low, high);
    return texts;
}

static void print_entry(const LedgerEntry *e, FILE *out) {
    const LedgerTexts texts = ledger_texts(e);
    char baselines[40] = "";
    if (e->majority > 0) snprintf(baselines, sizeof baselines, "%.4f %.4f", e->chance, e->majority);
    fprintf(out, "  %-40s %8s  %8s  %-18s  %-13s  %-14s %s\n", e->claim->what, texts.reported, texts.measured,
            texts.interval, baselines, verdict_words[e->verdict], ledger_data(e));
}

static void print_remarks(const Ledger *ledger, FILE *out) {
    for (size_t i = 0; i < ledger->count; i++) {
        const Claim *c = &ledger->claims[i];
        if (c->headline && c->remark) fprintf(out, "  %s: %s.\n", c->what, c->remark);
    }
}

static void print_counts(const size_t verdicts[VERDICTS], Verdict from, Verdict to, FILE *out) {
    const char *between = "";
    for (int v = (int)from; v <= (int)to; v++) {
        if (!verdicts[v]) continue;
        fprintf(out, "%s%zu %s", between, verdicts[v], verdict_words[v]);
        between = ", ";
    }
}

void ledger_print(const Ledger *ledger, FILE *out) {
    const char *section = "";
    size_t by_class[VERDICTS] = {0}, others = 0;
    fprintf(out, "  %-40s %8s  %8s  %-18s  %-13s  %-14s %s\n", "", "report", "ours", "95 % interval", "chance, most",
            "verdict", "measured on");
    for (size_t i = 0; i < ledger->count; i++) {
        const LedgerEntry *e = &ledger->entries[i];
        if (!e->claim->headline) {
            by_class[e->verdict]++;
            others++;
            continue;
        }
        if (strcmp(section, e->claim->section) != 0) fprintf(out, "%s\n", section = e->claim->section);
        print_entry(e, out);
    }
    fprintf(out, "\nOf the %zu figures above: ", ledger->count - others - ledger->suggestions);
    size_t headline[VERDICTS];
    for (int v = 0; v < VERDICTS; v++) headline[v] = ledger->verdicts[v] - by_class[v];
    headline[NOT_RUN] -= ledger->untried;
    print_counts(headline, REPRODUCED, NOT_RUN, out);
    fprintf(out, ".\nOf the %zu figures of single classes (claims.csv): ", others);
    print_counts(by_class, REPRODUCED, NOT_RUN, out);
    if (ledger->suggestions > ledger->untried)
        fprintf(out, ".\nOf %zu differences that it suggests: ", ledger->suggestions - ledger->untried);
    print_counts(headline, BETTER, WORSE, out);
    fputs(".\nNot like with like in the report:\n", out);
    print_remarks(ledger, out);
}

static void csv_optional(FILE *out, bool there, double value) {
    fputc(',', out);
    if (there) fprintf(out, "%.6g", value);
}

static void csv_entry(FILE *out, const LedgerEntry *e) {
    const Claim *c = e->claim;
    csv_print(out, "%s,%s,%s,%s", c->id, c->section, c->what, ledger_data(e));
    csv_optional(out, !c->against, c->reported);
    csv_optional(out, e->runs > 0, e->measured);
    csv_optional(out, e->has_interval, e->low);
    csv_optional(out, e->has_interval, e->high);
    fprintf(out, ",%d", e->runs);
    csv_optional(out, e->majority > 0, e->chance);
    csv_optional(out, e->majority > 0, e->majority);
    csv_print(out, ",%s,%s\n", verdict_words[e->verdict], c->remark ? c->remark : "");
}

cf_status ledger_write_csv(const Ledger *ledger, const char *path) {
    AUTO(file_abandon) FileDraft draft = {0};
    FORWARD(file_draft(path, &draft));
    fputs("id,section,what,data,reported,measured,low,high,runs,chance,majority,verdict,remark\n", draft.stream);
    for (size_t i = 0; i < ledger->count; i++) csv_entry(draft.stream, &ledger->entries[i]);
    return file_commit(&draft);
}

static json_t *entry_json(const LedgerEntry *e) {
    const Claim *c = e->claim;
    json_t *interval = e->has_interval ? json_pack("[f f]", e->low, e->high) : json_null();
    return json_pack(
        "{s:s s:s s:s s:o s:o s:o s:o s:i s:o s:o s:s s:b s:s?}", "id", c->id, "section", c->section, "what", c->what,
        "data", json_text(e->runs ? ledger_data(e) : NULL), "reported", json_number(!c->against ? c->reported : NAN),
        "measured", json_number(e->runs > 0 ? e->measured : NAN), "interval", interval, "runs", e->runs, "chance",
        json_number(e->majority > 0 ? e->chance : NAN), "majority", json_number(e->majority > 0 ? e->majority : NAN),
        "verdict", verdict_words[e->verdict], "headline", c->headline, "remark", c->remark);
}

cf_status ledger_json(const Ledger *ledger, json_t **json) {
    json_auto_t *list = json_array();
    for (size_t i = 0; i < ledger->count; i++) json_array_append_new(list, entry_json(&ledger->entries[i]));
    FAIL_IF(json_array_size(list) != ledger->count, CF_NO_MEMORY, "out of memory while making the ledger's JSON");
    *json = memory_take(&list);
    return CF_OK;
}
