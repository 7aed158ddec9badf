// A doubly linked list whose links live in its elements: O(1) insert and unlink, no allocation.
//
// Not thread-safe. The list owns nothing; an element must leave its list before it dies (checked).
#pragma once

#include <cstddef>

#include "base/assert.hpp"

namespace penstock {

template <class T, class Tag>
class IntrusiveList;

/// Derive from ListNode<Tag> once for each list that an element can stand in at the same time; the
/// tag of the only one is the class itself.
template <class Tag>
class ListNode {
  public:
    ListNode() = default;
    ListNode(const ListNode&) = delete;
    ListNode& operator=(const ListNode&) = delete;
    ~ListNode() { PENSTOCK_ASSERT(!is_linked()); }

    bool is_linked() const noexcept { return next_ != nullptr; }

    /// Leaves whatever list it is in; does nothing where it is in none.
    void unlink() noexcept {
        if (next_ == nullptr) return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        next_ = previous_ = nullptr;
    }

  private:
    template <class, class>
    friend class IntrusiveList;

    ListNode* next_ = nullptr;
    ListNode* previous_ = nullptr;
};

template <class T, class Tag = T>
class IntrusiveList {
    using Node = ListNode<Tag>;

  public:
    IntrusiveList() noexcept { head_.next_ = head_.previous_ = &head_; }
    IntrusiveList(const IntrusiveList&) = delete;
    IntrusiveList& operator=(const IntrusiveList&) = delete;
    ~IntrusiveList() {
        PENSTOCK_ASSERT(empty());
        head_.next_ = head_.previous_ = nullptr;
    }

    bool empty() const noexcept { return head_.next_ == &head_; }
    T& front() noexcept { return *static_cast<T*>(head_.next_); }
    T& back() noexcept { return *static_cast<T*>(head_.previous_); }

    void push_back(T& element) noexcept { insert(element, *head_.previous_, head_); }
    void push_front(T& element) noexcept { insert(element, head_, *head_.next_); }

    /// Null where the list is empty.
    T* pop_front() noexcept {
        if (empty()) return nullptr;
        T& element = front();
        static_cast<Node&>(element).unlink();
        return &element;
    }

    /// Calls visit(element) for each; `visit` may not change the list.
    template <class Visit>
    void for_each(Visit&& visit) {
        for (Node* node = head_.next_; node != &head_; node = node->next_)
            visit(*static_cast<T*>(node));
    }

    /// Moves every element of `other` behind the own ones, in order.
    void splice_back(IntrusiveList& other) noexcept {
        while (T* element = other.pop_front()) push_back(*element);
    }

  private:
    static void insert(T& element, Node& before, Node& after) noexcept {
        Node& node = element;
        PENSTOCK_ASSERT(!node.is_linked());
        node.previous_ = &before;
        node.next_ = &after;
        before.next_ = &node;
        after.previous_ = &node;
    }

    Node head_;
};

}  // namespace penstock
