// What a terminal wants of a text: how wide it is, and that nothing in it is a command to the
// terminal.
//
// Pure functions, main thread (they use a locale of their own, not the process's).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace penstock::ctl {

/// How a piece of text is meant; what it looks like is paint()'s.
enum class Tone : unsigned char { plain, strong, faint, good, warning, bad };

/// Columns that UTF-8 text takes: 2 for wide characters, 0 for combining ones. A byte that is no
/// UTF-8 counts as one.
std::size_t display_width(std::string_view text);

/// The text with control characters, and bytes that are no UTF-8, written as \xNN: names and
/// reasons may come from strangers.
std::string printable(std::string_view text);

/// JSON with the control characters in its strings written as \uNNNN: still the same JSON.
std::string printable_json(std::string_view json);

/// In the colour of its tone; as it is for Tone::plain.
std::string paint(std::string_view text, Tone tone);

}  // namespace penstock::ctl
