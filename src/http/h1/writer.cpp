#include "http/h1/writer.hpp"

#include <charconv>
#include <cstring>
#include <utility>

namespace penstock::http::h1 {

void HeadBuffer::append(std::string_view bytes) {
    if (bytes.empty()) return;
    if (block_->free_size() < bytes.size() &&
        (overflowed_ || !pool_.make_room(block_, bytes.size())))
        overflowed_ = true;
    else
        block_->append(bytes);
}

void HeadBuffer::append_number(std::uint64_t value) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    append({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void HeadBuffer::append_field(std::string_view name, std::string_view value) {
    append(name);
    append(": ");
    append(value);
    append("\r\n");
}

void write_kept_fields(HeadBuffer& out, const FieldList& fields, const char* head_end) {
    const char* const section_end = head_end - 2;  // before the empty line
    const char* run = nullptr;
    for (const auto& entry : fields) {
        const char* line = fields.line_start(entry);
        if (entry.dropped) {
            if (run != nullptr) out.append({run, static_cast<std::size_t>(line - run)});
            run = nullptr;
        } else if (run == nullptr) {
            run = line;
        }
    }
    if (run != nullptr) out.append({run, static_cast<std::size_t>(section_end - run)});
}

void write_status_line(HeadBuffer& out, unsigned status, std::string_view reason) {
    char line[] = "HTTP/1.1 000 ";
    line[9] = static_cast<char>('0' + status / 100);
    line[10] = static_cast<char>('0' + status / 10 % 10);
    line[11] = static_cast<char>('0' + status % 10);
    out.append({line, 13});
    out.append(reason);
    out.append("\r\n");
}

unsigned ChunkFrame::frame(std::string_view data, iovec* pieces) noexcept {
    const auto digits_end =
        std::to_chars(size_line_.data(), size_line_.data() + 16, data.size(), 16).ptr;
    digits_end[0] = '\r';
    digits_end[1] = '\n';
    pieces[0] = {size_line_.data(), static_cast<std::size_t>(digits_end + 2 - size_line_.data())};
    pieces[1] = piece_of(data);
    pieces[2] = piece_of("\r\n");
    return 3;
}

}  // namespace penstock::http::h1
