/* SPDX-License-Identifier: MIT
 *
 * The averages of mayfly bench as a picture: four bars for each thing that was measured. Its
 * colours follow the reader's (prefers-color-scheme); there is nothing in it to be fetched.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { WIDTH = 760, LEFT = 110, BARS = 520, BAR = 14, STEP = 18, TOP = 84, GROUP = 4 * STEP + 42 };

struct bar {
    const char *name, *class;
    double seconds;
};

static void bars_of(const struct bench_item *item, struct bar bars[4]) {
    static const struct bar names[4] = {
        {"file, dump", "fd", 0},
        {"file, load", "fl", 0},
        {"buffer, dump", "bd", 0},
        {"buffer, load", "bl", 0},
    };
    for (int i = 0; i < 4; i++) {
        const struct bench_half *half = &item->half[i < 2 ? BENCH_FILE : BENCH_BUFFER];
        bars[i] = names[i];
        bars[i].seconds = (i % 2 == 0 ? half->dump.sum : half->load.sum) / (double)item->iterations;
    }
}

static double longest(const struct bench_item *items, size_t count) {
    double most = 1e-12;
    struct bar bars[4];
    for (size_t i = 0; i < count; i++) {
        bars_of(&items[i], bars);
        for (size_t j = 0; j < 4; j++)
            if (bars[j].seconds > most)
                most = bars[j].seconds;
    }
    return most;
}

static void put_name(FILE *out, const char *name) {
    for (; *name != '\0'; name++) {
        const char *entity = *name == '&'   ? "&amp;"
                             : *name == '<' ? "&lt;"
                             : *name == '>' ? "&gt;"
                                            : NULL;
        if (entity != NULL)
            (void)fputs(entity, out);
        else
            (void)fputc(*name, out);
    }
}

static void put_time(FILE *out, double seconds) {
    if (seconds < 1e-3)
        (void)fprintf(out, "%.1f µs", seconds * 1e6);
    else if (seconds < 1)
        (void)fprintf(out, "%.2f ms", seconds * 1e3);
    else
        (void)fprintf(out, "%.2f s", seconds);
}

static const char head[] =
    "<style>\n"
    "text { font: 12px system-ui, sans-serif; fill: #20242c }\n"
    ".title { font-size: 16px; font-weight: 600 }\n"
    ".name { font-weight: 600 }\n"
    ".quiet { fill: #5b6472 }\n"
    ".page { fill: #ffffff }\n"
    ".axis { stroke: #9aa3b0 }\n"
    ".fd { fill: #1f5fa8 } .fl { fill: #6ea6e0 } .bd { fill: #b4540a } .bl { fill: #e59a55 }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "text { fill: #e8eaee } .quiet { fill: #a4adba } .page { fill: #15181e }\n"
    ".axis { stroke: #5f6875 }\n"
    ".fd { fill: #5b9be6 } .fl { fill: #a5cbf5 } .bd { fill: #e0833a } .bl { fill: #f4bd8a }\n"
    "}\n"
    "</style>\n";

static void put_head(FILE *out, size_t count, unsigned long long iterations) {
    const int height = TOP + (int)count * GROUP;
    (void)fprintf(out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                  "viewBox=\"0 0 %d %d\" role=\"img\">\n"
                  "<title>Serialization Benchmark Results</title>\n%s"
                  "<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n"
                  "<text class=\"title\" x=\"20\" y=\"32\">Serialization Benchmark Results</text>\n"
                  "<text class=\"quiet\" x=\"20\" y=\"52\">average time of %llu iteration%s; "
                  "shorter is better</text>\n",
                  WIDTH, height, WIDTH, height, head, iterations, iterations == 1 ? "" : "s");
}

static void put_group(FILE *out, const struct bench_item *item, int y, double most) {
    struct bar bars[4];
    bars_of(item, bars);
    (void)fprintf(out, "<text class=\"name\" x=\"20\" y=\"%d\">", y + 12);
    put_name(out, item->name);
    (void)fprintf(out, "</text>\n");
    for (int i = 0; i < 4; i++) {
        const int top = y + 22 + i * STEP;
        const double width = bars[i].seconds / most * BARS;
        (void)fprintf(out,
                      "<text class=\"quiet\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>"
                      "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>"
                      "<text x=\"%.1f\" y=\"%d\">",
                      LEFT - 8, top + 11, bars[i].name, bars[i].class, LEFT, top, width, BAR,
                      LEFT + width + 6, top + 11);
        put_time(out, bars[i].seconds);
        (void)fprintf(out, "</text>\n");
    }
    (void)fprintf(out, "<path class=\"axis\" d=\"M%d %dv%d\"/>\n", LEFT, y + 20, 4 * STEP);
}

static void put_picture(FILE *out, const struct bench_item *items, size_t count) {
    const double most = longest(items, count);
    put_head(out, count, count == 0 ? 0 : (unsigned long long)items[0].iterations);
    for (size_t i = 0; i < count; i++)
        put_group(out, &items[i], TOP + (int)i * GROUP - 10, most);
    (void)fprintf(out, "</svg>\n");
}

int bench_plot(const char *path, const struct bench_item *items, size_t count,
               mayfly_error *error) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int failed = out == NULL;
    if (!failed) {
        put_picture(out, items, count);
        failed = ferror(out) != 0;
        failed |= fclose(out) != 0;
    }
    if (failed)
        *error = (mayfly_error){.code = -ENOMEM, .message = "no memory for the picture"};
    const int r = failed ? -ENOMEM : mayfly_replace_with(path, text, size, NULL, error);
    free(text);
    return r;
}
