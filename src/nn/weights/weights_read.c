#include "nn/weights/weights_read.h"

#include "nn/weights/names.h"
#include "nn/weights/pth.h"

cf_status weights_read(const char *path, const LayerList *layers, StoredFile *file) {
    StoredFile made;
    FORWARD(pth_is(path) ? pth_read(path, &made) : safetensors_read(path, &made));
    const cf_status status = names_map(path, layers, &made);
    if (status)
        safetensors_free(&made);
    else
        *file = made;
    return status;
}
