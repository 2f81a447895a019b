/* An exported network over many images: reads them from the standard input, writes the probabilities, in the machine's own bytes.
 * Compiled beside NET.c with -DHEADER='"NET.h"' -DPREDICT=NET_predict -DSIZE=bytes of an image -DCLASSES=n. */
#include HEADER

#include <stdio.h>

int main(void) {
    static uint8_t image[SIZE];
    static float probabilities[CLASSES];
    while (fread(image, sizeof image, 1, stdin) == 1) {
        PREDICT(image, probabilities);
        if (fwrite(probabilities, sizeof probabilities, 1, stdout) != 1) return 1;
    }
    return ferror(stdin) ? 1 : 0;
}
