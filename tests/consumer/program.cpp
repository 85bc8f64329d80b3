// SPDX-License-Identifier: MIT
//
// The same in C++17, with a value of each kind of handle.
#include <mayfly.h>

#include <cstdio>
#include <string>

int main() {
    mayfly_error error;
    mayfly_auto(mayfly_file) file = nullptr;
    mayfly_file_options options = {};
    options.suffix = ".csv";
    if (mayfly_named_temporary_file(&options, &file, &error) < 0)
        return std::fprintf(stderr, "%s\n", error.message), 1;
    const std::string text = "a,b\n";
    if (mayfly_file_write(file, text.data(), text.size(), &error) < 0)
        return std::fprintf(stderr, "%s\n", error.message), 1;

    mayfly_auto(mayfly_dir) directory = nullptr;
    if (mayfly_temporary_directory(nullptr, &directory, &error) < 0)
        return std::fprintf(stderr, "%s\n", error.message), 1;

    mayfly_auto(mayfly_doc) doc = nullptr;
    if (mayfly_doc_new(nullptr, &doc, &error) < 0)
        return std::fprintf(stderr, "%s\n", error.message), 1;
    mayfly_value row = mayfly_dict_new(doc);
    mayfly_dict_put(doc, row, "name", mayfly_str_new(doc, "mayfly", MAYFLY_ALL));
    mayfly_auto(mayfly_file) pickle = nullptr;
    mayfly_auto(mayfly_doc) again = nullptr;
    mayfly_value name;
    if (mayfly_dump(doc, row, nullptr, &pickle, &error) < 0 ||
        mayfly_load(pickle, nullptr, &again, &error) < 0 ||
        mayfly_at(mayfly_doc_root(again), "/name", &name, &error) < 0)
        return std::fprintf(stderr, "%s\n", error.message), 1;
    std::printf("%s %s\n", mayfly_version(), mayfly_str_get(name, nullptr));
    return std::string(mayfly_str_get(name, nullptr)) != "mayfly";
}
