#include "app/start_process.hpp"

#include "control/config_file.hpp"
#include "control/store/open.hpp"

namespace penstock::app {

Result<model::ProcessFlags> process_to_start_with(const Options& options,
                                                  Predecessor* predecessor) {
    if (predecessor != nullptr) {
        if (auto lent = predecessor->ask_for_store(); !lent) return Failure{lent.error()};
    }
    const auto store = control::open_store(
        options.store, predecessor != nullptr ? predecessor->memory_store() : -1);
    if (!store) return Failure{Error{"--store " + options.store + ": " + store.error().message}};
    const auto use = options.config_always ? control::FileUse::always : control::FileUse::when_new;
    auto process =
        control::process_to_start_with(options.config_file, use, **store, &check_process);
    if (!process) return Failure{Error{control::join(process.error())}};
    return std::move(*process);
}

}  // namespace penstock::app
