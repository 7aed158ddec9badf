// FieldEdits: a route's `headers` or `responseHeaders`, compiled for the data path (SPEC section
// 3).
//
// Immutable once made, by the control thread; read by every worker. A route without edits, the
// common one, holds a null pointer. All text lies in one string; what a request brings stands
// between pieces of it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/fields.hpp"

namespace penstock::snapshot {

/// What a value takes from the request at hand.
enum class Placeholder : std::uint8_t { none, request_id, client_ip };

class FieldEdits {
  public:
    /// Text, and what comes after it. The first piece of a line begins with "Name: ", the last one
    /// ends with CRLF.
    struct Piece {
        std::uint32_t at;
        std::uint32_t size;
        Placeholder then;
    };

    /// One field that is set, or removed where it has no pieces.
    struct Edit {
        std::uint32_t name_at;
        std::uint32_t name_size;
        std::uint32_t first_piece;
        std::uint32_t pieces;
        http::FieldId id;
    };

    FieldEdits() = default;
    /// `fields` have passed model::validate(): no value holds a control byte, no placeholder is
    /// unknown. ${vhost} is `v_host`, the route's own name.
    FieldEdits(const std::map<std::string, std::optional<std::string>>& fields,
               std::string_view v_host);

    bool empty() const noexcept { return !compiled_; }
    /// True where the field is set or removed; for every id but FieldId::other.
    bool covers(http::FieldId id) const noexcept {
        return compiled_ && (compiled_->ids & bit(id)) != 0;
    }
    /// The same for any name, whose id is `id`.
    bool covers(http::FieldId id, std::string_view name) const noexcept {
        if (!covers(id)) return false;
        return id != http::FieldId::other || covers_other(name);
    }
    /// The same, and for any name that a backend may take for one of them: '_' stands for '-'.
    bool covers_variable(std::string_view name) const noexcept;

    std::span<const Edit> edits() const noexcept {
        return compiled_ ? std::span<const Edit>(compiled_->edits) : std::span<const Edit>();
    }
    std::span<const Piece> pieces(const Edit& edit) const noexcept {
        return std::span(compiled_->pieces).subspan(edit.first_piece, edit.pieces);
    }
    /// As the configuration spells it.
    std::string_view name(const Edit& edit) const noexcept {
        return std::string_view(compiled_->text).substr(edit.name_at, edit.name_size);
    }
    std::string_view text(const Piece& piece) const noexcept {
        return std::string_view(compiled_->text).substr(piece.at, piece.size);
    }

  private:
    struct Compiled {
        std::uint32_t ids = 0;  // a bit for each FieldId that an edit is of
        std::string text;
        std::vector<Edit> edits;
        std::vector<Piece> pieces;
    };

    static constexpr std::uint32_t bit(http::FieldId id) noexcept {
        return std::uint32_t{1} << static_cast<unsigned>(id);
    }
    static void add_value(Compiled& compiled, std::string_view value, std::string_view v_host,
                          std::size_t line_at);
    bool covers_other(std::string_view name) const noexcept;

    std::unique_ptr<const Compiled> compiled_;
};

}  // namespace penstock::snapshot
