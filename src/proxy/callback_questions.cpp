#include "proxy/callback_questions.hpp"

#include <atomic>
#include <exception>
#include <utility>
#include <variant>

#include "base/assert.hpp"
#include "base/log.hpp"

namespace penstock::proxy {

class CallbackQuestions::Waiter final : public GuardWaiter<Outcome> {
  public:
    explicit Waiter(io::Ring& ring) noexcept : GuardWaiter(ring, Outcome::failed) {}
};

/// Whoever holds a reply holds this.
class CallbackQuestions::Question final : public AuthQuestion {
  public:
    Question(std::shared_ptr<PostBox> box, std::uint64_t number) noexcept
        : box_(std::move(box)), number_(number) {}
    ~Question() override { answer(AuthAnswer::fail); }

    void answer(AuthAnswer answer) noexcept override {
        if (answered_.exchange(true)) return;
        const std::lock_guard guard(box_->lock);
        if (box_->owner == nullptr) return;
        // The worker ends only after it has taken the lock: its loop is there.
        box_->owner->ring_.mailbox().post([box = box_, number = number_, answer] {
            if (box->owner != nullptr) box->owner->answered(number, answer);
        });
    }

    /// Nobody waits for the answer.
    void drop() noexcept { answered_.store(true); }
    bool is_wanted() const noexcept { return !answered_.load(); }

  private:
    std::shared_ptr<PostBox> box_;
    const std::uint64_t number_;
    std::atomic<bool> answered_{false};
};

/// On its way to an auth thread; frees itself there.
class CallbackQuestions::Call final : public AuthWork {
  public:
    Call(snapshot::AuthProviderPtr provider, AuthRequest request,
         std::shared_ptr<Question> question)
        : provider_(std::move(provider)),
          request_(std::move(request)),
          question_(std::move(question)) {}

    void run() noexcept override {
        const std::unique_ptr<Call> mine(this);
        if (!question_->is_wanted()) return;
        const auto& callback = std::get<AuthCallback>(provider_->method);
        try {
            callback.check(request_, AuthReply(question_));
        } catch (const std::exception& error) {
            complain(error.what());
        } catch (...) {
            complain("it threw what is no std::exception");
        }
    }

  private:
    void complain(std::string_view what) noexcept {
        question_->answer(AuthAnswer::fail);
        log(LogLevel::error, "an auth callback failed",
            {{"provider", provider_->id}, {"reason", what}});
    }

    snapshot::AuthProviderPtr provider_;
    AuthRequest request_;
    std::shared_ptr<Question> question_;
};

CallbackQuestions::CallbackQuestions(io::Ring& ring, AuthThreads* threads)
    : ring_(ring), threads_(threads) {
    box_->owner = this;
}

CallbackQuestions::~CallbackQuestions() {
    PENSTOCK_ASSERT(waiting_.empty());
    const std::lock_guard guard(box_->lock);
    box_->owner = nullptr;
}

io::Task<CallbackQuestions::Outcome> CallbackQuestions::ask(AuthRequest& request, Guard& guard) {
    const auto& callback = std::get<AuthCallback>(guard.provider()->method);
    const std::uint64_t number = ++last_number_;
    const auto question = std::make_shared<Question>(box_, number);
    auto call = std::make_unique<Call>(guard.provider(), std::move(request), question);
    if (threads_ == nullptr || !threads_->submit(*call)) {
        question->drop();
        co_return Outcome::overloaded;
    }
    static_cast<void>(call.release());
    Waiter waiter(ring_);
    waiting_.emplace(number, &waiter);
    const Guard::Waiting waiting(guard, waiter);
    co_await waiter.decided.wait(ring_.now() + callback.timeout);
    waiting_.erase(number);
    question->drop();
    co_return waiter.outcome;
}

void CallbackQuestions::answered(std::uint64_t number, AuthAnswer answer) noexcept {
    const auto found = waiting_.find(number);
    if (found == waiting_.end()) return;  // it has waited for too long, or has left
    Waiter& waiter = *found->second;
    switch (answer) {
        case AuthAnswer::allow:
            return waiter.decide(Outcome::allowed);
        case AuthAnswer::refuse:
            return waiter.decide(Outcome::refused);
        case AuthAnswer::forbid:
            return waiter.decide(Outcome::forbidden);
        case AuthAnswer::fail:
            break;
    }
    waiter.decide(Outcome::failed);
}

}  // namespace penstock::proxy
