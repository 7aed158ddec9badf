import unittest

from lint import coroutines
from lint.cpp import Source


def source(body):
    return Source('x.cpp', f'Task<void> f() {{\n{body}\n}}\n')


class Awaits(unittest.TestCase):
    def test_statements_and_initialisers_pass(self):
        for body in [
            'co_await x;',
            'const auto head = co_await client_.read_head();',
            'v = co_await x;',
            'co_return co_await refuse(Status::not_found);',
            '(void)co_await x;',
            'if (!head) co_return co_await refuse(a && b, c + d);',
            'else co_await y;',
            'for (int i = 0; i < n; ++i) co_await step(i);',
            'Result<std::size_t> n = co_await recv(fd, a->b(c));',
            'const Slot slot = co_await route->admission.enter(deadlines_);',
            'auto [a, b] = co_await both(x(), y());',
            'auto&& v = co_await std::move(task);',
            'case Kind::a: co_await x; break;',
            'this->v_ = co_await x;',
            'auto n = co_await get<Head, Body>(x);',
            'co_await Sleep{.ms = 3};',
            'std::string& s = co_await x;',
            'do co_await x; while (more());',
            'Task<int>* t = co_await x;',
            'Map<A, B<C>> t = co_await x;',
        ]:
            with self.subTest(body):
                self.assertEqual(list(coroutines.misplaced_awaits(source(body))), [])

    def test_conditions_and_larger_expressions_are_caught(self):
        for body in [
            'if (co_await x) y();',
            'while (auto n = co_await x) y();',
            'if (auto n = co_await x; n) y();',
            'switch (co_await x) {}',
            'for (auto v = co_await x; v;) y();',
            'for (; i < co_await x;) y();',
            'f(co_await x);',
            'return_it(a, co_await x);',
            'v = 1 + co_await x;',
            'const bool no = !co_await x;',
            'v = co_await x + 1;',
            'v = co_await x ? a : b;',
            'v = (co_await x).y();',
            'T v{co_await x};',
            'co_await x, co_await y;',
            'v = co_await x == y;',
            'const auto v = ok && co_await x;',
            'v = ({ co_await x; 1; });',
            'co_return (co_await x);',
            'std::cout << co_await x;',
            'v += co_await x;',
        ]:
            with self.subTest(body):
                self.assertEqual(len(list(coroutines.misplaced_awaits(source(body)))) > 0, True)


class Lambdas(unittest.TestCase):
    def test_a_capturing_coroutine_is_caught(self):
        self.assertEqual(len(list(coroutines.capturing_lambdas(source('g([&x]() -> Task<void> { co_await x; });')))), 1)
        self.assertEqual(len(list(coroutines.capturing_lambdas(source('g([this] { co_return; });')))), 1)

    def test_others_pass(self):
        for body in [
            'g([](X& x) -> Task<void> { co_await x; });',
            'g([&x] { x.wake(); });',
            'g([&x] { return h([](X& y) -> Task<void> { co_await y; }(x)); });',
        ]:
            with self.subTest(body):
                self.assertEqual(list(coroutines.capturing_lambdas(source(body))), [])


class Parameters(unittest.TestCase):
    def found(self, signature):
        text = Source('x.hpp', signature)
        return list(coroutines.coroutine_parameters(text, classes={'Slot', 'Fd'}, trivial={'Fd'}))

    def test_bits_references_and_pointers_pass(self):
        for signature in [
            'Task<void> f(int a, std::size_t n = 3);',
            'Task<void> C::f(const Slot& slot, Slot* other);',
            'Task<Result<int>> f(std::string_view s, std::span<const std::byte> b, Fd fd);',
            'Task<void> f();',
            'Task<int> f(Slot&& slot, std::uint64_t, io::Fd fd = {});',
            'Task<void> f(UnknownEnum e);',
        ]:
            with self.subTest(signature):
                self.assertEqual(self.found(signature), [])

    def test_classes_by_value_are_caught(self):
        for signature in [
            'Task<void> f(Slot slot);',
            'Task<Result<int>> C::f(int a, std::string s)',
            'Task<void> f(const x::Slot s);',
            'Task<void> f(std::vector<int&> v);',
            'Task<void> f(std::unique_ptr<Slot> s = nullptr);',
            'Task<void> f(Slot);',
        ]:
            with self.subTest(signature):
                self.assertEqual(len(self.found(signature)), 1)

    def test_classes_and_their_assertions_are_read(self):
        text = Source('x.cpp', 'struct A { };\nclass B final : C<D> {};\nenum class E { a };\n'
                               'static_assert(std::is_trivially_copyable_v<net::A>);\n')
        self.assertEqual(coroutines.classes_in(text), ({'A', 'B'}, {'A'}))


if __name__ == '__main__':
    unittest.main()
