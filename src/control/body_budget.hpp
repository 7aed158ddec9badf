// BodyBudget: how much memory the bodies under way may take together, of requests or of answers;
// and what keeps to it.
//
// Control thread only. The bytes of a request's body are cleansed at its end: keys come in them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "base/secret.hpp"

namespace penstock::control {

class BodyBudget {
  public:
    explicit BodyBudget(std::size_t bytes) noexcept : all_(bytes), left_(bytes) {}
    BodyBudget(const BodyBudget&) = delete;
    BodyBudget& operator=(const BodyBudget&) = delete;

    std::size_t left() const noexcept { return left_; }

  private:
    friend class BudgetedBody;
    friend class BudgetShare;

    const std::size_t all_;
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

/// What a body that is there already takes, for as long as this lives.
class BudgetShare {
  public:
    /// The budget outlives it.
    explicit BudgetShare(BodyBudget& budget) noexcept : budget_(budget) {}
    BudgetShare(const BudgetShare&) = delete;
    BudgetShare& operator=(const BudgetShare&) = delete;
    ~BudgetShare() { budget_.left_ += taken_; }

    /// False where the budget has no room for it. Whatever its size, there is room for one alone.
    /// To be called once.
    [[nodiscard]] bool take(std::size_t bytes) noexcept {
        if (bytes > budget_.left_ && budget_.left_ < budget_.all_) return false;
        taken_ = std::min(bytes, budget_.left_);
        budget_.left_ -= taken_;
        return true;
    }

  private:
    BodyBudget& budget_;
    std::size_t taken_ = 0;
};

}  // namespace penstock::control
