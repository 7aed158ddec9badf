// Table: rows under a heading, columns aligned by what they look like on a terminal.
//
// Plain values, main thread.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/terminal.hpp"

namespace penstock::ctl {

struct Cell {
    std::string text;
    Tone tone = Tone::plain;

    Cell(std::string words, Tone meant = Tone::plain) : text(std::move(words)), tone(meant) {}
    Cell(std::string_view words) : text(words) {}
    Cell(const char* words) : text(words) {}
};

enum class Align : bool { left, right };

struct Column {
    const char* heading;
    Align align = Align::left;
};

class Table {
  public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    /// A cell for each column. Control characters are made harmless; an empty one shows as "-".
    void add(std::vector<Cell> row);
    bool empty() const noexcept { return rows_.empty(); }

    /// Lines, each with its end; two spaces between columns, none at the end of a line.
    std::string text(bool colour) const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

/// Names with values, one a line, aligned: what there is to say of one thing.
class FactSheet {
  public:
    /// Left out where there is no value.
    void add(std::string_view name, Cell value);
    std::string text(bool colour) const;

  private:
    std::vector<std::pair<std::string, Cell>> facts_;
};

}  // namespace penstock::ctl
