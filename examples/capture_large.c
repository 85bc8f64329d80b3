/* SPDX-License-Identifier: MIT
 *
 * Capturing more than one wants to keep: dill-temp.md "Stream Capture", with a limit, a file of
 * what is left, and a way past the capture.
 */
#include "example.h"

int main(void) {
    mayfly_capture *capture = NULL;
    mayfly_file *text = NULL;
    char end[6] = "";
    try(mayfly_capture(
        MAYFLY_STDOUT,
        &(mayfly_capture_options){.max_bytes = 1000, .full = MAYFLY_CAPTURE_DROP_OLDEST}, &capture,
        &error));
    const int past = (int)try(mayfly_capture_original(capture, MAYFLY_STDOUT, &error));
    expect(write(past, "this is seen\n", 13) == 13, "where it would have gone");
    for (int i = 0; i < 1000; i++)
        printf("line %d\n", i);
    try(mayfly_capture_end(capture, &error));
    printf("%lld bytes were dropped\n",
           (long long)mayfly_capture_dropped(capture, MAYFLY_STDOUT, &error));
    try(mayfly_capture_file(capture, MAYFLY_STDOUT, &text, &error)); /* the capture's */
    try(mayfly_file_seek(text, -5, SEEK_END, &error));
    try(mayfly_file_read(text, end, 5, &error));
    expect(strcmp(end, " 999\n") == 0, "the newest is what was kept");
    try(mayfly_capture_close(&capture, &error));
    return 0;
}
