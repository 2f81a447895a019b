/* Pictures made smaller by averaging what each new pixel covers, or larger by cubic interpolation. */
#ifndef DATA_GENERATE_RESIZE_PICTURE_H
#define DATA_GENERATE_RESIZE_PICTURE_H

#include "data/generate/camera.h"

/* Fills `to`, which has its own size and as many channels. At the same size it is a copy. */
void photo_resize(const Photo *from, Photo *to);

#endif
