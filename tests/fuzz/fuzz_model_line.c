/* A model line, for images of 3 x 8 x 8 and ten classes. */
#include "fuzz.h"

#include "nn/model_line.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LayerList list;
    char *line = fuzz_text(data, size), *table;
    const cf_status status = model_line_parse(line, (Shape){3, 8, 8}, 10, &list);
    fuzz_settled(status);
    free(line);
    if (status) return 0;
    PROMISE(list.count > 0 && shape_size(list.layers[list.count - 1].out) == 10);
    PROMISE(layer_list_flops(&list) >= 0 && layer_list_training_flops(&list) >= 0);
    for (int i = 0; i < list.count; i++) {
        const Shape in = list.layers[i].in, out = list.layers[i].out;
        PROMISE(in.C > 0 && in.H > 0 && in.W > 0 && out.C > 0 && out.H > 0 && out.W > 0);
    }
    PROMISE(layer_list_table(&list, &table) == CF_OK);
    free(table);
    layer_list_free(&list);
    return 0;
}
