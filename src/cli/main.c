#include "cifra.h"
#include <stdio.h>
int main(void) {
    puts(cf_version());
    return 0;
}
