// The `process` section of a configuration document: flags of the program, for its next start.
//
// Plain values, any thread. Which flags there are, and what they take, the program knows
// (app/options).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <simdjson.h>

#include "model/field_error.hpp"

namespace penstock::model {

struct ProcessFlag {
    std::string name;                 ///< as in JSON: "maxHeaderBytes" is --max-header-bytes
    std::vector<std::string> values;  ///< as they would stand on the command line
    bool is_list = false;             ///< an array in JSON
};

struct ProcessFlags {
    std::string json = "{}";  ///< the section as it was given, without white space
    std::vector<ProcessFlag> flags;
};

/// Strings, whole numbers, true and false, and arrays of strings and numbers.
ProcessFlags read_process(simdjson::dom::element value, const std::string& pointer,
                          FieldErrors& errors);

/// What is wrong with the flags, with pointers below "/process".
using ProcessCheck = std::function<FieldErrors(const ProcessFlags&)>;

}  // namespace penstock::model
