/* SPDX-License-Identifier: MIT
 *
 * Pickles one behind the other: in memory, through a descriptor, a FILE and a file of ours; large
 * ones piece by piece; and what they may name. dill-temp.md "IO Buffer Operations" for streams.
 */
#include "example.h"

typedef struct job {
    int64_t id;
} job;
MAYFLY_STRUCT(job_type, job, MAYFLY_FIELD(job, id));

static int64_t read_all(mayfly_reader *reader) {
    mayfly_value value;
    int64_t number, sum = 0;
    while (try(mayfly_reader_next(reader, &value, &error)) > 0) {
        try(mayfly_int_get(value, &number, &error));
        sum += number;
    }
    return sum;
}

/* Three pickles in one stream, written by three ways and read by three. */
static void behind_each_other(mayfly_doc *doc) {
    mayfly_auto(mayfly_file) file = NULL;
    FILE *stream = NULL;
    char *data = NULL;
    size_t size = 0, rest = 0;
    try(mayfly_temporary_file(NULL, &file, &error));
    try(mayfly_dump_file(doc, mayfly_int_new(doc, 1), NULL, file, &error));
    try(mayfly_file_stream(file, &stream, &error));
    try(mayfly_dump_stream(doc, mayfly_int_new(doc, 2), NULL, stream, &error));
    expect(fflush(stream) == 0, "written");
    const int fd = (int)try(mayfly_file_fd(file, &error));
    try(mayfly_dump_fd(doc, mayfly_int_new(doc, 3), NULL, fd, &error));

    expect(lseek(fd, 0, SEEK_SET) == 0, "back to the start");
    mayfly_reader *reader = NULL;
    try(mayfly_reader_fd(doc, fd, NULL, &reader, &error));
    expect(read_all(reader) == 6, "1 + 2 + 3");
    mayfly_reader_close(&reader);

    rewind(stream);
    try(mayfly_reader_stream(doc, stream, NULL, &reader, &error));
    expect(read_all(reader) == 6, "1 + 2 + 3");
    mayfly_reader_close(&reader);

    try(mayfly_file_seek(file, 0, SEEK_SET, &error));
    try(mayfly_file_read_all(file, &data, &size, &error));
    mayfly_auto(mayfly_reader) memory = NULL;
    try(mayfly_reader_memory(doc, data, size, NULL, &memory, &error));
    expect(read_all(memory) == 6 && mayfly_reader_offset(memory) == size, "all of it");
    (void)mayfly_reader_rest(memory, &rest);
    expect(rest == 0, "nothing behind the last one");
    free(data);
}

/* One at a time: the position is then behind it. */
static void one_at_a_time(mayfly_doc *doc) {
    mayfly_auto(mayfly_doc) first = NULL;
    mayfly_auto(mayfly_doc) second = NULL;
    FILE *stream = tmpfile();
    expect(stream != NULL, "a file");
    try(mayfly_dump_stream(doc, mayfly_int_new(doc, 1), NULL, stream, &error));
    try(mayfly_dump_stream(doc, mayfly_int_new(doc, 2), NULL, stream, &error));
    rewind(stream);
    try(mayfly_load_stream(stream, NULL, &first, &error));
    expect(fflush(stream) == 0 && lseek(fileno(stream), ftell(stream), SEEK_SET) > 0, "so far");
    try(mayfly_load_fd(fileno(stream), NULL, &second, &error));
    int64_t number;
    try(mayfly_int_get(mayfly_doc_root(second), &number, &error));
    expect(number == 2, "the second one");
    (void)fclose(stream);
}

static int count(void *context, const void *data, size_t size) {
    (void)data;
    *(size_t *)context += size;
    return 0;
}

/* A value of any size needs no memory of its size to be written. */
static void piece_by_piece(mayfly_doc *doc) {
    size_t written = 0;
    char *zeros = calloc(1, 1 << 20);
    try(mayfly_dump_to(doc, mayfly_bytes_new(doc, zeros, 1 << 20), NULL, count, &written, &error));
    free(zeros);
    printf("%zu bytes in pieces\n", written);
    expect(written > 1 << 20, "a mebibyte, and what is around it");
}

static void policies(mayfly_doc *doc) {
    static const char text[] = "# what may be named\ncollections OrderedDict\n";
    mayfly_policy *policy = NULL;
    try(mayfly_policy_new(text, strlen(text), &policy, &error));
    expect(mayfly_policy_allows(policy, "collections", "OrderedDict"), "in the list");
    expect(!mayfly_policy_allows(policy, "os", "system"), "not in the list");
    try(mayfly_doc_check(doc, policy, &error)); /* this document names nothing at all */
    mayfly_policy_free(&policy);
}

int main(void) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_file) dumped = NULL;
    const job one = {42};
    try(mayfly_doc_new(NULL, &doc, &error));
    behind_each_other(doc);
    one_at_a_time(doc);
    piece_by_piece(doc);
    policies(doc);
    try(mayfly_dump_struct(&job_type, &one, NULL, &dumped, &error)); /* without a document */
    printf("a struct in %s\n", mayfly_file_path(dumped));
    return 0;
}
