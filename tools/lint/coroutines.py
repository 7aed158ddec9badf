"""The co_await rules of docs/architecture.md. Each was seen to break on g++ 12: miscompiled conditions, aggregate
temporaries destroyed twice, captures that die before the coroutine does.
"""
import re

from lint.cpp import split_top_level

KEYWORD = re.compile(r'\bco_(?:await|return|yield)\b')
# What may stand before a statement: the words that govern it, and labels.
CONTROL = re.compile(r"""
    (?: else\b | do\b | case\b(?:[^:]|::)*:(?!:) | [a-z_]\w*\s*:(?!:)
      | (?:if|while|for|switch)\b (?:\s*constexpr)? \s*(?=\() )\s*""", re.VERBOSE)
# What may stand before a co_await in its statement: nothing, co_return, (void), a declaration, an assignment.
BEFORE = re.compile(r"""
    (?: co_return | \(void\)
      | (?:(?:const|static|constexpr)\s+)* [\w:]+ (?:<.*>)? (?:\s*(?:const|[&*]))* \s+ (?:\w+|\[[\w\s,]+\]) \s*=
      | (?:const\s+)* auto\s*&{0,2}\s* (?:\w+|\[[\w\s,]+\]) \s*=
      | [\w.:>\-*\[\]()]+ \s*=
    )?""", re.VERBOSE)
OPERATOR_AFTER = re.compile(r'\?|&&|\|\||[=!<>]=|[+/%|^,=]|<<|>>|\s[-*&<>]\s')
# Types that are passed as bits.
BITS = re.compile(r"""
    (?:unsigned|signed|long|short)\b
  | (?:bool|char|char8_t|int|float|double|socklen_t|ssize_t|auto)$
  | (?:std::)?(?:size_t|ptrdiff_t|byte|nullptr_t|u?int(?:_fast|_least)?\d+_t|u?intptr_t|string_view)$
  | std::(?:span\s*<|chrono::|coroutine_handle\b|stop_token$)""", re.VERBOSE)
# Types of the standard library that own something.
OWNERS = re.compile(r"""std::(?:string|vector|unique_ptr|shared_ptr|weak_ptr|function|optional|variant|any|map|set
    |unordered_map|unordered_set|deque|list|array|pair|tuple)\b""", re.VERBOSE)


def without_brackets(text):
    """Text with all that is inside of brackets and template arguments taken out."""
    previous = None
    while previous != text:
        previous = text
        text = re.sub(r'\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|(?<=[\w>])<[\w\s:,*&]*>', '', text)
    return text


def condition_end(text):
    """Past the closing parenthesis of a text that begins with the opening one; 0 where it does not close."""
    depth = 0
    for end, letter in enumerate(text, 1):
        depth += (letter == '(') - (letter == ')')
        if depth == 0:
            return end
    return 0


def statement_before(source, at):
    """The statement's text up to an offset, its labels, control words and their conditions taken off."""
    start = at
    while start > 0 and source.code[start - 1] not in ';{}':
        start = source.opening.get(start - 1, start - 1)
    text = ' '.join(source.code[start:at].split())
    while match := CONTROL.match(text):
        rest = text[match.end():]
        past = condition_end(rest) if rest.startswith('(') else 0
        if rest.startswith('(') and past == 0:
            break  # the co_await is in the condition
        text = rest[past:].lstrip()
    return text


def operand_after(source, at):
    """The text of the statement from an offset on, up to its semicolon."""
    end = at
    while end < len(source.code) and source.code[end] not in ';)]}':
        end = source.closing.get(end, end) + 1
    return source.code[at:end]


def misplaced_awaits(source):
    """Every co_await that is neither a statement nor an initialiser of its own: offset and words."""
    for match in re.finditer(r'\bco_await\b', source.code):
        at = match.start()
        before = statement_before(source, at)
        after = operand_after(source, match.end())
        around = max((opening for opening, closing in source.closing.items() if opening < at < closing), default=0)
        if source.code[around] in '([' or not BEFORE.fullmatch(before):
            where = f'inside a condition or a larger expression ("{before[-40:]} co_await")'
        elif source.code[match.end() + len(after):][:1] != ';':
            where = 'inside an initialiser\'s braces'
        elif source.code[:around].rstrip().endswith('('):
            where = 'in a statement expression'
        elif OPERATOR_AFTER.search(without_brackets(after)):
            where = 'as an operand'
        else:
            continue
        yield at, f'co_await {where}: give it a statement of its own'


def capturing_lambdas(source):
    for closure in source.lambdas:
        if closure.name and KEYWORD.search(source.body(closure)):
            yield closure.start, f'a coroutine lambda captures [{closure.name}], which may die before it: pass it'


def coroutine_parameters(source, classes, trivial):
    """By-value parameters of functions returning a Task that are not known to be bits."""
    for match in re.finditer(r'\bTask<[^;{}()=]*>\s+(?:[\w:]+::)?(\w+)\s*(?=\()', source.code):
        for parameter in split_top_level(source.code[match.end() + 1:source.closing.get(match.end(), match.end())]):
            kind = re.sub(r'\s*=.*$', '', parameter, flags=re.DOTALL)
            if '&' in without_brackets(kind) or '*' in without_brackets(kind):
                continue
            words = kind.split()
            if len(words) > 1 and re.fullmatch(r'\w+', words[-1]) and words[-2] not in ('const', 'unsigned'):
                kind = ' '.join(words[:-1])  # without the parameter's name
            kind = kind.removeprefix('const ')
            if BITS.match(kind):
                continue
            name = re.sub(r'<.*', '', kind).split('::')[-1].strip()
            if OWNERS.match(kind) or (name in classes and name not in trivial):
                yield match.start(), (f'{match[1]}() takes {kind} by value: pass a reference, or say '
                                      f'static_assert(std::is_trivially_copyable_v<{name}>) beside it')


def classes_in(source):
    """The class types that a file defines, and those that it asserts are copied as bits."""
    defined = re.findall(r'(?<!enum )\b(?:class|struct|union)\s+(?:alignas\([^)]*\)\s*)?(\w+)[^;{()=]*\{', source.code)
    asserted = re.findall(r'\bis_trivially_copyable_v<\s*([\w:]+)', source.code)
    return set(defined), {name.split('::')[-1] for name in asserted}
