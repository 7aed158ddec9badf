"""Just enough C++ to lint by: text with comments and literals blanked out, and where functions and lambdas are.

Written for clang-formatted sources. It matches braces and looks at the words before them; it is no parser, and where
it cannot tell it says nothing.
"""
import dataclasses
import re

LITERAL_OR_COMMENT = re.compile(r'''
      //[^\n]* | /\*.*?\*/
    | R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)" | "(?:\\.|[^"\\\n])*"
    | (?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'  # no digit separator''', re.DOTALL | re.VERBOSE)
ACCESS = re.compile(r'\b(?:public|private|protected)\s*$')
AFTER_RETURN = re.compile(r'\b(?:return|co_return|co_await|co_yield)$')


def blank(match):
    """A literal or comment as spaces, its quotes kept, so that offsets and lines stay what they were."""
    text = match.group()
    inner = re.sub(r'[^\n]', ' ', text)
    return inner if text[0] == '/' or len(text) < 2 else '"' + inner[1:-1] + '"'


@dataclasses.dataclass
class Function:
    """A function's body: from the offset of its opening brace to past its closing one."""
    name: str
    header: str
    start: int
    end: int


class Source:
    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.code = LITERAL_OR_COMMENT.sub(blank, text)
        # Directives are no statements, and their braces are not ours to match.
        self.code = re.sub(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', lambda m: re.sub(r'[^\n]', ' ', m.group()), self.code,
                           flags=re.MULTILINE)
        self.comments = [(m.start(), m.group()) for m in LITERAL_OR_COMMENT.finditer(text) if m.group()[0] == '/']
        self.closing = self._match_brackets()
        self.opening = {closing: opening for opening, closing in self.closing.items()}
        self.functions = list(self._find_functions())
        self.lambdas = list(self._find_lambdas())

    def line_of(self, offset):
        return self.text.count('\n', 0, offset) + 1

    def lines_in(self, function):
        return self.code.count('\n', function.start, function.end) + 1

    def body(self, function):
        """The function's own code: that of the lambdas in it blanked out."""
        text = self.code[function.start:function.end]
        for inner in self.lambdas:
            if function.start < inner.start and inner.end <= function.end:
                at, to = inner.start - function.start, inner.end - function.start
                text = text[:at] + re.sub(r'[^\n]', ' ', text[at:to]) + text[to:]
        return text

    def _match_brackets(self):
        """The offset of each opening bracket's closing one."""
        closing, open_brackets = {}, []
        for match in re.finditer(r'[()\[\]{}]', self.code):
            if match.group() in '([{':
                open_brackets.append(match.start())
            elif open_brackets:
                closing[open_brackets.pop()] = match.start()
        return closing

    def _find_functions(self):
        """Functions at namespace and class level, in order; what is inside them is skipped."""
        header_start = at = 0
        while at < len(self.code):
            letter = self.code[at]
            if letter in ';}' or (letter == ':' and ACCESS.search(self.code, max(0, at - 12), at)):
                header_start = at + 1
            elif letter in '([':
                at = self.closing.get(at, at)
            elif letter == '{':
                end = self.closing.get(at, len(self.code) - 1)
                header = ' '.join(self.code[header_start:at].split())
                kind = kind_of_brace(header)
                if kind == 'function':
                    yield Function(name_in(header), header, at, end + 1)
                if kind == 'scope':
                    header_start = at + 1
                else:
                    at = end
                    header_start = header_start if kind == 'initialiser' else at + 1
            at += 1

    def _find_lambdas(self):
        for match in re.finditer(r'(?<![\w)\]\[])\s*\[(?!\[)', self.code):
            introducer = match.end() - 1
            at = self.closing.get(introducer)
            if at is None or self.code[introducer + 1:at].lstrip().startswith('['):
                continue
            before = self.code[:introducer].rstrip()
            if re.search(r'[\w)\]"]$', before[-1:]) and not AFTER_RETURN.search(before, max(0, len(before) - 12)):
                continue  # a subscript, or a structured binding's names
            captures = self.code[introducer + 1:at].strip()
            at += 1
            while at < len(self.code) and self.code[at] not in '{;)],':
                at = self.closing.get(at, at) + 1 if self.code[at] == '(' else at + 1
            if at < len(self.code) and self.code[at] == '{' and at in self.closing:
                yield Function(captures, self.code[introducer:at], at, self.closing[at] + 1)


def kind_of_brace(header):
    """What a brace opens, by the words before it: a function, a scope (namespace, class), an initialiser, or other."""
    if re.search(r'\brequires\s*(\(.*\))?$', header):
        return 'initialiser'  # a requires-expression: the declaration goes on after it
    plain = re.sub(r'\btemplate\s*<.*?>(?=\s*(?:class|struct|union|requires|[\w:]))', '', header).strip()
    plain = re.sub(r'^\[\[.*?\]\]\s*', '', plain)
    if re.match(r'(?:inline\s+)?namespace\b|extern\s+"\s*"$', plain):
        return 'scope'
    if re.match(r'(?:typedef\s+)?(?:class|struct|union)\b', plain) and not re.search(r'\)[\sa-z]*$', plain):
        return 'scope'
    if re.match(r'enum\b', plain):
        return 'other'
    if '(' not in plain or plain.endswith('='):
        return 'initialiser' if re.search(r'[\w>=]$', plain) else 'other'
    if re.search(r'\)\s*(?:noexcept\s*)?:[^:]', plain) and re.search(r'[\w>]$', plain):
        return 'initialiser'  # a member's, in a constructor's list
    return 'function'


def name_in(header):
    match = re.search(r'(operator\s*(?:\(\)|[^\s\w(]+|\w+)|~?\w+)\s*(?:<[^()]*>)?\s*\(', header)
    return match[1] if match else header[-40:]


def split_top_level(text, separator=','):
    """Splits at separators outside of brackets, template arguments included."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        if letter in '([{<':
            depth += 1
        elif letter in ')]}' or (letter == '>' and text[at - 1:at] != '-'):
            depth -= 1
        elif letter == separator and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]
