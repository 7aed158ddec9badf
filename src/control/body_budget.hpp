// BodyBudget: how much memory the bodies of requests under way may take together; and a body that
// keeps to it.
//
// Control thread only. A body's bytes are cleansed at its end: keys come in them.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/secret.hpp"

namespace penstock::control {

class BodyBudget {
  public:
    explicit BodyBudget(std::size_t bytes) noexcept : left_(bytes) {}
    BodyBudget(const BodyBudget&) = delete;
    BodyBudget& operator=(const BodyBudget&) = delete;

    std::size_t left() const noexcept { return left_; }

  private:
    friend class BudgetedBody;

    std::size_t left_;
};

class BudgetedBody {
  public:
    /// The budget outlives it.
    explicit BudgetedBody(BodyBudget& budget) noexcept : budget_(budget) {}
    BudgetedBody(const BudgetedBody&) = delete;
    BudgetedBody& operator=(const BudgetedBody&) = delete;
    ~BudgetedBody() { budget_.left_ += text_.capacity(); }

    /// False where the budget has no room for it.
    [[nodiscard]] bool append(std::string_view bytes) {
        const std::size_t more = text_.capacity_with(bytes.size()) - text_.capacity();
        if (more > budget_.left_) return false;
        budget_.left_ -= more;
        text_.append(bytes);
        return true;
    }
    std::string_view view() const noexcept { return text_.view(); }
    std::size_t size() const noexcept { return text_.size(); }

  private:
    BodyBudget& budget_;
    SecretText text_;
};

}  // namespace penstock::control
