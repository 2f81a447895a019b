/* Checkpoints of torch.save (.pth, .pt): the tensors of a dictionary, as PyTorch writes it from version 1.6 on.
 *
 * Format: a zip archive (base/zip.h) with a folder, NAME/: data.pkl, the pickle that names tensors as views of
 * storages (nn/weights/pickle.h); data/KEY, a storage's values; byteorder, "little". A view is an offset, a shape and strides.
 * Limits: views whose values lie in the storage once, so none that is expanded; nothing of a pickle is run.
 */
#pragma once

#include "base/safetensors.h"

/* Whether the file begins as a zip archive does, or as a pickle does. */
bool pth_is(const char *path);
/* Tensors in the order of the dictionary, values as safetensors_read gives them; released by safetensors_free. */
cf_status pth_read(const char *path, StoredFile *file);
