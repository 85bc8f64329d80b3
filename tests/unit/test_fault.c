#include "../lib/harness.h"
static void nothing_yet(void **state) { (void)state; }
int main(void) { const struct CMUnitTest tests[] = { MFT(nothing_yet) }; return MFT_MAIN(tests); }
