/* What a Cortex-M4 begins with: the end of the stack, and where the program begins; the floating-point unit is switched on first. */
#include <stdint.h>

extern char __stack[];
extern void _start(void);

static void begin(void) {
    volatile uint32_t *const coprocessors = (volatile uint32_t *)0xE000ED88;
    *coprocessors |= 0xFu << 20;
    _start();
}

static void fault(void) {
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static void (*const vectors[])(void) = {(void (*)(void))(uintptr_t)__stack,
                                                                                   begin, fault, fault};
