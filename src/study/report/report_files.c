#include "study/report/report_files.h"

#include "data/set_text.h"
#include "study/report/report_inside.h"

#include <stdlib.h>

typedef struct FilesPage {
    const char *name;
    const FolderListing *listing;
} FilesPage;

static size_t count_of(const FolderListing *listing, FileFate fate) {
    size_t count = 0;
    for (size_t i = 0; i < listing->count; i++) count += listing->files[i].fate == fate;
    return count;
}

static const char *part_title(int part) {
    static const char *const titles[] = {"Training", "Validation", "Test"};
    return titles[part];
}

static void facts(FILE *out, const FolderListing *l) {
    char text[64];
    fputs("<dl class=\"facts\">\n", out);
    snprintf(text, sizeof text, "%zu of %zu", count_of(l, FILE_READ), l->count);
    html_fact(out, "Files that are images", text, "the others are listed first");
    snprintf(text, sizeof text, "%zu", count_of(l, FILE_BROKEN));
    html_fact(out, "Pictures that cannot be read", text, "each with its reason");
    snprintf(text, sizeof text, "%d × %d", l->width, l->height);
    html_fact(out, "Size in pixels", text, l->channels == 1 ? "width × height, grey" : "width × height, RGB");
    fputs("</dl>\n", out);
}

static const char *reason(const FolderFile *file) {
    switch (file->fate) {
    case FILE_HIDDEN:
        return "hidden: its name begins with a dot";
    case FILE_OTHER:
        return "no picture, by its first bytes";
    case FILE_LOOSE:
        return "a picture in no class folder";
    case FILE_BROKEN:
        return file->why;
    case FILE_READ:
        break;
    }
    return "";
}

static void passed(FILE *out, const FolderListing *l) {
    if (count_of(l, FILE_READ) == l->count) {
        fputs("<p>All files are images of the set.</p>\n", out);
        return;
    }
    table_begin(out, (TableStyle){.tall = true}, NULL);
    table_heads(out, (const char *const[]){"File", "Why", NULL}, false);
    table_body(out);
    /* What is wrong stands before what is merely something else. */
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < l->count; i++) {
            const FolderFile *file = &l->files[i];
            if (file->fate == FILE_READ || (file->fate == FILE_BROKEN) != (pass == 0)) continue;
            table_row(out, NULL, false);
            table_text(out, folder_file_name(l, file));
            table_text(out, reason(file));
            table_row_end(out);
        }
    table_end(out);
}

static cf_status classes(FILE *out, const FolderListing *l) {
    PartCounts *counts, totals;
    FORWARD(folder_count(l, &counts, totals));
    table_begin(out, (TableStyle){.tall = true}, NULL);
    table_head(out, "Class", false);
    for (int p = 0; p < SET_PARTS; p++)
        if (totals[p]) table_head(out, part_title(p), true);
    table_body(out);
    for (int k = 0; k < l->classes; k++) {
        table_row(out, l->names[k], false);
        for (int p = 0; p < SET_PARTS; p++)
            if (totals[p]) table_number(out, (double)counts[k][p], "%zu", counts[k][p]);
        table_row_end(out);
    }
    table_end(out);
    free(counts);
    return CF_OK;
}

/* "resized from 4000 × 3000, the middle; turned (EXIF); grey to RGB" */
static void what_was_done(FILE *out, const FolderListing *l, const FolderFile *file) {
    static const char *const fits[] = {"", ", the middle", ", black beside it"};
    const Picture *shape = &file->shape;
    const char *between = "";
    if (shape->width != l->width || shape->height != l->height) {
        const bool other_shape = (int64_t)shape->width * l->height != (int64_t)shape->height * l->width;
        fprintf(out, "resized%s", other_shape ? (l->fit == FIT_SQUASH ? ", sides stretched" : fits[l->fit]) : "");
        between = "; ";
    }
    if (shape->turned) fprintf(out, "%sturned (EXIF)", between), between = "; ";
    if (shape->channels < l->channels) fprintf(out, "%sgrey to RGB", between);
}

static void images(FILE *out, const FolderListing *l) {
    table_begin(out, (TableStyle){.tall = true}, NULL);
    table_heads(out, (const char *const[]){"File", "Part", "Class", "Format", "Pixels in the file", "What was done", NULL}, false);
    table_body(out);
    for (size_t i = 0; i < l->count; i++) {
        const FolderFile *file = &l->files[i];
        if (file->fate != FILE_READ) continue;
        char size[64];
        snprintf(size, sizeof size, "%d × %d", file->shape.width, file->shape.height);
        table_row(out, NULL, false);
        table_text(out, folder_file_name(l, file));
        table_text(out, part_title(file->part));
        table_text(out, l->names[file->label]);
        table_text(out, picture_kind_name(file->shape.kind));
        table_text(out, size);
        fputs("<td>", out);
        what_was_done(out, l, file);
        fputs("</td>", out);
        table_row_end(out);
    }
    table_end(out);
}

static void subtitle(FILE *out, const FolderListing *l) {
    static const char *const fits[] = {"", ", cropped to the middle", ", with black beside them"};
    fputs("What was done with each file of <em>", out);
    html_text(out, l->source);
    fprintf(out, "</em>: images of %d × %d pixels%s", l->width, l->height, fits[l->fit]);
}

static cf_status fill(FILE *out, const char *name, size_t length, const void *context) {
    const FilesPage *page = context;
    if (page_place_is(name, length, "title"))
        html_text(out, page->name);
    else if (page_place_is(name, length, "subtitle"))
        subtitle(out, page->listing);
    else if (page_place_is(name, length, "version"))
        html_text(out, CIFRA_VERSION);
    else if (page_place_is(name, length, "facts"))
        facts(out, page->listing);
    else if (page_place_is(name, length, "passed"))
        passed(out, page->listing);
    else if (page_place_is(name, length, "classes"))
        return classes(out, page->listing);
    else if (page_place_is(name, length, "read"))
        images(out, page->listing);
    else
        return FAIL(CF_INTERNAL, "files.html asks for {{%.*s}}, which nobody writes", (int)length, name);
    return CF_OK;
}

cf_status report_files_write(const char *path, const FolderListing *listing) {
    FileDraft draft;
    char *name;
    FORWARD(file_trim(listing->source, &name));
    const FilesPage page = {file_base_name(name), listing};
    cf_status status = file_draft(path, &draft);
    if (!status) {
        status = page_write(draft.stream, "files.html", fill, &page);
        status = status ? status : file_commit(&draft);
        file_abandon(&draft); /* nothing, once it was committed */
    }
    free(name);
    return status;
}
