import unittest

from lint.cpp import Source


def functions(text):
    source = Source('x.cpp', text)
    return [(function.name, source.lines_in(function)) for function in source.functions]


class Blanking(unittest.TestCase):
    def test_comments_and_literals_keep_their_place(self):
        text = 'a("}; co_await x"); // co_await y\nb(\'{\', 1\'000, R"(co_await })"); /* { \n */ c();'
        code = Source('x.cpp', text).code
        self.assertEqual(len(code), len(text))
        self.assertNotIn('co_await', code)
        self.assertNotIn('{', code)
        self.assertIn("1'000", code)
        self.assertTrue(code.endswith(' c();'))

    def test_directives_are_no_code(self):
        self.assertNotIn('{', Source('x.cpp', '#define OPEN(x) \\\n    {x\nint a;').code)


class Functions(unittest.TestCase):
    def test_free_and_member_functions(self):
        self.assertEqual(functions('''
namespace a::b {
int one() { return 1; }
class C final : public D<int> {
  public:
    C() = default;
    explicit C(int x) : x_{x}, y_(x) {}
    ~C() { stop(); }
    bool operator==(const C&) const noexcept {
        return true;
    }
  private:
    int x_{0};
};
template <class T>
    requires std::is_same_v<T, int>
auto two(T t) -> Result<T> {
    if (t) {
        return t;
    }
}
}  // namespace a::b
'''), [('one', 1), ('C', 1), ('~C', 1), ('operator==', 3), ('two', 5)])

    def test_initialisers_are_no_functions(self):
        self.assertEqual(functions('''
constexpr std::array<int, 2> table{{1, 2}};
const Options options = {.a = {1}, .b = make(2)};
enum class E : int { a, b };
struct Plain { int a = 1; std::vector<int> v{1, 2}; };
void with_default(Options options = {}) { use(options); }
'''), [('with_default', 1)])

    def test_tests_are_functions(self):
        self.assertEqual(functions('TEST_CASE("a {", "[threads]") {\n    CHECK(true);\n}\n'), [('TEST_CASE', 3)])


class Lambdas(unittest.TestCase):
    def test_captures_are_found_and_subscripts_are_not(self):
        source = Source('x.cpp', '''void f() {
    int a[2] = {1, 2};
    a[0] = 1;
    auto [x, y] = pair();
    auto g = [&a, this](int i) mutable -> Task<void> { use(a[i]); };
    run([] { return 1; });
    [[maybe_unused]] int z;
}''')
        self.assertEqual([closure.name for closure in source.lambdas], ['&a, this', ''])


if __name__ == '__main__':
    unittest.main()
