#include "ctl/table.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace penstock::ctl {

namespace {

/// `text` and the spaces that make it `width` wide.
void append_padded(std::string& line, const Cell& cell, std::size_t width, Align align,
                   bool colour) {
    const std::size_t own = display_width(cell.text);
    const std::string padding(width > own ? width - own : 0, ' ');
    const std::string shown = colour ? paint(cell.text, cell.tone) : cell.text;
    line += align == Align::left ? shown + padding : padding + shown;
}

}  // namespace

void Table::add(std::vector<Cell> row) {
    PENSTOCK_ASSERT(row.size() == columns_.size());
    for (Cell& cell : row) cell.text = cell.text.empty() ? "-" : printable(cell.text);
    rows_.push_back(std::move(row));
}

std::string Table::text(bool colour) const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::size_t width = display_width(columns_[i].heading);
        for (const auto& row : rows_) width = std::max(width, display_width(row[i].text));
        widths.push_back(width);
    }
    std::string text;
    const auto append = [&](const auto& cell_at) {
        std::string line;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (i > 0) line += "  ";
            const bool is_last_text = i + 1 == columns_.size() && columns_[i].align == Align::left;
            append_padded(line, cell_at(i), is_last_text ? 0 : widths[i], columns_[i].align,
                          colour);
        }
        text += line + '\n';
    };
    append([&](std::size_t i) { return Cell(columns_[i].heading, Tone::faint); });
    for (const auto& row : rows_) append([&](std::size_t i) { return row[i]; });
    return text;
}

void FactSheet::add(std::string_view name, Cell value) {
    if (value.text.empty()) return;
    value.text = printable(value.text);
    facts_.emplace_back(name, std::move(value));
}

std::string FactSheet::text(bool colour) const {
    std::size_t width = 0;
    for (const auto& [name, value] : facts_) width = std::max(width, display_width(name));
    std::string text;
    for (const auto& [name, value] : facts_) {
        append_padded(text, Cell(name + ":", Tone::faint), width + 3, Align::left, colour);
        text += (colour ? paint(value.text, value.tone) : value.text) + '\n';
    }
    return text;
}

}  // namespace penstock::ctl
