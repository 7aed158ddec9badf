// Runs a fuzz target without libFuzzer, over files: a corpus in the tests, a finding by hand.
//
//   fuzz_NAME FILE_OR_FOLDER...
//
// Beside each file it tries what a cheap mutation makes of it: every beginning, and every byte
// changed once.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "target.hpp"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(int count, char** names) {
    std::vector<fs::path> files;
    for (int i = 0; i < count; ++i) {
        if (!fs::is_directory(names[i])) {
            files.emplace_back(names[i]);
            continue;
        }
        for (const auto& entry : fs::directory_iterator(names[i])) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

/// On the heap and not one byte longer, so that AddressSanitizer sees a read beyond the end.
void run(const std::string& input) {
    const std::vector<std::uint8_t> bytes(input.begin(), input.end());
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

void run_mutations(const std::string& input) {
    constexpr std::size_t most_mutated = 512;  // a long file is there for its length
    constexpr char replacements[] = {'\0', '\n', ' ', '0', '"', '\x80'};
    const std::size_t step = input.size() / most_mutated + 1;
    for (std::size_t at = 0; at < input.size(); at += step) {
        run(input.substr(0, at));
        std::string changed = input;
        changed[at] = replacements[at % std::size(replacements)];
        run(changed);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const auto files = files_of(argc - 1, argv + 1);
    if (files.empty()) {
        std::fprintf(stderr, "usage: %s FILE_OR_FOLDER...\n", argv[0]);
        return 2;
    }
    for (const fs::path& path : files) {
        std::ifstream file(path, std::ios::binary);
        const std::string input{std::istreambuf_iterator<char>(file), {}};
        if (file.bad() || !file.is_open()) {
            std::fprintf(stderr, "cannot read %s\n", path.c_str());
            return 1;
        }
        std::printf("%s\n", path.filename().c_str());
        std::fflush(stdout);  // the last name printed is the culprit's
        run(input);
        run_mutations(input);
    }
    return 0;
}
